"""What a checker says: a verdict, its evidence, and what it cost.

Verdicts merge as Jepsen's do: invalid > unknown > valid (jepsen ``checker.clj``). A checker
that crashed or ran out of budget is UNKNOWN, never valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from clew import wall
from clew.errors import HistoryError
from clew.history import History, Operation


class Verdict(Enum):
    """VALID, INVALID or UNKNOWN; the value is the word that is printed."""

    VALID = "valid"
    UNKNOWN = "unknown"
    INVALID = "invalid"

    @staticmethod
    def merge(verdicts: Iterable[Verdict]) -> Verdict:
        """The worst of several: invalid > unknown > valid; VALID where there is none."""
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
    """

    name: str
    verdict: Verdict
    reason: str
    anomalies: tuple[Anomaly, ...] = ()
    engine: str = ""
    seconds: float = 0.0
    statistics: Mapping[str, Any] = field(default_factory=dict)


class OutOfBudget(Exception):  # noqa: N818 - not an error: the checker stops and says UNKNOWN
    """A checker spent its budget; `run_checker` turns it into UNKNOWN."""


class Budget:
    """How much a checker may spend, in configurations and in wall seconds.

    Args:
        seconds: wall seconds; None for no bound.
        configurations: steps of a search; None for no bound. This bound is deterministic and the
            one that a simulated run uses.
    """

    __slots__ = ("configurations", "deadline", "seconds", "spent")

    STEP = 256

    def __init__(self, seconds: float | None = 60.0, configurations: int | None = None) -> None:
        self.seconds = seconds
        self.configurations = configurations
        self.deadline = None if seconds is None else wall.seconds() + seconds
        self.spent = 0

    def spend(self, configurations: int) -> None:
        """Count work done; call it at least every `STEP` configurations.

        Raises:
            OutOfBudget: a bound is passed.
        """
        self.spent += configurations
        if self.configurations is not None and self.spent > self.configurations:
            message = f"{self.configurations} configurations were explored without a decision"
            raise OutOfBudget(message)
        if self.deadline is not None and wall.seconds() > self.deadline:
            message = f"{self.seconds:g} s were spent without a decision"
            raise OutOfBudget(message)


class Checker(Protocol):
    """Anything that judges a history.

    ``check`` raises `OutOfBudget` or `HistoryError` freely; call it through `run_checker`.
    """

    @property
    def name(self) -> str:
        """The word it is called by in reports and on the command line."""

    def check(self, history: History, budget: Budget) -> Result:
        """The verdict on a history."""


def run_checker(checker: Checker, history: History, budget: Budget | None = None) -> Result:
    """A checker's result with its time; a spent budget or a crash is UNKNOWN, with the reason.

    Raises:
        HistoryError: the history is no history; that is the input's fault, not a verdict.
    """
    started = wall.seconds()
    budget = budget or Budget()
    try:
        budget.spend(0)
        result = checker.check(history, budget)
    except HistoryError:
        raise
    except OutOfBudget as stop:
        result = Result(checker.name, Verdict.UNKNOWN, f"The budget is spent: {stop}.")
    except RecursionError:
        result = Result(checker.name, Verdict.UNKNOWN, "The checker ran out of stack.")
    except MemoryError:
        result = Result(checker.name, Verdict.UNKNOWN, "The checker ran out of memory.")
    except Exception as crash:  # noqa: BLE001 - a crashed checker must never read as valid
        result = Result(
            checker.name, Verdict.UNKNOWN, f"The checker crashed: {type(crash).__name__}: {crash}"
        )
    return Result(
        result.name, result.verdict, result.reason, result.anomalies, result.engine,
        wall.seconds() - started, result.statistics,
    )  # fmt: skip
