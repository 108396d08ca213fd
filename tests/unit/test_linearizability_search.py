"""The windowed search: the work it does, and the order that it finds."""

import random

import pytest

from clew.checkers.linearizability import Linearizability
from clew.checkers.linearizability.entries import partitions
from clew.checkers.linearizability.layout import Layout
from clew.checkers.linearizability.machine import Machine
from clew.checkers.linearizability.quick_search import quick_search
from clew.checkers.linearizability.search import Search
from clew.checkers.linearizability.specifications import CasRegister
from clew.checkers.verdict import Budget, OutOfBudget, Verdict
from clew.history import Event, History


def random_history(seed, operations, *, broken=False, clients=5):
    """A cas-register used by its clients, each operation taking effect inside its interval."""
    source = random.Random(seed)
    events, value, busy, idle = [], None, [], list(range(clients))
    while operations or busy:
        if idle and operations and (not busy or source.random() < 0.5):
            process = idle.pop(source.randrange(len(idle)))
            f = source.choice(["read", "write", "cas"])
            argument = {
                "read": None,
                "write": source.randrange(4),
                "cas": [source.randrange(4), source.randrange(4)],
            }[f]
            events.append(Event(process, "invoke", f, argument))
            busy.append([process, f, argument, None])
            operations -= 1
            continue
        one = source.choice(busy)
        process, f, argument, done = one
        if done is not None:
            busy.remove(one)
            idle.append(process)
            events.append(Event(process, done[0], f, done[1]))
        elif f == "read":
            one[3] = ("ok", value)
        elif f == "cas" and argument[0] != value:
            one[3] = ("fail", argument)
        else:
            value = argument if f == "write" else argument[1]
            one[3] = ("ok", argument)
    if broken:
        events += [Event(0, "invoke", "read"), Event(0, "ok", "read", "nobody wrote this")]
    return History(events)


# Changing one of these figures needs a line in the changelog.
@pytest.mark.parametrize(
    ("seed", "operations", "broken", "configurations"),
    [(1, 200, False, 92), (1, 200, True, 202), (2, 2_000, False, 890)],
)
def test_configurations_explored(seed, operations, broken, configurations):
    history = random_history(seed, operations, broken=broken)
    (part,) = partitions(CasRegister(), history)
    machine = Machine(CasRegister())
    levels = Layout(machine, part.entries, eager=True)
    outcome = Search(machine, levels, Budget()).run()
    assert outcome.linearizable is not broken
    assert outcome.configurations == configurations


def test_a_history_that_leaves_little_choice_is_decided_quickly():
    for operations, broken in ((200, False), (200, True), (2_000, False)):
        (part,) = partitions(CasRegister(), random_history(1, operations, broken=broken, clients=2))
        found = quick_search(CasRegister(), part.entries, Budget())
        assert (found.response is not None) is broken
        assert found.configurations < 3 * len(part.entries)


def test_a_quick_search_gives_up_where_many_choices_turn_out_wrong():
    (part,) = partitions(CasRegister(), random_history(1, 2_000, clients=30))
    assert quick_search(CasRegister(), part.entries, Budget()) is None
    assert (
        Linearizability(CasRegister()).check(random_history(1, 2_000, clients=30), Budget()).verdict
        is Verdict.VALID
    )


def test_a_quick_search_keeps_its_budget():
    (part,) = partitions(CasRegister(), random_history(1, 2_000))
    with pytest.raises(OutOfBudget):
        quick_search(CasRegister(), part.entries, Budget(steps=500))


def test_the_order_found_is_a_linearization():
    history = random_history(3, 300)
    (part,) = partitions(CasRegister(), history)
    machine = Machine(CasRegister())
    outcome = Search(machine, Layout(machine, part.entries, eager=True), Budget()).run()
    state, latest = None, -1
    for index in outcome.order:
        entry = part.entries[index]
        (state,) = CasRegister().step(state, entry.f, entry.argument, entry.result)
        latest = max(latest, entry.invoked)
        assert entry.completed is None or entry.completed > latest
    answered = {at for at, entry in enumerate(part.entries) if entry.completed is not None}
    assert answered <= set(outcome.order)
    assert len(set(outcome.order)) == len(outcome.order)
