"""Conditions on a run's figures, such as ``servers.msgs_per_op < 30``.

A condition is ``PATH OP NUMBER``; a path names a figure of `Outcome.statistics` with dots, and a
quantile by its number, as in ``latency_ms.0.99 < 200``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from clew.checkers.verdict import Anomaly, Result, Verdict
from clew.errors import UsageError
from clew.machine.text import nearest_of

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION = re.compile(r"\s*([\w.\-]+)\s*(<=|>=|==|!=|<|>)\s*(-?\d+(?:\.\d+)?)\s*")

FIGURES: Mapping[str, str] = {
    # the path of a figure, with capitals in place of variable words: what it is
    "operations.count": "operations that clients began",
    "operations.ok": "those of them that happened",
    "operations.fail": "those that surely did not happen",
    "operations.info": "those of which nobody knows whether they happened",
    "operations.by_f.F": "the same four figures for each function F",
    "requests.attempts": "requests that clients sent for their operations",
    "requests.retries": "those of them that repeated a request that was not answered",
    "requests.hedges": "those that went to a second node because another had not answered",
    "requests.timeouts": "those whose answer did not come in time",
    "requests.held_back": "retries and hedges that a client's budget did not allow",
    "latency_ms.Q": "the quantile Q (0, 0.5, 0.95, 0.99, 1) of the time from invocation to "
    "completion of the operations that happened, virtual ms",
    "servers.messages": "messages that nodes and services sent to each other",
    "servers.msgs_per_op": "the same for each operation that clients began",
    "servers.msgs_per_ok": "the same for each operation that happened",
    "network.messages": "all messages that were sent, including those of clients",
    "network.dropped.WHY": "messages that did not arrive, by reason",
    "regions.R.count": "operations that clients of the region R began; this and the following "
    "need regions",
    "regions.R.ok": "those of them that happened",
    "regions.R.fail": "those that surely did not happen",
    "regions.R.info": "those of which nobody knows whether they happened",
    "regions.R.availability": "the share of them that was answered, as `--availability` counts",
    "regions.R.latency_ms.Q": "the quantile Q of the time that those that happened took, virtual "
    "ms",
    "load.offered": "operations that clients began, per second, before final reads",
    "load.goodput": "operations that ended well, per second, before final reads",
    "load.PHASE.offered": "operations that clients began per second: `main` is the time of faults, "
    "`recovery` the time after it",
    "load.PHASE.goodput": "operations that ended well in that time, per second",
    "nodes.N.utilisation": "the share of the run in which the workers of node N were busy; this "
    "and the following need nodes that call `work`",
    "nodes.N.queue.mean": "how many jobs waited for a worker of N, on average over time",
    "nodes.N.queue.max": "how many waited at most",
    "nodes.N.queue.refused": "how many N refused because its queue was full",
    "utilisation.mean": "the mean of the utilisations of all nodes that worked",
    "utilisation.max": "the highest of them",
    "queue.mean": "the mean of the mean queue lengths of all nodes that worked",
    "queue.max": "the length of the longest queue of any node",
    "queue.refused": "how many jobs full queues refused",
    "events": "what happened in the run: deliveries, timers and the like",
    "virtual_seconds": "how long the run took in its own time",
}

SERIES: Mapping[str, str] = {
    # figures over time, which no condition can use: a list with a number for each window
    "load.over_time.seconds": "the length of a window: one second, or as many as make 60 windows "
    "enough",
    "load.over_time.offered": "operations that clients began, per second",
    "load.over_time.goodput": "operations that ended well, per second",
    "nodes.N.over_time.utilisation": "the utilisation of N",
    "nodes.N.over_time.queue": "the mean length of its queue",
    "nodes.N.over_time.longest": "the longest it was",
    "nodes.N.over_time.refused": "how many jobs it refused",
}

_OPEN = re.compile(
    r"operations\.by_f\..+\.(count|ok|fail|info)|latency_ms\.[\d.]+|network\.dropped\..+"
    r"|load\.(main|recovery)\.(offered|goodput)|nodes\..+\.(utilisation|queue\.(mean|max|refused))"
    r"|regions\.[\w-]+\.(count|ok|fail|info|availability|latency_ms\.[\d.]+)"
)
"""The figures whose names depend on the run."""

Condition = tuple[str, str, float]


def parse_assert(text: str) -> Condition:
    """Parse a condition into ``(path, operator, number)``.

    Raises:
        UsageError: it is not a condition.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise UsageError(
            "--assert can't be used",
            expected="a figure, a comparison and a number, such as 'servers.msgs_per_op < 30'",
            found=repr(text),
            fix="'clew test MODEL --json' prints the figures under 'statistics'",
        )
    return match[1], match[2], float(match[3])


def known_assert(text: str) -> Condition:
    """Parse as `parse_assert` does, but only a figure that a run can have.

    Raises:
        UsageError: it is not a condition, or no run has a figure of this name.
    """
    condition = parse_assert(text)
    path = condition[0]
    if path not in FIGURES and not _OPEN.fullmatch(path):
        near = _nearest(path, FIGURES)
        raise UsageError(
            "--assert can't be used",
            expected=f"a figure of a run: {', '.join(FIGURES)}",
            found=repr(path),
            fix=f"Did you mean {near}" if near else None,
        )
    return condition


def _nearest(path: str, known: Iterable[str]) -> str:
    """Return the figures that were perhaps meant, by their paths or their paths' last parts."""
    paths = list(known)
    last = path.rpartition(".")[2]
    near = [each for each in paths if each.rpartition(".")[2] == last]
    near += [each for each in nearest_of(path, paths, 2) if each not in near]
    if not near:
        by_last = {each.rpartition(".")[2]: each for each in paths}
        near = [by_last[each] for each in nearest_of(last, by_last, 1)]
    return " or ".join(map(repr, near[:3]))


def _paths(figures: Mapping[str, Any], start: str = "") -> Iterator[str]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{start}{name}.")
        else:
            yield f"{start}{name}"


def figure(path: str, figures: Mapping[str, Any]) -> float | None:
    """Return the figure of a path; None if there is none (yet).

    A key may itself hold a dot, as the quantile ``0.99`` does: the longest key that fits counts.
    """
    here: Any = figures
    rest = path
    while rest:
        if not isinstance(here, Mapping):
            return None
        fitting = [key for key in here if rest == key or rest.startswith(f"{key}.")]
        if not fitting:
            return None
        key = max(fitting, key=len)
        here, rest = here[key], rest[len(key) + 1 :]
    return float(here) if isinstance(here, int | float) else None


def check_asserts(asserts: Sequence[str], figures: Mapping[str, Any]) -> Result:
    """Return INVALID if a condition does not hold, UNKNOWN if its figure is missing."""
    broken: list[str] = []
    missing: list[str] = []
    for text in asserts:
        path, comparison, bound = parse_assert(text)
        value = figure(path, figures)
        if value is None:
            near = _nearest(path, _paths(figures))
            missing.append(f"this run has no figure {path!r}" + (f"; near {near}" if near else ""))
        elif not _OPERATORS[comparison](value, bound):
            broken.append(f"{path} is {value:g}, which is not {comparison} {bound:g}")
    if broken:
        return Result(
            "assert", Verdict.INVALID, "; ".join(broken),
            tuple(Anomaly("assertion", reason) for reason in broken),
        )  # fmt: skip
    if missing:
        return Result("assert", Verdict.UNKNOWN, "; ".join(missing))
    return Result("assert", Verdict.VALID, f"All of {', '.join(asserts)} hold.")
