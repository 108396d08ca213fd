"""Faults that strike together: several at one node, or at all, at about the same instant.

Drawn one by one they hardly ever meet: a clock that goes back on a node that is being cut off, a
leader that is cut off and comes back while its follower is, a node that dies as it starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from clew.scenarios.plans.ground import Ground
from clew.scenarios.plans.nemesis import magnitude
from clew.sim.entropy import Stream
from clew.sim.faults import KINDS, Fault
from clew.sim.faults.targets import IT
from clew.sim.trigger import Trigger

_MS = 1_000_000
_SHORTEST_NS, _LONGEST_NS = 20 * _MS, 2_000 * _MS
_DOWN_NS = 500 * _MS
"""How long a process is down at most, if it should be back soon."""


class Strike(NamedTuple):
    """One time that a compound strikes.

    Attributes:
        ground: the cluster.
        stream: its own draws.
        at_ns: when.
        until_ns: when it is over.
        target: a drawn node; or ``leader`` half of the time, if nodes report who leads.
    """

    ground: Ground
    stream: Stream
    at_ns: int
    until_ns: int
    target: str

    def fault(self, kind: str, target: Any = None, **params: Any) -> Fault:
        """Make one of its faults, at the time of the others; for the target if none is named."""
        until_ns = self.until_ns
        if KINDS[kind].instant and self.target != _LEADER:
            until_ns = self.at_ns
        return Fault("", kind, self.at_ns, until_ns, target or self.target, params)

    def later(self, fault: Fault, at_ns: int, until_ns: int) -> Fault:
        """Return the fault at another time, within the run."""
        end_ns = self.ground.time_limit_ns - 1
        at_ns = min(at_ns, end_ns)
        return Fault("", fault.kind, at_ns, max(min(until_ns, end_ns), at_ns), fault.target,
                     fault.params)  # fmt: skip

    def jump_ns(self, least_ns: int = 0) -> int:
        """Draw a jump back of a clock that the nodes tolerate, at least so far if it may be."""
        most_ns = min(self.ground.clock_error_ns or 2 * _LONGEST_NS, 2 * _LONGEST_NS)
        return -magnitude(self.stream, max(most_ns // 256, min(least_ns, most_ns), 1), most_ns)


_LEADER = "leader"


def _clock_and_cut(strike: Strike) -> Iterator[Fault]:
    yield strike.fault("clock-jump", jump_ns=strike.jump_ns())
    yield strike.fault("partition-one")


def _clock_and_kill(strike: Strike) -> Iterator[Fault]:
    """Turn a clock back so that it shows again, after the restart, what it showed before."""
    down_ns = magnitude(strike.stream, _SHORTEST_NS, _DOWN_NS)
    yield strike.fault("clock-jump", jump_ns=strike.jump_ns(down_ns))
    yield strike.later(strike.fault("kill"), strike.at_ns, strike.at_ns + down_ns)


def _killed_as_it_starts(strike: Strike) -> Iterator[Fault]:
    """Kill a node, and again while it starts or shortly after, up to twice."""
    stream, end_ns = strike.stream, strike.ground.time_limit_ns - 1
    down_ns = magnitude(stream, _SHORTEST_NS, _DOWN_NS)
    yield strike.later(strike.fault("kill"), strike.at_ns, strike.at_ns + down_ns)
    node = None if strike.target == _LEADER else strike.target
    for count in range(1, stream.between(1, 2) + 1):
        delay_ns = 0 if stream.chance(1, 2) else magnitude(stream, 1_000, _SHORTEST_NS)
        down_ns = magnitude(stream, _SHORTEST_NS, _DOWN_NS)
        boot = Trigger("boot", node=node, count=count, lasts_ns=down_ns, delay_ns=delay_ns)
        params = {"unsynced": _unsynced(strike)}
        yield Fault("", "kill", strike.at_ns, end_ns, IT, params, boot)


def _cut_in_turn(strike: Strike) -> Iterator[Fault]:
    """Cut off the leader, then the next one, and let the first come back meanwhile."""
    length_ns = strike.until_ns - strike.at_ns
    for rank in range(strike.stream.between(2, 3)):
        at_ns = strike.at_ns + rank * length_ns * 3 // 4
        yield strike.later(strike.fault("partition-one", _LEADER), at_ns, at_ns + length_ns)


def _cut_and_killed(strike: Strike) -> Iterator[Fault]:
    """Cut a node off, and kill it while it is."""
    yield strike.fault("partition-one")
    length_ns = strike.until_ns - strike.at_ns
    middle_ns = strike.at_ns + strike.stream.below(max(length_ns, 1))
    yield strike.later(
        strike.fault("kill", unsynced=_unsynced(strike)), middle_ns,
        middle_ns + magnitude(strike.stream, _SHORTEST_NS, _LONGEST_NS),
    )  # fmt: skip


def _paused_and_cut(strike: Strike) -> Iterator[Fault]:
    """Pause a node; when it goes on, it hears nobody."""
    yield strike.fault("pause")
    cut = strike.fault("partition-one-way")
    yield strike.later(cut, strike.at_ns, strike.until_ns + _LONGEST_NS // 4)


def _unsynced(strike: Strike) -> str:
    return str(strike.stream.pick(("lost", "kept", "torn")))


class Compound(NamedTuple):
    """Faults that strike together.

    Attributes:
        meaning: in words.
        kinds: the kinds of fault that it is made of.
        strike: its faults, for one time that it strikes.
        leads: it is about leaders, and says nothing of nodes that don't report who leads.
        least_nodes: the smallest cluster.
    """

    meaning: str
    kinds: tuple[str, ...]
    strike: Callable[[Strike], Iterable[Fault]]
    leads: bool = False
    least_nodes: int = 2

    def draw(self, ground: Ground, stream: Stream) -> list[Fault]:
        """Draw the faults of all its strikes, which are as many as there is room for, or fewer."""
        if len(ground.node_ids) < self.least_nodes:
            return []
        gap_ns = magnitude(stream, 4 * _SHORTEST_NS, ground.time_limit_ns // 4)
        faults: list[Fault] = []
        at_ns = stream.below(max(2 * gap_ns, 1))
        # Every strike has a stream of its own, so that how much one draws does not move the others.
        while at_ns + _SHORTEST_NS < ground.time_limit_ns:
            strike = _strike(ground, Stream(stream.bits64()), at_ns, leads=self.leads)
            faults += self.strike(strike)
            at_ns = strike.until_ns + stream.below(max(2 * gap_ns, 1))
        return [
            Fault(f"{fault.kind}-{rank}", *_rest(fault)) for rank, fault in enumerate(faults, 1)
        ]


def _rest(fault: Fault) -> tuple[Any, ...]:
    return fault.kind, fault.at_ns, fault.until_ns, fault.target, fault.params, fault.when


def _strike(ground: Ground, stream: Stream, at_ns: int, *, leads: bool) -> Strike:
    length_ns = magnitude(stream, _SHORTEST_NS, _LONGEST_NS)
    until_ns = min(at_ns + length_ns, ground.time_limit_ns - 1)
    leader = leads or (ground.leads and stream.chance(1, 2))
    target = _LEADER if leader else stream.pick(ground.node_ids)
    return Strike(ground, stream, at_ns, until_ns, target)


COMPOUNDS: dict[str, Compound] = {
    "clock back and cut off": Compound(
        "a node's clock jumps back as it is cut off",
        ("clock-jump", "partition-one"), _clock_and_cut,
    ),
    "clock back and killed": Compound(
        "a node's clock jumps back as it dies", ("clock-jump", "kill"), _clock_and_kill,
    ),
    "killed as it starts": Compound(
        "a node dies, and dies again as it starts", ("kill",), _killed_as_it_starts, least_nodes=1,
    ),
    "leaders cut off in turn": Compound(
        "the leader is cut off, and so is the next, while the first comes back",
        ("partition-one",), _cut_in_turn, leads=True,
    ),
    "cut off and killed": Compound(
        "a node dies while it is cut off", ("partition-one", "kill"), _cut_and_killed,
    ),
    "paused and deaf": Compound(
        "a node stands still, and hears nobody when it goes on",
        ("pause", "partition-one-way"), _paused_and_cut,
    ),
}  # fmt: skip
