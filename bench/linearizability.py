"""Times of the linearizability engines, printed as a table; nothing is asserted.

    python bench/linearizability.py [--quick]

Each row is the time of the check alone: events are already paired to operations. The last column
is the plain Wing and Gong engine on the same history, where it ends within its budget.
"""

import argparse
import gc
import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from pathlib import Path
from statistics import median

from clew import wall
from clew.checkers.linearizability import Linearizability, Specification
from clew.checkers.linearizability.entries import partitions
from clew.checkers.linearizability.plain import plain
from clew.checkers.linearizability.specifications import CasRegister, KeyValue, Register
from clew.checkers.linearizability.specifications.collections import (
    FifoQueue,
    PriorityQueue,
    Set,
    Stack,
)
from clew.checkers.verdict import Budget, OutOfBudget
from clew.formats import read_history
from clew.history import Event, History

PLAIN_CONFIGURATIONS = 100_000
PLAIN_ENTRIES_MAX = 2_000


class Client:
    """One operation in flight: it takes effect at a moment inside its interval."""

    def __init__(self, process: int, key: int | None, f: str, argument: object) -> None:
        self.process = process
        self.key = key
        self.f = f
        self.argument = argument
        self.answer: tuple[str, object] | None = None

    def value(self, value: object) -> object:
        return value if self.key is None else [self.key, value]


def recorded(
    operations: int,
    *,
    clients: int = 10,
    keys: int = 0,
    unique: bool = False,
    store: bool = False,
    seed: int = 1,
) -> History:
    """A linearizable history of a register for each key, with random overlaps."""
    source = random.Random(seed)
    state: dict[int | None, object] = {}
    events: list[Event] = []
    idle = list(range(clients))
    busy: list[Client] = []
    started = 0
    while started < operations or busy:
        if idle and started < operations and (not busy or source.random() < 0.5):
            process = idle.pop(source.randrange(len(idle)))
            key = source.randrange(keys) if keys else None
            f = source.choice(["read", "write"] if unique else ["read", "write", "cas"])
            if store:
                f = source.choice(["get", "put", "append"])
            argument = {
                "write": started if unique else source.randrange(5),
                "cas": [source.randrange(5), source.randrange(5)],
                "put": f"p{started} ",
                "append": f"a{started} ",
            }.get(f)
            client = Client(process, key, f, argument)
            events.append(Event(process, "invoke", f, client.value(argument)))
            busy.append(client)
            started += 1
            continue
        client = source.choice(busy)
        if client.answer is None:
            take_effect(client, state)
        else:
            busy.remove(client)
            idle.append(client.process)
            kind, value = client.answer
            events.append(Event(client.process, kind, client.f, client.value(value)))
    return History(events)


def take_effect(client: Client, state: dict[int | None, object]) -> None:
    held = state.get(client.key)
    argument = client.argument
    if client.f in {"read", "get"}:
        client.answer = ("ok", held)
        return
    if client.f == "cas" and argument[0] != held:
        client.answer = ("fail", argument)
        return
    if client.f == "append":
        state[client.key] = (held or "") + argument
    else:
        state[client.key] = argument[1] if client.f == "cas" else argument
    client.answer = ("ok", argument)


COLLECTIONS = {
    Set: ("add", "contains"),
    FifoQueue: ("enqueue", "dequeue"),
    Stack: ("push", "pop"),
    PriorityQueue: ("insert", "remove"),
}


def collected(specification: type[Specification], operations: int, *, clients: int = 10) -> History:
    """A linearizable history of a collection to which each value is added once.

    Half of the operations add one; the others take one out, or test whether one is in the set.
    """
    source = random.Random(3)
    put, take = COLLECTIONS[specification]
    # What is added comes in any order, so that a priority queue has something to choose.
    values = source.sample(range(operations), operations)
    held: list[int] = []
    events: list[Event] = []
    idle = list(range(clients))
    busy: list[Client] = []
    started = 0
    while started < operations or busy:
        if idle and started < operations and (not busy or source.random() < 0.5):
            f = source.choice([put, take])
            argument = values[started] if f == put or specification is Set else None
            busy.append(Client(idle.pop(source.randrange(len(idle))), None, f, argument))
            events.append(Event(busy[-1].process, "invoke", f, argument))
            started += 1
            continue
        client = source.choice(busy)
        if client.answer is None:
            client.answer = ("ok", moved(specification, client, held))
        else:
            busy.remove(client)
            idle.append(client.process)
            events.append(Event(client.process, "ok", client.f, client.answer[1]))
    return History(events)


def moved(specification: type[Specification], client: Client, held: list[int]) -> object:
    """What the operation returns; the values held are the queue's, the stack's or the heap's."""
    if specification is Set:
        return client.f == "add"
    if client.argument is not None:
        if specification is PriorityQueue:
            heappush(held, client.argument)
        else:
            held.append(client.argument)
        return None
    if not held:
        return None
    if specification is PriorityQueue:
        return heappop(held)
    return held.pop(0 if specification is FifoQueue else -1)


def with_reads(operations: int, *, clients: int = 10) -> History:
    """A linearizable history of a set that only grows, with 20 reads of all its elements."""
    source = random.Random(4)
    events: list[Event] = []
    held: list[int] = []
    for first in range(0, operations, clients):
        turn = range(first, min(first + clients, operations))
        events += [Event(at - first, "invoke", "add", at) for at in turn]
        answers = source.sample(turn, len(turn))
        events += [Event(at - first, "ok", "add", at) for at in answers]
        held += turn
        if first // clients % max(1, operations // clients // 20) == 0:
            events.append(Event(clients, "invoke", "read", None))
            events.append(Event(clients, "ok", "read", list(held)))
    return History(events)


def with_stale_read(history: History) -> History:
    """The same, and at its end two writes and a read of the first."""
    last = []
    for process, value in ((1_000, "old"), (1_001, "new")):
        last += [Event(process, "invoke", "write", value), Event(process, "ok", "write", value)]
    last += [Event(1_002, "invoke", "read", None), Event(1_002, "ok", "read", "old")]
    return History([*history, *last])


def with_pending(history: History, count: int) -> History:
    """The same, with that many unanswered operations before its last reads."""
    source = random.Random(2)
    events = list(history)
    for at in range(count):
        f = "write" if at % 2 else "cas"
        argument = source.randrange(5) if at % 2 else [source.randrange(5), source.randrange(5)]
        events.append(Event(10_000 + at, "invoke", f, argument))
    return History(events)


def single(name: str) -> tuple[str, Specification, History]:
    """A row of the table by its name."""
    return next((name, each(), history()) for label, each, history in ROWS if label == name)


ROWS: list[tuple[str, type[Specification], Callable[[], History]]] = [
    ("register, unique values, 10k", Register, lambda: recorded(10_000, unique=True)),
    ("register, unique values, 100k", Register, lambda: recorded(100_000, unique=True)),
    ("register, unique values, 1M", Register, lambda: recorded(1_000_000, unique=True)),
    ("register, unique values, 100k over 100 keys", Register,
     lambda: recorded(100_000, unique=True, keys=100)),
    ("cas-register, 10 clients, 1k", CasRegister, lambda: recorded(1_000)),
    ("cas-register, 10 clients, 10k", CasRegister, lambda: recorded(10_000)),
    ("cas-register, 10 clients, 100k", CasRegister, lambda: recorded(100_000)),
    ("cas-register, 100k over 100 keys", CasRegister, lambda: recorded(100_000, keys=100)),
    ("cas-register, 1k, stale read at the end", CasRegister,
     lambda: with_stale_read(recorded(1_000))),
    ("cas-register, 10k, stale read at the end", CasRegister,
     lambda: with_stale_read(recorded(10_000))),
    ("cas-register, 1k, 200 pending", CasRegister, lambda: with_pending(recorded(1_000), 200)),
    ("cas-register, 1k, 200 pending, stale read", CasRegister,
     lambda: with_stale_read(with_pending(recorded(1_000), 200))),
    ("key-value, 10 clients, 10 keys, 1k", KeyValue,
     lambda: recorded(1_000, keys=10, store=True)),
    ("key-value, 50 clients, 10 keys, 1k", KeyValue,
     lambda: recorded(1_000, clients=50, keys=10, store=True)),
    ("set, tests of elements, 10k", Set, lambda: collected(Set, 10_000)),
    ("set, tests of elements, 100k", Set, lambda: collected(Set, 100_000)),
    ("set, 20 reads of all, 10k", Set, lambda: with_reads(10_000)),
    ("set, 20 reads of all, 100k", Set, lambda: with_reads(100_000)),
    ("fifo-queue, unique values, 10k", FifoQueue, lambda: collected(FifoQueue, 10_000)),
    ("fifo-queue, unique values, 100k", FifoQueue, lambda: collected(FifoQueue, 100_000)),
    ("stack, unique values, 10k", Stack, lambda: collected(Stack, 10_000)),
    ("stack, unique values, 100k", Stack, lambda: collected(Stack, 100_000)),
    ("priority-queue, unique values, 10k", PriorityQueue,
     lambda: collected(PriorityQueue, 10_000)),
    ("priority-queue, unique values, 100k", PriorityQueue,
     lambda: collected(PriorityQueue, 100_000)),
]  # fmt: skip


def measure(name: str) -> str:
    """One row, in this process."""
    _, specification, history = single(name)
    operations = len(history.operations)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, result = best(lambda: Linearizability(specification).check(history, Budget()))
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    oracle = "-"
    if operations <= PLAIN_ENTRIES_MAX:
        slow = plain_seconds(specification, history)
        oracle = "gave up" if slow is None else f"{slow * 1e3:.1f} ({slow / seconds:.0f}x)"
    configurations = result.statistics["configurations"]
    return (
        f"{name:45} {operations:>9} {result.verdict.value:>8} {result.engine:>14} "
        f"{configurations:>9} {seconds * 1e3:>9.1f} {memory:>7.0f} {oracle:>16}"
    )


def corpus_table() -> None:
    """The recorded etcd logs, where this machine has them: the sum and the median file."""
    named = os.environ.get("CLEW_CORPUS")
    beside = Path(__file__).resolve().parent.parent.parent / "shared" / "corpus"
    folder = (Path(named) if named else beside) / "porcupine" / "etcd"
    histories = [read_history(path) for path in sorted(folder.glob("*.log"))]
    if not histories:
        print("no recorded etcd logs; set CLEW_CORPUS to their folder")
        return
    for label, explained in (("the verdict alone", False), ("verdict and explanation", True)):
        checker = Linearizability(CasRegister(), explained=explained)
        times = []
        for history in histories:
            assert history.operations
            seconds, _ = best(partial(checker.check, history, Budget()))
            times.append(seconds * 1e3)
        print(
            f"{len(times)} etcd logs, {label}: {sum(times):.1f} ms in all, "
            f"median {median(times):.3f} ms"
        )


def best(work: Callable[[], object], rounds: int = 3) -> tuple[float, object]:
    seconds, result = float("inf"), None
    for _ in range(rounds):
        started = wall.seconds()
        result = work()
        seconds = min(seconds, wall.seconds() - started)
    return seconds, result


def plain_seconds(specification: Specification, history: History) -> float | None:
    started = wall.seconds()
    try:
        for part in partitions(specification, history):
            budget = Budget(seconds=5, configurations=PLAIN_CONFIGURATIONS)
            plain(specification, part.entries, budget)
    except OutOfBudget:
        return None
    return wall.seconds() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the long histories")
    parser.add_argument("--row", help="one row, by its name")
    options = parser.parse_args()
    if options.row:
        print(measure(options.row))
        return
    print(
        f"{'history':45} {'ops':>9} {'verdict':>8} {'engine':>14} {'configs':>9} {'ms':>9} "
        f"{'MiB':>7} {'plain, ms':>16}"
    )
    for name, _, history in ROWS:
        if options.quick and ("100k" in name or "1M" in name):
            continue
        assert history
        # A process for each row, so that the memory is the row's own.
        subprocess.run([sys.executable, __file__, "--row", name], check=True)
    corpus_table()


if __name__ == "__main__":
    main()
