"""What is decided of queues, stacks, priority queues and sets, and in how many seconds of the
processor.

Run: ``python bench/collected.py [--steps N] [--longest N] [--kind NAME]``.

It prints Markdown. Twenty clients at once; distinct values or twenty of them; no operation or one
in twenty unanswered; as a correct object answers, or with one result made another, which may still
be right. A column is one length, and a cell says what came out, in how many seconds.
"""

import argparse
import random
import resource
import sys
from heapq import heappop, heappush
from itertools import product
from typing import Any

from clew.checkers.linearizability import Linearizability, Specification
from clew.checkers.linearizability.specifications.collections import (
    FifoQueue,
    PriorityQueue,
    Set,
    Stack,
)
from clew.checkers.verdict import Budget, run_checker
from clew.history import Event, History

CLIENTS = 20
VALUES = 20
LENGTHS = (50, 100, 200, 500, 1000, 2000)
SPECIFICATIONS: dict[str, type[Specification]] = {
    "queue": FifoQueue,
    "stack": Stack,
    "priority-queue": PriorityQueue,
    "set": Set,
}


class Held:
    """The object itself, of one of the four kinds."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.items: list[int] = []

    def does(self, f: str, argument: int | None) -> Any:  # noqa: C901, PLR0911 - a case for each f
        items = self.items
        if f in {"enqueue", "push"}:
            items.append(argument)
        elif f == "insert":
            heappush(items, argument)
        elif f == "add":
            if argument in items:
                return False
            items.append(argument)
        elif f == "contains":
            return argument in items
        elif f == "read":
            return sorted(items)
        elif self.kind == "set":
            if argument not in items:
                return False
            items.remove(argument)
        elif not items:
            return None
        elif self.kind == "priority-queue":
            return heappop(items)
        else:
            return items.pop(0 if self.kind == "queue" else -1)
        return True if self.kind == "set" else argument


FUNCTIONS = {
    "queue": ("enqueue", "dequeue"),
    "stack": ("push", "pop"),
    "priority-queue": ("insert", "remove"),
    "set": ("add", "remove", "contains", "read"),
}


def recorded(
    kind: str, operations: int, *, repeated: bool, unanswered: float, wrong: bool, seed: int
) -> History:
    """The history of an object of this kind with random overlaps."""
    source = random.Random(seed)
    held = Held(kind)
    events: list[Event] = []
    idle = list(range(CLIENTS))
    busy: list[list[Any]] = []
    started, fresh = 0, CLIENTS
    while started < operations or busy:
        if idle and started < operations and (not busy or source.random() < 0.6):
            process = idle.pop(source.randrange(len(idle)))
            f = source.choice(FUNCTIONS[kind])
            value = None
            if f in {"enqueue", "push", "insert", "add", "contains"} or (f, kind) == (
                "remove",
                "set",
            ):
                value = source.randrange(VALUES) if repeated else started
                if not repeated and kind == "set" and f != "add":
                    value = source.randrange(started + 1)
            events.append(Event(process, "invoke", f, value))
            lost = source.random() < unanswered
            busy.append([process, f, value, None, lost])
            started += 1
            continue
        client = source.choice(busy)
        process, f, value, answer, lost = client
        if answer is None:
            never = lost and source.random() < 0.5
            client[3] = [None] if never else [held.does(f, value)]
            continue
        busy.remove(client)
        if lost:
            events.append(Event(process, "info", f, value))
            idle.append(fresh)
            fresh += 1
            continue
        idle.append(process)
        result = answer[0]
        events.append(Event(process, "ok", f, result))
    return History(_spoiled(events, kind, source) if wrong else events)


def spent() -> float:
    """Seconds of the processor that this process has taken."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _spoiled(events: list[Event], kind: str, source: random.Random) -> list[Event]:
    """The events with one result of the second half made another one that was seen elsewhere."""
    asks = {"dequeue", "pop", "remove", "contains", "read"}
    seen = [
        at
        for at, each in enumerate(events)
        if each.type == "ok" and each.f in asks and at > len(events) // 2
    ]
    at = source.choice(seen)
    value = events[at].value
    if kind == "set":
        value = _other_set(value, source)
    else:
        others = [
            events[each].value
            for each in seen
            if events[each].value not in {value, None} and abs(each - at) > 2 * CLIENTS
        ]
        other = source.choice(others) if others else None
        if other is not None:
            twin = next(each for each in seen if events[each].value == other)
            events[twin] = events[twin]._replace(value=value)
        value = other
    spoiled = list(events)
    spoiled[at] = events[at]._replace(value=value)
    return spoiled


def _other_set(value: Any, source: random.Random) -> Any:
    if not isinstance(value, list):
        return not value
    return value[1:] if value else [source.randrange(VALUES)]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--longest", type=int, default=2000)
    parser.add_argument("--kind", default=None)
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args(arguments)
    lengths = [each for each in LENGTHS if each <= asked.longest]
    print("| kind | values | unanswered | history |", *(f"{each} |" for each in lengths))
    print("| --- | --- | --- | --- |", *("--- |" for _ in lengths))
    for kind, repeated, unanswered, wrong in product(
        SPECIFICATIONS, (False, True), (0.0, 0.05), (False, True)
    ):
        if asked.kind not in {None, kind}:
            continue
        cells = []
        for length in lengths:
            told = []
            for seed in range(asked.seeds):
                history = recorded(
                    kind, length, repeated=repeated, unanswered=unanswered, wrong=wrong, seed=seed
                )
                checker = Linearizability(SPECIFICATIONS[kind]())
                begun = spent()
                result = run_checker(checker, history, Budget(steps=asked.steps))
                told.append(f"{result.verdict.value} {spent() - begun:.2f}")
            cells.append(", ".join(told))
        row = [kind, "repeated" if repeated else "distinct", f"{unanswered:.0%}"]
        row.append("one wrong" if wrong else "clean")
        print("|", " | ".join([*row, *cells]), "|", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
