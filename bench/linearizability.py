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
from pathlib import Path
from statistics import median

from clew import wall
from clew.checkers.linearizability import Linearizability, Specification
from clew.checkers.linearizability.entries import partitions
from clew.checkers.linearizability.plain import plain
from clew.checkers.linearizability.specifications import CasRegister, KeyValue, Register
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
        f"{name:45} {operations:>9} {result.verdict.value:>8} {result.engine:>8} "
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
        f"{'history':45} {'ops':>9} {'verdict':>8} {'engine':>8} {'configs':>9} {'ms':>9} "
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
