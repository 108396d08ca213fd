"""Transactions over lists that are appended to, and over registers."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from clew.checkers.transactions.consistency_models import MODELS, resolve_models
from clew.machine.text import shown
from clew.workloads.operation import operation
from clew.workloads.options import COUNT_MAX, KeyCount, Option
from clew.workloads.shapes import Scalar, Shape, fits, in_words
from clew.workloads.workload import Check, Draw, Malformed, Request, Workload

_Read = tuple[Literal["r"], int, None]
_NAMES = tuple(row.name for row in MODELS)


class _Transactions(Workload):
    """One to `max_txn_length` reads and writes in one operation, answered all at once."""

    writing: ClassVar[str]
    read: ClassVar[Shape]
    consistency_models: Annotated[
        tuple[str, ...],
        Option(
            "A,B",
            "What transactions are held to.",
            examples=(["serializable"],),
            names=_NAMES,
            check=resolve_models,
            label="models",
        ),
    ] = ("strict-serializable",)
    key_count: KeyCount = 4
    max_txn_length: Annotated[
        int,
        Option("N", "Micro-operations per transaction, at most.", least=1, most=COUNT_MAX),
    ] = 4
    max_writes_per_key: Annotated[
        int,
        Option("N", "Writes to a key before another takes its place.", least=1, most=COUNT_MAX),
    ] = 16

    def transaction(self, draw: Draw) -> list[list[Any]]:
        """Draw one to `max_txn_length` reads and writes of a few keys.

        Keys move on, so that none is written more than about `max_writes_per_key` times.
        """
        written = draw.number * self.max_txn_length
        first = written // (self.max_writes_per_key * self.key_count) * self.key_count
        txn: list[list[Any]] = []
        for place in range(draw.stream.between(1, self.max_txn_length)):
            key = first + draw.stream.below(self.key_count)
            if draw.stream.chance(1, 2):
                txn.append(["r", key, None])
            else:
                txn.append([self.writing, key, draw.unique() * self.max_txn_length + place])
        return txn

    def result(self, asked: Request, reply: dict[str, Any], client: int) -> Any:
        """Return the micro-operations, with the values read."""
        done = super().result(asked, reply, client)
        if len(done) != len(asked.value):
            raise Malformed(
                f"expected the {len(asked.value)} micro-operations that were asked for in a "
                f"txn_ok, found {shown(done, 1000)}"
            )
        for wanted, found in zip(asked.value, done, strict=True):
            if not self._is_answer(wanted, found):
                asks = wanted[0] == "r"
                what = f"{wanted!r} with {in_words(self.read)} as read" if asks else repr(wanted)
                raise Malformed(f"expected {what} in a txn_ok, found {shown(found, 1000)}")
        return done

    def _is_answer(self, wanted: list[Any], found: Any) -> bool:
        """Return whether a micro-operation is the requested one; a write comes back unchanged."""
        if not isinstance(found, list) or len(found) != len(wanted) or found[0] != wanted[0]:
            return False
        (_, key, value), (_, own, answer) = wanted, found
        same = _is_same(key, own)
        return same and (fits(answer, self.read) if wanted[0] == "r" else _is_same(value, answer))


def _is_same(one: Any, other: Any) -> bool:
    """Return whether two values are the same in JSON; Python takes true and 1.0 for 1."""
    return type(one) is type(other) and bool(one == other)


class ListAppendWorkload(_Transactions):
    """``txn{txn: [["r", k, null], ["append", k, v]]}`` is answered by ``txn_ok{txn}``."""

    name = "txn-list-append"
    summary = "no anomaly that the chosen consistency models forbid, over lists"
    checks = (Check("list-append", "transactions on lists broke their consistency model"),)
    writing = "append"
    read = list[Any] | None

    @operation(
        request={"txn": list[_Read | tuple[Literal["append"], int, Scalar]]},
        reply={"txn": list},
        repeatable=False,
    )
    def txn(self, draw: Draw) -> list[list[Any]]:
        """Draw reads and appends."""
        return self.transaction(draw)


class RwRegisterWorkload(_Transactions):
    """``txn{txn: [["r", k, null], ["w", k, v]]}`` is answered by ``txn_ok{txn}``."""

    name = "txn-rw-register"
    summary = "no anomaly that the chosen consistency models forbid, over registers"
    checks = (Check("rw-register", "transactions on registers broke their consistency model"),)
    writing = "w"
    read = Scalar

    @operation(
        request={"txn": list[_Read | tuple[Literal["w"], int, Scalar]]},
        reply={"txn": list},
        repeatable=False,
    )
    def txn(self, draw: Draw) -> list[list[Any]]:
        """Draw reads and writes."""
        return self.transaction(draw)
