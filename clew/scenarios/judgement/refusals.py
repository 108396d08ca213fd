"""A function that was refused for ever: it worked once, and after healing never again.

Each request had a definite answer, which is often all that is required of the cluster, so that the
check of progress holds. But a lock that nobody releases, or a leader that nobody elects, looks the
same: hence a remark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from clew.history import Operation
from clew.node.node import ERROR_CODES
from clew.node.timer import NS_PER_SECOND
from clew.scenarios.judgement.remarks import few
from clew.scenarios.runs.answers import code_of, is_answered, is_progress
from clew.scenarios.runs.run import Run

REFUSED_MIN = 5
"""If fewer requests failed during the recovery, it may be chance."""


def refused_for_ever(run: Run, *, every_node: bool, stalled: bool) -> Iterator[str]:
    """Yield a sentence for each function that had succeeded and was refused all recovery long.

    With ``every_node`` each node has to serve its own clients; otherwise the cluster counts. If
    progress was found to have stopped, ``stalled``, no sentence says that this is no failure.
    """
    groups: dict[str, dict[str, list[Operation]]] = {}
    for one in run.history.operations:
        where = (one.node or "") if every_node else ""
        groups.setdefault(one.f, {}).setdefault(where, []).append(one)
    for f, by_node in groups.items():
        stuck = {
            where: asked
            for where, asked in by_node.items()
            if _is_refused(asked, run.plan.time_limit_ns)
        }
        if stuck:
            yield _said(f, stuck, run.plan.time_limit_ns, stalled=stalled)


def _is_refused(asked: Sequence[Operation], healed_ns: int) -> bool:
    late = _after(asked, healed_ns)
    return (
        len(late) >= REFUSED_MIN
        and any(one.type == "ok" for one in asked)
        and all(is_answered(one) and not is_progress(one) for one in late)
        and not any(is_progress(one) and (one.end or 0) >= healed_ns for one in asked)
    )


def _after(asked: Iterable[Operation], healed_ns: int) -> list[Operation]:
    return [one for one in asked if (one.start or 0) >= healed_ns]


def _said(f: str, stuck: dict[str, list[Operation]], healed_ns: int, *, stalled: bool) -> str:
    asked = [one for each in stuck.values() for one in each]
    late = _after(asked, healed_ns)
    done = [one.end or 0 for one in asked if one.type == "ok"]
    code, count = Counter(map(code_of, late)).most_common(1)[0]
    name = ERROR_CODES.get(code or 0, ("the node's own", True))[0]
    where = few([node for node in stuck if node])
    errors = f"error {code} ({name})"
    how = f" with {errors}" if count == len(late) else f", {count:,} of them with {errors}"
    lead = "Where" if stalled else "Clients had answers, so that is no failure; where"
    return (
        f"{f} succeeded {len(done):,} times{where and f' at {where}'}, last at "
        f"{max(done) / NS_PER_SECOND:.3f} s, and never again: all {len(late):,} requests after "
        f"{healed_ns / NS_PER_SECOND:g} s, when everything was healed, were refused{how}. "
        f"{lead} {f} should work again, look for what nobody lets go of, or elects."
    )
