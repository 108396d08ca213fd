"""The end of ``clew test``: JSON and JUnit reports, and the exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from clew.checkers.verdict import Verdict
from clew.commands.exits import STATUS
from clew.commands.invocation import Invocation
from clew.commands.seed_command import rerun
from clew.commands.shrinking import print_small, shrink_each
from clew.commands.sweep_page import SweepPage
from clew.formats.atomic import write_text
from clew.machine.text import json_text
from clew.report import annotations as github
from clew.report.junit import junit_xml
from clew.report.screen import COMMAND, Style, echo
from clew.report.suite import Suite, suite_of
from clew.search.cases import Case
from clew.search.seeds import SeedResult


def print_json(case: Case, result: SeedResult) -> None:
    """Print a run as one object on a line."""
    echo(json_text({**result.json, "signature": result.signature, "scenario": _source(case)}))


def print_met(cases: Sequence[Case]) -> None:
    """Print for each scenario with an expectation whether it was met: one object per line."""
    for case in cases:
        scenario, met = case.job.scenario, case.summary.met
        if scenario.expect is not None:
            data = {
                "scenario": _source(case),
                "model": scenario.model,
                "bug": scenario.bug,
                "runs": case.summary.runs,
                "expect": scenario.expect,
                "met": met.verdict.value,
                "reason": met.reason,
            }
            echo(json_text(data))


def _source(case: Case) -> str | None:
    return None if case.source is None else str(case.source)


def end(
    cases: Sequence[Case],
    asked: Invocation,
    tell: Callable[[], dict[str, str]],
    page: SweepPage,
    *,
    interrupted: bool = False,
) -> int:
    """Print what came out, make failures small and write the reports; return the exit status.

    It is 0 if all showed what was expected, 2 if that is unknown for some. ``tell`` prints, and
    returns by repro file what it printed. An interruption is reported and raised again.
    """
    stories: dict[str, str] = {}
    style = Style.of(sys.stdout)
    try:
        if asked.json:
            print_met(cases)
        else:
            stories = tell()
            if not (asked.no_shrink or interrupted):
                # A smaller plan may make a library crash this process: what is known is on disk.
                write_junit(cases, stories, asked.junit)
                page.write()
                for small in shrink_each(cases, style):
                    print_small(small, style)
                    page.take(small)
                    stories |= {small.repro: small.story} if small.file else {}
        if not interrupted:
            page.replay()
    finally:
        write_reports(cases, stories, asked.junit)
        page.write(interrupted=interrupted)
    if interrupted:
        raise KeyboardInterrupt
    return STATUS[Verdict.merge(case.summary.met.verdict for case in cases)]


def write_reports(cases: Sequence[Case], stories: Mapping[str, str], junit: Path | None) -> None:
    """Write the JUnit report that was asked for, and annotations if it is GitHub that runs this.

    ``stories`` has by repro file what happened in its run, as far as it was told.
    """
    write_junit(cases, stories, junit)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        # A command begins a line, and what a node printed last may end within one.
        for line in ["", *github.annotations([_suite_of(case, stories) for case in cases])]:
            echo(f"{COMMAND}{line}", err=True)


def write_junit(
    cases: Sequence[Case], stories: Mapping[str, str], junit: Path | None, crash: str = ""
) -> None:
    """Write the JUnit report, if one was asked for; as `write_reports`.

    With ``crash``, the words for a mistake of Clew's own, it has an error of that.
    """
    if junit is not None:
        write_text(junit, junit_xml([_suite_of(case, stories) for case in cases], crash))


def _suite_of(case: Case, stories: Mapping[str, str]) -> Suite:
    scenario = case.job.scenario
    again = partial(rerun, scenario, case.source, command=case.command)
    return suite_of(scenario, case.source, case.summary, stories, again)
