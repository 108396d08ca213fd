"""Sets whose reads may show an element twice, against every order of the operations."""

from itertools import combinations, permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.registry import find
from clew.checkers.verdict import Verdict, run_checker
from clew.history import Event, History

READS = st.lists(st.integers(1, 3), max_size=3)


@st.composite
def histories(draw):
    """Up to six operations of three clients: adds, removals, tests and reads of the whole set."""
    events, open_ = [], {}
    functions = draw(
        st.sampled_from([("add", "read"), ("add", "remove", "read"), ("add", "contains", "read")])
    )
    for _ in range(draw(st.integers(2, 12))):
        client = draw(st.integers(0, 2))
        if client not in open_:
            f = draw(st.sampled_from(functions))
            open_[client] = f, None if f == "read" else draw(st.integers(1, 3))
            events.append(Event(client, "invoke", *open_[client]))
            continue
        f, value = open_.pop(client)
        result = {"read": READS, "contains": st.booleans()}.get(f, st.just(value))
        events.append(Event(client, "ok", f, draw(result)))
    return History(events)


def explained(order):
    """Whether the answers are those of one set, if the operations happen in this order."""
    held = set()
    for one in order:
        if one.f == "add":
            held.add(one.argument)
        elif one.f == "remove":
            held.discard(one.argument)
        elif one.type == "ok":
            shown = one.result if one.f == "contains" else sorted(one.result)
            if shown != ((one.argument in held) if one.f == "contains" else sorted(held)):
                return False
    return True


def linearizable(history):
    done = [one for one in history.operations if one.type == "ok"]
    pending = [one for one in history.operations if one.type == "info"]
    for size in range(len(pending) + 1):
        for some in combinations(pending, size):
            for order in permutations([*done, *some]):
                kept = all(
                    later.type != "ok" or not later.completed < one.invoked
                    for one, later in combinations(order, 2)
                )
                if kept and explained(order):
                    return True
    return False


@given(histories())
@settings(max_examples=300)
def test_sets_follow_the_definition(history):
    expected = Verdict.VALID if linearizable(history) else Verdict.INVALID
    if history.operations:
        assert run_checker(find("set").make(), history).verdict is expected


@st.composite
def growing(draw):
    """Up to seven operations of three clients on a set that only grows, some never answered."""
    events, open_, crashed = [], {}, 0
    for _ in range(draw(st.integers(6, 14))):
        client = draw(st.integers(0, 2))
        if client not in open_:
            f = draw(st.sampled_from(["add", "read", "read"]))
            process = client + 3 * crashed
            open_[client] = process, f, None if f == "read" else draw(st.integers(1, 2))
            events.append(Event(process, "invoke", *open_[client][1:]))
            continue
        process, f, value = open_.pop(client)
        end = draw(st.sampled_from(["ok"] * 6 + ["fail", "info"]))
        crashed += end == "info"
        added = {event.value for event in events if event.f == "add"}
        some = st.lists(st.sampled_from([*sorted(added), 2]), unique=True)
        shown = draw(some) if f == "read" else value
        events.append(Event(process, end, f, shown if end == "ok" else value))
    return History(events)


def of_element(history, element):
    """The history of one element: its adds, and whether each read shows it."""
    events = []
    for event in history:
        if event.f == "read":
            shown = element in event.value if event.type == "ok" else element
            events.append(event._replace(f="contains", value=shown))
        elif event.value == element:
            events.append(event)
    return History(events)


@given(growing())
@settings(max_examples=400)
def test_elements_of_a_linearizable_set_follow_the_definition(history):
    right = all(linearizable(of_element(history, element)) for element in (1, 2))
    result = run_checker(find("set-full").make({"linearizable": "true"}), history)
    assert (result.verdict is Verdict.INVALID) == (not right), history.events
    kinds = {each.kind for each in result.anomalies}
    assert kinds <= {"lost", "stale", "phantom"}
