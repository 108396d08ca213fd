"""Small histories: every way in which operations overlap, and which orders are legal."""

from itertools import combinations

from clew.checkers.linearizability import UNANSWERED
from clew.checkers.linearizability.entries import Entry


def intervals(ends):
    """Every way intervals may lie that have these ends."""
    if not ends:
        yield []
        return
    begin, *rest = ends
    for at, finish in enumerate(rest):
        for others in intervals(rest[:at] + rest[at + 1 :]):
            yield [(begin, finish), *others]


def build(shape, calls, pending=()):
    return [
        Entry(begin, None, f, argument, UNANSWERED, number)
        if number in pending
        else Entry(begin, finish, f, argument, result, number)
        for number, ((begin, finish), (f, argument, result)) in enumerate(
            zip(shape, calls, strict=True)
        )
    ]


def keeps_time(order):
    return all(
        later.completed is None or later.completed > earlier.invoked
        for earlier, later in combinations(order, 2)
    )


def legal(specification, order):
    states = [specification.initial()]
    for entry in order:
        states = [
            after
            for state in states
            for after in specification.step(state, entry.f, entry.argument, entry.result) or ()
        ]
    return bool(states)
