"""Transactions over lists that are appended to, and over registers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from clew.checkers.transactions import ListAppend, RwRegister
from clew.checkers.verdict import Checker
from clew.workloads.workload import Draw, Malformed, Request, Workload, expect


class ListAppendWorkload(Workload):
    """``txn{txn: [["r", k, null], ["append", k, v]]}`` is answered by ``txn_ok{txn}``."""

    name = "txn-list-append"
    summary = "no anomaly that the chosen consistency models forbid, over lists"
    functions = ("txn",)
    writing: ClassVar[str] = "append"

    # Messages.

    def request(self, asked: Request) -> dict[str, Any]:
        """``txn{txn}``."""
        return {"type": "txn", "txn": asked.value}

    # Client.

    def result(self, asked: Request, reply: dict[str, Any], client: int) -> Any:
        """The micro-operations, with what was read."""
        del client
        expect(reply, "txn_ok", txn=list)
        done = reply["txn"]
        if len(done) != len(asked.value):
            raise Malformed(
                f"expected the {len(asked.value)} micro-operations that were asked for in a "
                f"txn_ok, found {done!r}"
            )
        for wanted, found in zip(asked.value, done, strict=True):
            if not isinstance(found, list) or len(found) != 3 or found[:2] != wanted[:2]:  # noqa: PLR2004 - [f, key, value]
                raise Malformed(f"expected {wanted!r} with its result in a txn_ok, found {found!r}")
        return done

    # Generator.

    def operation(self, draw: Draw) -> Request:
        """One to `max_txn_length` reads and writes of a few keys.

        Keys move on, so that none is written more than about `max_writes_per_key` times.
        """
        options = self.options
        written = draw.number * options.max_txn_length
        first = written // (options.max_writes_per_key * options.key_count) * options.key_count
        txn: list[list[Any]] = []
        for place in range(draw.stream.between(1, options.max_txn_length)):
            key = first + draw.stream.below(options.key_count)
            if draw.stream.chance(1, 2):
                txn.append(["r", key, None])
            else:
                txn.append([self.writing, key, draw.unique() * options.max_txn_length + place])
        return Request("txn", txn)

    # Checker.

    def checkers(self) -> Sequence[Checker]:
        """No forbidden anomaly."""
        return [ListAppend(consistency_models=self.options.consistency_models)]


class RwRegisterWorkload(ListAppendWorkload):
    """``txn{txn: [["r", k, null], ["w", k, v]]}`` is answered by ``txn_ok{txn}``."""

    name = "txn-rw-register"
    summary = "no anomaly that the chosen consistency models forbid, over registers"
    writing: ClassVar[str] = "w"

    def checkers(self) -> Sequence[Checker]:
        """No forbidden anomaly."""
        return [RwRegister(consistency_models=self.options.consistency_models)]
