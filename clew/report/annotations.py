"""Failures as GitHub shows them beside the code: workflow commands, one line each.

``::error file=F,line=L,title=T::MESSAGE``; in the message ``%``, carriage return and newline are
written as ``%25``, ``%0D`` and ``%0A``, and in a property ``:`` and ``,`` as ``%3A`` and ``%2C``
too (GitHub, "Workflow commands for GitHub Actions"). GitHub shows ten errors of a step and leaves
the rest to its log.

An exception is shown at the line of the user's file that raised it, everything else at the
scenario's file, or at the model's if there is none.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from clew.checkers.verdict import Verdict
from clew.machine.text import github_message, github_property
from clew.report.suite import Failure, Suite
from clew.scenarios.code.workload_files import is_file

_PLACED = re.compile(r" at ([^,;()]+):(\d+)")


class _Place(NamedTuple):
    """A file, and a line of it or None."""

    file: Path | None
    line: int | None = None


def annotations(suites: Sequence[Suite]) -> list[str]:
    """Write a line per kind of failure, and per scenario that did not show what it should."""
    return [line for one in suites for line in _of_one(one)]


def _of_one(one: Suite) -> list[str]:
    lines = [_failure(one, failure) for failure in one.failures]
    met = one.summary.met
    if not lines and met.verdict is not Verdict.VALID:
        lines.append(_command(met.verdict, _Place(_file(one)), one.name, met.reason))
    return lines


def _failure(one: Suite, failure: Failure) -> str:
    first = failure.first
    title = f"{one.name}, seed {first.seed}: {first.signature}"
    told = [first.reason]
    if failure.runs > 1:
        told.append(f"{failure.runs} runs ended so.")
    if failure.again:
        told.append(failure.again)
    return _command(first.verdict, _place(one, first.signature), title, "\n".join(told))


def _command(verdict: Verdict, place: _Place, title: str, message: str) -> str:
    name = "warning" if verdict is Verdict.UNKNOWN else "error"
    properties = [("title", title)]
    if place.line is not None:
        properties.insert(0, ("line", str(place.line)))
    if place.file is not None:
        properties.insert(0, ("file", place.file.as_posix()))
    told = ",".join(f"{key}={github_property(value)}" for key, value in properties)
    return f"::{name} {told}::{github_message(message)}"


def _place(one: Suite, signature: str) -> _Place:
    """Find where to show a failure: a signature names files without their folders."""
    model = _model(one)
    if model is not None:
        for name, line in _PLACED.findall(signature):
            beside = model.parent / name
            if beside.is_file():
                return _Place(beside, int(line))
    return _Place(_file(one))


def _file(one: Suite) -> Path | None:
    return one.source if isinstance(one.source, Path) else _model(one)


def _model(one: Suite) -> Path | None:
    """Find the user's file that holds the model; None for a shipped one."""
    name = one.scenario.model
    return Path(name.partition(":")[0]) if is_file(name) else None
