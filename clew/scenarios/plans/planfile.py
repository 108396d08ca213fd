"""Plans from files, checked in full: people edit plans, and none must run half-understood.

What a plan's operations may carry is what their workload declares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from clew.errors import ScenarioError, UsageError
from clew.machine.hashing import SEED_MAX
from clew.machine.text import first_parts, json_text, meant
from clew.models.services import SERVICES
from clew.node.node import role_of_name
from clew.node.timer import NS_PER_SECOND
from clew.scenarios.code.workload_files import is_file, load_workload
from clew.scenarios.options.asserts import parse_assert
from clew.scenarios.options.names import wrong_value
from clew.scenarios.options.regions import NAME
from clew.scenarios.options.scenario import CLIENTS_MAX, Scenario
from clew.scenarios.options.table import declared, expected, extended, near_option
from clew.scenarios.plans.plan import SCHEMA, Plan, PlannedOperation, trusted_plan
from clew.sim.faults import (
    GROUPS,
    KINDS,
    Fault,
    check_clients,
    check_regions,
    fault_from_json,
    fault_param,
    joiners_of,
    joins,
)
from clew.sim.faults.kinds import region_params
from clew.sim.faults.targets import aim_at, aim_of, asked_of, misaimed, whereabouts
from clew.sim.orders.schedules import FORMS, check_schedule
from clew.sim.regions import Regions, ways
from clew.sim.topology import TOPOLOGIES
from clew.sim.trigger import ASKED
from clew.workloads import workloads
from clew.workloads.options import Option, own_options
from clew.workloads.picks import PICKS

NODES_MAX = 1000
_TIME_MAX_NS = 1_000_000 * NS_PER_SECOND

_IN_NS = {"seconds": NS_PER_SECOND, "milliseconds": NS_PER_SECOND // 1000}

_OWN_BOUNDS = {
    # the least and the most of each field that comes from no option of a scenario
    "seed": (0, 2**64),
    "clients": (1, CLIENTS_MAX),
    "retry_budget_ppm": (0, 10**6),
    "recovery_least_ns": (0, _TIME_MAX_NS),
}


def bounds() -> dict[str, tuple[int, int]]:
    """Return the bounds of each number in a plan: those of the option that it comes from."""
    options = declared(Scenario)
    found = dict(_OWN_BOUNDS)
    for name in (field.name for field in fields(Plan) if field.name not in _OWN_BOUNDS):
        one = options.get(name.removesuffix("_ns"))
        if one is not None and one.option.most is not None:
            found[name] = _integers(one.option, _IN_NS[one.option.unit] if "_ns" in name else 1)
    return found


def _integers(option: Option, scale: int) -> tuple[int, int]:
    """Convert the bounds of an option to a part of its unit."""
    assert option.most is not None
    least = option.least if option.above is None else option.above
    return round((least or 0) * scale) + (option.above is not None), round(option.most * scale)


def plan_from_json(data: Any, where: str) -> Plan:
    """Read the plan of a JSON value.

    What a user's workload declares about its operations is left to `check_arguments`: no file is
    imported.

    Args:
        data: what `Plan.to_json` gave.
        where: the file, for messages.

    Raises:
        ScenarioError: it is not a plan, or has another schema, or a field of it can't be used;
            the message names the field.
    """
    if not isinstance(data, dict) or "operations" not in data:
        raise ScenarioError("this is no plan", where=where, expected="an object with operations")
    data = _of_today(data)
    if data.get("schema") != SCHEMA:
        raise ScenarioError(
            "this plan has another schema",
            where=where,
            expected=f"schema 1 or {SCHEMA}",
            found=f"schema {data.get('schema')!r}",
            fix="Replay it with the version of Clew that wrote it",
        )
    _check_names(data, where)
    _check_types(data, where)
    for name in ("faults", "operations"):
        if not isinstance(data.get(name), list):
            raise _bad(where, name, "a list", data.get(name))
    faults = tuple(fault_from_json(fault, where) for fault in data["faults"])
    _check_operation_types(data["operations"], where)
    plan = trusted_plan(data)
    _check_fields(plan, where)
    _check_faults(faults, plan, where)
    if is_file(plan.workload):
        return plan
    check_arguments(plan, where)
    return replace(plan, options=_options(plan, where))


def _of_today(data: dict[str, Any]) -> dict[str, Any]:
    """Bring a plan of format 1 up to date: its workload's options stood beside its fields."""
    if data.get("schema") != 1:
        return data
    rest = {name: value for name, value in data.items() if name not in _OPTIONS_OF_1}
    workload = str(data.get("workload"))
    known = own_options(load_workload(workload)) if workload in workloads() else {}
    options = {name: data[name] for name in _OPTIONS_OF_1 if name in data and name in known}
    return {**rest, "schema": SCHEMA, "options": options}


_OPTIONS_OF_1 = ("key_count", "max_txn_length", "max_writes_per_key", "consistency_models")
"""Fields of every plan of format 1 that belong to some workloads."""


class _Held(BaseModel):
    """Options that are JSON values of their own types."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _options(plan: Plan, where: str) -> dict[str, Any]:
    """Read the values of the options that a plan's workload declares."""
    kind = extended(_Held, load_workload(plan.workload))
    try:
        held = kind.model_validate_json(json.dumps(plan.options))
    except ValidationError as bad:
        first = bad.errors()[0]
        name = f"options.{first['loc'][0]}"
        if first["type"] == "extra_forbidden":
            raise ScenarioError(
                f"this is no plan: unknown field {name!r}",
                where=where,
                fix=near_option(kind, str(first["loc"][0])),
            ) from None
        raise _bad(where, name, expected(kind, first), first["input"]) from None
    for name, one in declared(kind).items():
        for wrong in wrong_value(name, one, getattr(held, name)):
            problem = f"this is no plan: options.{name} can't be used"
            raise ScenarioError(problem, where=where, **wrong.details)
    return dict(held)


@contextmanager
def _named(name: str, where: str) -> Iterator[None]:
    """Report what is wrong with a name in a plan, with its field."""
    try:
        yield
    except UsageError as bad:
        problem = f"this is no plan: {name}: {bad.problem}"
        raise ScenarioError(problem, where=where, **bad.details) from None


def _bad(where: str, name: str, expected: str, found: Any) -> ScenarioError:
    problem = f"this is no plan: {name} can't be used"
    return ScenarioError(problem, where=where, expected=expected, found=shortened(found))


def shortened(value: Any) -> str:
    """Return a JSON value as a message shows it: in full if it is short."""
    return first_parts(json_text(value), 83)


def _check_names(data: dict[str, Any], where: str) -> None:
    known = [field.name for field in fields(Plan)]
    for name in data:
        if name not in known:
            raise ScenarioError(
                f"this is no plan: unknown field {name!r}",
                where=where,
                fix=meant(name, known) or f"Known fields: {', '.join(known)}",
            )


def _check_types(data: dict[str, Any], where: str) -> None:
    """Check the types of all fields but faults and operations, without converting any."""
    try:
        TypeAdapter(Plan).validate_json(
            json.dumps({**data, "operations": [], "faults": []}), strict=True
        )
    except ValidationError as bad:
        raise ScenarioError("this is no plan", where=where, found=_first(bad)) from None
    unknown = [name for name in data["model"] if name not in {"name", "bug", "digest"}]
    if unknown:
        raise _bad(where, "model", "name, bug and digest", unknown[0])


_NODE_NAMES = "names that are no client's or service's"

_PARTS = PlannedOperation._fields
_LEAST = len(_PARTS) - len(PlannedOperation._field_defaults)


def _check_operation_types(operations: list[Any], where: str) -> None:
    adapter = TypeAdapter(PlannedOperation)
    for rank, operation in enumerate(operations):
        if not isinstance(operation, list) or not _LEAST <= len(operation) <= len(_PARTS):
            rest = " and ".join(_PARTS[_LEAST:])
            parts = f"{', '.join(_PARTS[:_LEAST])} and perhaps {rest}"
            raise _bad(where, f"operations.{rank}", f"a list of {parts}", operation)
        try:
            adapter.validate_python(tuple(operation), strict=True)
        except ValidationError as bad:
            first = bad.errors()[0]
            names = [_PARTS[i] for i in first["loc"] if isinstance(i, int) and i < len(_PARTS)]
            place = ".".join(["operations", str(rank), *names])
            found = f"{place}: {first['msg']}"
            raise ScenarioError("this is no plan", where=where, found=found) from None


def _first(bad: Any) -> str:
    """Return the first complaint of a pydantic error, on one line."""
    first = bad.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _check_fields(plan: Plan, where: str) -> None:
    for name, (least, most) in bounds().items():
        value = getattr(plan, name)
        if value is not None and not least <= value <= most:
            raise _bad(where, name, f"an integer from {least} to {most}", value)
    _check_hash_seed(plan, where)
    _check_node_ids(plan, where)
    _check_regions(plan, where)
    _check_roles(plan, where)
    strangers = [name for name in plan.core if name not in plan.node_ids]
    if strangers:
        raise _bad(where, "core", "some of node_ids", strangers[0])
    if plan.topology not in TOPOLOGIES:
        raise _bad(where, "topology", f"one of {', '.join(TOPOLOGIES)}", plan.topology)
    _check_schedule(plan, where)
    _check_nemesis(plan, where)
    if not _is_availability(plan.availability):
        expected = "null, total, or a fraction from 0 to 1 as a text"
        raise _bad(where, "availability", expected, plan.availability)
    if not is_file(plan.workload):
        with _named("workload", where):
            load_workload(plan.workload)
    for text in plan.asserts:
        with _named("asserts", where):
            parse_assert(text)


def _check_nemesis(plan: Plan, where: str) -> None:
    places = () if plan.regions is None else plan.regions.names
    for asked in map(asked_of, plan.nemesis):
        if asked.kind not in {*GROUPS, *KINDS, ASKED}:
            known = ", ".join(dict.fromkeys([*GROUPS, *KINDS, ASKED]))
            raise _bad(where, "nemesis", f"some of {known}", asked.kind)
        if asked.role is not None and asked.role not in plan.roles:
            expected = f"a role of {', '.join(plan.roles) or 'none'}"
            raise _bad(where, "nemesis", expected, asked.role)
        if asked.region is not None and asked.region not in places:
            expected = f"a region of {', '.join(places) or 'none'}"
            raise _bad(where, "nemesis", expected, asked.region)


def _check_node_ids(plan: Plan, where: str) -> None:
    ids = plan.node_ids
    if not 1 <= len(ids) <= NODES_MAX or len(set(ids)) != len(ids):
        expected = f"1 to {NODES_MAX} names, all different"
        raise _bad(where, "node_ids", expected, list(ids))
    for name in ids:
        if not is_node_name(name):
            raise _bad(where, "node_ids", _NODE_NAMES, name)


def _check_regions(plan: Plan, where: str) -> None:
    """Hold regions to the nodes: each in one of them, and a latency for each way."""
    if plan.regions is None:
        return
    nodes = plan.regions.nodes
    placed = [node for ids in nodes.values() for node in ids]
    # One that was to join may stand in a region still, where the fault that added it is gone.
    if len({*placed}) < len(placed) or not {*plan.all_nodes} <= {*placed}:
        raise _bad(where, "regions.nodes", "each of node_ids in one region", placed)
    if len(nodes) < 2 or not all(nodes.values()):  # noqa: PLR2004 - one alone is no region
        raise _bad(where, "regions.nodes", "at least two regions, none of them empty", list(nodes))
    for name in placed:
        if not is_node_name(name):
            raise _bad(where, "regions.nodes", _NODE_NAMES, name)
    for name in nodes:
        if not re.fullmatch(NAME, name):
            raise _bad(where, "regions.nodes", "names of letters, digits, _ and -", name)
    _check_distances(plan.regions, where)


def _check_distances(regions: Regions, where: str) -> None:
    nodes, latency = regions.nodes, regions.latency
    if sorted(latency) != sorted(ways(nodes)):
        expected = f"one of each two regions, both ways: {', '.join(ways(nodes))}"
        raise _bad(where, "regions.latency", expected, list(latency))
    for key, each in latency.items():
        for value in (each.mean_ns, each.floor_ns):
            if not 0 <= value <= bounds()["latency_ns"][1]:
                expected = f"integers from 0 to {bounds()['latency_ns'][1]}"
                raise _bad(where, f"regions.latency.{key}", expected, value)


def _check_roles(plan: Plan, where: str) -> None:
    if not plan.roles:
        if plan.asks:
            raise _bad(where, "asks", "nothing, as the plan has no roles", plan.asks)
        return
    together = [name for names in plan.roles.values() for name in names]
    if together != [*plan.node_ids] or not all(plan.roles.values()):
        expected = "by role at least one node, together the node_ids in their order"
        raise _bad(where, "roles", expected, plan.roles)
    for role in plan.asks.values():
        if role is not None and role not in plan.roles:
            raise _bad(where, "asks", f"null or one of {', '.join(plan.roles)}", role)


def is_node_name(name: str) -> bool:
    """Return whether a name is no client's and no service's."""
    return bool(name) and name not in SERVICES and not (name[0] == "c" and name[1:].isdecimal())


def _check_hash_seed(plan: Plan, where: str) -> None:
    seed = plan.hash_seed
    if seed is not None and not 0 <= seed <= SEED_MAX:
        raise _bad(where, "hash_seed", f"null, or an integer from 0 to {SEED_MAX}", seed)


def _check_schedule(plan: Plan, where: str) -> None:
    try:
        check_schedule(plan.schedule)
    except ValueError:
        raise _bad(where, "schedule", FORMS, plan.schedule) from None


def _is_availability(text: str | None) -> bool:
    if text in {None, "total"}:
        return True
    try:
        return 0 <= float(str(text)) <= 1
    except ValueError:
        return False


def _check_faults(faults: tuple[Fault, ...], plan: Plan, where: str) -> None:
    seen: set[str] = set()
    there = [*plan.node_ids, *joiners_of(faults)]
    for fault in faults:
        if fault.id in seen:
            raise _bad(where, "faults", "an id of its own for each", fault.id)
        seen.add(fault.id)
        check_regions(fault, plan.regions.names if plan.regions else (), where)
        check_clients(fault, plan.workers, where)
        _check_aim(fault, plan, there, where)
        for place, name in _nodes_named(fault):
            if name not in there:
                named = "node_ids" if there == [*plan.node_ids] else "the nodes"
                expected = f"some of {named}, which are " + ", ".join(there)
                raise _bad(where, f"{place} of fault {fault.id!r}", expected, name)
    _check_members(faults, plan, where)


def _check_aim(fault: Fault, plan: Plan, there: list[str], where: str) -> None:
    """Hold the roles and the regions that a fault aims at, or waits at, to the plan's."""
    for place, text in whereabouts(fault):
        problem = f"this is no plan: {place} of fault {fault.id!r} can't be used"
        wrong = misaimed(text, plan.roles, there, plan.regions)
        if wrong is not None:
            raise ScenarioError(problem, where=where, **wrong)
    aim = aim_at(fault.target)
    if aim is not None and aim.region is not None and region_params(fault):
        problem = f"this is no plan: the target of fault {fault.id!r} can't be used"
        expected = "no region, as its parameter 'region' names one"
        raise ScenarioError(problem, where=where, expected=expected, found=repr(fault.target))


def _check_members(faults: tuple[Fault, ...], plan: Plan, where: str) -> None:
    """Check that nobody joins who is there, or was, and nobody who is named leaves twice."""
    been, left = [*plan.node_ids], set[str]()
    for fault in sorted(faults, key=lambda fault: fault.at_ns):
        if joins(fault):
            _check_join(fault, where)
            name = fault_param(fault, "node")
            if name in been or not is_node_name(name):
                expected = "the name of a node that there never was"
                raise _bad(where, f"the node of fault {fault.id!r}", expected, name)
            if plan.roles and role_of_name(name, plan.roles) is None:
                expected = f"a name of one of the roles {', '.join(plan.roles)}, such as shard7"
                raise _bad(where, f"the node of fault {fault.id!r}", expected, name)
            been.append(name)
        elif fault.kind == "leave":
            if not fault.target:
                expected = "the nodes that leave, or words for them such as one"
                raise _bad(where, f"the target of fault {fault.id!r}", expected, fault.target)
            named = fault.target if isinstance(fault.target, tuple) else (str(fault.target),)
            for name in named:
                if name in left:
                    expected = "a node that has not left before"
                    raise _bad(where, f"the target of fault {fault.id!r}", expected, name)
                left.update({name} & {*been})


def _check_join(fault: Fault, where: str) -> None:
    """Check that a node that joins is new, that no target means it, and that it joins at once."""
    if fault.target is not None:
        expected = "null, as its parameter node says who joins"
        raise _bad(where, f"the target of fault {fault.id!r}", expected, fault.target)
    if fault.until_ns != fault.at_ns and fault.when is None:
        expected = f"its at_ns, {fault.at_ns}, as a node joins at an instant"
        raise _bad(where, f"until_ns of fault {fault.id!r}", expected, fault.until_ns)


def _nodes_named(fault: Fault) -> Iterator[tuple[str, str]]:
    """Yield every name of a node in a fault, with its place."""
    target = fault.target
    if isinstance(target, tuple):
        yield from (("the target", name) for name in target)
    elif target is not None and target[-1:].isdecimal():
        yield "the target", target  # symbols and server states are words without a number
    if fault.when is not None and fault.when.node is not None and aim_of(fault.when.node).word:
        yield "when.node", fault.when.node
    groups = fault.params.get("groups", ())
    yield from (("groups", name) for group in groups for name in group)
    messages = fault.params.get("messages", ())
    yield from (("messages", name) for ends in messages for name in ends[:2])


def check_arguments(plan: Plan, where: str) -> None:
    """Check the operations and the options of a plan against what their workload declares.

    A user's workload is imported for that, so it must be trusted by then.

    Raises:
        ScenarioError: one is not the workload's.
    """
    _options(plan, where)
    known = load_workload(plan.workload).operations
    if plan.roles and {*plan.asks} != {*known}:
        raise _bad(where, "asks", f"a role, or null, for each of {', '.join(known)}", plan.asks)
    if plan.picks and {*plan.picks} != {*known}:
        expected = f"one of {', '.join(PICKS)} for each of {', '.join(known)}"
        raise _bad(where, "picks", expected, plan.picks)
    for rank, one in enumerate(plan.operations):
        name = f"operations.{rank}"
        if one.f not in known:
            raise _bad(where, f"{name}.f", f"one of {', '.join(known)}", one.f)
        if not 0 <= one.client < CLIENTS_MAX + NODES_MAX:
            raise _bad(where, f"{name}.client", f"an integer from 0 to {CLIENTS_MAX}", one.client)
        if one.number < 0:
            raise _bad(where, f"{name}.number", "an integer from 0", one.number)
        if not 0 <= one.at_ns <= 3 * _TIME_MAX_NS:
            raise _bad(where, f"{name}.at_ns", "virtual nanoseconds from 0", one.at_ns)
        if one.think_ns is not None and not 0 <= one.think_ns <= _TIME_MAX_NS:
            raise _bad(where, f"{name}.think_ns", "null, or nanoseconds from 0", one.think_ns)
        if not known[one.f].is_argument(one.value):
            expected = f"the argument of {one.f}: {known[one.f].argument_words()}"
            raise _bad(where, f"{name}.value", expected, one.value)
