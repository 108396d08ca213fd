"""The ways in which a run can fail, by name: what ``expect = "invalid:KIND"`` can speak of.

The kinds of anomalies are those of the workloads' checkers and of what is checked of every run.
Names of a user's own invariants and exceptions come on top.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping

from clew.checkers.transactions.lattice import ANOMALIES
from clew.models.registry import MODELS
from clew.workloads import workloads

ALWAYS: Mapping[str, str] = {
    # the name of a check that every run has, as a report shows it: what it says when it fails
    "nodes": "something went wrong inside a node: an exception, an invariant, a refused call",
    "liveness": "there was no progress after healing",
    "availability": "too few operations were answered",
    "assert": "a condition on the figures does not hold",
}

INSIDE: Mapping[str, str] = {
    # what goes wrong inside nodes
    "exception": "a node's code raised; the class of the exception is a name for it as well",
    "invariant": "an invariant broke; its name is a name for it as well",
    "refused": "a node tried what a simulated node may not do",
    "malformed-message": "a node sent what is no message",
    "malformed-reply": "an answer to a client is none of this workload",
    "unknown-destination": "a node sent to somebody who is not there",
    "unhandled-message": "a node has no handler for what it was sent",
    "never-awaited": "a node called a coroutine and did not await it, so nothing of it ran",
    "endless-loop": "a handler did not end",
    "livelock": "virtual time stood still",
    "message-loop": "messages led to messages without end, far more than clients asked for",
    "message-storm": "nodes sent more and more",
}

FAILURES: Mapping[str, str] = {
    # the kind of an anomaly: what it means
    **{row.name: row.meaning for row in ANOMALIES},
    "nonlinearizable": "no order of the operations explains an answer",
    "lost": "acknowledged, and no replica has it",
    "stale": "acknowledged, and some replica does not show it",
    "phantom": "shown, and never asked for",
    "duplicate": "there twice, or given twice",
    "disappeared": "shown, and later not shown any more",
    "malformed": "an answer of the wrong shape",
    "mismatch": "an answer to something else than was asked",
    "impossible-total": "a counter's total that no set of its additions gives",
    "diverged": "replicas never agreed",
    "decreasing": "a counter that only grows went down",
    "out-of-bounds": "a counter showed what it could not have been",
    "inconsistent-offsets": "two messages at one offset of a log",
    "poll-skip": "a poll left out messages",
    "int-poll-skip": "the same inside one transaction",
    "nonmonotonic-poll": "a poll went back",
    "int-nonmonotonic-poll": "the same inside one transaction",
    "nonmonotonic-send": "a later send came before an earlier one in the log",
    "int-nonmonotonic-send": "the same inside one transaction",
    "precommitted-read": "a poll showed what was not committed yet",
    "lost-write": "a sent message that polls passed by",
    "unseen": "a sent message that no poll reached",
    "no-progress": "after healing a node answered none of its clients",
    "unavailable": "too few operations were answered",
    "assertion": "a condition on the figures does not hold",
    **INSIDE,
}


def checks() -> dict[str, str]:
    """Every check of a run by its name in reports, with what it says when it fails."""
    of_workloads = (check for each in workloads().values() for check in each.judged_by())
    return {**{check.name or str(check.by): check.broken for check in of_workloads}, **ALWAYS}


def known_kinds(model: str, workload: str = "") -> tuple[str, ...] | None:
    """Every name that KIND may be for a shipped model and workload; None where one is a user's."""
    if model not in MODELS or (workload and workload not in workloads()):
        return None
    invariants = getattr(MODELS[model].load(), "invariants", ())
    named = [getattr(one, "name", "") or getattr(one, "__name__", "") for one in invariants]
    whole = [f"invariant {name}" for name in named]
    return tuple(dict.fromkeys([*FAILURES, *checks(), *named, *whole, *_EXCEPTIONS]))


_EXCEPTIONS = tuple(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, Exception)
)
