"""A fault as a plan holds it: plain data, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from clew.errors import ScenarioError
from clew.sim.trigger import Trigger, read_trigger

Target: TypeAlias = str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that will go wrong.

    Attributes:
        id: unique in its plan; every draw the fault makes is keyed by it, so removing another
            fault changes nothing about this one.
        kind: a key of `clew.sim.faults.KINDS`.
        at_ns: when it begins, virtual ns.
        until_ns: when it ends; the same as `at_ns` for what happens at an instant. A fault that
            aims at a server state waits until then for a node to be in it.
        target: node ids, or a symbol that is resolved when the fault strikes (see
            `clew.sim.faults.targets.SYMBOLS`; any other word is a server state), perhaps with
            a role; None for the kind's own default.
        params: the kind's parameters by name, JSON values; those left out have their defaults.
        when: what it waits for; None for a fault that strikes at its time. One that waits is armed
            from `at_ns` until `until_ns`, and lasts as long as its trigger says.
    """

    id: str
    kind: str
    at_ns: int
    until_ns: int
    target: Target = None
    params: dict[str, Any] = field(default_factory=dict)
    when: Trigger | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `clew.sim.faults.fault_from_json` turns into an equal fault."""
        plain = {
            "id": self.id,
            "kind": self.kind,
            "at_ns": self.at_ns,
            "until_ns": self.until_ns,
            "target": list(self.target) if isinstance(self.target, tuple) else self.target,
            "params": dict(self.params),
        }
        # A plan without triggers reads as it did before there were any.
        return plain if self.when is None else {**plain, "when": self.when.to_json()}


_FIELDS = ("id", "kind", "at_ns", "until_ns", "target", "params", "when")


def read_fault(value: Any, where: str) -> Fault:
    """Read a fault with fields of the right types; `fault_from_json` also checks their values."""
    if not isinstance(value, dict):
        raise ScenarioError(
            "bad fault", where=where, expected="an object", found=repr(value)
        )  # fmt: skip
    place = f"{where}: fault {value['id']!r}" if isinstance(value.get("id"), str) else where
    for name in value:
        if name not in _FIELDS:
            expected = f"one of {', '.join(_FIELDS)}"
            raise ScenarioError("unknown field", where=place, expected=expected, found=repr(name))
    params = value.get("params", {})
    if not isinstance(params, dict):
        raise ScenarioError("bad 'params'", where=place, expected="an object", found=repr(params))
    return Fault(
        id=_field(value, "id", str, place),
        kind=_field(value, "kind", str, place),
        at_ns=_field(value, "at_ns", int, place),
        until_ns=_field(value, "until_ns", int, place),
        target=_target(value.get("target"), place),
        params=dict(params),
        when=read_trigger(value["when"], place) if value.get("when") is not None else None,
    )


def _field(value: Mapping[str, Any], name: str, kind: type[Any], where: str) -> Any:
    found = value.get(name)
    if type(found) is not kind:
        expected = "a text" if kind is str else "an integer"
        told = repr(found) if name in value else "nothing"
        raise ScenarioError(f"bad {name!r}", where=where, expected=expected, found=told)
    return found


def _target(value: Any, where: str) -> Target:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value) and value:
        return tuple(value)
    expected = "a node id, a list of them, a server state or a symbol such as 'minority'"
    raise ScenarioError("bad 'target'", where=where, expected=expected, found=repr(value))
