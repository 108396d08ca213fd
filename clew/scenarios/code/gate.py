"""The gate of imports: while it is closed, only files run that were announced as they are now.

An import by a computed name can't be read off a source's text, and a cache of bytecode may hold
different code from the source beside it. So Python's own loaders run only what was announced,
whoever calls them: a file of the project, or one that is not installed, is executed from exactly
the bytes that were announced, or it is refused before it runs.

Installed packages are left alone and cost one look at their path each: all files below the folders
that were on `sys.path` when the process began, unless a guarded folder is deeper.

Left out: what announced code compiles by itself (``exec``), and its own loaders.
"""

from __future__ import annotations

import os
import runpy
import site
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from importlib.machinery import ExtensionFileLoader, SourceFileLoader, SourcelessFileLoader
from marshal import dumps, loads
from pathlib import Path
from typing import Any

from clew.errors import ScenarioError
from clew.sim.finding import PACKAGE

GIVEN = tuple(
    dict.fromkeys(
        os.path.realpath(each)
        for each in [*sys.path, PACKAGE]
        if each and os.path.realpath(each) != os.path.realpath(".")
    )
)
"""The folders from which this process was given code: code found elsewhere is the user's own."""

_standing: list[Gate] = []
"""The gates of this process, the innermost last: loaders belong to the process, so gates do too."""


class Gate:
    """The files that may run.

    Args:
        where: the file that names the code.
        announced: the SHA-256 of each file that was announced, by its real path.
        guarded: the folders in which everything must be announced.
        late: announces a file that was not announced before, just before it runs.
        inside: admit such a file in a guarded folder, instead of refusing it.
        outside: admit one elsewhere.
        installed: folders whose files are the environment's; None for `GIVEN`.
    """

    def __init__(
        self,
        where: str,
        announced: Mapping[str, str],
        guarded: Iterable[str],
        *,
        late: Callable[[str], None] = lambda _: None,
        inside: bool = False,
        outside: bool = False,
        installed: Iterable[str] | None = None,
    ) -> None:
        self.where = where
        self.announced = dict(announced)
        self.guarded = list(guarded)
        self.late = late
        self.inside = inside
        self.outside = outside
        self.installed = list(GIVEN if installed is None else installed)
        self.refused: ScenarioError | None = None
        self._compiled: dict[str, bytes] = {}

    def code(self, loader: Any, name: str) -> Any:
        """Return a module's code, compiled from its source: what a loader's ``get_code`` gives.

        Raises:
            ScenarioError: it was not announced, or has changed since.
        """
        path = loader.get_filename(name)
        if path not in self._compiled:
            data = self.admit(path)
            if data is None or not isinstance(loader, SourceFileLoader):
                return None
            self._compiled[path] = dumps(loader.source_to_code(data, path))
        return loads(self._compiled[path])  # noqa: S302 - our own, of a moment ago

    def admit(self, path: str) -> bytes | None:
        """Return the bytes of a file that may run; None for a file of an installed package.

        Raises:
            ScenarioError: it may not run.
        """
        real = os.path.realpath(path)
        if self._is_installed(real):
            return None
        data = Path(real).read_bytes()
        digest = sha256(data).hexdigest()
        if self.announced.get(real) != digest:
            if not (self.outside if self._is_outside(real) else self.inside):
                raise self._refusal(real)
            self.late(real)
            self.announced[real] = digest
        return data

    def _is_installed(self, real: str) -> bool:
        """Return whether the deepest known folder that holds a file is the environment's."""
        return is_below(real, self.installed) > is_below(real, self.guarded)

    def _is_outside(self, real: str) -> bool:
        return is_below(real, self.guarded) < 0

    def _refusal(self, real: str) -> ScenarioError:
        changed = real in self.announced
        flag = "allow-outside" if self._is_outside(real) else "changed-model"
        self.refused = self.refused or ScenarioError(
            "code has changed since it was announced"
            if changed
            else "code was about to be imported that was not announced",
            where=self.where,
            found=real,
            fix="Put it back, or let nothing write it while this runs"
            if changed
            else f"Read that file first; then say --{flag} to run it",
        )
        return self.refused


def is_below(real: str, folders: Iterable[str]) -> int:
    """Return the length of the deepest of some folders that holds a file; -1 for none."""
    holding = (one for one in folders if real.startswith(one.rstrip(os.sep) + os.sep))
    return max(map(len, holding), default=-1)


def as_json() -> dict[str, Any] | None:
    """Return this process's gate, for a fresh process to apply the same; None if all may run."""
    if not _standing:
        return None
    names = ("where", "announced", "guarded", "inside", "outside", "installed")
    return {name: getattr(_standing[-1], name) for name in names}


def from_json(told: dict[str, Any] | None) -> Gate | None:
    """Make the gate that another process applies; what it announced is not announced again."""
    return None if told is None else Gate(**told)


@contextmanager
def standing_by(gate: Gate | None) -> Iterator[None]:
    """Let only code run that a gate admits.

    Raises:
        ScenarioError: something was refused, whatever the importing code did about it.
    """
    if gate is None:
        yield
        return
    doors = _doors(gate)
    before = [vars(owner).get(name) for owner, name, _ in doors]
    for owner, name, instead in doors:
        setattr(owner, name, instead)
    _standing.append(gate)
    try:
        yield
    finally:
        _standing.remove(gate)
        for (owner, name, _), real in zip(doors, before, strict=True):
            if real is None:
                delattr(owner, name)  # it was inherited
            else:
                setattr(owner, name, real)
        if gate.refused is not None:
            raise gate.refused from None


def _doors(gate: Gate) -> list[tuple[Any, str, Callable[..., Any]]]:
    """Make the replacements of Python's own ways to code in a file, each with its place."""

    def of_code(real: Callable[..., Any]) -> Callable[..., Any]:
        def get_code(loader: Any, name: str) -> Any:
            found = gate.code(loader, name)
            return real(loader, name) if found is None else found

        return get_code

    def after(real: Callable[..., Any], place: Callable[..., str]) -> Callable[..., Any]:
        def admitted(*args: Any) -> Any:
            gate.admit(place(*args))
            return real(*args)

        return admitted

    create, add = ExtensionFileLoader.create_module, site.addpackage
    run = runpy._get_code_from_file  # type: ignore[attr-defined] # noqa: SLF001 - of `run_path`

    return [
        (SourceFileLoader, "get_code", of_code(SourceFileLoader.get_code)),
        (SourcelessFileLoader, "get_code", of_code(SourcelessFileLoader.get_code)),
        (ExtensionFileLoader, "create_module", after(create, lambda loader, _: str(loader.path))),
        (site, "addpackage", after(add, lambda folder, name, *_: str(Path(folder, name)))),  # .pth
        (runpy, "_get_code_from_file", after(run, lambda *args: str(args[-1]))),
    ]
