"""Each node's state at each moment of a run: everything that it holds, its disk and its timers.

A trace keeps messages and no state, so the run is repeated with an onlooker. That it is the same
run shows in its digest; if it is not, there are no states. What the onlooker sees is never shown to
a node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from clew.machine.text import Unwinding
from clew.node.disk import contents
from clew.node.node import Node
from clew.node.timer import NodeTimer
from clew.report.page.values import Change, Value, attributes, change, seen
from clew.runtimes.simulated import SimulatedProcess, process_of
from clew.scenarios.code.models import Model
from clew.scenarios.runs.run import Run
from clew.search import onlooker
from clew.search.onlooker import Observed, observed, repeats
from clew.sim.entry import ARGUMENT, CALLBACK, MESSAGE, PRIORITY, TIME
from clew.sim.invariants import Invariant, Violation

EVENTS_MAX = 100_000
"""A longer run is not repeated: what its nodes showed is left out."""


class StateChange(NamedTuple):
    """What an event changed in a node.

    Attributes:
        event: how many records the trace had after it.
        whole: whether `change` is the whole state, and not what became different.
        change: see `clew.report.page.values`.
    """

    event: int
    whole: bool
    change: Change | Value


class States(NamedTuple):
    """What the nodes of a run held.

    Attributes:
        of: by node, in order of the events.
        missing: why there are none, as a sentence; empty if they are there.
    """

    of: Mapping[str, list[StateChange]]
    missing: str = ""


def looked(run: Run, model: Model) -> tuple[Observed, States]:
    """Repeat a run once, and look at what its nodes show and at all that they hold."""
    found: dict[str, list[StateChange]] = {}
    recorder = _recorder(found, stops=run.plan.stop_on_finding)
    seen = observed(run, model, recorder)
    if run.events > EVENTS_MAX:
        return seen, States({}, f"States are recorded for runs of at most {EVENTS_MAX:,} events.")
    alone = run.events > onlooker.EVENTS_MAX
    if not (repeats(run, model, recorder) if alone else seen.same):
        return seen, States({}, _ANOTHER)
    return seen, States(found)


_ANOTHER = "The run is not the same when it is repeated, so there are no states."


def _recorder(found: dict[str, list[StateChange]], *, stops: bool) -> type[Invariant]:
    """Make an invariant that writes down what nodes hold and is never broken."""

    class Recorder(Invariant):
        name = "recorder"

        def __init__(self, nodes: Mapping[str, Node]) -> None:
            super().__init__(nodes)
            self._last: dict[str, tuple[Node, Value]] = {}
            self._disks: dict[str, tuple[object, Mapping[str, Value]]] = {}

        def after(self, node: Node) -> Violation | None:
            process = process_of(node)
            if stops and process.setting.findings:
                return None  # the run is over: only nodes that were down come back
            now = _state(node, process, self._disk(process))
            before = self._last.get(node.id)
            whole = before is None or before[0] is not node
            what = now if before is None or whole else change(before[1], now)
            if what != 0:
                event = len(process.setting.trace)
                found.setdefault(node.id, []).append(StateChange(event, whole, what))
                self._last[node.id] = node, now
            return None

        def _disk(self, process: SimulatedProcess) -> Mapping[str, Value]:
            """Copy what a node's disk holds, unless nothing was written or synced since."""
            disk = process.disk
            mark = disk, disk.writes, disk.unsynced
            known = self._disks.get(process.id)
            if known is None or known[0] != mark:
                durable, unsynced = contents(disk)
                known = mark, {"disk": seen(durable), "unsynced writes": seen(unsynced)}
                self._disks[process.id] = known
            return known[1]

    return Recorder


def _state(node: Node, process: SimulatedProcess, disk: Mapping[str, Value]) -> Value:
    """Copy what a node holds, in the order in which it is read."""
    own = {name: value for name, value in attributes(node).items() if name not in _OURS}
    parts: dict[str, Value] = {"observe()": _observed(node), "attributes": seen(own)}
    parts |= disk
    timers = dict(_timers(process))
    if timers:
        parts["timers"] = ["", [*timers], *timers.values()]
    kept = {name: part for name, part in parts.items() if isinstance(part, str) or len(part) > 2}  # noqa: PLR2004 - label, names
    return ["", [*kept], *kept.values()]


_OURS = frozenset(vars(Node)) | {"_runtime", "id", "disk"}
"""What every node has: it says nothing about one."""


def _observed(node: Node) -> Value:
    """Copy what a node shows of itself."""
    try:
        return seen(dict(node.observe()))
    except (Unwinding, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - a user's hook, and only for show
        return f"<raised {type(error).__name__}>"


def _timers(process: SimulatedProcess) -> Iterator[tuple[str, Value]]:
    """Find the timers of a process that are pending, and when each is due, ns."""
    mine = [
        (entry[TIME], entry[ARGUMENT].name)
        for entry in process.setting.world.order.pending
        if entry[PRIORITY] < MESSAGE
        and isinstance(entry[-1], NodeTimer)
        and not entry[-1].cancelled
        and entry[CALLBACK].__self__ is process
    ]
    for time_ns, name in sorted(mine):
        yield name, str(time_ns)
