"""``clew hunt``: seeds spent on everything that may vary, and a report on what was reached."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from clew.checkers.verdict import Verdict
from clew.commands.exits import STATUS
from clew.commands.invocation import Invocation, invocation_of
from clew.commands.reports import write_reports
from clew.commands.seed_command import SCENARIO_OF, rerun
from clew.commands.shrinking import print_small, shrink_each
from clew.commands.sweep import Taken, remove_stale_parts, runner, spend, total_of
from clew.commands.sweep_page import SweepPage
from clew.commands.test import checked_cases
from clew.errors import ClewError
from clew.machine.crash import crash_of
from clew.machine.text import json_text
from clew.report.hunt import Hunted, hunt_json, hunt_report
from clew.report.progress import HuntProgress
from clew.report.screen import Style, echo
from clew.scenarios.code.models import load_model
from clew.search.cases import Case
from clew.search.hunt.portfolio import Portfolio, portfolio_of
from clew.search.hunt.reach import Findings
from clew.search.hunt.themes import idle
from clew.search.summary import Summary

SECONDS = 120.0
"""How long a hunt takes, if neither --for nor --runs says it."""


@dataclass(eq=False, slots=True)
class Hunt:
    """One scenario that is hunted: its seeds and what they showed."""

    case: Case
    portfolio: Portfolio
    findings: Findings = field(default_factory=Findings)

    def add(self, taken: Taken) -> None:
        """Add a result."""
        result = taken.result
        theme = self.portfolio.theme(result.seed)
        invalid = result.verdict is Verdict.INVALID
        self.findings.add(result.seed, theme, result.reached, invalid=invalid)

    def ended(self, seconds: float) -> Hunted:
        """Return the hunt for its report."""
        scenario, summary = self.case.job.scenario, self.case.summary
        again = partial(rerun, scenario, self.case.source, command=self.case.command)
        return Hunted(
            scenario, summary, self.findings, idle(scenario.nemesis, summary.bit), seconds, again
        )


def run(options: Mapping[str, Any]) -> int:
    """Hunt what the options name; return the exit status."""
    given = dict(options)
    asked = invocation_of(given)
    if asked.runs is None and asked.seconds is None:
        asked = replace(asked, seconds=SECONDS)
    cases = checked_cases(asked, given, SCENARIO_OF["hunt"])
    try:
        return _hunt([_prepared(case) for case in cases], asked)
    except (ClewError, OSError):
        raise
    except Exception as mistake:
        raise crash_of(mistake, asked.out) from mistake


def _prepared(case: Case) -> Hunt:
    """Prepare a case so that its seeds are drawn as a hunt draws them."""
    scenario = case.job.scenario
    portfolio = portfolio_of(scenario, load_model(scenario.model, scenario.bug))
    bug = f"-{scenario.bug}" if scenario.bug else ""
    stem = Path(scenario.model.partition(":")[0]).stem
    case.job = replace(
        case.job,
        name=case.job.name or f"hunt-{stem}{bug}",
        draw=portfolio,
        reach=True,
        keep_failing=False,
        verify_failing=False,
    )
    case.command = "hunt"
    case.summary = Summary(scenario.expect, apart=True)
    return Hunt(case, portfolio)


def _hunt(hunts: Sequence[Hunt], asked: Invocation) -> int:
    """Run the seeds of all hunts and report; return the exit status.

    Raises:
        KeyboardInterrupt: the user has ended it; what was found is reported.
    """
    remove_stale_parts(asked.out)
    cases = [hunt.case for hunt in hunts]
    by_case = {id(hunt.case): hunt for hunt in hunts}
    total = total_of(cases)
    interrupted = False
    reaches = [hunt.findings.reach for hunt in hunts]
    with HuntProgress(total, sys.stderr, asked.seconds, reaches) as progress:

        def record(taken: Taken) -> None:
            by_case[id(taken.case)].add(taken)

        def show(taken: Taken) -> None:
            taken.case.course.add(taken.result, len(by_case[id(taken.case)].findings.reach.seen))
            progress.update(taken.result, taken.case.name if len(cases) > 1 else "", tell=taken.new)

        try:
            spend(cases, runner(asked, cases, total, progress), asked, record, show)
        except KeyboardInterrupt:
            interrupted = True
            if not any(case.summary.runs for case in cases):
                raise
    ended = {
        hunt.case.name: hunt.ended(progress.seconds) for hunt in hunts if hunt.case.summary.runs
    }
    page = SweepPage(asked.report, cases, progress.seconds, ended)
    return _end(cases, [*ended.values()], asked, page, interrupted=interrupted)


def _end(
    cases: Sequence[Case],
    hunts: Sequence[Hunted],
    asked: Invocation,
    page: SweepPage,
    *,
    interrupted: bool,
) -> int:
    """Print what came out, make failures small and write the reports; return the exit status."""
    style = Style.of(sys.stdout)
    stories: dict[str, str] = {}
    small: dict[tuple[str, str], str] = {}
    try:
        if not asked.json:
            for hunted in hunts:
                echo(hunt_report(hunted, style))
        if not (asked.no_shrink or interrupted):
            page.write()
            for one in shrink_each(cases, style):
                page.take(one)
                if one.file:
                    small[one.name, one.signature] = one.file
                    stories[one.repro] = one.story
                if not asked.json:
                    print_small(one, style)
        if not interrupted:
            page.replay()
    finally:
        if asked.json:
            _print_json(cases, hunts, small)
        write_reports(cases, stories, asked.junit)
        page.write(interrupted=interrupted)
    if interrupted:
        raise KeyboardInterrupt
    return STATUS[Verdict.merge(hunted.verdict for hunted in hunts)]


def _print_json(
    cases: Sequence[Case], hunts: Sequence[Hunted], small: Mapping[tuple[str, str], str]
) -> None:
    """Print an object for each hunt; ``small`` has files by scenario's name and signature."""
    for case, hunted in zip(cases, hunts, strict=False):
        own = {way: file for (name, way), file in small.items() if name == case.name}
        echo(json_text(hunt_json(hunted, own)))
