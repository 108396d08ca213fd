"""Load that changes over a run, in one word: steps, a surge, a day.

A shape is text of a small grammar: ``steps:10,50,100`` are rates over equal parts of the time
limit, ``surge:100@5+10`` is the usual rate except for 100 from second 5 on for 10 s, and
``daily:5..50`` rises from 5 to 50 in the middle of the time limit and falls again, as over a day.

Rates are whole numbers of millionths of an operation per second, times are nanoseconds: what
follows from them is the same on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple, TypeAlias

FORMS = "steps:RATE,RATE,..., surge:RATE@FROM+SECONDS or daily:LOW..HIGH"

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
PATTERN = (
    rf"^(steps:{_NUMBER}(,{_NUMBER})*|surge:{_NUMBER}@{_NUMBER}\+{_NUMBER}"
    rf"|daily:{_NUMBER}\.\.{_NUMBER})$"
)

RATE_MAX = 10**6

_MICRO = 10**6
_NANO = 10**9

_MORNING = (4, 38, 103, 196, 309, 435, 565, 691, 804, 897, 962, 996)
"""``1000 * (1 - cos(2 pi (hour + 1/2) / 24)) / 2`` of the first twelve hours, rounded."""

DAY = (*_MORNING, *reversed(_MORNING))
"""A day's load by the hour, from the least to the most, in thousandths of what lies between."""


class Piece(NamedTuple):
    """A part of a run in which the load is steady.

    Attributes:
        from_ns: where it begins.
        until_ns: where the next begins.
        rate: operations over all clients, in millionths per second.
    """

    from_ns: int
    until_ns: int
    rate: int


Pieces: TypeAlias = list[Piece]


def check_load(text: str) -> None:
    """Do nothing if a text is a shape of load.

    Raises:
        ValueError: it is not; the message says what would be one.
    """
    if not re.fullmatch(PATTERN, text):
        raise ValueError(f"{FORMS}, with numbers such as 0.5 or 20, rates up to {RATE_MAX:,}")
    rates = [int(rate) for rate in _rates(text)]
    if max(rates) > RATE_MAX * _MICRO:
        raise ValueError(f"rates up to {RATE_MAX:,} operations per second")
    kind, _, said = text.partition(":")
    if kind == "daily" and rates[0] > rates[1]:
        raise ValueError("daily:LOW..HIGH, with the lower rate first")
    if not any(rates):
        raise ValueError("a rate above 0 at some time")
    if kind == "surge" and not Decimal(said.partition("+")[2]):
        raise ValueError("a surge of more than 0 s")


def pieces_of(text: str, limit_ns: int, usual: int) -> Pieces:
    """Cut a shape into its pieces, in order: they fill the time limit.

    Args:
        text: the shape, as `check_load` takes it.
        limit_ns: how long operations are drawn.
        usual: the rate outside of a surge.
    """
    kind, _, said = text.partition(":")
    return [
        piece for piece in _SHAPES[kind](said, limit_ns, usual) if piece.until_ns > piece.from_ns
    ]


def micro(rate: float) -> int:
    """Convert a rate to millionths of an operation per second, and one of them at least."""
    return max(round(rate * _MICRO), 1)


def _rates(text: str) -> list[int]:
    """Return all rates that a shape names."""
    said = text.partition(":")[2].partition("@")[0]
    return [int(Decimal(rate) * _MICRO) for rate in re.findall(_NUMBER, said)]


def _equal(rates: list[int], limit_ns: int) -> Pieces:
    count = len(rates)
    edges = [limit_ns * rank // count for rank in range(count + 1)]
    return [Piece(edges[rank], edges[rank + 1], rate) for rank, rate in enumerate(rates)]


def _steps(said: str, limit_ns: int, usual: int) -> Pieces:
    del usual
    return _equal(_rates(f"steps:{said}"), limit_ns)


def _surge(said: str, limit_ns: int, usual: int) -> Pieces:
    [rate] = _rates(f"surge:{said}")
    begin, _, length = said.partition("@")[2].partition("+")
    begins_ns = min(int(Decimal(begin) * _NANO), limit_ns)
    ends_ns = min(begins_ns + int(Decimal(length) * _NANO), limit_ns)
    return [
        Piece(0, begins_ns, usual),
        Piece(begins_ns, ends_ns, rate),
        Piece(ends_ns, limit_ns, usual),
    ]


def _daily(said: str, limit_ns: int, usual: int) -> Pieces:
    del usual
    low, high = (int(Decimal(rate) * _MICRO) for rate in said.split(".."))
    return _equal([low + (high - low) * part // 1000 for part in DAY], limit_ns)


_SHAPES: Mapping[str, Callable[[str, int, int], Pieces]] = {
    "steps": _steps,
    "surge": _surge,
    "daily": _daily,
}
