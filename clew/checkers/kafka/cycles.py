"""Cycles of transactions that polled each other's messages: G1c.

Whoever polls a message must come after its sender. Pollers see only what was committed, whatever
becomes of the transaction that they are in, so a cycle of such edges contradicts it; so does one
that is closed by real time, ``G1c-realtime``: what was committed before a poll was committed
before all that began after the poll.

Left out: the order of writes (G0). Transactions interleave in a log, so that cycles with the order
of its offsets are normal.

Source: Adya, 1999; the Kafka workload of Jepsen, which counts cycles of write-read edges alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from clew.checkers.kafka.logs import Logs, end_of
from clew.checkers.kafka.steps import Send
from clew.checkers.order_graph import OrderGraph
from clew.checkers.values import key_of, shown
from clew.checkers.verdict import Anomaly
from clew.history import Operation


class _Polled(NamedTuple):
    """Why one operation comes before another: that one polled what it sent. None is real time."""

    send: Send


_Edge = tuple[int, int, _Polled | None]


def cycles(logs: Logs) -> list[Anomaly]:
    """List an anomaly per group of circular transactions; O(n log n), if any sends and polls."""
    senders = {send.operation.number for send in logs.sends}
    if not any(poll.operation.number in senders for poll in logs.polls):
        return []  # no cycle: a single send or poll only begins or ends a chain
    numbered = {send.operation.number: send.operation for send in logs.sends}
    numbered |= {poll.operation.number: poll.operation for poll in logs.polls}
    operations = list(numbered.values())
    operations.sort(key=lambda one: one.number)
    graph = _polled(logs, operations)
    found = list(graph.contradictions())
    if not found:
        _add_real_time(graph, operations)
        found = list(graph.contradictions())
    return [_told(edges, operations) for edges in found]


def _polled(logs: Logs, operations: Sequence[Operation]) -> OrderGraph[_Polled | None]:
    """Make the graph of who polled whose message, known if exactly one send of it is live."""
    place = {one.number: at for at, one in enumerate(operations)}
    graph = OrderGraph[_Polled | None](len(operations))
    for poll in logs.polls:
        reader = poll.operation
        for _, message in poll.messages:
            sends = logs.attempts.get((poll.key, key_of(message)), ())
            live = [send for send in sends if send.operation.type != "fail"]
            # Sent twice, or by nobody: whose message this is stays open, and an edge would be a
            # guess.
            if len(live) != 1:
                continue
            writer = live[0].operation
            if writer is not reader and writer.invoked < end_of(reader):
                graph.add(place[writer.number], place[reader.number], _Polled(live[0]))
    return graph


def _add_real_time(graph: OrderGraph[_Polled | None], operations: Sequence[Operation]) -> None:
    """Put what was over before what began after; one more node for each that was over."""
    over = [at for at, one in enumerate(operations) if one.type != "info"]
    over.sort(key=lambda at: end_of(operations[at]))
    last = None  # it comes after all operations of `over` that were passed
    passed = 0
    # Invariant: `last` comes after all that were over before this operation began, by a chain.
    for at, one in enumerate(operations):
        while passed < len(over) and end_of(operations[over[passed]]) < one.invoked:
            node = graph.node()
            graph.add(over[passed], node, None)
            if last is not None:
                graph.add(last, node, None)
            last = node
            passed += 1
        if last is not None:
            graph.add(last, at, None)


def _told(edges: Sequence[_Edge], operations: Sequence[Operation]) -> Anomaly:
    real = len(operations)
    timely = any(why is None for _, _, why in edges)
    chain = list(_sentences(edges, operations))
    reason = f"Transactions polled each other's messages in a circle: {'; '.join(chain)}."
    inside = [operations[first] for first, _, _ in edges if first < real]
    told = list({one.number: one for one in inside}.values())
    keys = sorted({why.send.key for _, _, why in edges if why is not None})
    data = {"key": keys[0], "keys": keys, "operations": [one.number for one in told]}
    return Anomaly("G1c-realtime" if timely else "G1c", reason, tuple(told), data)


def _sentences(edges: Sequence[_Edge], operations: Sequence[Operation]) -> Iterable[str]:
    """Yield one clause for each edge; a passage of time over several nodes is one."""
    real = len(operations)
    before = 0
    # Invariant: `before` is the last operation that the cycle passed; nodes of real time lie
    # between.
    for first, second, why in edges:
        if first < real:
            before = operations[first].number
        if second >= real:
            continue
        after = operations[second].number
        if why is None:
            yield f"operation {before} was over before operation {after} began"
        else:
            message = f"{shown(why.send.message)} to key {why.send.key}"
            yield f"operation {before} sent {message}, which operation {after} polled"
