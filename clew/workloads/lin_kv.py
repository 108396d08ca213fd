"""A linearizable key-value store: read, write and compare-and-set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.checkers.linearizability import Linearizability
from clew.checkers.linearizability.specifications import SPECIFICATIONS
from clew.checkers.verdict import Checker
from clew.workloads.workload import Draw, Malformed, Options, Request, Workload, expect

KEY_DOES_NOT_EXIST = 20


class LinKVWorkload(Workload):
    """``read{key}``, ``write{key, value}`` and ``cas{key, from, to}``.

    Every written value is unique, which makes a history quicker to judge and easier to read. In
    the history a value is ``[key, value]``, and a cas ``[key, [from, to]]``. What a cas compares
    with is the value that a client last saw under the key, so that some succeed.
    """

    name = "lin-kv"
    summary = "linearizable, key by key"
    functions = ("read", "write", "cas")
    readonly = frozenset({"read"})

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._seen: dict[int, Any] = {}

    # Messages.

    def request(self, asked: Request) -> dict[str, Any]:
        """The body of a read, write or cas."""
        key, value = asked.value
        if asked.f == "read":
            return {"type": "read", "key": key}
        if asked.f == "write":
            return {"type": "write", "key": key, "value": value}
        return {"type": "cas", "key": key, "from": value[0], "to": value[1]}

    # Client.

    def resolve(self, asked: Request, client: int) -> Request:
        """A cas whose ``from`` is open compares with the value last seen."""
        del client
        if asked.f != "cas" or asked.value[1][0] is not None:
            return asked
        key, (_, new) = asked.value
        return Request("cas", [key, [self._seen.get(key, 0), new]])

    def result(self, asked: Request, reply: dict[str, Any], client: int) -> Any:
        """``[key, value]`` as the history has it."""
        del client
        key, value = asked.value
        expect(reply, f"{asked.f}_ok")
        if asked.f == "read":
            if "value" not in reply:
                raise Malformed(f"expected the field 'value' in a read_ok, found {reply}")
            value = reply["value"]
        seen = value[1] if asked.f == "cas" else value
        if seen is not None:
            self._seen[key] = seen
        return [key, value]

    def answer_of(self, asked: Request, code: int) -> Any:
        """A read that finds no such key has read that there is none, and is held to that."""
        if asked.f == "read" and code == KEY_DOES_NOT_EXIST:
            return [asked.value[0], None]
        return None

    # Generator.

    def operation(self, draw: Draw) -> Request:
        """A read, a write or a cas of a drawn key, equally often."""
        allowed = self.options.functions
        choices = [f for f in self.functions if allowed is None or f in allowed]
        f = draw.stream.pick(choices)
        key = draw.stream.below(self.options.key_count)
        if f == "read":
            return Request("read", [key, None])
        if f == "write":
            return Request("write", [key, draw.unique()])
        return Request("cas", [key, [None, draw.unique()]])

    # Checker.

    def checkers(self) -> Sequence[Checker]:
        """Linearizable, key by key."""
        specification = SPECIFICATIONS["cas-register"]()
        return [Linearizability(specification, effects=self.options.effects or None)]
