"""Causal consistency in its three forms, and PRAM, for registers with unique values.

Causal order is the smallest order that holds each session's order and puts each write before the
reads that saw it.

- ``PRAM``: each session can be explained by an order of all writes and its own reads that keeps
  every session's order. Causality through others' reads does not count.
- ``CC``, causal consistency: causal order is an order, and no read saw what a causally later
  write to the same register, in the read's past, had overwritten.
- ``CCv``, causal convergence: all sessions besides agree on one order of conflicting writes.
- ``CM``, causal memory: each session can be explained by an order of its past that keeps causal
  order.

CCv and CM each imply CC, CM implies PRAM; CCv and CM do not compare. Anomalies are the paper's bad
patterns: ``cyclic-co``, ``write-co-read``, ``write-co-init-read``, ``cyclic-cf``, ``cyclic-hb``,
``write-hb-init-read`` and ``thin-air-read``, each with the accesses of the pattern.

A history that one order for all sessions explains, easily found, has all four properties. Else the
verdict comes from the bad patterns and is exact: the paper proves that a history without them has
the property. For PRAM the happens-before of CM is saturated from session order and the session's
own reads alone.

Source: Bouajjani, Enea, Guerraoui and Hamza, "On Verifying Causal Consistency", POPL 2017,
table 2 and section 3; Lipton and Sandberg, "PRAM: A Scalable Shared Memory", 1988.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from clew.checkers.registers.accesses import INITIAL, Accesses, OfRegisters
from clew.checkers.registers.saturation import Order, Why, cyclic, initial_read, way, written
from clew.checkers.registers.sequential import has_simple_order
from clew.checkers.values import sentence
from clew.checkers.verdict import Anomaly, Budget, Result, concluded, standing
from clew.errors import UsageError

Model: TypeAlias = Literal["PRAM", "CC", "CCv", "CM"]
MODELS: dict[Model, str] = {
    "PRAM": "PRAM",
    "CC": "causal consistency",
    "CCv": "causal convergence",
    "CM": "causal memory",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Causal(OfRegisters):
    """INVALID if a bad pattern shows that the model is broken.

    O(nk log n) with k sessions for CC and CCv; for PRAM and CM O(nk) for each session besides, and
    what saturation changes.

    Args:
        model: ``PRAM``, ``CC``, ``CCv`` or ``CM``.

    Raises:
        UsageError: another model.
    """

    model: Model = "CC"
    name: str = "causal"

    def __post_init__(self) -> None:
        if self.model not in get_args(Model):
            raise UsageError(
                "the causal model can't be checked",
                expected=f"one of {', '.join(MODELS)}",
                found=repr(self.model),
            )

    def _judge(self, found: Accesses, budget: Budget) -> Result:
        anomalies = list(found.impossible)
        engine = "one order for all"
        if anomalies or not has_simple_order(found, budget):
            engine = "bad patterns"
            pram = self.model == "PRAM"
            with standing(anomalies):
                anomalies += _pram(found, budget) if pram else self._causal(found, budget)
        word = MODELS[self.model]
        return concluded(
            self.name,
            anomalies,
            valid=f"All {len(found.all)} reads and writes fit {word}.",
            invalid="".join(
                f"This is not {word} ({one.kind}). {one.reason}" for one in anomalies[:1]
            ),
            engine=engine,
            figures={"accesses": len(found.all), "sessions": len(found.sessions)},
        )

    def _causal(self, found: Accesses, budget: Budget) -> list[Anomaly]:
        order = Order(found)
        cycle = order.close(budget)
        if cycle is not None:
            return [cyclic(found, cycle, "cyclic-co")]
        anomalies: list[Anomaly] = []
        with standing(anomalies):
            anomalies.extend(_overwritten_reads(order, budget))
        if anomalies or self.model == "CC":
            return anomalies
        return _conflicts(order, budget) if self.model == "CCv" else _memory(order, budget)


def _overwritten_reads(order: Order, budget: Budget) -> Iterator[Anomaly]:
    """Yield the bad patterns of CC: one for each read that shows one."""
    for read in order.reads:
        budget.spend(1)
        source = order.found.all[read].source
        # The last write of each session in the read's past is enough: if an older one comes after
        # the source, so does the last.
        for write in order.latest_writes(read):
            if source == INITIAL:
                yield replace(initial_read(order, write, read), kind="write-co-init-read")
                break
            if write != source and order.before(source, write):
                yield _overwritten(order, source, write, read)
                break


def _overwritten(order: Order, source: int, write: int, read: int) -> Anomaly:
    found = order.found
    one, newer = found.all[read], found.all[write]
    reason = (
        f"{one.text}, though {newer.shown_value}, which is causally newer, comes before that read."
    )
    path = [*way(order, source, write), *way(order, write, read)]
    data = {
        "read": one.operation.number,
        "source": found.all[source].operation.number,
        "overwritten_by": newer.operation.number,
    }
    return Anomaly("write-co-read", sentence(reason), found.operations(path), data)


def _conflicts(order: Order, budget: Budget) -> list[Anomaly]:
    """List the contradictions of CCv: what a read passed over precedes what it saw, for all."""
    for read in order.reads:
        budget.spend(1)
        source = order.found.all[read].source
        # The last of each session again: the session's order puts the older ones before it.
        for write in order.latest_writes(read):
            if write != source:
                order.graph.add(write, source, Why("overwritten", read))
    return [cyclic(order.found, cycle, "cyclic-cf") for cycle in order.graph.contradictions()]


def _memory(order: Order, budget: Budget) -> list[Anomaly]:
    """List the contradictions of CM: each session's past, saturated by that session's reads."""
    anomalies: list[Anomaly] = []
    with standing(anomalies):
        for session in order.found.sessions:
            anomalies += _saturated(order.branch(session), budget)
    return anomalies


def _pram(found: Accesses, budget: Budget) -> list[Anomaly]:
    """List the contradictions of PRAM: all writes with each session, saturated by its reads."""
    order = Order(found, [], written(found))
    order.close(budget)
    anomalies: list[Anomaly] = []
    with standing(anomalies):
        # Each session may see its own order of all writes: what one of them forces binds no other.
        for session in found.sessions:
            ours = order.branch(session)
            if ours.read_in(session):
                anomalies += _saturated(ours, budget)
            else:
                anomalies.append(cyclic(found, next(ours.graph.contradictions()), "cyclic-hb"))
    return anomalies


_PATTERNS = {"cyclic-order": "cyclic-hb", "initial-read": "write-hb-init-read"}


def _saturated(order: Order, budget: Budget) -> list[Anomaly]:
    anomaly = order.saturate(budget, total=False)
    return [] if anomaly is None else [replace(anomaly, kind=_PATTERNS[anomaly.kind])]
