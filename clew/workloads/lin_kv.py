"""A linearizable key-value store: read, write and compare-and-set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clew.workloads.operation import FRESH, KEY, operation
from clew.workloads.options import KeyCount
from clew.workloads.shapes import Scalar
from clew.workloads.workload import Check, Draw, Request, Surroundings, Workload

KEY_DOES_NOT_EXIST = 20


class LinKVWorkload(Workload):
    """``read{key}``, ``write{key, value}`` and ``cas{key, from, to}``.

    Every written value is unique, which makes a history quicker to judge and easier to read. In
    the history a value is ``[key, value]``, and a cas ``[key, [from, to]]``. What a cas compares
    with is the value that a client last saw under the key, so that some succeed.
    """

    name = "lin-kv"
    summary = "linearizable, key by key"
    checks = (Check("cas-register", "registers broke their promise", "linearizable"),)
    key_count: KeyCount = 4

    def __init__(
        self, options: Mapping[str, Any] | None = None, setting: Surroundings | None = None
    ) -> None:
        super().__init__(options, setting)
        self._seen: dict[int, Any] = {}

    @operation(
        request={"key": int},
        reply={"value": object},
        value=("key", None),
        result=("key", "value"),
        readonly=True,
        answers={KEY_DOES_NOT_EXIST: ("key", None)},  # it has read that there is none
        simpler={"key": KEY},
    )
    def read(self, draw: Draw) -> list[Any]:
        """Draw a key."""
        return [self._key(draw), None]

    @operation(
        request={"key": int, "value": Scalar},
        value=("key", "value"),
        simpler={"key": KEY, "value": FRESH},
    )
    def write(self, draw: Draw) -> list[Any]:
        """Draw a key, and a value that no other operation writes."""
        return [self._key(draw), draw.unique()]

    @operation(
        request={"key": int, "from": Scalar, "to": Scalar},
        value=("key", ("from", "to")),
        simpler={"key": KEY, "to": FRESH},
    )
    def cas(self, draw: Draw) -> list[Any]:
        """Draw a key, and a value that no other operation writes; what it replaces is left open."""
        return [self._key(draw), [None, draw.unique()]]

    def _key(self, draw: Draw) -> int:
        return draw.stream.below(self.key_count)

    def resolve(self, asked: Request, client: int) -> Request:
        """Fill in the value last seen for a cas whose ``from`` is open."""
        del client
        if asked.f != "cas" or asked.value[1][0] is not None:
            return asked
        key, (_, new) = asked.value
        return Request("cas", [key, [self._seen.get(key, 0), new]])

    def heard(self, asked: Request, kind: str, value: Any, client: int) -> None:
        """Note the last value under the key."""
        del client
        if kind == "ok":
            key, seen = value
            seen = seen[1] if asked.f == "cas" else seen
            if seen is not None:
                self._seen[key] = seen

    @classmethod
    def timeout_ns(cls, latency_ns: int) -> int:
        """Return ten mean latencies, and at least a second."""
        return max(10 * latency_ns, 1_000_000_000)
