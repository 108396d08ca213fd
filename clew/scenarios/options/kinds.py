"""The ways in which a run can fail, by name: what ``expect = "invalid:KIND"`` can name.

The kinds of anomalies are those of the workloads' checkers and of the checks of every run.
Names of a user's own invariants and exceptions come on top.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping

from clew.checkers.registry import find, parse_model
from clew.models.registry import MODELS
from clew.workloads import workloads

ALWAYS: Mapping[str, str] = {
    # the name of a check that every run has, as a report shows it: what its failure means
    "nodes": "something went wrong inside a node: an exception, an invariant, a refused call",
    "liveness": "there was no progress after healing",
    "availability": "too few operations were answered",
    "assert": "a condition on the figures does not hold",
}

INSIDE: Mapping[str, str] = {
    # what goes wrong inside nodes
    "exception": "a node's code raised an exception, whose class is a name for this kind as well",
    "invariant": "an invariant was broken, whose name is a name for this kind as well",
    "refused": "a node tried what a simulated node may not do",
    "malformed-message": "a node sent something that is not a message",
    "malformed-reply": "an answer to a client does not fit the workload",
    "unknown-destination": "a node sent a message to a name that nobody has",
    "unhandled-message": "a node has no handler for a message that it got",
    "never-awaited": "a node called a coroutine function and did not await the result, so none of "
    "it ran",
    "endless-loop": "a handler did not end",
    "livelock": "virtual time stood still",
    "message-loop": "messages led to messages without end, far more than clients' requests "
    "account for",
    "timer-loop": "a node's timers fired, or its work ended, far more often than any needs",
    "message-storm": "nodes sent more and more",
}

ALWAYS_FOUND: Mapping[str, str] = {
    # the kind of an anomaly that a check of every run finds: what it means
    "no-progress": "after healing a node answered none of its clients",
    "unavailable": "too few operations were answered",
    "assertion": "a condition on the figures does not hold",
    **INSIDE,
}


def failures() -> dict[str, str]:
    """Return every kind of anomaly that a run of a shipped workload may show, with its meaning."""
    checks = [check for each in workloads().values() for check in each.judged_by()]
    names = [parse_model(check.by)[0] for check in checks if isinstance(check.by, str)]
    found: dict[str, str] = {}
    for name in names:
        found |= {kind: text for kind, text in find(name).meanings.items() if kind not in found}
    return found | dict(ALWAYS_FOUND)


def checks() -> dict[str, str]:
    """Return every check of a run by its name in reports, with the meaning of its failure."""
    of_workloads = (check for each in workloads().values() for check in each.judged_by())
    return {**{check.name or str(check.by): check.broken for check in of_workloads}, **ALWAYS}


def known_kinds(model: str, workload: str = "") -> tuple[str, ...] | None:
    """Return every name that KIND may be for a shipped model and workload, or None for a user's."""
    if model not in MODELS or (workload and workload not in workloads()):
        return None
    invariants = getattr(MODELS[model].load(), "invariants", ())
    named = [getattr(one, "name", "") or getattr(one, "__name__", "") for one in invariants]
    whole = [f"invariant {name}" for name in named]
    return tuple(dict.fromkeys([*failures(), *checks(), *named, *whole, *_EXCEPTIONS]))


_EXCEPTIONS = tuple(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, Exception)
)
