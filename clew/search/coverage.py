"""What a run did, as a set of small numbers, so that a program can tell two runs apart.

A behaviour is something that happened in a run, without the names and the times that make each run
its own: a message of a type came to a node in a server state; two types came to a node one after
the other; a number in a message was below what the node had seen; a fault began while another was
active. The count of each behaviour matters by order of magnitude, as in American Fuzzy Lop
(Zalewski, "Technical whitepaper for afl-fuzz": hit counts in buckets).

All of it is read from the trace: what a run covers is a function of its plan, in every process and
Python version. Lines of the node's code are left out for that reason: tracing them is cheap only
from Python 3.12 on (`sys.monitoring`), and which lines there are depends on the compiler.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from hashlib import blake2b
from typing import Any, TypeAlias

from clew.machine.garbage import collected_rarely
from clew.scenarios.runs.run import Run
from clew.trace.record import Record

Behaviour: TypeAlias = tuple[Any, ...]

KINDS: dict[str, str] = {
    # kinds of behaviour, and what each means
    "start": "a node started: for the first time or again, and after which message",
    "role": "a node went from one server state to another",
    "deliver": "a message of a type came to an endpoint in a server state",
    "pair": "two types of message came to a node one after the other",
    "field": "a message came with a truth value, a null or an empty list in a field, or with a "
    "number below, at or above the highest that had come in it",
    "drop": "a message of a type was lost, and how",
    "timer": "a timer fired in a server state, and what had come before it",
    "crash": "a node stopped in a server state, after which message, and what its disk lost",
    "fault": "a fault began, and which kinds stood then",
    "answer": "an operation ended: how, and how many others were open",
    "finding": "something was found wrong inside a node",
}

_ROUTINE = frozenset(
    {
        "send", "sync", "log", "effect", "clock", "pause", "resume", "duplicate", "slow", "work",
    }
)  # fmt: skip
"""Kinds of event that show no behaviour by themselves."""

_IGNORED_FIELDS = frozenset({"type", "msg_id", "in_reply_to"})


def behaviours(run: Run) -> tuple[int, ...]:
    """Say what a run did, in distinct 64-bit numbers, ascending.

    Args:
        run: one that kept its trace.

    The cost is linear in the trace: about a sixth of what the run itself took.
    """
    numbers = {_number((*what, times.bit_length())) for what, times in counted(run).items()}
    return tuple(sorted(numbers))


def counted(run: Run) -> dict[Behaviour, int]:
    """Count each behaviour in a run's trace; the first word of one is a key of `KINDS`."""
    with collected_rarely():
        return _Reader().read(run)


REACH: dict[str, int] = {
    # kinds of behaviour that a hunt reports, and how many of its words count
    "deliver": 3,
    "pair": 4,
    "role": 3,
    "crash": 2,
    "fault": 3,
}


def reach_of(run: Run) -> tuple[Behaviour, ...]:
    """Find what a run reached, as a person would list it, sorted: some kinds of behaviour alone.

    It is far less than `behaviours`, and costs less: no field of a message is looked at.
    """
    with collected_rarely():
        counts = _Sketch().read(run)
    found = {what[:words] for what in counts if (words := REACH.get(what[0]))}
    return tuple(sorted(found, key=repr))


@lru_cache(maxsize=1 << 16)  # runs of one model mostly do the same things
def _number(what: Behaviour) -> int:
    """Number a behaviour; its text is the same in every process."""
    return int.from_bytes(blake2b(repr(what).encode(), digest_size=8).digest())


class _End:
    """What is known about an endpoint.

    Attributes:
        state: what its node was last, such as ``leader``.
        last: the type of the message that came last.
        highest: by field, the highest integer that came in it since the node started.
    """

    __slots__ = ("highest", "last", "state")

    def __init__(self) -> None:
        self.state: str | None = None
        self.last: str | None = None
        self.highest: dict[str, int] = {}


class _Reader:
    """Reads a trace once, and counts what it sees."""

    def __init__(self) -> None:
        # What all methods share. `_ends`: what is known of each endpoint; `_links`: the one at
        # which each link ends. `_standing`: the faults that stand, with their kinds. `_open`: how
        # many operations are open. `_arrivals`: the deliveries so far, packed, which
        # `_count_arrivals` takes apart.
        self.counts: dict[Behaviour, int] = {}
        self._arrivals: dict[Behaviour, int] = {}
        self._links: dict[int, _End] = {}
        self._ends: dict[str, _End] = defaultdict(_End)
        self._standing: dict[str, str] = {}
        self._open = 0

    def read(self, run: Run) -> dict[Behaviour, int]:
        """Count each behaviour in a run's trace."""
        deliver, other = self._deliver, self._other
        for record in run.trace.whole_records():
            kind = record[1]
            if kind == "deliver":
                deliver(record)
            elif kind not in _ROUTINE:
                other(kind, record)
        self._count_arrivals()
        return self.counts

    def _count(self, *what: Any) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def _deliver(self, record: Record) -> None:
        # Once per message: this only packs what came into one key; `_count_arrivals` takes each key
        # apart once.
        _, _, _, link, body = record
        end = self._links[link]
        highest = end.highest
        fields: list[Any] = []
        for name, value in body.items():
            if type(value) is int:
                seen = highest.get(name, -1)
                if value > seen:
                    highest[name] = value
                    fields += (name, ">")
                else:
                    fields += (name, "=" if value == seen else "<")
            elif value is None or value is True or value is False or value == []:
                fields += (name, str(value))
        kind = body["type"]
        key = (kind, end.state, end.last, *fields)
        self._arrivals[key] = self._arrivals.get(key, 0) + 1
        end.last = kind

    def _count_arrivals(self) -> None:
        counts = self.counts
        for (kind, state, last, *fields), times in self._arrivals.items():
            found = [("deliver", kind, state), ("pair", last, kind, state)]
            for name, value in zip(fields[::2], fields[1::2], strict=True):
                if name not in _IGNORED_FIELDS:
                    found.append(("field", kind, name, value, state))
            for what in found:
                counts[what] = counts.get(what, 0) + times

    def _other(self, kind: str, record: Record) -> None:
        """Count what happened on links and to nodes, except sends and deliveries."""
        what = record[2]
        match kind:
            case "timer":
                end = self._ends[what]
                self._count(kind, record[3], end.state, end.last)
            case "link":
                self._links[what] = self._ends[record[4]]
            case "drop":
                _, _, _, why, link, body = record
                self._count(kind, body["type"], why, self._links[link].state)
            case "state":
                end, state = self._ends[what], record[3].get("role")
                self._count("role", end.state, state, end.last)
                end.state = state
            case "start":
                end = self._ends[what]
                self._count(kind, record[3] > 1, end.last)
                end.state = None
                end.highest.clear()
            case "crash":
                end = self._ends[what]
                unsynced, lost, torn = record[4]
                self._count(kind, end.state, end.last, unsynced, bool(lost), bool(torn))
            case _:
                self._outside(kind, record)

    def _outside(self, kind: str, record: Record) -> None:
        """Count what clients and faults did, and what was found."""
        what = record[2]
        match kind:
            case "invoke":
                self._open += 1
            case "ok" | "fail" | "info":
                self._open -= 1
                error = record[5]
                code = error.get("code") if isinstance(error, dict) else None
                self._count("answer", record[3], kind, code, self._open.bit_length())
            # A fault that takes several steps begins once.
            case "fault" if what not in self._standing:
                for other in dict.fromkeys([None, *self._standing.values()]):
                    self._count(kind, record[3], other)
                self._standing[what] = record[3]
            case "heal":
                self._standing.pop(what, None)
            case "finding":
                self._count(kind, what)


class _Sketch(_Reader):
    """Reads a trace without looking into messages."""

    def _deliver(self, record: Record) -> None:
        end = self._links[record[3]]
        kind = record[4]["type"]
        key = (kind, end.state, end.last)
        self._arrivals[key] = 1
        end.last = kind
