"""The web page of a sweep or a hunt, which ``--report`` asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clew.commands.seed_command import rerun
from clew.commands.shrinking import Small
from clew.formats.atomic import write_text
from clew.report.page.artefact import page_beside, write_page
from clew.scenarios.judgement.outcome import Outcome, judge
from clew.scenarios.repros.repro import model_of, read_repro
from clew.scenarios.runs.run import simulate
from clew.search.cases import Case
from clew.search.seeds import LONG
from clew.search.summary import Group

if TYPE_CHECKING:
    from clew.report.hunt import Hunted
    from clew.report.page.sweep import Part, Told, Way

REPLAYED_MAX = 10
"""So many failures that were kept and not made small are replayed for their stories."""


class SweepPage:
    """Collects what is shown of failures, and writes the page.

    Args:
        to: the file; None if no page was asked for, so that nothing is done.
        cases: the scenarios.
        seconds: wall seconds of the sweep.
        hunts: by scenario's name, what its hunt tried and reached.
    """

    def __init__(
        self,
        to: Path | None = None,
        cases: Sequence[Case] = (),
        seconds: float = 0.0,
        hunts: Mapping[str, Hunted] | None = None,
    ) -> None:
        self._to = to
        self._cases = cases
        self._seconds = seconds
        self._hunts = hunts or {}
        self._told: dict[str, dict[Way, Told]] = {case.name: {} for case in cases}

    def take(self, small: Small) -> None:
        """Add a failure that was made small, if it was."""
        if self._to is not None and small.outcome is not None:
            from clew.report.page.sweep import told_of  # noqa: PLC0415 - most sweeps have no page

            plan = Path(small.file)
            way = small.outcome.verdict, small.signature
            self._told[small.name][way] = told_of(small.outcome, plan, page_beside(plan))

    def replay(self) -> None:
        """Add the failures that were kept and not made small, and write their pages."""
        if self._to is None:
            return
        from clew.report.page.sweep import told_of  # noqa: PLC0415 - as above

        for case in self._cases:
            told = self._told[case.name]
            kept = [
                (way, Path(str(group.first.repro)))
                for way, group in case.summary.groups.items()
                if way not in told and _can_replay(group)
            ]
            for way, repro in kept[:REPLAYED_MAX]:
                outcome, page = replayed(repro), page_beside(repro)
                write_page(page, outcome, repro)
                told[way] = told_of(outcome, repro, page)

    def write(self, *, interrupted: bool = False) -> None:
        """Write the page with what is known so far."""
        if self._to is None:
            return
        from clew.report.page.sweep import sweep_page  # noqa: PLC0415 - as above

        parts = [self._part(case) for case in self._cases if case.summary.runs]
        write_text(self._to, sweep_page(parts, self._to, interrupted=interrupted))

    def _part(self, case: Case) -> Part:
        from clew.report.page.sweep import Part  # noqa: PLC0415 - as above

        scenario = case.job.scenario
        again = partial(rerun, scenario, case.source, command=case.command)
        return Part(
            case.name, scenario, case.summary, case.course, self._seconds, again,
            self._told[case.name], self._hunts.get(case.name),
        )  # fmt: skip


def _can_replay(group: Group) -> bool:
    """Return whether the first failure of a way was kept, and comes back soon."""
    return group.first.repro is not None and not any(kind in group.first.signature for kind in LONG)


def replayed(path: Path) -> Outcome:
    """Replay the plan of a repro file and return its outcome now."""
    plan = read_repro(path).plan
    model = model_of(plan)
    return judge(simulate(plan, model), model)
