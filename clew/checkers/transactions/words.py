"""Anomalies in words, as data, and as a graph in the DOT language; and what stands behind them.

A cycle is described from its first transaction round to the one that contradicts it: "T1 appended 4
to x before T2 appended 5 (T3 saw [4 5]); yet T2 ...". Transactions are called T1, T2, ... in the
order of the story; the operation's number in the history stands beside each.

The names of cycles are those of Berenson et al. (SIGMOD 1995: lost update, read skew, write skew)
and of Cerone, Bernardi, Gotsman (CONCUR 2015: long fork). A name says how something came about, so
where the shape alone fits, and the transactions did not overlap or a write is gone, another name or
none is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from clew.checkers.transactions.cycles import KIND_NAMES, MISSED, WITNESSES_MAX, Cycle
from clew.checkers.transactions.extraction import done_by, plain, told
from clew.checkers.transactions.graph import OVERWRITE, DependencyGraph
from clew.checkers.verdict import Anomaly
from clew.history import Operation
from clew.machine.text import dot_text

_ROLE = re.compile(r"\{\d\}")
_VERBS = {"append": "appended", "w": "wrote"}


def tell_cycle(cycle: Cycle, operations: Sequence[Operation], evidence: Explainer) -> Anomaly:
    """Describe a cycle as an anomaly, with the evidence for each of its edges."""
    links = [
        _link(cycle.nodes[i], cycle.nodes[(i + 1) % len(cycle.nodes)], kind, evidence)
        for i, kind in enumerate(cycle.kinds)
    ]
    return tell_links(cycle.name, links, operations)


def tell_links(name: str, links: Sequence[Link], operations: Sequence[Operation]) -> Anomaly:
    """Describe a circle of links, each with its evidence, as an anomaly of this name."""
    links = _turned(links)
    seers = [link.seen_by for link in links if link.seen_by is not None]
    between = [step.source for link in links for step in link.chain]
    cast = Cast([*(link.source for link in links), *seers, *between], operations)
    sentences = [_sentence(link, cast) for link in links]
    story = f"{'; '.join(sentences[:-1])}; yet {sentences[-1]}."
    lost = lost_write(links, operations)
    special = "lost write" if lost else special_name(links, operations)
    moral = _moral(name, len(links), special)
    if lost:
        where = f"{told(lost.next_value)} in {told(lost.key)}"
        writer = cast.names[lost.target]
        moral += f" {writer} was told that it is done, yet no later read shows {where}."
    data: dict[str, Any] = {"edges": [_edge(link, cast.names) for link in links]}
    data["length"] = len(links)
    if special:
        data["also_known_as"] = special
    return cast.anomaly(name, f"{story} {moral}", data)


def tell_finding(finding: Phenomenon, operations: Sequence[Operation]) -> Anomaly:
    """Describe an anomaly that is no cycle, with its cast."""
    cast = Cast(finding.operations, operations)
    roles = {f"{{{rank}}}": cast.names[number] for rank, number in enumerate(finding.operations)}
    # Values in the story may hold braces of their own, so it is no format string.
    story = _ROLE.sub(lambda found: roles.get(found[0], found[0]), finding.reason)
    data = {name: plain(value) for name, value in finding.data.items()}
    return cast.anomaly(finding.kind, story, data)


class Cast:
    """The transactions of a story, each once, called T1, T2, ... in its order."""

    def __init__(self, numbers: Iterable[int], operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.names = {n: f"T{rank}" for rank, n in enumerate(dict.fromkeys(numbers), start=1)}

    def anomaly(self, kind: str, story: str, data: Mapping[str, Any], **first: Any) -> Anomaly:
        """Make the story an anomaly that begins "T1 = [x 1] (operation 0, process 3); T2 = ...".

        For machines the transactions stand before the data, after what comes ``first``.
        """
        cast = [self.operations[number] for number in self.names]
        parts = [
            f"{name} = {told_transaction(done_by(one))} (operation {one.number}, process "
            f"{one.process}{_OUTCOMES[one.type]})"
            for name, one in zip(self.names.values(), cast, strict=True)
        ]
        told_by = zip(self.names.values(), map(_data, cast), strict=True)
        reason = f"{'; '.join(parts)}. {story}"
        return Anomaly(kind, reason, tuple(cast), {**first, "transactions": dict(told_by), **data})


_OUTCOMES = {"ok": "", "fail": ", aborted", "info": ", outcome unknown"}


def _data(operation: Operation) -> dict[str, Any]:
    """Describe a transaction for machines."""
    return {
        "operation": operation.number,
        "process": operation.process,
        "type": operation.type,
        "value": done_by(operation),
        "invoked": operation.invoked,
        "completed": operation.completed,
    }


def to_dot(anomaly: Anomaly) -> str:
    """Write the anomaly's transactions and edges as a DOT digraph; no edges if it is no cycle."""
    transactions: Mapping[str, Mapping[str, Any]] = anomaly.data.get("transactions", {})
    edges: Sequence[Mapping[str, Any]] = anomaly.data.get("edges", ())
    drawn = {edge[end] for edge in edges for end in ("from", "to")} or set(transactions)
    lines = [f"digraph {dot_text(anomaly.kind)} {{", "  node [shape=box];"]
    for name, transaction in transactions.items():
        if name in drawn:
            text = f"{name}: {told_transaction(transaction['value'])}"
            lines.append(f"  {name} [label={dot_text(text)}];")
    for edge in edges:
        key = "" if edge["key"] is None else f" {told(edge['key'])}"
        lines.append(
            f"  {edge['from']} -> {edge['to']} [label={dot_text(edge['type'] + key)}, "
            f"color={_COLOURS[edge['type']]}];"
        )
    return "\n".join([*lines, "}", ""])


_COLOURS = {
    "ww": "red",
    "wr": "blue",
    "rw": "darkorange",
    "initial": "gray60",
    "process": "gray40",
    "realtime": "gray60",
}


def told_transaction(value: Any) -> str:
    """Write a transaction's micro-operations on one line, cut after eight."""
    if not isinstance(value, (list, tuple)):
        return told(value)
    parts = []
    for micro in value[:8]:
        if isinstance(micro, (list, tuple)):
            parts.append(" ".join([str(micro[0]), *map(told, micro[1:])]) if micro else "[]")
        else:
            parts.append(told(micro))
    if len(value) > len(parts):
        parts.append("...")
    return f"[{', '.join(parts)}]"


def _link(source: int, target: int, kind: int, evidence: Explainer) -> Link:
    if kind == MISSED:
        return evidence.missed(source, target)
    if kind > OVERWRITE:
        return Link(source, target, KIND_NAMES[kind])
    return evidence.link(source, target, kind)


def _turned(links: Sequence[Link]) -> list[Link]:
    """Start the story so that it ends with what contradicts it: an order of time, else an rw."""
    # An order of time reads best at the end, as what the data contradict; failing that, the missed
    # write; failing that, the read.
    for wanted in (("realtime", "process"), ("rw",), ("wr",)):
        for place in range(len(links) - 1, -1, -1):
            if links[place].kind in wanted:
                return [*links[place + 1 :], *links[: place + 1]]
    return list(links)


def _edge(link: Link, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "from": names[link.source],
        "to": names[link.target],
        "type": link.kind,
        "key": link.key,
        "value": plain(link.value),
        "next_value": plain(link.next_value),
        "seen_by": None if link.seen_by is None else names[link.seen_by],
    }


def _verb(operation: Operation) -> str:
    value = done_by(operation)
    micros = value if isinstance(value, (list, tuple)) else ()
    return next((_VERBS[micro[0]] for micro in micros if micro[0] in _VERBS), "wrote")


def _sentence(link: Link, cast: Cast) -> str:
    operations = cast.operations
    one, other = cast.names[link.source], cast.names[link.target]
    seen = _seen(link, cast)
    key, value, following = told(link.key), told(link.value), told(link.next_value)
    writer = operations[link.target if link.kind == "rw" else link.source]
    match link.kind, _verb(writer) if link.key is not None else "":
        case "ww", "appended":
            text = f"{one} appended {value} to {key} before {other} appended {following}{seen}"
        case "ww", _:
            text = f"{one} wrote {key} = {value} before {other} wrote {key} = {following}{seen}"
        case "wr", "appended":
            text = f"{other} saw {one}'s append of {value} to {key} (it read {following})"
        case "wr", _:
            text = f"{other} read {key} = {value}, which {one} wrote{seen}"
        case "rw", verb:
            text = f"{one} read {key} as {value}, without {following}, which {other} {verb}{seen}"
        case "initial", _:
            text = f"{one} is the state before {other}"
        case "process", _:
            text = f"process {operations[link.source].process} ran {one} before {other}"
        case _:
            text = f"{one} ended before {other} began"
    return text


def _seen(link: Link, cast: Cast) -> str:
    """Say how the order of a link is known, where it is not by itself."""
    seen = ""
    if link.chain:
        seen = f", for {_precedes(link, cast)}"
    elif link.seen_by is not None and link.seen_by != link.source:
        seen = f" ({cast.names[link.seen_by]} saw {_around(link)})"
    return f"{seen} ({link.because})" if link.because else seen


def _precedes(link: Link, cast: Cast) -> str:
    """Say that somebody read what the link's second wrote, though its first precedes that read."""
    assert link.seen_by is not None
    seer, first = cast.names[link.seen_by], cast.names[link.source]
    steps = "; ".join(_sentence(step, cast) for step in link.chain)
    value = told(link.next_value)
    return f"{seer} read {told(link.key)} = {value} though {first} precedes it ({steps})"


def _around(link: Link) -> str:
    """Write what was seen, cut down to the place where the link's second value stands."""
    if len(link.seen) <= _AROUND or link.next_value not in link.seen:
        return told(link.seen)
    place = link.seen.index(link.next_value)
    first, last = max(0, place - 3), place + 2
    parts = ["..."] if first else []
    parts += [told(value) for value in link.seen[first:last]]
    parts += ["..."] if last < len(link.seen) else []
    return f"[{' '.join(parts)}]"


_AROUND = 12


def _moral(name: str, length: int, special: str | None) -> str:
    known = f", known as {special}" if special else ""
    return f"So each of these {length} must come before itself: {name}{known}."


class Link(NamedTuple):
    """One edge of a cycle with its evidence.

    Attributes:
        source: the number of the operation that comes first.
        target: the number of the one that comes second.
        kind: ``ww``, ``wr``, ``rw``, ``process``, ``realtime``, or ``initial`` for what comes
            after the initial state.
        key: the key it is about; None for process, realtime and initial.
        value: the value that the first wrote, or the version that the first read.
        next_value: the value that the second wrote, or the version that the second read.
        seen_by: the number of the operation whose read shows this order, if one does.
        seen: what that read saw.
        because: how the order is known where no read shows it.
        chain: why the first precedes ``seen_by``, which read what the second wrote.
    """

    source: int
    target: int
    kind: str
    key: Any = None
    value: Any = None
    next_value: Any = None
    seen_by: int | None = None
    seen: Any = None
    because: str = ""
    chain: tuple[Link, ...] = ()


class Phenomenon(NamedTuple):
    """An anomaly that is no cycle.

    Attributes:
        kind: the field's word for it.
        operations: the numbers of the operations that show it, in the order of the story.
        reason: the story; ``{0}`` stands for the first of the operations, and so on.
        data: the same for machines.
    """

    kind: str
    operations: tuple[int, ...]
    reason: str
    data: dict[str, Any]


class Phenomena:
    """Those found, in that order: the first few of each kind, and how many there were."""

    __slots__ = ("counts", "findings")

    def __init__(self) -> None:
        self.findings: list[Phenomenon] = []
        self.counts: dict[str, int] = {}

    def add(self, kind: str, operations: tuple[int, ...], reason: str, **data: Any) -> None:
        """Count one and keep it if there are not too many of its kind."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= WITNESSES_MAX:
            self.findings.append(Phenomenon(kind, operations, reason, data))


class Explainer(Protocol):
    """A workload's memory of why it drew an edge.

    Attributes:
        graph: all edges.
        recorder: the anomalies that are no cycles.
    """

    graph: DependencyGraph
    recorder: Phenomena

    def link(self, source: int, target: int, kind: int) -> Link:
        """Return the evidence for one ww, wr or rw edge of the graph."""

    def missed(self, source: int, target: int) -> Link:
        """Return the evidence that one transaction read a version older than the other's."""

    def later_writers(self, number: int) -> Iterator[int]:
        """Yield who installed a version after one that this transaction read, itself left out."""


def special_name(links: Sequence[Link], operations: Sequence[Operation]) -> str | None:
    """Return the textbooks' name of a cycle whose rw comes last; None if it has none."""
    if any(link.chain for link in links):
        return None  # an order that other transactions make says nothing of how these two met
    kinds = [link.kind for link in links]
    several = len({str(link.key) for link in links if link.key is not None}) > 1
    # Each reads one of two writes: next to each other the two rw would be no fork.
    if kinds == ["wr", "rw"] * 2:
        return "long fork" if several else None
    name, keys, overlapping = _PAIRS.get((*sorted(kinds),), (None, None, False))
    if keys not in (several, None):
        return None
    if overlapping and not _overlap(*(operations[link.source] for link in links)):
        return None
    return name


_PAIRS: dict[tuple[str, ...], tuple[str, bool | None, bool]] = {
    ("realtime", "rw"): ("stale read", None, False),
    ("rw", "wr"): ("read skew", True, False),
    ("rw", "rw"): ("write skew", True, True),
    ("rw", "ww"): ("lost update", False, True),
}
"""Cycles of two: their name, whether they are on several keys, and whether they must overlap."""


def lost_write(links: Sequence[Link], operations: Sequence[Operation]) -> Link | None:
    """Find a cycle's rw edge to an acknowledged write that all later reads miss, if it has one.

    Of a stale read another read must show that the write is gone, and not only late.
    """
    stale = sorted(link.kind for link in links) == ["realtime", "rw"]
    for link in links:
        if link.kind == "rw":
            missed = _missed(link, operations)
            if missed > stale:
                return link
    return None


def _missed(link: Link, operations: Sequence[Operation]) -> int:
    """Count the transactions that read the key after a write and missed it; 0 if any saw it.

    Another's write may hide that of a register: only a value that is older for certain counts.
    """
    writer = operations[link.target]
    if writer.type != "ok" or writer.completed is None:
        return 0
    older: list[Any] = [None]
    later: list[tuple[int, Any]] = []
    # Invariant: `older` has the values that were surely there before the write, `later` the reads
    # after it was acknowledged; nobody so far saw it.
    for one in operations:
        for f, key, value in _micros(one):
            if key != link.key:
                continue
            if f == "w" and one.completed is not None and one.completed < writer.invoked:
                older.append(value)
            if f == "r" and one.type == "ok" and one.number != writer.number:
                if value == link.next_value or (
                    isinstance(value, list | tuple) and link.next_value in value
                ):
                    return 0
                if one.invoked > writer.completed:
                    later.append((one.number, value))
    registers = any(f == "w" for f, key, _ in _micros(writer) if key == link.key)
    if registers and any(value not in older for _, value in later):
        return 0
    return len({number for number, _ in later})


def _micros(one: Operation) -> Iterator[tuple[Any, Any, Any]]:
    """Yield a transaction's micro-operations, with what its reads showed if it is done."""
    value = done_by(one)
    for micro in value if isinstance(value, list | tuple) else ():
        if isinstance(micro, list | tuple) and len(micro) == 3:  # noqa: PLR2004 - f, key, value
            yield micro[0], micro[1], micro[2]


def _overlap(one: Operation, other: Operation) -> bool:
    """Return whether neither of two transactions had ended before the other began."""
    return not any(
        first.type == "ok" and first.completed is not None and first.completed < second.invoked
        for first, second in ((one, other), (other, one))
    )
