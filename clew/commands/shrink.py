"""``clew shrink``: the smallest story that still fails as the run of a repro file does."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.checkers.verdict import Verdict
from clew.commands.exits import STATUS
from clew.commands.numbers import number
from clew.commands.replay import trusted
from clew.errors import EXIT_VALID, UsageError
from clew.formats.places import check_outputs, same_file
from clew.machine.hashing import pin_to
from clew.machine.text import json_text
from clew.report.page.artefact import page_beside, write_page
from clew.report.progress import ShrinkProgress
from clew.report.run import not_deterministic
from clew.report.screen import Style, echo
from clew.report.shrink import shrunk_report
from clew.report.story import story
from clew.scenarios.repros.repro import read_repro
from clew.search.shrink.shrinker import (
    PASSING,
    RUNS_MAX,
    SHRUNK,
    Shrunk,
    shrink,
    write_shrunk,
)
from clew.search.verification import Verification, verify

EXIT_INTERRUPTED = 130


def run(options: Mapping[str, Any]) -> int:
    """Shrink a repro file's plan; return the exit status.

    It is 0 if a plan was found and comes out the same in a fresh process, 2 if it does not, and 130
    if Ctrl-C ended the search, whose best is shown and written all the same.
    """
    path = Path(options["file"])
    runs_max = number("max-runs", options.get("runs_max", str(RUNS_MAX)), 1)
    repro = read_repro(path)
    out = Path(options.get("out", path.with_name(SHRUNK)))
    page = Path(options.get("report", page_beside(out)))
    check_outputs({"out": out, "report": page})  # a shrunk file may be shrunk in its place
    _check_beside(out, path)
    pin_to(repro.plan.hash_seed)
    with trusted(repro, path, options):
        with ShrinkProgress(runs_max, sys.stderr) as progress:
            shrunk = shrink(repro.plan, runs_max=runs_max, progress=progress.update)
        verification = verify(shrunk.outcome.run)
        write_shrunk(shrunk, out, repro)
        write_page(page, shrunk.outcome, out, whole="report" in options)
    if "json" in options:
        echo(json_text(as_json(shrunk, str(out), verification)))
    else:
        _tell(shrunk, str(out), str(page), verification)
    if shrunk.interrupted:
        echo("clew: interrupted; this is the best so far", err=True)
        return EXIT_INTERRUPTED
    return EXIT_VALID if verification.same else STATUS[Verdict.UNKNOWN]


def _check_beside(out: Path, path: Path) -> None:
    """Refuse an ``out`` beside which the nearest passing plan would replace one of the files."""
    beside = out.with_name(PASSING)
    if same_file(beside, out) or same_file(beside, path):
        raise UsageError(
            "--out can't be used" if same_file(beside, out) else "FILE can't be shrunk there",
            expected=f"a file beside which {PASSING} can be written",
            found=str(out),
            fix="Name another file with --out",
        )


def as_json(shrunk: Shrunk, path: str, verification: Verification) -> dict[str, Any]:
    """Return the object that ``clew shrink --json`` prints."""
    return shrunk.outcome.to_json(path) | {
        "signature": shrunk.outcome.signature,
        "before": shrunk.before._asdict(),
        "after": shrunk.after._asdict(),
        "runs": shrunk.runs,
        "complete": shrunk.complete,
        "parting": shrunk.parting,
        "story": story(shrunk.outcome).splitlines(),
        "deterministic": verification.same,
    }


def _tell(shrunk: Shrunk, path: str, page: str, verification: Verification) -> None:
    style = Style.of(sys.stdout)
    echo(shrunk_report(shrunk, path, style, page))
    if verification.same:
        echo("Run twice more, here and in a fresh process: the same run, event for event.")
    else:
        echo(not_deterministic(verification, style))
