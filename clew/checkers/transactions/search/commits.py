"""Whether some order of commits explains a history under read atomic or causal consistency.

If it is certain who wrote what was read, these models need no search. A transaction that read a
version must not see another's write of that key that was made later; so what it does see was made
before. "Sees" is what it read from (read atomic) or all that precedes it through reads (causal),
with the session's order in the variants that have it. All such pairs, the reads, the sessions and
what is known of the versions' order together are acyclic exactly if some order of commits
satisfies the model.

Source: Biswas and Enea, "On the complexity of checking transactional consistency", OOPSLA 2019,
figure 2 (axioms Read Atomic and Causal Consistency) and theorem 3.3 (saturation).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from clew.checkers.order_graph import components, shortest_walk
from clew.checkers.transactions.extraction import sessions
from clew.checkers.transactions.graph import DependencyGraph
from clew.checkers.transactions.version_orders.register_key import INITIAL, RegisterKey
from clew.checkers.transactions.visibility import Causes
from clew.checkers.transactions.words import Link, tell_links
from clew.checkers.verdict import Anomaly, Budget


class _Sight(NamedTuple):
    """What a transaction sees of others.

    Attributes:
        kind: the anomaly if no order explains that.
        transitive: True if it sees what those saw that it sees.
        sessions: True if it sees what came before it in its session.
    """

    kind: str
    transitive: bool
    sessions: bool


_SIGHTS: dict[str, _Sight] = {
    "strong-session-read-atomic": _Sight("fractured-read", transitive=False, sessions=True),
    "causal": _Sight("causality-violation", transitive=True, sessions=True),
    "read-atomic": _Sight("fractured-read", transitive=False, sessions=False),
    "causal-cerone": _Sight("causality-violation", transitive=True, sessions=False),
}

WITHOUT_SEARCH = tuple(_SIGHTS)
"""The models that are decided here; the first that falls is the one to report."""


class _Why(NamedTuple):
    """Why one commit comes before another.

    Attributes:
        kind: ``wr``, ``process``, ``ww``, or ``seen``: somebody read the second's version of a key
            and sees the first's.
        key: the index of the key; -1 if it is about none.
        reader: who that was.
    """

    kind: str
    key: int = -1
    reader: int = -1


class _Read(NamedTuple):
    """A committed transaction that read a version of the key with this index."""

    reader: int
    key: int
    version: int


class CommitOrders:
    """Decides models for one history.

    Args:
        graph: the history's operations.
        records: every key that was read or written, with what is known of its versions' order.
        committed: 1 for each operation that is known to have committed.
    """

    def __init__(
        self, graph: DependencyGraph, records: Sequence[RegisterKey], committed: Sequence[int]
    ) -> None:
        self.operations = graph.operations
        self.records = records
        self.session = sessions(graph.operations)
        self.nodes = [node for node, sure in enumerate(committed) if sure]
        self.reads: list[_Read] = []
        self.read_from: dict[int, dict[int, int]] = {}  # reader, writer: a key
        self.read: dict[int, list[_Read]] = {}
        self.written: dict[int, dict[int, None]] = {}
        # One pass over all keys gives both views: who read a version, and what each transaction
        # read, from whom, and wrote.
        for key, record in enumerate(records):
            for version, readers in record.readers.items():
                for reader in readers:
                    one = _Read(reader, key, version)
                    self.reads.append(one)
                    self.read.setdefault(reader, []).append(one)
                    if version != INITIAL:
                        self.read_from.setdefault(reader, {}).setdefault(version, key)
            for writer in record.final:
                self.written.setdefault(writer, {})[key] = None

    def violation(self, model: str, budget: Budget) -> Anomaly | None:
        """Explain why no order of commits satisfies the model; None if one does.

        O(reads * keys of a transaction) for read atomic, O(edges * n / 64) for causal models.
        """
        sight = _SIGHTS[model]
        causes = Causes(self.nodes, self.read_from, self.session if sight.sessions else None)
        before = self._certain(causes)
        hidden = self._hidden(causes, budget) if sight.transitive else self._direct(causes, budget)
        # Seen and not read: its commit comes before that of the version read (figure 2). Before the
        # initial version none can.
        for read, writer in hidden:
            if read.version == INITIAL:
                return self._told(sight.kind, self._unseen(causes, read, writer), causes)
            before[writer].setdefault(read.version, _Why("seen", read.key, read.reader))
        circle = _circle(before, budget)
        return self._told(sight.kind, circle, causes) if circle else None

    def _certain(self, causes: Causes) -> dict[int, dict[int, _Why]]:
        """Return for each commit those that come after it whatever the model: not closed."""
        before: dict[int, dict[int, _Why]] = {node: {} for node in self.nodes}
        for node, sources in causes.sources.items():
            for source in sources:
                before[source][node] = self._step(source, node)
        # The initial version is no transaction's, and comes before all of them anyway.
        for key, record in enumerate(self.records):
            for version, laters in record.after.items():
                for later in laters if version != INITIAL else ():
                    before[version].setdefault(later, _Why("ww", key))
        return before

    def _step(self, source: int, node: int) -> _Why:
        key = self.read_from.get(node, {}).get(source)
        return _Why("process") if key is None else _Why("wr", key)

    # Which writes are hidden behind a version that was read, though they are seen.

    def _direct(self, causes: Causes, budget: Budget) -> Iterator[tuple[_Read, int]]:
        """Yield what it read from, and for each key who wrote it last in its session."""
        latest: dict[tuple[int, int], int] = {}  # session and key
        # Nodes go by invocation. Invariant: `latest` has for each session and key the last writer
        # before this node.
        for count, node in enumerate(self.nodes):
            if count % Budget.STEP == 0:
                budget.spend(Budget.STEP)
            reads = self.read.get(node, [])
            for source in self.read_from.get(node, ()):
                # The reader saw `source` and read another version of a key that `source` wrote too,
                # so `source` committed before that version (axiom Read Atomic).
                for read in reads:
                    if read.key in self.written[source] and read.version != source:
                        yield read, source
            yield from self._of_session(causes, latest, node, reads)

    def _of_session(
        self,
        causes: Causes,
        latest: dict[tuple[int, int], int],
        node: int,
        reads: Sequence[_Read],
    ) -> Iterator[tuple[_Read, int]]:
        if causes.session is None:
            return
        session = causes.session[node]
        for read in reads:
            writer = latest.get((session, read.key), read.version)
            if writer != read.version:
                yield read, writer
        # After its reads: a transaction does not see its own version from outside.
        for key in self.written.get(node, ()):
            latest[session, key] = node

    def _hidden(self, causes: Causes, budget: Budget) -> Iterator[tuple[_Read, int]]:
        """Yield every writer that precedes what was read, the latest ones alone.

        Those that precede the version that was read, or another of these, come before it anyway.
        """
        order = causes.in_order()
        for block in causes.closed(order, budget):
            members, bits, masks = block.members, block.bits, block.masks
            of_key = [
                sum(bits[writer] for writer in record.final if writer in bits)
                for record in self.records
            ]
            # Axiom Causal (figure 2): whoever wrote the key and precedes the reader commits before
            # the version that was read.
            for read in self.reads:
                left = masks.get(read.reader, 0) & of_key[read.key]
                if left and read.version != INITIAL:
                    left &= ~(masks.get(read.version, 0) | bits.get(read.version, 0))
                # Causes come first among the members, so the last precedes none of the others, and
                # those that precede it are before it in any case.
                while left:
                    writer = members[left.bit_length() - 1]
                    yield read, writer
                    left &= ~(masks.get(writer, 0) | bits[writer])

    # Why.

    def _unseen(self, causes: Causes, read: _Read, writer: int) -> list[tuple[int, int, _Why]]:
        """Return the circle of a transaction that read a key as unwritten and sees its write."""
        steps = self._chain(causes, writer, read.reader)
        return [*steps, (read.reader, writer, _Why("rw", read.key))]

    def _chain(self, causes: Causes, first: int, last: int) -> list[tuple[int, int, _Why]]:
        """Explain why a transaction sees another, step by step."""
        direct = self._step(first, last)
        if direct.kind == "wr" or causes.in_session(first, last):
            return [(first, last, direct)]
        return [(a, b, self._step(a, b)) for a, b in pairwise(causes.chain(first, last))]

    def _told(self, kind: str, circle: Sequence[tuple[int, int, _Why]], causes: Causes) -> Anomaly:
        links = [self._link(causes, *edge) for edge in circle]
        used = [step for link in links for step in (link, *link.chain)]
        suffix = "-process" if any(step.kind == "process" for step in used) else ""
        return tell_links(kind + suffix, links, self.operations)

    def _link(self, causes: Causes, source: int, target: int, why: _Why) -> Link:
        if why.kind == "process":
            return Link(source, target, "process")
        record = self.records[why.key]
        first, second = (
            record.raw(record.final[node]) if node in record.final else None
            for node in (source, target)
        )
        match why.kind:
            case "wr":
                return Link(source, target, "wr", record.key, first, first)
            case "rw":
                return Link(source, target, "rw", record.key, record.initial, second)
            case "ww":
                because = record.after[source][target]
                return Link(source, target, "ww", record.key, first, second, because=because)
        steps = self._chain(causes, source, why.reader)
        chain = tuple(self._link(causes, *step) for step in steps)
        return Link(source, target, "ww", record.key, first, second, why.reader, chain=chain)


def _circle(before: dict[int, dict[int, _Why]], budget: Budget) -> list[tuple[int, int, _Why]]:
    """Find a short circle, the shortest if the work allows; empty if there is none."""
    nodes = [*before]
    place = {node: index for index, node in enumerate(nodes)}
    successors = [[place[later] for later in laters] for laters in before.values()]
    parts = components(successors)
    best: list[int] = []
    most = -1
    work = 0
    # Invariant: `best` is a shortest circle through the nodes that were tried, its first node at
    # both ends; another one is better with at most ``most`` steps.
    for part in sorted(parts, key=len):
        members = frozenset(part)
        inside = {node: [each for each in successors[node] if each in members] for node in part}
        for start in part:
            if best and (len(best) == _SHORTEST + 1 or work > _WORK_MAX):
                break
            budget.spend(len(part))
            work += len(part)
            found = shortest_walk(start, start, inside.__getitem__, most)
            best, most = (found, len(found) - 2) if found else (best, most)
    ring = [nodes[index] for index in best]
    return [(a, b, before[a][b]) for a, b in pairwise(ring)]


_SHORTEST = 2
_WORK_MAX = 2_000_000
