"""Porcupine's key-value text: an EDN map a line, with the key in a field of its own.

    {:process 0, :type :invoke, :f :append, :key "0", :value "x 0 0 y"}

Each event becomes one of the function it names, ``get``, ``put`` or ``append``, whose value is
the pair ``[key, value]``, as the key-value specification and `independent` histories have it: the
line above has the value ``["0", "x 0 0 y"]``, and a get is ``["0", null]`` on invoke and
``["0", text]`` on completion. A key that was never written reads as the empty string.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from clew.errors import HistoryError
from clew.formats.edn import read_edn
from clew.formats.record import place, shown


def read_porcupine(lines: Iterable[str], source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the operations as maps, with the line of each, in O(length).

    Raises:
        HistoryError: the text is no EDN, ends early, or an operation lacks its key.
    """
    for line, record in read_edn(lines, source):
        if "key" not in record:
            raise HistoryError(
                "the operation has no key",
                where=place(source, line),
                expected=":key, as the operations before it have",
                found=shown(record),
            )
        record["value"] = [record.pop("key"), record.get("value")]
        yield line, record
