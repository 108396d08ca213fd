"""What a timeline makes of a trace."""

import pytest

from clew.history import Event, History
from clew.trace.record import Trace
from clew.trace.states import Change, States
from clew.trace.timeline import Incarnation, Outage, Timeline, is_client
from clew.trace.words import way

RECORDS = [
    # as they are stored: a send says when it will arrive, or 0; its message; its link; its body
    (0, "start", "n1", 1),
    (0, "start", "n2", 1),
    (5, "link", 0, "c1", "n1"),
    (5, "invoke", 3, "read", None, "n1"),
    (5, 0, 1, 0, {"type": "read"}),
    (10, "deliver", 1),
    (10, "link", 1, "n1", "n2"),
    (10, 0, 2, 1, {"type": "ask"}),
    (10, "duplicate", 2, 3),
    (12, "deliver", 2),
    (12, "link", 2, "n2", "n1"),
    (12, 0, 4, 2, {"type": "tell"}),
    (13, "pause", "n2"),
    (14, "deliver", 4),
    (14, "link", 3, "n1", "c1"),
    (14, 0, 5, 3, {"type": "read_ok"}),
    (14, "state", "n1", {"role": "leader"}),
    (15, "crash", "n2", "kill", ["lost", 0, 0]),
    (16, "drop", 3, "down"),
    (17, "deliver", 5),
    (17, "ok", 3, "read", 7, None),
    (20, "start", "n2", 2),
    (30, "timer", "n1", "tick"),
    (30, 0, 6, 1, {"type": "ask"}),
    (31, "crash", "n1", "kill", ["lost", 0, 0]),
]


@pytest.fixture
def timeline():
    trace = Trace()
    for record in RECORDS:
        trace.add(*record)
    history = History([
        Event(3, "invoke", "read", None, 5, None, "n1"), Event(3, "ok", "read", 7, 17, None, "n1"),
    ])  # fmt: skip
    return Timeline(trace, history.operations, 2)


def test_a_message_has_a_fate_and_so_has_each_copy(timeline):
    told = {
        one.number: (one.src, one.dest, one.type, one.sent_ns, one.fate, one.ended_ns, one.why)
        for one in timeline.messages.values()
    }
    assert told == {
        1: ("c1", "n1", "read", 5, "deliver", 10, ""),
        2: ("n1", "n2", "ask", 10, "deliver", 12, ""),
        3: ("n1", "n2", "ask", 10, "drop", 16, "down"),
        4: ("n2", "n1", "tell", 12, "deliver", 14, ""),
        5: ("n1", "c1", "read_ok", 14, "deliver", 17, ""),
        6: ("n1", "n2", "ask", 30, "", None, ""),
    }
    assert list(told) == list(timeline.messages)
    assert [one.number for one in timeline.messages.values() if one.copied == 2] == [3]
    assert timeline.messages[3].origin == timeline.messages[2].origin == 2
    events = {event.number: event for event in timeline.events()}
    assert all(events[one.sent].kind == "send" for one in timeline.messages.values())
    assert events[timeline.messages[3].ended].fields["why"] == "down"


def test_a_message_knows_what_led_to_it(timeline):
    answer = timeline.messages[5]
    assert [hop.number for hop in answer.chain()] == [1, 2, 4, 5]
    assert [hop.number for hop in answer.chain(2)] == [4, 5]
    assert way(answer) == "n1 -ask-> n2 -tell-> n1"
    assert timeline.messages[6].cause is None  # a timer sent it
    assert timeline.messages[3].chain()[:-1] == timeline.messages[2].chain()[:-1]


def test_an_event_knows_what_led_to_it(timeline):
    causes = {event.kind: timeline.cause(event) for event in timeline.events("state", "ok")}
    assert {kind: cause.number for kind, cause in causes.items()} == {"state": 4, "ok": 5}
    assert [timeline.cause(event) for event in timeline.events("timer")] == [None]


def test_an_operation_is_found_at_both_of_its_ends(timeline):
    [one] = timeline.operations
    assert [timeline.operation(event) for event in timeline.events("invoke", "ok")] == [one, one]
    assert timeline.client_of(one.process) == "c1"
    assert timeline.client_of("nemesis") == ""


def test_lives_of_nodes_and_when_they_were_down(timeline):
    assert timeline.lives == [
        Incarnation("n1", 1, 0, 31, "kill"),
        Incarnation("n2", 1, 0, 15, "kill"), Incarnation("n2", 2, 20),
    ]  # fmt: skip
    assert timeline.outages == [Outage("n2", 13, 20, "pause"), Outage("n1", 31, None, "crash")]


def test_events_of_a_kind_and_up_to_a_time(timeline):
    assert [event.time for event in timeline.events("start")] == [0, 0, 20]
    assert [event.time for event in timeline.events("start", until_ns=19)] == [0, 0]
    assert timeline.place_of(next(timeline.events("deliver"))) == "n1"
    assert timeline.place_of(next(timeline.events("invoke"))) == "c1"
    assert timeline.place_of(next(timeline.events("link"))) == ""


def test_the_past_of_an_answer_has_what_led_to_it_and_what_was_missed(timeline):
    past = timeline.past({"c1": 17})
    kinds = [event.kind for event in timeline.events() if event.number in past]
    assert kinds == [
        "start", "start", "invoke", "send", "deliver", "send", "deliver", "send", "deliver", "send",
        "deliver", "ok",
    ]  # fmt: skip
    late = timeline.past({"c1": 17, "n2": 20})
    missed = [event.fields["message"] for event in timeline.events("drop") if event.number in late]
    assert missed == [3]
    assert timeline.past({}) == frozenset()


CHANGES = [
    Change(0, "n1", "follower", None, {"term": "0", "log": "[]"}, {"term": "0", "log": "[]"}),
    Change(5, "n1", "candidate", "follower", {"term": "1"}, {"term": "1", "log": "[]"}),
    Change(5, "n2", None, None, {"x": "1"}, {"x": "1"}),
    Change(8, "n1", "leader", "candidate", {}, {"term": "1", "log": "[]"}),
    Change(9, "n1", "leader", "leader", {"log": "[4]"}, {"term": "1", "log": "[4]"}),
]


@pytest.mark.parametrize(
    ("time_ns", "rank"), [(-1, None), (0, 0), (4, 0), (5, 1), (8, 3), (100, 4)]
)
def test_the_state_of_a_node_at_a_moment(time_ns, rank):
    assert States(CHANGES).at("n1", time_ns) == (None if rank is None else CHANGES[rank])


@pytest.mark.parametrize(
    ("field", "time_ns", "before", "after"),
    [
        ("term", 5, 0, None), ("term", 0, None, 5), ("term", 100, 5, None),
        ("state", 5, 0, 8), ("state", 9, 8, None), ("log", 4, 0, 9), ("none", 4, None, None),
    ],
)  # fmt: skip
def test_when_a_field_changed_before_and_changes_next(field, time_ns, before, after):
    states = States(CHANGES)
    told = [find("n1", field, time_ns) for find in (states.previous, states.next)]
    assert [one and one.time_ns for one in told] == [before, after]
    assert states.next("n9", field, 0) is None


@pytest.mark.parametrize(("name", "is_one"), [("c1", True), ("c", False), ("n1", False)])
def test_names_of_clients(name, is_one):
    assert is_client(name) is is_one
