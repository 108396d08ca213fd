"""A key-value store, key by key: each key is an object of its own (P-compositionality).

Leaves out operations that touch several keys; see `MultiRegister`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import Any

from clew.checkers.linearizability.specification import (
    UNANSWERED,
    UNSEEN,
    Called,
    Specification,
    freeze,
    show,
)
from clew.checkers.linearizability.specifications.registers import hidden, pair


class KeyValue(Specification):
    """One key's value: get (or read), put (or write), append, cas and delete.

    Arguments are pairs ``[key, value]``: ``put [k, v]``, ``append [k, v]`` (strings are joined,
    lists get one more element, and
    nothing else can be appended to), ``cas [k, [from, to]]``, ``get [k, null]`` with the result
    ``[k, v]``. A missing key is nil; ``get`` may answer it with nil or the empty string, and
    ``append`` to it begins with what is appended.

    Args:
        initial: the value of every key before its first write.
    """

    name = "key-value"
    functions = ("get", "read", "put", "write", "append", "cas", "delete")
    strict_truth = True
    keyed = True
    asking = ("get", "read")
    replacing = ("put", "write", "delete")
    pairs = ("cas",)

    def __init__(self, initial: Any = None) -> None:
        self.first = freeze(initial)

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        """Return the key's value after the operation."""
        if f == "append":
            return _appended(state, argument)
        if f in {"put", "write"}:
            return (argument,)
        if f == "delete":
            return (None,)
        if f == "cas":
            expected, replacement = pair(argument)
            return (replacement,) if expected == state else None
        missing = state is None and result == "" and f == "get"
        return (state,) if result is UNANSWERED or result == state or missing else None

    def fitted(self, calls: Sequence[Called]) -> tuple[Specification, Sequence[Called]]:
        """Make all values that no operation distinguishes the one value `UNSEEN`."""
        observed = {
            pair(call.argument)[0] if call.f == "cas" else call.result
            for call in calls
            if call.f == "cas" or (call.f in {"get", "read"} and call.result is not UNANSWERED)
        }
        if all(call.f != "append" for call in calls):
            if "" in observed:
                observed.add(None)
            seen = [hidden(call, observed.__contains__) for call in calls]
            return _Overwritten(self.first), seen
        if not all(value is None or type(value) is str for value in observed):
            return self, calls
        fitted = _ObservedStrings(self.first, sorted({value or "" for value in observed}))
        return fitted, [hidden(call, fitted.is_seen) for call in calls]

    def describe_state(self, state: Any) -> str:
        """Describe it, as in ``the key holds "x"``."""
        if state is UNSEEN:
            return "the key holds a value that no read sees"
        return "the key is missing" if state is None else f"the key holds {show(state)}"


class _Overwritten(KeyValue):
    """A store to which nothing is appended."""

    data_independent = True
    overwrites = True


class _ObservedStrings(KeyValue):
    """A store where a string that begins no observed one is the one value `UNSEEN`.

    Appending to such a string gives such a string, and no read or cas accepts it, so all of
    them behave alike.
    """

    def __init__(self, initial: Any, observed: list[str]) -> None:
        super().__init__(initial)
        self._observed = observed

    def is_seen(self, value: Any) -> bool:
        """Return whether the value is other than a string, or begins an observed one."""
        if type(value) is not str:
            return True
        place = bisect_left(self._observed, value)
        return place < len(self._observed) and self._observed[place].startswith(value)

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        if f != "append":
            return super().step(state, f, argument, result)
        if state is UNSEEN:
            return (UNSEEN,)
        states = _appended(state, argument)
        return states if states is None or self.is_seen(states[0]) else (UNSEEN,)


def _appended(state: Any, value: Any) -> Sequence[Hashable] | None:
    if type(state) is tuple:
        return ((*state, value),)
    if type(value) is str and (state is None or type(state) is str):
        return ((state or "") + value,)
    return ((value,),) if state is None else None
