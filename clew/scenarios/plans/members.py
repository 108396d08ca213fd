"""Who joins and who leaves in a drawn plan: names, and no more than the nodes tolerate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from clew.errors import UsageError, about
from clew.node.node import takes_members
from clew.node.system import Program, System
from clew.scenarios.plans.capabilities import promised
from clew.sim.faults import GROUPS, KINDS, Fault
from clew.sim.faults.targets import aim_at, aim_of, asked_of


def changes_members(asked: str) -> bool:
    """Return whether the name of a fault, or of a group, is one that changes who is a member."""
    word = asked_of(asked).kind
    named = GROUPS.get(word, (word,))[0]
    return named in KINDS and KINDS[named].group == "membership"


@dataclass
class _Kind:
    """The nodes of a role, or all nodes of one class.

    Attributes:
        role: its name; None for one class.
        prefix: what the names of its nodes begin with.
        next: the number of the next one that joins.
        count: how many there are.
        least: the fewest there may be.
        most: the most; None for no bound.
    """

    role: str | None
    prefix: str
    next: int
    count: int
    least: int
    most: int | None


def settled(
    faults: Iterable[Fault],
    node_ids: Sequence[str],
    program: Program,
    roles: Mapping[str, Sequence[str]],
) -> tuple[Fault, ...]:
    """Name those who join, and leave out what would make the cluster too small or too large.

    In a system, nodes of each role that takes new members join in turn, and leave in turn.

    Args:
        faults: as drawn, in order of time.
        node_ids: the nodes at the beginning.
        program: what they run.
        roles: the nodes of each role of a system.
    """
    kinds = _kinds(node_ids, program, roles)
    kept: list[Fault] = []
    # Invariant: the counts of `kinds` are what they will be after the faults kept so far. The role
    # that changed last goes to the end, so that roles take turns.
    for fault in faults:
        if not changes_members(fault.kind):
            kept.append(fault)
            continue
        aim = aim_at(fault.target)
        wanted = aim and aim.role
        fitting = [each for each in kinds if wanted in {None, each.role} and _fits(fault, each)]
        if fitting:
            kind = fitting[0]
            kinds.remove(kind)
            kinds.append(kind)
            kept.append(_of_kind(fault, kind))
    return tuple(kept)


def _fits(fault: Fault, kind: _Kind) -> bool:
    if fault.kind == "join":
        return kind.most is None or kind.count < kind.most
    return kind.count > max(kind.least, 1)


def _of_kind(fault: Fault, kind: _Kind) -> Fault:
    """Make the fault for a node of a kind, and count it."""
    if fault.kind == "join":
        name = f"{kind.prefix}{kind.next}"
        kind.count, kind.next = kind.count + 1, kind.next + 1
        return replace(fault, target=None, params={**fault.params, "node": name})
    kind.count -= 1
    aim = aim_of(str(fault.target or "one"))
    return replace(fault, target=str(aim._replace(role=kind.role)))


def _kinds(
    node_ids: Sequence[str], program: Program, roles: Mapping[str, Sequence[str]]
) -> list[_Kind]:
    promise = promised(program)
    if not isinstance(program, System):
        prefix = re.sub(r"\d+$", "", node_ids[0])
        count = len(node_ids)
        return [_Kind(None, prefix, _next(node_ids), count, promise.fewest, promise.most)]
    return [
        _Kind(name, name, _next(roles[name]), len(roles[name]), role.least, role.most)
        for name, role in program.roles.items()
        if takes_members(role.node_class)
    ]


def _next(node_ids: Sequence[str]) -> int:
    """Return the number after the greatest in the names of some nodes."""
    return 1 + max(
        (int(each) for name in node_ids for each in re.findall(r"\d+$", name)), default=0
    )


def check_members(
    asked: Sequence[str], faults: Sequence[Fault], count: int, program: Program
) -> None:
    """Do nothing if each change that was asked for by name can come about.

    Raises:
        UsageError: one can't, with so many nodes.
    """
    kinds = {fault.kind for fault in faults}
    for name in asked:
        word = asked_of(name).kind
        if changes_members(name) and not kinds & {*GROUPS.get(word, (word,))}:
            with about("nemesis", name):
                raise UsageError(
                    f"the fault {name!r} can't do anything in this cluster",
                    expected=f"a number of nodes within which some can join or leave: "
                    f"{promised(program)}",
                    found=str(count),
                    fix="Begin with another number of nodes, or state "
                    "tolerates = Tolerates(nodes=...)",
                )


def check_core(asked: Sequence[str], liveness: str) -> None:
    """Do nothing unless members change and the quorum that heals is drawn beforehand.

    Raises:
        UsageError: they do, and it does.
    """
    changing = [name for name in asked if changes_members(name)]
    if changing and liveness in {"core", "partial"}:
        raise UsageError(
            f"--liveness {liveness} can't be used if members change",
            expected="all or off",
            found=f"{liveness}, and the fault {changing[0]!r}",
            fix="Leave one of them out",
        )
