"""The roles of a plan: how many nodes each has, and which of them clients ask for what.

A system says within which bounds counts may be drawn or asked for; a plan holds the names of the
nodes of each role, and for each function the role that it goes to.
"""

from __future__ import annotations

from collections.abc import Mapping

from clew.errors import ScenarioError, UsageError, about
from clew.machine.text import meant
from clew.node.system import Role, System
from clew.scenarios.code.models import Model
from clew.scenarios.options.role_counts import parse_counts
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.nemesis import NODE_COUNTS
from clew.scenarios.plans.plan import Plan
from clew.sim.entropy import Entropy
from clew.workloads.workload import Workload

_NODES_TOGETHER_MAX = 1000
"""The number of nodes that a cluster may have, as of one class."""


def draw_roles(scenario: Scenario, entropy: Entropy, model: Model) -> dict[str, tuple[str, ...]]:
    """Draw the names of the nodes of each role; none for a model of one class.

    A swarm draws the counts of the roles for which none is asked.

    Raises:
        UsageError: a count is asked for that the system does not allow, or the wrong option is.
    """
    asked = parse_counts(scenario.nodes)
    system = model.system
    if system is None:
        if asked:
            raise UsageError(
                f"--nodes can't be used with {model.name}, which has one kind of node",
                found=", ".join(scenario.nodes),
                fix="Say --node-count N (node_count = N in a file)",
            )
        return {}
    if scenario.node_count is not None:
        stated = ",".join(f"{name}={role.nodes}" for name, role in system.roles.items())
        raise UsageError(
            f"--node-count can't be used with {model.name}, which has several kinds of node",
            found=str(scenario.node_count),
            fix=f"Say --nodes {stated}",
        )
    for name, count in asked.items():
        with about("nodes", name):
            _check_count(system, name, count)
    counts = {
        name: asked[name] if name in asked else _count(scenario, entropy, name, role)
        for name, role in system.roles.items()
    }
    if sum(counts.values()) > _NODES_TOGETHER_MAX:
        raise UsageError(
            "--nodes can't be used",
            expected=f"at most {_NODES_TOGETHER_MAX} nodes in all",
            found=str(sum(counts.values())),
        )
    return {
        name: tuple(f"{name}{rank}" for rank in range(1, count + 1))
        for name, count in counts.items()
    }


def _check_count(system: System, name: str, count: int) -> None:
    role = system.roles.get(name)
    if role is None:
        raise UsageError(
            f"--nodes can't be used: there is no role {name!r}",
            expected=f"some of {', '.join(system.roles)}",
            fix=meant(name, list(system.roles)),
        )
    if not role.holds(count):
        raise UsageError(
            "--nodes can't be used",
            expected=f"{role.span} nodes of the role {name}, as the system says",
            found=f"{name}={count}",
        )


def _count(scenario: Scenario, entropy: Entropy, name: str, role: Role) -> int:
    """Draw how many nodes a role has: as the system says, or one of `role_sizes` in a swarm."""
    if not scenario.swarm:
        return role.nodes
    return entropy.stream("swarm", "nodes", name).pick(role_sizes(role))


def role_sizes(role: Role) -> tuple[int, ...]:
    """Return what a swarm picks from for a role: as for a class alone, within the role's bounds."""
    most = role.most or max(*NODE_COUNTS, role.nodes)
    within = [count for count in NODE_COUNTS if role.least <= count <= most]
    return (role.nodes, *within)


def allows(system: System | None, plan: Plan) -> bool:
    """Say whether a plan has as many nodes of each role as the system wants at least."""
    return system is None or all(
        len(plan.roles.get(name, ())) >= role.least for name, role in system.roles.items()
    )


def asks_of(system: System | None, workload: type[Workload]) -> dict[str, str | None]:
    """Return the role that each function goes to; None for any node. Empty for one class.

    Raises:
        UsageError: an operation names a role that the system does not have, or the system speaks of
            a function that the workload does not have.
    """
    if system is None:
        return {}
    for f in system.asks if isinstance(system.asks, Mapping) else ():
        if f not in workload.operations:
            raise UsageError(
                f"'asks' of the System names a function that {workload.name} does not have",
                expected=f"some of {', '.join(workload.operations)}",
                found=repr(f),
                fix=meant(f, list(workload.operations)),
            )
    asks = {f: each.role or system.role_for(f) for f, each in workload.operations.items()}
    for f, role in asks.items():
        if role is not None and role not in system.roles:
            raise UsageError(
                f"the operation {f!r} of the workload {workload.name} goes to the role {role!r}, "
                "which the system does not have",
                expected=f"one of {', '.join(system.roles)}",
                fix="Name another role in @operation(role=...), or none",
            )
    return asks


def check_roles(plan: Plan, model: Model, where: str) -> None:
    """Do nothing for a plan that has the roles of its model.

    Raises:
        ScenarioError: the model has others than the plan's.
    """
    has = list(model.system.roles) if model.system else []
    if {*plan.roles} != {*has}:
        raise ScenarioError(
            f"the plan's roles are not those of {model.name}",
            where=where,
            expected=_in_words(plan.roles),
            found=_in_words(dict.fromkeys(has)),
            fix="Replay it with the file as it was, or run 'clew test' anew",
        )


def _in_words(roles: Mapping[str, object]) -> str:
    return f"the roles {', '.join(roles)}" if roles else "one kind of node"
