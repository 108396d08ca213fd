"""The results of the sweep of one scenario, for JUnit and JSON reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from clew.scenarios.options.expectation import parse_expect
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.repros.trust import replay_command
from clew.scenarios.suites.suite import Source
from clew.search.seeds import SeedResult
from clew.search.summary import Summary


class Failure(NamedTuple):
    """A run that is not as expected, the first of those that ended in the same way.

    Attributes:
        first: its result.
        runs: how many ended so, including this one.
        again: the command that brings it back; empty if there is none.
        story: what happened, as text of several lines; empty if there is none.
    """

    first: SeedResult
    runs: int
    again: str
    story: str


class Suite(NamedTuple):
    """One scenario and what its runs showed.

    Attributes:
        name: the name of its file, or its model.
        source: where the scenario comes from; None for flags.
        scenario: what was run.
        summary: all of its runs, added up with the scenario's expectation.
        failures: the runs that were not as expected, one of each kind, in the order of seeds.
    """

    name: str
    source: Source | None
    scenario: Scenario
    summary: Summary
    failures: tuple[Failure, ...]


def command(result: SeedResult, again: Callable[[int], str] | None) -> str:
    """Return the command that brings a run back: its repro file's, or its seed's; or nothing."""
    if result.repro is not None:
        named = (result.json.get(name) or "" for name in ("model", "workload"))
        return replay_command(result.repro, *named)
    return "" if again is None else again(result.seed)


def suite_of(
    scenario: Scenario,
    source: Source | None,
    summary: Summary,
    stories: Mapping[str, str],
    again: Callable[[int], str] | None = None,
) -> Suite:
    """Make the record of a sweep.

    Args:
        scenario: what was run.
        source: where it comes from; None for flags.
        summary: all of its runs.
        stories: the texts of what happened, by repro file, for those that have one.
        again: gives the command that runs a seed again; None if there is none.
    """
    expectation = parse_expect(scenario.expect or "valid")
    failures = [
        Failure(one, len(group.seeds), command(one, again), stories.get(one.repro or "", ""))
        for group in summary.groups.values()
        if not expectation.allows((one := group.first).verdict, one.signature)
    ]
    failures.sort(key=lambda failure: failure.first.seed)
    name = Path(source).stem if source else scenario.model
    return Suite(name, source, scenario, summary, tuple(failures))
