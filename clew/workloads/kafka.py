"""A log like Kafka's: clients send messages to keys and poll them by offset."""

from __future__ import annotations

from typing import Any

from clew.machine.text import shown
from clew.workloads.operation import operation
from clew.workloads.options import KeyCount
from clew.workloads.shapes import Scalar
from clew.workloads.workload import Check, Draw, Malformed, Request, Workload


class KafkaWorkload(Workload):
    """``send{key, msg}``, ``poll{offsets}``, ``commit_offsets`` and ``list_committed_offsets``.

    In the history a send is ``[key, message]``, answered with ``[key, [offset, message]]``; a poll
    is the offsets to poll from, answered with ``{key: [[offset, message], ...]}``. A client polls
    on from where its last poll of a key ended, and commits what it has polled.
    """

    name = "kafka"
    summary = "no message lost, repeated, reordered or skipped; no committed offset forgotten"
    checks = (Check("kafka", "the log, or a poll of it, broke a promise"),)
    final_reads = True
    key_count: KeyCount = 4

    @operation(
        request={"key": str, "msg": Scalar},
        reply={"offset": int},
        value=("key", "msg"),
        result=("key", ("offset", "msg")),
        repeatable=False,
        weight=8,
    )
    def send(self, draw: Draw) -> list[Any]:
        """Draw a key, and a message that no other operation sends."""
        return [draw.stream.pick(self._keys()), draw.unique()]

    @operation(
        request={"offsets": dict}, reply={"msgs": dict}, planned=list[str], readonly=True, weight=6
    )
    def poll(self, draw: Draw) -> list[str]:
        """Draw every key; the client fills in from where."""
        del draw
        return self._keys()

    @operation(request={"offsets": dict}, planned=dict[str, int])
    def commit_offsets(self, draw: Draw) -> dict[str, int]:
        """Draw nothing yet: a client commits as far as it has polled."""
        del draw
        return {}

    @operation(request={"keys": list[str]}, reply={"offsets": dict}, readonly=True)
    def list_committed_offsets(self, draw: Draw) -> list[str]:
        """Return every key."""
        del draw
        return self._keys()

    def _keys(self) -> list[str]:
        return [str(key) for key in range(self.key_count)]

    def final(self) -> tuple[Request, ...]:
        """Poll every key from the beginning, and list what is committed if nodes know it."""
        keys = self._keys()
        asked = (Request("poll", keys), Request("list_committed_offsets", keys))
        return tuple(one for one in asked if self.asks(one.f))

    def resolve(self, asked: Request, client: int) -> Request:
        """Fill in where the client's last poll ended: a poll begins there, and a commit says so."""
        reached = self.memory[client]
        if asked.f == "poll":
            return Request("poll", {key: reached.get(key, 0) for key in asked.value})
        if asked.f == "commit_offsets":
            return Request(asked.f, {key: offset - 1 for key, offset in sorted(reached.items())})
        return asked

    def result(self, asked: Request, reply: dict[str, Any], client: int) -> Any:
        """Return what was sent, polled or committed."""
        found = super().result(asked, reply, client)
        for key, pairs in found.items() if asked.f == "poll" else ():
            for pair in pairs if isinstance(pairs, list) else [pairs]:
                if not isinstance(pair, list) or len(pair) != 2 or type(pair[0]) is not int:  # noqa: PLR2004 - a pair
                    raise Malformed(
                        f"expected [offset, message] under {key!r} of a poll_ok, found "
                        f"{shown(pair, 1000)}"
                    )
        return found

    def heard(self, asked: Request, kind: str, value: Any, client: int) -> None:
        """Note how far the client has polled."""
        if asked.f == "poll" and kind == "ok":
            self.memory[client] |= {key: pairs[-1][0] + 1 for key, pairs in value.items() if pairs}
