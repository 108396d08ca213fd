"""The table of checkers, one row each: its promise, what it may find, its cost, its source.

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
"""The rows by name, in the order in which they are listed."""
