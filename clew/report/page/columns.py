"""What a page holds of a run's trace, in columns: small, and quick to read.

Texts are in one table, and columns name them by rank, from 1; 0 is none. Times are integers of
nanoseconds, as the difference to the one before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from clew.report.page.moments import EVERYWHERE, Moment, label
from clew.trace import words
from clew.trace.timeline import SentMessage, Timeline

PAST, IDLE, EFFECT, WRONG, REPEAT = 1, 2, 4, 8, 16
"""The bits of a moment's flags."""

BODY_WIDTH = 300

BODIES_MAX = 20_000
"""Of a run with more messages the page has no bodies, only labels."""


class Texts:
    """A table of texts, each once."""

    def __init__(self) -> None:
        self._ranks: dict[str, int] = {"": 0}

    def rank(self, text: str) -> int:
        """Return the rank of a text; 0 for none."""
        return self._ranks.setdefault(text, len(self._ranks))

    def all(self) -> list[str]:
        """Return all texts, by rank; the first is the empty one."""
        return [*self._ranks]


def moment_columns(
    moments: Sequence[Moment],
    past: Collection[int] | None,
    failure: int,
    ranks: Mapping[str, int],
    texts: Texts,
) -> dict[str, list[Any]]:
    """Put moments in columns.

    Args:
        moments: in order.
        past: the numbers of the events in the failure's causal past; None for a run without one.
        failure: the rank of the moment of the failure; -1 for none.
        ranks: of the lanes.
        texts: the table.
    """
    seen = _Repeats()
    flags = [
        _flags(one, past, again=seen.again(one), late=0 <= failure < rank)
        for rank, one in enumerate(moments)
    ]
    return {
        "number": [one.number for one in moments],
        "last": [one.last for one in moments],
        "time": _steps([one.time_ns for one in moments]),
        "lane": [-1 if one.place == EVERYWHERE else ranks.get(one.place, -1) for one in moments],
        "kind": [texts.rank(one.kind) for one in moments],
        "name": [texts.rank(one.name) for one in moments],
        "notes": [texts.rank("; ".join(one.notes)) for one in moments],
        "came": [0 if one.came is None else one.came.number + 1 for one in moments],
        "state": [0 if one.state is None else texts.rank(one.state or "none") for one in moments],
        "operation": [0 if one.operation is None else one.operation.number + 1 for one in moments],
        "flags": flags,
    }


def _flags(moment: Moment, past: Collection[int] | None, *, again: bool, late: bool) -> int:
    """Return the bits of a moment, which is after the failure if it is late."""
    if moment.place == EVERYWHERE:
        inside = not late
    else:
        numbers = range(moment.number, moment.last + 1)
        inside = past is None or any(number in past for number in numbers)
    return (
        PAST * inside + IDLE * moment.idle + EFFECT * moment.effect
        + WRONG * bool(moment.wrong) + REPEAT * again
    )  # fmt: skip


class _Repeats:
    """Finds moments that do just what their place did last, in vain."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Any, ...] | None] = {}

    def again(self, moment: Moment) -> bool:
        """Return whether all that a moment sends is lost, as it was before."""
        if moment.idle:
            return False
        plain = not (moment.notes or moment.wrong or moment.effect) and moment.state is None
        lost = moment.kind == "timer" and all(one.fate == "drop" for one in moment.sent)
        key = (moment.name, *((one.dest, label(one)) for one in moment.sent))
        before = self._last.get(moment.place)
        self._last[moment.place] = key if plain and lost else None
        return plain and lost and before == key


def message_columns(
    timeline: Timeline, moments: Sequence[Moment], ranks: Mapping[str, int], texts: Texts
) -> dict[str, list[Any]]:
    """Put messages in columns, in the order in which they were sent."""
    sender = {one.number: rank for rank, moment in enumerate(moments) for one in moment.sent}
    receiver = {
        moment.came.number: rank for rank, moment in enumerate(moments) if moment.came is not None
    }
    messages = [*timeline.messages.values()]
    bodies = len(messages) <= BODIES_MAX
    return {
        "number": _steps([one.number for one in messages]),
        "sent": _steps([one.sent_ns for one in messages]),
        "took": [-1 if one.ended_ns is None else one.ended_ns - one.sent_ns for one in messages],
        "from": [sender.get(one.origin, -1) for one in messages],
        "to": [receiver.get(one.number, -1) for one in messages],
        "src": [ranks.get(one.src, -1) for one in messages],
        "dest": [ranks.get(one.dest, -1) for one in messages],
        "type": [texts.rank(one.type) for one in messages],
        "label": [texts.rank(_label(one, timeline)) for one in messages],
        "body": [texts.rank(words.value(one.body, BODY_WIDTH)) for one in messages]
        if bodies
        else [],
        "why": [texts.rank(one.why if one.fate == "drop" else "") for one in messages],
        "copy": [int(one.copied is not None) for one in messages],
    }


def _label(message: SentMessage, timeline: Timeline) -> str:
    again = timeline.occasion(message)
    return f"{label(message)}, {again}" if again else label(message)


def _steps(numbers: Sequence[int]) -> list[int]:
    """Return the differences of neighbours, the first number itself before them."""
    return [number - before for number, before in zip(numbers, [0, *numbers], strict=False)]
