"""Where pages of runs go."""

from __future__ import annotations

import shlex
from pathlib import Path

from clew.formats.atomic import write_text
from clew.scenarios.judgement.outcome import Outcome


def page_beside(plan: Path) -> Path:
    """Return the page of a plan's run, beside its file: ``report.html`` for ``shrunk.json``."""
    name = plan.stem
    name = name.replace("shrunk", "report", 1) if name.startswith("shrunk") else name
    return plan.with_name(f"{name}.html")


def write_page(to: Path, outcome: Outcome, repro: Path | None, *, whole: bool = False) -> None:
    """Write the page of a run.

    Args:
        to: the file.
        outcome: of the run.
        repro: its repro file, of which the page names the command; None for none.
        whole: whether to show what takes long or much room: how likely the failure was, and figures
            over time.
    """
    from clew.report.page.page import page  # noqa: PLC0415 - most runs have none

    command = "" if repro is None else f"clew replay {shlex.quote(str(repro))}"
    write_text(to, page(outcome, command, futures=whole, plots=whole))
