"""How many times faster than real time a Raft run is, checking included, on one core.

Run: ``python bench/raft.py [RUNS]``; prints a table in Markdown.
"""

import statistics
import sys
import time
from itertools import pairwise

from clew.checkers.verdict import Verdict
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate

OPTIONS = {
    "model": "raft",
    "nemesis": ["partition", "kill"],
    "rate": 100,
    "time_limit": 60,
}


def main(runs):
    model, scenario = load_model("raft"), make_scenario(OPTIONS)
    rows = []
    for seed in range(runs):
        times = [time.process_time()]
        plan = draw_plan(scenario, seed, model)
        times.append(time.process_time())
        run = simulate(plan, model)
        times.append(time.process_time())
        outcome = judge(run, model)
        times.append(time.process_time())
        assert outcome.verdict is Verdict.VALID, (seed, outcome.signature)
        parts = [after - before for before, after in pairwise(times)]
        rows.append((*parts, run.virtual_ns / 1e9 / sum(parts), run.messages))
    print(f"5 nodes, 60 s and 10 s of recovery, 100 op/s, partition and kill; {runs} seeds.\n")
    print("| | draw s | simulate s | judge s | times real time | messages |")
    print("|---|---|---|---|---|---|")
    for name, pick in (("best", min), ("median", statistics.median), ("worst", max)):
        columns = list(zip(*rows, strict=True))
        draw, simulated, judged = (pick(column) for column in columns[:3])
        worst = {min: max, max: min}.get(pick, pick)
        print(
            f"| {name} | {draw:.3f} | {simulated:.3f} | {judged:.3f} "
            f"| {worst(columns[3]):.0f} | {pick(columns[4]):.0f} |"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
