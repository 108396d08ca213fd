"""The table of checkers, a row each: what it promises, what it may find, what it costs, its source.

A new checker is one file and one row in `clew.checkers.rows`; `clew.checkers.registry` looks rows
up. A row says where its class is and loads it only when one is made, so that listing them is quick.
"""

from __future__ import annotations

from collections.abc import Mapping

from clew.checkers.entry import CheckerEntry
from clew.checkers.rows.elements import ELEMENTS
from clew.checkers.rows.objects import OBJECTS
from clew.checkers.rows.registers import REGISTERS
from clew.checkers.rows.transactions import TRANSACTIONS

CHECKERS: Mapping[str, CheckerEntry] = {
    entry.name: entry for entry in (*OBJECTS, *TRANSACTIONS, *REGISTERS, *ELEMENTS)
}
"""Name -> row, in the order that they are listed."""
