"""The end of ``clew test``: reports for machines, and the exit status."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from typer import echo

from clew.checkers.verdict import Verdict
from clew.commands.exits import STATUS
from clew.formats.atomic import write_text
from clew.report import annotations as github
from clew.report.junit import junit_xml
from clew.report.swept import Swept, swept
from clew.search.cases import Case
from clew.search.sweep import SeedResult


def print_json(result: SeedResult) -> None:
    """One object on a line."""
    echo(json.dumps(result.json))


def status(cases: Sequence[Case]) -> int:
    """The exit status: 0 where all showed what was expected, 2 where that can't be said of some."""
    return STATUS[Verdict.merge(case.summary.met.verdict for case in cases)]


def write_reports(cases: Sequence[Case], stories: Mapping[str, str], junit: Path | None) -> None:
    """Write the JUnit report that was asked for, and tell GitHub where it is GitHub that runs this.

    Args:
        cases: what was run.
        stories: by repro file what happened in its run, as far as it was told.
        junit: where the report goes, or None.
    """
    on_github = os.environ.get("GITHUB_ACTIONS") == "true"
    if junit is None and not on_github:
        return
    suites = [_swept(case, stories) for case in cases]
    if junit is not None:
        write_text(junit, junit_xml(suites))
    if on_github:
        for line in github.annotations(suites):
            echo(line, err=True)


def _swept(case: Case, stories: Mapping[str, str]) -> Swept:
    firsts = [group.first for group in case.summary.groups.values()]
    return swept(
        case.job.scenario,
        case.file,
        case.summary,
        seconds=case.summary.wall_seconds,
        stories={
            one.seed: stories[one.repro] for one in firsts if one.repro and one.repro in stories
        },
    )
