"""Whom requested faults may strike: the nodes of a role, of a region, or those that can feel it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, NoReturn

from clew.errors import UsageError
from clew.machine.text import meant
from clew.sim.entropy import Stream
from clew.sim.faults import GROUPS, KINDS
from clew.sim.faults.injection import Injection
from clew.sim.faults.targets import IT, SYMBOLS, Aim, Asked
from clew.sim.regions import Regions

SERVER_STATES: tuple[str, ...] = ("leader",)
"""The server states that drawn faults aim at, if nodes report theirs."""

MINORITY_LEAST = 3
"""Fewer nodes have no minority."""


class Ability(NamedTuple):
    """What the nodes of a role can do that faults need.

    Attributes:
        leads: whether they report a server state.
        needs: the needs of faults that they can feel, such as ``disk``.
    """

    leads: bool
    needs: frozenset[str]


class Field(NamedTuple):
    """The nodes of a run, as faults see them.

    Attributes:
        node_ids: all nodes.
        leads: whether any of them reports a server state.
        regions: where they stand; None for one place.
        roles: the nodes of each role of a system.
        abilities: of the nodes of each role; empty for one class.
    """

    node_ids: Sequence[str]
    leads: bool = False
    regions: Regions | None = None
    roles: Mapping[str, Sequence[str]] = MappingProxyType({})
    abilities: Mapping[str, Ability] = MappingProxyType({})

    @property
    def places(self) -> tuple[str, ...]:
        """The regions' names."""
        return () if self.regions is None else self.regions.names

    def reports_state(self, role: str | None) -> bool:
        """Return whether a node of a role, or of any, reports a server state."""
        if role is None or role not in self.abilities:
            return self.leads
        return self.abilities[role].leads


def struck(asked: Asked, field: Field) -> list[str]:
    """Return the nodes that a requested fault is about: those of its role, in its region.

    Raises:
        UsageError: there is no such role or region, or nobody can ever fit.
    """
    among = named(asked, field)
    problem = f"the fault {str(asked)!r} can strike nobody"
    if not among:
        fitting = [name for name in field.places if named(asked._replace(region=name), field)]
        raise UsageError(
            problem,
            expected=f"a region where the role {asked.role} has a node: {', '.join(fitting)}",
            found=repr(asked.region),
        )
    if asked.word == "minority" and len(among) < MINORITY_LEAST:
        place = Aim("", asked.role, asked.region).place
        expected = f"at least {MINORITY_LEAST} nodes{place}, as fewer have no minority"
        raise UsageError(problem, expected=expected, found=str(len(among)))
    return among


def named(asked: Asked, field: Field) -> list[str]:
    """Return the nodes that a request is about, of those that are there; none if nobody fits.

    Raises:
        UsageError: it names what there never is.
    """
    text = str(asked)
    if asked.role is not None and asked.role not in field.roles:
        known, one_kind = [*field.roles], "no role: all nodes are of one kind"
        _refuse(text, "aims at a role that is not there", known, one_kind, asked.role)
    if asked.region is not None and asked.region not in field.places:
        fix = None if field.regions else "Add --regions eu,us (regions in a file)"
        known, one_place = [*field.places], "no region: all nodes are in one place"
        _refuse(text, "aims at a region that is not there", known, one_place, asked.region, fix)
    aim = Aim(asked.word or "all", asked.role, asked.region)
    places = {} if field.regions is None else field.regions.places()
    among = aim.among(field.node_ids, field.roles, places)
    if asked.word is not None and among:
        _check_word(asked, aim, among, field)
    return among


def _check_word(asked: Asked, aim: Aim, among: Sequence[str], field: Field) -> None:
    """Make sure that some node may be what the word of a request says."""
    problem = f"the fault {str(asked)!r} can strike nobody"
    if aim.word in SYMBOLS and aim.word != IT:
        return
    if not aim.is_state and aim.word != IT:
        if aim.word not in among:
            expected, fix = f"one of {', '.join(among)}", meant(aim.word, among)
            raise UsageError(problem, expected=expected, found=repr(aim.word), fix=fix)
        return
    if aim.word == IT or not field.reports_state(asked.role):
        fix = meant(aim.word, [*SYMBOLS])
        if aim.word in field.roles:
            fix = f"Did you mean {str(asked._replace(word=None, role=aim.word))!r}"
        known = ", ".join(name for name in SYMBOLS if name != IT)
        raise UsageError(
            problem,
            expected=f"one of {known}, as no node{aim.place} reports a server state",
            found=repr(aim.word),
            fix=fix,
        )


def _refuse(
    text: str, problem: str, known: list[str], none: str, name: str, fix: str | None = None
) -> NoReturn:
    raise UsageError(
        f"the fault {text!r} {problem}",
        expected=f"one of {', '.join(known)}" if known else none,
        found=repr(name),
        fix=fix or meant(name, known),
    )


def fitting_kinds(asked: Asked, field: Field) -> list[str]:
    """Return the kinds that a request means and that can do something to these nodes.

    Raises:
        UsageError: there is none, or nobody fits.
    """
    kinds = GROUPS.get(asked.kind) or ((asked.kind,) if asked.kind in KINDS else ())
    if not kinds:
        known = ", ".join(dict.fromkeys([*GROUPS, *KINDS]))
        raise UsageError(
            "no such fault", expected=f"one of {known}", found=repr(asked.kind),
            fix=meant(asked.kind, [*GROUPS, *KINDS]) or "See 'clew list faults'",
        )  # fmt: skip
    taking = _taking(asked, kinds)
    of_aim, in_all, text = len(struck(asked, field)), len(field.node_ids), str(asked)
    # A kind that strikes some nodes may set them against all others.
    counts = {name: in_all if KINDS[name].aims else of_aim for name in taking}
    fitting = [name for name in taking if KINDS[name].least_nodes <= counts[name]]
    if not fitting:
        least = min(KINDS[name].least_nodes for name in taking)
        raise UsageError(
            f"the fault {text!r} can't do anything in so small a cluster",
            expected=f"at least {least} nodes", found=str(max(counts.values())),
            fix="Run more nodes or leave it out",
        )  # fmt: skip
    fitting = [name for name in fitting if KINDS[name].least_regions <= len(field.places)]
    if not fitting:
        raise UsageError(
            f"the fault {text!r} can't do anything without regions",
            expected="at least two regions", found="one place",
            fix="Add --regions eu,us (regions in a file), or leave it out",
        )  # fmt: skip
    return fitting


def takes(name: str, asked: Asked) -> bool:
    """Return whether a kind takes the target that a request names."""
    if asked.word is not None and not KINDS[name].aims:
        return False
    return asked.region is None or name != "join"


def suffices(asked: Asked, field: Field) -> bool:
    """Return whether there are enough nodes and regions for the kind that a request names.

    Raises:
        UsageError: it names what there never is.
    """
    kind, among = KINDS[asked.kind], named(asked, field)
    if not among or (asked.word == "minority" and len(among) < MINORITY_LEAST):
        return False
    enough = kind.least_nodes <= (len(field.node_ids) if kind.aims else len(among))
    return enough and kind.least_regions <= len(field.places)


def _taking(asked: Asked, kinds: Sequence[str]) -> Sequence[str]:
    """Return those of some kinds that take the target that a request names."""
    taking = [name for name in kinds if takes(name, asked)]
    if asked.word is not None:
        if not taking:
            aiming = [name for name, kind in KINDS.items() if kind.aims]
            raise UsageError(
                f"the fault {str(asked)!r} strikes no single target",
                expected=f"one that does: {', '.join(aiming)}",
                found=repr(asked.kind),
                fix=f"Say {str(asked._replace(word=None))!r}",
            )
    elif not taking:
        raise UsageError(
            f"the fault {str(asked)!r} can't be used",
            expected="no region, as who joins stands in the one with the fewest nodes",
            found=repr(asked.region),
            fix=f"Say {str(asked._replace(region=None))!r}",
        )
    return taking


def aimed(
    kind: type[Injection], asked: Asked, among: Sequence[str], field: Field, stream: Stream
) -> Aim | None:
    """Choose the target of a fault: the requested one, or a drawn symbol; None for all nodes.

    In a system of which only some roles can feel the kind, it is aimed at one of these.

    Args:
        kind: of the fault.
        asked: the request.
        among: the nodes that it is about.
        field: all nodes.
        stream: of the fault.
    """
    able = _able(kind, asked, field)
    leads = any(field.abilities[role].leads for role in able) if able else False
    leads = leads if able else field.reports_state(asked.role)
    word = _symbol(kind, stream, len(among), leads=leads)
    if asked.word is not None:
        word = asked.word
        if word not in SYMBOLS and not Aim(word).is_state:
            return Aim(word)  # a node by name
    role = asked.role
    if able and (asked.word is None or asked.word in SYMBOLS):
        fitting = [each for each in able if _fits(word, each, field)]
        if not fitting:
            word, fitting = "one", able
        role = fitting[0] if len(fitting) == 1 else stream.pick(fitting)
    region = None if kind.least_regions else asked.region
    if role is None and region is None:
        return None if word is None else Aim(word)
    return Aim(word or "all", role, region)


def _able(kind: type[Injection], asked: Asked, field: Field) -> list[str]:
    """Return the roles that can feel a kind if some can't; empty if it may strike any node."""
    if asked.role is not None or not kind.aims or kind.needs in {"nothing", "peers", "members"}:
        return []
    able = [role for role, each in field.abilities.items() if kind.needs in each.needs]
    places = {} if field.regions is None else field.regions.places()
    there = [
        role
        for role in able
        if Aim("all", role, asked.region).among(field.node_ids, field.roles, places)
    ]
    return there if len(able) < len(field.abilities) else []


def _fits(word: str | None, role: str, field: Field) -> bool:
    """Return whether a node of a role may be what a drawn word says."""
    if word in SERVER_STATES:
        return field.abilities[role].leads
    return word != "minority" or len(field.roles[role]) >= MINORITY_LEAST


def _symbol(kind: type[Injection], stream: Stream, count: int, *, leads: bool) -> str | None:
    """Draw a symbol that some of so many nodes fit; None for a kind that strikes all."""
    aims = [
        aim
        for aim in kind.aims
        if (aim not in SERVER_STATES or leads) and (aim != "minority" or count >= MINORITY_LEAST)
    ]
    return stream.pick(aims) if aims else None
