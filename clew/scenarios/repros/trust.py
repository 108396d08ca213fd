"""What a file that names code may import: its own project's files, as they were when written.

A repro file names code, and whoever sends one makes somebody else run that code. So nothing that it
names is imported before the following has been established from the files' bytes alone: the files
of the model and of the workload lie in the file's project, every source has the digest that the
repro file states, and nothing that they import from their own folders is missing from that list.
What ships is Clew's own code, and needs no such check. A database of sweeps, which may come from a
cache, names code as well, without digests; the user's own commands run what is in the project as it
is now.

What code imports by computed names is checked when it does so, by `clew.scenarios.code.gate`.

Left out: what installed packages hold, which is the environment's, as for any program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from os.path import realpath
from pathlib import Path
from shlex import quote

from clew.errors import ScenarioError
from clew.scenarios.code.gate import Gate, standing_by
from clew.scenarios.code.imports import reached
from clew.scenarios.code.models import Model
from clew.scenarios.code.sources import DIGITS, OF_THE_WORKLOAD, in_one_file, name_from
from clew.scenarios.code.workload_files import is_file
from clew.scenarios.plans.plan import Plan
from clew.scenarios.repros.repro import Repro, changed_sources, model_of

MARKERS = (".git", ".hg", "pyproject.toml", "setup.cfg", "setup.py")
"""The names by which the top folder of a project is recognised."""

OUT = "out"
"""The default folder of artefacts of `clew test`."""


Say = Callable[[str], None]


@contextmanager
def trusted_model(
    repro: Repro,
    path: Path,
    say: Say,
    *,
    changed_model: bool = False,
    allow_outside: bool = False,
) -> Iterator[tuple[Model, list[str]]]:
    """Import a repro file's model once that is known to be safe; yield it with what has changed.

    It runs inside this context, in which nothing is imported that was not announced.

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
    sources = {
        f"{prefix}{name_from(each, file.resolve().parent)}": each
        for prefix, file in files.items()
        for each in _sources(repro, prefix, file)
    }
    if not allow_outside:
        check_inside(path, plan.model.name, plan.workload)
        for source in sources.values():
            _check_inside(path, source, "a source of the model")
    gate = _gate(path, files.values(), sources.values(), say)
    gate.inside, gate.outside = changed_model, allow_outside
    changed = [each for item in files.items() for each in _changed_bytes(repro, *item)]
    _refuse(changed, path, changed_model=changed_model)
    if files:
        names = ", ".join(sorted({*sources, *repro.sources}))
        state = f"changed since: {', '.join(changed)}" if changed else "as when it was written"
        say(f"{path} names code, which is imported now: {names} ({state})")
    with standing_by(gate if files else None):
        model = model_of(plan, str(path))
        if not repro.sources or "" not in files:  # otherwise each has been compared
            changed = changed_sources(repro, model)
            _refuse(changed, path, changed_model=changed_model)
        yield model, changed


def _gate(path: Path, files: Iterable[Path], sources: Iterable[Path], say: Say) -> Gate:
    """Make a gate for users' files and their sources, as these are now."""
    return Gate(
        str(path),
        {realpath(place): sha256(place.read_bytes()).hexdigest() for place in sources},
        [*(str(file.resolve().parent) for file in files), *map(str, projects_of(path))],
        late=lambda place: say(f"{path} names code, which imports now: {place}"),
    )


def check_inside(path: Path, *references: str | None) -> None:
    """Do nothing if the users' files that a file names lie in one of its projects.

    Args:
        path: the file.
        references: of a model and a workload, as a plan has them.

    Raises:
        ScenarioError: one lies elsewhere.
    """
    for what, reference in zip(("model", "workload"), references, strict=True):
        file = None if reference is None else _users_file(reference)
        if file is not None:
            _check_inside(path, file, f"the {what}'s file")


def _check_inside(path: Path, file: Path, what: str) -> None:
    if _is_outside(path, file):
        raise ScenarioError(
            f"{what} lies outside the project of this file",
            where=str(path),
            expected=f"a file below {' or '.join(map(str, projects_of(path)))}",
            found=str(file.resolve()),
            fix="Read that file first; then say --allow-outside to run it",
        )


def announced(path: Path, references: Iterable[str | None]) -> str:
    """Return the line that names what is imported for a file's references; empty if nothing."""
    named = (file for each in references if each and (file := _users_file(each)) is not None)
    files = [file for file in named if file.is_file()]
    places = dict.fromkeys(
        each for file in files for each in reached([file.resolve()], file.resolve().parent)
    )
    here = Path.cwd().resolve()
    names = [str(each.relative_to(here) if here in each.parents else each) for each in places]
    return f"{path} names code, which is imported now: {', '.join(sorted(names))}" if names else ""


def _users_files(plan: Plan) -> dict[str, Path]:
    """Return the users' files that a plan names, by their prefix in a list of sources."""
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
    """Return whether one names a user's file that is in none of the projects of a repro file.

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
    """Return where a repro file's model may lie: its project, and the working directory.

    The project is the nearest folder above the file that holds one of `MARKERS`; without one, it is
    the folder that holds the artefacts' folder, or else the file's own. A working directory that is
    the root of the file system does not count.
    """
    above = path.resolve().parents
    marked = next((one for one in above if any((one / name).exists() for name in MARKERS)), None)
    holder = next((one.parent for one in above if one.name == OUT), None)
    project = marked or holder or above[0]
    here = Path.cwd().resolve()
    known = [project] if here == Path(here.anchor) else [project, here]
    return list(dict.fromkeys(known))


def _users_file(reference: str) -> Path | None:
    """Return the file that a reference means; None for what ships, is installed or is in memory."""
    return Path(reference.partition(":")[0]) if is_file(reference) else None


def _listed(repro: Repro, prefix: str) -> dict[str, str]:
    """Return the digests that a repro file states for sources with a prefix, without it."""
    return {
        name.removeprefix(prefix): digest
        for name, digest in sorted(repro.sources.items())
        if name.startswith(OF_THE_WORKLOAD) == bool(prefix)
    }


def _sources(repro: Repro, prefix: str, file: Path) -> list[Path]:
    """Return the existing files of a user's file: itself, those listed, and what they import."""
    root = file.resolve().parent
    places = (root / name for name in (file.resolve().name, *_listed(repro, prefix)))
    return reached([each for each in places if each.is_file()], root)


def _changed_bytes(repro: Repro, prefix: str, file: Path) -> list[str]:
    """List the sources whose bytes differ from a repro file's list, by name with how.

    Args:
        repro: what the file says.
        prefix: the prefix of the names of these sources.
        file: the user's file that is imported.
    """
    file = file.resolve()
    if not repro.sources:
        return [f"{file.name} (the repro file lists no sources)"]
    root = file.parent
    listed = _listed(repro, prefix)
    told = []
    for name, digest in listed.items():
        source = root / name
        if not source.is_file():
            told.append(f"{prefix}{name} (gone)")
        elif sha256(source.read_bytes()).hexdigest()[:DIGITS] != digest:
            told.append(f"{prefix}{name}")
    known = {*map(realpath, (root / name for name in listed))}
    if _in_one_folder(repro.plan):
        known |= {*map(realpath, (root / name for name in repro.sources))}
    new = (each for each in _sources(repro, prefix, file) if realpath(each) not in known)
    told += [f"{prefix}{name_from(each, root)} (new)" for each in new]
    return list(dict.fromkeys(told))


def _in_one_folder(plan: Plan) -> bool:
    """Return whether the model's and the workload's files share what lies beside them."""
    model, workload = _users_file(plan.model.name), _users_file(plan.workload)
    if model is None or workload is None:
        return False
    return model.resolve().parent == workload.resolve().parent
