"""Faults as values: the table of their kinds, and what is none."""

import pytest

from clew.errors import ScenarioError
from clew.sim.faults import KINDS, PLANNED, fault_from_json
from clew.sim.faults.injection import NEEDS


def test_the_table_describes_every_kind():
    for name, kind in KINDS.items():
        assert kind.summary[0].islower()
        assert not kind.summary.endswith(".")
        assert kind.needs in NEEDS
        assert kind.bites
        assert name == kind.group or name.startswith((kind.group, "slow-link"))
        for parameter in kind.parameters:
            if parameter.choices:
                assert parameter.default in parameter.choices
            elif parameter.name != "groups":
                assert parameter.low <= parameter.default <= parameter.high
                assert parameter.low <= parameter.typical[0] < parameter.typical[1]
                assert parameter.typical[1] <= parameter.high


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
            {**GOOD, "when": 3},
            (
                "faults: fault 'x': unknown field: expected one of id, kind, at_ns, until_ns, "
                "target, "
                "params, found 'when'."
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
                "faults: fault 'x': bad 'target': expected a node id, a list of them, a role or a "
                "symbol such as 'minority', found 3."
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
