"""Session guarantees: what one client may rely on while others write too.

- *Monotonic reads*: a client that has read a write never again reads an older one.
- *Read your writes*: a client that has written never reads anything older than that write.
- *Monotonic writes*: a client's writes take effect in the order it made them.
- *Writes follow reads*: what a client writes takes effect after whatever it had read before.

"Older" speaks of an order of all writes, the arbitration order, which nobody sees. A history is
INVALID if no such order exists: each guarantee puts constraints on it, each register's initial
value is its oldest, and the constraints together have a cycle. A smallest set of guarantees that
contradict each other is reported too. Monotonic writes, or writes follow reads, can't be seen to
break alone: it takes readers who read monotonically.

This decides the guarantees as defined over an arbitration order for registers with unique values,
exactly. Left out: guarantees on what one server must have applied, which clients can't see.

Source: Terry et al., "Session Guarantees for Weakly Consistent Replicated Data", PDIS 1994;
Viotti and Vukolic, "Consistency in Non-Transactional Distributed Storage Systems", ACM Computing
Surveys 2016, section 3.3 (arXiv 1512.00168).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal, NamedTuple, TypeAlias, get_args

from clew.checkers.order_graph import OrderGraph
from clew.checkers.registers.accesses import INITIAL, Access, Accesses, OfRegisters
from clew.checkers.values import Key, listed, sentence
from clew.checkers.verdict import Anomaly, Budget, Result, concluded, wrong
from clew.errors import UsageError

Guarantee: TypeAlias = Literal[
    "monotonic-reads", "read-your-writes", "monotonic-writes", "writes-follow-reads"
]
GUARANTEES: tuple[Guarantee, ...] = get_args(Guarantee)


class Because(NamedTuple):
    """Why one write comes before another: the guarantee, and the access that called it up."""

    guarantee: Guarantee | Literal["initial"]
    access: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions(OfRegisters):
    """INVALID if no order of the writes gives all sessions what they were promised.

    O(n) for a valid history; for an invalid one that for each set of guarantees tried.

    Args:
        guarantees: those to check, together.

    Raises:
        UsageError: a guarantee of another name.
    """

    guarantees: Sequence[Guarantee] = GUARANTEES
    name: str = "sessions"

    def __post_init__(self) -> None:
        strange = [one for one in self.guarantees if one not in GUARANTEES]
        if strange or not self.guarantees:
            raise UsageError(
                "the session guarantees can't be checked",
                expected=f"some of {', '.join(GUARANTEES)}",
                found=listed([repr(one) for one in strange]) or "none",
            )

    def _judge(self, found: Accesses, budget: Budget) -> Result:
        wanted = [one for one in GUARANTEES if one in self.guarantees]
        anomalies = [*found.impossible, *_own_future(found, wanted)]
        if next(_constraints(found, wanted).contradictions(), None) is not None:
            anomalies += _smallest(found, wanted, budget)
        return concluded(
            self.name,
            anomalies,
            valid=f"One order of the writes gives all {len(found.sessions)} sessions "
            f"{listed(list(wanted))}.",
            invalid=wrong("The sessions were not kept", anomalies),
            engine="constraints",
            figures={"accesses": len(found.all), "sessions": len(found.sessions)},
        )


def _smallest(found: Accesses, wanted: list[Guarantee], budget: Budget) -> list[Anomaly]:
    """Find the contradictions among the fewest guarantees that contradict each other."""
    # Invariant: no fewer guarantees contradict each other.
    for size in range(1, len(wanted) + 1):
        anomalies = []
        for some in combinations(wanted, size):
            budget.spend(len(found.all))
            graph = _constraints(found, some)
            anomalies += [_anomaly(found, cycle, graph.real) for cycle in graph.contradictions()]
        if anomalies:
            return anomalies
    raise AssertionError("the guarantees together contradict each other")


def _constraints(found: Accesses, guarantees: Sequence[Guarantee]) -> OrderGraph[Because]:
    """Return what the guarantees require of the order of writes.

    Real nodes are the accesses (of which only writes have edges) and then one initial write for
    each key.
    """
    keys: dict[Key, int] = {}
    for one in found.all:
        keys.setdefault(one.key, len(found.all) + len(keys))
    graph = OrderGraph[Because](len(found.all) + len(keys))
    # What a key holds at first counts as a write of it too, and as its oldest.
    for index, one in enumerate(found.all):
        if one.is_write:
            graph.add(keys[one.key], index, Because("initial", index))
    for session in found.sessions:
        if "monotonic-reads" in guarantees:
            _monotonic_reads(graph, found, session, keys)
        if "read-your-writes" in guarantees:
            _read_your_writes(graph, found, session, keys)
        if "monotonic-writes" in guarantees:
            writes = [index for index in session if found.all[index].is_write]
            for first, second in pairwise(writes):
                graph.add(first, second, Because("monotonic-writes", second))
        if "writes-follow-reads" in guarantees:
            _writes_follow_reads(graph, found, session)
    return graph


def _seen(access: Access, keys: dict[Key, int]) -> int:
    return keys[access.key] if access.source == INITIAL else access.source


def _monotonic_reads(
    graph: OrderGraph[Because], found: Accesses, session: list[int], keys: dict[Key, int]
) -> None:
    last: dict[Key, int] = {}
    # Invariant: `last` has what the session's last read of each key saw. An edge from each to the
    # next is enough, since the order is transitive.
    for index in session:
        one = found.all[index]
        if not one.is_write:
            seen = _seen(one, keys)
            if last.get(one.key, seen) != seen:
                graph.add(last[one.key], seen, Because("monotonic-reads", index))
            last[one.key] = seen


def _read_your_writes(
    graph: OrderGraph[Because], found: Accesses, session: list[int], keys: dict[Key, int]
) -> None:
    """Put each write of the session before, or at, what each later read of its key sees.

    The node ``gate[key]`` comes after all writes of the session so far, so that one edge from it
    speaks for all of them.
    """
    gate: dict[Key, int] = {}
    for index in session:
        one = found.all[index]
        if one.is_write:
            following = graph.node()
            if one.key in gate:
                graph.add(gate[one.key], following, Because("read-your-writes", index))
            graph.add(index, following, Because("read-your-writes", index))
            gate[one.key] = following
        elif one.key in gate:
            graph.add(gate[one.key], _seen(one, keys), Because("read-your-writes", index))


def _writes_follow_reads(graph: OrderGraph[Because], found: Accesses, session: list[int]) -> None:
    """Put what a read saw before each later write of the session; a chain of gates again."""
    gate: int | None = None
    # Invariant: `gate` comes after all that the session has read so far.
    for index in session:
        one = found.all[index]
        if one.is_write:
            if gate is not None:
                graph.add(gate, index, Because("writes-follow-reads", index))
        elif one.source != INITIAL:
            following = graph.node()
            if gate is not None:
                graph.add(gate, following, Because("writes-follow-reads", index))
            graph.add(one.source, following, Because("writes-follow-reads", index))
            gate = following


def _own_future(found: Accesses, wanted: list[Guarantee]) -> list[Anomaly]:
    """List reads of what the same session writes only later; a cycle of one write."""
    if "writes-follow-reads" not in wanted:
        return []
    anomalies = []
    # A cycle of a single write, which the graph of writes can't show.
    for one in found.all:
        if one.is_write or one.source == INITIAL:
            continue
        source = found.all[one.source]
        if source.session == one.session and source.rank > one.rank:
            reason = f"{sentence(one.text)} before it wrote that itself."
            operations = (one.operation, source.operation)
            data = {"guarantees": ["writes-follow-reads"], "writes": [source.shown_value]}
            anomalies.append(Anomaly("writes-follow-reads", reason, operations, data))
    return anomalies


Edge: TypeAlias = tuple[int, int, Because]


def _anomaly(found: Accesses, cycle: list[Edge], real: int) -> Anomaly:
    steps = _steps(cycle, real)
    used = {because.guarantee for _, _, because in steps}
    names = [one for one in GUARANTEES if one in used]
    lines = [_line(found, *step) for step in steps]
    reason = f"{'; '.join(lines)}. No order of the writes allows all of that."
    indices = [
        index
        for first, _, because in steps
        for index in (first, because.access)
        if index < len(found.all)
    ]
    writes = [found.all[first].shown_value for first, _, _ in steps if first < len(found.all)]
    data = {"guarantees": names, "writes": writes}
    return Anomaly(names[-1], sentence(reason), found.operations(indices), data)


def _steps(cycle: list[Edge], real: int) -> list[Edge]:
    """Return the cycle from write to write; the gates between them are left out.

    The last edge into a write says why: it carries the access that called it up.
    """
    steps = []
    first = cycle[0][0]
    # Invariant: `first` is the last write that the cycle passed; gates lie in between.
    for _, second, because in cycle:
        if second < real:
            steps.append((first, second, because))
            first = second
    return steps


_LINES = {
    "initial": "{second} was written over the initial value",
    "monotonic-reads": "process {process} read {first} and later {second}",
    "read-your-writes": "process {process} wrote {first} and later read {second}",
    "monotonic-writes": "process {process} wrote {first} and then {second}",
    "writes-follow-reads": "process {process} read {first} and then wrote {second}",
}


def _line(found: Accesses, first: int, second: int, because: Because) -> str:
    names = [
        found.all[node].shown_value if node < len(found.all) else "the initial value"
        for node in (first, second)
    ]
    process = found.all[because.access].operation.process
    line = _LINES[because.guarantee]
    return line.format(process=process, first=names[0], second=names[1])
