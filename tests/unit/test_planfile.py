"""Plans from files: names of nodes in faults, and the schedule."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import pytest

from clew.errors import ScenarioError
from clew.scenarios.draw import draw_plan
from clew.scenarios.load import load_model
from clew.scenarios.planfile import plan_from_json
from clew.scenarios.scenario import make_scenario
from clew.sim.faults import Fault


def plan(**changes):
    options = {"model": "gossip", "time_limit": 2, "node_count": 3}
    return replace(draw_plan(make_scenario(options), 0, load_model("gossip")), **changes)


def data(**changes):
    return json.loads(json.dumps(plan(**changes).to_json()))


FAULTS = {
    # what of a fault is wrong: the fault, what the message says, and of whom
    "groups": (
        Fault("a", "partition-groups", 0, 9, None, {"groups": [["n0", "n1"], ["n7"]]}),
        "groups of fault 'a' can't be used",
        "n7",
    ),
    "list": (
        Fault("b", "kill", 0, 9, ("n2", "n9"), {}),
        "the target of fault 'b' can't be used",
        "n9",
    ),
    "name": (
        Fault("c", "kill", 0, 9, "n3", {}),
        "the target of fault 'c' can't be used",
        "n3",
    ),
    "messages": (
        Fault("d", "drop", 0, 9, None, {"messages": [["n0", "n4", 1]]}),
        "messages of fault 'd' can't be used",
        "n4",
    ),
}


@pytest.mark.parametrize("wrong", FAULTS)
def test_a_fault_that_names_no_node_is_one_message(wrong: str):
    fault, told, found = FAULTS[wrong]
    with pytest.raises(ScenarioError) as refused:
        plan_from_json(data(faults=(fault,)), "x.json")
    expected = f'expected some of node_ids, which are n0, n1, n2, found "{found}"'
    assert str(refused.value) == f"x.json: this is no plan: {told}: {expected}."


@pytest.mark.parametrize(
    ("target", "params"),
    [("leader", {}), ("minority", {}), ("n1", {}), (("n0", "n2"), {}), (None, {})],
)
def test_symbols_roles_and_nodes_are_targets(target, params):
    fault = Fault("a", "kill", 0, 9, target, params)
    assert plan_from_json(data(faults=(fault,)), "x.json").faults == (fault,)


def test_a_group_of_some_nodes_will_do():
    fault = Fault("a", "partition-groups", 0, 9, None, {"groups": [["n0"], ["n2"]]})
    assert plan_from_json(data(faults=(fault,)), "x.json").faults == (fault,)


@pytest.mark.parametrize("schedule", ["time", "pct", "pct:7"])
def test_a_schedule_survives_the_file(schedule: str):
    assert plan_from_json(data(schedule=schedule), "x.json") == plan(schedule=schedule)


def test_a_plan_of_before_there_were_schedules_is_in_time_order():
    old = data()
    del old["schedule"]
    assert plan_from_json(old, "x.json").schedule == "time"


@pytest.mark.parametrize("schedule", ["", "pct:0", "pct:21", "random", "pct:x"])
def test_a_wrong_schedule_is_one_message(schedule: str):
    with pytest.raises(ScenarioError) as refused:
        plan_from_json(data(schedule=schedule), "x.json")
    assert str(refused.value) == (
        "x.json: this is no plan: schedule can't be used: expected time, pct, or pct:D with D "
        f'from 1 to 20, found "{schedule}".'
    )


def test_a_schedule_that_is_no_text_is_refused():
    with pytest.raises(ScenarioError, match="schedule"):
        plan_from_json({**data(), "schedule": 3}, "x.json")


@pytest.mark.parametrize("operation", [[0, 0, 5, "read"], [0, 0, 5, "read", None, "main", 1], {}])
def test_an_operation_of_other_parts_is_one_message(operation):
    with pytest.raises(ScenarioError) as refused:
        plan_from_json(data() | {"operations": [operation]}, "x.json")
    assert str(refused.value) == (
        "x.json: this is no plan: operations.0 can't be used: expected a list of client, number, "
        f"at_ns, f, value and perhaps phase, found {json.dumps(operation)}."
    )


@pytest.mark.parametrize(("faults", "told"), [((), "0 faults"), ((FAULTS["list"][0],), "1 fault")])
def test_a_plan_is_shown_on_one_line(faults, told: str):
    shown = StringIO()
    printer = SimpleNamespace(text=shown.write)
    plan(faults=faults, operations=plan().operations[:1])._repr_pretty_(printer, False)
    assert shown.getvalue() == f"<Plan of gossip, seed 0: 1 operation, {told}>"
