"""What the textbooks call a cycle: by its edges, and by who overlapped whom and saw what.

The names are those of Berenson et al. (SIGMOD 1995: lost update, read skew, write skew) and of
Cerone, Bernardi, Gotsman (CONCUR 2015: long fork). A name says how something came about, so where
the shape alone fits, and the transactions did not overlap or a write is gone, another name or none
is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from clew.checkers.transactions.evidence import Link
from clew.history import Operation


def special_name(links: Sequence[Link], operations: Sequence[Operation]) -> str | None:
    """The textbooks' name of a cycle, told so that an rw comes last; None where it has none."""
    if any(link.chain for link in links):
        return None  # an order that other transactions make says nothing of how these two met
    kinds = [link.kind for link in links]
    several = len({str(link.key) for link in links if link.key is not None}) > 1
    # Each reads one of two writes: next to each other the two rw would be no fork.
    if kinds == ["wr", "rw"] * 2:
        return "long fork" if several else None
    name, keys, overlapping = _PAIRS.get((*sorted(kinds),), (None, None, False))
    if keys not in (several, None):
        return None
    if overlapping and not _overlap(*(operations[link.source] for link in links)):
        return None
    return name


_PAIRS: dict[tuple[str, ...], tuple[str, bool | None, bool]] = {
    ("realtime", "rw"): ("stale read", None, False),
    ("rw", "wr"): ("read skew", True, False),
    ("rw", "rw"): ("write skew", True, True),
    ("rw", "ww"): ("lost update", False, True),
}
"""Cycles of two: their name, whether they are on several keys, and whether they must overlap."""


def lost_write(links: Sequence[Link], operations: Sequence[Operation]) -> Link | None:
    """The rw edge of a cycle to an acknowledged write that all later reads miss, if there is one.

    Of a stale read another read must show that the write is gone, and not only late.
    """
    stale = sorted(link.kind for link in links) == ["realtime", "rw"]
    for link in links:
        if link.kind == "rw":
            missed = _missed(link, operations)
            if missed > stale:
                return link
    return None


def _missed(link: Link, operations: Sequence[Operation]) -> int:
    """How many transactions read the key after a write and show what was before; 0 if any saw it.

    Another's write may hide that of a register: only a value that is older for certain counts.
    """
    writer = operations[link.target]
    if writer.type != "ok" or writer.completed is None:
        return 0
    older: list[Any] = [None]
    later: list[tuple[int, Any]] = []
    for one in operations:
        for f, key, value in _micros(one):
            if key != link.key:
                continue
            if f == "w" and one.completed is not None and one.completed < writer.invoked:
                older.append(value)
            if f == "r" and one.type == "ok" and one.number != writer.number:
                if value == link.next_value or (
                    isinstance(value, list | tuple) and link.next_value in value
                ):
                    return 0
                if one.invoked > writer.completed:
                    later.append((one.number, value))
    registers = any(f == "w" for f, key, _ in _micros(writer) if key == link.key)
    if registers and any(value not in older for _, value in later):
        return 0
    return len({number for number, _ in later})


def _micros(one: Operation) -> Iterator[tuple[Any, Any, Any]]:
    """A transaction's micro-operations, with what its reads showed where it is done."""
    value = one.result if one.type == "ok" else one.argument
    for micro in value if isinstance(value, list | tuple) else ():
        if isinstance(micro, list | tuple) and len(micro) == 3:  # noqa: PLR2004 - f, key, value
            yield micro[0], micro[1], micro[2]


def _overlap(one: Operation, other: Operation) -> bool:
    """Whether neither of two transactions had ended before the other began."""
    return not any(
        first.type == "ok" and first.completed is not None and first.completed < second.invoked
        for first, second in ((one, other), (other, one))
    )
