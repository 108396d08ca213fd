"""A system of several kinds of node: its roles, how many nodes each has, and what must hold.

A *role* is the kind of a node within its system, such as controller or shard, as FoundationDB and
Kubernetes use the word. What a node is at a moment, such as leader, is its server state; see
`clew.node.node.Node.server_state`.

A file with a `System` at its top level is run as that system. A single class needs none.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from clew.errors import NodeError
from clew.node.message import in_words
from clew.node.node import Node, roles_among
from clew.node.tolerates import Tolerates

ROLE_NODES_MAX = 1000
"""The most nodes that a role may have, as for a cluster of one class."""

_NAME = re.compile(r"[A-Za-z]([A-Za-z_-]*[A-Za-z])?")

_MEANT = frozenset({"c", "one", "random", "minority", "majority", "all"})
"""Names with other meanings: a client's begins with c, the others are targets of faults."""


@dataclass(frozen=True)
class Role:
    """One kind of node of a system.

    Attributes:
        node_class: the class of its nodes.
        nodes: how many there are by default.
        least: the fewest that ``--nodes`` may ask for and a swarm draws.
        most: the most; None for no bound of the system's own.

    Raises:
        NodeError: the class is not a node class, or a count can't be used.
    """

    node_class: type[Node]
    nodes: int
    least: int = field(default=1, kw_only=True)
    most: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        given: Any = self.node_class
        if not (isinstance(given, type) and issubclass(given, Node)) or given is Node:
            raise NodeError(
                "the class of a Role can't be used",
                where=_line_that_made_it(),
                expected="a class that derives from clew.Node",
                found=getattr(given, "__name__", in_words(given)),
            )
        for name in ("nodes", "least", "most"):
            count: Any = getattr(self, name)
            if name == "most" and count is None:
                continue
            if type(count) is not int or not 1 <= count <= ROLE_NODES_MAX:
                raise NodeError(
                    f"{name!r} of a Role can't be used",
                    where=_line_that_made_it(),
                    expected=f"a whole number from 1 to {ROLE_NODES_MAX}",
                    found=repr(count),
                )
        if self.most is not None and self.least > self.most:
            raise NodeError(
                "'least' of a Role can't be used",
                where=_line_that_made_it(),
                expected=f"at most its most, which is {self.most}",
                found=str(self.least),
            )
        if not self.holds(self.nodes):
            raise NodeError(
                "'nodes' of a Role can't be used",
                where=_line_that_made_it(),
                expected=f"{self.span} nodes, as it says itself",
                found=str(self.nodes),
            )

    def holds(self, count: int) -> bool:
        """Return whether a number of nodes is within the bounds."""
        return self.least <= count <= (self.most or ROLE_NODES_MAX)

    @property
    def span(self) -> str:
        """The bounds in words, such as ``1 to 3``, ``2 or more`` or ``3``."""
        if self.most is None:
            return f"{self.least} or more"
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"


@dataclass(frozen=True, eq=False)
class System:
    """Several node classes that make one system.

        system = System(
            roles={"controller": Role(Controller, 3), "shard": Role(Shard, 6)},
            workload="lin-kv",
            asks="shard",
        )

    Attributes:
        roles: the kinds of node by name, in the order in which their nodes are named: the nodes of
            the role shard are shard1, shard2 and so on.
        workload: the default workload of ``clew test``, as for a node class.
        invariants: predicates over the whole cluster; those of the node classes come on top.
        asks: the role that clients talk to, or by function of the workload the role that it goes
            to, as in ``{"read": "cache", "write": "store"}``; None for any node. An operation of
            the workload that names a role itself goes to that.
        functions: the functions of the workload that it answers; None for all.
        tolerates: what the system promises to withstand; if None, what all of its classes that
            declare something withstand.

    Raises:
        NodeError: there is no role, a name or a value can't be used.
    """

    roles: Mapping[str, Role]
    workload: Any = None
    invariants: tuple[Any, ...] = ()
    asks: str | Mapping[str, str] | None = None
    functions: tuple[str, ...] | None = None
    tolerates: Tolerates | None = None

    def __post_init__(self) -> None:
        _check_roles(self.roles)
        object.__setattr__(self, "roles", dict(self.roles))
        _check_asks(self.asks, self.roles)
        declared: Any = self.invariants
        if not isinstance(declared, tuple | list):
            found = f"{getattr(declared, '__name__', in_words(declared))} by itself"
            raise _unusable("invariants", "a tuple of Invariant classes or functions", found)
        of_all = [*declared, *(one for each in self.classes for one in each.invariants)]
        object.__setattr__(self, "invariants", tuple(dict.fromkeys(of_all)))
        if self.tolerates is None:
            object.__setattr__(self, "tolerates", _together(self.classes))

    @property
    def classes(self) -> tuple[type[Node], ...]:
        """The node classes, each once, in the order of the roles."""
        return tuple(dict.fromkeys(role.node_class for role in self.roles.values()))

    def role_for(self, f: str) -> str | None:
        """Return the role that a function of the workload goes to; None for any node."""
        return self.asks.get(f) if isinstance(self.asks, Mapping) else self.asks

    def class_of(self, role: str) -> type[Node]:
        """Return the class of the nodes of a role."""
        return self.roles[role].node_class


Program: TypeAlias = type[Node] | System
"""What runs on a cluster: one class on every node, or a system.

Both have ``invariants``, ``tolerates``, ``functions`` and ``workload``.
"""


def classes_of(program: Program) -> tuple[type[Node], ...]:
    """Return the node classes of a program, each once."""
    return program.classes if isinstance(program, System) else (program,)


def is_shipped(node_class: type[Node]) -> bool:
    """Say whether a class comes with Clew: it belongs to no file of a user's."""
    return node_class.__module__.startswith("clew.")


def lead_of(program: Program) -> type[Node]:
    """Return the class that stands for a program's file: its first that is a user's, if any is."""
    classes = classes_of(program)
    return next((each for each in classes if not is_shipped(each)), classes[0])


def tells_state(program: Program) -> bool:
    """Return whether any node of a program reports a server state, such as leader."""
    return any(each.server_state is not Node.server_state for each in classes_of(program))


def tells_own_state(program: Program) -> bool:
    """Return whether all that its nodes report of a server state is Clew's own code."""
    return all(each.server_state.__module__.startswith("clew.") for each in classes_of(program))


def classes_by_node(
    program: Program, node_ids: Sequence[str], roles: Mapping[str, Sequence[str]]
) -> dict[str, type[Node]]:
    """Return the class of each node, in the nodes' order.

    Args:
        program: of the cluster.
        node_ids: its nodes.
        roles: the nodes of each role of a system; empty for one class.
    """
    if not isinstance(program, System):
        return dict.fromkeys(node_ids, program)
    placed = roles_among(node_ids, roles)
    classes = {name: program.class_of(role) for role, names in placed.items() for name in names}
    return {name: classes[name] for name in node_ids}


def _check_roles(roles: Any) -> None:
    """Check that the roles of a system are `Role` objects, with names that nodes can have."""
    if not isinstance(roles, Mapping) or not roles:
        found = "none" if roles == {} else in_words(roles)
        expected = 'at least one role by name, as in {"shard": Role(Shard, 3)}'
        raise _unusable("roles", expected, found)
    for name, role in roles.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in _MEANT:
            expected = (
                "names of letters, perhaps with _ or - between them, that mean nothing else in a "
                f"test ({', '.join(sorted(_MEANT))} do)"
            )
            raise _unusable("roles", expected, repr(name))
        if not isinstance(role, Role):
            raise NodeError(
                f"the role {name!r} of the System can't be used",
                where=_line_that_made_it(),
                expected=f'a Role, as in {{"{name}": Role(Class, 3)}}',
                found=getattr(role, "__name__", in_words(role)),
            )


def _check_asks(asks: Any, roles: Mapping[str, Role]) -> None:
    """Hold what a system says of its clients to its roles."""
    whole = isinstance(asks, Mapping)
    for role in asks.values() if whole else [asks]:
        if not (isinstance(role, str) and role in roles) and (whole or role is not None):
            expected = f"one of its roles, {', '.join(roles)}"
            expected += " for each function" if whole else ", or None"
            found = repr(role) if isinstance(role, str) else in_words(role)
            raise _unusable("asks", expected, found)


def _unusable(name: str, expected: str, found: str) -> NodeError:
    problem, where = f"{name!r} of the System can't be used", _line_that_made_it()
    return NodeError(problem, where=where, expected=expected, found=found)


def _line_that_made_it() -> str:
    """Return ``file:line`` of the code that makes a system or a role: the nearest outside here."""
    frame = sys._getframe(1)  # noqa: SLF001 - whose code it is
    while frame.f_globals.get("__name__") == __name__ and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _together(classes: tuple[type[Node], ...]) -> Tolerates | None:
    """Return what all classes withstand that declare something; None if none does.

    The roles state how many nodes there may be.
    """
    said = [each.tolerates for each in classes if each.tolerates is not None]
    if not said:
        return None
    errors = [one.clock_error for one in said if one.clock_error is not None]
    kinds = [one.faults for one in said if one.faults is not None]
    return Tolerates(
        nodes=1,
        latency=min(one.latency for one in said),
        clock_error=min(errors, default=None),
        faults=_faults_of_all(kinds),
    )


def _faults_of_all(said: Sequence[tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return the faults that each of several lists names, directly or by group; None for no list.

    The name of a kind begins with its group's.
    """
    if not said:
        return None
    names = dict.fromkeys(name for one in said for name in one)
    return tuple(
        name
        for name in names
        if all(any(f"{name}-".startswith(f"{other}-") for other in one) for one in said)
    )
