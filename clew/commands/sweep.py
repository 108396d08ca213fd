"""Many runs: reported as they come, recorded, and summed up at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from clew.checkers.verdict import Verdict
from clew.commands.invocation import Invocation
from clew.commands.reports import end, print_json
from clew.commands.seed_command import rerun
from clew.commands.sweep_page import SweepPage, replayed
from clew.errors import ClewError
from clew.machine import wall
from clew.machine.crash import crash_of
from clew.report.progress import Progress
from clew.report.run import run_report
from clew.report.screen import Style, echo
from clew.report.sweep import case_line, failures, sweep_report
from clew.scenarios.code.models import load_model, reference_of
from clew.scenarios.code.sources import in_one_file, source_digest
from clew.scenarios.repros.repro import read_repro
from clew.search.cases import Case, Runner, stream
from clew.search.database import Database
from clew.search.forks import fresh_runs_of
from clew.search.seeds import (
    CRASHED,
    Job,
    SeedResult,
    SeedTask,
    held,
    is_endless,
    is_unverified,
    lost_result,
    made_again,
    run_seed,
)
from clew.search.sweep import run_tasks
from clew.search.verification import Verification, verify

STALE_SECONDS = 3600.0
"""The age, at which leftovers of a killed process's writing are removed."""


def run_cases(cases: Sequence[Case], asked: Invocation) -> int:
    """Run the seeds of all cases; return the exit status.

    Raises:
        KeyboardInterrupt: the user has ended it; what was found is reported and recorded.
    """
    remove_stale_parts(asked.out)
    # It costs a tenth of a run, or a quarter.
    counted = asked.coverage or asked.report is not None or sys.stderr.isatty()
    for case in cases:
        case.job = replace(case.job, keep_failing=False, behaviours=counted)
    total = total_of(cases)
    interrupted = False
    with (
        Database(asked.out) as database,
        Progress(total, sys.stderr, asked.seconds) as progress,
    ):
        for case in cases:
            _enter(case, database, resume=asked.resume)

        def record(taken: Taken) -> None:
            database.record(taken.case.sweep, taken.result)
            if taken.new:
                database.commit()

        def show(taken: Taken) -> None:
            taken.case.course.add(taken.result, len(taken.case.summary.behaviours))
            progress.update(taken.result, taken.case.name if len(cases) > 1 else "")
            if asked.json:
                print_json(taken.case, taken.result)

        try:
            run = runner(asked, cases, total, progress)
            spend(cases, run, asked, record, show)
        except KeyboardInterrupt:
            interrupted = True
            if not any(case.summary.runs for case in cases):
                raise
    tell = partial(_tell, cases, progress.seconds)
    page = SweepPage(asked.report, cases, progress.seconds)
    return end(cases, asked, tell, page, interrupted=interrupted)


def total_of(cases: Iterable[Case]) -> int | None:
    """Count the seeds of all cases; None if unknown."""
    total = 0
    for case in cases:
        own = case.total
        if own is None:
            return None
        total += own
    return total


def _enter(case: Case, database: Database, *, resume: bool) -> None:
    scenario = case.job.scenario
    model = load_model(scenario.model, scenario.bug)
    case.sweep = database.sweep_of(
        scenario, source_digest(model, reference_of(model, scenario.workload))
    )
    case.perilous = database.perilous(scenario)
    if resume:
        case.known = partial(database.known, case.sweep)


def runner(
    asked: Invocation, cases: Sequence[Case], total: int | None, progress: Progress
) -> Runner:
    """Choose who runs the seeds: this process, workers of its own, or a cluster."""
    if asked.dask is not None:
        from clew.search.dask import run_on  # noqa: PLC0415 - an extra

        return partial(run_on, asked.dask)
    least = 2 if any(case.perilous for case in cases) else 1  # with one it would end this process
    return partial(run_tasks, jobs=max(asked.jobs_for(total), least), tick=progress.tick)


class Taken(NamedTuple):
    """A result that has come.

    Attributes:
        new: it is the first to fail in a way.
    """

    case: Case
    result: SeedResult
    new: bool


def spend(
    cases: Sequence[Case],
    run: Runner,
    asked: Invocation,
    record: Callable[[Taken], None],
    show: Callable[[Taken], None],
) -> None:
    """Run the seeds; record each result as it comes, add it up, and only then show it.

    The first valid run of each case is repeated, and the first of each way of failing is kept.
    Whatever ends this process, what was shown is recorded and part of the summary.
    """
    fresh = fresh_runs_of(os.getpid())
    failed = 0
    proven: list[Case] = []
    results = stream(cases, run, asked.seconds)
    try:
        for case, found in results:
            plain = found
            if case not in proven and is_unverified(plain):
                proven.append(case)
                plain = made_again(case.job, plain, fresh)
            new = case.summary.is_new(plain)
            result = _kept(case.job, plain) if new else plain
            taken = Taken(case, result, new)
            record(taken)
            case.summary.add(result)
            show(taken)
            failed += result.verdict is Verdict.INVALID
            if asked.failures_max is not None and failed >= asked.failures_max:
                return
    finally:
        results.close()


def _kept(job: Job, result: SeedResult) -> SeedResult:
    """Keep a result as `kept` does; the seed is unknown if Clew itself goes wrong over it."""
    try:
        return kept(job, result)
    except (ClewError, OSError):
        raise
    except Exception as mistake:  # noqa: BLE001 - the other seeds are worth running
        crash = crash_of(mistake, job.out, seed=result.seed)
        return lost_result(SeedTask(job, result.seed), CRASHED, str(crash))


def kept(job: Job, result: SeedResult) -> SeedResult:
    """Write the result's artefacts: the first of each way of failing is kept whole."""
    if not result.digest or (result.repro is not None and _is_of(job, result)):
        return result
    verifying = not job.verify_failing and result.verification is None
    again = replace(job, keep_failing=True, verify_all=False, verify_failing=verifying, reach=False)
    outcome, written = run_seed(again, result.seed)
    result = replace(result, repro=written.repro, json={**result.json, "repro": written.repro})
    if written.digest == result.digest or is_endless(outcome):
        return result if written.verification is None else held(result, written.verification)
    return held(result, Verification(same=False, where="the run when it was repeated to be kept"))


def _is_of(job: Job, result: SeedResult) -> bool:
    """Return whether a result's repro file is of this very run.

    A file of a resumed sweep may have been rewritten by another sweep of the same model.
    """
    if not result.json.get("resumed"):
        return True
    try:
        repro = read_repro(Path(str(result.repro)))
    except ClewError:
        return False
    named, asked = repro.plan.model.name, job.scenario.model
    if named != asked and not in_one_file(named, asked):
        return False  # it would be imported, and nobody requested it
    drawn = job.draw(job.scenario, result.seed, load_model(job.scenario.model, job.scenario.bug))
    return repro.digest == result.digest and replace(repro.plan, model=drawn.model) == drawn


def _tell(cases: Sequence[Case], seconds: float) -> dict[str, str]:
    """Print what came out; return the printed stories by repro file."""
    style = Style.of(sys.stdout)
    if len(cases) == 1:
        return _tell_one(cases[0], seconds, style)
    for case in cases:
        echo(case_line(case.name, case.summary, style))
    for case in cases:
        told = failures(case.summary, style, partial(rerun, case.job.scenario, case.source))
        if told and case.summary.met.verdict is not Verdict.VALID:
            echo(f"\n{style.heading(case.name)}\n{told}")
    met = [case.summary.met.verdict for case in cases]
    echo(f"{len(cases)} scenarios: {met.count(Verdict.VALID)} as expected.")
    return {}


def _tell_one(case: Case, seconds: float, style: Style) -> dict[str, str]:
    """Print the summary, and the story of the first run that is as bad as any."""
    scenario, summary = case.job.scenario, case.summary
    echo(sweep_report(scenario, summary, seconds, style, partial(rerun, scenario, case.source)))
    firsts = (group.first for group in summary.groups.values())
    worst = next((r for r in firsts if r.verdict is summary.verdict and r.repro), None)
    if worst is None:
        return {}
    # From its repro file: what is shown here can be replayed.
    outcome, verification = replayed(Path(str(worst.repro))), worst.verification
    failed = outcome.verdict is Verdict.INVALID and not is_endless(outcome)
    if failed and worst.json.get("resumed"):  # the database has nothing on it
        verification = verify(outcome.run)
    story = run_report(outcome, verification, worst.repro, style)
    echo(f"\n{style.heading(f'The first of them, seed {worst.seed}')}\n\n{story}")
    return {str(worst.repro): story}


def remove_stale_parts(out: Path) -> None:
    """Remove what killed processes had begun to write."""
    for part in out.glob("*/.*.part"):
        with suppress(OSError):
            if wall.seconds_since_1970() - part.stat().st_mtime > STALE_SECONDS:
                part.unlink()
