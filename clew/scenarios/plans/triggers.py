"""Drawing faults that wait for something: for what, and what they do then.

The kind of event is drawn first, evenly, and then a name of that kind: there are many more types of
messages than server states, and an even draw of names would hardly ever wait for an election.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from clew.errors import UsageError
from clew.node.node import Node
from clew.node.system import Program, classes_of, tells_state
from clew.scenarios.plans.capabilities import capabilities
from clew.scenarios.plans.nemesis import drawn_value, magnitude
from clew.scenarios.plans.profile import Profile
from clew.sim.entropy import Stream
from clew.sim.faults import KINDS, Fault
from clew.sim.faults.targets import IT, Aim, Asked
from clew.sim.trigger import ASKED, DRAWN, Trigger

ACTS: tuple[tuple[str, ...], ...] = (
    ("kill",),
    ("pause",),
    ("partition-one",),
    ("partition-one-way",),
    ("clock-jump",),
    ("slow-link",),
    ("kill", "partition-one"),
    ("clock-jump", "partition-one"),
    ("clock-jump", "pause"),
)
"""What faults do when what they waited for happens; several of one line strike the same node at
once."""

OFTEN_MAX = {"state": 12, "boot": 3}
"""At most so many-th of these events is waited for; of others, the `_MANY`-th."""

_MANY = 64

_MS = 1_000_000

LENGTHS_NS = 20 * _MS, 2000 * _MS
"""How long a fault lasts."""

DOWN_NS = 20 * _MS, 500 * _MS
"""How long a process is down: a short while, so that it is back for what it has missed."""

DELAYS_NS = 1_000, 20 * _MS
"""How much later a fault strikes, one time in four; otherwise it strikes at once."""


def profile_of(program: Program) -> Profile:
    """Return what may happen at the nodes of a program, as far as their code shows it.

    Names are left to be drawn in the run, from those that it has had.
    """
    classes = classes_of(program)
    able = capabilities(program)
    observed = any(each.observe is not Node.observe for each in classes)
    return Profile(
        messages=(DRAWN,),
        exchanged=("",),
        states=(DRAWN,) if tells_state(program) else (),
        fields=(DRAWN,) if observed else (),
        timers="timers" in able,
        syncs="disk" in able,
    )


def draw_triggers(
    stream: Stream,
    profile: Profile,
    *,
    kinds: Collection[str],
    node_ids: Sequence[str],
    time_limit_ns: int,
    interval_ns: int,
    where: Aim | None = None,
    clock_error_ns: int | None = None,
    acts: Sequence[tuple[str, ...]] = ACTS,
    sure: bool = True,
) -> list[Fault]:
    """Draw faults that wait for something, in order of the times at which they are armed.

    They are armed one after the other, [0, 2 x interval) apart, and each stays armed until healing.

    Args:
        stream: all draws come from it.
        profile: what may happen.
        kinds: the kinds of fault that the nodes feel and withstand.
        node_ids: the cluster.
        time_limit_ns: the length of the run before everything heals.
        interval_ns: the mean time between two that are armed.
        where: the role and the region at whose nodes it must happen; None for any node.
        clock_error_ns: how far a clock may be off; None for no bound.
        acts: what they may do; those of which some kind is not among `kinds` are left out.
        sure: add one that waits for the first message of any type, so that something happens in all
            but the calmest runs.

    Raises:
        UsageError: none of the acts is left.
    """
    fitting = [
        act
        for act in acts
        if all(name in kinds and KINDS[name].least_nodes <= len(node_ids) for name in act)
    ]
    if not fitting:
        raise UsageError(
            "no fault could strike when something happens",
            expected=f"nodes that feel and withstand one of {', '.join(dict.fromkeys(_kinds()))}",
            found=f"nodes that withstand {', '.join(kinds) or 'none'}",
        )
    asked = Asked(ASKED, None, *(where[1:] if where else ()))
    draw = _Draw(str(asked), profile, fitting, node_ids, where, clock_error_ns)
    faults: list[Fault] = []
    time_ns, rank = stream.below(max(2 * interval_ns, 1)), 0
    while time_ns < time_limit_ns * 7 // 8:
        rank += 1
        # A stream for each: how many draws one takes doesn't shift the next.
        faults += draw.faults(rank, Stream(stream.bits64()), time_ns, time_limit_ns)
        time_ns += stream.below(max(2 * interval_ns, 1))
    if sure:
        at_ns = stream.below(max(time_limit_ns // 4, 1))
        faults += draw.sure(rank + 1, Stream(stream.bits64()), at_ns, time_limit_ns)
    return sorted(faults, key=lambda fault: fault.at_ns)


def _kinds() -> list[str]:
    return [name for act in ACTS for name in act]


_SURE = frozenset({"kill", "pause"})
"""Acts that are noticed whenever a message comes: it is gone, or held up."""


class _Draw:
    """Draws faults one by one; the arguments are those of `draw_triggers`."""

    def __init__(
        self,
        asked: str,
        profile: Profile,
        acts: Sequence[tuple[str, ...]],
        node_ids: Sequence[str],
        where: Aim | None,
        clock_error_ns: int | None,
    ) -> None:
        self._asked = asked
        self._acts = acts
        self._node_ids = list(node_ids)
        self._node = None if where is None else str(where)
        self._clock_error_ns = clock_error_ns
        downs = any("kill" in act for act in acts)
        self._names: dict[str, tuple[str, ...]] = {
            "send": profile.messages,
            "deliver": profile.messages,
            "state": profile.states,
            "field": profile.fields,
            "sync": ("",) if profile.syncs else (),
            "synced": ("",) if profile.syncs else (),
            "timer": (DRAWN,) if profile.timers else (),
            "boot": ("",) if downs else (),
        }

    def faults(self, rank: int, stream: Stream, at_ns: int, until_ns: int) -> list[Fault]:
        """Draw the faults that wait for one thing, which is drawn."""
        event = stream.pick([event for event, names in self._names.items() if names])
        trigger = Trigger(
            event,
            stream.pick(self._names[event]),
            self._node,
            1 if stream.chance(1, 2) else magnitude(stream, 1, OFTEN_MAX.get(event, _MANY)),
            delay_ns=magnitude(stream, *DELAYS_NS) if stream.chance(1, 4) else 0,
        )
        return self._acting(rank, stream, (at_ns, until_ns), trigger, self._acts)

    def sure(self, rank: int, stream: Stream, at_ns: int, until_ns: int) -> list[Fault]:
        """Draw the faults that wait for the first message, which all but lonely nodes get."""
        acts = [act for act in self._acts if {*act} <= _SURE] or self._acts
        trigger = Trigger("deliver", "", self._node)
        return self._acting(rank, stream, (at_ns, until_ns), trigger, acts)

    def _acting(
        self,
        rank: int,
        stream: Stream,
        times: tuple[int, int],
        trigger: Trigger,
        acts: Sequence[tuple[str, ...]],
    ) -> list[Fault]:
        """Draw what happens when the wait is over: one of the acts, at the node where it was."""
        found = []
        for name, letter in zip(stream.pick(acts), "abc", strict=False):
            kind = KINDS[name]
            low, high = DOWN_NS if name == "kill" else LENGTHS_NS
            when = replace(trigger, lasts_ns=0 if kind.instant else magnitude(stream, low, high))
            params: dict[str, Any] = {
                each.name: drawn_value(each, stream, self._node_ids, self._clock_error_ns)
                for each in kind.parameters
            }
            fault_id = f"{self._asked}-{rank}{letter}"
            found.append(Fault(fault_id, name, times[0], times[1] - 1, IT, params, when))
        return found
