"""k-atomicity and bounded staleness agree with their definitions on small histories."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.registers.atomicity import Atomicity
from clew.checkers.registers.staleness import Staleness
from clew.checkers.verdict import Verdict, run_checker
from clew.history import Event, History

TURNS = st.lists(
    st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 4), st.integers(0, 3)), max_size=12
)


def history(turns, ending="ok"):
    """Three processes take turns; a turn begins an operation or ends the open one.

    A read returns the value of any write that began before, or the initial one.
    """
    events, calls, written, time = [], {}, [None], 0
    for number, (process, is_write, pick, gap) in enumerate(turns):
        time += gap
        if process in calls:
            call = calls.pop(process)
            value = call.value if call.f == "write" else written[-1 - pick % len(written)]
            events.append(call._replace(type="ok", value=value, time=time))
            continue
        if is_write:
            written.append(number)
        call = Event(
            process, "invoke", "write" if is_write else "read", number if is_write else None, time
        )
        calls[process] = call
        events.append(call)
    return History([*events, *(call._replace(type="info") for call in calls.values())])


def define(history, k, start, end):
    """Whether some order keeps precedence, and each read within the last k writes."""
    seen = {one.result for one in history.operations if one.f == "read" and one.type == "ok"}
    kept = [
        one
        for one in history.operations
        if one.type == "ok" or (one.f == "write" and one.argument in seen)
    ]
    for order in permutations(kept):
        if any(
            end(later) < start(one) for at, one in enumerate(order) for later in order[at + 1 :]
        ):
            continue
        last = [None]
        for one in order:
            if one.f == "write":
                last = [*last, one.argument][-k:]
            elif one.result not in last:
                break
        else:
            return True
    return False


def end_position(one):
    return one.completed if one.type == "ok" else float("inf")


@pytest.mark.parametrize("k", [1, 2, 3])
@settings(max_examples=300)
@given(TURNS)
def test_atomicity_follows_the_definition(k, turns):
    parts = history(turns)
    result = run_checker(Atomicity(k=k), parts)
    if result.verdict is Verdict.UNKNOWN:
        assert not any(one.type == "ok" for one in parts.operations)
        return
    valid = define(parts, k, lambda one: one.invoked, end_position)
    assert result.verdict is (Verdict.VALID if valid else Verdict.INVALID), result.reason
    assert bool(result.anomalies) is not valid


def end_time(one):
    return one.end if one.type == "ok" else float("inf")


@settings(max_examples=300)
@given(TURNS, st.integers(0, 12))
def test_staleness_follows_the_definition(turns, bound):
    parts = history(turns)
    result = run_checker(Staleness(bound_ns=bound), parts)
    if result.verdict is Verdict.UNKNOWN:
        assert not any(one.type == "ok" for one in parts.operations)
        return

    def keeps(allowed):
        def start(one):
            return one.start - (allowed if one.f == "read" else 0)

        return define(parts, 1, start, end_time)

    assert result.verdict is (Verdict.VALID if keeps(bound) else Verdict.INVALID), result.reason
    needed = result.statistics["staleness_ns"]
    if needed is not None:
        assert keeps(needed)
        assert needed == 0 or not keeps(needed - 1)


@given(TURNS, st.integers(1, 10**15))
def test_shifting_time_and_renaming_processes_change_nothing(turns, shift):
    parts = history(turns)
    moved = History(one._replace(time=one.time + shift, process=50 - one.process) for one in parts)
    for checker in (Atomicity(), Staleness(bound_ns=3)):
        first, second = (run_checker(checker, some) for some in (parts, moved))
        assert first.verdict is second.verdict
        assert first.statistics == second.statistics


@given(TURNS)
def test_a_pending_write_that_nobody_saw_changes_nothing(turns):
    parts = history(turns)
    longer = History([Event(77, "invoke", "write", "unseen", 0), *parts])
    for checker in (Atomicity(), Staleness(bound_ns=3)):
        first, second = (run_checker(checker, some) for some in (parts, longer))
        assert first.verdict is second.verdict


def widened(events):
    """The histories in which an operation ends after the next one begins."""
    for at in range(len(events) - 1):
        one, other = events[at : at + 2]
        if one.process != other.process and (one.type, other.type) == ("ok", "invoke"):
            times = (one.time, other.time)
            pair = [other._replace(time=times[0]), one._replace(time=times[1])]
            yield [*events[:at], *pair, *events[at + 2 :]]


@given(TURNS, st.integers(0, 12))
def test_a_wider_interval_or_a_weaker_bound_never_turns_valid_into_invalid(turns, bound):
    parts = history(turns)
    for checker, weaker in (
        (Atomicity(k=1), Atomicity(k=2)),
        (Staleness(bound_ns=bound), Staleness(bound_ns=bound + 1)),
    ):
        if run_checker(checker, parts).verdict is not Verdict.VALID:
            continue
        assert run_checker(weaker, parts).verdict is Verdict.VALID
        for wider in widened(list(parts)):
            assert run_checker(checker, History(wider)).verdict is Verdict.VALID
