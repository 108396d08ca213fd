"""The linearizability checker: engines, evidence, witnesses and pending operations."""

import json
import random

import pytest

from clew.checkers.linearizability import SPECIFICATIONS, UNANSWERED, Linearizability, Specification
from clew.checkers.linearizability.specifications import (
    AppendLog,
    CasRegister,
    Counter,
    FifoQueue,
    IdGenerator,
    KeyValue,
    PriorityQueue,
    Register,
    Set,
    Stack,
)
from clew.checkers.verdict import Budget, Verdict, run_checker
from clew.history import Event, History


def told(text):
    """A history, an event a line: process, type, f, and the value as JSON."""
    events = []
    for line in text.strip().splitlines():
        process, kind, f, *value = line.split(maxsplit=3)
        events.append(Event(int(process), kind, f, json.loads(value[0]) if value else None))
    return History(events)


def check(specification, history, **options):
    return run_checker(Linearizability(specification, **options), history)


STALE = """
0 invoke write 1
0 ok write 1
1 invoke write 2
1 ok write 2
2 invoke read
2 ok read 1
"""

# name, specification, history, verdict, engine
HISTORIES = [
    ("nothing happened", Register(), "", "valid", "zones"),
    ("a stale read", Register(), STALE, "invalid", "zones"),
    ("a stale read beside a cas", CasRegister(), STALE + "3 invoke cas [7, 8]", "invalid",
     "search"),
    ("a failed cas did not happen", CasRegister(), """
        0 invoke cas [null, 3]
        0 fail cas [null, 3]
        1 invoke read
        1 ok read null
     """, "valid", "zones"),
    ("an unanswered write may be read much later", Register(), """
        0 invoke write 1
        1 invoke read
        1 ok read null
        1 invoke read
        1 ok read 1
     """, "valid", "zones"),
    ("an unanswered write happens once", CasRegister(), """
        0 invoke write 1
        0 info write 1
        1 invoke read
        1 ok read 1
        1 invoke cas [1, 2]
        1 ok cas [1, 2]
        1 invoke read
        1 ok read 1
     """, "invalid", "search"),
    ("two unanswered writes of a value happen twice", CasRegister(), """
        0 invoke write 1
        0 info write 1
        2 invoke write 1
        1 invoke read
        1 ok read 1
        1 invoke cas [1, 2]
        1 ok cas [1, 2]
        1 invoke read
        1 ok read 1
     """, "valid", "search"),
    ("a value written twice", Register(), """
        0 invoke write 1
        0 ok write 1
        0 invoke write 2
        0 ok write 2
        0 invoke write 1
        0 ok write 1
        1 invoke read
        1 ok read 1
     """, "valid", "search"),
    ("a write that stands unseen before an equal one", CasRegister(), """
        0 invoke write 2
        0 ok write 2
        1 invoke write 2
        2 invoke write 1
        3 invoke cas [2, 0]
        3 ok cas [2, 0]
        1 ok write 2
        2 ok write 1
        4 invoke read
        4 ok read 0
     """, "valid", "search"),
    ("a write that stands unseen before a pending one", CasRegister(), """
        0 invoke write 0
        1 invoke cas [null, 0]
        2 invoke write 3
        1 ok cas [null, 0]
        3 invoke cas [0, 2]
        3 ok cas [0, 2]
        2 ok write 3
        4 invoke read
        4 ok read 2
     """, "valid", "search"),
    ("a write that is seen between two others", CasRegister(), """
        3 invoke write 3
        3 ok write 3
        2 invoke write 1
        1 invoke read
        4 invoke write 3
        4 ok write 3
        2 ok write 1
        2 invoke cas [3, 2]
        1 ok read 1
        2 ok cas [3, 2]
     """, "valid", "search"),
    ("keys are independent", CasRegister(), """
        0 invoke write ["x", 1]
        0 ok write ["x", 1]
        1 invoke read ["y", null]
        1 ok read ["y", null]
        0 invoke cas ["x", [1, 2]]
        0 ok cas ["x", [1, 2]]
        1 invoke read ["x", null]
        1 ok read ["x", 2]
     """, "valid", "search+zones"),
    ("a cas alone has no key", CasRegister(), """
        0 invoke cas [1, 2]
        0 ok cas [1, 2]
     """, "invalid", "search"),
    ("a store by key", KeyValue(), """
        0 invoke append ["x", "a"]
        0 ok append ["x", "a"]
        1 invoke get ["y", null]
        1 ok get ["y", ""]
        0 invoke get ["x", null]
        0 ok get ["x", "a"]
     """, "valid", "search+zones"),
    ("a store forgets", KeyValue(), """
        0 invoke put ["x", "a"]
        0 ok put ["x", "a"]
        0 invoke get ["x", null]
        0 ok get ["x", ""]
     """, "invalid", "zones"),
    ("a key alone", KeyValue(), """
        0 invoke put ["x", "a"]
        0 ok put ["x", "a"]
        0 invoke get "x"
        0 ok get "a"
     """, "valid", "zones"),
    ("a queue turned round", FifoQueue(), """
        0 invoke enqueue 1
        0 ok enqueue 1
        0 invoke enqueue 2
        0 ok enqueue 2
        1 invoke dequeue
        1 ok dequeue 2
     """, "invalid", "queue"),
    ("a queue", FifoQueue(), """
        0 invoke enqueue 1
        1 invoke enqueue 2
        0 ok enqueue 1
        1 ok enqueue 2
        1 invoke dequeue
        1 ok dequeue 2
     """, "valid", "queue"),
    ("a queue found empty", FifoQueue(), """
        0 invoke enqueue 1
        0 ok enqueue 1
        1 invoke dequeue
        1 ok dequeue null
     """, "invalid", "queue"),
    ("a queue with a dequeue that nobody answered", FifoQueue(), """
        0 invoke enqueue 1
        0 ok enqueue 1
        2 invoke dequeue
        1 invoke dequeue
        1 ok dequeue null
     """, "valid", "search"),
    ("a queue dequeued twice", FifoQueue(), """
        0 invoke enqueue 1
        0 ok enqueue 1
        1 invoke dequeue
        2 invoke dequeue
        1 ok dequeue 1
        2 ok dequeue 1
     """, "invalid", "queue"),
    ("an identifier given twice", IdGenerator(), """
        0 invoke generate
        1 invoke generate
        0 ok generate 5
        1 ok generate 5
     """, "invalid", "search"),
    ("a set by element", Set(), """
        0 invoke add 1
        0 ok add 1
        1 invoke contains 2
        1 ok contains false
     """, "valid", "set"),
    ("a set that forgets", Set(), """
        0 invoke add 1
        0 ok add 1
        1 invoke contains 1
        1 ok contains false
     """, "invalid", "set"),
    ("a set read whole", Set(), """
        0 invoke add 1
        1 invoke add 2
        2 invoke read
        2 ok read [2]
        2 invoke read
        2 ok read [1, 2]
     """, "valid", "set"),
    ("a set read in two orders", Set(), """
        0 invoke add 1
        1 invoke add 2
        2 invoke read
        3 invoke read
        2 ok read [2]
        3 ok read [1]
     """, "invalid", "set"),
    ("a set read whole among removals", Set(), """
        0 invoke add 1
        0 ok add 1
        1 invoke remove 1
        2 invoke read
        2 ok read []
     """, "valid", "search"),
    ("a stack", Stack(), """
        0 invoke push 1
        0 ok push 1
        1 invoke push 2
        1 ok push 2
        0 invoke pop
        0 ok pop 2
     """, "valid", "stack"),
    ("a stack turned round", Stack(), """
        0 invoke push 1
        0 ok push 1
        1 invoke push 2
        1 ok push 2
        0 invoke pop
        0 ok pop 1
     """, "invalid", "stack"),
    ("a stack with a pop that nobody answered", Stack(), """
        0 invoke push 1
        0 ok push 1
        1 invoke push 2
        1 ok push 2
        2 invoke pop
        0 invoke pop
        0 ok pop 1
     """, "valid", "search"),
    ("a priority queue", PriorityQueue(), """
        0 invoke insert 2
        0 ok insert 2
        1 invoke insert 1
        0 invoke remove
        0 ok remove 2
        1 ok insert 1
     """, "valid", "priority-queue"),
    ("a priority queue turned round", PriorityQueue(), """
        0 invoke insert 2
        0 ok insert 2
        1 invoke insert 1
        1 ok insert 1
        0 invoke remove
        0 ok remove 2
     """, "invalid", "priority-queue"),
    ("a counter", Counter(), """
        0 invoke add 1
        1 invoke read
        1 ok read 1
        1 invoke read
        1 ok read 0
     """, "invalid", "search"),
    ("a log", AppendLog(), """
        0 invoke append 1
        1 invoke append 2
        2 invoke read
        2 ok read [2]
        2 invoke read
        2 ok read [2, 1]
     """, "valid", "search"),
    ("a log that forgets", AppendLog(), """
        0 invoke append 1
        1 invoke append 2
        2 invoke read
        2 ok read [2]
        2 invoke read
        2 ok read [1, 2]
     """, "invalid", "search"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("specification", "text", "verdict", "engine"),
    [row[1:] for row in HISTORIES],
    ids=[row[0] for row in HISTORIES],
)
def test_verdict_and_engine(specification, text, verdict, engine):
    result = check(specification, told(text))
    assert (result.verdict.value, result.engine) == (verdict, engine)
    assert bool(result.anomalies) == (verdict == "invalid")
    assert check(specification, told(text), explained=False).verdict is result.verdict
    assert result.reason.endswith(".")
    json.dumps(result.statistics)


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


def test_each_bad_key_has_its_anomaly():
    lines = []
    for key in ("a", "b", "c"):
        read = 1 if key == "b" else 9
        lines += [
            f'0 invoke write ["{key}", 1]', f'0 ok write ["{key}", 1]',
            f'0 invoke read ["{key}", null]', f'0 ok read ["{key}", {read}]',
        ]  # fmt: skip
    result = check(Register(), told("\n".join(lines)))
    assert [anomaly.data["key"] for anomaly in result.anomalies] == ["a", "c"]
    assert result.statistics["invalid_partitions"] == 2
    assert result.reason == "2 of 3 independent parts are not linearizable as register."
    assert result.anomalies[0].reason.startswith(
        'Key "a": no order explains read -> 9 by process 0'
    )


def test_nil_reads_of_any_value():
    history = told("0 invoke write 1\n0 ok write 1\n0 invoke read\n0 ok read null")
    assert check(CasRegister(), history).verdict is Verdict.INVALID
    assert check(CasRegister(nil_reads="any"), history).verdict is Verdict.VALID


CONCURRENT = told("""
    0 invoke write 1
    1 invoke write 2
    0 ok write 1
    1 ok write 2
    2 invoke read
    2 ok read 1
""")


@pytest.mark.parametrize(
    ("effects", "engine"),
    [
        ({0: 2, 1: 1, 2: 3}, "witness"),
        ({0: (1, 2), 1: (1, 1), 2: (2, 0)}, "witness"),
        ({0: 1, 1: 2, 2: 3}, "zones"),
        ({0: 2, 1: 1}, "zones"),
        ({0: 2, 1: 3, 2: 1}, "zones"),
        ({0: 2, 1: "late", 2: 3}, "zones"),
        (None, "zones"),
    ],
)
def test_a_witness_is_tried_first_and_never_blamed(effects, engine):
    result = check(Register(), CONCURRENT, effects=effects)
    assert (result.verdict, result.engine) == (Verdict.VALID, engine)


def test_a_witness_must_keep_real_time():
    effects = {0: 3, 1: 1, 2: 2}
    late = told(STALE)
    assert check(Register(), late, effects=effects).verdict is Verdict.INVALID


def test_two_hundred_pending_operations_are_decided():
    source = random.Random(1)
    events, value = [], None
    for at in range(500):
        value = source.randrange(5)
        events += [Event(at % 5, "invoke", "write", value), Event(at % 5, "ok", "write", value)]
        events += [Event(9, "invoke", "read"), Event(9, "ok", "read", value)]
    for at in range(200):
        f, argument = ("write", at) if at % 2 else ("cas", [at % 5, at])
        events.append(Event(1_000 + at, "invoke", f, argument))
    budget = Budget(seconds=None, configurations=200_000)
    assert Linearizability(CasRegister()).check(History(events), budget).verdict is Verdict.VALID
    events += [Event(9, "invoke", "read"), Event(9, "ok", "read", "never written")]
    result = Linearizability(CasRegister()).check(History(events), budget)
    assert result.verdict is Verdict.INVALID
    assert len(result.anomalies[0].operations) == 1


def test_many_pending_operations_do_not_hide_a_read_that_nothing_explains():
    source = random.Random(2)
    events = []
    for at in range(150):
        argument = [source.randrange(5), source.randrange(5)]
        events.append(Event(1_000 + at, "invoke", "cas", argument))
        events += [Event(0, "invoke", "write", at % 5), Event(0, "ok", "write", at % 5)]
    events += [Event(9, "invoke", "read"), Event(9, "ok", "read", 77)]
    result = check(CasRegister(), History(events))
    assert result.verdict is Verdict.INVALID
    assert result.anomalies[0].data["minimal"] == [300]


class Coin(Specification):
    """``toss`` lands either way; ``look`` tells how it lies."""

    name = "coin"

    def initial(self):
        return "heads"

    def step(self, state, f, argument, result):
        if f == "toss":
            return ("heads", "tails")
        return (state,) if result in (state, UNANSWERED) else None

    def is_readonly(self, f, argument):
        return f == "look"


@pytest.mark.parametrize(
    ("looks", "verdict"),
    [(["tails"], "valid"), (["tails", "tails"], "valid"), (["tails", "heads"], "invalid")],
)
def test_a_specification_may_choose(looks, verdict):
    lines = ["0 invoke toss", "0 ok toss"]
    for look in looks:
        lines += ["1 invoke look", f'1 ok look "{look}"']
    assert check(Coin(), told("\n".join(lines))).verdict.value == verdict


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_every_specification_accepts_a_history_with_nothing_answered(name):
    specification = SPECIFICATIONS[name]()
    argument = {"key-value": '["k", "v"]', "multi-register": '[["w", "x", 1]]'}.get(name, "1")
    f = "write" if name == "multi-register" else specification.functions[0]
    result = check(specification, told(f"0 invoke {f} {argument}"))
    assert result.verdict is Verdict.VALID
