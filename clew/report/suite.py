"""What the sweep of one scenario gave, small enough to be kept for a report of many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from clew.checkers.verdict import Verdict
from clew.scenarios.options.expectation import Met, parse_expect
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.repros.trust import replay_command
from clew.scenarios.suites.suite import Source
from clew.search.seeds import SeedResult
from clew.search.summary import Summary


class Failure(NamedTuple):
    """A run that is not as expected, the first of those that ended alike.

    Attributes:
        verdict: INVALID or UNKNOWN.
        signature: the kind of failure.
        reason: one sentence.
        runs: how many ended so, this one included.
        repro: the file that replays it, or None.
        again: the command that brings it back; empty where there is none.
        story: what happened, as text of several lines; empty where there is none.
    """

    seed: int
    verdict: Verdict
    signature: str
    reason: str
    runs: int
    repro: str | None
    again: str
    story: str


@dataclass(frozen=True, slots=True)
class Suite:
    """One scenario and what its runs showed.

    Attributes:
        name: what it is called: the name of its file, or its model.
        source: where the scenario comes from; None for flags.
        scenario: what was run.
        met: whether it showed what was expected.
        runs: how many runs there were.
        seconds: wall seconds that they took.
        failures: the runs that were not as expected, one of each kind, in the order of seeds.
    """

    name: str
    source: Source | None
    scenario: Scenario
    met: Met
    runs: int
    seconds: float
    failures: tuple[Failure, ...]


def command(result: SeedResult, again: Callable[[int], str] | None) -> str:
    """Name the command that brings a run back: its repro file's, or its seed's; or nothing."""
    if result.repro is not None:
        named = (result.json.get(name) or "" for name in ("model", "workload"))
        return replay_command(result.repro, *named)
    return "" if again is None else again(result.seed)


def suite_of(
    scenario: Scenario,
    source: Source | None,
    summary: Summary,
    *,
    seconds: float,
    stories: Mapping[int, str] | None = None,
    again: Callable[[int], str] | None = None,
) -> Suite:
    """Make the record of a sweep.

    Args:
        scenario: what was run.
        source: where it comes from; None for flags.
        summary: all of its runs, added up with the scenario's expectation.
        seconds: wall seconds.
        stories: by seed the text of what happened, as far as there is one.
        again: gives the command that runs a seed again; None where there is none.
    """
    expectation = parse_expect(scenario.expect or "valid")
    failures = [
        Failure(
            one.seed, one.verdict, one.signature, one.reason, len(group.seeds), one.repro,
            command(one, again), (stories or {}).get(one.seed, ""),
        )
        for group in summary.groups.values()
        if not expectation.allows((one := group.first).verdict, one.signature)
    ]  # fmt: skip
    failures.sort(key=lambda failure: failure.seed)
    name = Path(source).stem if source else scenario.model
    return Suite(name, source, scenario, summary.met, summary.runs, seconds, tuple(failures))
