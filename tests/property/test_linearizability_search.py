"""The search alone against the oracle, where operations overlap much, and the orders it finds.

The oracle is plain Wing and Gong, which test_linearizability.py compares with the definition.
"""

import random

import pytest
from orders import keeps_time, legal

from clew.checkers.linearizability import SPECIFICATIONS, UNANSWERED
from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.layout import Layout
from clew.checkers.linearizability.machine import Machine
from clew.checkers.linearizability.plain import plain
from clew.checkers.linearizability.quick_search import quick_search
from clew.checkers.linearizability.search import Search
from clew.checkers.verdict import Budget


def contended(source):
    """Entries of a cas-register that overlap much, most of them as it might behave."""
    count, values, state = source.randint(3, 10), source.randint(2, 4), None
    calls = []
    for _ in range(count):
        f = source.choice(["read", "write", "cas"])
        to = source.randrange(values)
        if f == "read":
            calls.append((f, None, to if source.random() < 0.05 else state))
        elif f == "write":
            calls.append((f, to, None))
            state = to
        else:
            expected = state if source.random() < 0.85 else source.randrange(values)
            calls.append((f, (expected, to), None))
            state = to if expected == state else state
    ends = [at // 2 for at in range(2 * count)]
    for _ in range(source.randint(0, 8 * count)):
        at = source.randint(0, len(ends) - 2)
        ends[at], ends[at + 1] = ends[at + 1], ends[at]
    pending = source.random() * 0.3
    places = [[at for at, each in enumerate(ends) if each == index] for index in range(count)]
    entries = []
    for number, ((invoked, completed), index) in enumerate(
        sorted(zip(places, range(count), strict=True))
    ):
        f, argument, result = calls[index]
        if source.random() < pending:
            entries.append(Entry(invoked, None, f, argument, UNANSWERED, number))
        else:
            entries.append(Entry(invoked, completed, f, argument, result, number))
    return entries


def search_agrees(source, count):
    specification = SPECIFICATIONS["cas-register"]()
    answers = set()
    for _ in range(count):
        entries = contended(source)
        expected, _ = plain(specification, entries, Budget(seconds=None))
        machine = Machine(specification)
        found = Search(machine, Layout(machine, entries, eager=True), Budget()).run()
        assert found.linearizable == expected, entries
        quickly = quick_search(specification, entries, Budget())
        assert quickly is None or (quickly.response is None) == expected, entries
        answers.add(expected)
        # The order found explains every response before the one that none explains.
        order = [entries[index] for index in found.order]
        assert keeps_time(order)
        assert legal(specification, order)
        answered = sorted(entry.completed for entry in entries if entry.completed is not None)
        explained = {entry.completed for entry in order}
        assert explained.issuperset(answered[: found.level])
        assert len(set(found.order)) == len(found.order)
    assert answers == {True, False}


def test_the_search_agrees_where_many_writes_overlap():
    search_agrees(random.Random("overlap"), 3_000)


@pytest.mark.deep
def test_the_search_agrees_often_where_many_writes_overlap():
    search_agrees(random.Random("overlap often"), 100_000)
