"""What a repro file may import: files of its own project, as they were when it was written.

A repro file names code, and whoever sends one names it for somebody else to run. So nothing that it
names is imported before this has been decided from the files' bytes alone: the files of the model
and of the workload lie in the file's project, every source has the digest that the repro file
states, and nothing that they import from their own folders is missing from that list. What ships
is Clew's own code, and needs no such look.

Left out: what installed packages hold, and what code imports by names that it computes. The first
is the environment's, as for any program; the second is found after the import (`changed_sources`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from shlex import quote

from clew.errors import ScenarioError
from clew.scenarios.load import Model
from clew.scenarios.plan import Plan
from clew.scenarios.repro import Repro, changed_sources, model_of
from clew.scenarios.sources import DIGITS, OF_THE_WORKLOAD, in_one_file
from clew.scenarios.workload_files import is_file

MARKERS = (".git", ".hg", "pyproject.toml", "setup.cfg", "setup.py")
"""What the top folder of a project holds."""

OUT = "out"
"""The folder of artefacts, as `clew test` names it where nothing else is said."""


def trusted_model(
    repro: Repro,
    path: Path,
    say: Callable[[str], None],
    *,
    changed_model: bool = False,
    allow_outside: bool = False,
) -> tuple[Model, list[str]]:
    """The model of a repro file, imported once that is known to be safe, and what has changed.

    Args:
        repro: what the file says.
        path: the file.
        say: takes one line that names what will be imported, before it is.
        changed_model: take sources that are not what they were.
        allow_outside: take a file outside the repro file's project.

    Raises:
        ScenarioError: a source has changed, or lies outside the project.
        ClewError: the model can't be loaded.
    """
    plan = repro.plan
    files = _users_files(plan)
    for what, reference in (("model", plan.model.name), ("workload", plan.workload)):
        file = _users_file(reference)
        if file is not None and not allow_outside and _is_outside(path, file):
            raise ScenarioError(
                f"the {what}'s file lies outside the project of this file",
                where=str(path),
                expected=f"a file below {' or '.join(map(str, projects_of(path)))}",
                found=str(file.resolve()),
                fix="Read that file first; then say --allow-outside to run it",
            )
    if files:
        changed = [
            name for prefix, file in files.items() for name in _changed_bytes(repro, prefix, file)
        ]
        _refuse(changed, path, changed_model=changed_model)
        own = (f"{prefix}{file.name}" for prefix, file in files.items())
        names = ", ".join(sorted({*own, *repro.sources}))
        state = f"changed since: {', '.join(changed)}" if changed else "as when it was written"
        say(f"{path} names code, which is imported now: {names} ({state})")
    model = model_of(plan, str(path))
    changed = changed_sources(repro, model)
    _refuse(changed, path, changed_model=changed_model)
    return model, changed


def _users_files(plan: Plan) -> dict[str, Path]:
    """The users' files that a plan names, by what stands before them in a list of sources."""
    model, workload = _users_file(plan.model.name), _users_file(plan.workload)
    found = {} if model is None else {"": model}
    if workload is not None and not in_one_file(plan.model.name, plan.workload):
        found[OF_THE_WORKLOAD] = workload
    return found


def _refuse(changed: list[str], path: Path, *, changed_model: bool) -> None:
    if changed and not changed_model:
        raise ScenarioError(
            "the model's source has changed since this file was written",
            where=str(path),
            found=", ".join(changed),
            fix="Say --changed-model to run it nevertheless, or go back to the source it was "
            "written with",
        )


def is_outside(path: Path, *references: str) -> bool:
    """True where one names a user's file that lies in none of the projects of a repro file.

    Args:
        path: the repro file.
        references: of a model and a workload, as a plan has them.
    """
    files = [file for file in map(_users_file, references) if file is not None]
    return any(_is_outside(path, file) for file in files)


def _is_outside(path: Path, file: Path) -> bool:
    place = file.resolve()
    return not any(root in place.parents for root in projects_of(path))


def replay_command(file: str, *references: str) -> str:
    """Name the command that replays a repro file of a model and a workload, as shells take it."""
    outside = " --allow-outside" if is_outside(Path(file), *references) else ""
    return f"clew replay {quote(file)}{outside}"


def projects_of(path: Path) -> list[Path]:
    """The folders in which a repro file's model may lie: its project, and the working directory.

    The project is the nearest folder above the file that holds one of `MARKERS`; where there is
    none, the one that holds the artefacts' folder, else the file's own. A working directory that
    is the root of the file system says nothing.
    """
    above = path.resolve().parents
    marked = next((one for one in above if any((one / name).exists() for name in MARKERS)), None)
    holder = next((one.parent for one in above if one.name == OUT), None)
    project = marked or holder or above[0]
    here = Path.cwd().resolve()
    known = [project] if here == Path(here.anchor) else [project, here]
    return list(dict.fromkeys(known))


def _users_file(reference: str) -> Path | None:
    """The file that a reference means; None for what ships, is installed or is in memory."""
    return Path(reference.partition(":")[0]) if is_file(reference) else None


def _changed_bytes(repro: Repro, prefix: str, file: Path) -> list[str]:
    """The sources that are not what a repro file says, by name with how, from their bytes alone.

    Args:
        repro: what the file says.
        prefix: what stands before the names of these sources.
        file: the user's file that is imported.
    """
    if not repro.sources:
        return [f"{file.name} (the repro file lists no sources)"]
    root = file.resolve().parent
    listed = {
        name.removeprefix(prefix): digest
        for name, digest in sorted(repro.sources.items())
        if name.startswith(OF_THE_WORKLOAD) == bool(prefix)
    }
    told = []
    for name, digest in listed.items():
        source = root / name
        if not source.is_file():
            told.append(f"{prefix}{name} (gone)")
        elif sha256(source.read_bytes()).hexdigest()[:DIGITS] != digest:
            told.append(f"{prefix}{name}")
    known = {file.name, *listed}
    if file.name not in listed:
        told.append(f"{prefix}{file.name} (new)")
    beside = known | {*repro.sources} if _in_one_folder(repro.plan) else known
    for name in sorted(known):
        new = (one for one in _imported_beside(root / name, root) if one not in beside)
        told += [f"{prefix}{one} (new)" for one in new]
    return list(dict.fromkeys(told))


def _in_one_folder(plan: Plan) -> bool:
    """True where the model's and the workload's files share what lies beside them."""
    model, workload = _users_file(plan.model.name), _users_file(plan.workload)
    if model is None or workload is None:
        return False
    return model.resolve().parent == workload.resolve().parent


def _imported_beside(source: Path, root: Path) -> Iterator[str]:
    """The files of a folder that a source imports by name, relative to the folder.

    It is read, not run; what can't be parsed imports nothing.
    """
    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        for module in _modules(node):
            parts = module.split(".")
            for depth in range(1, len(parts) + 1):
                base = root.joinpath(*parts[:depth])
                for found in (base.with_suffix(".py"), base / "__init__.py"):
                    if found.is_file():
                        yield found.relative_to(root).as_posix()


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{each.name}" for each in node.names)
