"""All of a run that needs no simulation, done before any runs."""

from __future__ import annotations

from clew.errors import UsageError
from clew.scenarios.code.functions import check_functions
from clew.scenarios.code.load import load_model, reference_of
from clew.scenarios.options.names import wrong_names
from clew.scenarios.options.scenario import Scenario, check_options
from clew.scenarios.options.table import declared
from clew.scenarios.plans.draw import draw_plan
from clew.sim.entropy import Entropy
from clew.sim.topology import topology


def rehearse(scenario: Scenario, seed: int) -> None:
    """Do all of a run that needs no simulation, so that what is wrong is reported before any runs.

    Raises:
        ClewError: a name or a condition of the scenario is wrong.
    """
    check_options(scenario)
    model = load_model(scenario.model, scenario.bug)
    workload = reference_of(model, scenario.workload)
    if workload is not None:
        check_functions(model, workload)
    plan = draw_plan(scenario, seed, model)
    topology(plan.topology, plan.node_ids, Entropy(seed))
    for wrong in wrong_names(scenario):
        # All other options of every test have been tried by now, more closely.
        if wrong.option == "expect" or wrong.option not in declared(Scenario):
            raise UsageError(
                f"--{wrong.option.replace('_', '-')} can't be used",
                expected=wrong.expected,
                found=wrong.found,
                fix=wrong.fix,
            )
