"""What faults did in a run, as sentences of its story: their begin and end, and who went down.

What a node's disk holds after a crash is shown where it starts again on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from clew.node.disk import Aftermath
from clew.report import disks
from clew.sim.faults.kinds import injection_of
from clew.trace.record import TraceEvent

_UNSYNCED = re.compile(r"; (\d+) unsynced writes? lost, (\d+) torn$")


class Mishap(NamedTuple):
    """A sentence.

    Attributes:
        time_ns: when.
        text: what happened.
        weight: as `clew.report.story.Step` has it.
        fault: the fault whose beginning it is; a later sentence of the same takes its place.
    """

    time_ns: int
    text: str
    weight: int = 1
    fault: str = ""


class Mishaps:
    """Follows a trace.

    Args:
        left: what crashes left on disks, see `clew.search.onlooker.Observed`.

    Attributes:
        names: the id of the latest fault of each kind.
    """

    def __init__(self, left: Mapping[tuple[str, int], Aftermath]) -> None:
        self.names: dict[str, str] = {}
        self._left = left
        self._begun: dict[str, Mishap] = {}
        """The faults that go on, by id."""
        self._ended_ns = -1
        self._crashed_ns: dict[str, int] = {}

    def take(self, event: TraceEvent) -> Iterator[Mishap]:
        """Say what there is to say of another event, in order of the trace."""
        fields, now_ns = event.fields, event.time
        match event.kind:
            case "fault":
                yield self._begins(now_ns, **fields)
            case "heal":
                yield from self._ends(now_ns, str(fields["id"]), str(fields["detail"]))
            case "start":
                yield from self._started(str(fields["node"]), int(fields["incarnation"]))
            case "crash":
                node = str(fields["node"])
                self._crashed_ns[node] = now_ns
                if fields["why"] != "kill":
                    yield Mishap(now_ns, f"{node} goes down: {fields['why']}.")
            case "phase" if fields["name"] == "recover" and self.names:
                mended = self._begun or self._ended_ns == now_ns
                rest = "; what was broken is mended" if mended else ""
                yield Mishap(now_ns, f"The time of faults is over{rest}.", 2)

    def _begins(self, now_ns: int, id: str, fault: str, detail: str) -> Mishap:  # noqa: A002 - a field's name
        self.names[fault] = id
        unsynced = _UNSYNCED.search(detail)
        if unsynced and (self._left or unsynced.groups() == ("0", "0")):
            detail = detail[: unsynced.start()]  # told of each disk by itself, or nothing
        verb = injection_of(fault).does if detail.startswith("on ") else ""
        told = Mishap(now_ns, f"Fault {id}: {f'{verb} {detail}' if verb else detail}.", fault=id)
        self._begun[id] = told
        return told

    def _ends(self, now_ns: int, fault: str, detail: str) -> Iterator[Mishap]:
        begun = self._begun.pop(fault, None)
        self._ended_ns = now_ns
        end = detail.rpartition("; ")[2]  # what the end adds to the beginning
        if begun is not None and begun.time_ns == now_ns:
            end = f"at once {end}" if end.startswith("restarted") else end
            yield begun._replace(text=f"{begun.text[:-1]}; {end}.")
        else:
            yield Mishap(now_ns, f"Fault {fault} ends: {end}.")

    def _started(self, node: str, incarnation: int) -> Iterator[Mishap]:
        after = self._left.get((node, incarnation - 1))
        if after is not None:
            yield Mishap(self._crashed_ns[node], disks.told(node, after), 2 if after.writes else 4)
