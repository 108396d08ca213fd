"""How long checkers of transactions, sessions and logs take: ``bench/transactions.py [--all]``.

Histories are made by small stores that are correct by construction; only the one with a stale read
may be found invalid. The check alone is timed, on a history whose invocations and completions are
paired already; times are the best of three. ``--all`` goes up to a million transactions.

Elle's figures were taken once, on a warm Java machine with 2 cores of this kind, for histories of
the same workload; they are not measured here.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from random import Random
from time import perf_counter
from typing import Any

from clew.checkers.kafka import Kafka
from clew.checkers.registers.causal import Causal
from clew.checkers.registers.sequential import Sequential
from clew.checkers.registers.sessions import Sessions
from clew.checkers.transactions import ListAppend, RwRegister
from clew.checkers.transactions.consistency_models import MODELS
from clew.checkers.verdict import Budget, Result
from clew.history import Event, History

KEYS = 5
ENTANGLED_KEYS = 300
ENTANGLED_CLIENTS = 1000
WRITES_PER_KEY_MAX = 32


class Workload:
    """Transactions of one to four micro-operations over a few keys that are replaced when full."""

    def __init__(self, random: Random, keys: int = KEYS) -> None:
        self.random = random
        self.active = list(range(keys))
        self.written = dict.fromkeys(self.active, 0)
        self.next_key = keys

    def transaction(self) -> list[list[Any]]:
        return [self._micro() for _ in range(self.random.randint(1, 4))]

    def _micro(self) -> list[Any]:
        place = self.random.randrange(len(self.active))
        key = self.active[place]
        if self.random.random() < 0.5:
            return ["r", key, None]
        self.written[key] += 1
        value = self.written[key]
        if value == WRITES_PER_KEY_MAX:
            self.active[place] = self.next_key
            self.written[self.next_key] = 0
            self.next_key += 1
        return ["append", key, value]


def apply(state: dict[int, list[int]], transaction: list[list[Any]]) -> list[list[Any]]:
    """Run a transaction on a state of lists, in place; its result."""
    result = []
    for f, key, value in transaction:
        current = state.get(key, [])
        if f == "r":
            result.append(["r", key, current])
        else:
            state[key] = [*current, value]
            result.append([f, key, value])
    return result


def apply_to_registers(state: dict[int, int], transaction: list[list[Any]]) -> list[list[Any]]:
    """The same for registers: each append is a write."""
    result = []
    for f, key, value in transaction:
        if f == "r":
            result.append(["r", key, state.get(key)])
        else:
            state[key] = value
            result.append(["w", key, value])
    return result


def strict_serializable(
    count: int, clients: int = 10, seed: int = 1, *, registers: bool = False
) -> History:
    """Each transaction runs whole at one moment between its invocation and its completion."""
    random = Random(seed)
    workload = Workload(random)
    state: dict[int, Any] = {}
    events: list[Event] = []
    pending: dict[int, tuple[list[list[Any]], list[list[Any]] | None]] = {}
    run = apply_to_registers if registers else apply
    invoked = 0
    while invoked < count or pending:
        client = random.randrange(clients)
        if client not in pending:
            if invoked < count:
                transaction = workload.transaction()
                asked = [["w" if registers and f != "r" else f, k, v] for f, k, v in transaction]
                events.append(Event(client, "invoke", "txn", asked))
                pending[client] = (transaction, None)
                invoked += 1
        elif pending[client][1] is None:
            transaction = pending[client][0]
            pending[client] = (transaction, run(state, transaction))
        else:
            events.append(Event(client, "ok", "txn", pending.pop(client)[1]))
    return History(events)


def snapshot_isolation(
    count: int,
    clients: int = 10,
    keys: int = KEYS,
    seed: int = 1,
    *,
    stale: bool = False,
    serializable: bool = False,
) -> History:
    """Each transaction reads a snapshot taken at its start; the first committer wins.

    With ``serializable`` it also aborts where something that it read was overwritten.
    With ``stale`` one transaction in the middle gets a snapshot from before a transaction that had
    already ended, and reads a key that this one wrote.
    """
    random = Random(seed)
    workload = Workload(random, keys)
    state: dict[int, list[int]] = {}
    version: dict[int, int] = {}
    clock = invoked = 0
    events: list[Event] = []
    pending: dict[int, tuple[int, dict[int, list[int]], list[list[Any]]]] = {}
    planted = not stale
    ended: tuple[int, list[int]] | None = None
    while invoked < count or pending:
        client = random.randrange(clients)
        if client not in pending:
            if invoked >= count:
                continue
            transaction = workload.transaction()
            if not planted and invoked > count // 2 and ended:
                planted = True
                events.append(Event(client, "invoke", "txn", [["r", ended[0], None]]))
                events.append(Event(client, "ok", "txn", [["r", ended[0], ended[1]]]))
            events.append(Event(client, "invoke", "txn", transaction))
            snapshot = {micro[1]: state.get(micro[1], []) for micro in transaction}
            pending[client] = (clock, snapshot, transaction)
            invoked += 1
            continue
        start, snapshot, transaction = pending.pop(client)
        result = apply(snapshot, transaction)
        writes = [micro[1] for micro in transaction if micro[0] == "append"]
        checked = snapshot if serializable and writes else writes
        if any(version.get(key, 0) > start for key in checked):
            events.append(Event(client, "fail", "txn", transaction))
            continue
        clock += 1
        for key in writes:
            ended = (key, state.get(key, []))
            state[key] = snapshot[key]
            version[key] = clock
        events.append(Event(client, "ok", "txn", result))
    return History(events)


def lagging(
    count: int, clients: int = 10, keys: int = 20, seed: int = 1, *, serializable: bool
) -> History:
    """Registers whose readers see a state up to 30 commits old, so that real time orders nothing.

    With ``serializable`` only transactions that write nothing do; else all do, and the first
    committer wins.
    """
    random = Random(seed)
    workload = Workload(random, keys)
    states: list[dict[int, int]] = [{}]
    version: dict[int, int] = {}
    events: list[Event] = []
    pending: dict[int, tuple[str, list[list[Any]]]] = {}
    invoked = 0
    while invoked < count or pending:
        client = random.randrange(clients)
        if client in pending:
            events.append(Event(client, pending[client][0], "txn", pending.pop(client)[1]))
        elif invoked < count:
            transaction = workload.transaction()
            if random.random() < 0.4:
                transaction = [["r", key, None] for _, key, _ in transaction]
            asked = [["w" if f == "append" else f, key, value] for f, key, value in transaction]
            events.append(Event(client, "invoke", "txn", asked))
            invoked += 1
            writes = dict.fromkeys(key for f, key, _ in asked if f == "w")
            now = len(states) - 1
            begun = now if writes and serializable else max(0, now - random.randint(0, 30))
            if any(version.get(key, 0) > begun for key in writes):
                pending[client] = ("fail", asked)
                continue
            view = dict(states[begun])
            pending[client] = ("ok", apply_to_registers(view, transaction))
            if writes:
                states.append({**states[-1], **{key: view[key] for key in writes}})
                version.update(dict.fromkeys(writes, now + 1))
    return History(events)


def with_cases(history: History) -> History:
    """The same with three transactions that no order of two keys' versions explains."""
    events = list(history)
    for rank, answer in enumerate(
        ([["w", -1, 1], ["w", -2, 1]], [["w", -1, 2], ["w", -2, 2]], [["r", -1, 1], ["r", -2, 2]])
    ):
        events.append(Event(1_000 + rank, "invoke", "txn", answer))
        events.append(Event(1_000 + rank, "ok", "txn", answer))
    return History(events)


def entangled(count: int = 18_000, seed: int = 1) -> History:
    """More than 10,000 transactions in one component under snapshot isolation, one read stale."""
    return snapshot_isolation(
        count, clients=ENTANGLED_CLIENTS, keys=ENTANGLED_KEYS, seed=seed, stale=True
    )


def replicated(count: int, clients: int = 8, keys: int = 20, seed: int = 1) -> History:
    """Each client has a replica; writes travel late and in causal order. No order fits them all."""
    random = Random(seed)
    state: list[dict[int, int]] = [{} for _ in range(clients)]
    sent: list[list[tuple[list[int], int, int]]] = [[] for _ in range(clients)]
    known = [[0] * clients for _ in range(clients)]

    def deliver(to: int, origin: int) -> None:
        place = known[to][origin]
        if to == origin or place == len(sent[origin]):
            return
        after, key, value = sent[origin][place]
        if all(known[to][c] >= after[c] for c in range(clients) if c != origin):
            state[to][key] = value
            known[to][origin] += 1

    events: list[Event] = []
    for number in range(1, count + 1):
        client, key = random.randrange(clients), random.randrange(keys)
        for _ in range(2):
            deliver(client, random.randrange(clients))
        if random.random() < 0.5:
            state[client][key] = number
            sent[client].append((known[client][:], key, number))
            known[client][client] += 1
            events.append(Event(client, "invoke", "write", [key, number]))
            events.append(Event(client, "ok", "write", [key, number]))
        else:
            events.append(Event(client, "invoke", "read", [key, None]))
            events.append(Event(client, "ok", "read", [key, state[client].get(key)]))
    return History(events)


def logs(count: int, clients: int = 10, keys: int = 8, seed: int = 1) -> History:
    """Sends and polls of a correct log; a poll returns up to four messages of each key."""
    random = Random(seed)
    log: list[list[list[int]]] = [[] for _ in range(keys)]
    position = [[0] * keys for _ in range(clients)]
    events: list[Event] = []
    for number in range(count):
        client, key = random.randrange(clients), random.randrange(keys)
        if random.random() < 0.5:
            log[key].append([len(log[key]), number])
            events.append(Event(client, "invoke", "send", [str(key), number]))
            events.append(Event(client, "ok", "send", [str(key), log[key][-1]]))
            continue
        found = {}
        for each in range(keys):
            start = position[client][each]
            messages = log[each][start : start + 4]
            if messages:
                found[str(each)] = messages
                position[client][each] += len(messages)
        events.append(Event(client, "invoke", "poll", None))
        events.append(Event(client, "ok", "poll", found))
    for client in range(clients):  # nothing stays unread
        rest = {str(key): log[key][position[client][key] :] for key in range(keys)}
        events.append(Event(client, "invoke", "poll", None))
        events.append(
            Event(client, "ok", "poll", {key: left for key, left in rest.items() if left})
        )
    return History(events)


def timed(checker: Any, history: History) -> tuple[float, float, Result]:
    """Milliseconds, MiB by which the process grew, and the result; pairing is done beforehand."""
    assert history.operations
    best = float("inf")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1 if len(history) > 500_000 else 3):
        started = perf_counter()
        result = checker.check(history, Budget(None))
        best = min(best, perf_counter() - started)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return best * 1000, grown / 1024, result


ELLE_MS = {
    # history, transactions: what Elle took, ms
    ("serial", 1_000): 58,
    ("serial", 10_000): 284,
    ("serial", 100_000): 2316,
    ("serializable snapshots", 100_000): 4367,
}


def cases(sizes: list[int]) -> Iterator[tuple[str, Any, History, int | None]]:
    for count in sizes:
        figure = ELLE_MS.get(("serial", count))
        yield f"list-append, serial, {count:,}", ListAppend(), strict_serializable(count), figure
    history = snapshot_isolation(100_000, serializable=True)
    figure = ELLE_MS["serializable snapshots", 100_000]
    yield "list-append, serializable snapshots, 100,000", ListAppend(), history, figure
    for count in sizes[:3]:
        checker = ListAppend(("snapshot-isolation",))
        yield f"list-append, snapshots, {count:,}", checker, snapshot_isolation(count), None
    yield "list-append, 11,000 entangled, one stale read", ListAppend(), entangled(), None
    for count in sizes[:2]:
        history = strict_serializable(count, registers=True)
        yield f"rw-register, serial, order open, {count:,}", RwRegister(), history, None
    for count in sizes[:2]:
        orders = RwRegister(version_orders=("initial-state", "linearizable-keys"))
        history = strict_serializable(count, registers=True)
        yield f"rw-register, serial, linearizable keys, {count:,}", orders, history, None
    yield from lagging_cases()
    history = replicated(50_000)
    yield "sessions, 8 replicas, 50,000", Sessions(), history, None
    for model in ("CC", "PRAM", "CM"):
        yield f"causal, {model}, 8 replicas, 50,000", Causal(model=model), history, None
    yield "sequential, 8 replicas, 50,000", Sequential(), history, None
    for count in (10_000, 100_000):
        yield f"kafka, {count:,} sends and polls", Kafka(), logs(count), None


def lagging_cases() -> Iterator[tuple[str, Any, History, int | None]]:
    for model in ("serializable", "snapshot-isolation"):
        for count in (500, 1_000, 2_000, 5_000):
            history = lagging(count, serializable=model == "serializable")
            name = f"rw-register, lagging reads, order open, {model}, {count:,}"
            yield name, RwRegister((model,)), history, None
            yield f"{name}, planted", RwRegister((model,)), with_cases(history), None


def levels(count: int = 3_000) -> None:
    """Print what each consistency model costs on a clean history, against strict-serializable."""
    head = (
        f"| checker, {count:,} clean transactions | model | verdict | ms | / strict-serializable |"
    )
    print(head)
    print("|---|---|---|---|---|")
    for checker, registers in ((ListAppend, False), (RwRegister, True)):
        history = strict_serializable(count, registers=registers)
        assert history.operations
        for model in (row.name for row in MODELS):
            best = {model: float("inf"), "strict-serializable": float("inf")}
            for _ in range(7):  # in turns: what disturbs one disturbs the other
                for asked, least in best.items():
                    started = perf_counter()
                    result = checker((asked,)).check(history, Budget(None))
                    best[asked] = min(least, perf_counter() - started)
                    if asked == model:
                        verdict = result.verdict.value
            ratio = best[model] / best["strict-serializable"]
            print(
                f"| {checker.__name__} | {model} | {verdict} | {best[model] * 1000:.1f} "
                f"| {ratio:.2f} |",
                flush=True,
            )


def main() -> None:
    if "--levels" in sys.argv:
        levels()
        return
    sizes = [1_000, 10_000, 100_000, *([1_000_000] if "--all" in sys.argv else [])]
    print("| history | verdict | shortest witness | ms | MiB more | Elle, ms | Clew / Elle |")
    print("|---|---|---|---|---|---|---|")
    for name, checker, history, figure in cases(sizes):
        ms, grown, result = timed(checker, history)
        lengths = [a.data["length"] for a in result.anomalies if "length" in a.data]
        ratio = f"{figure} | {ms / figure:.2f}" if figure else "|"
        print(
            f"| {name} | {result.verdict.value} | {min(lengths, default='')} | {ms:.1f} "
            f"| {grown:.0f} | {ratio} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
