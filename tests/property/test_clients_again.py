"""Clients that ask again accuse no correct system: whatever they do, it is never INVALID."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate

NODES = Path(__file__).parents[1] / "unit" / "retried_nodes.py"

SYSTEMS = {
    # a correct system: what it is run with beside the drawn options
    "raft": {"nemesis": ["partition", "kill"], "nemesis_interval": 0.7},
    "abd": {"nemesis": ["loss", "partition"], "nemesis_interval": 0.7},
    "g-set": {"nemesis": ["loss"], "nemesis_interval": 0.7},
    f"{NODES}:Late": {"workload": f"{NODES}:Blind", "node_count": 1},
    f"{NODES}:LateOnce": {"node_count": 1},
    f"{NODES}:Busy": {"node_count": 1},
}

AGAIN = st.fixed_dictionaries(
    {
        "retries": st.integers(1, 4),
        "backoff": st.sampled_from([0, 0.01, 0.3]),
        "request_timeout": st.sampled_from([0.0005, 0.01, 0.3]),
        "retry_budget": st.sampled_from([None, 0.1, 1]),
    }
)
LOADS = st.sampled_from(
    [{}, {"think": 0.02}, {"load": "surge:200@0.5+0.5"}, {"load": "steps:80,0,20"}]
)
HEDGED = st.sampled_from([None, 0.0001, 0.02])


@pytest.mark.parametrize("system", SYSTEMS)
@settings(max_examples=8)
@given(again=AGAIN, hedge=HEDGED, load=LOADS, seed=st.integers(0, 10_000))
def test_a_correct_system_is_never_invalid(system, again, hedge, load, seed):
    in_time = hedge is not None and hedge < again["request_timeout"]
    more = {"hedge": hedge} if in_time and system in {"raft", "abd"} else {}
    options = {"time_limit": 2, "recovery": 2, "rate": 40, "liveness": "off"}
    model = load_model(system)
    scenario = make_scenario(
        {"model": system, **options, **SYSTEMS[system], **again, **more, **load}
    )
    outcome = judge(simulate(draw_plan(scenario, seed, model), model), model)
    assert outcome.verdict.value != "invalid", outcome.signature
