"""One run, shown in full."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from clew.commands.invocation import Invocation
from clew.commands.reports import end, print_json
from clew.commands.sweep_page import SweepPage
from clew.node.timer import to_ns
from clew.report.page.artefact import write_page
from clew.report.progress import RunProgress
from clew.report.run import node_logs, run_report
from clew.report.screen import Style, echo
from clew.report.sweep import expectation
from clew.scenarios.judgement.outcome import Outcome
from clew.search.cases import Case
from clew.search.forks import fresh_runs_of
from clew.search.seeds import (
    Bench,
    SeedResult,
    SeedTask,
    is_unverified,
    lost_result,
    made_again,
    run_seed,
)
from clew.sim.watchdog import OutOfTime, limited
from clew.trace.jsonl import write_trace


def run_one(case: Case, asked: Invocation) -> int:
    """Run the only seed of a case; return the exit status."""
    seed = next(case.seeds())
    scenario = case.job.scenario
    limit_ns = to_ns(scenario.time_limit + scenario.recovery)
    bench = Bench(fresh_runs_of(os.getpid()))
    outcome: Outcome | None = None
    try:
        with RunProgress(limit_ns, sys.stderr) as progress, limited(asked.seed_seconds) as limit:
            outcome, result = run_seed(case.job, seed, bench, listener=progress)
            if is_unverified(result):
                result = made_again(case.job, result, bench.fresh, outcome, progress)
    except OutOfTime:
        reason = f"The seed did not end within {asked.seed_seconds:g} s, so it was given up."
        reason += f" It was at {limit.place}." if limit.place else ""
        outcome, result = None, lost_result(SeedTask(case.job, seed), "out of time", reason)
    if outcome is None and (asked.trace or asked.report):
        echo("clew: there is no trace and no report: the run did not end", err=True)
    elif outcome is not None:
        if asked.trace is not None:
            write_trace(outcome.run.trace, asked.trace)
        if asked.report is not None:
            repro = Path(result.repro) if result.repro else None
            write_page(asked.report, outcome, repro, whole=True)
    case.summary.add(result)
    if asked.json:
        print_json(case, result)
    return end([case], asked, partial(_tell, case, asked, outcome, result), SweepPage())


def _tell(
    case: Case, asked: Invocation, outcome: Outcome | None, result: SeedResult
) -> dict[str, str]:
    """Print the result of the seed; return its story by repro file."""
    if outcome is None:
        echo(f"Seed {result.seed}: {result.verdict.value}. {result.reason}")
        return {}
    style = Style.of(sys.stdout)
    if asked.log:
        echo(node_logs(outcome.run))
    story = run_report(outcome, result.verification, result.repro, style)
    echo(story)
    met = expectation(case.job.scenario.expect, case.summary, style)
    if met:
        echo(f"\n{met}")
    return {str(result.repro): story}
