"""What ``clew test`` or ``clew hunt`` is to do: which seeds of which scenarios, and for how long.

Each field of `Invocation` declares its own flag; the command line is made from them. The flags of
the scenario itself are made from the table of options, by `clew.commands.scenario_flags`.
"""

# ruff: noqa: RUF009 - what is called makes a field

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from functools import partial
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer

from clew.commands.flags import LOG, TRACE, option
from clew.commands.numbers import number, seconds_of, shard_of
from clew.errors import UsageError
from clew.formats.places import check_file, check_folder
from clew.search.shards import Shard

ONE_PROCESS_RUNS = 20
"""Below this many runs, starting worker processes costs more than it saves."""


def _flag(
    names: str,
    meaning: str,
    default: str = "",
    metavar: str | None = None,
    *,
    read: Callable[[str, Any], Any] = lambda _, given: given,
    value: Any = False,
) -> Any:
    """Make a field that a flag sets.

    Args:
        names: as `option` takes them, with what follows them.
        meaning: for the help.
        default: in words.
        metavar: of what follows the flag; None for a flag that takes nothing.
        read: from the flag's name and what was given to the value.
        value: the value if nothing is given.
    """
    kind = bool if metavar is None else Path if metavar in {"FILE", "DIR"} else str
    info = option(names, meaning, default, metavar)
    return _said(names.removeprefix("--"), read, value, Annotated[kind | None, info])


def _said(name: str, read: Callable[[str, Any], Any], value: Any, hint: Any = None) -> Any:
    """Make a field; without a hint for typer, the scenario's table has its flag."""
    return field(default=value, metadata={"name": name, "read": read, "hint": hint})


def _file(name: str, path: Path) -> Path:
    check_file(name, path)
    return path


_FROM_1 = partial(number, least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The options of the command, checked, in the order of its help."""

    models: tuple[str, ...] = _said(
        "MODEL",
        lambda _, names: tuple(names),
        (),
        Annotated[
            list[str] | None,
            typer.Argument(
                metavar="MODEL",
                show_default=False,
                help="A shipped model, file.py or file.py:Class; or scenarios: files, folders of "
                "them and shipped ones. See 'clew list models' and 'clew list scenarios'.",
            ),
        ],
    )
    seed: int | None = _said("seed", partial(number, least=0), None)
    runs: int | None = _said("runs", _FROM_1, None)
    seconds: float | None = _flag(
        "--for",
        "Run seeds for so long, such as 30s, 5m or 1h of wall time.",
        metavar="TIME",
        read=seconds_of,
        value=None,
    )
    jobs: int | None = _flag(
        "--jobs", "Worker processes.", "one per CPU, 1 below 20 runs", "N", read=_FROM_1, value=None
    )
    until_failure: bool = _flag("--until-failure", "Stop at the first invalid run.")
    max_failures: int | None = _flag(
        "--max-failures", "Stop at the Nth invalid run.", metavar="N", read=_FROM_1, value=None
    )
    failed: bool = _flag(
        "--failed",
        "First run the seeds that ever failed, as DIR/clew.sqlite knows them; nothing else unless "
        "--runs or --for is given. Without MODEL, those of every scenario.",
    )
    allow_outside: bool = _flag(
        "--allow-outside",
        "With --failed and no MODEL: run a file that lies outside the project of DIR/clew.sqlite.",
    )
    resume: bool = _flag(
        "--resume",
        "Take the results that DIR/clew.sqlite has of the same scenario, source and version, and "
        "run the other seeds.",
    )
    shard: Shard = _flag(
        "--shard",
        "Run the Kth of N equal parts of the seeds; or, if there are several, of the scenarios. "
        "The first has all seeds if a failure is expected.",
        metavar="K/N",
        read=shard_of,
        value=Shard(),
    )
    dask: str | None = _flag(
        "--dask",
        "Run on a Dask cluster, such as tcp://host:8786; local starts one here.",
        metavar="ADDRESS",
        value=None,
    )
    seed_seconds: float | None = _flag(
        "--seed-timeout",
        "Wall time after which a worker process that has not ended its seed is killed.",
        "5m or 10 times the virtual time, whichever is longer",
        "TIME",
        read=seconds_of,
        value=None,
    )
    out: Path = _flag(
        "--out",
        "Where artefacts of failures and clew.sqlite go.",
        "out",
        "DIR",
        value=Path("out"),
    )
    keep: bool = _flag("--keep", "Keep the artefacts of valid runs too.")
    verify: bool = _flag(
        "--verify",
        "Run again, here and in a fresh process, and compare; always done for a failure.",
    )
    no_shrink: bool = _flag("--no-shrink", "Leave failures as they were found.")
    coverage: bool = _flag(
        "--coverage",
        "Count the different behaviours that the seeds show, as is always done on a terminal.",
    )
    json: bool = _flag(
        "--json",
        "One JSON object per run on stdout; then one for each scenario with --expect, with "
        "whether it was met. In a sweep, the first of each way of failing names its repro file. "
        "Of a hunt, one object per scenario at the end.",
    )
    junit: Path | None = _flag(
        "--junit",
        "Write a JUnit report for a CI server; missing folders are made.",
        metavar="FILE",
        read=_file,
        value=None,
    )
    log: bool = _flag(*LOG)
    trace: Path | None = _flag(*TRACE, read=_file, value=None)
    report: Path | None = _flag(
        "--report",
        "Write a web page: of one run its story, its picture, and each node's state at any moment; "
        "of more, how each seed ended, and each way of failing with its story.",
        metavar="FILE",
        read=_file,
        value=None,
    )

    @property
    def failures_max(self) -> int | None:
        """The number of failures after which to stop; None to go on."""
        return 1 if self.until_failure else self.max_failures

    def jobs_for(self, runs: int | None) -> int:
        """Return how many worker processes a number of runs is worth; None if it is unknown."""
        if self.jobs is not None:
            return self.jobs if runs is None else min(self.jobs, max(runs, 1))
        return 1 if runs is not None and runs < ONE_PROCESS_RUNS else os.cpu_count() or 1


_FIELDS: Mapping[str, Field[Any]] = {one.name: one for one in fields(Invocation)}


HUNT = frozenset(
    {
        "models", "seed", "runs", "seconds", "jobs", "until_failure", "max_failures",
        "seed_seconds", "out", "keep", "no_shrink", "json", "junit", "report",
    }
)  # fmt: skip
"""The fields that ``clew hunt`` has; ``clew test`` has all of them."""


def _fields_of(command: str) -> dict[str, Field[Any]]:
    """Return the fields of a command that have a flag of their own, or are its argument."""
    return {
        name: one
        for name, one in _FIELDS.items()
        if one.metadata["hint"] is not None and (command != "hunt" or name in HUNT)
    }


def invocation_parameters(command: str) -> list[Parameter]:
    """Return the argument of a command and its own flags, as typer takes them."""
    return [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=one.metadata["hint"])
        for name, one in _fields_of(command).items()
    ]


def invocation_flags(command: str) -> set[str]:
    """Return the names of those flags."""
    return {f"--{one.metadata['name']}" for one in _fields_of(command).values()}


def invocation_of(said: dict[str, Any]) -> Invocation:
    """Read the options of the command from their texts, and take these out of the arguments.

    Raises:
        UsageError: one of them is wrong, or contradicts another.
    """
    own = {name: said.pop(name) for name in _FIELDS if name in said}
    read = {name: _FIELDS[name].metadata["read"] for name in own}
    flags = {name: _FIELDS[name].metadata["name"] for name in own}
    asked = Invocation(**{name: read[name](flags[name], given) for name, given in own.items()})
    check_folder(asked.out)
    for pair in (("until_failure", "max_failures"), ("dask", "jobs"), ("dask", "seed_seconds")):
        if flags.keys() >= set(pair):
            names = " and ".join(f"--{flags[name]}" for name in pair)
            raise UsageError(f"{names} can't be used together", fix="Name one of them")
    return asked
