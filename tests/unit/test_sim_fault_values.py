"""Faults as values: the table of their kinds, and what is none."""

import pytest

from clew.errors import ScenarioError
from clew.node.node import Node
from clew.runtimes.simulated import simulated
from clew.sim.faults import KINDS, PLANNED, Injector, fault_from_json, nodes_of
from clew.sim.faults.injection import NEEDS, Form, Injection, Parameter
from clew.sim.faults.kinds import params_among


def test_the_table_describes_every_kind():
    for name, kind in KINDS.items():
        assert kind.summary[0].islower()
        assert not kind.summary.endswith(".")
        assert kind.needs in NEEDS
        assert kind.bites
        assert name == kind.group or name.startswith((kind.group, "slow-link", "join", "leave"))
        for parameter in kind.parameters:
            if parameter.choices:
                assert parameter.default in parameter.choices
            elif parameter.region or parameter.client:
                assert parameter.default == ""
            elif parameter.form is not None:
                assert parameter.form.holds(parameter.default)
            else:
                assert parameter.low <= parameter.default <= parameter.high
                assert parameter.low <= parameter.typical[0] < parameter.typical[1]
                assert parameter.typical[1] <= parameter.high


def _kept(value, node_ids):
    return [name for name in value if name in node_ids]


class Meteor(Injection):
    """A kind that is a class and a row, and nothing else."""

    group = "meteor"
    summary = "a node is hit"
    bites = "craters"
    parameters = (
        Parameter(
            "craters", "", [], "the nodes hit",
            form=Form("a list of nodes", lambda value: isinstance(value, list), list, _kept),
        ),
    )  # fmt: skip

    def begin(self):
        self.bit = len(self.param("craters"))
        return "hit"

    def end(self):
        return "hit"


def test_a_kind_is_a_class_and_a_row(monkeypatch):
    monkeypatch.setitem(KINDS, "meteor", Meteor)
    data = {"id": "x", "kind": "meteor", "at_ns": 1, "until_ns": 2}
    fault = fault_from_json({**data, "params": {"craters": ["n1", "n3"]}})
    assert nodes_of(fault) == ["n1", "n3"]
    assert params_among(fault, ["n3"]) == {"craters": ["n3"]}
    with pytest.raises(ScenarioError, match="expected a list of nodes, found 3"):
        fault_from_json({**data, "params": {"craters": 3}})
    cluster = simulated(1, Node, ["n1", "n2", "n3"])
    injector = Injector(cluster, [fault])
    cluster.boot()
    cluster.world.advance(10)
    assert [(one.kind, one.group, one.bit) for one in injector.reports()] == [
        ("meteor", "meteor", 2)
    ]


GOOD = {"id": "x", "kind": "kill", "at_ns": 1, "until_ns": 2}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "faults: bad fault: expected an object, found []."),
        (
            {**GOOD, "kind": "meteor"},
            (
                "faults: fault 'x': unknown kind of fault: expected one of "
                f"{', '.join([*KINDS, *PLANNED])}, "
                "found 'meteor'."
            ),
        ),
        (
            {**GOOD, "whence": 3},
            (
                "faults: fault 'x': unknown field: expected one of id, kind, at_ns, until_ns, "
                "target, "
                "params, when, found 'whence'."
            ),
        ),
        (
            {**GOOD, "when": 3},
            (
                "faults: fault 'x': bad 'when': expected an object with an event, such as send, "
                "found 3."
            ),
        ),
        (
            {**GOOD, "until_ns": 0},
            "faults: fault 'x': bad times: expected 0 <= at_ns <= until_ns, found 1 and 0.",
        ),
        (
            {**GOOD, "at_ns": 1.5},
            "faults: fault 'x': bad 'at_ns': expected an integer, found 1.5.",
        ),
        ({"kind": "kill"}, "faults: bad 'id': expected a text, found nothing."),
        (
            {**GOOD, "target": 3},
            (
                "faults: fault 'x': bad 'target': expected a node id, a list of them, a server "
                "state or a symbol such as 'minority', found 3."
            ),
        ),
        (
            {**GOOD, "params": {"force": 1}},
            "faults: fault 'x': kill has no such parameter: expected unsynced, found 'force'.",
        ),
        (
            {**GOOD, "params": {"unsynced": "maybe"}},
            (
                "faults: fault 'x': bad parameter 'unsynced': expected one of lost, kept, torn, "
                "found 'maybe'."
            ),
        ),
        (
            {**GOOD, "kind": "loss", "params": {"per_thousand": 1001}},
            (
                "faults: fault 'x': bad parameter 'per_thousand': expected an integer from 1 to "
                "1000, "
                "found 1001."
            ),
        ),
        (
            {**GOOD, "kind": "partition-groups", "params": {"groups": [["n1"], ["n1"]]}},
            (
                "faults: fault 'x': bad parameter 'groups': expected lists of node ids, no id "
                "in two "
                "of them, found [['n1'], ['n1']]."
            ),
        ),
        (
            {**GOOD, "params": []},
            "faults: fault 'x': bad 'params': expected an object, found [].",
        ),
    ],
)  # fmt: skip
def test_bad_faults_are_named(value, message):
    with pytest.raises(ScenarioError) as caught:
        fault_from_json(value)
    assert str(caught.value) == message
