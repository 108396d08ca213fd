"""Registers: one value that is read, written and compared.

Leaves out reads and writes of parts of a value.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal

from clew.checkers.linearizability.specification import (
    UNANSWERED,
    UNSEEN,
    Call,
    Called,
    Specification,
    freeze,
    show,
)
from clew.errors import HistoryError, UsageError


class Register(Specification):
    """A register: ``read`` gives the last value written, ``write`` replaces it.

    Args:
        initial: the value before the first write.
        nil_reads: what a completed read of nil means. ``value``: it read nil, as any value.
            ``any``: its value was not recorded, so it fits every state (the reading of Knossos).
    """

    name = "register"
    functions: tuple[str, ...] = ("read", "write")
    asking = ("read",)
    replacing = ("write",)
    strict_truth = True
    data_independent = True
    overwrites = True

    def __init__(self, initial: Any = None, nil_reads: Literal["value", "any"] = "value") -> None:
        self.first = freeze(initial)
        self.nil_reads = nil_reads
        self._nil_fits = _fits_any(nil_reads)

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        """Return the register after a read or a write."""
        if f == "write":
            return (argument,)
        fits = result == state or result is UNANSWERED or (result is None and self._nil_fits)
        return (state,) if fits else None

    def fitted(self, calls: Sequence[Called]) -> tuple[Specification, Sequence[Called]]:
        """Make all values that no read and no cas can see the one value `UNSEEN`.

        It pays if operations are pending: those that write such values become equal ones.
        """
        if all(call.result is not UNANSWERED for call in calls):
            return self, calls
        seen, written = set(), set()
        for call in calls:
            if call.f == "read":
                seen.add(call.result)
            elif call.f == "write":
                written.add(call.argument)
            else:
                before, after = pair(call.argument)
                seen.add(before)
                written.add(after)
        if written <= seen:
            return self, calls
        return self, [hidden(call, seen.__contains__) for call in calls]

    def describe_state(self, state: Any) -> str:
        """Describe it, as in ``the register holds 4``."""
        if state is UNSEEN:
            return "the register holds a value that is never read"
        return f"the register holds {show(state)}"


def _fits_any(nil_reads: str) -> bool:
    """Return whether a read of nil fits every state."""
    if nil_reads not in {"value", "any"}:
        raise UsageError("nil_reads is unknown", expected="value or any", found=repr(nil_reads))
    return nil_reads == "any"


def hidden(call: Called, is_seen: Callable[[Any], bool]) -> Called:
    """Return the call with `UNSEEN` in place of a value that no operation sees."""
    if call.f in {"put", "write"} and not is_seen(call.argument):
        return Call(call.f, UNSEEN, call.result)
    if call.f == "cas" and not is_seen(call.argument[1]):
        return Call("cas", (call.argument[0], UNSEEN), call.result)
    return call


class CasRegister(Register):
    """A register with ``cas`` of ``[from, to]``: it replaces ``from`` by ``to``, else it fails.

    A compare-and-set that is known to have failed did not happen and is no part of the search.
    """

    name = "cas-register"
    functions = ("read", "write", "cas")
    pairs = ("cas",)

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        """Return the register after a read, a write or a successful compare-and-set."""
        if f == "read":  # as that of a register, without another call
            fits = result == state or result is UNANSWERED or (result is None and self._nil_fits)
            return (state,) if fits else None
        if f == "write":
            return (argument,)
        expected, replacement = pair(argument)
        return (replacement,) if expected == state else None


def pair(argument: Any) -> tuple[Any, Any]:
    """Return the two values of a compare-and-set.

    Raises:
        HistoryError: the argument is no pair.
    """
    if type(argument) is not tuple or len(argument) != 2:  # noqa: PLR2004 - a pair
        raise HistoryError("a cas has no pair", expected="[from, to]", found=show(argument))
    return argument


class MultiRegister(Specification):
    """Several registers, read and written together in one step.

    The value of an operation, whatever its ``f``, is a list of ``[f, key, value]`` with ``f``
    ``r`` or ``read``, ``w`` or ``write``; the result repeats it with the values read.

    Args:
        initial: the value of every register before its first write.
        nil_reads: what a completed read of nil means, as for `Register`.
    """

    name = "multi-register"
    functions = ("txn", "read", "write")
    strict_truth = True
    data_independent = True
    keyed = False
    first = frozenset()

    def __init__(self, initial: Any = None, nil_reads: Literal["value", "any"] = "value") -> None:
        self._unwritten = freeze(initial)
        self._nil_fits = _fits_any(nil_reads)

    def is_readonly(self, f: str, argument: Any) -> bool:  # noqa: ARG002
        """Return whether every part reads."""
        return all(part[0] in _READS for part in _parts(argument))

    def partition(self, f: str, argument: Any, result: Any) -> Hashable:  # noqa: ARG002
        """Return the register, if the operation touches only one."""
        keys = {part[1]: None for part in _parts(argument)}
        return (next(iter(keys)),) if len(keys) == 1 else None

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:  # noqa: ARG002
        """Return the registers after the parts, done in order."""
        values = dict(state)
        answered = result if type(result) is tuple else argument
        for kind, key, value in _parts(answered):
            if kind not in _READS:
                values[key] = value
            elif value is None and self._nil_fits:
                continue
            elif result is not UNANSWERED and values.get(key, self._unwritten) != value:
                return None
        return (frozenset(values.items()),)

    def describe_state(self, state: Any) -> str:
        """Describe it, as in ``the registers hold x=1, y=2``."""
        held = ", ".join(f"{show(key)}={show(value)}" for key, value in sorted(state, key=repr))
        return f"the registers hold {held}" if held else "no register has been written"


_READS = frozenset({"r", "read"})
_WRITES = frozenset({"w", "write"})


def _parts(value: Any) -> tuple[tuple[str, Any, Any], ...]:
    if type(value) is not tuple or not all(
        type(part) is tuple and len(part) == 3 and part[0] in _READS | _WRITES  # noqa: PLR2004
        for part in value
    ):
        raise HistoryError(
            "an operation on several registers has no list of parts",
            expected='[["r", key, null], ["w", key, value], ...]',
            found=show(value),
        )
    return value
