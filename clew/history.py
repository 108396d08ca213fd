"""What clients saw: operations and histories, in Jepsen's model.

A history is a sequence of events. Each client operation is an ``invoke`` followed by its
completion: ``ok`` (it happened), ``fail`` (it did not happen) or ``info`` (nobody knows: it may
take effect at any later time, or never). A process has one operation open at a time.

Reading and writing files is `clew.formats`; judging them is `clew.checkers`.

Source: Jepsen's history model, https://github.com/jepsen-io/history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, overload

from clew.errors import HistoryError
from clew.machine.garbage import uncollected

EventType: TypeAlias = Literal["invoke", "ok", "fail", "info"]
Process: TypeAlias = int | str

EVENT_TYPES: tuple[EventType, ...] = ("invoke", "ok", "fail", "info")


class Event(NamedTuple):
    """One line of a history.

    Attributes:
        process: the client; an int for clients, a str for others (``nemesis``).
        type: ``invoke``, ``ok``, ``fail`` or ``info``.
        f: the name of the function, such as ``read`` or ``cas``.
        value: its argument on invoke, its result on completion; any JSON value.
        time: nanoseconds since the start, or None if the source has no times. Only the
            order of events in the history is trusted by checkers of real-time order.
        error: why it failed or is unknown; None if it is not recorded.
        node: the node that received the request; None if it is not recorded.
        extra: whatever else a file holds on the event and a reader may want back, or None.
    """

    process: Process
    type: EventType
    f: str
    value: Any = None
    time: int | None = None
    error: Any = None
    node: str | None = None
    extra: dict[str, Any] | None = None


class Operation(NamedTuple):
    """An invocation paired with its completion.

    ``invoked`` and ``completed`` are positions in the history, and the closed interval between
    them is when the operation may have taken effect. ``completed`` is None for an operation
    that was never answered; an ``info`` operation keeps the position of its ``info`` but may take
    effect at any time after its invocation: use `pending`.

    Attributes:
        number: rank of the invocation among the invocations, from 0.
        type: ``ok``, ``fail`` or ``info``; one that was never answered is ``info``.
        argument: the value of the invocation.
        result: the value of the completion; None if there is none.
        start: time of the invocation, ns; None if the source has no times.
        end: time of the completion, ns; None if there is none.
    """

    number: int
    process: Process
    f: str
    type: EventType
    argument: Any
    result: Any
    invoked: int
    completed: int | None
    start: int | None = None
    end: int | None = None
    error: Any = None
    node: str | None = None

    @property
    def pending(self) -> bool:
        """True if the operation may take effect at any time after its invocation."""
        return self.type == "info"


class History(Sequence[Event]):
    """An immutable sequence of events in the order they happened.

    Args:
        events: the events in real-time order.
        source: the file it came from, for messages.
        lines: for each event its line in that file, for messages.
        format: the name of the file's format, if it came from a file.
        timeless: whether it is unknown when operations began, and so in which order.
        marks_final: whether each final read is marked as one, so that no other read is final.
    """

    __slots__ = ("_operations", "events", "format", "lines", "marks_final", "source", "timeless")

    def __init__(
        self,
        events: Iterable[Event],
        *,
        source: str | None = None,
        lines: Sequence[int] | None = None,
        format: str | None = None,  # noqa: A002 - the word
        timeless: bool = False,
        marks_final: bool = False,
    ) -> None:
        self.events: list[Event] = list(events)
        self.source = source
        self.lines = lines
        self.format = format
        self.timeless = timeless
        self.marks_final = marks_final
        self._operations: list[Operation] | None = None

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        return self.events[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self.events == other.events

    def __hash__(self) -> int:
        return hash(tuple((event.process, event.type, event.f) for event in self.events))

    def __repr__(self) -> str:
        return f"History({len(self.events)} events, {len(self.operations)} operations)"

    def place(self, position: int) -> str:
        """Say where an event came from, for a message: ``file:line``, or its position."""
        if self.lines is not None:
            return f"{self.source or 'history'}:{self.lines[position]}"
        return f"{self.source or 'history'}: event {position}"

    @property
    def operations(self) -> list[Operation]:
        """The client operations in order of invocation; computed once, in O(n).

        Events of processes whose name is a str (the nemesis) are not client operations and are left
        out.

        Raises:
            HistoryError: a completion without its invocation, a process that invokes while its
                last operation is open, or a completion whose ``f`` is not its invocation's.

        A process that invokes again after an ``info`` is read as a new client: its earlier
        operation stays pending.
        """
        if self._operations is None:
            self._operations = self._pair()
        return self._operations

    def _pair(self) -> list[Operation]:
        with uncollected():
            return self._paired()

    def _paired(self) -> list[Operation]:
        make = tuple.__new__  # the class's own call takes as long as all the rest
        operations: list[Any] = []
        open_of: dict[Process, int] = {}
        # Invariant: in place of an operation that is still open stands the position of its
        # invocation; `open_of` has its number, by process. An `info` closes it as well, so that the
        # process may invoke again; what is open at the end stays pending.
        for position, event in enumerate(self.events):
            process, kind, f, value, time, error, node, _ = event
            if type(process) is not int:
                continue
            if kind == "invoke":
                if process in open_of:
                    raise self._invoked_twice(position, operations[open_of[process]])
                open_of[process] = len(operations)
                operations.append(position)
                continue
            number = open_of.pop(process, None)
            if number is None:
                raise self._unmatched(position, None)
            invoked = operations[number]
            _, _, asked, argument, start, _, asked_at, _ = self.events[invoked]
            if asked != f:
                raise self._unmatched(position, invoked)
            operations[number] = make(
                Operation,
                (number, process, f, kind, argument, value, invoked, position, start, time, error,
                 asked_at or node),
            )  # fmt: skip
        for number in open_of.values():
            operations[number] = self._unanswered(number, operations[number])
        return operations

    def _unanswered(self, number: int, invoked: int) -> Operation:
        call = self.events[invoked]
        return Operation(
            number, call.process, call.f, "info", call.value, None, invoked, None,
            call.time, None, None, call.node,
        )  # fmt: skip

    def _invoked_twice(self, position: int, earlier: int) -> HistoryError:
        event = self.events[position]
        return HistoryError(
            f"process {event.process} invokes {event.f} while its operation from "
            f"{self.place(earlier)} is open",
            where=self.place(position),
            expected=f"the completion of {self.events[earlier].f} first",
            found=f"another invoke of process {event.process}",
            fix="Give each concurrent client a process of its own",
        )

    def _unmatched(self, position: int, invoked: int | None) -> HistoryError:
        event = self.events[position]
        found = "no open operation" if invoked is None else f"an open {self.events[invoked].f}"
        return HistoryError(
            f"{event.type} of {event.f} by process {event.process} has no invocation",
            where=self.place(position),
            expected=f"an earlier invoke of {event.f} by process {event.process}",
            found=found,
            fix="Check that the file is whole and its events are in order of time",
        )
