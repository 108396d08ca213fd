"""Plans from files: names of nodes in faults, the schedule, options, bounds and old formats."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from clew.checkers.transactions.consistency_models import MODELS
from clew.errors import ScenarioError
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import Plan
from clew.scenarios.plans.planfile import bounds, plan_from_json
from clew.scenarios.repros.repro import model_of, read_repro
from clew.scenarios.runs.run import simulate
from clew.sim.faults import Fault
from clew.sim.orders.schedules import FORMS


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
def test_symbols_states_and_nodes_are_targets(target, params):
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
        f'x.json: this is no plan: schedule can\'t be used: expected {FORMS}, found "{schedule}".'
    )


def test_a_schedule_that_is_no_text_is_refused():
    with pytest.raises(ScenarioError, match="schedule"):
        plan_from_json({**data(), "schedule": 3}, "x.json")


@pytest.mark.parametrize(
    "operation", [[0, 0, 5, "read"], [0, 0, 5, "read", None, "main", 1, "n1", 2], {}]
)
def test_an_operation_of_other_parts_is_one_message(operation):
    with pytest.raises(ScenarioError) as refused:
        plan_from_json(data() | {"operations": [operation]}, "x.json")
    assert str(refused.value) == (
        "x.json: this is no plan: operations.0 can't be used: expected a list of client, number, "
        f"at_ns, f, value and perhaps phase and think_ns and node, found {json.dumps(operation)}."
    )


@pytest.mark.parametrize(("faults", "told"), [((), "0 faults"), ((FAULTS["list"][0],), "1 fault")])
def test_a_plan_is_shown_on_one_line(faults, told: str):
    shown = StringIO()
    printer = SimpleNamespace(text=shown.write)
    plan(faults=faults, operations=plan().operations[:1])._repr_pretty_(printer, False)
    assert shown.getvalue() == f"<Plan of gossip, seed 0: 1 operation, {told}>"


# Bounds


def test_every_number_of_a_plan_has_bounds():
    numbers = {field.name for field in fields(Plan) if str(field.type).startswith("int")}
    assert numbers - {"schema", "hash_seed"} == set(bounds())


@pytest.mark.parametrize("name", bounds())
def test_a_number_is_held_to_its_bounds(name: str):
    least, most = bounds()[name]
    for value in (least, most):
        assert getattr(plan_from_json({**data(), name: value}, "x.json"), name) == value
    for value in (least - 1, most + 1):
        with pytest.raises(ScenarioError) as refused:
            plan_from_json({**data(), name: value}, "x.json")
        assert str(refused.value) == (
            f"x.json: this is no plan: {name} can't be used: expected an integer from {least} to "
            f"{most}, found {value}."
        )


def test_bounds_are_those_of_the_options():
    assert bounds()["events_max"] == (1, 10**12)
    assert bounds()["time_limit_ns"] == (1, 10**15)
    assert bounds()["latency_ns"] == (0, 10**12)


# The options of a workload


def txn(**options):
    return {**data(), "workload": "txn-list-append", "operations": [], "options": options}


def test_what_a_plan_does_not_say_of_an_option_is_its_default():
    assert plan_from_json(txn(key_count=2), "x.json").options == {
        "key_count": 2,
        "max_txn_length": 4,
        "max_writes_per_key": 16,
        "consistency_models": ("strict-serializable",),
    }


BAD_OPTIONS = {
    # of an option what is wrong, and what is said of that
    ("key_count", 0): ".key_count can't be used: expected a whole number from 1, found 0.",
    ("key_count", "4"): '.key_count can\'t be used: expected a whole number from 1, found "4".',
    ("max_txn_length", 10**12 + 1): (
        ".max_txn_length can't be used: expected a whole number up to 1,000,000,000,000, found "
        "1000000000001."
    ),
    ("consistency_models", "serializable"): (
        '.consistency_models can\'t be used: expected a list of texts, found "serializable".'
    ),
    ("consistency_models", ("snapshto",)): (
        ".consistency_models can't be used: expected one of {known}, found 'snapshto'. "
        "Perhaps snapshot-isolation is meant."
    ),
}


@pytest.mark.parametrize(("name", "value"), BAD_OPTIONS)
def test_a_wrong_option_is_one_message(name: str, value: object):
    with pytest.raises(ScenarioError) as refused:
        plan_from_json(json.loads(json.dumps(txn(**{name: value}))), "x.json")
    known = ", ".join(row.name for row in MODELS)
    told = BAD_OPTIONS[name, value]
    assert str(refused.value) == f"x.json: this is no plan: options{told.format(known=known)}"


def test_an_option_of_another_workload_is_refused():
    with pytest.raises(ScenarioError) as refused:
        plan_from_json({**data(), "options": {"key_count": 4}}, "x.json")
    assert str(refused.value) == (
        "x.json: this is no plan: unknown field 'options.key_count'. Known options: none."
    )


# What an earlier version wrote


OLD = Path(__file__).parent / "format_1"


def test_a_repro_file_of_format_1_is_the_same_run():
    repro = read_repro(OLD / "lin-kv.json")
    assert json.loads((OLD / "lin-kv.json").read_text())["plan"]["schema"] == 1
    assert (repro.plan.schema, repro.plan.options) == (2, {"key_count": 1})
    assert simulate(repro.plan, model_of(repro.plan)).digest == repro.digest


def test_a_plan_of_format_1_keeps_the_options_of_its_workload():
    old = json.loads((OLD / "txn-list-append.json").read_text())["plan"]
    read = plan_from_json(old, "x.json")
    assert read.options == {
        "key_count": 4,
        "max_txn_length": 2,
        "max_writes_per_key": 16,
        "consistency_models": ("strict-serializable",),
    }
    assert plan_from_json(json.loads(json.dumps(read.to_json())), "x.json") == read


def test_a_wrong_option_in_a_plan_of_format_1_is_one_message():
    old = json.loads((OLD / "lin-kv.json").read_text())["plan"]
    with pytest.raises(ScenarioError, match="key_count can't be used: expected a whole"):
        plan_from_json({**old, "key_count": 0}, "x.json")
