"""Many seeds of one scenario, over worker processes; results come in the order of the seeds."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from clew.checkers.verdict import Verdict
from clew.formats import write_jsonl
from clew.formats.atomic import write_text
from clew.scenarios.draw import draw_plan
from clew.scenarios.load import load_model
from clew.scenarios.outcome import Outcome, judge
from clew.scenarios.repro import write_repro
from clew.scenarios.run import simulate
from clew.scenarios.scenario import Scenario
from clew.search.verify import Verification, verify

_AHEAD = 4
"""So many seeds a worker may be handed out beyond the one reported next: a bounded queue."""


@dataclass(frozen=True, slots=True)
class SeedResult:
    """What one seed gave, small enough to travel between processes.

    Attributes:
        seed: which.
        verdict: of the run.
        json: as ``clew test --json`` prints it.
        signature: the kind of failure; empty for a valid run.
        reason: why it is not valid, in one sentence; empty for a valid run.
        repro: the repro file, or None where none was written.
        verification: of a run that was run again, or None.
    """

    seed: int
    verdict: Verdict
    json: dict[str, Any]
    signature: str
    reason: str
    repro: str | None
    verification: Verification | None


@dataclass(frozen=True, slots=True)
class Job:
    """What to do with each seed.

    Attributes:
        out: the folder for artefacts.
        keep_all: write the artefacts of valid runs too.
        verify_all: run every run again, not the failing ones alone.
        verify_failing: run failing runs again; who tells them must else do it.
        handler_seconds: wall seconds after which a handler that does not end is stopped.
    """

    scenario: Scenario
    out: Path
    keep_all: bool = False
    verify_all: bool = False
    verify_failing: bool = True
    handler_seconds: float = 5.0


def run_seed(job: Job, seed: int) -> tuple[Outcome, SeedResult]:
    """Draw, simulate, judge, verify and write down one seed."""
    scenario = job.scenario
    model = load_model(scenario.model, scenario.bug)
    plan = draw_plan(scenario, seed, model)
    run = simulate(plan, model, handler_seconds=job.handler_seconds)
    outcome = judge(run, model)
    failed = job.verify_failing and outcome.verdict is Verdict.INVALID
    verification = None
    endless = any(finding.kind == "endless-loop" for finding in run.findings)
    if (failed or job.verify_all) and not endless:
        verification = verify(run)
    repro = None
    if outcome.verdict is not Verdict.VALID or job.keep_all:
        repro = str(write_artefacts(outcome, job.out))
    reason = next((c.reason for c in outcome.checks if c.verdict is outcome.verdict), "")
    return outcome, SeedResult(
        seed,
        outcome.verdict,
        outcome.to_json(repro),
        outcome.signature,
        "" if outcome.verdict is Verdict.VALID else reason,
        repro,
        verification,
    )


def write_artefacts(outcome: Outcome, out: Path) -> Path:
    """Write a run's repro file and history into a folder of its own; the repro file's path."""
    plan = outcome.run.plan
    stem = Path(plan.model.name.partition(":")[0]).stem
    bug = f"-{plan.model.bug}" if plan.model.bug else ""
    folder = out / f"{stem}{bug}-{plan.workload}-seed-{plan.seed}"
    write_text(folder / "history.jsonl", history_text(outcome))
    write_repro(outcome, folder / "repro.json")
    return folder / "repro.json"


def history_text(outcome: Outcome) -> str:
    """A run's history as JSON lines."""
    from io import StringIO  # noqa: PLC0415

    text = StringIO()
    write_jsonl(outcome.run.history, text)
    return text.getvalue()


def sweep(job: Job, seeds: Sequence[int], jobs: int) -> Iterator[SeedResult]:
    """The results of many seeds, in the order of the seeds, whatever the number of workers.

    A worker that dies is told as a result of verdict UNKNOWN for the seeds it held.
    """
    if jobs <= 1:
        for seed in seeds:
            yield run_seed(job, seed)[1]
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_ignore_interrupts) as pool:
        waiting: deque[tuple[int, Future[SeedResult]]] = deque()
        left = iter(seeds)
        try:
            for seed in left:
                waiting.append((seed, pool.submit(_work, job, seed)))
                if len(waiting) >= _AHEAD * jobs:
                    yield _taken(*waiting.popleft())
            while waiting:
                yield _taken(*waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _ignore_interrupts() -> None:
    """A worker leaves Ctrl-C to the process that gives it work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(job: Job, seed: int) -> SeedResult:
    return run_seed(job, seed)[1]


def _taken(seed: int, future: Future[SeedResult]) -> SeedResult:
    try:
        return future.result()
    except BrokenProcessPool:
        reason = "the worker process died while it held this seed"
        return SeedResult(
            seed, Verdict.UNKNOWN, {"seed": seed, "verdict": "unknown"}, "worker died", reason,
            None, None,
        )  # fmt: skip
