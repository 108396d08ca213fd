"""Sessions, causality and sequential consistency agree with their definitions."""

from itertools import combinations, permutations, product
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.registers.causal import Causal
from clew.checkers.registers.sequential import Sequential
from clew.checkers.registers.sessions import GUARANTEES, Sessions
from clew.checkers.verdict import Verdict, run_checker
from clew.history import Event, History

# An access is (process, is_write, key, value); None is the initial value.
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.booleans(), st.sampled_from("xy"), st.integers(0, 5)),
    min_size=1,
    max_size=7,
)


def accesses(steps):
    """Unique written values; a read picks an earlier value of its key, or sometimes any."""
    values = {key: [None] for key in "xy"}
    for number, (_, is_write, key, _) in enumerate(steps):
        if is_write:
            values[key].append(number)
    found = []
    for number, (process, is_write, key, pick) in enumerate(steps):
        known = [one for one in values[key] if pick == 0 or one is None or one < number]
        found.append((process, is_write, key, number if is_write else known[pick % len(known)]))
    return found


def history(steps):
    events = []
    for process, is_write, key, value in steps:
        f = "write" if is_write else "read"
        events.append(Event(process, "invoke", f, [key, value if is_write else None]))
        events.append(Event(process, "ok", f, [key, value]))
    return History(events)


def legal(order):
    """Whether each read in the order sees the last write; (access, checked) pairs."""
    now = {"x": None, "y": None}
    for (_, is_write, key, value), checked in order:
        if is_write:
            now[key] = value
        elif checked and now[key] != value:
            return False
    return True


def linearizable(members, before, checked):
    """Whether some order of the members keeps `before` and all checked reads."""

    def extend(done, now):
        if len(done) == len(members):
            return True
        for one in members:
            if one in done or any(
                (other, one) in before and other not in done for other in members
            ):
                continue
            _, is_write, key, value = ALL[one]
            if not is_write and one in checked and now.get(key) != value:
                continue
            if extend(done | {one}, {**now, key: value} if is_write else now):
                return True
        return False

    return extend(frozenset(), {})


ALL = []


def closed(pairs, count):
    reach = {one: {b for a, b in pairs if a == one} for one in range(count)}
    for middle, first in product(range(count), repeat=2):
        if middle in reach[first]:
            reach[first] |= reach[middle]
    return {(first, second) for first in reach for second in reach[first]}


def session_order(steps):
    return {
        (first, second)
        for first, second in combinations(range(len(steps)), 2)
        if steps[first][0] == steps[second][0]
    }


def reads_from(steps):
    return {
        (steps.index((w[0], True, w[2], w[3])), index)
        for index, (_, is_write, key, value) in enumerate(steps)
        if not is_write and value is not None
        for w in steps
        if w[1] and w[2] == key and w[3] == value
    }


def define_sequential(steps):
    everything = range(len(steps))
    return linearizable(everything, session_order(steps), set(everything))


def define_pram(steps):
    order = session_order(steps)
    for process in {one[0] for one in steps}:
        ours = {i for i, one in enumerate(steps) if one[0] == process}
        members = [i for i, one in enumerate(steps) if one[1] or i in ours]
        if not linearizable(members, order, ours):
            return False
    return True


def define_causal(steps, model):
    order = session_order(steps)
    causal = closed(order | reads_from(steps), len(steps))
    if any((one, one) in causal for one in range(len(steps))):
        return False
    past = {
        one: [other for other in range(len(steps)) if other == one or (other, one) in causal]
        for one in range(len(steps))
    }
    if model == "CCv":
        return define_convergence(steps, causal, past)
    for one, members in past.items():
        own = {other for other in members if other == one or (other, one) in order}
        if not linearizable(members, causal, own if model == "CM" else {one}):
            return False
    return True


def define_convergence(steps, causal, past):
    writes = [index for index, one in enumerate(steps) if one[1]]
    for arbitration in permutations(writes):
        if any((b, a) in causal for a, b in combinations(arbitration, 2)):
            continue
        if all(
            legal([*((steps[w], True) for w in arbitration if w in members), (steps[one], True)])
            for one, members in past.items()
        ):
            return True
    return False


def define_sessions(steps, guarantees):
    writes = [index for index, one in enumerate(steps) if one[1]]
    source = {reader: writer for writer, reader in reads_from(steps)}
    pairs = [(a, b) for a, b in sorted(session_order(steps))]
    return any(
        all(keeps(steps, source, arbitration, first, second, guarantees) for first, second in pairs)
        for arbitration in permutations(writes)
    )


def keeps(steps, source, arbitration, first, second, guarantees):
    place = {write: at for at, write in enumerate(arbitration)}
    (_, early_write, early_key, _), (_, late_write, late_key, _) = steps[first], steps[second]
    here = place[first] if early_write else place.get(source.get(first), -1)
    there = place[second] if late_write else place.get(source.get(second), -1)
    name = GUARANTEES[{(0, 0): 0, (1, 0): 1, (1, 1): 2, (0, 1): 3}[early_write, late_write]]
    if name not in guarantees or (not late_write and early_key != late_key):
        return True
    return here < there if late_write else here <= there


CHECKS = {
    "sequential": (Sequential(), define_sequential),
    "PRAM": (Causal(model="PRAM"), define_pram),
    "CC": (Causal(model="CC"), lambda steps: define_causal(steps, "CC")),
    "CCv": (Causal(model="CCv"), lambda steps: define_causal(steps, "CCv")),
    "CM": (Causal(model="CM"), lambda steps: define_causal(steps, "CM")),
    **{
        "+".join(some): (
            Sessions(guarantees=some),
            lambda steps, some=some: define_sessions(steps, some),
        )
        for size in (1, 2, 4)
        for some in combinations(GUARANTEES, size)
    },
}


def agree(check, steps):
    checker, define = CHECKS[check]
    ALL[:] = steps
    expected = Verdict.VALID if define(steps) else Verdict.INVALID
    with (
        patch("clew.checkers.registers.causal.has_simple_order", return_value=False),
        patch("clew.checkers.registers.sequential.has_simple_order", return_value=False),
    ):
        thorough = run_checker(checker, history(steps))
        with patch("clew.checkers.registers.saturation._FEW", 0):
            one_by_one = run_checker(checker, history(steps))
    for result in (run_checker(checker, history(steps)), thorough, one_by_one):
        assert result.verdict is expected, (steps, result.reason)
        assert bool(result.anomalies) is (expected is Verdict.INVALID)
        assert all(one.operations and one.reason for one in result.anomalies)


@pytest.mark.parametrize("check", CHECKS)
@settings(max_examples=150)
@given(STEPS)
def test_the_checker_agrees_with_the_definition(check, steps):
    agree(check, accesses(steps))


@settings(max_examples=300)
@given(STEPS, st.booleans())
def test_sequential_order_agrees_with_the_definition_where_values_repeat(steps, pending):
    """The last write of all may be one of unknown outcome: with it or without it."""
    steps = [(process, is_write, key, value % 3 or None) for process, is_write, key, value in steps]
    events = list(history(steps))
    pending = pending and steps[-1][1]
    if pending:
        events[-1] = events[-1]._replace(type="info")
    valid = False
    for some in (steps, steps[:-1]) if pending else (steps,):
        ALL[:] = some
        valid |= define_sequential(some)
    result = run_checker(Sequential(), History(events))
    if result.reason != "No read or write was answered.":
        assert result.verdict is (Verdict.VALID if valid else Verdict.INVALID), result.reason
        assert bool(result.anomalies) is not valid


@pytest.mark.deep
@pytest.mark.parametrize("check", CHECKS)
@settings(max_examples=5000)
@given(STEPS)
def test_the_checker_agrees_with_the_definition_often(check, steps):
    agree(check, accesses(steps))


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from("xy")), max_size=60))
def test_one_register_that_everybody_uses_keeps_every_promise(calls):
    now = {"x": None, "y": None}
    steps = []
    for number, (process, is_write, key) in enumerate(calls):
        now[key] = number if is_write else now[key]
        steps.append((process, is_write, key, now[key]))
    for checker, _ in CHECKS.values():
        result = run_checker(checker, history(steps))
        assert result.verdict is (Verdict.VALID if steps else Verdict.UNKNOWN), result.reason


@given(STEPS)
def test_stronger_models_imply_weaker_ones(steps):
    steps = accesses(steps)
    verdicts = {
        name: run_checker(check, history(steps)).verdict for name, (check, _) in CHECKS.items()
    }
    valid = {name for name, verdict in verdicts.items() if verdict is Verdict.VALID}
    for strong, weak in [
        ("sequential", "CM"),
        ("sequential", "CCv"),
        ("CM", "CC"),
        ("CM", "PRAM"),
        ("CCv", "CC"),
    ]:
        assert strong not in valid or weak in valid


@given(STEPS, st.integers(0, 7), st.sampled_from(["read", "write"]))
def test_a_pending_operation_never_turns_valid_into_invalid(steps, at, f):
    steps = accesses(steps)
    events = list(history(steps))
    value = ["x", "unseen" if f == "write" else None]
    where = min(2 * at, len(events))
    alone = [*events[:where], Event(9, "invoke", f, value), *events[where:]]
    last = [*events, Event(steps[-1][0], "invoke", f, value)]
    for checker, _ in CHECKS.values():
        if run_checker(checker, history(steps)).verdict is Verdict.VALID:
            for pending in (alone, last):
                assert run_checker(checker, History(pending)).verdict is Verdict.VALID


@given(STEPS, st.integers(1, 10**15))
def test_when_things_happened_does_not_matter(steps, shift):
    """Only each session's own order counts: wider intervals and later times change nothing."""
    steps = accesses(steps)
    events = list(history(steps))
    later = History(event._replace(time=shift + 7 * at) for at, event in enumerate(events))
    last = {event.process: at for at, event in enumerate(events)}
    tail = [event for at, event in enumerate(events) if last[event.process] == at]
    wide = History([*(e for at, e in enumerate(events) if last[e.process] != at), *tail])
    for checker, _ in CHECKS.values():
        first = run_checker(checker, History(events))
        for other in (later, wide):
            assert run_checker(checker, other).verdict is first.verdict


@given(STEPS, st.permutations([5, 6, 7]))
def test_renaming_processes_and_values_changes_nothing(steps, names):
    steps = accesses(steps)
    renamed = [
        (names[process], is_write, key, None if value is None else f"v{value}")
        for process, is_write, key, value in steps
    ]
    for checker, _ in CHECKS.values():
        first, second = (run_checker(checker, history(some)) for some in (steps, renamed))
        assert first.verdict is second.verdict
        assert [one.kind for one in first.anomalies] == [one.kind for one in second.anomalies]
