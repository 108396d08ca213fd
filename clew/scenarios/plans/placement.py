"""Where the nodes of a plan are: the regions that a scenario requests, and their latencies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from clew.errors import UsageError, about
from clew.machine.text import meant
from clew.models.services import SERVICES
from clew.node.tolerates import Tolerates
from clew.scenarios.options.asserts import parse_assert
from clew.scenarios.options.regions import (
    BOTH_WAYS,
    ends_of,
    known_latency,
    latency_of,
    stated_latencies,
)
from clew.scenarios.options.scenario import Scenario
from clew.sim.entropy import Entropy
from clew.sim.latency import Latency
from clew.sim.regions import ONE_WAY, PRESETS, Regions, in_turn, ways

_LATENCIES_MS: tuple[int, ...] = (1, 5, 20, 100)
"""Latencies between regions that a swarm picks from besides the presets, ms."""


def placed(
    scenario: Scenario,
    node_ids: Sequence[str],
    entropy: Entropy,
    promise: Tolerates,
    roles: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Regions | None:
    """Place these nodes in a plan's regions; None if the scenario asks for none.

    Args:
        scenario: what may happen.
        node_ids: the cluster.
        entropy: the run's seed.
        promise: what the nodes tolerate.
        roles: the nodes of each role of a system; a table may name a role for its nodes.

    Raises:
        UsageError: a region would be empty, names a node that is not there or another's, or has no
            latency to another; or a condition is about a region that is not there.
    """
    asked = scenario.regions
    _check_conditions(scenario.asserts, tuple(asked or ()))
    if not asked:
        if scenario.region_latency is not None:
            raise UsageError(
                "--region-latency can't be used without regions",
                expected="--regions with at least two names",
                found="one place",
                fix="Add --regions eu,us (regions in a file)",
            )
        return None
    if isinstance(asked, dict):
        nodes = _from_table(asked, node_ids, roles)
    else:
        nodes = _in_turn(asked, node_ids)
    value: Any = scenario.region_latency
    if value is None and scenario.swarm:
        value = _drawn(tuple(nodes), entropy, promise)
    with about("regions" if value is None else "region_latency"):
        return Regions(nodes, _latencies(value, tuple(nodes)))


def _check_conditions(asserts: Sequence[str], names: Sequence[str]) -> None:
    for text in asserts:
        path, _, _ = parse_assert(text)
        first, _, rest = path.partition(".")
        region = rest.partition(".")[0]
        if first == "regions" and region not in names:
            raise UsageError(
                f"--assert can't be used: there is no region {region!r}",
                expected=f"a figure of one of {', '.join(names)}" if names else "no region",
                found=repr(path),
                fix=meant(region, names) if names else "Add --regions eu,us (regions in a file)",
            )


def _in_turn(names: Collection[str], node_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    if len(names) > len(node_ids):
        raise UsageError(
            "a region would be empty",
            expected=f"at least {len(names)} nodes for {len(names)} regions",
            found=str(len(node_ids)),
            fix="Run more nodes or name fewer regions",
        )
    return in_turn(names, node_ids)


def _from_table(
    named: Mapping[str, Sequence[str]], node_ids: Sequence[str], roles: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return the table, with each region's nodes in the cluster's order."""
    there = f"each of {', '.join(node_ids)} in one region"
    table = {
        region: [node for name in names for node in roles.get(name, (name,))]
        for region, names in named.items()
    }
    owner: dict[str, str] = {}
    # Invariant: `owner` has the region of every node met; in the end each node has one.
    for name, ids in table.items():
        for node in ids:
            if node not in node_ids:
                fix = _OF_SERVICES if node in SERVICES else meant(node, node_ids)
                with about("regions", node):
                    _refuse(f"there is no node {node!r}", there, f"{node!r} in {name}", fix)
            if node in owner:
                both = f"{owner[node]} and {name}"
                with about("regions", name):
                    _refuse(f"the node {node} stands in two places", there, both)
            owner[node] = name
    for node in node_ids:
        if node not in owner:
            _refuse(f"the node {node} is in no region", there, f"only {', '.join(owner)}")
    return {name: tuple(node for node in node_ids if node in ids) for name, ids in table.items()}


_OF_SERVICES = "Leave it out: a service stands in no region, it is near to all of them"


def _refuse(problem: str, expected: str, found: str, fix: str | None = None) -> None:
    raise UsageError(f"--regions can't be used: {problem}", expected=expected, found=found, fix=fix)


def _latencies(value: Any, names: tuple[str, ...]) -> dict[str, Latency]:
    """Return the latency of each way between regions, from what the option says."""
    if isinstance(value, dict):
        return _of_table(value, names)
    if isinstance(value, int | float):
        return dict.fromkeys(ways(names), latency_of(value))
    chosen = next(iter(PRESETS)) if value is None else value
    known_latency(chosen)
    preset = PRESETS[chosen]
    for name in names:
        if name not in preset.known:
            raise UsageError(
                f"the region {name!r} has no latency to the others",
                expected=f"a region that the preset {chosen!r} knows: {', '.join(preset.known)}",
                found=repr(name),
                fix="Give one for all with --region-latency MS, or a table in a file "
                f'(region_latency = {{"{names[0]}{BOTH_WAYS}{names[1]}" = 80}})',
            )
    try:
        return {
            f"{src}{ONE_WAY}{dest}": preset.latency(src, dest)
            for src in names
            for dest in names
            if src != dest
        }
    except KeyError:
        raise UsageError(
            "two regions are one place",
            expected=f"places of the preset {chosen!r} that differ: "
            + ", ".join(f"{short} is {long}" for short, long in preset.short.items()),
            found=", ".join(names),
        ) from None


def _of_table(table: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Latency]:
    known = ", ".join(names)
    for key in table:
        for end in ends_of(key)[:2]:
            if end not in names:
                with about("region_latency", key):
                    raise UsageError(
                        "--region-latency can't be used",
                        expected=f"latencies between the regions {known}",
                        found=f"{end!r} in {key!r}",
                        fix=meant(end, names),
                    )
    stated = stated_latencies(table)
    for key in ways(names):
        if key not in stated:
            both = key.replace(ONE_WAY, BOTH_WAYS)
            raise UsageError(
                f"there is no latency for {key}",
                expected=f"one for each two of {known}, both ways",
                found=", ".join(table) or "none",
                fix=f'Add "{both}" = 80 to region_latency',
            )
    return {key: stated[key] for key in ways(names)}


def _drawn(names: tuple[str, ...], entropy: Entropy, promise: Tolerates) -> str | float:
    """Draw a preset that knows the regions, or one latency for all of them."""
    fitting: list[str | float] = [
        name for name, preset in PRESETS.items() if {*names} <= {*preset.known}
    ]
    within = [ms for ms in _LATENCIES_MS if ms * 1_000_000 <= promise.latency_ns]
    drawn: list[str | float] = [*fitting, *(within or _LATENCIES_MS[:1])]
    return entropy.stream("swarm", "regions").pick(drawn)
