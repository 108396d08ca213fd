"""What happens at the nodes of a system, by name: what faults that wait for something can wait for.

A profile is collected from a calm run of a model, or from several; if nobody has collected one,
names are drawn in the run itself, see `clew.sim.trigger.DRAWN`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """The names of what was seen to happen, each once, in a fixed order.

    Attributes:
        messages: types of messages that nodes sent or received.
        exchanged: those of them that nodes sent each other; empty for one that is drawn in the run.
        states: server states that nodes reported, such as ``leader``.
        fields: keys of what nodes show by ``observe()`` and that changed.
        timers: whether timers fired.
        syncs: whether nodes synced their disks with something to lose.
        paces_ns: times between two changes of a node's server state, ascending.
    """

    messages: tuple[str, ...] = ()
    exchanged: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    timers: bool = False
    syncs: bool = False
    paces_ns: tuple[int, ...] = ()
