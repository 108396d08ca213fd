"""Messages that lead to messages without end, such as acknowledgements that are acknowledged.

Such a loop need not grow at one instant, as a storm does: it may go on for the whole run beside the
clients' operations, each of which may add another. When a run sends far more messages than its time
and nodes account for, `LoopWatch` therefore follows the trace for a while. The depth of a message
is one more than that of the message that its sender received last; a timer or a client's request
begins again at depth 1. A loop is reported if most messages are deeper than any chain that ends,
few operations account for many of them, and they are too many at once or too fast.

A token that goes round, or a leader that sends again at each answer, is a loop as well, but its
messages stay few, so it is allowed. A run pays nothing per message until it has sent far more than
most runs do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from clew.node.node import Node, handlers_of

if TYPE_CHECKING:
    from clew.sim.network import Network
    from clew.trace.record import Record

FREE = 20_000
"""A run that has sent at most this many messages is not looked at."""

PER_PAIR = 20
"""Messages per pair of nodes and virtual second that are allowed on top, before a look."""

PER_OPERATION = 4
"""Messages per pair of nodes that one operation may account for."""

WINDOW = 20_000
"""The least number of messages in a look that finds a loop."""

PROBE = 4_000
"""Messages after which a look may end because they are shallow, as those of most nodes are."""

WINDOW_MAX = 2_000_000
"""Messages after which a look ends without a result."""

RATE = 30_000
"""Messages per node and virtual second that no correct cluster exceeds."""

UNDER_WAY = 100
"""More deep messages under way at once than this, and than four per pair of nodes, are too many."""

SHALLOW = 15
"""A mean depth below this, after a time in which a loop would have exceeded it, is no loop."""

PATH = 12
"""The last messages of a chain that are remembered, to look for the cycle in."""


class Loop(NamedTuple):
    """A loop of messages.

    Attributes:
        types: the types of messages of which each leads to the next, and the last to the first.
        messages: how many messages were sent during the look.
        operations: how many operations clients began during the look.
        seconds: how long the look took, in virtual time.
        under_way: how many messages of the loop are under way at its end.
    """

    types: tuple[str, ...]
    messages: int
    operations: int
    seconds: float
    under_way: int


class _Hop(NamedTuple):
    depth: int
    path: tuple[str, ...]


_FIRST = _Hop(0, ())


class LoopWatch:
    """Decides when to follow the trace, and what it shows.

    Args:
        network: the network that carries the messages.
        nodes: how many nodes there are.
        tap: sets the function that receives each batch of the trace's records; None removes it.
    """

    def __init__(
        self,
        network: Network,
        nodes: int,
        tap: Callable[[Callable[[Sequence[Record | int]], None] | None], None],
    ) -> None:
        self._network = network
        self._pairs = nodes * nodes
        self._nodes = nodes
        self._tap = tap
        self._next = FREE
        self._look: _Look | None = None

    def check(self, now: int) -> Loop | None:
        """Return the loop once one is certain; called after each batch of records, `now` in ns."""
        look = self._look
        if look is None:
            sent = self._network.messages
            if sent > self._next + PER_PAIR * self._pairs * now // 1_000_000_000:
                self._look = _Look(self._network, 4 * self._nodes + 30, now)
                self._tap(self._look.take)
            return None
        if look.sent < PROBE or look.sent < PER_PAIR * len(look.hops):
            return None
        # Under way are the messages in `hops`: those that arrived or were lost have left it.
        deep = [hop for hop in look.hops.values() if hop.depth >= look.deep]
        seconds = (now - look.since) / 1_000_000_000
        many = len(deep) > max(UNDER_WAY, 4 * self._pairs)
        fast = look.sent > RATE * self._nodes * max(seconds, 1e-9)
        # Settled: the messages under way are shallow, or deep but few and slow. Following them all
        # the time would double the cost of each, so the next look begins when twice as many
        # messages have been sent.
        shallow = look.recent < SHALLOW and look.sent > 2 * PER_PAIR * len(look.hops)
        settled = shallow or (2 * len(deep) > len(look.hops) and not many and not fast)
        found = None
        if not settled and look.sent >= WINDOW and (many or fast):
            found = self._judged(look, deep, seconds)
        if found is not None or settled or look.sent > WINDOW_MAX:
            self._tap(None)
            self._look = None
            self._next = 2 * self._network.messages
        return found

    def _judged(self, look: _Look, deep: Sequence[_Hop], seconds: float) -> Loop | None:
        """Return the loop if most messages are deep and few operations cause them; else None."""
        if 2 * len(deep) <= len(look.hops):
            return None
        if look.sent <= PER_OPERATION * self._pairs * look.operations:
            return None
        types = cycle_of(max(deep).path)
        return Loop(types, look.sent, look.operations, seconds, len(deep))


class _Look:
    """A trace followed for a while.

    Attributes:
        deep: the depth from which a message belongs to a chain that does not end.
        since: the virtual time of the beginning, in ns.
        sent: how many messages have been sent since.
        operations: how many operations have begun since.
        recent: the mean depth of the messages in the last batch.
        hops: the depth and chain of each message under way that was sent since, by its number.
    """

    def __init__(self, network: Network, deep: int, now: int) -> None:
        self._network = network
        self._ends = [(link.src.id, link.dest.id) for link in network.links()]
        self._last: dict[str, _Hop] = {}
        self._dest: dict[int, str] = {}
        self.deep = deep
        self.since = now
        self.sent = 0
        self.operations = 0
        self.recent = 0.0
        self.hops: dict[int, _Hop] = {}

    def take(self, batch: Sequence[Record | int]) -> None:
        """Follow a batch of records."""
        depths = count = 0
        # Invariant: `_last` has for each place the message that it received last, with its depth; a
        # timer or a start has put it back to the beginning.
        for record in batch:
            if isinstance(record, int):
                self._arrived(record)
            elif isinstance(record[1], int):
                depths += self._sent(record[2], record[3], record[4])
                count += 1
            elif record[1] == "deliver":
                self._arrived(record[2])
            elif record[1] == "drop":
                self._gone(record[2])
            elif record[1] == "duplicate" and record[2] in self.hops:
                self.hops[record[3]] = self.hops[record[2]]
                self._dest[record[3]] = self._dest[record[2]]
            elif record[1] in {"timer", "start"}:
                self._last[record[2]] = _FIRST
            elif record[1] == "invoke":
                self.operations += 1
        if count:
            self.recent = depths / count

    def _sent(self, number: int, link: int, body: Mapping[str, Any]) -> int:
        if link >= len(self._ends):
            self._ends = [(each.src.id, each.dest.id) for each in self._network.links()]
        src, dest = self._ends[link]
        cause = self._last.get(src, _FIRST)
        hop = _Hop(cause.depth + 1, (*cause.path[1 - PATH :], str(body["type"])))
        self.hops[number], self._dest[number] = hop, dest
        self.sent += 1
        return hop.depth

    def _arrived(self, number: int) -> None:
        dest = self._dest.get(number)
        hop = self._gone(number)
        if dest is not None and hop is not None:
            self._last[dest] = hop

    def _gone(self, number: int) -> _Hop | None:
        self._dest.pop(number, None)
        return self.hops.pop(number, None)


def cycle_of(path: Sequence[str]) -> tuple[str, ...]:
    """Return the shortest sequence that the end of a path repeats, from its least type on."""
    # The shortest first, so that "a b a b" is the cycle "a b".
    for length in range(1, len(path) // 2 + 1):
        if path[-length:] == path[-2 * length : -length]:
            turned = deque(path[-length:])
            turned.rotate(-turned.index(min(turned)))
            return tuple(turned)
    return tuple(dict.fromkeys(path))


def handled(types: Sequence[str], classes: Sequence[type[Node]]) -> tuple[str, str]:
    """Put a cycle in words, each type with its handler; with ``file:line`` of the first handler."""
    told, place = with_handlers(types, classes)
    return " -> ".join([*told, types[0]]), place


def with_handlers(types: Sequence[str], classes: Sequence[type[Node]]) -> tuple[list[str], str]:
    """Put types in words, each with its handler in one of the classes; with the first's place."""
    handlers = [(each, handlers_of(each)) for each in classes]
    told, places = [], []
    # A type is handled in the first class that knows it.
    for name in types:
        fitting = ((each, known[name]) for each, known in handlers if name in known)
        node_class, handler = next(fitting, (classes[0], ""))
        code = getattr(getattr(node_class, handler, None), "__code__", None) if handler else None
        told.append(f"{name} ({node_class.__name__}.{handler})" if handler else name)
        places += [f"{code.co_filename}:{code.co_firstlineno}"] if code is not None else []
    return told, places[0] if places else ""


def in_words(loop: Loop, classes: Sequence[type[Node]]) -> tuple[str, str]:
    """Return the reason of a finding, and ``file:line`` of the first handler, or an empty text."""
    cycle, place = handled(loop.types, classes)
    asked = f"{loop.operations} operation{'' if loop.operations == 1 else 's'}"
    reason = (
        f"messages lead to messages without end: {cycle}; "
        f"{loop.messages:,} of them in {loop.seconds:.3g} s beside {asked}, and "
        f"{loop.under_way:,} under way; is an answer answered?"
    )
    return reason, place
