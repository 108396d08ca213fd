"""The table of every kind of fault, and the check that a fault is one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from clew.errors import ScenarioError
from clew.machine.text import first_parts
from clew.sim.faults import (
    clocks,
    disks,
    membership,
    message_types,
    messages,
    partitions,
    processes,
    regions,
    restarts,
)
from clew.sim.faults.fault import Fault, read_fault
from clew.sim.faults.injection import Injection, Parameter
from clew.sim.faults.targets import IT

KINDS: dict[str, type[Injection]] = {
    "partition-halves": partitions.Halves,
    "partition-random-halves": partitions.RandomHalves,
    "partition-one": partitions.IsolateTarget,
    "partition-minority-third": partitions.MinorityThird,
    "partition-majorities-ring": partitions.MajoritiesRing,
    "partition-bridge": partitions.Bridge,
    "partition-one-way": partitions.OneWay,
    "partition-groups": partitions.Groups,
    "loss": messages.Loss,
    "duplicate": messages.Duplicate,
    "delay-constant": messages.ConstantDelay,
    "delay-uniform": messages.UniformDelay,
    "delay-exponential": messages.ExponentialDelay,
    "delay-long-tailed": messages.LongTailedDelay,
    "slow-link": messages.SlowLink,
    "reorder": messages.Reorder,
    "flap-link": partitions.FlapLink,
    "flap-node": partitions.FlapNode,
    "kill": processes.Kill,
    "pause": processes.Pause,
    "slow": processes.Slow,
    "clock-offset": clocks.Offset,
    "clock-drift": clocks.Drift,
    "clock-jump": clocks.Jump,
    "clock-strobe": clocks.Strobe,
    "disk-lost": disks.DiskLost,
    "disk-torn": disks.DiskTorn,
    "region-cut": regions.RegionCut,
    "region-one-way": regions.RegionOneWay,
    "region-slow": regions.RegionSlow,
    "region-kill": regions.RegionKill,
    "region-move": regions.RegionMove,
    "join": membership.Join,
    "leave": membership.Leave,
    "message-loss": message_types.MessageLoss,
    "message-hold": message_types.MessageHold,
    "message-copy": message_types.MessageCopy,
    "echo": message_types.Echo,
    "freeze": processes.Freeze,
    "restart-all": restarts.RestartAll,
    "restart-rolling": restarts.RestartRolling,
    "clock-stop": clocks.Stop,
    "disk-restored": disks.DiskRestored,
    "flap-steady": partitions.FlapSteady,
}

PLANNED: dict[str, type[Injection]] = {
    "drop": messages.Drop,
    "hold": message_types.Hold,
    "copy": message_types.Copy,
    "partition-standing": partitions.Standing,
}
"""Kinds that a plan may hold and that no generator draws."""


def _families() -> dict[str, tuple[str, ...]]:
    """List the kinds of each family; those apart only if there are no others."""
    whole: dict[str, list[str]] = {}
    for name, kind in KINDS.items():
        whole.setdefault(kind.group, []).append(name)
    drawn = {group: [n for n in of_it if not KINDS[n].apart] for group, of_it in whole.items()}
    return {group: tuple(drawn[group] or of_it) for group, of_it in whole.items()}


GROUPS: dict[str, tuple[str, ...]] = _families()
"""The kinds that each family's name means on the command line."""


def group_of(kind: str) -> str:
    """Return the family of a kind, by its name on the command line."""
    return injection_of(kind).group


def injection_of(kind: str) -> type[Injection]:
    """Return the class of a kind.

    Raises:
        KeyError: there is no kind of this name.
    """
    return KINDS[kind] if kind in KINDS else PLANNED[kind]


def nodes_of(fault: Fault) -> list[str]:
    """Return every node that a fault's parameters name, in order."""
    return [
        name
        for parameter in injection_of(fault.kind).parameters
        if parameter.form is not None and parameter.name in fault.params
        for name in parameter.form.nodes(fault.params[parameter.name])
    ]


def joins(fault: Fault) -> bool:
    """Return whether a fault adds a node to the cluster, which it does at an instant."""
    return fault.kind == "join"


def joiners_of(faults: Iterable[Fault]) -> list[str]:
    """Return the nodes that faults add to a cluster, in the order of the faults."""
    return [fault_param(fault, "node") for fault in faults if joins(fault)]


def fault_param(fault: Fault, name: str) -> Any:
    """Return a parameter of a fault, or its default."""
    defaults = {known.name: known.default for known in injection_of(fault.kind).parameters}
    return fault.params.get(name, defaults[name])


def region_params(fault: Fault) -> list[str]:
    """Return those of a fault's parameters that name regions, in order."""
    return [each.name for each in injection_of(fault.kind).parameters if each.region]


def regions_of(fault: Fault) -> list[str]:
    """Return every region that a fault's parameters name, in order."""
    return [fault.params[name] for name in region_params(fault) if fault.params.get(name)]


def has_regions(fault: Fault, there: Collection[str]) -> bool:
    """Return whether a fault finds all the regions that it needs and names."""
    named = regions_of(fault)
    enough = injection_of(fault.kind).least_regions <= len(there)
    return enough and {*named} <= {*there} and len({*named}) == len(named)


def check_regions(fault: Fault, there: Collection[str], where: str = "faults") -> None:
    """Do nothing for a fault that has the regions it needs, and names none that is not there.

    Raises:
        ScenarioError: it has not, or does.
    """
    where = f"{where}: fault {fault.id!r}"
    least, named = injection_of(fault.kind).least_regions, regions_of(fault)
    known = ", ".join(there) or "none"
    if least > len(there):
        raise ScenarioError(f"{fault.kind} can't do anything without regions", where=where,
                            expected=f"at least {least} regions", found=known)  # fmt: skip
    for name in named:
        if name not in there:
            raise ScenarioError("no such region", where=where, expected=f"one of {known}",
                                found=repr(name))  # fmt: skip
    if len({*named}) < len(named):
        raise ScenarioError(f"{fault.kind} takes two regions", where=where,
                            expected="different ones", found=named[0])  # fmt: skip


def client_params(fault: Fault) -> dict[str, str]:
    """Return those of a fault's parameters that name clients, with the names."""
    return {
        each.name: fault.params[each.name]
        for each in injection_of(fault.kind).parameters
        if each.client and fault.params.get(each.name)
    }


def check_clients(fault: Fault, there: Collection[str], where: str = "faults") -> None:
    """Do nothing for a fault that names no client that is not there.

    Raises:
        ScenarioError: it does.
    """
    for name in client_params(fault).values():
        if name not in there:
            known = first_parts(", ".join(there), 83) or "none"
            raise ScenarioError("no such client", where=f"{where}: fault {fault.id!r}",
                                expected=f"one of {known}", found=repr(name))  # fmt: skip


def params_among(fault: Fault, node_ids: Collection[str]) -> dict[str, Any]:
    """Return the part of a fault's parameters that concerns some nodes."""
    forms = {known.name: known.form for known in injection_of(fault.kind).parameters}
    return {
        name: value if (form := forms.get(name)) is None else form.among(value, node_ids)
        for name, value in fault.params.items()
    }


def fault_from_json(value: Any, where: str = "faults") -> Fault:
    """Read the fault that a JSON object describes.

    Args:
        value: what `Fault.to_json` gives; ``target`` and ``params`` may be left out.
        where: the place of the list that holds it, for messages.

    Raises:
        ScenarioError: it does not describe a fault; the message names it.
    """
    fault = read_fault(value, where)
    check_fault(fault, where)
    return fault


def check_fault(fault: Fault, where: str = "faults") -> None:
    """Do nothing for a fault that can be run.

    Raises:
        ScenarioError: its kind is unknown, it ends before it begins, or a parameter is wrong.
    """
    where = f"{where}: fault {fault.id!r}"
    kind = KINDS.get(fault.kind) or PLANNED.get(fault.kind)
    if kind is None:
        expected = "one of " + ", ".join([*KINDS, *PLANNED])
        raise ScenarioError("unknown kind of fault", where=where, expected=expected,
                            found=repr(fault.kind))  # fmt: skip
    if not 0 <= fault.at_ns <= fault.until_ns:
        raise ScenarioError("bad times", where=where, expected="0 <= at_ns <= until_ns",
                            found=f"{fault.at_ns} and {fault.until_ns}")  # fmt: skip
    if fault.target == IT and fault.when is None:
        raise ScenarioError(f"the target {IT!r} is the node of what a fault waits for", where=where,
                            expected="a 'when', or another target", found="neither")  # fmt: skip
    known = {parameter.name: parameter for parameter in kind.parameters}
    for name, value in fault.params.items():
        if name not in known:
            expected = ", ".join(known) or "none"
            raise ScenarioError(f"{fault.kind} has no such parameter", where=where,
                                expected=expected, found=repr(name))  # fmt: skip
        _check_parameter(known[name], value, where)


def _check_parameter(parameter: Parameter, value: Any, where: str) -> None:
    if parameter.region:
        right, expected = isinstance(value, str), "the name of a region, or an empty text"
    elif parameter.client:
        right, expected = isinstance(value, str), "the name of a client, or an empty text"
    elif parameter.form is not None:
        right, expected = parameter.form.holds(value), parameter.form.expected
    elif parameter.choices:
        right, expected = value in parameter.choices, "one of " + ", ".join(parameter.choices)
    else:
        right = type(value) is int and parameter.low <= value <= parameter.high
        expected = f"an integer from {parameter.low} to {parameter.high}"
    if not right:
        raise ScenarioError(f"bad parameter {parameter.name!r}", where=where, expected=expected,
                            found=repr(value))  # fmt: skip
