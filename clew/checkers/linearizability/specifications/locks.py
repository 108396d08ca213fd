"""Locks: one holder at a time, with or without fencing tokens.

Leaves out re-entrant locks, and locks whose lease runs out.

Source of fencing tokens: Kleppmann, "How to do distributed locking", 2016.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from clew.checkers.linearizability.specification import UNANSWERED, Specification, is_larger, show

FREE: tuple[Any, ...] = ()


class Mutex(Specification):
    """A mutex: ``acquire`` when it is free, ``release`` when it is held.

    The argument names the holder; nil names nobody. A release with a name needs that holder.
    """

    name = "mutex"
    functions = ("acquire", "release")
    strict_truth = True
    first = FREE

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:  # noqa: ARG002
        """Return the mutex after the operation: free, or its holder."""
        if f == "acquire":
            return ((argument,),) if state == FREE else None
        if state == FREE:
            return None
        return (FREE,) if argument is None or state[0] is None or state[0] == argument else None

    def describe_state(self, state: Any) -> str:
        """Describe it, as in ``the lock is held by "c1"``."""
        if state == FREE:
            return "the lock is free"
        return "the lock is held" if state[0] is None else f"the lock is held by {show(state[0])}"


class FencedLock(Specification):
    """A lock with fencing tokens: ``acquire`` when it is free, with a token; ``release``.

    Each token is larger than every one before it, so one that does not compare is none. The result
    of ``acquire`` is its token; nil or an unanswered one is a token that nobody saw. The argument
    of ``acquire`` names the holder; the argument of ``release`` is that name, or the token, or nil.
    """

    name = "fenced-lock"
    functions = ("acquire", "release")
    strict_truth = True
    first = (None, FREE)

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        """Return the lock after the operation: the last token, and free or (holder, token)."""
        last, held = state
        if f == "acquire":
            token = None if result is UNANSWERED else result
            if held != FREE or not _follows(last, token):
                return None
            return ((last if token is None else token, (argument, token)),)
        if held == FREE:
            return None
        holder, token = held
        if argument is None or argument in (token, holder):
            return ((last, FREE),)
        if type(argument) is str:
            return ((last, FREE),) if holder is None else None
        return ((argument, FREE),) if token is None and _follows(last, argument) else None

    def describe_operation(self, f: str, argument: Any, result: Any) -> str:
        """Describe the operation; and that its token is none that can grow."""
        text = super().describe_operation(f, argument, result)
        is_odd = f == "acquire" and type(result) not in _TOKENS and result is not UNANSWERED
        return f"{text} (expected a number as its token)" if is_odd else text

    def describe_state(self, state: Any) -> str:
        """Describe it, as in ``the lock is free and its last token is 33``."""
        last, held = state
        lock = "free" if held == FREE else "held"
        if held != FREE and held[0] is not None:
            lock += f" by {show(held[0])}"
        token = "no token has been seen" if last is None else f"its last token is {show(last)}"
        return f"the lock is {lock} and {token}"


_TOKENS = frozenset({int, float, str, type(None)})


def _follows(last: Any, token: Any) -> bool:
    return last is None or token is None or is_larger(token, last)
