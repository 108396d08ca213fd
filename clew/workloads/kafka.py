"""A log in the way of Kafka: clients send messages to keys and poll them by offset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.checkers.kafka import Kafka
from clew.checkers.verdict import Checker
from clew.workloads.workload import Draw, Malformed, Options, Request, Workload, expect


class KafkaWorkload(Workload):
    """``send{key, msg}``, ``poll{offsets}``, ``commit_offsets`` and ``list_committed_offsets``.

    In the history a send is ``[key, message]``, answered with ``[key, [offset, message]]``; a
    poll is the offsets it asks from, answered with ``{key: [[offset, message], ...]}``. A client
    polls on from where its last poll of a key ended, and commits what it has polled.
    """

    name = "kafka"
    summary = "no message lost, repeated, reordered or skipped; no committed offset forgotten"
    functions = ("send", "poll", "commit_offsets", "list_committed_offsets")
    readonly = frozenset({"poll", "list_committed_offsets"})
    final_reads = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._next: dict[int, dict[str, int]] = {}

    # Messages.

    def request(self, asked: Request) -> dict[str, Any]:
        """The body of each function."""
        if asked.f == "send":
            return {"type": "send", "key": asked.value[0], "msg": asked.value[1]}
        if asked.f == "list_committed_offsets":
            return {"type": "list_committed_offsets", "keys": asked.value}
        return {"type": asked.f, "offsets": asked.value}

    # Client.

    def resolve(self, asked: Request, client: int) -> Request:
        """A poll asks from where the client's last one ended; a commit says how far that is."""
        reached = self._next.setdefault(client, {})
        if asked.f == "poll":
            return Request("poll", {key: reached.get(key, 0) for key in asked.value})
        if asked.f == "commit_offsets":
            return Request(asked.f, {key: offset - 1 for key, offset in sorted(reached.items())})
        return asked

    def result(self, asked: Request, reply: dict[str, Any], client: int) -> Any:
        """What was sent, polled or committed."""
        if asked.f == "send":
            expect(reply, "send_ok", offset=int)
            return [asked.value[0], [reply["offset"], asked.value[1]]]
        if asked.f == "poll":
            expect(reply, "poll_ok", msgs=dict)
            return self._polled(reply["msgs"], client)
        if asked.f == "commit_offsets":
            expect(reply, "commit_offsets_ok")
            return asked.value
        expect(reply, "list_committed_offsets_ok", offsets=dict)
        return reply["offsets"]

    def _polled(self, messages: dict[str, Any], client: int) -> dict[str, Any]:
        for key, pairs in messages.items():
            for pair in pairs if isinstance(pairs, list) else [pairs]:
                if not isinstance(pair, list) or len(pair) != 2 or type(pair[0]) is not int:  # noqa: PLR2004 - a pair
                    raise Malformed(
                        f"expected [offset, message] under {key!r} of a poll_ok, found {pair!r}"
                    )
                self._next[client][key] = pair[0] + 1
        return messages

    # Generator.

    def operation(self, draw: Draw) -> Request:
        """Mostly sends and polls, now and then a commit or a look at what is committed."""
        kind = draw.stream.below(16)
        keys = [str(key) for key in range(self.options.key_count)]
        if kind < 8:  # noqa: PLR2004 - of sixteen
            return Request("send", [draw.stream.pick(keys), draw.unique()])
        if kind < 14:  # noqa: PLR2004
            return Request("poll", keys)
        if kind == 14:  # noqa: PLR2004
            return Request("commit_offsets", {})
        return Request("list_committed_offsets", keys)

    def final(self) -> tuple[Request, ...]:
        """Poll every key from the beginning, and list what is committed where nodes know that."""
        keys = [str(key) for key in range(self.options.key_count)]
        asked = (Request("poll", keys), Request("list_committed_offsets", keys))
        known = self.options.functions
        return tuple(one for one in asked if known is None or one.f in known)

    # Checker.

    def checkers(self) -> Sequence[Checker]:
        """None of the log's anomalies."""
        return [Kafka()]
