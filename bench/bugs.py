"""How many seeds it takes to find each planted bug, from 20 starting points.

Run: ``python bench/bugs.py [MODEL]``; prints a table in Markdown.
"""

import statistics
import sys
import time

from clew.checkers.verdict import Verdict
from clew.models.registry import MODELS, bugs_of
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate

STARTS = 20
STRIDE = 1_000_000
BUDGET = 500


def search(name, bug, start):
    """``(seeds, virtual s, wall s, signature)`` until the first INVALID run."""
    model = load_model(name, bug)
    scenario = make_scenario(
        {**model.bug.scenario, "model": name, "bug": bug, "on_finding": "stop"}
    )
    began, virtual = time.perf_counter(), 0.0
    for seeds in range(1, BUDGET + 1):
        run = simulate(draw_plan(scenario, start + seeds, model), model, keep_trace=False)
        virtual += run.virtual_ns / 1e9
        outcome = judge(run, model)
        if outcome.verdict is Verdict.INVALID:
            return seeds, virtual, time.perf_counter() - began, outcome.signature
    return None, virtual, time.perf_counter() - began, "not found"


def main(models):
    print(f"Medians over {STARTS} starting points; at most {BUDGET} seeds each.\n")
    print("| model | bug | seeds, median | most | virtual s | wall s | shows as |")
    print("|---|---|---|---|---|---|---|")
    for name in models:
        for bug in bugs_of(name):
            rows = [search(name, bug, rank * STRIDE) for rank in range(STARTS)]
            found = [row for row in rows if row[0] is not None]
            missed = len(rows) - len(found)
            seeds = [row[0] if row[0] is not None else BUDGET for row in rows]
            note = f" ({missed} of {STARTS} not found)" if missed else ""
            print(
                f"| {name} | {bug} | {statistics.median(seeds):g} | {max(seeds)}{note} "
                f"| {statistics.median(row[1] for row in rows):.0f} "
                f"| {statistics.median(row[2] for row in rows):.2f} "
                f"| {statistics.mode(row[3] for row in rows)} |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:] or list(MODELS))
