"""First-in first-out queues whose values repeat: the order of enqueues is decided by the dequeues.

A search that puts concurrent enqueues in order when they respond guesses, and learns only when
their values come out whether the guess was right. Here an enqueue is merely available from its
invocation on, and a dequeue takes it out of what is left:

- A dequeue may take any enqueue of its value that was invoked by then and that no other one left
  precedes (responded before its invocation). If the orders of dequeues and of the enqueues they
  took are such, the enqueues can be placed: each at the latest invocation of those taken up to it,
  which is before its dequeue and not after its own response, since nothing that was left preceded
  what was taken. Those never taken come after all of these, for the same reason.
- Of those that it may take, it takes the one that responds first; pending ones never respond. In
  a solution that takes another one, the two can change places: they have the same value, what is
  left then precedes no more than before, and has responded no earlier.
- A dequeue found the queue empty at a moment when no enqueue left has responded: those in flight
  can come after it.

So only the order of concurrent dequeues is searched. Of these, all orders of the same ones leave
nearly always the same enqueues, so that few configurations differ.

The search is that of `Search`, of a history in which each enqueue is an instant, its invocation.
If a dequeue found nothing, the responses of enqueues during it are instants also.

Source: our own. The placing of enqueues is that of Henzinger, Sezgin, Vafeiadis, "Aspect-oriented
linearizability proofs", CONCUR 2013 (VOrd, VWit), for one matching of enqueues and dequeues.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from clew.checkers.linearizability.collections.passages import instant, spread
from clew.checkers.linearizability.entries import NEVER, Entry, end
from clew.checkers.linearizability.specification import UNANSWERED, Specification
from clew.checkers.linearizability.specifications.collections import FifoQueue


class _Left(NamedTuple):
    """A state: the enqueues left of those invoked, by the rank of their response.

    Attributes:
        first: the first rank left; 0 if there is none.
        ranks: a bit for each rank from there on, so that the integer stays small.
        pending: a bit for each pending enqueue left, by invocation.
        ended: how many responses, while a dequeue that finds nothing lasts, have come so far;
            0 if none of these is left.
    """

    first: int
    ranks: int
    pending: int
    ended: int


class LazyQueue(Specification):
    """What is left of the enqueues that were invoked, and which of these have responded.

    Attributes:
        entries: what it is made from, one partition, asked anew for this specification.
    """

    name = FifoQueue.name
    keyed = False
    asking = ("empty",)
    # An invocation takes no choice away, and what began no sooner precedes nothing that did.
    settling = ("begin",)
    first = _Left(0, 0, 0, 0)

    def __init__(self, entries: Sequence[Entry]) -> None:
        enqueues = sorted((each for each in entries if each.f in FifoQueue.puts), key=end)
        dequeues = [each for each in entries if each.f not in FifoQueue.puts]
        responses = [end(each) for each in enqueues]
        self._answered = bisect_left(responses, NEVER)
        self._values = [each.argument for each in enqueues]
        # How many enqueues had responded when one was invoked: one of these left precedes it.
        self._before = [bisect_left(responses, each.invoked) for each in enqueues]
        self._of_value: dict[Any, list[int]] = {}
        # Two masks for each value: by response those that were answered, by invocation those that
        # were not.
        for rank, value in enumerate(self._values):
            masks = self._of_value.setdefault(value, [0, 0])
            late = rank >= self._answered
            masks[late] |= 1 << (rank - self._answered if late else rank)
        made = [instant("begin", rank, each.invoked) for rank, each in enumerate(enqueues)]
        empties = [each for each in dequeues if each.result is None]
        self._gone = [bisect_left(responses, each.invoked) for each in empties]
        made += [
            instant("end", rank, responses[rank])
            for rank in _during(responses, [(each.invoked, end(each)) for each in empties])
        ]
        found = {each.number: at for at, each in enumerate(empties)}
        for each in dequeues:
            at = found.get(each.number)
            f = "dequeue" if at is None else "empty"
            made.append(spread(each, f, at))
        self.entries = sorted(made)

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        """Return what is left after the invocation or response of an enqueue, or a dequeue."""
        if f == "begin":
            return (self._begun(state, argument),)
        if f == "end":
            is_left = state.ranks and state.first <= argument
            return (state._replace(ended=argument + 1) if is_left else state,)
        if f == "empty":
            is_left = state.ranks and state.first < max(state.ended, self._gone[argument])
            return None if is_left else (state,)
        values = [result] if result is not UNANSWERED else self._left(state)
        reached = [after for value in values if (after := self._taken(state, value))]
        return [*reached, state] if result is UNANSWERED and not reached else reached

    def _begun(self, state: _Left, rank: int) -> _Left:
        first, ranks, pending, ended = state
        if rank >= self._answered:
            return _Left(first, ranks, pending | 1 << rank - self._answered, ended)
        if not ranks:
            return _Left(rank, 1, pending, ended)
        # The bits count from the first rank left, so that the same enqueues left are the same
        # state.
        if rank < first:
            return _Left(rank, ranks << first - rank | 1, pending, ended)
        return _Left(first, ranks | 1 << rank - first, pending, ended)

    def _taken(self, state: _Left, value: Any) -> _Left | None:
        """Take out the first to respond of those with the value that none left precedes."""
        first, ranks, pending, ended = state
        answered, unanswered = self._of_value.get(value, (0, 0))
        suitable = answered >> first & ranks
        # From the first to respond on. `first` is the first response of all left: if it is not
        # before this one was invoked, none left precedes it.
        while suitable:
            bit = suitable & -suitable
            if self._before[first + bit.bit_length() - 1] <= first:
                ranks ^= bit
                skip = (ranks & -ranks).bit_length() - 1 if ranks else -first
                first += skip
                ended = ended if first < ended and ranks else 0
                return _Left(first, ranks >> max(skip, 0), pending, ended)
            suitable ^= bit
        # An unanswered one never responds and so is taken last; among these the first invoked is as
        # good as any.
        suitable = unanswered & pending
        while suitable:
            bit = suitable & -suitable
            if not ranks or self._before[self._answered + bit.bit_length() - 1] <= first:
                return _Left(first, ranks, pending ^ bit, ended)
            suitable ^= bit
        return None

    def _left(self, state: _Left) -> list[Any]:
        """Return the values left, each once."""
        found: dict[Any, None] = {}
        for bits, first in ((state.ranks, state.first), (state.pending, self._answered)):
            left = bits
            # Bit by bit from the lowest, so that the order is the same in every run.
            while left:
                bit = left & -left
                found[self._values[first + bit.bit_length() - 1]] = None
                left ^= bit
        return list(found)


def _during(responses: Sequence[int], intervals: Sequence[tuple[int, int]]) -> list[int]:
    """Return which responses came while one of the intervals, given by their begin, lasted."""
    found = []
    at, last = 0, -1
    # Invariant: `last` is the latest end of the intervals that began before this response.
    for place, response in enumerate(responses):
        while at < len(intervals) and intervals[at][0] < response:
            last = max(last, intervals[at][1])
            at += 1
        if response < last and response != NEVER:
            found.append(place)
    return found
