"""Is a run a function of its plan? Run it again, and compare.

Once more in this process, which shows module globals and warm caches, and once in a fresh
process under another hash seed, which shows the order of sets and ``hash()``. Either alone
misses several kinds of leak. Where digests differ, the first event that differs is named.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from clew.scenarios.plan import Plan, trusted_plan
from clew.scenarios.repro import model_of
from clew.scenarios.run import Run, simulate
from clew.sim.trace import Trace, TraceEvent, first_difference
from clew.sim.world import NS_PER_SECOND


class Verification(NamedTuple):
    """Whether a run came out the same again.

    Attributes:
        same: True where all digests are equal.
        where: which second run differed, in words; empty where none did.
        difference: the first event that differs, in words; empty where none does.
    """

    same: bool
    where: str = ""
    difference: str = ""


def verify(run: Run) -> Verification:
    """Run a plan again, in this process and in a fresh one; the run must have kept its trace."""
    again = simulate(run.plan, model_of(run.plan))
    if again.digest != run.digest:
        return _told(run.trace, again.trace, "a second run in the same process")
    with tempfile.TemporaryDirectory(prefix="clew-verify-") as folder:
        trace = _run_fresh(run.plan, Path(folder))
    if trace is None:
        return Verification(same=False, where="the run in a fresh process did not end")
    if trace.close() != run.digest:
        return _told(run.trace, trace, "a run in a fresh process under another hash seed")
    return Verification(same=True)


def _told(ours: Trace, theirs: Trace, where: str) -> Verification:
    difference = first_difference(ours, theirs)
    if difference is None:
        return Verification(same=False, where=where, difference="the traces are equal")
    number, a, b = difference
    return Verification(
        same=False, where=where, difference=f"event {number}: {_event(number, a)}, then "
        f"{_event(number, b)}",
    )  # fmt: skip


def _event(number: int, record: tuple[object, ...] | None) -> str:
    if record is None:
        return "nothing more"
    event = TraceEvent.of(number, record)
    fields = ", ".join(f"{name}={value!r}" for name, value in event.fields.items())
    return f"{event.kind} at {event.time / NS_PER_SECOND:.6f} s ({fields})"


def _run_fresh(plan: Plan, folder: Path) -> Trace | None:
    """The trace of a plan run in a fresh process under another hash seed."""
    planned, traced = folder / "plan.json", folder / "trace"
    planned.write_text(json.dumps(plan.to_json()), encoding="utf-8")
    hash_seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own module
        [sys.executable, "-m", "clew.search.verify", str(planned), str(traced)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=False,
        capture_output=True,
    )
    if done.returncode != 0 or not traced.is_file():
        return None
    return Trace.load(traced.read_bytes())


def main(planned: str, traced: str) -> None:
    """Run the plan in one file and write its trace to another: the fresh process."""
    plan = trusted_plan(json.loads(Path(planned).read_text(encoding="utf-8")))
    Path(traced).write_bytes(simulate(plan, model_of(plan)).trace.dump())


if __name__ == "__main__":
    main(*sys.argv[1:])
