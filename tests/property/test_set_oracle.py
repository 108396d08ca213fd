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
    pending = [one for one in history.operations if one.type != "ok"]
    for size in range(len(pending) + 1):
        for some in combinations(pending, size):
            for order in permutations([*done, *some]):
                kept = all(
                    later.completed is None or not later.completed < one.invoked
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
