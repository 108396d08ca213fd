"""Random priorities with few change points, as an order policy.

Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler with probabilistic guarantees
of finding bugs", ASPLOS 2010: each thread has a random priority, the highest that can run runs, and
at few points, drawn beforehand, the thread that runs falls below all others. A bug that needs few
things to come in a certain order is found with at least a known probability. Ozkan, Majumdar,
Niksic, Befrouei, Weissenbacher, "Randomized testing of distributed systems with probabilistic
guarantees", OOPSLA 2018, carry it over to messages: chains of messages take the place of threads.

Here a chain is a link, and what can run is every message under way. Where this differs from the
papers:

- There is time. Timers, clients and faults keep their instants, and no message comes before its
  latency is over: a message of low priority is held back instead, while one of a higher priority
  is under way, and never longer than the round's bound, which is drawn by magnitude between 1 and
  256 ms.
- There is an end: once everything has healed, messages come in time order again, as after the
  stabilisation time of partial synchrony (Dwork, Lynch, Stockmeyer, JACM 1988). Otherwise a correct
  system whose timeouts suit its network would be reported to make no progress.
- A chain that fell is below timers and clients too: each of its messages is held to the bound.
- A run is long: thousands of messages, of which any few may matter. So it is cut into rounds of
  one virtual second, each with priorities and change points of its own. A round does not depend
  on how long the run is or on what the rounds before it did.
- A chain decomposition of the causal order, as PCTCP computes it, is left out.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import ClassVar, NamedTuple, Self

from clew.sim.entropy import Entropy
from clew.sim.entry import MESSAGE, NUMBER, PRIORITY, TIME, Chain, QueueEntry, link_of

CHANGES_DEFAULT = 3

CHANGES_MAX = 20

ROUND_NS = 1_000_000_000

BOUND_LOW_NS = 1_000_000
BOUND_DOUBLINGS = 8

SCOPE_NS = 256_000_000
"""A message whose latency is longer than this takes no part: it would hold back all others."""

STORM = 4096
"""If this much is pending, nothing is held for others: finding what to release takes too long."""

FALLEN = -1
"""The priority of a chain that fell at a change point; drawn ones are from 0."""

FRESH, COUNTED, SETTLED = MESSAGE, MESSAGE + 1, MESSAGE + 2
"""The kinds of messages: as the network gave it; under way and counted; at its deadline, or not
taking part."""


class PctOrder:
    """Of the messages under way, those of the highest chain first; otherwise time order.

    A message that takes part is COUNTED from `push` until it leaves: the count of its chain says
    that something of that priority is under way. When it is due it may be held: then its deadline,
    a copy that is SETTLED, takes its place in the queue. If it is held for others, it is also in
    `_held`, sorted so that the one to release next is the first, and still counted; if its chain
    fell, it is in the queue alone, and nothing waits for it. Either way it leaves once: when it is
    released, and its deadline is taken from the queue, or at its deadline, and then it is taken
    from `_held`.

    Args:
        entropy: the run's seed; every draw is keyed by its round and its link.
        changes: how many change points a round has.

    Attributes:
        holds: how many times a message was held back.
    """

    forms: ClassVar[tuple[str, ...]] = ("pct", f"pct:D with D from 1 to {CHANGES_MAX}")
    pattern: ClassVar[str] = f"pct|pct:({'|'.join(map(str, range(1, CHANGES_MAX + 1)))})"
    punctual: ClassVar[bool] = False

    def __init__(self, entropy: Entropy, changes: int = CHANGES_DEFAULT) -> None:
        self.pending: list[QueueEntry] = []
        self.holds = 0
        self._entropy = entropy
        self._changes = changes
        self._now: Callable[[], int] = int
        self._under_way: dict[Chain, int] = {}
        self._held: list[_Held] = []
        self._round = -1
        self._bound_ns = 0
        self._change_ns: list[int] = []
        self._priorities: dict[Chain, int] = {}
        self._settled = False

    @classmethod
    def of(cls, argument: str, entropy: Entropy) -> Self:
        """See `OrderPolicy.of`: the argument is how many change points a round has."""
        return cls(entropy, int(argument) if argument else CHANGES_DEFAULT)

    def attach(self, now: Callable[[], int]) -> None:
        """See `OrderPolicy.attach`: how far off a message is decides whether it takes part."""
        self._now = now

    def settle(self) -> None:
        """Let what is sent from now on come in time order."""
        self._settled = True

    def push(self, entry: QueueEntry) -> None:
        """Take an entry; one that `pop` returned may come back."""
        if entry[PRIORITY] == FRESH:
            near = entry[TIME] - self._now() <= SCOPE_NS
            takes_part = near and not self._settled
            entry = (entry[TIME], COUNTED if takes_part else SETTLED, *entry[NUMBER:])
        if entry[PRIORITY] == COUNTED:
            chain = link_of(entry)
            self._under_way[chain] = self._under_way.get(chain, 0) + 1
        heappush(self.pending, entry)

    def pop(self) -> QueueEntry:
        """Remove and return the next entry."""
        if self._held:
            released = self._released()
            if released is not None:
                return released
        # Each turn takes the first entry of the queue, and returns it, or puts its deadline in its
        # place, which is later or, as SETTLED, is returned when it comes: so the loop ends.
        while True:
            entry = heappop(self.pending)
            if entry[PRIORITY] == COUNTED:
                if self._hold(entry):
                    continue
                self._count_off(link_of(entry))
            elif entry[PRIORITY] == SETTLED and self._held:
                self._forget(entry)
            return entry

    def _hold(self, entry: QueueEntry) -> bool:
        """Hold a message back that is due, if its chain must wait."""
        time, chain = entry[TIME], link_of(entry)
        if time // ROUND_NS != self._round:
            self._begin(time // ROUND_NS)
        # The last step of the algorithm of Burckhardt et al.: who runs when a change point is
        # reached gets a priority below all initial ones. Here it is the chain whose message is the
        # first to be due after the point. In the paper they are lowered to different priorities,
        # the i-th point to i; here all that fell are equal, and each of their messages waits for
        # the bound. So two points that have passed may make one chain fall.
        while self._change_ns and time >= self._change_ns[0]:
            del self._change_ns[0]
            self._priorities[chain] = FALLEN
        priority = self._priority(chain)
        deadline = (time + self._bound_ns, SETTLED, *entry[NUMBER:])
        if priority == FALLEN:
            self._count_off(chain)
        elif len(self.pending) < STORM and self._is_below(priority):
            insort(self._held, _Held(-priority, entry[NUMBER], entry, deadline))
        else:
            return False
        self.holds += 1
        heappush(self.pending, deadline)
        return True

    def _released(self) -> QueueEntry | None:
        """Return the highest message that is held for others, if it need no longer wait."""
        # `_held` is sorted: if its first has to wait, those behind it have to as well, because what
        # the first waits for is above all of them.
        held = self._held[0]
        # If the world stopped before the message was due, something may come before it now.
        if self.pending[0][TIME] < held.entry[TIME] or self._is_below(-held.below):
            return None
        del self._held[0]
        self.pending.remove(held.deadline)
        heapify(self.pending)
        self._count_off(link_of(held.entry))
        return held.entry

    def _forget(self, entry: QueueEntry) -> None:
        """Handle a message whose deadline has come; it is no longer held for others."""
        # A chain that fell is in the queue alone, so that none need be found.
        for rank, held in enumerate(self._held):
            if held.number == entry[NUMBER]:
                del self._held[rank]
                self._count_off(link_of(entry))
                return

    def _is_below(self, priority: int) -> bool:
        """Return whether a message of a higher priority is under way."""
        # Of what can run the highest is run (Burckhardt et al.). What can run is under way, each
        # chain counted once.
        return any(self._priority(chain) > priority for chain in self._under_way)

    def _count_off(self, chain: Chain) -> None:
        left = self._under_way[chain] - 1
        if left:
            self._under_way[chain] = left
        else:
            del self._under_way[chain]

    def _begin(self, number: int) -> None:
        """Draw a round: a bound, change points, and new priorities when they are needed.

        No chain keeps a priority, and none stays fallen: each round is a separate run of the
        papers' scheduler, and its chance of finding a bug does not depend on those before it.
        """
        stream = self._entropy.stream("schedule", number)
        self._round = number
        self._bound_ns = BOUND_LOW_NS << stream.below(BOUND_DOUBLINGS + 1)
        begin_ns = number * ROUND_NS
        # The papers draw change points evenly among the steps of a run, whose number they have to
        # know; here they are drawn evenly among the instants of the round.
        self._change_ns = sorted(begin_ns + stream.below(ROUND_NS) for _ in range(self._changes))
        self._priorities = {}

    def _priority(self, chain: Chain) -> int:
        """Return a chain's priority in this round."""
        found = self._priorities.get(chain)
        if found is None:
            key = ("schedule", self._round, *chain.ends)
            found = self._priorities[chain] = self._entropy.state(*key)
        return found


class _Held(NamedTuple):
    """A message that waits for those of higher priority; in the order of release.

    Attributes:
        below: its priority when it was held, negated.
        number: of its entry.
        entry: as it will be if it is released.
        deadline: as it stands among the pending ones.
    """

    below: int
    number: int
    entry: QueueEntry
    deadline: QueueEntry
