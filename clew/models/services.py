"""Services that a node may call: key-value stores of three strengths, and a timestamp oracle.

A service answers to its name (``lin-kv``, ``seq-kv``, ``lww-kv``, ``lin-tso``) like a node, but it
does not crash and a partition does not cut it off. Each is as weak as it may be: what it does not
promise it does not do, so that a node that relies on more is found out.

- ``lin-kv``: linearizable (Herlihy, Wing, 1990): one map.
- ``seq-kv``: sequentially consistent (Lamport, 1979): all see the same history of writes, each from
  a point that only moves forward. A reader may be arbitrarily far behind, but never goes back,
  and nobody writes on top of a past.
- ``lww-kv``: eventually consistent: replicas that gossip, and of two writes the one with the later
  Lamport timestamp stays. A compare-and-set sees its own replica only: two may both succeed.
- ``lin-tso``: the integers from 0, each given once, in order.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import Any

from clew.machine.text import DIGITS_MAX
from clew.node.message import Message, has_long_integer
from clew.node.node import Node, RPCError, on

MISSING = object()
"""What `KeyValue.get` returns for a key that does not exist; no JSON value."""


def field(msg: Message, name: str) -> Any:
    """Return a field of a request; error 12 if it is missing, or JSON text can't hold it."""
    if name not in msg.body:
        raise RPCError(12, f"a {msg.type} needs {name!r}")
    value = msg.body[name]
    if has_long_integer(value):
        raise RPCError(12, f"{name!r} holds an integer of more than {DIGITS_MAX:,} digits")
    return value


class KeyValue(Node):
    """The calls that all three stores answer."""

    @on("read")
    def read(self, msg: Message) -> None:
        """Answer with a key's value; error 20 if it has none."""
        key = json.dumps(field(msg, "key"))
        value = self.look(msg.src, key)
        if value is MISSING:
            raise RPCError(20, f"no key {key}")
        self.reply(msg, {"type": "read_ok", "value": value})

    @on("write")
    def write(self, msg: Message) -> None:
        """Set a key's value."""
        self.catch_up(msg.src)
        self.put(msg.src, json.dumps(field(msg, "key")), field(msg, "value"))
        self.reply(msg, {"type": "write_ok"})

    @on("cas")
    def cas(self, msg: Message) -> None:
        """Set a key's value to ``to`` if it is ``from``; error 22 if it is not.

        Error 20 if there is no such key, unless ``create_if_not_exists`` is true.
        """
        self.catch_up(msg.src)
        key, expected = json.dumps(field(msg, "key")), field(msg, "from")
        replacement = field(msg, "to")
        value = self.get(msg.src, key)
        if value is MISSING:
            if not msg.body.get("create_if_not_exists"):
                raise RPCError(20, f"no key {key}")
        elif value != expected:
            raise RPCError(22, f"{key} is {json.dumps(value)}, not {json.dumps(expected)}")
        self.put(msg.src, key, replacement)
        self.reply(msg, {"type": "cas_ok"})

    def catch_up(self, client: str) -> None:
        """Move a client's view to where it may write."""

    def look(self, client: str, key: str) -> Any:
        """Return what a read by a client sees."""
        return self.get(client, key)

    def get(self, client: str, key: str) -> Any:
        """Return a key's value in a client's present view, or `MISSING`."""
        raise NotImplementedError

    def put(self, client: str, key: str, value: Any) -> None:
        """Set a key's value in a client's present view."""
        raise NotImplementedError


class LinKV(KeyValue):
    """A linearizable store: a map, and one request at a time."""

    def start(self) -> None:
        """Begin empty."""
        self.values: dict[str, Any] = {}

    def get(self, client: str, key: str) -> Any:  # noqa: ARG002 - all clients see the same
        """Return the value."""
        return self.values.get(key, MISSING)

    def put(self, client: str, key: str, value: Any) -> None:  # noqa: ARG002
        """Replace the value."""
        self.values[key] = value


class SeqKV(KeyValue):
    """A sequentially consistent store that shows each reader as old a state as it may.

    All writes stand in one order. Place every operation at the point of that order that its
    client had reached; then each read sees the last write before it, and each client's
    operations are in its own order, because its point only moves forward. That is the definition.

    Attributes:
        writes: how many there were; also the point that the newest of them made.
        points: by client, how many of the writes it sees.
        history: by key, the points at which it was written and the values, both in order.
    """

    def start(self) -> None:
        """Begin empty."""
        self.writes = 0
        self.points: dict[str, int] = {}
        self.history: dict[str, tuple[list[int], list[Any]]] = {}

    def catch_up(self, client: str) -> None:
        """Show a writer everything: no write may come between what it saw and its own."""
        self.points[client] = self.writes

    def look(self, client: str, key: str) -> Any:
        """Move forward to some point between the client's own and the end, and read there."""
        seen = self.points.get(client, 0)
        self.points[client] = self.rng.randrange(seen, self.writes + 1)
        return self.get(client, key)

    def get(self, client: str, key: str) -> Any:
        """Return the value that the last write up to the client's point left."""
        points, values = self.history.get(key, ([], []))
        rank = bisect_right(points, self.points[client])
        return values[rank - 1] if rank else MISSING

    def put(self, client: str, key: str, value: Any) -> None:
        """Add a write to the order; its writer sees it."""
        self.writes += 1
        self.points[client] = self.writes
        points, values = self.history.setdefault(key, ([], []))
        points.append(self.writes)
        values.append(value)


class LwwKV(KeyValue):
    """Replicas that answer on their own and gossip; of two writes the later timestamp stays.

    Timestamps are Lamport's: a replica that has not heard of a write may date a later one before
    it, and the earlier write wins. That is what "last" means in such a store.

    Attributes:
        replicas: maps from key to ``(counter, replica, value)``.
        counters: each replica's Lamport clock.
        chosen: the replica that answers the present request.
    """

    REPLICAS = 3
    GOSSIP_SECONDS = 0.1

    def start(self) -> None:
        """Begin empty, and gossip."""
        self.replicas: list[dict[str, tuple[int, int, Any]]] = [{} for _ in range(self.REPLICAS)]
        self.counters = [0] * self.REPLICAS
        self.chosen = 0
        self.every(self.GOSSIP_SECONDS, self.gossip)

    def gossip(self) -> None:
        """Join one replica's state into another's."""
        source = self.rng.randrange(self.REPLICAS)
        target = (source + self.rng.randrange(1, self.REPLICAS)) % self.REPLICAS
        ours = self.replicas[target]
        # Counters and then replicas are compared: a total order of all writes, which every replica
        # has in common.
        for key, theirs in self.replicas[source].items():
            if key not in ours or ours[key][:2] < theirs[:2]:
                ours[key] = theirs
        self.counters[target] = max(self.counters[target], self.counters[source])

    def catch_up(self, client: str) -> None:  # noqa: ARG002 - a client has no home
        """Let any replica answer."""
        self.chosen = self.rng.randrange(self.REPLICAS)

    def look(self, client: str, key: str) -> Any:
        """Return what any replica has."""
        self.catch_up(client)
        return self.get(client, key)

    def get(self, client: str, key: str) -> Any:  # noqa: ARG002
        """Return what the chosen replica has."""
        return self.replicas[self.chosen].get(key, (0, 0, MISSING))[2]

    def put(self, client: str, key: str, value: Any) -> None:  # noqa: ARG002
        """Write at the chosen replica, later than all it has heard of."""
        self.counters[self.chosen] += 1
        self.replicas[self.chosen][key] = (self.counters[self.chosen], self.chosen, value)


class LinTSO(Node):
    """A timestamp oracle: 0, 1, 2, ..."""

    def start(self) -> None:
        """Begin at 0."""
        self.next = 0

    @on("ts")
    def ts(self, msg: Message) -> None:
        """Give the next timestamp."""
        self.reply(msg, {"type": "ts_ok", "ts": self.next})
        self.next += 1


SERVICES: dict[str, type[Node]] = {
    "lin-kv": LinKV,
    "seq-kv": SeqKV,
    "lww-kv": LwwKV,
    "lin-tso": LinTSO,
}
