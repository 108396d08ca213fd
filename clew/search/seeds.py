"""One seed of a scenario: the job that it is part of, its run, its result and its artefacts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self, TypeAlias

from clew.checkers.verdict import Verdict
from clew.errors import ClewError
from clew.formats import write_jsonl
from clew.formats.atomic import write_text
from clew.machine.crash import crash_of
from clew.machine.garbage import collected_rarely
from clew.scenarios.code.models import Model, load_model
from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.judgement.outcome import Outcome, judge
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import Plan
from clew.scenarios.repros.repro import write_repro
from clew.scenarios.runs.run import Run, simulate
from clew.search.coverage import Behaviour, behaviours, reach_of
from clew.search.forks import FreshRuns
from clew.search.shrink.oracle import Target, targets_of
from clew.search.verification import Verification, determinism, hash_order_remark, verify


@dataclass(frozen=True, slots=True)
class SeedResult:
    """What one seed gave, small enough to travel between processes.

    Attributes:
        seed: which.
        verdict: of the run, or UNKNOWN if it did not come out the same again.
        json: as ``clew test --json`` prints it.
        signature: the kind of failure; empty for a valid run.
        reason: why it is not valid, in one sentence; empty for a valid run.
        repro: the repro file, or None if none was written.
        verification: of a run that was repeated, or None.
        behaviours: those of the run that its worker has not reported before, if the job wants them.
        ways: what failed, told apart for a hunt; empty for a run that did not fail.
        reached: the run's reach, if the job wants it; see `clew.search.coverage.reach_of`.
    """

    seed: int
    verdict: Verdict
    json: dict[str, Any]
    signature: str
    reason: str
    repro: str | None
    verification: Verification | None
    behaviours: tuple[int, ...] = ()
    ways: tuple[Target, ...] = ()
    reached: tuple[Behaviour, ...] = ()

    @property
    def digest(self) -> str:
        """The digest of the run's trace; empty if the worker was lost, so that there is no run."""
        return str(self.json.get("digest", ""))


PlanDraw: TypeAlias = Callable[[Scenario, int, Model], Plan]
"""Draws the plan of a seed of a scenario; workers get it, so it can be pickled."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to do with each seed.

    Attributes:
        out: the folder for artefacts.
        keep_all: write the artefacts of valid runs too.
        keep_failing: write the artefacts of runs that are not valid.
        verify_all: run every run again, not the failing ones alone.
        verify_failing: run failing runs again; otherwise the caller that reports them must do it.
        handler_seconds: wall seconds after which a handler that does not end is stopped.
        seed_seconds: wall seconds after which a worker that does not end a seed is killed; None
            for `seed_seconds_of` the scenario.
        behaviours: count the run's behaviours.
        reach: give the run's reach.
        draw: draws plans.
        name: the name of artefacts, if several scenarios may have the same model; None for the
            model, the bug and the workload.
    """

    scenario: Scenario
    out: Path
    keep_all: bool = False
    keep_failing: bool = True
    verify_all: bool = False
    verify_failing: bool = True
    handler_seconds: float = 5.0
    seed_seconds: float | None = None
    behaviours: bool = False
    reach: bool = False
    draw: PlanDraw = draw_plan
    name: str | None = None


class SeedTask(NamedTuple):
    """One seed of one job."""

    job: Job
    seed: int


class Bench:
    """What a process needs to run seeds, and keeps from one to the next; a context.

    Args:
        fresh: the source of fresh processes, which outlives this; None for a server of its own.
    """

    def __init__(self, fresh: FreshRuns | None = None) -> None:
        self.fresh = fresh or FreshRuns()
        self._own = fresh is None
        self._told: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            self.fresh.close()

    def new_behaviours(self, run: Run) -> tuple[int, ...]:
        """Find the behaviours of a run that were not reported before, sorted."""
        new = tuple(each for each in behaviours(run) if each not in self._told)
        self._told.update(new)
        return new


LEAST_SEED_SECONDS = 300.0


def seed_seconds_of(scenario: Scenario) -> float:
    """Return how long a seed may take, in wall seconds: far longer than a run that progresses."""
    return max(LEAST_SEED_SECONDS, 10 * (scenario.time_limit + scenario.recovery))


class Listener(Protocol):
    """Gets reports on the progress of one seed."""

    def stage(self, what: str) -> None:
        """Take the words for a stage when it begins; called perhaps again while it lasts."""

    def update(self, virtual_ns: int, events: int) -> None:
        """Take how far the simulation is; called from another thread, several times per second."""


def run_seed(
    job: Job, seed: int, bench: Bench | None = None, listener: Listener | None = None
) -> tuple[Outcome, SeedResult]:
    """Draw, simulate, judge, verify and write down one seed.

    Args:
        job: what to do.
        seed: of which.
        bench: what is kept from seed to seed; None if there is only one seed.
        listener: gets reports on its progress; None for nobody.
    """
    scenario = job.scenario
    model = load_model(scenario.model, scenario.bug)
    run = simulate(
        job.draw(scenario, seed, model),
        model,
        handler_seconds=job.handler_seconds,
        tick=None if listener is None else listener.update,
    )
    if listener is not None:
        listener.stage("judging what clients saw")
    outcome = judge(run, model)
    verification = None
    failed = job.verify_failing and outcome.verdict is Verdict.INVALID
    if (failed or job.verify_all) and not is_endless(outcome):
        verification = verify(
            run,
            None if bench is None else bench.fresh,
            None if listener is None else listener.stage,
        )
    repro = None
    if job.keep_all or (job.keep_failing and outcome.verdict is not Verdict.VALID):
        repro = str(write_artefacts(outcome, job.out, job.name))
    new = bench.new_behaviours(run) if job.behaviours and bench is not None else ()
    result = seed_result(outcome, repro, verification, new)
    return outcome, replace(result, reached=reach_of(run)) if job.reach else result


LONG = ("endless-loop", "message-loop", "timer-loop")
"""Kinds of findings of runs that take long, so that hundreds more of them would be a waste."""


def is_long(outcome: Outcome) -> bool:
    """Return whether one of `LONG` was found."""
    return any(finding.kind in LONG for finding in outcome.run.findings)


def is_endless(outcome: Outcome) -> bool:
    """Return whether a wall clock stopped a handler: how far it got depends on the machine."""
    return any(finding.kind == "endless-loop" for finding in outcome.run.findings)


def seed_result(
    outcome: Outcome,
    repro: str | None = None,
    verification: Verification | None = None,
    new: tuple[int, ...] = (),
) -> SeedResult:
    """Make the result of a run, as a sweep reports it.

    Args:
        outcome: of the run.
        repro: its repro file, if one was written.
        verification: whether it came out the same again, if that was checked.
        new: those of its behaviours that are to be reported.
    """
    reason = next((c.reason for c in outcome.checks if c.verdict is outcome.verdict), "")
    result = SeedResult(
        outcome.run.plan.seed,
        outcome.verdict,
        outcome.to_json(repro),
        outcome.signature,
        "" if outcome.verdict is Verdict.VALID else reason,
        repro,
        None,
        new,
        targets_of(outcome),
    )
    return result if verification is None else held(result, verification)


def held(result: SeedResult, verification: Verification) -> SeedResult:
    """Add to a result that its run was repeated, with a check of determinism if that failed."""
    json = {**result.json, "deterministic": verification.same}
    remark = hash_order_remark(verification)
    if remark:
        json["remarks"] = [*json.get("remarks", ()), remark]
    check = determinism(verification)
    if check is None:
        return replace(result, json=json, verification=verification)
    verdict = Verdict.merge([result.verdict, check.verdict])
    told = {"name": check.name, "verdict": check.verdict.value, "reason": check.reason}
    return replace(
        result,
        verdict=verdict,
        json={**json, "verdict": verdict.value, "checks": [*json.get("checks", ()), told]},
        signature=result.signature or f"{check.name}: {check.verdict.value}",
        reason=result.reason or check.reason,
        verification=verification,
    )


def is_unverified(result: SeedResult) -> bool:
    """Return whether a valid run of this process or its workers has not been repeated yet."""
    known = result.verification is not None or result.json.get("resumed")
    return result.verdict is Verdict.VALID and bool(result.digest) and not known


def made_again(
    job: Job,
    result: SeedResult,
    fresh: FreshRuns,
    outcome: Outcome | None = None,
    listener: Listener | None = None,
) -> SeedResult:
    """Repeat a valid run, here and in a fresh process, and return its result.

    Only what this shows is added: the same run is reported as it was.

    Args:
        job: its job.
        result: of the run.
        fresh: the source of fresh processes.
        outcome: of the run, if it was made in this process.
        listener: gets reports on its progress; None for nobody.
    """
    show = None if listener is None else listener.stage
    if outcome is not None:
        verification = verify(outcome.run, fresh, show)
    else:
        model = load_model(job.scenario.model, job.scenario.bug)
        plan = job.draw(job.scenario, result.seed, model)
        run = simulate(plan, model)
        # The worker's run is gone; this one can stand for it if it is the same.
        if run.digest == result.digest:
            verification = verify(run, fresh, show)
        else:
            verification = Verification(same=False, where="a second run in another process")
    plain = verification.same and not verification.hash_order
    return result if plain else held(result, verification)


def lost_result(task: SeedTask, signature: str, reason: str) -> SeedResult:
    """Make the result of a seed that killed its worker, or never came back from it."""
    scenario = task.job.scenario
    json = {
        "model": scenario.model,
        "bug": scenario.bug,
        "workload": scenario.workload,
        "seed": task.seed,
        "verdict": Verdict.UNKNOWN.value,
        "digest": "",
        "checks": [{"name": "worker", "verdict": Verdict.UNKNOWN.value, "reason": reason}],
        "repro": None,
    }
    return SeedResult(task.seed, Verdict.UNKNOWN, json, signature, reason, None, None)


def artefacts_of(outcome: Outcome, out: Path, name: str | None = None) -> Path:
    """Name the folder of a run's artefacts; see `Job` for the name."""
    plan = outcome.run.plan
    if name is not None:
        return out / f"{name}-seed-{plan.seed}"
    stem = Path(plan.model.name.partition(":")[0]).stem
    bug = f"-{plan.model.bug}" if plan.model.bug else ""
    workload = re.sub(r"[^\w.]+", "-", load_workload(plan.workload).name)
    return out / f"{stem}{bug}-{workload}-seed-{plan.seed}"


def write_artefacts(outcome: Outcome, out: Path, name: str | None = None) -> Path:
    """Write a run's repro file and history into their folder; return the repro file's path."""
    folder = artefacts_of(outcome, out, name)
    write_text(folder / "history.jsonl", history_text(outcome))
    write_repro(outcome, folder / "repro.json")
    return folder / "repro.json"


def history_text(outcome: Outcome) -> str:
    """Write a run's history as JSON lines."""
    text = StringIO()
    write_jsonl(outcome.run.history, text)
    return text.getvalue()


def result_in(job: Job, seed: int, bench: Bench) -> SeedResult:
    """Run one seed of many; its result is UNKNOWN with the reason if Clew itself fails.

    The collector of cycles runs seldom up to the end: a collection while the run is still there
    would only walk through what is about to be freed.

    Raises:
        ClewError: what the seed refused to run with.
    """
    try:
        with collected_rarely():
            return run_seed(job, seed, bench)[1]
    except ClewError:
        raise
    except Exception as mistake:  # noqa: BLE001 - the other seeds are worth running
        return lost_result(SeedTask(job, seed), CRASHED, str(crash_of(mistake, job.out, seed=seed)))


CRASHED = "clew crashed"
"""The signature of a seed in which Clew itself went wrong."""
