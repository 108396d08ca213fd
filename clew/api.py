"""Clew from Python: one call runs seeds of a scenario, and its result prints well.

`run` is for a notebook, a REPL or a script, `assert_valid` for a test that makes its own plans.
Artefacts of runs that fail go where ``clew test`` puts them.

A class instead of a model's name is taken as it is in this process. No other process has it: such a
run is not repeated in a fresh process, worker processes can't help, and its repro file can't be
replayed from the command line. The result says so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from clew.checkers.verdict import Verdict
from clew.errors import ClewError, NodeError, UsageError
from clew.formats.places import check_folder
from clew.machine import wall
from clew.machine.crash import CrashError, crash_of
from clew.node.system import Program
from clew.report.result import RunResult
from clew.report.run import verified
from clew.scenarios.code.models import hold, load_model
from clew.scenarios.code.workload_files import IN_MEMORY
from clew.scenarios.judgement.outcome import Outcome, judge
from clew.scenarios.options.expectation import Expectation, kinds_of, met, parse_expect
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import Plan
from clew.scenarios.repros.repro import model_of
from clew.scenarios.runs.run import simulate
from clew.scenarios.suites.rehearsal import rehearse_source
from clew.scenarios.suites.suite import options_of, scenario_from, scenario_source
from clew.search.forks import fresh_runs_of
from clew.search.seeds import (
    CRASHED,
    Bench,
    Job,
    SeedResult,
    held,
    is_endless,
    is_unverified,
    made_again,
    run_seed,
    seed_result,
    write_artefacts,
)
from clew.search.sweep import sweep
from clew.search.valid_runs import found_valid
from clew.search.verification import Verification, verify
from clew.sim.guards.files import muted

__all__ = ["PlanError", "Result", "RunResult", "assert_valid", "run"]

Result = RunResult
"""The former name of `RunResult`; a `clew.checkers.verdict.Result` is a checker's."""


def run(
    model: str | os.PathLike[str] | Program,
    *,
    jobs: int = 1,
    until_failure: bool = False,
    out: str | os.PathLike[str] = "out",
    **options: Any,
) -> RunResult:
    """Run a cluster of a model in virtual time, one seed or many, and check what its clients saw.

    Args:
        model: a shipped model, ``file.py``, ``file.py:Class``, a scenario's ``.toml``, a shipped
            scenario, a class that derives from `Node`, or a `System`.
        jobs: worker processes.
        until_failure: stop at the first invalid run.
        out: the folder for the artefacts of the run that is shown, if it is not valid.
        options: every option of a scenario by its name, such as ``workload="lin-kv"``,
            ``nemesis=["partition"]``, ``seed=7``, ``runs=200`` or ``expect="invalid"``;
            ``asserts`` for what a file calls ``assert``.

    Raises:
        ClewError: an option, the file or the model is wrong.
        CrashError: Clew itself went wrong.
    """
    scenario = scenario_for(model, options)
    seeds = range(scenario.seed, scenario.seed + scenario.runs)
    if jobs > 1 and scenario.model.endswith(IN_MEMORY):
        raise UsageError(
            "jobs can't be used with a class",
            expected="the name of a file with the class in it, or jobs=1",
            fix="Worker processes load a model by its name",
        )
    return spend(scenario, seeds, Path(out), jobs=jobs, until_failure=until_failure)


def scenario_for(model: str | os.PathLike[str] | Program, options: Mapping[str, Any]) -> Scenario:
    """Make the scenario of a call: options over a file over a planted bug's own; check it in full.

    Raises:
        ClewError: an option, the file or the model is wrong.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if "asserts" in given:
        asserts = given.pop("asserts")
        given["assert"] = [asserts] if isinstance(asserts, str) else list(asserts)
    named = os.fspath(model) if isinstance(model, str | os.PathLike) else hold(model)
    source = scenario_source(named)
    given = {**given, "model": named} if source is None else {**options_of(source), **given}
    scenario = scenario_from(given)
    rehearse_source(scenario, scenario.seed, source)
    return scenario


def spend(
    scenario: Scenario,
    seeds: Iterable[int],
    out: Path,
    *,
    jobs: int = 1,
    until_failure: bool = False,
    repeat: bool = True,
) -> RunResult:
    """Run some seeds, at least one, and return their result.

    Args:
        scenario: what is run.
        seeds: which; they are asked for as there is room.
        out: the folder for the artefacts of the run that is shown.
        jobs: worker processes; with one, all happens in this process.
        until_failure: stop at the first invalid run.
        repeat: whether the first valid run is repeated, to compare.

    Raises:
        UsageError: nothing can be written into the folder.
        NodeError: each seed has ended the worker process that ran it.
        CrashError: Clew itself went wrong.
    """
    check_folder(out)
    started = wall.seconds()
    in_memory = scenario.model.endswith(IN_MEMORY)
    job = Job(scenario, out, keep_failing=False, verify_failing=not in_memory)
    runs, told = _collected(job, seeds, jobs, until_failure=until_failure, repeat=repeat)
    if not told[0].digest:
        raise NodeError(
            f"no seed gave a run: {told[0].signature}",
            where=scenario.model,
            fix=f"'clew test' with seed {told[0].seed} alone shows where it ends",
        )
    result, outcome = told[0], told[1] or _again(scenario, told[0].seed)
    kept = outcome.verdict is not Verdict.VALID and not in_memory
    return RunResult(
        tuple(runs),
        verified(outcome, result.verification),
        met(scenario.expect, runs),
        scenario,
        str(write_artefacts(outcome, out)) if kept else None,
        result.verification or (_same_here(outcome) if in_memory else None),
        wall.seconds() - started,
    )


def _collected(
    job: Job, seeds: Iterable[int], jobs: int, *, until_failure: bool, repeat: bool
) -> tuple[list[SeedResult], _Told]:
    """Collect the results of seeds, the first valid one repeated if asked, and the one to show."""
    expected = parse_expect(job.scenario.expect or "valid")
    told: _Told | None = None
    valid: _Told | None = None
    runs: list[SeedResult] = []
    with closing(_runs(job, seeds, jobs)) as pairs:
        for result, outcome in pairs:
            runs.append(result)
            if told is None or _weight(result, expected) > _weight(told[0], expected):
                told = result, outcome
            if repeat and valid is None and is_unverified(result):
                valid = result, outcome
            if until_failure and result.verdict is Verdict.INVALID:
                break
    assert told is not None
    if valid is not None:  # not before all have run: their time may be limited
        again = _made_again(job, *valid)
        runs[runs.index(valid[0])] = again
        if told[0] is valid[0] or _weight(again, expected) > _weight(told[0], expected):
            told = again, valid[1]
    return runs, told


_Told: TypeAlias = tuple[SeedResult, Outcome | None]
"""A result, and its outcome if the seed was run in this process."""


def _made_again(job: Job, result: SeedResult, outcome: Outcome | None) -> SeedResult:
    """Return the result of a valid run after repeating it: in a fresh process, if possible."""
    if outcome is None or not job.scenario.model.endswith(IN_MEMORY):
        return made_again(job, result, fresh_runs_of(os.getpid()), outcome)
    verification = _same_here(outcome)
    return result if verification is None else held(result, verification)


def _runs(job: Job, seeds: Iterable[int], jobs: int) -> Generator[_Told, None, None]:
    """Yield each seed's result, with its outcome."""
    if jobs > 1:
        for result in sweep(job, seeds, jobs):
            if result.signature == CRASHED:
                raise CrashError(result.reason)
            yield result, None
        return
    with Bench(fresh_runs_of(os.getpid())) as bench:
        for seed in seeds:
            try:
                outcome, result = run_seed(job, seed, bench)
            except ClewError:
                raise
            except Exception as mistake:
                raise crash_of(mistake, job.out, seed=seed) from mistake
            yield result, outcome


def _weight(result: SeedResult, expected: Expectation) -> tuple[bool, int, bool]:
    """Return how much a run is worth showing: verdict, then whether the failure is unexpected.

    One that ended its worker can't be shown: it would end this process.
    """
    failed = result.verdict is Verdict.INVALID
    news = failed and not kinds_of(result.signature) & {*expected.kinds}
    return bool(result.digest), list(Verdict).index(result.verdict), news


def _again(scenario: Scenario, seed: int) -> Outcome:
    """Return the outcome of a seed that a worker process ran."""
    model = load_model(scenario.model, scenario.bug)
    return judge(simulate(draw_plan(scenario, seed, model), model), model)


def _same_here(outcome: Outcome) -> Verification | None:
    """Say how a repeated run differed in this process; None if it did not, or is unknown."""
    if outcome.verdict is Verdict.UNKNOWN or is_endless(outcome):
        return None
    with muted():
        same = simulate(outcome.run.plan, outcome.model).digest == outcome.run.digest
    return None if same else Verification(same, "a second run in the same process")


class PlanError(AssertionError):
    """A plan's run is invalid; the text is the shrunk story, made when it is needed.

    A caller that tries many plans, such as hypothesis, only needs the text of the last.

    Attributes:
        result: of the plan as it was given.
    """

    def __init__(self, result: RunResult, out: Path) -> None:
        super().__init__(result, out)
        self.result = result
        self._out = out

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        outcome = self.result.outcome
        if self.result.in_memory:
            return replace(self.result, verification=_same_here(outcome)).explain()
        # Plans that a test made often share a seed, so their folder is named differently.
        repro = write_artefacts(outcome, self._out / f"plan-{outcome.run.digest[:8]}")
        same = None if is_endless(outcome) else verify(outcome.run)
        return replace(self.result, repro=str(repro), verification=same).explain()


def assert_valid(plan: Plan, *, out: str | os.PathLike[str] = "out") -> RunResult:
    """Run a plan and return its result, which is not invalid.

    An unknown run passes: a plan of a few operations may show nothing, and many plans together
    decide. The plugin for pytest repeats the largest valid run of each test once it has passed, and
    fails the test if it comes out otherwise. Under hypothesis the verdicts are counted as events of
    the test (``--hypothesis-show-statistics``).

    Args:
        plan: what to run.
        out: the folder for the artefacts of a failure.

    Raises:
        PlanError: the run is invalid; an AssertionError.
        ClewError: the plan's model can't be loaded.
    """
    __tracebackhide__ = True
    model = model_of(plan)
    outcome = judge(simulate(plan, model), model)
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is not None and hypothesis.currently_in_test_context():
        hypothesis.event(f"verdict {outcome.verdict.value}")
    runs = (seed_result(outcome),)
    result = RunResult(runs, outcome, met(None, runs))
    if outcome.verdict is Verdict.INVALID:
        raise PlanError(result, Path(out))
    if outcome.verdict is Verdict.VALID:
        found_valid(outcome)
    return result


def repeated(outcome: Outcome) -> Verification | None:
    """Say how a run differs if repeated: in a fresh process, unless only this one has its class.

    None if it does not, or is unknown in one process.
    """
    if outcome.run.plan.model.name.endswith(IN_MEMORY):
        return _same_here(outcome)
    verification = verify(outcome.run, fresh_runs_of(os.getpid()))
    return None if verification.same else verification
