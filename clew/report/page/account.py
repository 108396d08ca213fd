"""What a run did and why it is wrong, as every page shows it: its story, evidence and checks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

from clew.checkers.verdict import Anomaly, Result
from clew.report.page.evidence import evidence
from clew.report.page.moments import Moment
from clew.report.story import StoryStep
from clew.scenarios.judgement.outcome import Outcome


def account(
    outcome: Outcome,
    found: tuple[Result, Anomaly] | None,
    steps: Sequence[StoryStep],
    moments: Sequence[Moment],
) -> dict[str, Any]:
    """Describe a run, as data.

    Args:
        outcome: of the run.
        found: the failure that the page is about, and its check; None for none.
        steps: of its story.
        moments: of its trace.
    """
    return {
        "story": list(_story(steps, moments)),
        "evidence": evidence(found, outcome.run.history.operations),
        "checks": [[one.name, one.verdict.value, one.reason] for one in outcome.checks],
        "remarks": list(outcome.remarks),
    }


def _story(steps: Sequence[StoryStep], moments: Sequence[Moment]) -> Iterator[list[Any]]:
    """Lay each step at the event that it is about: the first of the last moment not later."""
    for step in steps:
        rank = max(bisect_right(moments, step.time_ns, key=attrgetter("time_ns")) - 1, 0)
        number = moments[rank].number if moments else 0
        yield [number, step.time_ns, step.kind, step.text, list(step.more)]
