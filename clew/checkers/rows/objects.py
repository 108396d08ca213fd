"""Rows of the objects that are checked for linearizability, one for each specification."""

from __future__ import annotations

from typing import Any

from clew.checkers.entry import (
    INITIAL,
    KEYED,
    NIL_READS,
    CheckerEntry,
    CheckerOption,
    Sign,
    flag,
    whole,
)

_COMPLEXITY = (
    "O(n log n) for most histories of unique values, quick for most others; exponential at worst"
)
_SOURCE = "Herlihy and Wing, TOPLAS 1990; Lowe, 2017; Gibbons and Korach, 1997"


def _object(
    at: str, name: str, what: str, *options: CheckerOption, keys: bool = True, **more: Any
) -> CheckerEntry:
    """Make the row; ``keys`` is false if the values themselves say whether they have a key."""
    at = f"clew.checkers.linearizability.specifications.{at}"
    options = (*options, KEYED) if keys else options
    kinds = {"nonlinearizable": "no order of the operations explains an answer"}
    return CheckerEntry(
        name, f"linearizable {what}", _COMPLEXITY, _SOURCE, at, options, kinds=kinds, **more
    )


OBJECTS: tuple[CheckerEntry, ...] = (
    _object("registers:Register", "register", "register: read, write; with keys too",
            INITIAL, NIL_READS, also="knossos-register", from_zero=True, signs=(
                Sign("write", "read", "reads and writes with a key", "pairs", 2),
                Sign("write", "read", "read and write", rank=3),
                Sign("read", "", "reads alone", "no_numbers", 3))),
    _object("registers:CasRegister", "cas-register", "register: read, write, cas; with keys too",
            INITIAL, NIL_READS, also="lin-kv cas knossos-cas-register", from_zero=True, signs=(
                Sign("cas", "read write", "compare-and-set with a key", "pairs", 2),
                Sign("cas", "read write", "read, write and compare-and-set", rank=3))),
    _object("registers:MultiRegister", "multi-register", "registers, several in one operation",
            INITIAL, NIL_READS, also="knossos-multi-register", keys=False, from_zero=True, signs=(
                Sign("read write txn", "", "reads and writes of keys", "register_acts"),)),
    _object("key_value:KeyValue", "key-value", "store: get, put, append, cas, delete by key",
            INITIAL, also="kv", keys=False, signs=(
                Sign("get put", "append cas delete", "get and put with a key", "pairs"),
                Sign("delete", "read write cas", "operations with a key", "pairs"))),
    _object("counting:Counter", "counter", "counter: add, increment, decrement, read",
            CheckerOption("initial", "the sum before the first operation; 0", whole), signs=(
                Sign("add", "read", "add and reads of numbers", "numbers", 2),
                Sign("add", "read", "adds of the same number and no answered read",
                     "adds_again", 2),
                Sign("increment decrement", "add read", "increment and decrement"))),
    _object("collections:Set", "set", "set: add, remove, contains, read",
            also="knossos-set", signs=(
                Sign("add", "read", "add and reads of lists with a key", "keyed_sets", 0),
                Sign("add", "read remove contains", "add, remove and reads of lists", "sets", 2),
                Sign("contains", "add remove read", "add, remove and contains", rank=2))),
    _object("collections:FifoQueue", "fifo-queue", "first-in first-out queue: enqueue, dequeue",
            also="fifo queue knossos-fifo-queue",
            signs=(Sign("enqueue dequeue", "", "enqueue and dequeue"),)),
    _object("collections:Stack", "stack", "stack: push, pop",
            signs=(Sign("push pop", "", "push and pop"),)),
    _object("collections:PriorityQueue", "priority-queue", "priority queue: insert, remove",
            signs=(Sign("insert", "remove", "insert and remove"),)),
    _object("locks:Mutex", "mutex", "mutex: acquire, release", also="lock knossos-mutex",
            signs=(Sign("acquire release", "", "acquire and release"),)),
    _object("locks:FencedLock", "fenced-lock", "lock whose acquire gives a growing token",
            signs=(Sign("acquire", "release", "an acquire that gives a token", "tokens", 0),)),
    _object("counting:AppendLog", "append-log", "log: append, read", also="log",
            signs=(Sign("append", "read", "append and reads of lists", "lists"),)),
    _object("counting:IdGenerator", "id-generator", "generator of ids that are never given twice",
            CheckerOption("increasing", "whether each must be larger than all before; false", flag),
            keys=False),
)  # fmt: skip
