"""Counters, logs and generators of identifiers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from clew.checkers.linearizability.specification import (
    UNANSWERED,
    Called,
    Specification,
    is_larger,
    show,
)
from clew.errors import HistoryError


class Counter(Specification):
    """A counter: ``add n``, ``increment``, ``decrement``, and ``read`` with the sum.

    Args:
        initial: the sum before the first operation.
    """

    name = "counter"
    functions = ("add", "increment", "decrement", "read")
    asking = ("read",)
    strict_truth = True

    def __init__(self, initial: int = 0) -> None:
        self.first = initial

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        """Return the sum after the operation."""
        if f == "read":
            return (state,) if result is UNANSWERED or result == state else None
        step = 1 if argument is None else argument
        if type(step) is not int and type(step) is not float:
            raise HistoryError(
                "an operation of the counter has no number",
                expected=f"{f} with a number, or with nothing for 1",
                found=show(argument),
                fix="Name the object that was tested with --model",
            )
        return (state - step if f == "decrement" else state + step,)

    def describe_state(self, state: Any) -> str:
        """Describe it, as in ``the counter is at 4``."""
        return f"the counter is at {state}"


class AppendLog(Specification):
    """A log that only grows: ``append x``, and ``read`` with the whole list."""

    name = "append-log"
    functions = ("append", "read")
    asking = ("read",)
    strict_truth = True
    first: Any = ()

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        """Return the log after the operation."""
        if f == "append":
            return ((*state, argument),)
        seen = () if result is None else result
        return (state,) if result is UNANSWERED or seen == state else None

    def fitted(self, calls: Sequence[Called]) -> tuple[Specification, Sequence[Called]]:
        """Make the state how much of the longest read the log holds."""
        reads = [
            call.result for call in calls if call.f == "read" and call.result is not UNANSWERED
        ]
        if not all(type(read) is tuple or read is None for read in reads):
            return self, calls
        return _Prefix(max((read or () for read in reads), key=len, default=())), calls

    def describe_state(self, state: Any) -> str:
        """Describe it, as in ``the log holds [1, 2]``."""
        return f"the log holds {show(state)}" if state else "the log is empty"


class _Prefix(AppendLog):
    """A log as a length: its state n is the first n entries of the longest read.

    A log never loses an entry. So before the longest read its entries must be those of that
    read, in their order, and no other read can see a log that is no prefix of it. After it,
    no read of the history can be legal that is not the longest: one state holds all those logs.
    """

    looks_ahead = True
    first = 0

    def __init__(self, longest: tuple[Any, ...]) -> None:
        self._longest = longest

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        longest = self._longest
        if f == "append":
            if state >= len(longest):
                return (len(longest) + 1,)
            return (state + 1,) if longest[state] == argument else None
        if result is UNANSWERED:
            return (state,)
        seen = () if result is None else result
        fits = len(seen) == state and seen == longest[: len(seen)]
        return (state,) if fits else None

    def describe_state(self, state: Any) -> str:
        if state > len(self._longest):
            return f"the log holds more than the longest read, {show(self._longest)}"
        return super().describe_state(self._longest[:state])


class IdGenerator(Specification):
    """A generator of identifiers: ``generate`` with one that was never given before.

    Args:
        increasing: whether each must also be larger than every one before it, as a timestamp
            oracle promises.
    """

    name = "id-generator"
    functions = ("generate",)
    strict_truth = True
    keyed = False

    def __init__(self, *, increasing: bool = False) -> None:
        self.increasing = increasing
        self.first = None if increasing else frozenset()

    def partition(self, f: str, argument: Any, result: Any) -> Hashable:  # noqa: ARG002
        """Return the identifier; None if they increase."""
        return None if self.increasing else (result,)

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:  # noqa: ARG002
        """Return the identifiers given, or the last one if they increase."""
        if result is UNANSWERED:
            return (state,)
        if self.increasing:
            return (result,) if state is None or is_larger(result, state) else None
        return None if result in state else (state | {result},)

    def describe_state(self, state: Any) -> str:
        """Describe it, as in ``[1, 2] were given``."""
        if self.increasing:
            return "none was given" if state is None else f"the last one given is {show(state)}"
        return f"{show(state)} were given" if state else "none was given"
