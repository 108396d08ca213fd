"""One run, told in full."""

from __future__ import annotations

import os
import sys

from typer import echo

from clew.commands.asked import Asked
from clew.commands.finish import print_json, print_met, status, write_junit, write_reports
from clew.commands.shrinking import shrink_all
from clew.report.logs import node_logs
from clew.report.run import run_report
from clew.report.style import Style
from clew.report.sweep import expectation
from clew.search.cases import Case
from clew.search.fresh import fresh_runs_of
from clew.search.sweep import Bench, is_unverified, made_again, run_seed


def run_one(case: Case, asked: Asked) -> int:
    """Run the only seed of a case; the exit status."""
    seed = next(case.seeds())
    bench = Bench(fresh_runs_of(os.getpid()))
    outcome, result = run_seed(case.job, seed, bench)
    if is_unverified(result):
        result = made_again(case.job, result, bench.fresh, outcome)
    case.summary.add(result)
    stories: dict[str, str] = {}
    if asked.json:
        print_json(case, result)
        print_met([case])
    else:
        style = Style.of(sys.stdout)
        if asked.log:
            echo(node_logs(outcome.run))
        story = run_report(outcome, result.verification, result.repro, style)
        echo(story)
        met = expectation(case.job.scenario.expect, case.summary, style)
        if met:
            echo(f"\n{met}")
        stories[str(result.repro)] = story
    try:
        if asked.shrink and not asked.json:
            write_junit([case], stories, asked.junit)  # as in a sweep
            stories |= shrink_all([case], Style.of(sys.stdout))
    finally:
        write_reports([case], stories, asked.junit)
    return status([case])
