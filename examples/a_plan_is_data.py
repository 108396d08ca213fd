"""From a scenario to a verdict in Python, and what one can do with the plan in between.

A scenario says what may happen, a plan what does; a run is a function of the plan alone.
"""

from dataclasses import replace

from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate

options = {"model": "examples/hopeful_gossip.py", "nemesis": "partition", "time_limit": 20}
scenario = make_scenario({**options, "nemesis_interval": 3})
model = load_model(scenario.model)


def verdict(plan):
    return judge(simulate(plan, model), model).verdict.value


seed = next(seed for seed in range(100) if verdict(draw_plan(scenario, seed, model)) == "invalid")
plan = draw_plan(scenario, seed, model)
print("a seed was found that fails:", verdict(plan))
print("the same run again:", simulate(plan, model).digest == simulate(plan, model).digest)

quiet = replace(plan, faults=(), nemesis=())
print("the same operations without the faults:", verdict(quiet))

for fault in plan.faults:
    alone = replace(plan, faults=(fault,))
    if verdict(alone) == "invalid":
        print("one fault alone is enough:", fault.kind.partition("-")[0])
        break
