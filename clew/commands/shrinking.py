"""The first failure of each kind, made small as soon as it is found."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from clew.checkers.verdict import Verdict
from clew.report.page.artefact import page_beside, write_page
from clew.report.progress import ShrinkProgress
from clew.report.screen import Style, echo
from clew.report.shrink import shrunk_report
from clew.scenarios.judgement.outcome import Outcome
from clew.scenarios.repros.repro import read_repro
from clew.search.cases import Case
from clew.search.seeds import LONG, SeedResult
from clew.search.shrink.oracle import FiguresError
from clew.search.shrink.shrinker import RUNS_MAX, SHRUNK, shrink, write_shrunk
from clew.search.summary import Group
from clew.search.verification import verify


class Small(NamedTuple):
    """A failure made small.

    Attributes:
        name: of its scenario.
        signature: of the failure.
        title: the seed and what was done, in words.
        repro: the repro file of the run as it was found.
        file: that of the smallest plan; empty if it was left as it is.
        story: of the smallest plan, or why there is none.
        outcome: of the smallest plan's run; None if there is none.
    """

    name: str
    signature: str
    title: str
    repro: str
    file: str
    story: str
    outcome: Outcome | None = None


def _to_shrink(cases: Sequence[Case]) -> Iterator[tuple[Case, str, Group]]:
    """Yield the failures of each kind, with their signature.

    A scenario that showed what was expected has none.
    """
    for case in cases:
        alone = case.job.scenario.expect is None
        if alone or case.summary.met.verdict is not Verdict.VALID:
            for (_, signature), group in case.summary.groups.items():
                yield case, signature, group


def _can_shrink(result: SeedResult) -> bool:
    """Return whether a run is invalid, was kept and comes out the same again."""
    repeats = result.verification is None or result.verification.same
    endless = any(kind in result.signature for kind in LONG)
    return (
        result.verdict is Verdict.INVALID and result.repro is not None and repeats and not endless
    )


def print_small(small: Small, style: Style) -> None:
    """Print the story of a failure that was made small, or one line that says why it was not."""
    if small.file:
        echo(f"\n{style.heading(small.title)}\n\n{small.story}")
    else:
        echo(f"\n{small.story}")


def shrink_each(cases: Sequence[Case], style: Style) -> Iterator[Small]:
    """Shrink the first failure of each kind; one of figures alone is left as it is.

    The smallest plan and the page of its run stand beside the repro file afterwards. Ctrl-C ends
    the current search, whose best so far is given, and then the whole.

    Raises:
        KeyboardInterrupt: the user has ended it.
    """
    for case, signature, group in _to_shrink(cases):
        first = group.first
        if not _can_shrink(first):
            continue
        seed = f"{case.name}, seed {first.seed}" if len(cases) > 1 else f"Seed {first.seed}"
        repro = Path(str(first.repro))
        try:
            with ShrinkProgress(RUNS_MAX, sys.stderr) as progress:
                plan = read_repro(repro).plan
                shrunk = shrink(plan, progress=progress.update, target=group.target)
        except FiguresError as figures:
            why = f"{seed} is not made small: {figures.found}."
            yield Small(case.name, signature, seed, str(repro), "", why)
            continue
        out = repro.with_name(_file_name(group))
        page = page_beside(out)
        write_shrunk(shrunk, out)
        write_page(page, shrunk.outcome, out)
        story = shrunk_report(shrunk, str(out), style, str(page))
        if not verify(shrunk.outcome.run).same:
            story += "\nThe smallest plan's run does not come out the same again."
        title = f"{seed}, made small"
        yield Small(case.name, signature, title, str(repro), str(out), story, shrunk.outcome)
        if shrunk.interrupted:
            raise KeyboardInterrupt


def _file_name(group: Group) -> str:
    """Name the file of the smallest plan: a run may have failed in two ways."""
    if group.target is None or group.target == group.first.ways[0]:
        return SHRUNK
    path = Path(SHRUNK)
    return f"{path.stem}-{group.target.check}{path.suffix}"
