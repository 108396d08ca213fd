"""Sequential consistency of registers.

There must be one order of all reads and writes that keeps each session's order and in which each
read sees the last write. Deciding that is NP-hard in general, even with unique values, so where
values are unique:

1. a first try at the order, which takes reads as soon as they fit and writes in the order of their
   responses, and gives up after about as many steps as there are accesses. A register that is
   nearly linearizable is VALID at this point, in linear time;
2. saturation adds everything that the reads force (`clew.checkers.registers.saturation`); a
   cycle decides INVALID, with the cycle as evidence. That finds almost every violation;
3. otherwise the same search to its end, which keeps to the saturated order and never visits a
   state twice. It stops at the budget: UNKNOWN.

If a value is written twice, nothing can be saturated: it is unknown which write a read saw. Then
only the search decides, by the values that the registers hold, and for small histories it does.

Source: Lamport, "How to Make a Multiprocessor Computer That Correctly Executes Multiprocess
Programs", IEEE Trans. Comput. 1979; Gibbons and Korach, "Testing Shared Memories", SIAM J. Comput.
1997, for the hardness; Zennou et al., "Gradual Consistency Checking", CAV 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import ge
from typing import Any, ClassVar

from clew.checkers.registers.accesses import INITIAL, Accesses, accesses_of
from clew.checkers.registers.saturation import Order
from clew.checkers.registers.subkeys import as_registers
from clew.checkers.values import Key, key_of, listed
from clew.checkers.verdict import (
    Anomaly,
    Budget,
    OutOfBudget,
    Result,
    Verdict,
    concluded,
    standing,
)
from clew.history import History
from clew.machine.garbage import uncollected


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequential:
    """INVALID if no order of the accesses keeps all sessions' orders.

    O(nk) with k sessions where the first try succeeds; else O(nk log n) a round of saturation, then
    a search bounded by the budget.

    Args:
        initial: the value of every register before its first write.
    """

    initial: Any = None
    name: str = "sequential"

    helps: ClassVar[tuple[str, ...]] = ("fewer sessions", "a shorter history")

    def check(self, history: History, budget: Budget) -> Result:
        """Return UNKNOWN if an operation is no read or write.

        Inserts of subkeys in order, and reads of all of them, are read and written registers too;
        see `clew.checkers.registers.subkeys`.

        Raises:
            OutOfBudget: the search did not end.
        """
        subkeys = as_registers(history)
        if subkeys is not None:
            return subkeys.told(replace(self, initial=None).check(subkeys.history, budget))
        found = accesses_of(self.name, history, self.initial, repeated=True)
        if isinstance(found, Result):
            return found
        with uncollected():
            return (self._by_value if found.repeated else self._judge)(found, budget)

    def _by_value(self, found: Accesses, budget: Budget) -> Result:
        """Search for the verdict if values repeat; where that is too long, say what would help."""
        anomalies, steps = list(found.impossible), 0
        if not anomalies:
            search = _ValueSearch(found, key_of(self.initial))
            try:
                steps = search.run(budget)
            except OutOfBudget as stop:
                helps = stop.advice(("values that are each written once", *self.helps))
                reason = f"{found.repeated} The budget is spent: {stop}. {helps}"
                return Result(self.name, Verdict.UNKNOWN, reason)
            if not search.done:
                anomalies.append(search.stuck())
        return self._result(found, anomalies, "search", steps)

    def _judge(self, found: Accesses, budget: Budget) -> Result:
        anomalies = list(found.impossible)
        engine, steps = "first try", 0
        if anomalies or not has_simple_order(found, budget):
            order = Order(found)
            engine, cycle = "saturation", None
            with standing(anomalies):
                cycle = order.saturate(budget, total=True)
            if cycle is not None:
                anomalies.append(replace(cycle, kind="nonsequential"))
            elif not anomalies:
                engine = "search"
                search = _Search(found, order)
                steps = search.run(budget)
                if not search.done:
                    anomalies.append(search.stuck())
        return self._result(found, anomalies, engine, steps)

    def _result(
        self, found: Accesses, anomalies: Sequence[Anomaly], engine: str, steps: int
    ) -> Result:
        count = len(found.all)
        return concluded(
            self.name,
            anomalies,
            valid=f"One order explains all {count} reads and writes.",
            engine=engine,
            figures={"accesses": count, "sessions": len(found.sessions), "steps": steps},
        )


def has_simple_order(found: Accesses, budget: Budget) -> bool:
    """Return whether one order explains all and is easily found; False decides nothing. O(nk).

    Such an order is more than PRAM, causal consistency and sequential consistency ask for.
    """
    search = _Search(found, None)
    search.run(budget, steps_max=len(found.all) + 1)
    return search.done


_State = tuple[tuple[int, ...], tuple[Any, ...]]


class _Search:
    """Depth-first search for an order of all accesses.

    A state is how far each session got, and the current write of each register: what comes after
    depends on nothing else. Where an order is given, the search keeps to it.

    Attributes:
        shows: for a write what the register holds after it, for a read what it must hold: the
            index of a write, or `INITIAL`.
        needed: how far each session must get.
    """

    def __init__(self, found: Accesses, order: Order | None) -> None:
        self.order = order
        self.found = found
        keys: dict[Key, int] = {}
        self.register = [keys.setdefault(one.key, len(keys)) for one in self.found.all]
        self.registers = len(keys)
        self.answered = [
            one.operation.invoked if one.operation.completed is None else one.operation.completed
            for one in found.all
        ]
        self.readers: dict[int, list[int]] = {}
        for index, one in enumerate(self.found.all):
            if not one.is_write:
                self.readers.setdefault(one.source, []).append(index)
        self.initial: Any = INITIAL
        self.shows: list[Any] = [
            index if one.is_write else one.source for index, one in enumerate(found.all)
        ]
        self.needed = [len(session) for session in found.sessions]
        self.done = False
        self.deepest: tuple[int, ...] = (0,) * len(self.found.sessions)

    def run(self, budget: Budget, steps_max: int | None = None) -> int:
        """Search until an order is found, none is left, or enough was tried; return the steps."""
        start = self._advance((0,) * len(self.found.sessions), (self.initial,) * self.registers)
        seen = {start}
        stack = [start]
        steps = 0
        # Invariant: `seen` has every state that was reached; those that are not on the stack were
        # gone on from in every way.
        while stack and (steps_max is None or steps < steps_max):
            budget.spend(1)
            steps += 1
            state = stack.pop()
            if sum(state[0]) > sum(self.deepest):
                self.deepest = state[0]
            # Each session got as far as it must: the order is whole.
            if all(map(ge, state[0], self.needed)):
                self.done = True
                break
            for following in self._writes(*state):
                if following not in seen:
                    seen.add(following)
                    stack.append(following)
        return steps

    def _advance(self, positions: tuple[int, ...], current: tuple[Any, ...]) -> _State:
        """Take every read that fits now; that never shuts out another way to go on."""
        now = list(positions)
        moved = True
        # A read that fits can be moved to here in any order that completes this one: it changes
        # no register, and all before it in its session is done. So no read need wait.
        while moved:
            moved = False
            for number, session in enumerate(self.found.sessions):
                while now[number] < len(session):
                    one = self.found.all[session[now[number]]]
                    index = session[now[number]]
                    if one.is_write or current[self.register[index]] != self.shows[index]:
                        break
                    now[number] += 1
                    moved = True
        return tuple(now), current

    def _writes(self, positions: tuple[int, ...], current: tuple[Any, ...]) -> list[_State]:
        found = []
        # Last in, first out: the write that was answered first is to be tried first.
        ways = [
            (self.answered[session[position]], number, session[position])
            for number, (session, position) in enumerate(
                zip(self.found.sessions, positions, strict=True)
            )
            if position < len(session)
        ]
        for _, number, index in sorted(ways, reverse=True):
            if not self.found.all[index].is_write or not self._may_write(index, positions, current):
                continue
            now = (*positions[:number], positions[number] + 1, *positions[number + 1 :])
            register = self.register[index]
            values = (*current[:register], self.shows[index], *current[register + 1 :])
            found.append(self._advance(now, values))
        return found

    def _may_write(self, write: int, positions: tuple[int, ...], current: tuple[Any, ...]) -> bool:
        """Return whether all before the write is done, and nobody still needs the old value."""
        clock = self.order.clocks[write] if self.order is not None else ()
        if clock and any(rank >= position for rank, position in zip(clock, positions, strict=True)):
            return False
        old = current[self.register[write]]
        register = self.register[write]
        return all(
            self.register[reader] != register
            or self.found.all[reader].rank < positions[self.found.all[reader].session]
            for reader in self.readers.get(old, ())
        )

    def stuck(self) -> Anomaly:
        """Describe the anomaly: no order exists, and what each session would do next."""
        following = [
            session[position]
            for session, position in zip(self.found.sessions, self.deepest, strict=True)
            if position < len(session)
        ]
        texts = [self.found.all[index].text for index in following]
        reason = (
            f"No order of the {len(self.found.all)} reads and writes keeps every session's own "
            f"order. The longest try explains {sum(self.deepest)} of them; then none of these "
            f"fits: {listed(texts)}."
        )
        data = {"explained": sum(self.deepest), "positions": list(self.deepest)}
        return Anomaly("nonsequential", reason, self.found.operations(following), data)


class _ValueSearch(_Search):
    """The same if values repeat: registers hold values, and an older one may come again.

    A write of unknown outcome, which ends its session, may have happened or not: a read of its
    value need not have seen it.
    """

    def __init__(self, found: Accesses, initial: Key) -> None:
        super().__init__(found, None)
        self.initial = initial
        self.shows = [one.value for one in found.all]
        # Only the last access of a session can be of unknown outcome, and it may be left undone.
        for number, session in enumerate(found.sessions):
            self.needed[number] -= found.all[session[-1]].operation.type == "info"

    def _may_write(self, write: int, positions: tuple[int, ...], current: tuple[Any, ...]) -> bool:
        """Return True: whoever still needs the old value may get it from another write."""
        del write, positions, current
        return True
