"""The repro files that a shrunk plan leaves: its own, and the nearest plan's that passes."""

from __future__ import annotations

from pathlib import Path

from clew.scenarios.judgement.outcome import judge
from clew.scenarios.repros.repro import Repro, model_of, write_repro
from clew.scenarios.runs.run import simulate
from clew.search.shrink.shrinker import Shrunk

SHRUNK, PASSING = "shrunk.json", "passing.json"
"""What is written beside the repro file: the smallest plan, and the nearest that passes."""


def write_shrunk(shrunk: Shrunk, out: Path, repro: Repro | None = None) -> None:
    """Write what was found as a repro file, and the nearest plan that passes beside it.

    Args:
        shrunk: what was found.
        out: the file.
        repro: what it came from, where that may have been shrunk itself.
    """
    before = shrunk.before
    origin = dict(repro.shrunk_from) if repro is not None else {}
    origin = {
        "seed": shrunk.seed,
        "operations": before.operations,
        "faults": before.faults,
        "nodes": before.nodes,
        **origin,
        "runs": origin.get("runs", 0) + shrunk.runs,
    }
    write_repro(shrunk.outcome, out, origin)
    if shrunk.passing is not None:
        model = model_of(shrunk.passing)
        write_repro(judge(simulate(shrunk.passing, model), model), out.with_name(PASSING))
