"""What each way of spending seeds needs to find each planted bug, from 20 starting points.

Run: ``python bench/search.py``; prints a table in Markdown. It takes half an hour; ``--help``
tells how to ask for less.

The scenarios that ship with the bugs find them within a few seeds, whatever the search. Here each
bug gets the same scenario, which knows nothing of it: five virtual seconds, every kind of fault
that the model can feel, 20 operations per second. `clew hunt` draws all of that itself.

What is counted is runs, or with ``--seconds 30`` the CPU seconds of this one core until the first
failure, at most so many.
"""

import argparse
import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice, repeat

from guided import Guide

from clew.checkers.verdict import Verdict
from clew.models.registry import MODELS, bugs_of
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.capabilities import kinds_for
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.search.coverage import reach_of
from clew.search.hunt.portfolio import portfolio_of
from clew.sim.faults import KINDS

STRIDE = 1_000_000
SCENARIO = {"time_limit": 5, "recovery": 3, "rate": 20, "on_finding": "stop"}

WAYS = {
    # way: what it is
    "random": "every kind of fault in each seed, at one rate; five nodes, no latency",
    "swarm": "`--swarm`: each seed draws its configuration",
    "swarm, pct": "`--swarm --schedule pct`",
    "hunt": "`clew hunt`, with its defaults",
    "guided": "swarm plans, and mutants of those that did what few others did; see bench/guided.py",
}


def scenario_of(name, bug, model, way):
    """The scenario of a way to search."""
    options = {**SCENARIO, "model": name, "bug": bug, "swarm": way != "random"}
    if way == "random":
        felt = [kind for kind in kinds_for(model.node_class) if not KINDS[kind].least_regions]
        options |= {"nemesis": felt, "nemesis_interval": 2.0}
    if way == "swarm, pct":
        options["schedule"] = "pct"
    return make_scenario(options)


def runs(name, bug, way, start):
    """Outcomes without end, each the next that a way to search would look at."""
    model = load_model(name, bug)
    if way == "hunt":
        yield from hunted(name, bug, model, start)
    scenario = scenario_of(name, bug, model, way)
    if way != "guided":
        for seed in count(start + 1):
            run = simulate(draw_plan(scenario, seed, model), model, keep_trace=False)
            yield judge(run, model)
    guide = Guide(scenario, model, start)
    while True:
        for plan in guide.plans():
            run = simulate(plan, model)
            yield judge(run, model)
            guide.learn(run)


def hunted(name, bug, model, start):
    """The outcomes of a hunt that begins at a seed."""
    scenario = make_scenario({"model": name, "bug": bug, "on_finding": "stop"})
    portfolio = portfolio_of(scenario, model)
    for seed in count(start):
        run = simulate(portfolio(scenario, seed, model), model)
        reach_of(run)  # a hunt pays for it
        yield judge(run, model)


def runs_needed(name, bug, way, start, most):
    """The rank of the first INVALID run; one more than `most` where there is none."""
    for rank, outcome in enumerate(islice(runs(name, bug, way, start), most), 1):
        if outcome.verdict is Verdict.INVALID:
            return rank
    return most + 1


def seconds_needed(name, bug, way, start, most):
    """CPU seconds until the first INVALID run; more than `most` where there is none by then."""
    began = time.process_time()
    for outcome in runs(name, bug, way, start):
        spent = time.process_time() - began
        if outcome.verdict is Verdict.INVALID and spent <= most:
            return spent
        if spent > most:
            return most + 1
    raise AssertionError("there is always a next seed")


def measured(one, options):
    """For each way, in ascending order, the runs that each starting point needed."""
    name, bug = one
    starts = [rank * STRIDE for rank in range(options.starts)]
    needed = runs_needed if options.seconds is None else seconds_needed
    rows = {
        way: sorted(needed(name, bug, way, start, options.most) for start in starts)
        for way in options.ways
    }
    told = {way: [round(each, 1) for each in row] for way, row in rows.items()}
    print(f"{name}.{bug} {told}", file=sys.stderr, flush=True)
    return rows


def shown(row, most):
    """A median with how many starting points found nothing."""
    median, missed = statistics.median(row), sum(needed > most for needed in row)
    text = f"over {most:g}" if median > most else f"{median:.3g}"
    return f"{text} ({missed} missed)" if missed else text


def table(rows, ways, most):
    """The rows as a table in Markdown: the hard third first, and means below."""
    by = "swarm" if "swarm" in ways else ways[0]
    medians = {one: {way: statistics.median(row[way]) for way in ways} for one, row in rows.items()}
    hard = set(sorted(rows, key=lambda one: -medians[one][by])[: len(rows) // 3])
    lines = [f"| model | bug | {' | '.join(ways)} |", "|---|---|" + "---|" * len(ways)]
    for one in sorted(rows, key=lambda one: one not in hard):
        label = f"**{one[1]}**" if one in hard else one[1]
        cells = " | ".join(shown(rows[one][way], most) for way in ways)
        lines.append(f"| {one[0]} | {label} | {cells} |")
    for told, some in (("the hard third", hard), ("all", rows)):
        if some:
            means = [statistics.geometric_mean(medians[one][way] for one in some) for way in ways]
            cells = " | ".join(f"{mean:.1f}" for mean in means)
            lines.append(f"| | geometric mean of {told} | {cells} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--most", type=int, default=120)
    parser.add_argument("--seconds", type=float, help="count CPU seconds, at most so many")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--bugs", nargs="+", metavar="MODEL.BUG", default=[])
    options = parser.parse_args()
    options.most = options.seconds or options.most
    planted = [(name, bug) for name in MODELS for bug in bugs_of(name)]
    asked = [one for one in planted if not options.bugs or ".".join(one) in options.bugs]
    began = time.perf_counter()
    with ProcessPoolExecutor(options.jobs) as pool:
        rows = dict(zip(asked, pool.map(measured, asked, repeat(options)), strict=True))
    print(
        f"{'CPU seconds' if options.seconds else 'Runs'} until the first INVALID one: medians over "
        f"{options.starts} starting points, at most {options.most:g} each; what was not found "
        f"counts as {options.most + 1:g}. The hard "
        "third, by the swarm's median, is in bold.\n"
    )
    print("\n".join(f"- {way}: {WAYS[way]}" for way in options.ways), "\n")
    print(table(rows, options.ways, options.most))
    print(f"\nIt took {time.perf_counter() - began:.0f} s with {options.jobs} at once.")


if __name__ == "__main__":
    main()
