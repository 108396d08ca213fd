"""The first failure of each kind, made small as soon as it is found."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from clew.checkers.verdict import Verdict
from clew.report.progress import ShrinkProgress
from clew.report.screen import Style, echo
from clew.report.shrink import shrunk_report
from clew.scenarios.repros.repro import read_repro
from clew.search.cases import Case
from clew.search.seeds import LONG, SeedResult
from clew.search.shrink.oracle import FiguresError
from clew.search.shrink.shrinker import RUNS_MAX, SHRUNK, shrink, write_shrunk
from clew.search.verification import verify


def _to_shrink(cases: Sequence[Case]) -> Iterator[tuple[str, SeedResult]]:
    """The first failure of each kind, with its name.

    A scenario that showed what was expected has none.
    """
    for case in cases:
        alone = case.job.scenario.expect is None
        if alone or case.summary.met.verdict is not Verdict.VALID:
            name = f"{case.name}, seed" if len(cases) > 1 else "Seed"
            firsts = (group.first for group in case.summary.groups.values())
            yield from ((f"{name} {first.seed}", first) for first in firsts)


def _can_shrink(result: SeedResult) -> bool:
    """True for an invalid run that was kept and comes out the same again."""
    repeats = result.verification is None or result.verification.same
    endless = any(kind in result.signature for kind in LONG)
    return (
        result.verdict is Verdict.INVALID and result.repro is not None and repeats and not endless
    )


def shrink_all(cases: Sequence[Case], style: Style) -> dict[str, str]:
    """Shrink the first failure of each kind and print its story; return the stories by repro file.

    For a failure of figures alone, one line says that it is left as it is.

    The smallest plan stands beside the repro file afterwards. Ctrl-C ends the current search, whose
    best so far is printed, and then the whole.

    Raises:
        KeyboardInterrupt: the user has ended it.
    """
    told: dict[str, str] = {}
    for name, result in _to_shrink(cases):
        if not _can_shrink(result):
            continue
        repro = Path(str(result.repro))
        try:
            with ShrinkProgress(RUNS_MAX, sys.stderr) as progress:
                shrunk = shrink(read_repro(repro).plan, progress=progress.update)
        except FiguresError as figures:
            echo(f"\n{name} is not made small: {figures.found}.")
            continue
        out = repro.with_name(SHRUNK)
        write_shrunk(shrunk, out)
        story = shrunk_report(shrunk, str(out), style)
        if not verify(shrunk.outcome.run).same:
            story += "\nThe smallest plan's run does not come out the same again."
        echo(f"\n{style.heading(f'{name}, made small')}\n\n{story}")
        told[str(repro)] = story
        if shrunk.interrupted:
            raise KeyboardInterrupt
    return told
