"""Scenarios by name: users' files, folders of them, and those that ship."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from os.path import normpath
from pathlib import Path
from typing import Any, TypeAlias

from clew.errors import ScenarioError
from clew.models.registry import MODELS, bugs_of
from clew.scenarios.code.workload_files import is_file
from clew.scenarios.options.scenario import Scenario, make_scenario
from clew.scenarios.suites.families import shipped
from clew.scenarios.suites.files import read_scenario

_NAME_LENGTH_MAX = 120

Source: TypeAlias = Path | str
"""Where a scenario comes from: a user's file, or the name of one that ships."""


def scenario_files(path: Path) -> list[Path]:
    """List the scenario files that a path means: itself, or all ``*.toml`` below a folder.

    They come in the order of their paths; names that begin with a dot are left out.

    Raises:
        ScenarioError: there is no such path, or no scenario file in the folder.
    """
    if not path.exists():
        raise ScenarioError("there is no such file", where=str(path), fix="Check the path")
    if not path.is_dir():
        return [path]
    found = [
        file
        for file in path.rglob("*.toml")
        if file.is_file() and not any(p.startswith(".") for p in file.relative_to(path).parts)
    ]
    if not found:
        raise ScenarioError(
            "there is no scenario in this folder",
            where=str(path),
            expected="files that end in .toml",
            fix="Check the path",
        )
    return sorted(found, key=lambda file: file.relative_to(path).parts)


def scenario_source(name: str) -> Source | None:
    """Find the one scenario that a name means, a user's or shipped; None if it is a model."""
    if name.endswith(".toml"):
        return Path(name)
    known = name not in MODELS and not is_file(name) and name in shipped()
    return name if known else None


def artefact_names(sources: Iterable[Source]) -> dict[Source, str]:
    """Name the artefacts of scenarios' runs, all different.

    Each is a path as one word; if two are the same, a digest of each path is added.
    """
    names = {source: _artefact_name(source) for source in sources}
    many = Counter(names.values())
    return {
        source: name
        if many[name] == 1
        else f"{name}-{blake2b(Path(source).as_posix().encode(), digest_size=4).hexdigest()}"
        for source, name in names.items()
    }


def _artefact_name(source: Source) -> str:
    parts = Path(source).with_suffix("").parts
    words = "-".join(part for part in parts if part != "..")
    return re.sub(r"[^\w.]+", "-", words)[-_NAME_LENGTH_MAX:].strip("-")


def options_of(source: Source) -> dict[str, Any]:
    """Read the options of a scenario; a user's file that it names is relative to it.

    Raises:
        ScenarioError: it can't be read, or something in it is wrong.
    """
    if isinstance(source, str):
        return dict(shipped()[source])
    options = read_scenario(source)
    for option in ("model", "workload"):
        asked = str(options.get(option, ""))
        if is_file(asked):
            name, colon, class_name = asked.partition(":")
            options[option] = f"{_beside(source.parent, name)}{colon}{class_name}"
    return options


def _beside(folder: Path, name: str) -> Path:
    """Return a file as seen from a folder, without the ``..`` that mean nothing."""
    seen = folder / name
    short = Path(normpath(seen))
    # Behind a link to a folder, the way back is a different one.
    same = short.is_file() and seen.is_file() and short.samefile(seen)
    return short if same else seen


def scenario_from(options: Mapping[str, Any]) -> Scenario:
    """Make the scenario of options; if it plants a bug, the bug's own options are the defaults.

    Raises:
        UsageError: an option is unknown or wrong.
    """
    bug = options.get("bug")
    planted = bugs_of(str(options["model"])).get(str(bug)) if bug else None
    return make_scenario({**(planted.scenario if planted else {}), **options})
