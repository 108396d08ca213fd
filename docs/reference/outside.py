"""The page on what a node's code may not do to the machine."""

# ruff: noqa: INP001 - part of a program, no package

from __future__ import annotations

from collections.abc import Iterable

from tables import code, table

from clew.sim.guards import GUARDED
from clew.sim.guards.rows import Refusal
from clew.sim.guards.waiting import BLOCKING


def outside() -> str:
    """What a node's code gets from the run, and what it may not call."""
    refused: dict[str, list[str]] = {}
    given: dict[str, list[str]] = {}
    for key, row in GUARDED.items():
        module, _, name = key.partition(":")
        name = name.removesuffix(".__init__")
        if module.startswith("_") or (name.startswith("_") and name != "_exit") or "._" in name:
            continue  # another name of the same
        if isinstance(row, Refusal):
            for wrong in row.reasons:
                refused.setdefault(wrong.instead, []).append(f"{module}.{name}")
        elif key not in BLOCKING and module not in {"sys", "threading"}:
            given.setdefault(module, []).append(name)
    rows = [(instead, _list(calls)) for instead, calls in refused.items()]
    return f"""# The world outside

A node's code sees its run, and no machine. This page holds while a node's code runs, also in
`start`, in timers, in `server_state()` and in invariants; wherever a module, a default argument or
a list holds the function; and, except for waiting, while the node's file is imported. Ordinary
files may be read. A library that is being imported is left alone.

## What the run answers

Clocks are the node's, and wrong when a fault makes them so. Random numbers come from the seed.
Processes and machines have the node's name; the time zone is UTC, and folders are listed in a fixed
order. While a file is imported the clocks stand at the start of virtual time, and random numbers
depend on its name.

{table(("module", "names"), [(code(module), _list(names)) for module, names in given.items()])}

## What is refused

The finding `refused` names the line. A call that would return at once is left alone: on a lock that
is free, an event that is set, a queue that holds something.

{table(("use this", "instead of"), rows)}

## What is found by running again

The order of a set, `hash()`, `id()`, C code that queries the system: `clew` runs again in another
process, compares, and reports what differed first.
"""


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(code, sorted(set(names))))
