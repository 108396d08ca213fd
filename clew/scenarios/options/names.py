"""The names that an option of a scenario may hold, if they are a closed list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from clew.errors import UsageError
from clew.machine.text import meant
from clew.models.registry import MODELS, bugs_of
from clew.scenarios.code.models import known_models
from clew.scenarios.code.workload_files import is_file, known_workloads
from clew.scenarios.options.expectation import parse_expect
from clew.scenarios.options.kinds import known_kinds
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.options.table import declared
from clew.workloads.options import Row


class WrongOption(NamedTuple):
    """An option with a value that it may not have.

    Attributes:
        option: its name in a file.
        element: its index, in a list.
        expected: what would have been right.
        found: what was there.
        fix: what to do, or None.
    """

    option: str
    element: int | None
    expected: str
    found: str
    fix: str | None

    @property
    def details(self) -> dict[str, str | None]:
        """The same for an error; its problem names the option, its place the file."""
        return {"expected": self.expected, "found": self.found, "fix": self.fix}


def wrong_names(scenario: Scenario) -> Iterator[WrongOption]:
    """Yield the values of all options that are not in the closed lists. No user's file is read."""
    yield from wrong_model(scenario.model, scenario.bug)
    workload = scenario.workload or ""
    if workload and not is_file(workload):
        yield from _wrong("workload", None, workload, known_workloads(), " or file.py:Class")
    for name, one in declared(type(scenario)).items():
        if name not in {"model", "bug", "workload"}:
            yield from wrong_value(name, one, getattr(scenario, one.name))
    yield from _wrong_kinds(scenario.expect or "", known_kinds(scenario.model, workload))


def wrong_model(model: str, bug: str | None) -> Iterator[WrongOption]:
    """Yield what is wrong with a model or bug of no file: it is not among those that ship."""
    if is_file(model):
        return
    yield from _wrong("model", None, model, known_models(), " or file.py or file.py:Class")
    if bug is not None and model in MODELS:
        yield from _wrong("bug", None, bug, tuple(bugs_of(model)))


def wrong_value(name: str, one: Row, value: Any) -> Iterator[WrongOption]:
    """Yield the values that are not among the names that an option may hold; None holds none."""
    parts = enumerate(value) if isinstance(value, tuple) else [(None, value)]
    for index, part in parts:
        if part is not None:
            yield from _refused(one, name, index, part)


def _wrong_kinds(expect: str, known: tuple[str, ...] | None) -> Iterator[WrongOption]:
    """Yield the kinds of an expectation that no run of a shipped model can show."""
    for kind in parse_expect(expect).kinds if expect and known else ():
        if kind not in (known or ()):
            fix = meant(kind, known or ()) or "See 'clew list kinds'"
            expected = "a way to fail, such as nonlinearizable, liveness or G-single"
            yield WrongOption("expect", None, expected, repr(kind), fix)


def _wrong(
    option: str, index: int | None, value: str, known: tuple[str, ...], more: str = ""
) -> Iterator[WrongOption]:
    if value in known:
        return
    expected = f"one of {', '.join(known)}{more}" if known else "no such option with this model"
    yield WrongOption(option, index, expected, repr(value), meant(value, known))


def _refused(one: Row, name: str, index: int | None, value: Any) -> Iterator[WrongOption]:
    """Yield what is wrong with a value, or a list's element, by the option's names or check."""
    option = one.option
    if option.check is not None:
        try:
            option.check(value if index is None else (value,))
        except UsageError as bad:
            yield WrongOption(name, index, str(bad.expected), repr(value), bad.fix)
    elif option.names:
        yield from _wrong(name, index, value, option.known)
