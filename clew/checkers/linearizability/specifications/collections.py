"""Sets, queues, stacks and priority queues.

Leaves out bounded queues, and operations that wait for an element.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from typing import Any

from clew.checkers.linearizability.specification import (
    UNANSWERED,
    Call,
    Called,
    Specification,
    show,
    truth_of,
)
from clew.errors import HistoryError


class Set(Specification):
    """A set: ``add x``, ``remove x``, ``contains x`` with a boolean, ``read`` with all elements.

    A boolean result of ``add`` or ``remove`` shows whether the set changed; any other is ignored.
    A read that shows an element twice shows no set.
    """

    name = "set"
    functions = ("add", "remove", "contains", "read")
    asking = ("contains", "read")
    strict_truth = True
    data_independent = True
    first: Any = frozenset()

    def partition(self, f: str, argument: Any, result: Any) -> Hashable:  # noqa: ARG002
        """Return the element; None for ``read``, which touches them all."""
        return None if f == "read" else (argument,)

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        """Return the set after the operation."""
        if f == "read":
            return (state,) if result is UNANSWERED or self._shows(result, state) else None
        member = self._holds(state, argument)
        said = truth_of(result)
        if f == "contains":
            return (state,) if result is UNANSWERED or said is member else None
        changes = not member if f == "add" else member
        if said is not None and said is not changes:
            return None
        return (self._changed(state, argument) if changes else state,)

    def describe_operation(self, f: str, argument: Any, result: Any) -> str:
        """Describe the operation; and if its answer is none, what was expected."""
        text = super().describe_operation(f, argument, result)
        if f == "contains" and result is not UNANSWERED and truth_of(result) is None:
            return f"{text} (expected true or false)"
        if f == "read" and result not in _NO_ELEMENTS and type(result) not in {tuple, frozenset}:
            return f"{text} (expected a list)"
        return text

    def _shows(self, result: Any, state: Any) -> bool:
        """Return whether a read's result is all elements of the state."""
        elements = () if result is None else result
        if type(elements) not in {tuple, frozenset} or len(elements) != len(state):
            return False  # a list that shows an element twice is longer than the set
        return bool(state == frozenset(elements))

    def _holds(self, state: Any, element: Any) -> bool:
        return element in state

    def _changed(self, state: Any, element: Any) -> Hashable:
        """Return the state with the element added if it was not in it, or else removed."""
        return state ^ {element}  # type: ignore[no-any-return]

    def fitted(self, calls: Sequence[Called]) -> tuple[Specification, Sequence[Called]]:
        """Make the state an integer, a bit for each element, if the whole set is read."""
        if all(call.f != "read" for call in calls):
            return self, calls
        elements = list(dict.fromkeys(call.argument for call in calls if call.f != "read"))
        bits = _Bits(elements)
        return bits, [bits.fit(call) for call in calls]

    def describe_state(self, state: Any) -> str:
        """Describe it, as in ``the set holds [1, 2]``."""
        return f"the set holds {show(state)}" if state else "the set is empty"


class _Bits(Set):
    """A set as an integer: bit i stands for the element i of those that operations name.

    A read that shows another element, or one twice, or is no list, has the result -1, which is no
    set.
    """

    data_independent = False
    first = 0

    def __init__(self, elements: Sequence[Any]) -> None:
        self._elements = elements
        self._bits = {element: bit for bit, element in enumerate(elements)}

    def fit(self, call: Called) -> Called:
        """Return the call with bits in place of elements."""
        if call.f == "read":
            return Call("read", None, call.result if call.result is UNANSWERED else self._all(call))
        return Call(call.f, self._bits[call.argument], call.result)

    def fitted(self, calls: Sequence[Called]) -> tuple[Specification, Sequence[Called]]:
        return self, calls

    def _all(self, read: Called) -> int:
        shown = () if read.result is None else read.result
        if type(shown) not in {tuple, frozenset} or not all(each in self._bits for each in shown):
            return -1
        digits = bytearray(b"0") * (len(self._elements) + 1)
        for each in shown:
            digits[-1 - self._bits[each]] = _ONE
        return int(digits, 2) if digits.count(_ONE) == len(shown) else -1

    def _shows(self, result: Any, state: Any) -> bool:
        return bool(result == state)

    def _holds(self, state: Any, element: Any) -> bool:
        return bool(state >> element & 1)

    def _changed(self, state: Any, element: Any) -> Hashable:
        return state ^ 1 << element  # type: ignore[no-any-return]

    def describe_state(self, state: Any) -> str:
        held = [each for bit, each in enumerate(self._elements) if state >> bit & 1]
        return super().describe_state(frozenset(held))


_ONE = ord("1")
_NO_ELEMENTS = (None, UNANSWERED)


class FifoQueue(Specification):
    """A first-in first-out queue: ``enqueue x``, ``dequeue`` with the oldest element.

    ``dequeue`` with the result nil means that the queue was empty.

    Attributes:
        puts: the functions that put an element in; all others take one out.
        end: the place of the element that is taken out.
    """

    name = "fifo-queue"
    functions: tuple[str, ...] = ("enqueue", "dequeue")
    puts = frozenset({"enqueue"})
    strict_truth = True
    data_independent = True
    first = ()
    kind = "queue"
    end = 0
    order = "oldest first"

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        """Return the elements after the operation."""
        if f in self.puts:
            return (self._with(state, argument),)
        if not state:
            return (state,) if result is None or result is UNANSWERED else None
        if result is not UNANSWERED and (result is None or state[self.end] != result):
            return None
        return (state[1:] if self.end == 0 else state[:-1],)

    def _with(self, state: Any, element: Any) -> Hashable:
        return (*state, element)

    def describe_operation(self, f: str, argument: Any, result: Any) -> str:
        """Describe it: ``enqueue 1``, or ``dequeue -> null`` if there was nothing."""
        if f not in self.puts and result is None:
            return f"{f} -> null"
        return super().describe_operation(f, argument, result)

    def describe_state(self, state: Any) -> str:
        """Describe it, as in ``the queue holds [1, 2], oldest first``."""
        return f"the {self.kind} " + (f"holds {show(state)}, {self.order}" if state else "is empty")


class Stack(FifoQueue):
    """A last-in first-out stack: ``push x``, ``pop`` with the newest element.

    ``pop`` with the result nil means that the stack was empty.
    """

    name = "stack"
    functions = ("push", "pop")
    puts = frozenset({"push"})
    kind = "stack"
    end = -1


class PriorityQueue(FifoQueue):
    """A queue by priority: ``insert x``, ``remove`` with the smallest element.

    ``remove`` with the result nil means that the queue was empty. ``enqueue`` and ``dequeue`` are
    other names of the two. Elements must be comparable with each other: numbers, strings, or
    lists such as ``[priority, item]``.
    """

    name = "priority-queue"
    functions = ("insert", "remove", "enqueue", "dequeue")
    puts = frozenset({"insert", "enqueue"})
    order = "smallest first"

    def _with(self, state: Any, element: Any) -> Hashable:
        try:
            place = bisect_right(state, element)
        except TypeError:
            raise HistoryError(
                "an element of the priority queue has no order among the others",
                expected=f"an element that compares with {show(state)}",
                found=show(element),
            ) from None
        return (*state[:place], element, *state[place:])
