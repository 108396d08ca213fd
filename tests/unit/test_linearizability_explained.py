"""What the linearizability checker says of a failure: its story and its smallest part."""

import json
import random

import pytest
from event_lines import STALE, check, told

from clew.checkers.linearizability import Linearizability
from clew.checkers.linearizability.specifications import (
    AppendLog,
    CasRegister,
    FifoQueue,
    Register,
    Set,
)
from clew.checkers.verdict import Budget, Verdict
from clew.history import Event, History


def test_a_stale_read_is_explained():
    result = check(Register(), told(STALE))
    (anomaly,) = result.anomalies
    assert anomaly.kind == "nonlinearizable"
    assert [operation.number for operation in anomaly.operations] == [0, 1, 2]
    assert anomaly.data["prefix"] == [0, 1]
    assert anomaly.data["states"] == ["the register holds 2"]
    assert anomaly.data["response"]["words"] == "read -> 1 by process 2"
    assert anomaly.data["minimal"] == [0, 1, 2]
    assert "No order explains read -> 1 by process 2 (operation 2)" in anomaly.reason
    assert "the register holds 2" in anomaly.reason
    json.dumps(anomaly.data)


UNSEEN_VALUES = [
    # what happens before a read of 1 that is wrong, and what the register holds then
    (["0 invoke write 7", "0 ok write 7"], ["7"]),
    (["0 invoke write 7", "0 ok write 7", "0 invoke cas [7, 8]", "0 ok cas [7, 8]"], ["8"]),
    (["0 invoke write 7", "1 invoke write 8", "0 ok write 7", "1 ok write 8"], ["7", "8"]),
    (["0 invoke write 7", "0 ok write 7", "0 invoke write 8", "0 ok write 8"], ["8"]),
    (["0 invoke write 7", "0 ok write 7", "1 invoke cas [5, 8]"], ["7"]),
]


@pytest.mark.parametrize("specification", [CasRegister(), CasRegister(initial=0)])
@pytest.mark.parametrize(("before", "held"), UNSEEN_VALUES)
def test_values_that_no_read_sees_are_told_by_name(specification, before, held):
    """One pending write of a value that no one reads makes the search take such values as one."""
    text = ["9 invoke write 1", "9 ok write 1", "8 invoke write 6", *before]
    text += ["2 invoke read", "2 ok read 1"]
    (anomaly,) = check(specification, told("\n".join(text))).anomalies
    states = [f"the register holds {value}" for value in held]
    assert [state for state in anomaly.data["states"] if state in states] == states
    assert "never read" not in json.dumps(anomaly.data) + anomaly.reason
    assert anomaly.data["states"] == states or "the register holds 6" in anomaly.data["states"]


def test_too_many_values_that_no_read_sees_are_not_told_by_name():
    writes = [f"{one} invoke write {one}" for one in range(10, 20)]
    done = [f"{one} ok write {one}" for one in range(10, 19)]
    text = [*writes, *done, "2 invoke read", "2 ok read 1"]
    (anomaly,) = check(CasRegister(), told("\n".join(text))).anomalies
    assert anomaly.data["states"] == ["the register holds a value that is never read"]


def test_every_operation_in_flight_is_told_of():
    history = told("""
        0 invoke write 1
        0 ok write 1
        1 invoke write 2
        3 invoke cas [3, 4]
        4 invoke read
        2 invoke read
        4 ok read 1
        2 ok read 9
    """)
    (anomaly,) = check(CasRegister(), history).anomalies
    why = {row["number"]: row["why"] for row in anomaly.data["in_flight"]}
    assert set(why) == {1, 2, 4}
    assert "does not help" in why[1]
    assert "does not fit" in why[2]
    assert "does not fit" in why[4]
    assert anomaly.data["minimal"] == [4]


def test_the_smallest_part_is_found_in_a_long_history():
    source = random.Random(4)
    events, value = [], None
    for _ in range(400):
        if source.random() < 0.5:
            value = source.randrange(4)
            events += [Event(0, "invoke", "write", value), Event(0, "ok", "write", value)]
        else:
            events += [Event(1, "invoke", "read"), Event(1, "ok", "read", value)]
    events += [Event(0, "invoke", "write", 3), Event(0, "ok", "write", 3)]
    events += [Event(1, "invoke", "read"), Event(1, "ok", "read", 2)]
    (anomaly,) = check(CasRegister(), History(events)).anomalies
    assert [each.f for each in anomaly.operations] == ["write", "write", "read"]
    assert [each.argument for each in anomaly.operations] == [2, 3, None]


def test_a_queue_is_reduced_to_the_values_that_matter():
    lines = []
    for value in range(30):
        lines += [f"0 invoke enqueue {value}", f"0 ok enqueue {value}"]
    for value in [*range(10), 11, 10]:
        lines += ["1 invoke dequeue", f"1 ok dequeue {value}"]
    (anomaly,) = check(FifoQueue(), told("\n".join(lines))).anomalies
    assert [(each.f, each.argument or each.result) for each in anomaly.operations] == [
        ("enqueue", 10), ("enqueue", 11), ("dequeue", 11),
    ]  # fmt: skip


def many_elements(*shown):
    """700 elements added one after another, then reads of the whole set."""
    lines = []
    for element in range(700):
        lines += [f"{element} invoke add {element}", f"{element} ok add {element}"]
    for elements in shown:
        lines += ["900 invoke read", f"900 ok read {json.dumps(elements)}"]
    return lines


EVERY = list(range(700))

# name, history, the operations to blame, how the story begins
LARGE_SETS = [
    ("an element is missing", many_elements(EVERY[:-1]), [699, 700],
     "Of the element 699 alone, no order explains read -> [] by process 900"),
    ("an element that nobody added", many_elements([*EVERY, 7_000]), [700],
     "Of the element 7000 alone, no order explains read -> [7000] by process 900"),
    ("an element is missing after it was there", ["0 invoke add 0", "0 ok add 0",
     *many_elements(EVERY, EVERY[1:])[2:]], [0, 701],
     "Of the elements 0 and 1 alone, no order explains read -> [1] by process 900"),
    ("removals of others do not help", [*many_elements(EVERY), "1 invoke remove 3",
     "1 ok remove 3", *many_elements(EVERY[4:])[1_400:]], [0, 702],
     "Of the element 0 alone, no order explains read -> [] by process 900"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "blamed", "begins"),
    [row[1:] for row in LARGE_SETS],
    ids=[row[0] for row in LARGE_SETS],
)
def test_a_wrong_read_of_a_large_set_is_told_by_its_elements(lines, blamed, begins):
    budget = Budget(seconds=None)
    result = Linearizability(Set()).check(told("\n".join(lines)), budget)
    (anomaly,) = result.anomalies
    assert (result.verdict, result.engine) == (Verdict.INVALID, "set")
    assert [each.number for each in anomaly.operations] == blamed
    assert anomaly.reason.startswith(begins)
    assert budget.spent < 20_000


def test_the_evidence_of_a_log_holds_the_read_that_tells():
    history = told("""
        0 invoke read
        1 invoke append 2
        1 ok append 2
        0 ok read [1, 2]
    """)
    (anomaly,) = check(AppendLog(), history).anomalies
    assert anomaly.operations[0].f == "read"
    assert "read -> [1, 2] by process 0" in anomaly.reason


# What is written one after another, and the value that is read then, which is not the last one.
WHOLE_VALUES = [
    ([5, [], 6, 2], []),
    ([5, [], 6, [], 2], []),
    ([5, {}, 6, 2], {}),
    ([5, True, 6, 2], True),
    ([5, None, 6, 2], None),
    ([5, [[]], 6, 2], [[]]),
]


@pytest.mark.parametrize(("written", "read"), WHOLE_VALUES)
def test_empty_and_truth_values_are_values_too(written, read):
    """A read of one that was overwritten is not reduced to the read: somebody did write it."""
    events = []
    for value in written:
        events += [Event(0, "invoke", "write", value), Event(0, "ok", "write", value)]
    events += [Event(1, "invoke", "read"), Event(1, "ok", "read", read)]
    (anomaly,) = check(Register(), History(events)).anomalies
    source, later, observer = anomaly.operations
    assert source.argument == observer.result == read
    assert later.f == "write"
    assert later.argument in {2, 6}


def test_a_queue_is_reduced_where_its_values_are_empty():
    text = ["0 invoke enqueue []", "0 ok enqueue []", "0 invoke enqueue 1", "0 ok enqueue 1"]
    text += ["0 invoke enqueue 2", "0 ok enqueue 2", "0 invoke dequeue", "0 ok dequeue []"]
    text += ["0 invoke dequeue", "0 ok dequeue 2"]
    (anomaly,) = check(FifoQueue(), told("\n".join(text))).anomalies
    assert anomaly.data["minimal"] == [1, 2, 4]


def test_an_explanation_searches_no_more_of_a_long_history_than_an_engine_judged():
    """What zones blame tells the story: thousands of responses are not searched again."""
    events = [Event(0, kind, "write", value) for value in range(3_000) for kind in ("invoke", "ok")]
    events += [Event(1, "invoke", "read"), Event(1, "ok", "read", 7)]
    history, budget = History(events), Budget()
    result = Linearizability(Register()).check(history, budget)
    assert (result.verdict, result.engine) == (Verdict.INVALID, "zones")
    (anomaly,) = result.anomalies
    assert anomaly.operations[-1].f == "read"
    assert "operations alone" in anomaly.reason
    assert budget.spent < 100
