"""Times of the linearizability engines beside the plain engine and figures of other checkers.

Run: ``python bench/linearizability.py [--quick] [--row NAME]``; prints tables in Markdown.

All times are seconds of the processor, so that other work on the machine matters less. A row has
the time of the verdict alone, the best of three, of events that are already paired to operations,
and what `clew check` takes for the same history in a file, step by step.
The plain engine is Wing and Gong's algorithm as the tests use it, on the same history, where it
ends within its budget. The figures of other checkers are no part of the run: they were taken once,
on a machine of this kind and not on the very same histories, so that a ratio to them is an order of
magnitude.
"""

import argparse
import gc
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from pathlib import Path
from statistics import median
from typing import NamedTuple

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
from clew.checkers.recording import Seconds
from clew.checkers.recordings import judge_files
from clew.checkers.verdict import Budget, OutOfBudget, Result
from clew.formats import read_history, write_jsonl
from clew.history import Event, History
from clew.machine import wall

HERE = Path(__file__).resolve().parent

PLAIN_CONFIGURATIONS = 100_000
PLAIN_ENTRIES_MAX = 2_000

SLOW_SECONDS = 2.0
"""What takes longer is measured once."""


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


def collected(
    specification: type[Specification], operations: int, *, clients: int = 10, values_max: int = 0
) -> History:
    """A linearizable history of a collection to which each value is added once.

    Half of the operations add one; the others take one out, or test whether one is in the set.
    With ``values_max`` there are only so many values, and they repeat.
    """
    source = random.Random(3)
    put, take = COLLECTIONS[specification]
    # What is added comes in any order, so that a priority queue has something to choose.
    values: list[int] = source.sample(range(operations), operations)
    if values_max:
        values = [each % values_max for each in values]
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


def with_wrong_take(history: History) -> History:
    """The same queue or stack, where one value taken out in its middle is another one."""
    events = list(history)
    taken = [at for at, each in enumerate(events) if each.type == "ok" and each.value is not None]
    wrong = taken[len(taken) // 2]
    events[wrong] = events[wrong]._replace(value=(events[wrong].value + 1) % 5)
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


def with_wrong_read(operations: int) -> History:
    """A set that only grows, and one of its reads of all elements lacks one of them."""
    events = list(with_reads(operations))
    reads = [at for at, each in enumerate(events) if each.f == "read" and each.type == "ok"]
    wrong = reads[3 * len(reads) // 4]
    shown = list(events[wrong].value)
    del shown[len(shown) // 2]
    events[wrong] = events[wrong]._replace(value=shown)
    return History(events)


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        name: what the history is.
        specification: what it is checked against.
        history: makes it.
        limit: the time that the check should not exceed, in ms; None for none.
        reference: another checker's time on a history of this kind, ms.
        of: that checker.
    """

    name: str
    specification: type[Specification]
    history: Callable[[], History]
    limit: float | None = None
    reference: float | None = None
    of: str = ""


PORCUPINE, KNOSSOS = "Porcupine (Go)", "Knossos"

ROWS = [
    Row("register, unique values, 10k", Register, lambda: recorded(10_000, unique=True),
        10, 640, PORCUPINE),
    Row("register, unique values, 100k", Register, lambda: recorded(100_000, unique=True),
        100, None, f"{PORCUPINE}: out of memory at 21 GB"),
    Row("register, unique values, 1M", Register, lambda: recorded(1_000_000, unique=True), 1000),
    Row("register, unique values, 100k over 100 keys", Register,
        lambda: recorded(100_000, unique=True, keys=100), None, 105, PORCUPINE),
    Row("register, unique values, 1M over 1000 keys", Register,
        lambda: recorded(1_000_000, unique=True, keys=1000), None, 1889, PORCUPINE),
    Row("cas-register, 10 clients, 1k", CasRegister, lambda: recorded(1_000)),
    Row("cas-register, 10 clients, 10k", CasRegister, lambda: recorded(10_000)),
    Row("cas-register, 10 clients, 100k", CasRegister, lambda: recorded(100_000), 1500),
    Row("cas-register, 100k over 100 keys", CasRegister,
        lambda: recorded(100_000, keys=100), 500, 105, PORCUPINE),
    Row("cas-register, 50 clients, 5k", CasRegister, lambda: recorded(5_000, clients=50)),
    Row("cas-register, 50 clients, 600, stale read", CasRegister,
        lambda: with_stale_read(recorded(600, clients=50))),
    Row("cas-register, 50 clients, 5k, stale read", CasRegister,
        lambda: with_stale_read(recorded(5_000, clients=50))),
    Row("cas-register, 1k, stale read at the end", CasRegister,
        lambda: with_stale_read(recorded(1_000))),
    Row("cas-register, 10k, stale read at the end", CasRegister,
        lambda: with_stale_read(recorded(10_000))),
    Row("cas-register, 1k, 200 pending", CasRegister,
        lambda: with_pending(recorded(1_000), 200)),
    Row("cas-register, 1k, 200 pending, stale read", CasRegister,
        lambda: with_stale_read(with_pending(recorded(1_000), 200))),
    Row("key-value, 10 clients, 10 keys, 1k", KeyValue,
        lambda: recorded(1_000, keys=10, store=True)),
    Row("key-value, 50 clients, 10 keys, 1k", KeyValue,
        lambda: recorded(1_000, clients=50, keys=10, store=True), None, 148, PORCUPINE),
    Row("set, tests of elements, 10k", Set, lambda: collected(Set, 10_000)),
    Row("set, tests of elements, 100k", Set, lambda: collected(Set, 100_000)),
    Row("set, 20 reads of all, 10k", Set, lambda: with_reads(10_000)),
    Row("set, 20 reads of all, 100k", Set, lambda: with_reads(100_000)),
    Row("set, 20 reads of all, one wrong, 10k", Set, lambda: with_wrong_read(10_000)),
    Row("fifo-queue, unique values, 10k", FifoQueue, lambda: collected(FifoQueue, 10_000)),
    Row("fifo-queue, unique values, 100k", FifoQueue, lambda: collected(FifoQueue, 100_000)),
    Row("fifo-queue, 5 values, 2k", FifoQueue, lambda: collected(FifoQueue, 2_000, values_max=5)),
    Row("fifo-queue, 5 values, 2k, one wrong", FifoQueue,
        lambda: with_wrong_take(collected(FifoQueue, 2_000, values_max=5))),
    Row("fifo-queue, 5 values, 20k", FifoQueue,
        lambda: collected(FifoQueue, 20_000, values_max=5)),
    Row("stack, unique values, 10k", Stack, lambda: collected(Stack, 10_000)),
    Row("stack, unique values, 100k", Stack, lambda: collected(Stack, 100_000)),
    Row("priority-queue, unique values, 10k", PriorityQueue,
        lambda: collected(PriorityQueue, 10_000)),
    Row("priority-queue, unique values, 100k", PriorityQueue,
        lambda: collected(PriorityQueue, 100_000)),
]  # fmt: skip


def measure(name: str) -> str:
    """One row, in this process."""
    row = next(each for each in ROWS if each.name == name)
    history = row.history()
    operations = len(history.operations)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    checker = Linearizability(row.specification(), explained=False)
    seconds, result = best(lambda: checker.check(history, Budget()))
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    slow = None
    if operations <= PLAIN_ENTRIES_MAX:
        slow = plain_seconds(row.specification(), history)
    configurations = result.statistics["configurations"]
    taken = from_file(row, history)
    return line(
        row.name, f"{operations:,}", result.verdict.value, result.engine, f"{configurations:,}",
        f"{seconds * 1e3:.1f}", "" if row.limit is None else f"{row.limit:,}",
        *(f"{each * 1e3:.1f}" for each in (taken.read, taken.pair, taken.explain, sum(taken))),
        f"{memory:.0f}",
        "gave up" if slow is None and operations <= PLAIN_ENTRIES_MAX else beside(slow, seconds),
        other(row, seconds),
    )  # fmt: skip


def from_file(row: Row, history: History) -> Seconds:
    """What `clew check` takes for the history in JSON, the start of the command aside."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        write_jsonl(history, file)
        file.flush()
        judgements = [
            next(judge_files([file.name], row.specification.name))
            for _ in range(1 if len(history) > 500_000 else 3)
        ]
    return min((each.seconds for each in judgements), key=sum)


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def beside(other_seconds: float | None, seconds: float) -> str:
    """Another one's time in ms, and our verdict's beside it: below 1 ours takes less."""
    if other_seconds is None:
        return ""
    return f"{other_seconds * 1e3:,.1f} ({seconds / other_seconds:.2g})"


def other(row: Row, seconds: float) -> str:
    if row.reference is None:
        return row.of
    return f"{row.of} {beside(row.reference / 1e3, seconds)}"


def corpus() -> Path:
    named = os.environ.get("CLEW_CORPUS")
    return Path(named) if named else HERE.parent.parent / "shared" / "corpus"


# Recorded histories: folder, pattern, specification, and for how many files what they took, ms.
RECORDED = [
    ("porcupine/etcd", "*.log", CasRegister(), 102, {PORCUPINE: 373, "limit": 3 * 24}),
    ("porcupine/kv", "c*-ok.txt", KeyValue(), 0, {}),
    ("porcupine/kv", "c*-bad.txt", KeyValue(), 0, {}),
    ("knossos/cas-register", "*.edn", CasRegister(nil_reads="any"), 120,
     {KNOSSOS: 4560, PORCUPINE: 9.2}),
]  # fmt: skip


def corpus_table() -> None:
    """The recorded histories, where this machine has them."""
    print(
        "| recorded | files | all, ms | median file, ms | plain engine, all, ms | "
        "others, for as many files, ms |"
    )
    print("|---|---|---|---|---|---|")
    for folder, pattern, specification, count, figures in RECORDED:
        histories = [read_history(path) for path in sorted((corpus() / folder).glob(pattern))]
        if not histories:
            print(line(f"{folder}/{pattern}", "0", "set CLEW_CORPUS to the corpus", "", "", ""))
            continue
        scaled = [
            f"{name} {figure * len(histories) / count:.3g}" for name, figure in figures.items()
        ]
        for label, explained in (("the verdict", False), ("verdict and explanation", True)):
            checker = Linearizability(specification, explained=explained)
            times = [judged(checker, each) * 1e3 for each in histories]
            plains = [] if explained else [plain_seconds(specification, each) for each in histories]
            slow = sum(each for each in plains if each is not None) * 1e3
            gave_up = plains.count(None)
            print(
                line(
                    f"{folder}/{pattern}, {label}", str(len(times)), f"{sum(times):.1f}",
                    f"{median(times):.3f}",
                    f"{slow:,.0f}{f', gave up on {gave_up}' if gave_up else ''}" if plains else "",
                    ", ".join(scaled),
                )
            )  # fmt: skip


def judged(checker: Linearizability, history: History) -> float:
    assert history.operations
    return best(partial(checker.check, history, Budget()))[0]


def best(work: Callable[[], Result], rounds: int = 3) -> tuple[float, Result]:
    seconds = float("inf")
    for _ in range(rounds):
        started = wall.seconds()
        result = work()
        seconds = min(seconds, wall.seconds() - started)
        if seconds > SLOW_SECONDS:
            break
    return seconds, result


def plain_seconds(specification: Specification, history: History) -> float | None:
    """The plain engine's time; None where it gave up."""
    started = wall.seconds()
    try:
        for part in partitions(specification, history):
            budget = Budget(seconds=5, steps=PLAIN_CONFIGURATIONS)
            plain(specification, part.entries, budget)
    except OutOfBudget:
        return None
    return wall.seconds() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the long histories")
    parser.add_argument("--row", help="one row, by its name")
    options = parser.parse_args()
    wall.seconds = time.process_time  # that of the steps of a check, too
    if options.row:
        print(measure(options.row))
        return
    print(
        "Figures of other checkers were measured once, on a machine of this kind and on other "
        "histories of the same kind: read them as orders of magnitude.\n"
    )
    print(
        "The verdict alone is that of a history that is paired already. The whole is what a person "
        "waits for after `clew check` has started, with a file in JSON: reading, pairing, the "
        "verdict, its explanation and what finds the model. In brackets: the verdict alone / the "
        "other's time.\n"
    )
    print(
        "| history | operations | verdict | engine | configurations | the verdict alone, ms "
        "| limit, ms | read, ms | pair, ms | explain, ms | the whole, ms | MiB "
        "| plain engine, ms (Clew / it) | others, ms (Clew / it) |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for row in ROWS:
        if options.quick and ("100k" in row.name or "1M" in row.name):
            continue
        # A process for each row, so that the memory is the row's own.
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__, "--row", row.name], check=True)
    print()
    corpus_table()


if __name__ == "__main__":
    main()
