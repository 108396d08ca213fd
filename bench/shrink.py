"""How small the story of each planted bug gets, from the first seed that fails.

Run: ``python bench/shrink.py [MODEL ...]``; prints a table in Markdown.
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
from clew.search.shrink.shrinker import shrink

SEEDS = 500


def first_failure(name, bug):
    """The plan of the first seed whose run is INVALID."""
    model = load_model(name, bug)
    scenario = make_scenario({**model.bug.scenario, "model": name, "bug": bug})
    for seed in range(SEEDS):
        plan = draw_plan(scenario, seed, model)
        if judge(simulate(plan, model, keep_trace=False), model).verdict is Verdict.INVALID:
            return plan
    raise AssertionError(f"{name} {bug}: not found")


def row(name, bug):
    plan = first_failure(name, bug)
    began = time.process_time()
    shrunk = shrink(plan)
    return plan, shrunk, time.process_time() - began


def main(models):
    print("| model | bug | seed | runs | CPU s | operations | faults | nodes | virtual s |")
    print("|---|---|---|---|---|---|---|---|---|")
    seconds = []
    for name in models:
        for bug in bugs_of(name):
            plan, shrunk, took = row(name, bug)
            before, after = shrunk.before, shrunk.after
            seconds.append(took)
            print(
                f"| {name} | {bug} | {plan.seed} | {shrunk.runs}{'' if shrunk.complete else '+'} "
                f"| {took:.1f} "
                f"| {before.operations} -> {after.operations} "
                f"| {before.faults} -> {after.faults} | {before.nodes} -> {after.nodes} "
                f"| {before.virtual_ns / 1e9:.1f} -> {after.virtual_ns / 1e9:.2f} |",
                flush=True,
            )
    print(
        f"\nMedian {statistics.median(seconds):.1f} s, most {max(seconds):.1f} s of CPU; "
        "a + marks a search that spent its runs."
    )


if __name__ == "__main__":
    main(sys.argv[1:] or list(MODELS))
