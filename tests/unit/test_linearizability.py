"""The linearizability checker: engines, evidence, witnesses and pending operations."""

import json
import random

import pytest
from event_lines import STALE, check, told

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
from clew.checkers.verdict import Budget, Verdict
from clew.history import Event, History

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
     """, "valid", "queue"),
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
     """, "valid", "lazy-set"),
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
     """, "valid", "stack"),
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
    budget = Budget(seconds=None, steps=200_000)
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
