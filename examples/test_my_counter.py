"""my_counter.py as tests of pytest, three ways: python -m pytest examples/test_my_counter.py."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from clew import assert_valid
from clew.testing.strategies import PHASES, plans

COUNTER = Path(__file__).with_name("my_counter.py")
FAULTS = {"nemesis": "partition,kill", "nemesis_interval": 3, "node_count": 3, "time_limit": 20}


@pytest.mark.clew("my_counter.py", runs=20, **FAULTS)
def test_no_addition_is_lost(): ...


def test_gossip_is_cheap(clew):
    result = clew.run("my_counter.py", node_count=3, rate=50, time_limit=20)
    assert result.statistics["servers"]["msgs_per_op"] < 2


@settings(max_examples=20, deadline=None, phases=PHASES)
@given(plan=plans(COUNTER, **FAULTS))
def test_no_plan_breaks_it(plan):
    assert_valid(plan)
