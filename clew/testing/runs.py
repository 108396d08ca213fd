"""What a test of pytest runs, and how it fails: with the story, not with Clew's traceback."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

from clew.api import RunResult, repeated, scenario_for, spend
from clew.checkers.verdict import Verdict
from clew.commands.numbers import number, seconds_of, shard_of
from clew.errors import ClewError
from clew.machine import wall
from clew.machine.crash import crash_of
from clew.node.system import Program
from clew.report.run import not_deterministic
from clew.report.screen import Style, drawn
from clew.scenarios.judgement.outcome import Outcome
from clew.scenarios.options.expectation import may_be_split, parse_expect
from clew.scenarios.options.scenario import Scenario
from clew.search.shards import Shard

_FOLDER_LENGTH_MAX = 120


class Runs:
    """The runs of one test; the fixture ``clew``.

    Attributes:
        results: of what the test's markers and its body have run so far, in this order.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self.results: list[RunResult] = []

    @property
    def result(self) -> RunResult:
        """The last of the results."""
        return self.results[-1]

    def run(self, model: str | os.PathLike[str] | Program, **options: Any) -> RunResult:
        """Run a scenario's seeds; the test fails if they are not as expected.

        Args:
            model: as for `clew.run`; a file is looked for beside the test's first.
            options: of the scenario, such as ``workload``, ``nemesis``, ``runs`` or ``expect``.
        """
        __tracebackhide__ = True
        try:
            scenario = scenario_for(located(model, [self._item.path.parent]), options)
            result = spend(
                scenario,
                self._seeds(scenario),
                self.out,
                until_failure=parse_expect(scenario.expect or "valid").verdict is Verdict.VALID,
                repeat=repeats(self._item.config),
            )
            text = "" if result.ok else result.explain(small=self.shrinks)
        except ClewError as bad:
            raise pytest.fail.Exception(str(bad), pytrace=False) from None
        except Exception as mistake:
            raise crash_of(mistake, self.out) from mistake
        if result.interrupted:
            self._item.session.shouldstop = "interrupted while a failure was made small"
        self.results.append(result)
        self._item.user_properties.append(("clew_runs", len(result.runs)))
        if text:
            pytest.fail(text, pytrace=False)
        return result

    def run_marked(self, marker: pytest.Mark) -> RunResult:
        """Run what a marker requests, as `run`."""
        __tracebackhide__ = True
        if len(marker.args) != 1:
            pytest.fail("@pytest.mark.clew takes a model, and options by name.", pytrace=False)
        return self.run(marker.args[0], **marker.kwargs)

    @property
    def shrinks(self) -> bool:
        """Whether a failure is made small before it is reported."""
        return not self._item.config.getoption("clew_no_shrink")

    @property
    def out(self) -> Path:
        """The folder for the test's artefacts; no other test has it."""
        config = self._item.config
        return shown(config.rootpath / config.getini("clew_out") / folder_of(self._item.nodeid))

    def _seeds(self, scenario: Scenario) -> Iterable[int]:
        """Choose the seeds of this test: the command line over the scenario."""
        said = Said.of(self._item.config)
        first = scenario.seed if said.seed is None else said.seed
        runs = scenario.runs if said.runs is None else said.runs
        endless = said.seconds is not None and said.runs is None
        seeds: Iterable[int] = count(first) if endless else range(first, first + runs)
        if said.shard is None:
            part = seeds
        elif may_be_split(scenario.expect):
            part = (seed for index, seed in enumerate(seeds) if said.shard.holds(index))
        else:
            part = seeds if said.shard.holds(rank_of(self._item.nodeid)) else ()
        some = _some(part, said.shard)
        return some if said.seconds is None else _until(some, said.seconds)


def repeats(config: pytest.Config) -> bool:
    """Return whether a valid run of each test is repeated, to compare."""
    return not config.getoption("clew_no_verify")


def check_repeated(outcome: Outcome) -> None:
    """Fail the test if a valid run of its `clew.assert_valid` comes out otherwise."""
    __tracebackhide__ = True
    found = repeated(outcome)
    if found is not None:
        plan = outcome.run.plan
        head = f"{plan.model.name}, workload {plan.workload}: a valid run does not repeat."
        pytest.fail(drawn(f"{head}\n\n{not_deterministic(found, Style())}"), pytrace=False)


class Said(NamedTuple):
    """What the command line sets for every test; None if it sets nothing.

    Attributes:
        seed: the first.
        runs: how many seeds.
        seconds: for how long, wall time.
        shard: which part of the seeds.
    """

    seed: int | None
    runs: int | None
    seconds: float | None
    shard: Shard | None

    @classmethod
    def of(cls, config: pytest.Config) -> Self:
        """Read the options of a pytest run.

        Raises:
            UsageError: one of them is wrong.
        """
        seed, runs, lasting, shard = (config.getoption(f"clew_{name}") for name in _SAID)
        return cls(
            None if seed is None else number("clew-seed", seed, 0),
            None if runs is None else number("clew-runs", runs, 1),
            None if lasting is None else seconds_of("clew-for", lasting),
            None if shard is None else shard_of("clew-shard", shard),
        )


_SAID = ("seed", "runs", "for", "shard")


def check_options(config: pytest.Config) -> None:
    """Check what the command line says before any test runs.

    Raises:
        pytest.UsageError: an option is wrong.
    """
    try:
        Said.of(config)
    except ClewError as bad:
        raise pytest.UsageError(str(bad)) from None


def rank_of(nodeid: str) -> int:
    """Return a number for a test, for a shard that takes it whole; the same in every process."""
    return int.from_bytes(blake2b(nodeid.encode(), digest_size=8).digest())


_RUNS = pytest.StashKey[Runs]()


def runs_of(item: pytest.Item) -> Runs:
    """Return what a test runs: the same object for its markers and its body."""
    return item.stash.setdefault(_RUNS, Runs(item))


def folder_of(nodeid: str) -> str:
    """Name a folder for a test's artefacts; different for different tests.

    A test's parameters may hold anything, so a digest replaces them.
    """
    name = re.sub(r"[^\w.]+", "-", nodeid).strip("-")
    if "[" not in nodeid and len(name) <= _FOLDER_LENGTH_MAX:
        return name
    digest = blake2b(nodeid.encode(), digest_size=4).hexdigest()
    return f"{name[-_FOLDER_LENGTH_MAX:]}-{digest}"


def _until(seeds: Iterable[int], seconds: float) -> Iterator[int]:
    """Give seeds until that many wall seconds are over; at least one."""
    end = wall.seconds() + seconds
    for seed in seeds:
        yield seed
        if wall.seconds() >= end:
            return


def _some(seeds: Iterable[int], shard: Shard | None) -> Iterable[int]:
    """Give the seeds; skip the test where its part of them holds none."""
    every = iter(seeds)
    first = next(every, None)
    if first is None:
        told = "" if shard is None else f" {shard.number}/{shard.of}"
        pytest.skip(f"none of this test's seeds is in the shard{told}")
    return chain([first], every)


def located(model: str | os.PathLike[str] | Program, folders: Sequence[Path]) -> str | Program:
    """Look for the model's file in folders first; give it relative to here if possible."""
    if not isinstance(model, str | os.PathLike):
        return model
    name = os.fspath(model)
    path, colon, class_name = name.partition(":")
    if not path.endswith((".py", ".toml")):
        return name
    found = next((folder / path for folder in folders if (folder / path).is_file()), Path(path))
    return f"{shown(found)}{colon}{class_name}"


def shown(path: Path) -> Path:
    """Write a path relative to here, if it is below, so that what is printed can be pasted."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
