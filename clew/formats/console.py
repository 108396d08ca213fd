"""Jepsen's console log: one line an event among lines of other kinds.

    INFO  jepsen.util - 4	:invoke	:write	3
    INFO  jepsen.util - 4	:info	:write	:timed-out

A line of this kind is a process (a number, or a keyword such as ``:nemesis``), a type, a function
and a value in EDN, parted by tabs or spaces, after any prefix; an error may follow the value. On
a ``fail`` or ``info`` a keyword in place of the value is the error. A last line that is ``ok``
and lacks the value that its function has elsewhere was cut, and is an error. Lines without this
shape are other logging and are skipped, except one that starts like an event and goes wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from clew.errors import HistoryError
from clew.formats.edn import read_value
from clew.formats.record import place, shown

EVENT_LINE = re.compile(
    r"(?:^|[\s:])(?P<process>-?\d+|:[\w-]+)[ \t]+"
    r":(?P<type>invoke|ok|fail|info)[ \t]+:(?P<f>[^\s]+)(?:[ \t]+(?P<value>.*))?$"
)
_MEANT_AS_EVENT = re.compile(r"jepsen\.util\b[ :-]+(?:\d+|:[\w-]+)\t+:?\w")


def read_console(lines: Iterable[str], source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the operations of a log, with the line of each, in O(length).

    Raises:
        HistoryError: a line starts like an event and is none.
    """
    valued: set[str] = set()
    bare: tuple[int, str] | None = None  # the last line, if it lacks a value that others have
    for number, line in enumerate(lines, 1):
        found = EVENT_LINE.search(line.rstrip())
        bare = None
        if found:
            if found["value"]:
                valued.add(found["f"])
            elif found["type"] == "ok" and found["f"] in valued:
                bare = number, line
            yield number, _record(found, source, number)
        elif _MEANT_AS_EVENT.search(line):
            raise HistoryError(
                "this line starts like an event but is not one",
                where=place(source, number),
                expected="process, :type, :f and value, where type is invoke, ok, fail or info",
                found=shown(line.strip()),
                fix="Check that the file is whole",
            )
    if bare is not None:
        number, line = bare
        raise HistoryError(
            "the file ends inside an operation",
            where=place(source, number),
            expected="a value, as the operations before it have",
            found=shown(line.strip()),
            fix="Check that the file is whole",
        )


def _record(found: re.Match[str], source: str, line: int) -> dict[str, Any]:
    process, kind, f, text = found.group("process", "type", "f", "value")
    record: dict[str, Any] = {
        "process": process[1:] if process.startswith(":") else int(process),
        "type": kind,
        "f": f,
    }
    if text:
        value, rest = read_value(text, source, line)
        keyword = text.startswith(":") and kind in {"fail", "info"}
        record["error" if keyword else "value"] = value
        if rest.strip():
            record["error"] = rest.strip()
    return record
