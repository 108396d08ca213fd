"""Repro files: a plan with the verdict and digest to expect, as readable JSON.

Replay reads the plan, never the seed, so a changed generator does not break old files. A
file names each source file of its model with its digest, so that what has changed can be named
(`clew.scenarios.code.sources`).
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os.path import relpath
from pathlib import Path
from typing import Any

from clew.checkers.verdict import Verdict
from clew.errors import ScenarioError
from clew.formats.atomic import write_text
from clew.formats.regular import read_regular, unreadable
from clew.machine.hashing import hash_seed
from clew.machine.text import json_text
from clew.machine.version import __version__
from clew.scenarios.code.models import Model, load_model
from clew.scenarios.code.sources import sources_of
from clew.scenarios.code.workload_files import is_file
from clew.scenarios.judgement.outcome import Outcome
from clew.scenarios.options.names import wrong_model
from clew.scenarios.plans.plan import Plan
from clew.scenarios.plans.planfile import check_arguments, plan_from_json, shortened
from clew.scenarios.plans.roles import check_roles

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Repro:
    """The content of a repro file.

    Attributes:
        plan: what to run.
        verdict: the verdict to expect, as a word.
        signature: the kind of failure to expect.
        digest: the trace's digest to expect.
        versions: what wrote the file.
        sources: digests of the model's source files by name; empty in a file that has none.
        shrunk_from: for a shrunk plan, the seed and the sizes that it came from and the runs that
            it took, by name; empty for others.
    """

    plan: Plan
    verdict: str
    signature: str
    digest: str
    versions: dict[str, str]
    sources: dict[str, str] = field(default_factory=dict)
    shrunk_from: dict[str, int] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """Return the versions that a digest may depend on, to be compared by people."""
    return {"clew": __version__, "python": platform.python_version()}


def write_repro(outcome: Outcome, path: Path, shrunk_from: Mapping[str, int] | None = None) -> None:
    """Write a run's repro file, whole or not at all; ``shrunk_from`` is as in `Repro`."""
    data: dict[str, Any] = {
        "clew_repro": SCHEMA,
        "expect": {
            "verdict": outcome.verdict.value,
            "signature": outcome.signature,
            "digest": outcome.run.digest,
        },
        "versions": versions(),
        "sources": sources_of(outcome.model, outcome.run.plan.workload),
        **({"shrunk_from": dict(shrunk_from)} if shrunk_from else {}),
        "plan": outcome.run.plan.to_json(),
    }
    write_text(path, _readable(data))


def _readable(data: dict[str, Any]) -> str:
    """Write JSON with a line for each fault and each operation."""
    plan = dict(data["plan"])
    lists = {name: plan.pop(name) for name in ("faults", "operations")}
    head = json_text({**data, "plan": plan}, indent=2)
    assert head.endswith("\n  }\n}")
    parts = [head.removesuffix("\n  }\n}")]
    for name, items in lists.items():
        lines = ",\n      ".join(map(json_text, items))
        parts.append(
            f',\n    "{name}": [\n      {lines}\n    ]' if items else f',\n    "{name}": []'
        )
    return "".join([*parts, "\n  }\n}\n"])


def read_repro(path: Path) -> Repro:
    """Read a repro file's content.

    Raises:
        ScenarioError: it can't be read, is no repro file of this schema, or its model's file is
            not to be found.
    """
    if path.is_dir():
        raise ScenarioError(
            "this is a folder",
            where=str(path),
            expected="a repro.json that 'clew test' wrote",
            fix="Name the file in it",
        ) from None
    text = read_regular(path, ScenarioError)
    try:
        data = json.loads(text, parse_constant=_no_json)
    except json.JSONDecodeError as bad:
        raise ScenarioError(
            "this is not JSON", where=f"{path}:{bad.lineno}", found=bad.msg
        ) from None
    except (ValueError, RecursionError) as bad:
        # a number with too many digits, or lists nested too deeply
        raise unreadable(path, ScenarioError, bad) from None
    _check_schema(data, str(path))
    try:
        plan = plan_from_json(data.get("plan"), str(path))
    except RecursionError as bad:
        raise unreadable(path, ScenarioError, bad) from None
    _check_model(plan, str(path))
    expect = _texts(data, "expect", str(path))
    verdicts = [verdict.value for verdict in Verdict]
    if expect.get("verdict") not in verdicts:
        raise ScenarioError(
            "expect.verdict can't be used",
            where=str(path),
            expected=f"one of {', '.join(verdicts)}",
            found=shortened(expect.get("verdict")),
        )
    return Repro(
        _placed(plan, path),
        expect["verdict"],
        expect.get("signature", ""),
        expect.get("digest", ""),
        _texts(data, "versions", str(path)),
        _texts(data, "sources", str(path)),
        _origin(data, str(path)),
    )


def _no_json(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _check_schema(data: Any, where: str) -> None:
    if not isinstance(data, dict) or "clew_repro" not in data:
        raise ScenarioError(
            "this is no repro file",
            where=where,
            expected=f'an object with "clew_repro": {SCHEMA}',
            fix="Name a repro.json that 'clew test' wrote",
        )
    if data["clew_repro"] != SCHEMA:
        version = _texts(data, "versions", where).get("clew")
        writer = f"Clew {version}" if version else "the version of Clew"
        raise ScenarioError(
            "this repro file has another schema",
            where=where,
            expected=f"schema {SCHEMA}",
            found=f"schema {shortened(data['clew_repro'])}",
            fix=f"Replay it with {writer} that wrote it",
        )


def _check_model(plan: Plan, where: str) -> None:
    """Check that a model and its bug that are not in a file are among those that ship."""
    for wrong in wrong_model(plan.model.name, plan.model.bug):
        problem = f"this is no plan: {wrong.option} can't be used"
        raise ScenarioError(problem, where=where, **wrong.details)


def _placed(plan: Plan, path: Path) -> Plan:
    """Return the plan with its model's and workload's files as seen from the working directory.

    A relative path is looked for from there, then from the folders above the repro file: the path
    starts at the folder in which the test ran, which is usually above the repro file.

    Raises:
        ScenarioError: the file is in none of them.
    """
    name = _seen("model", plan.model.name, path)
    workload = _seen("workload", plan.workload, path)
    return replace(plan, model=replace(plan.model, name=name), workload=workload)


def _seen(what: str, reference: str, path: Path) -> str:
    name, colon, class_name = reference.partition(":")
    if not is_file(reference) or Path(name).is_file():
        return reference
    tried = () if Path(name).is_absolute() else path.absolute().parents
    root = next((folder for folder in tried if (folder / name).is_file()), None)
    if root is None:
        raise ScenarioError(
            f"the file of the {what} is not there",
            where=str(path),
            expected=name + (f" in {Path.cwd()} or a folder above the repro file" if tried else ""),
            fix="Run it in the folder in which the test ran, or put the file back",
        )
    # Not shortened: it is written beside the repro file, and must be found from other folders too.
    seen = Path(relpath(root)) / name
    return f"{seen}{colon}{class_name}"


def _texts(data: dict[str, Any], name: str, where: str) -> dict[str, str]:
    """Read an object of texts; empty if the file has none of this name.

    Raises:
        ScenarioError: it is something else.
    """
    found = data.get(name, {})
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ScenarioError(
            f"{name} can't be used",
            where=where,
            expected="an object of texts",
            found=shortened(found),
            fix="Name a repro.json that 'clew test' wrote",
        )
    return found


def _origin(data: dict[str, Any], where: str) -> dict[str, int]:
    found = data.get("shrunk_from", {})
    if not isinstance(found, dict) or not all(type(count) is int for count in found.values()):
        raise ScenarioError(
            "shrunk_from can't be used",
            where=where,
            expected="an object of integers",
            found=shortened(found),
        )
    return found


def model_of(plan: Plan, where: str = "the plan") -> Model:
    """Load the model of a plan; a user's workload is loaded too, and checks the operations.

    Raises:
        ClewError: one of them can't be loaded, or an operation is not the workload's.
    """
    model = load_model(plan.model.name, plan.model.bug)
    check_roles(plan, model, where)
    if is_file(plan.workload):
        check_arguments(plan, where)
    return model


def changed_sources(repro: Repro, model: Model) -> list[str]:
    """List the model's source files that have changed since a repro file was written.

    Each has a word on how; empty if all are the same. With a file without such a list, or a model
    in memory, only the fact that something has changed is known.
    """
    if not repro.sources:
        known = repro.plan.model.digest
        same = not known or not model.digest or known == model.digest
        return [] if same else [f"the source of {model.name}"]
    now = sources_of(model, repro.plan.workload)
    return [
        name
        if name in now and name in repro.sources
        else f"{name} ({'new' if name in now else 'gone'})"
        for name in sorted({**repro.sources, **now})
        if repro.sources.get(name) != now.get(name)
    ]


def differences(repro: Repro, outcome: Outcome) -> list[str]:
    """List what differs from what the file says, with possible reasons; empty if nothing."""
    told = []
    if outcome.verdict.value != repro.verdict:
        told.append(f"the verdict is {outcome.verdict.value}, the file says {repro.verdict}")
    elif outcome.signature != repro.signature:
        told.append(f"it fails as '{outcome.signature}', the file says '{repro.signature}'")
    if outcome.run.digest != repro.digest:
        told.append(f"the digest is {outcome.run.digest}, the file says {repro.digest}")
    if not told:
        return []
    changed = changed_sources(repro, outcome.model)
    if changed:
        told.append(f"changed since the file was written: {', '.join(changed)}")
    now_seed, then_seed = hash_seed(), repro.plan.hash_seed
    if then_seed is not None and now_seed != then_seed:
        told.append(f"PYTHONHASHSEED is not {then_seed}, under which the file was written")
    told += [
        f"{name} is {now}, the file was written with {repro.versions.get(name)}"
        for name, now in versions().items()
        if repro.versions.get(name) != now
    ]
    return told
