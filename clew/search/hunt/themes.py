"""What the seeds of a hunt try: one theme of faults each, from a table of families.

Faults hide each other, and most bugs need one or two things that happen together, so a seed has few
kinds of fault and much of each. No theme is best for all bugs: the families take turns by their
shares, and each goes through its themes, so that every theme has its turn, whatever else a seed
draws.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import NamedTuple

from clew.node.system import Program, System, tells_state
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.capabilities import kinds_apart, kinds_for
from clew.scenarios.plans.ground import Ground
from clew.scenarios.plans.members import changes_members
from clew.scenarios.plans.nemesis import magnitude
from clew.scenarios.plans.profile import Profile
from clew.scenarios.plans.triggers import ACTS, profile_of
from clew.search.hunt.compounds import COMPOUNDS
from clew.sim.entropy import Entropy, Stream
from clew.sim.faults import GROUPS, KINDS, Fault
from clew.sim.faults.targets import Aim, Asked, asked_of
from clew.sim.trigger import ASKED

BLOCK = 1_000_000
"""The millionth seed begins as the first does, and so on: another hunt, with other draws."""

_WAITING = {
    # a field of a profile: what a fault waits for, in words
    "messages": "at a message",
    "states": "at a state",
    "fields": "at a change",
    "timers": "at a timer",
    "syncs": "at a sync",
}

WAITING: dict[str, tuple[str, tuple[str, ...]]] = {
    f"{' and '.join(act)} {words}": (name, act) for name, words in _WAITING.items() for act in ACTS
}
"""By name, what a fault may wait for and what it does then."""


class Theme(NamedTuple):
    """The faults of a seed.

    Attributes:
        family: a key of `FAMILIES`.
        names: what it is made of, such as kinds of fault; empty if there is nothing to name.
    """

    family: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Name it for a report."""
        return " and ".join(self.names) or self.family


@dataclass(frozen=True, slots=True)
class Range:
    """What a hunt may draw from.

    Attributes:
        kinds: the kinds of fault that the nodes notice and withstand, or that were asked for.
        names: the same as a command line would say it: groups, or what was asked for.
        acts: the kinds of fault that may wait for something.
        roles: the roles of a system.
        leads: True if the nodes report who leads.
        profile: what faults may wait for.
        where: the role at whose nodes it must happen; None for any node.
        typed: the kinds of fault that strike messages by their type.
        rare: the other kinds that nothing else draws unless they are asked for by name.
    """

    kinds: frozenset[str]
    names: tuple[str, ...]
    acts: frozenset[str] = frozenset()
    roles: tuple[str, ...] = ()
    leads: bool = False
    profile: Profile = field(default_factory=Profile)
    where: Aim | None = None
    typed: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()


def range_of(scenario: Scenario, program: Program) -> Range:
    """Return what a hunt may draw from: nothing that the nodes don't say they withstand.

    Args:
        scenario: if it names faults, only those are drawn; those that wait for something, if that
            is named, are of any kind.
        program: what runs, whose code shows what they may wait for.
    """
    able = [
        name
        for name in kinds_for(program)
        if (scenario.regions or not KINDS[name].least_regions)
        and not (scenario.liveness in {"core", "partial"} and changes_members(name))
    ]
    asked, apart = scenario.nemesis, kinds_apart(program)
    if "nemesis" in scenario.model_fields_set and not asked:
        able, apart = [], []
    if not asked or "all" in asked:
        names = tuple(dict.fromkeys(KINDS[name].group for name in able))
        acts = able
    else:
        names = tuple(name for name in dict.fromkeys(asked) if _word(name) != ASKED)
        felt = able
        able = [kind for word in map(_word, names) for kind in GROUPS.get(word, (word,))]
        aimed = any(asked_of(name).aim for name in names)  # what waits has no role but its own
        acts = felt if len(names) < len({*asked}) else [] if aimed else able
        apart = [] if aimed else able
    roles = tuple(program.roles) if isinstance(program, System) else ()
    return Range(
        frozenset(able),
        names,
        frozenset(acts),
        roles,
        tells_state(program),
        profile_of(program),
        next((_place(one) for one in map(asked_of, asked) if one.kind == ASKED), None),
        tuple(filter(_is_typed, apart)),
        tuple(kind for kind in apart if KINDS[kind].apart and not _is_typed(kind)),
    )


def _word(asked: str) -> str:
    return asked_of(asked).kind


def _place(asked: Asked) -> Aim | None:
    """Return where what is waited for must happen."""
    return asked.aim and Aim("", asked.role, asked.region)


def _nothing(_: Range) -> list[tuple[str, ...]]:
    return [()]


def _several(within: Range) -> list[tuple[str, ...]]:
    return [()] if len(within.names) > 1 else []


def _alone(within: Range) -> list[tuple[str, ...]]:
    aimed: list[tuple[str, ...]] = [
        (str(Asked(name, None, role)),)
        for role in within.roles
        for name in within.names
        if asked_of(name).aim is None
        and any(KINDS[kind].aims for kind in GROUPS.get(name, (name,)))
    ]
    return [*((name,) for name in within.names), *aimed]


def _pairs(within: Range) -> list[tuple[str, ...]]:
    return [*combinations(within.names, 2)]


def _compounds(within: Range) -> list[tuple[str, ...]]:
    whole = not any(":" in name for name in within.names)
    return [
        (name,)
        for name, each in COMPOUNDS.items()
        if whole and within.kinds.issuperset(each.kinds) and (within.leads or not each.leads)
    ]


def _waits(within: Range) -> list[tuple[str, ...]]:
    return [
        (name,)
        for name, (field, act) in WAITING.items()
        if getattr(within.profile, field) and within.acts.issuperset(act)
    ]


def _is_typed(kind: str) -> bool:
    return any(known.name == "type" for known in KINDS[kind].parameters)


def _types(within: Range) -> list[tuple[str, ...]]:
    return [
        (kind, name) if name else (kind,)
        for kind in within.typed
        for name in within.profile.exchanged
    ]


def _rare(within: Range) -> list[tuple[str, ...]]:
    return [(kind,) for kind in within.rare]


def _none(*_: object) -> list[Fault]:
    return []


def _each(theme: Theme, within: Range, ground: Ground, stream: Stream) -> list[Fault]:
    """Draw much of each kind that a theme names."""
    return [fault for name in theme.names for fault in _much(name, within.kinds, ground, stream)]


def _much(name: str, pool: Collection[str], ground: Ground, stream: Stream) -> Iterable[Fault]:
    """Draw faults of one name: of all its kinds or of one, again and again or all the time."""
    kinds = ground.fitting(name, pool)
    if not kinds:
        return ()
    kinds = [stream.pick(kinds)] if stream.chance(1, 2) else kinds
    interval_ns = magnitude(stream, ground.time_limit_ns // 64, ground.time_limit_ns // 4)
    always = stream.chance(1, 4)
    drawn = ground.faults(name, kinds, interval_ns)
    standing = [fault for fault in drawn if _can_stand(fault)]
    if not (always and standing):
        return drawn
    return (replace(standing[0], at_ns=0, until_ns=ground.time_limit_ns - 1),)


def _can_stand(fault: Fault) -> bool:
    """Return whether a fault may last for the whole run: a node that is down shows nothing."""
    kind = KINDS[fault.kind]
    return not kind.instant and kind.group not in _DOWN


_DOWN = frozenset({"kill", "pause", "freeze", "restart", "disk", "membership"})
"""Families of which one that lasted for the whole run would leave nothing to see."""


def _swarm(_: Theme, within: Range, ground: Ground, __: Stream) -> Iterable[Fault]:
    # With roles as they were asked for, and otherwise every kind by itself.
    aimed = [name for name in within.names if asked_of(name).aim]
    plain = [kind for kind in KINDS if kind in within.kinds] if not aimed else []
    return ground.swarm([*aimed, *plain], ground.latency).faults


def _together(theme: Theme, _: Range, ground: Ground, stream: Stream) -> Iterable[Fault]:
    return COMPOUNDS[theme.names[0]].draw(ground, stream)


def _waiting(theme: Theme, within: Range, ground: Ground, stream: Stream) -> Iterable[Fault]:
    """Draw faults of one sort that wait for one thing, mostly of one name."""
    field, act = WAITING[theme.names[0]]
    if any(KINDS[kind].least_nodes > len(ground.node_ids) for kind in act):
        return ()
    names = getattr(within.profile, field)
    if isinstance(names, tuple) and stream.chance(3, 4):
        names = (stream.pick(names),)
    interval_ns = magnitude(stream, ground.time_limit_ns // 32, ground.time_limit_ns // 2)
    only = Profile(**{field: names})
    return ground.triggers(stream, only, within.acts, interval_ns, within.where, (act,))


def _of_type(theme: Theme, within: Range, ground: Ground, stream: Stream) -> Iterator[Fault]:
    """Yield what strikes messages of one type; for an echo also what makes nodes start again."""
    kind, *names = theme.names
    if not ground.fitting(kind, within.typed):
        return
    interval_ns = magnitude(stream, ground.time_limit_ns // 64, ground.time_limit_ns // 4)
    whole_run = stream.chance(1, 2) or kind == _ECHO
    drawn = ground.faults(kind, [kind], interval_ns)
    for fault in drawn[:1] if whole_run else drawn:
        times = (0, ground.time_limit_ns - 1) if whole_run else (fault.at_ns, fault.until_ns)
        params = fault.params | ({"type": names[0]} if names else {})
        yield replace(fault, at_ns=times[0], until_ns=times[1], params=params)
    if kind == _ECHO and "kill" in within.acts:
        only = Profile(messages=within.profile.messages, states=within.profile.states)
        act = (("kill",),)
        yield from ground.triggers(stream, only, within.acts, interval_ns, within.where, act)


_ECHO = "echo"


def _rarely(theme: Theme, within: Range, ground: Ground, stream: Stream) -> Iterator[Fault]:
    """Draw much of one kind; what has a period gets one like those of the nodes' own changes."""
    [kind] = theme.names
    paces = within.profile.paces_ns
    for fault in _much(kind, within.rare, ground, stream):
        if "period_ns" in fault.params and paces:
            pace_ns = stream.pick(paces)
            period_ns = magnitude(stream, pace_ns // 2, 2 * pace_ns)
            yield replace(fault, params={**fault.params, "period_ns": period_ns})
        else:
            yield fault


class Family(NamedTuple):
    """Themes of one sort.

    Attributes:
        meaning: in words, for reports.
        share: how many seeds of each cycle it has.
        themes: the names of each of its themes, within a range.
        draw: draws the faults of a theme.
    """

    meaning: str
    share: int
    themes: Callable[[Range], list[tuple[str, ...]]]
    draw: Callable[[Theme, Range, Ground, Stream], Iterable[Fault]]


FAMILIES: dict[str, Family] = {
    "calm": Family("no fault", 1, _nothing, _none),
    "alone": Family("one group of faults", 5, _alone, _each),
    "pair": Family("two groups of faults", 8, _pairs, _each),
    "swarm": Family("any kinds, at drawn rates", 8, _several, _swarm),
    "together": Family("faults that strike together", 6, _compounds, _together),
    "waiting": Family("faults that wait for something", 8, _waits, _waiting),
    "rare": Family("one kind of fault that is drawn nowhere else", 5, _rare, _rarely),
    "type": Family("faults of the messages of one type", 8, _types, _of_type),
}


@dataclass(frozen=True, slots=True)
class Rota:
    """Which seed has which theme.

    Attributes:
        turns: the families in the order of the seeds of a cycle, each with its rank among the
            turns of its family.
        themes: those of each family, in the order in which they have their turns.
    """

    turns: tuple[tuple[str, int], ...]
    themes: dict[str, tuple[Theme, ...]]

    def theme(self, seed: int) -> Theme:
        """Return the theme of a seed."""
        block, rank = divmod(seed, BLOCK)
        cycle, turn = divmod(rank, len(self.turns))
        family, rank = self.turns[turn]
        # The turns that the family had before this seed, in all cycles: so its themes go round.
        # Another block begins seven cycles further on.
        place = (cycle + 7 * block) * FAMILIES[family].share + rank
        themes = self.themes[family]
        return themes[place % len(themes)]


def rota_of(within: Range) -> Rota:
    """Return the rota of all families that have a theme in a range."""
    themes = {
        family: _shuffled(family, [Theme(family, names) for names in each.themes(within)])
        for family, each in FAMILIES.items()
    }
    held = {family: found for family, found in themes.items() if found}
    # Each turn at the middle of its part of the cycle, so that no family waits for long.
    turns = sorted(
        ((2 * rank + 1) / (2 * FAMILIES[family].share), family, rank)
        for family in held
        for rank in range(FAMILIES[family].share)
    )
    return Rota(tuple((family, rank) for _, family, rank in turns), held)


def _shuffled(family: str, themes: Sequence[Theme]) -> tuple[Theme, ...]:
    """Put themes in an order that is the same in every hunt, so that like ones are apart."""
    return tuple(Entropy(0).stream("hunt", family).sample(themes, len(themes)))


def idle(asked: Iterable[str], took_effect: Mapping[str, int]) -> tuple[str, ...]:
    """Return the kinds of fault that were asked for by name and took effect in no run.

    Args:
        asked: as a scenario names them.
        took_effect: how often each kind did.
    """
    words = {name: _word(name) for name in asked}
    return tuple(
        name
        for name, word in words.items()
        if word not in {"all", ASKED}
        and not any(took_effect[kind] for kind in GROUPS.get(word, (word,)))
    )
