"""Delta debugging: a small part of something that fails and still fails.

`minimised` is the ddmin algorithm of Zeller and Hildebrandt, "Simplifying and Isolating
Failure-Inducing Input" (IEEE TSE 28(2), 2002), section 3: whole parts go first, single elements
last. The result is 1-minimal: no single element can go. `least` does the same for a number.

Both know nothing about what they minimise. The test they are given must be a function: the same
answer for the same argument. It is never called with what is known to fail, but may be called twice
with what does not: let it remember.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def minimised(
    items: Sequence[T], fails: Callable[[list[T]], bool], parts_max: int | None = None
) -> list[T]:
    """Find a 1-minimal part of `items` that fails, in the same order.

    Args:
        items: what fails.
        fails: whether a part of it, in order, still does.
        parts_max: the most parts that it is split into; None for as many as there are elements.
            With fewer the result need not be 1-minimal.

    O(n^2) tests at worst, O(k log n) if k single elements each decide for themselves.
    """
    kept = list(items)
    if not kept or fails([]):
        return []
    parts = 2
    # Invariant: `kept` fails (ddmin, section 3). A part that fails by itself is split in two again;
    # without one part that could go the rest keeps its grain; if neither fails, the parts are
    # halved. At single elements none can go any more, so what is left is 1-minimal.
    while len(kept) > 1:
        parts = min(parts, len(kept), parts_max or len(kept))
        reduced = _reduced(kept, parts, fails)
        if reduced is None:
            if parts == min(len(kept), parts_max or len(kept)):
                break
            parts *= 2
        else:
            parts = 2 if len(reduced) * parts <= len(kept) else max(parts - 1, 2)
            kept = reduced
    return kept


def _reduced(kept: list[T], parts: int, fails: Callable[[list[T]], bool]) -> list[T] | None:
    """Find the first smaller list that fails: one part alone, or all but one; or None."""
    bounds = [rank * len(kept) // parts for rank in range(parts + 1)]
    chunks = [(bounds[rank], bounds[rank + 1]) for rank in range(parts)]
    for start, end in chunks:
        if fails(kept[start:end]):
            return kept[start:end]
    if parts > 2:  # noqa: PLR2004 - of two parts, all but one is the other
        for start, end in chunks:
            rest = kept[:start] + kept[end:]
            if fails(rest):
                return rest
    return None


def least(low: int, high: int, fails: Callable[[int], bool], tries: int = 8) -> int:
    """Find a small number in [low, high] that fails by halving; `high` is known to fail.

    Args:
        low: the least number that makes sense; it is tried first.
        high: what fails.
        fails: whether a number does.
        tries: how many numbers are tried at most.
    """
    if low >= high:
        return high
    if fails(low):
        return low
    passing, failing = low, high
    # Invariant: `failing` fails and `passing` does not. Failing need not be monotone: what is
    # returned was seen to fail, whatever lies between.
    for _ in range(tries - 1):
        if failing - passing <= 1:
            break
        middle = (passing + failing) // 2
        if fails(middle):
            failing = middle
        else:
            passing = middle
    return failing
