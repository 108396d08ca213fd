"""Sets to which each element is added once, decided in O(n log n) of the operations and reads.

Element by element, without reads of the whole set: the element is absent, is added, and may be
removed later, for good. The operations that found it present respond after the add and begin
before the removal; those that found it absent, and removals that changed nothing, begin before
the add or respond after the removal. The best removal of those possible is the one that can come
first, and the best add the last one before it.

With reads of the whole set, and no removals or tests of single elements: the reads are in order of
size, the elements that one shows and the one before does not were added between the two, and this
layered order must not go against real time. If it does, one or two elements show it: the reads
in the evidence are cut to these. Other histories with reads are looked at element by element, a
read being a test of each; if no element shows that they are wrong, they are left to the search.

A pending add happened only if its element was seen. A pending removal may have happened.

Source: the single element is that of Abdulla et al., "Efficient linearizability monitoring",
PLDI 2025 (arXiv 2509.17795); the layers are our own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Any, NamedTuple

from clew.checkers.linearizability.entries import NEVER, Entry, end, in_order
from clew.checkers.linearizability.specification import truth_of


def broken_set(entries: Sequence[Entry]) -> tuple[Entry, ...] | None:
    """Return entries of a set that no order explains; empty if one does, None if unknown."""
    adds: dict[Any, Entry] = {}
    for entry in entries:
        element = entry.argument
        if type(element) is bool or element != element:  # noqa: PLR0124 - NaN
            return None
        if entry.f == "add" and adds.setdefault(element, entry) is not entry:
            return None
    kinds = {entry.f for entry in entries}
    if "read" in kinds:
        layered = kinds <= {"add", "read"}
        judge = _broken_reads if layered else _broken_tests
        return _doubled(entries) or judge(adds, entries)
    # Without reads of the whole set each element is an object of its own, and a history is
    # linearizable if it is for each object: locality (Herlihy and Wing 1990, theorem 1).
    by_element: dict[Any, list[Entry]] = {}
    for entry in entries:
        by_element.setdefault(entry.argument, []).append(entry)
    for group in by_element.values():
        broken = _broken_element(group)
        if broken is None or broken:
            return broken
    return ()


def _doubled(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Find the first read that shows an element twice, cut to that; or nothing."""
    for entry in entries:
        shown = entry.result
        if entry.f == "read" and type(shown) is tuple and len(shown) > len(frozenset(shown)):
            twice = next(each for each, count in Counter(shown).items() if count > 1)
            return (entry._replace(result=(twice, twice)),)
    return ()


TESTS_MAX = 1_000_000
"""Elements times reads, up to which reads are looked at as tests of each element."""


def _broken_tests(adds: dict[Any, Entry], entries: Sequence[Entry]) -> tuple[Entry, ...] | None:
    """Find operations on one element that no order explains; None if there may be none."""
    by_element: dict[Any, list[Entry]] = {}
    reads = []
    for entry in entries:
        if entry.f != "read":
            by_element.setdefault(entry.argument, []).append(entry)
        elif type(entry.result) in {tuple, frozenset, type(None)}:
            reads.append((frozenset(entry.result or ()), entry))
    if len(by_element) * len(reads) > TESTS_MAX:
        return None
    # What explains the whole history explains each element alone, so one that can't be explained is
    # enough; that all can proves nothing.
    for element, group in by_element.items():
        tests = [as_test(each, element, shown=element in shown) for shown, each in reads]
        broken = _broken_element(in_order([*group, *tests]))
        if broken:
            by_number = {each.number: each for each in entries}
            return _on([element], [by_number[each.number] for each in broken], adds)
    return None


def as_test(read: Entry, element: Any, *, shown: bool) -> Entry:
    """Make a read of the whole set a test of one element."""
    return read._replace(f="contains", argument=element, result=shown)


class _Seen(NamedTuple):
    """The operations on one element, by what they show of it."""

    adds: list[Entry]
    present: list[Entry]
    absent: list[Entry]
    removed: list[Entry]
    perhaps: list[Entry]


def _broken_element(entries: Sequence[Entry]) -> tuple[Entry, ...] | None:
    seen = _Seen([], [], [], [], [])
    for entry in entries:
        kind = _says(entry, seen)
        if kind is None:
            return None
        kind.append(entry)
    if seen.adds and seen.adds[0].completed is not None and truth_of(seen.adds[0].result) is False:
        return (seen.adds[0],)
    # Added once, it can have been removed once.
    if len(seen.removed) > 1:
        return in_order([*seen.adds, *seen.removed[:2]])
    needed = seen.present + seen.removed
    if not seen.adds:
        return tuple(needed[:1])
    if seen.adds[0].completed is None and not needed:
        return ()
    return _unordered(seen)


def _says(entry: Entry, seen: _Seen) -> list[Entry] | None:
    """Return where an operation belongs; None if its result is none that it may have."""
    if entry.f == "add":
        return seen.adds
    if entry.f == "remove":
        changed = truth_of(entry.result)
        if entry.completed is None or changed is None:
            return seen.perhaps
        return seen.removed if changed else seen.absent
    if entry.completed is None:
        # It shows nothing.
        return []
    found = truth_of(entry.result)
    if found is None:
        return None
    return seen.present if found else seen.absent


def _unordered(seen: _Seen) -> tuple[Entry, ...]:
    """Find what does not fit the best places of the add and the removal; or nothing."""
    (add,) = seen.adds
    # A moment is named by the end of an interval that it comes right after.
    last_begun = max([*seen.present, add], key=attrgetter("invoked"))
    first_ended = min([*seen.present, add], key=end)
    if end(first_ended) < add.invoked:
        return in_order([add, first_ended])
    choices = seen.removed or seen.perhaps
    removals = [each for each in choices if end(each) > last_begun.invoked]
    if seen.removed and not removals:
        return in_order(list({each.number: each for each in (add, last_begun, *choices)}.values()))
    removal = min(removals, key=attrgetter("invoked"), default=None)
    moment = NEVER if removal is None else max(last_begun.invoked, removal.invoked)
    silent = [each for each in seen.perhaps if each.completed is not None]
    outside = [each for each in seen.absent + silent if each.invoked >= end(first_ended)]
    stuck = min(outside, key=end, default=None)
    if stuck is None or end(stuck) > moment:
        return ()
    # Every removal counts: leaving one out could only take a way to explain the rest.
    found = [add, first_ended, last_begun, stuck, *choices]
    return in_order(list({each.number: each for each in found}.values()))


def _broken_reads(adds: dict[Any, Entry], entries: Sequence[Entry]) -> tuple[Entry, ...] | None:
    """Find operations that go against the order of the reads, on one or two elements."""
    reads = [each for each in entries if each.f == "read" and each.completed is not None]
    if any(type(each.result) not in {tuple, frozenset, type(None)} for each in reads):
        return None
    for add in adds.values():
        if add.completed is not None and truth_of(add.result) is False:
            return (add,)
    shown = sorted(((frozenset(each.result or ()), each) for each in reads), key=_size)
    for every, read in shown:
        if not every <= adds.keys():
            return _on([_first(read, adds)], [read], adds)
    # Of a set that only grows each state contains the one before. In order of size it is enough to
    # look at neighbours: containment is transitive.
    for (fewer, read), (more, other) in pairwise(shown):
        if not fewer <= more:
            return _on([_first(read, more), _first(other, fewer)], [read, other], adds)
    found = _backwards(_layers(shown, adds))
    elements = [each.argument for each in found if each.f == "add"]
    if found and not elements:
        later, earlier = found
        elements = [_first(later, frozenset(earlier.result or ()))]
    return _on(elements, found, adds)


def _first(read: Entry, others: Container[Any]) -> Any:
    """Return the first element that the read shows and the others do not hold."""
    return next(element for element in read.result if element not in others)


def _on(
    elements: Sequence[Any], found: Sequence[Entry], adds: dict[Any, Entry]
) -> tuple[Entry, ...]:
    """Return the operations and the adds of the elements, as if there were no other elements."""
    chosen = {each.number: each for each in found}
    for element in elements:
        if element in adds:
            chosen.setdefault(adds[element].number, adds[element])
    for each in found:
        if each.f == "read":
            shown = tuple([element for element in elements if element in (each.result or ())])
            chosen[each.number] = each._replace(result=shown)
    return in_order(list(chosen.values()))


def _layers(
    shown: Sequence[tuple[frozenset[Any], Entry]], adds: dict[Any, Entry]
) -> list[tuple[int, Entry]]:
    """Put the operations in layers: even ones are adds, odd ones the reads after them.

    Each of the reads shows all that the one before it does.
    """
    layers: list[tuple[int, Entry]] = []
    first_shown: dict[Any, int] = {}
    layer = 0
    # Invariant: `first_shown` has all elements that the reads so far show, each with the layer of
    # its add, right below that of the first read that shows it.
    for elements, read in shown:
        if len(elements) > len(first_shown):
            layer += 2
            for element in elements:
                first_shown.setdefault(element, layer)
        layers.append((layer + 1, read))
    for element, add in adds.items():
        if element in first_shown or add.completed is not None:
            layers.append((first_shown.get(element, layer + 2), add))
    return layers


def _backwards(layers: Sequence[tuple[int, Entry]]) -> list[Entry]:
    """Find an operation of a higher layer that ended before one of a lower began; or nothing.

    If both are adds, a read between their layers comes third.
    """
    by_end = sorted(layers, key=lambda each: end(each[1]))
    at = 0
    highest: tuple[int, Entry] | None = None
    # Invariant: `highest` is of the highest layer among those over before this one begins.
    for layer, entry in sorted(layers, key=lambda each: each[1].invoked):
        while end(by_end[at][1]) < entry.invoked:
            if highest is None or by_end[at][0] > highest[0]:
                highest = by_end[at]
            at += 1
        if highest is not None and highest[0] > layer:
            both = [highest[1], entry]
            if any(each.f == "read" for each in both):
                return both
            return [*both, next(each for at, each in layers if at == layer + 1)]
    return []


def _size(shown: tuple[frozenset[Any], Entry]) -> int:
    return len(shown[0])
