"""Guards: a simulated node's clocks and random values are the run's; the real world is closed.

While a simulation runs, functions that read the time, draw random values or identify the machine
answer from the running node's clock and randomness. Sleeping and waiting, threads, processes,
sockets, asyncio and writing files are refused with a finding that names the line. Outside a node's
code, and in other threads, everything works as usual.

A user's file is imported inside `importing`: its clocks stand still, its random values depend on
its name, and what it imports by name from a module is guarded already.

The guarded functions are in literal tables, one per subject (`CLOCKS`, `CHANCE`, `FILES`, ...). A
test goes through every name of the modules concerned on each Python version, so that none is
forgotten.

An endless loop inside C code can't be ended; `clew.sim.watchdog` reports it.

Divergence: C code whose result depends on the process (``hash()``, ``id()``, the order of a set) is
not seen here; running twice and comparing digests finds it. An audit hook would see more calls into
C, but it can't be removed, and it costs every Clew process that sends nested messages a few per
cent of its time, because marshal is audited.

What a node prints while it is imported or run goes to stderr, whichever thread prints.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Final

from clew.node.life import Refused
from clew.node.node import Node
from clew.sim.guards.caller import loading, running
from clew.sim.guards.chance import CHANCE
from clew.sim.guards.clocks import CLOCKS, utc
from clew.sim.guards.databases import DATABASES
from clew.sim.guards.files import FILES, STREAMS
from clew.sim.guards.machine import NETWORK, PROCESS_STATE, PROCESSES
from clew.sim.guards.outside import OUTSIDE
from clew.sim.guards.placement import Placement
from clew.sim.guards.rows import Row
from clew.sim.guards.waiting import ASYNCIO, BLOCKING

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster

__all__ = ["GUARDED", "Refused", "guarded", "importing"]

_ROWS: Final[dict[str, Row]] = {
    **CLOCKS,
    **CHANCE,
    **FILES,
    **DATABASES,
    **PROCESSES,
    **NETWORK,
    **PROCESS_STATE,
    **OUTSIDE,
    **BLOCKING,
    **ASYNCIO,
    **STREAMS,
}

_IN_C = {
    # a module: the C module whose names it passes on, and that may be imported alone
    "signal": "_signal", "socket": "_socket", "sqlite3": "_sqlite3", "ssl": "_ssl",
    "tracemalloc": "_tracemalloc",
}  # fmt: skip


def _with_those_of_c(rows: dict[str, Row]) -> dict[str, Row]:
    more: dict[str, Row] = {}
    for key, row in rows.items():
        module, _, name = key.partition(":")
        if module in _IN_C and "." not in name:
            more[f"{_IN_C[module]}:{name}"] = row
    return {**more, **rows}


GUARDED: Final = _with_those_of_c(_ROWS)
"""What is guarded, by ``module:name``."""

_placement = Placement(GUARDED)


@contextmanager
def importing() -> Iterator[None]:
    """Import a user's file in this context: its own code and its names are guarded already.

    If a node's code is running in this thread, the file is imported for that node's process.
    What is printed meanwhile goes to stderr: stdout is for Clew's own answer.
    """
    with _placement.standing(), utc(), loading():
        yield


@contextmanager
def guarded(cluster: Cluster) -> Iterator[None]:
    """Guard a cluster's nodes while it runs in this thread; the guards are removed afterwards."""
    with ExitStack() as stack:
        stack.enter_context(_placement.standing())
        stack.enter_context(utc())
        stack.enter_context(_placement.also_in(_modules(cluster)))
        stack.enter_context(running(cluster))
        yield


def _modules(cluster: Cluster) -> list[ModuleType]:
    """Return the modules that a cluster's node class is written in."""
    names = {
        base.__module__: None
        for host in cluster.hosts.values()
        for base in host.node_class.__mro__[: host.node_class.__mro__.index(Node)]
    }
    # Shipped modules hold what they held when they were looked through.
    return [
        sys.modules[name]
        for name in names
        if name in sys.modules and not name.startswith("clew.models")
    ]
