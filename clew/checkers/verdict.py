"""What a checker says: a verdict, its evidence, and what it cost.

Verdicts merge as Jepsen's do: invalid > unknown > valid (jepsen ``checker.clj``). A checker
that crashed or ran out of budget is UNKNOWN, never valid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol

from clew.errors import HistoryError, WorkloadError
from clew.history import History, Operation
from clew.machine import wall
from clew.machine.text import one_line


class Verdict(Enum):
    """VALID, INVALID or UNKNOWN; the value is the word that is printed."""

    VALID = "valid"
    UNKNOWN = "unknown"
    INVALID = "invalid"

    @staticmethod
    def merge(verdicts: Iterable[Verdict]) -> Verdict:
        """Return the worst of several: invalid > unknown > valid; VALID if there is none."""
        return max(verdicts, key=_SEVERITY.__getitem__, default=Verdict.VALID)


_SEVERITY = {Verdict.VALID: 0, Verdict.UNKNOWN: 1, Verdict.INVALID: 2}


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One thing that is wrong with a history, with its evidence.

    Attributes:
        kind: the field's word for it, such as ``nonlinearizable``, ``lost`` or ``G-single``.
        reason: what happened, in plain words a learner understands; one or more sentences.
        operations: the operations that show it, in the order the reason tells them.
        data: the same evidence for machines, JSON values only.
    """

    kind: str
    reason: str
    operations: tuple[Operation, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What one checker says of one history.

    Attributes:
        name: the checker's name.
        verdict: VALID, INVALID or UNKNOWN.
        reason: one sentence; for VALID what was checked, else why not.
        anomalies: at least one where the verdict is INVALID.
        engine: the algorithm that decided, such as ``zones``.
        seconds: wall seconds spent.
        statistics: figures for a report, such as configurations explored; JSON values only.
        explain_seconds: of ``seconds`` those that evidence took after the verdict was known, where
            the checker looks for it then.
    """

    name: str
    verdict: Verdict
    reason: str
    anomalies: tuple[Anomaly, ...] = ()
    engine: str = ""
    seconds: float = 0.0
    statistics: Mapping[str, Any] = field(default_factory=dict)
    explain_seconds: float = 0.0


def concluded(
    name: str,
    anomalies: Sequence[Anomaly],
    *,
    valid: str,
    unknown: str = "",
    invalid: str = "",
    engine: str = "",
    figures: Mapping[str, Any] | None = None,
) -> Result:
    """Return INVALID if something was found, UNKNOWN if there is a reason for it, or VALID.

    The reason for INVALID is that of the first anomaly, where nothing else is said.
    """
    if anomalies:
        verdict, reason = Verdict.INVALID, invalid or anomalies[0].reason
    elif unknown:
        verdict, reason = Verdict.UNKNOWN, unknown
    else:
        verdict, reason = Verdict.VALID, valid
    return Result(name, verdict, reason, tuple(anomalies), engine=engine, statistics=figures or {})


def tallied(anomalies: Iterable[Anomaly]) -> str:
    """Write how many there are of each kind, such as ``lost: 2, duplicate: 1``."""
    kinds = Counter(each.kind for each in anomalies)
    return ", ".join(f"{kind}: {count}" for kind, count in kinds.items())


def wrong(what: str, anomalies: Sequence[Anomaly]) -> str:
    """Say what is broken, with the anomalies by kind and the first; empty without any."""
    return f"{what} ({tallied(anomalies)}). {anomalies[0].reason}" if anomalies else ""


def advice(*helps: str) -> str:
    """Say what would decide a history, as a sentence; what is empty is no help."""
    *most, last = [each for each in helps if each]
    return f"What would decide it: {', '.join(most)}{' or ' if most else ''}{last}."


class OutOfBudget(Exception):  # noqa: N818 - not an error: the checker stops and says UNKNOWN
    """A checker spent its budget; `run_checker` turns it into UNKNOWN.

    Args:
        bound: what was passed, as a clause.
        more: what of the bound would help, such as ``more steps``; empty if nothing would.
    """

    def __init__(self, bound: str, more: str = "") -> None:
        super().__init__(bound)
        self.more = more

    def advice(self, helps: Iterable[str]) -> str:
        """Say what would decide the history: more of the bound, and what else helps."""
        return advice(self.more, *helps)


STEPS = 5_000_000
"""What a checker may take where nothing else is said: a long minute of a search, and some 2 GB."""


class Budget:
    """How much a checker may spend.

    The bound is a number of steps, so that a slow or loaded machine gives the verdict that a quick
    one gives. A step is what costs a few microseconds: a configuration of a search, a clock that is
    moved on, an edge that is followed. A bound in seconds is for a person who waits.

    Args:
        seconds: wall seconds; None for no bound.
        steps: None for no bound.
    """

    __slots__ = ("deadline", "explained", "seconds", "spent", "steps")

    STEP = 256
    """How many steps may lie between two calls of `spend`, where it is not one bounded pass."""

    def __init__(self, seconds: float | None = None, steps: int | None = STEPS) -> None:
        self.seconds = seconds
        self.steps = steps
        self.deadline = None if seconds is None else wall.seconds() + seconds
        self.spent = 0
        self.explained = 0.0

    @property
    def more(self) -> str:
        """What of a bound that is passed would help: more steps or more time; empty for neither."""
        if self.steps is not None and self.spent > self.steps:
            return "more steps"
        is_late = self.deadline is not None and wall.seconds() > self.deadline
        return "more time" if is_late else ""

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Count the time inside as an explanation's: the verdict is known."""
        started = wall.seconds()
        try:
            yield
        finally:
            self.explained += wall.seconds() - started

    def spend(self, steps: int) -> None:
        """Count work done.

        Raises:
            OutOfBudget: a bound is passed.
        """
        self.spent += steps
        if self.steps is not None and self.spent > self.steps:
            raise OutOfBudget(f"{self.steps:,} steps were taken without a decision", "more steps")
        if self.deadline is not None and wall.seconds() > self.deadline:
            raise OutOfBudget(f"{self.seconds:g} s passed without a decision", "more time")


@contextmanager
def standing(anomalies: Sequence[Anomaly]) -> Iterator[None]:
    """End the work inside where the budget is spent, if something was found: that stands.

    Raises:
        OutOfBudget: the budget is spent, and nothing was found.
    """
    try:
        yield
    except OutOfBudget:
        if not anomalies:
            raise


class Checker(Protocol):
    """Anything that judges a history.

    ``check`` raises `OutOfBudget` or `HistoryError` freely; call it through `run_checker`. A tuple
    ``helps`` may say what, besides a larger budget, would make a history decidable.
    """

    @property
    def name(self) -> str:
        """The word it is called by in reports and on the command line."""

    def check(self, history: History, budget: Budget) -> Result:
        """Return the verdict on a history."""


HELPS = ("a shorter history",)
"""What makes any history decidable; a checker may have its own ``helps``."""


def helps(checker: Checker) -> tuple[str, ...]:
    """Return what would make a history decidable over which the checker spent its budget."""
    found: tuple[str, ...] = getattr(checker, "helps", HELPS)
    return found


def within(checker: Checker, history: History, budget: Budget) -> Result:
    """Return a checker's result; UNKNOWN if the budget is spent, with what would decide it.

    Raises:
        HistoryError: as the checker does.
    """
    try:
        budget.spend(0)
        return checker.check(history, budget)
    except OutOfBudget as stop:
        reason = f"The budget is spent: {stop}. {stop.advice(helps(checker))}"
        return Result(checker.name, Verdict.UNKNOWN, reason)


_NO_STACK = "The checker ran out of stack: some value is nested too deeply for it."


def run_checker(checker: Checker, history: History, budget: Budget | None = None) -> Result:
    """Run a checker: its result with its time; a spent budget or a crash is UNKNOWN, and why.

    Names and keys may hold any letters, line breaks too; each reason comes out on one line.

    Raises:
        HistoryError: the history is no history; that is the input's fault, not a verdict.
    """
    started = wall.seconds()
    budget = budget or Budget()
    try:
        result = within(checker, history, budget)
    except (HistoryError, WorkloadError):
        raise
    except RecursionError:
        result = Result(checker.name, Verdict.UNKNOWN, _NO_STACK)
    except MemoryError:
        result = Result(checker.name, Verdict.UNKNOWN, "The checker ran out of memory.")
    except Exception as crash:  # noqa: BLE001 - a crashed checker must never read as valid
        result = Result(
            checker.name, Verdict.UNKNOWN, f"The checker crashed: {type(crash).__name__}: {crash}"
        )
    return replace(
        result,
        reason=one_line(result.reason),
        anomalies=tuple(replace(one, reason=one_line(one.reason)) for one in result.anomalies),
        seconds=wall.seconds() - started,
        explain_seconds=budget.explained,
    )
