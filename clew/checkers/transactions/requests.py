"""Whether a transaction's answer belongs to its request, and to itself.

What an ``ok`` transaction did is taken from its answer, which repeats the micro-operations of the
request with their reads filled in. An answer with other micro-operations than were asked for says
that something else was run, or that nobody knows what was: a ``mismatch``, and no consistency model
holds of a store that answers so. What a request has in place of a read's value is ignored, and so
is a request that is not recorded.

Source: the form of requests and answers is that of Jepsen's ``txn`` operations. Elle looks at
answers alone, so a store that acknowledges an append and leaves it out passes there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.checkers.transactions.extraction import told
from clew.checkers.transactions.words import Phenomena
from clew.checkers.values import counted, key_of
from clew.history import Operation

_FIRST = 3
_READS = ("r", "rp")


def requested(operation: Operation, micros: Sequence[Any], recorder: Phenomena) -> Sequence[Any]:
    """Return what to compare each micro-operation with: the request, or else the answer.

    Records a ``mismatch`` where there are more or fewer than were asked for; then none of them is
    compared.
    """
    asked = operation.argument
    if not isinstance(asked, (list, tuple)):
        return micros
    if len(asked) == len(micros):
        return asked
    wanted = f"{counted(len(asked), 'micro-operation')}, {told(asked)},"
    _mismatch(operation, asked, wanted, micros, f"{len(micros)}, {told(micros)}", recorder)
    return micros


def compare(operation: Operation, micro: Any, ask: Any, recorder: Phenomena) -> None:
    """Record a ``mismatch`` unless a micro-operation is what was asked for, as JSON has it."""
    if not _fits(micro, ask):
        _mismatch(operation, ask, told(ask), micro, told(micro), recorder)


def _mismatch(
    operation: Operation, asked: Any, wanted: str, answered: Any, got: str, recorder: Phenomena
) -> None:
    reason = f"{{0}} was asked for {wanted} and answered with {got}."
    recorder.add("mismatch", (operation.number,), reason, asked=asked, answered=answered)


def _fits(micro: Any, ask: Any) -> bool:
    if not isinstance(ask, (list, tuple)) or len(ask) not in {_FIRST - 1, _FIRST}:
        return False
    if micro[0] != ask[0] or key_of(micro[1]) != key_of(ask[1]):
        return False
    if micro[0] in _READS:
        return True
    return [*map(key_of, ask[2:])] == [*map(key_of, micro[2:])]


def contradiction(who: str, key: str, read: str, expected: str) -> str:
    """Say that a read is not what its own transaction had left; all in words."""
    return f"{who} read key {key} as {read}, yet its own earlier micro-operations leave {expected}."
