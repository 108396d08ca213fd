"""More uncertainty, weaker demands, other names and other times never make a verdict worse."""

import pytest
from checker_histories import MADE, NODES
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.table import CHECKERS
from clew.checkers.verdict import Verdict, run_checker
from clew.history import Event, History

PENDING = {
    "set-full": ("add", 77),
    "g-set": ("add", 77),
    "total-queue": ("enqueue", 77),
    "fifo-intervals": ("enqueue", 77),
    "mutex-intervals": ("acquire", None),
    "interval-counter": ("add", 5),
    "pn-counter": ("add", 5),
    "unique-ids": ("generate", None),
    "kafka": ("send", ["a", 77]),
    "long-fork": ("write", [["w", 77, 1]]),
    "causal-reverse": ("write", 77),
    "bank": ("read", None),
    "adya-g2": ("insert", [1, [77, None]]),
}
WEAKER = {
    "set-full": ({"linearizable": "true"}, {}),
    "total-queue": ({}, {"at-least-once": "true"}),
    "mutex-intervals": ({}, {"leases": "true"}),
    "g-set": ({}, {"monotonic": "false"}),
}


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=60)
@given(data=st.data())
def test_what_is_more_uncertain_or_asks_for_less_never_turns_valid_into_invalid(name, data):
    history = data.draw(MADE[name])
    strong, weak = WEAKER.get(name, ({}, {}))
    checker = CHECKERS[name].make(strong)
    if name in FINAL:
        reads = [(Event(90 + i, "invoke", "read", None, node=n), i) for i, n in enumerate(NODES)]
        value = FINAL[name](history.operations)
        final = [(read, read._replace(type="ok", value=value)) for read, _ in reads]
        history = History([*history, *(event for pair in final for event in pair)])
    result = run_checker(checker, history)
    assert {each.kind for each in result.anomalies} <= CHECKERS[name].meanings.keys()
    if result.verdict is Verdict.INVALID:
        return
    assert run_checker(CHECKERS[name].make(weak), history).verdict is not Verdict.INVALID
    events = list(history)
    f, value = PENDING[name]
    at = data.draw(st.integers(0, len(events)))
    pending = [*events[:at], Event(55, "invoke", f, value, node="n1"), *events[at:]]
    assert run_checker(checker, History(pending)).verdict is not Verdict.INVALID
    for wider in widened(events):
        assert run_checker(checker, History(wider)).verdict is not Verdict.INVALID, wider


# What final reads show where all is well.
FINAL = {
    "g-set": lambda operations: [
        *{one.argument: 1 for one in operations if one.f == "add" and one.type != "fail"}
    ],
    "pn-counter": lambda operations: sum(
        one.argument for one in operations if one.f == "add" and one.type == "ok"
    ),
}


def widened(events):
    """The histories in which one operation begins, or ends, one event earlier or later."""
    for at in range(len(events) - 1):
        one, other = events[at : at + 2]
        if one.process != other.process and (one.type != "invoke" or other.type == "invoke"):
            yield [*events[:at], other, one, *events[at + 2 :]]


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=60)
@given(data=st.data(), shift=st.integers(1, 10**15))
def test_renaming_and_shifting_time_change_nothing(name, data, shift):
    history = data.draw(MADE[name])
    other = History(
        event._replace(process=1000 - event.process, time=event.time + shift) for event in history
    )
    checker = CHECKERS[name].make({})
    one, two = run_checker(checker, history), run_checker(checker, other)
    assert one.verdict is two.verdict
    assert [anomaly.kind for anomaly in one.anomalies] == [a.kind for a in two.anomalies]


# Each is another value in JSON, however alike some of them look to Python.
NAMES = (
    *(0, 1, 7, -3, 10**20, 2.5, True, False, "", "0", "1", "7", "true", "a", "b", "a b"),
    *([], [0], [1], ["1"], [[1], 2], [True], {}, {"a": 1}, {"a": "1"}, {"a": [1]}, {"b": 1}),
)
NAMED = {name: MADE[name] for name in ("set-full", "g-set", "total-queue", "fifo-intervals")} | {
    "broadcast": MADE["g-set"].map(
        lambda history: History(
            event._replace(f="broadcast" if event.f == "add" else event.f) for event in history
        )
    ),
    "unique-ids": MADE["unique-ids"],
}


def values_of(event):
    """The elements of an event; a read of a set has many."""
    if event.value is None:
        return []
    return event.value if event.f == "read" else [event.value]


def renamed(event, names):
    if event.value is None:
        return event
    many = event.f == "read"
    return event._replace(value=[*map(names.get, event.value)] if many else names[event.value])


@pytest.mark.parametrize("name", NAMED)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_renaming_values_changes_nothing(name, data):
    history = data.draw(NAMED[name])
    values = [*dict.fromkeys(value for event in history for value in values_of(event))]
    others = data.draw(st.permutations(NAMES))
    names = dict(zip(values, others, strict=False))
    assert len(names) == len(values)
    other = History(renamed(event, names) for event in history)
    checker = CHECKERS[name].make({})
    one, two = run_checker(checker, history), run_checker(checker, other)
    assert one.verdict is two.verdict
    assert evidence(one) == evidence(two)


def evidence(result):
    """What is wrong, and with which operations, in an order of its own."""
    return sorted(
        (anomaly.kind, sorted(one.number for one in anomaly.operations))
        for anomaly in result.anomalies
    )
