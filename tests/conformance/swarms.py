"""Many seeds of a model or a system, drawn as a swarm draws them."""

from collections import Counter

from clew.checkers.verdict import Verdict
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate


def swarm_verdicts(name, seeds, **options):
    """Count the verdicts over swarm seeds; a failure is named with its seed and reasons."""
    model = load_model(name)
    scenario = make_scenario({"model": name, "swarm": True, **options})
    verdicts = Counter()
    for seed in seeds:
        run = simulate(draw_plan(scenario, seed, model), model, keep_trace=False)
        outcome = judge(run, model)
        verdicts[outcome.verdict] += 1
        assert outcome.verdict is not Verdict.INVALID, (
            seed,
            [(check.name, check.reason) for check in outcome.checks],
        )
    return verdicts
