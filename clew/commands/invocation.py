"""What ``clew test`` is asked to do with its scenarios: which seeds, where, and for how long."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.commands.numbers import number, seconds_of, shard_of
from clew.errors import UsageError
from clew.formats.places import check_file, check_folder
from clew.search.cases import Shard

OF_THE_COMMAND = (
    "models", "seed", "runs", "for_time", "jobs", "until_failure", "max_failures", "failed",
    "allow_outside", "resume", "shard", "dask", "seed_timeout", "out", "keep", "verify",
    "no_shrink", "json", "junit", "log", "trace", "coverage",
)  # fmt: skip
"""Options of the command; all others are the scenario's."""

ONE_PROCESS_RUNS = 20
"""Below this many runs starting worker processes costs more than they save."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """The options of the command, checked.

    Attributes:
        models: names, files and folders, as they were given.
        seed: the first seed; None for the scenario's own.
        runs: how many seeds; None for the scenario's own.
        seconds: no seed begins after that many wall seconds; None for no end.
        jobs: worker processes; None where that depends on the number of runs.
        failures_max: stop after that many failures; None to go on.
        failed: run the seeds first that ever failed.
        allow_outside: run a failed seed's file that lies outside the database's project.
        resume: take the results that the database has.
        shard: which part of the seeds, or of several scenarios.
        dask: the address of a scheduler, or ``local``; None for worker processes of our own.
        seed_seconds: when a worker is taken to hang; None where that depends on the scenario.
        out: the folder for artefacts.
        keep: keep the artefacts of every run.
        verify: run every run again.
        shrink: shrink the first failure of each kind.
        json: one object per run on stdout.
        junit: where a JUnit report goes, or None.
        log: print what nodes logged.
        trace: where the trace of the one run goes, or None.
        coverage: count behaviours.
    """

    models: tuple[str, ...]
    seed: int | None
    runs: int | None
    seconds: float | None
    jobs: int | None
    failures_max: int | None
    failed: bool
    allow_outside: bool
    resume: bool
    shard: Shard
    dask: str | None
    seed_seconds: float | None
    out: Path
    keep: bool
    verify: bool
    shrink: bool
    json: bool
    junit: Path | None
    log: bool
    trace: Path | None
    coverage: bool

    def jobs_for(self, runs: int | None) -> int:
        """The worker processes that a number of runs is worth; None where nobody knows how many."""
        if self.jobs is not None:
            return self.jobs if runs is None else min(self.jobs, max(runs, 1))
        return 1 if runs is not None and runs < ONE_PROCESS_RUNS else os.cpu_count() or 1


def invocation_of(own: Mapping[str, Any]) -> Invocation:
    """The options of the command from their texts.

    Raises:
        UsageError: one of them is wrong, or says the contrary of another.
    """
    whole = {
        name: number(name.replace("_", "-"), own[name], least) if name in own else None
        for name, least in {"seed": 0, "runs": 1, "jobs": 1, "max_failures": 1}.items()
    }
    out = Path(own.get("out", "out"))
    check_folder(out)
    for name in ("junit", "trace"):
        if name in own:
            check_file(name, own[name])
    _not_both(own, "until_failure", "max_failures")
    _not_both(own, "dask", "jobs")
    _not_both(own, "dask", "seed_timeout")
    return Invocation(
        models=tuple(own.get("models", ())),
        seed=whole["seed"],
        runs=whole["runs"],
        seconds=seconds_of("for", own["for_time"]) if "for_time" in own else None,
        jobs=whole["jobs"],
        failures_max=1 if "until_failure" in own else whole["max_failures"],
        failed="failed" in own,
        allow_outside="allow_outside" in own,
        resume="resume" in own,
        shard=shard_of("shard", own["shard"]) if "shard" in own else Shard(),
        dask=own.get("dask"),
        seed_seconds=(
            seconds_of("seed-timeout", own["seed_timeout"]) if "seed_timeout" in own else None
        ),
        out=out,
        keep="keep" in own,
        verify="verify" in own,
        shrink="no_shrink" not in own,
        json="json" in own,
        junit=own.get("junit"),
        log="log" in own,
        trace=own.get("trace"),
        coverage="coverage" in own,
    )


def _not_both(own: Mapping[str, Any], one: str, other: str) -> None:
    if one in own and other in own:
        one, other = (name.replace("_", "-") for name in (one, other))
        raise UsageError(f"--{one} and --{other} can't be used together", fix="Name one of them")
