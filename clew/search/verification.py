"""Whether a run is a function of its plan: it is run again, and compared.

It runs once more in this process, which shows module globals and warm caches, and once in a fresh
process under another hash seed, which shows the order of sets and ``hash()``. Either alone misses
several kinds of leak. A third run, whose processes have their own copies of the user's modules,
shows what nodes shared in these and left as they found it; and each node is run once more alone,
which shows any other sharing. If digests differ, the first event that differs is named.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

from clew.checkers.verdict import Result, Verdict
from clew.machine.hashing import hash_seed
from clew.machine.text import first_parts, shown
from clew.scenarios.code.gate import from_json, standing_by
from clew.scenarios.code.models import Model, load_model
from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.judgement.outcome import meddled
from clew.scenarios.plans.plan import Plan, trusted_plan
from clew.scenarios.runs.alone import Difference, Sent
from clew.scenarios.runs.lives import Done
from clew.scenarios.runs.run import (
    Run,
    is_another,
    meddler,
    simulate,
    simulate_apart,
    without_invariants,
)
from clew.search.forks import FreshRuns
from clew.sim.guards.files import muted
from clew.trace.record import Trace, TraceEvent, first_difference
from clew.trace.words import time

SHOW_SECONDS = 0.1


class Verification(NamedTuple):
    """Whether a run came out the same again.

    Attributes:
        same: True if all digests are equal, or are equal for each hash seed.
        where: which second run differed, in words; empty if none did.
        difference: the first event that differs, in words; empty if none does.
        failure: why there was no second run to compare with; empty if there was one.
        hash_order: True if the run differs between hash seeds, and is the same under one.
        shared: True if the run differs once each process has separate memory.
        meddler: the invariant that changes what nodes do, with its line; empty for none.
    """

    same: bool
    where: str = ""
    difference: str = ""
    failure: str = ""
    hash_order: bool = False
    shared: bool = False
    meddler: str = ""


def verify(
    run: Run, fresh: FreshRuns | None = None, show: Callable[[str], None] | None = None
) -> Verification:
    """Run a plan again, in this process and in a fresh one; the run must have kept its trace.

    Both at the same time, if this machine can.

    Args:
        run: the first.
        fresh: the source of fresh processes; None makes and ends one, which takes longer.
        show: called with what is done, in words; from another thread, several times per second.
    """
    if fresh is None:
        with FreshRuns() as own:
            return verify(run, own, show)
    with muted(), fresh.asked(run.plan, run.digest) as answer, _repeated(show) as begin:
        begin("a second run")
        model = _loaded(run.plan)
        again = simulate(run.plan, model)
        if again.digest != run.digest:
            return _told(run.trace, again.trace, "a second run in the same process")
        begin("a run without invariants, and one in which nodes share no memory")
        apart = _meddling(run, model) or _sharing(run, model)
        if apart is not None:
            return apart
        begin("a run in a fresh process, and each node by itself")
        other = answer()
    if other.same:
        return Verification(same=True) if other.alone is None else _by_itself(other.alone)
    if other.trace is None:
        return Verification(same=False, failure=f"the fresh process failed: {other.failure}")
    told = _told(run.trace, other.trace, "a run in a fresh process under another hash seed")
    return told if told.failure else _by_hash_order(run, told, other.trace, fresh)


@contextmanager
def _repeated(show: Callable[[str], None] | None) -> Iterator[Callable[[str], None]]:
    """Show what is done, again and again in another thread; yield what takes the words for it."""
    doing, over = [""], Event()

    def begin(what: str) -> None:
        doing[0] = f"checking determinism: {what}"

    def repeat() -> None:
        while not over.wait(SHOW_SECONDS):
            if show is not None and doing[0]:
                show(doing[0])

    if show is None:
        yield begin
        return
    thread = Thread(target=repeat, name="clew-progress", daemon=True)
    thread.start()
    try:
        yield begin
    finally:
        over.set()
        thread.join()


def _loaded(plan: Plan) -> Model:
    """Load a plan's model, and its workload's file, which must be imported before a run."""
    model = load_model(plan.model.name, plan.model.bug)
    load_workload(plan.workload)
    return model


def _meddling(run: Run, model: Model) -> Verification | None:
    """Return where the run differs once no invariant is watched; None if it does not."""
    plain = without_invariants(run, model)
    if plain is None or not is_another(run, plain):
        return None
    told = _told(run.trace, plain.trace, "a run without invariants")
    return told._replace(meddler=meddler(plain, model) or "that comes of several together")


def _sharing(run: Run, model: Model) -> Verification | None:
    """Return where the run differs once processes share no memory; None if it does not.

    A finding of a class with invariants is taken as it is: without them there is nothing to
    compare.
    """
    if run.findings and model.program.invariants:
        return None
    apart = simulate_apart(run.plan, model)
    if apart is not None and apart.digest != run.digest:
        told = _told(run.trace, apart.trace, "a run in which each process has a memory of its own")
        return told._replace(shared=True)
    return None


def _by_itself(found: Difference) -> Verification:
    before, alone = _done(found.before), _done(found.alone)
    other = "another " if before == alone else ""
    return Verification(
        same=False,
        where="a run of each node by itself",
        difference=f"{found.node}: {before}, by itself {other}{alone}",
        shared=True,
    )


def _done(done: Sent | Done | None) -> str:
    if done is None:
        return "nothing more"
    at_ns, what, told = done
    if isinstance(told, str):
        return f"{what} at {time(at_ns)}"
    return f"send at {time(at_ns)} to {what} ({first_parts(shown(told), 200)})"


def _by_hash_order(run: Run, told: Verification, trace: Trace, fresh: FreshRuns) -> Verification:
    """Add whether hash order alone makes the difference.

    Args:
        run: a run that differs in a fresh process, and is the same again in this one.
        told: the difference, in words.
        trace: of the fresh process's run.
        fresh: the source of that process.
    """
    own = hash_seed()
    if own is None:
        # Nobody can start a process with this one's seed; but each seed may give the same run
        # again.
        return told._replace(hash_order=fresh.run(run.plan, trace.close()).same)
    with FreshRuns(own) as alike_runs:
        if alike_runs.run(run.plan, run.digest).same:
            return told._replace(same=True, hash_order=True)
    return told


def hash_order_remark(verification: Verification | None) -> str:
    """Remark on a run that depends on its plan and the hash seed; empty for others.

    The hash seed is in the plan, so that the same seed gives the same run everywhere.
    """
    if verification is None or not (verification.same and verification.hash_order):
        return ""
    shown = f" The first difference: {verification.difference}." if verification.difference else ""
    return (
        "The run depends on hash order, which is hash() or the order in which a set is gone "
        f"through: under another hash seed it is another run. Its seed, {hash_seed()}, is recorded "
        f"and used wherever the run is made again.{shown}"
    )


UNPINNED = (
    "The run depends on hash order, and the hash seed of this Python was drawn when it started, so "
    "that it can't be made again. Start Python with PYTHONHASHSEED=0, or run it with 'clew test'."
)

SHARED = (
    "The nodes share memory outside of themselves, such as a module's or a library's, which real "
    "nodes don't: where each has its own it is another run. Keep state on self, or on self.disk."
)


def determinism(verification: Verification | None) -> Result | None:
    """Judge determinism: UNKNOWN with the first difference, or None if nothing differs."""
    if verification is None or verification.same:
        return None
    if verification.failure:
        reason = f"The run could not be compared with another: {verification.failure}"
        return Result("determinism", Verdict.UNKNOWN, reason)
    shown = f" The first difference: {verification.difference}" if verification.difference else ""
    if verification.hash_order:
        return Result("determinism", Verdict.UNKNOWN, f"{UNPINNED}{shown}")
    if verification.meddler:
        return meddled(verification.meddler)
    if verification.shared:
        return Result("shared-state", Verdict.UNKNOWN, f"{SHARED}{shown}")
    return Result(
        "determinism", Verdict.UNKNOWN,
        f"The run did not come out the same again: {verification.where} was another run.{shown}",
    )  # fmt: skip


def _told(ours: Trace, theirs: Trace, where: str) -> Verification:
    difference = first_difference(ours, theirs)
    if difference is None:
        return Verification(same=False, where=where, difference="the traces are equal")
    number, a, b = difference
    if _was_stopped(theirs) and not _was_stopped(ours):
        failure = f"one call of {where} took so long that it was stopped; is the machine busy?"
        return Verification(same=False, failure=failure)
    return Verification(
        same=False, where=where, difference=f"event {number}: {_event(number, a)}, then "
        f"{_event(number, b)}",
    )  # fmt: skip


def _was_stopped(trace: Trace) -> bool:
    """Return whether a wall clock stopped the run."""
    return any(record[1] == "finding" and record[2] == "endless-loop" for record in trace.records())


def _event(number: int, record: tuple[object, ...] | None) -> str:
    if record is None:
        return "nothing more"
    event = TraceEvent.of(number, record)
    fields = ", ".join(f"{name}={value!r}" for name, value in event.fields.items())
    return f"{event.kind} at {time(event.time)} ({fields})"


def main(planned: str, traced: str, gate: str = "null") -> None:
    """Run a file's plan and write its trace to another file: for a fresh process, with its gate."""
    plan = trusted_plan(json.loads(Path(planned).read_text(encoding="utf-8")))
    with standing_by(from_json(json.loads(gate))):
        run = simulate(plan, _loaded(plan))
    Path(traced).write_bytes(run.trace.dump())


if __name__ == "__main__":
    main(*sys.argv[1:])
