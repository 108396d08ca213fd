"""Progress after healing: what is required of which nodes, and when nothing is required.

If a workload says that every node serves its clients, each healed node must complete an operation
within the recovery time. Otherwise the cluster must, and every healed node must answer: a definite
error, such as "not the leader", is an answer. A function whose requests get no answer is stuck,
whatever the others do: a lock that a crash left closed stops writes, but not reads.

Under a partial partition that stands (``--liveness partial``), the nodes that must make progress
are a quorum of which every two reach each other. Whoever else leads may not reach all of it, so
that one of them makes progress is enough, if the workload does not say that every node does.

This is required within what the node class tolerates: a system whose own timeouts are shorter than
a round trip stands still, and never promised otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from clew.checkers.verdict import Anomaly, Result, Verdict
from clew.history import Operation
from clew.node.timer import NS_PER_SECOND
from clew.scenarios.code.models import Model
from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.judgement.remarks import few
from clew.scenarios.plans.capabilities import withstands
from clew.scenarios.plans.plan import Plan
from clew.scenarios.runs.answers import is_answered, is_progress
from clew.scenarios.runs.clientele import timeout_ns
from clew.scenarios.runs.recovery import healed_nodes
from clew.scenarios.runs.run import Run
from clew.sim.faults import group_of
from clew.sim.faults.injection import several

_EVIDENCE_MAX = 20


def check_liveness(run: Run, *, every_node: bool) -> Result:
    """Return INVALID if the healed nodes made no progress in the recovery time.

    UNKNOWN if they answered, and clients had been told to give up sooner than any system answers.
    """
    result = _progress(run, every_node=every_node)
    hasty = _hasty(run) if result.verdict is Verdict.INVALID else ""
    return Result("liveness", Verdict.UNKNOWN, f"{result.reason}; {hasty}") if hasty else result


PROMPT_TIMES = 10
PROMPT_NS = 100_000_000
"""An answer within ten mean latencies and a tenth of a second is prompt."""


def _hasty(run: Run) -> str:
    """Say that clients gave up too soon, if most late answers after healing were prompt ones."""
    plan = run.plan
    if plan.request_timeout_ns is None:
        return ""
    waits = [done - sent for sent, done in run.attempts.late if sent >= plan.time_limit_ns]
    prompt = [ns for ns in waits if ns <= PROMPT_NS + PROMPT_TIMES * plan.slowest_ns]
    if 2 * len(prompt) <= len(waits):
        return ""
    return (
        f"but clients gave each request up after {plan.request_timeout_ns / 1e6:g} ms, and "
        f"{len(prompt):,} of {len(waits):,} late answers came within {max(prompt) / 1e6:.3g} ms: "
        "give a longer --request-timeout."
    )


def _progress(run: Run, *, every_node: bool) -> Result:
    plan = run.plan
    if not plan.recovery_ns:
        return Result("liveness", Verdict.VALID, "There is no recovery time: no progress was due.")
    asked = _asked_after_healing(run)
    moving = [node for node, tried in asked.items() if any(map(is_progress, tried))]
    within = f"{plan.recovery_ns / NS_PER_SECOND:g} s after {_who(plan)} healed"
    stopped = _unready(run, within) or _stopped(run, asked, within, every_node=every_node)
    if stopped is not None:
        return stopped
    if not every_node and moving:
        return _answers(run, asked, moving, within)
    stuck = {node: tried for node, tried in asked.items() if node not in moving}
    if asked and not stuck:
        reason = f"Within {within}, operations succeeded at {few(moving)}."
        return Result("liveness", Verdict.VALID, reason)
    # One request may just be slow, or the last before an error; two without progress show a stop.
    # One that was sent before healing may have gone to a node that was down.
    since = {node: _since_healing(run, tried) for node, tried in stuck.items()}
    if every_node:
        stuck = {node: tried for node, tried in stuck.items() if len(since[node]) > 1}
    elif not _asked_twice(plan, since.values()):
        stuck = {}
    if not stuck:
        where = ", ".join(node for node in asked if node not in moving) or "any node"
        return Result("liveness", Verdict.UNKNOWN, _untried(run, where))
    return _no_progress(stuck, asked, "completed none", within)


def _untried(run: Run, where: str) -> str:
    """Say why too few requests were sent after healing to judge by."""
    plan = run.plan
    if run.findings and run.virtual_ns < plan.time_limit_ns:
        at = f"{run.virtual_ns / NS_PER_SECOND:g} s"
        return f"The run was ended at {at} by what the nodes did, before any progress was due."
    return (
        f"After {_who(plan)} healed, clients had no second try at {where} within "
        f"{plan.recovery_ns / NS_PER_SECOND:g} s: a longer --recovery would show it."
    )


def _answers(
    run: Run, asked: Mapping[str, Sequence[Operation]], moving: list[str], within: str
) -> Result:
    """Judge a cluster that makes progress: INVALID if a node does not even answer."""
    others = {node: tried for node, tried in asked.items() if node not in moving}
    # Where links stay cut, a node may have sent requests on to a leader that can't reach it.
    bound = others if run.plan.liveness != "partial" else {}
    silent = {
        node: tried
        for node, tried in bound.items()
        if len(_since_healing(run, tried)) > 1 and not any(map(is_answered, tried))
    }
    if silent:
        return _no_progress(silent, asked, "answered none", within)
    reason = f"Within {within}, operations succeeded at {few(moving)}"
    refusing = [node for node, tried in others.items() if any(map(is_answered, tried))]
    if refusing:
        reason += f"; {few(refusing)} refused them"
    return Result("liveness", Verdict.VALID, f"{reason}.")


def _unready(run: Run, within: str) -> Result | None:
    """Judge nodes that did not even acknowledge what comes before the first operation."""
    plan = run.plan
    nodes = [node for node in healed_nodes(run.plan, run.members) if node in run.unready]
    if not nodes:
        return None
    first = ", ".join(load_workload(plan.workload).setup_types)
    reason = f"{few(nodes)} did not acknowledge {first!r} in the {within}"
    if plan.recovery_ns < 2 * timeout_ns(plan):  # it may have got only one request since
        reason += ": a longer --recovery would show it."
        return Result("liveness", Verdict.UNKNOWN, reason)
    reason += ", so their clients asked for nothing"
    return Result("liveness", Verdict.INVALID, reason, (Anomaly("no-progress", reason),))


def _stopped(
    run: Run, asked: Mapping[str, Sequence[Operation]], within: str, *, every_node: bool
) -> Result | None:
    """Judge a function that was requested repeatedly after healing, and never answered."""
    groups: dict[tuple[str, str], list[Operation]] = {}
    for node, tried in asked.items():
        for one in tried:
            groups.setdefault((node if every_node else "the cluster", one.f), []).append(one)
    moving = {where for (where, _), tried in groups.items() if any(map(is_progress, tried))}
    for (where, f), tried in groups.items():
        since = _since_healing(run, tried)
        timed_out = [one for one in since if one.completed is not None and _unanswered(one)]
        # Where nothing moves at all, the check of progress says so.
        if where not in moving or any(map(is_progress, tried)):
            continue
        if _asked_twice(run.plan, [timed_out]):
            reason = (
                f"{where} answered none of {len(timed_out)} requests to {f} in the {within}, "
                "and others it did"
            )
            anomaly = Anomaly("no-progress", reason, tuple(timed_out[:_EVIDENCE_MAX]))
            return Result("liveness", Verdict.INVALID, reason[0].upper() + reason[1:], (anomaly,))
    return None


def _no_progress(
    stuck: Mapping[str, Sequence[Operation]],
    asked: Collection[str],
    did: str,
    within: str,
) -> Result:
    tried = [operation for each in stuck.values() for operation in each]
    reason = (
        f"{len(stuck)} of {len(asked)} nodes ({few(list(stuck))}) {did} of their clients' "
        f"operations in the {within}"
    )
    pending = sum(map(_unanswered, tried))
    if pending:
        count = "1 operation was" if pending == 1 else f"{pending} operations were"
        reason += f"; {count} never answered"
    anomaly = Anomaly("no-progress", reason, tuple(tried[:_EVIDENCE_MAX]))
    return Result("liveness", Verdict.INVALID, reason, (anomaly,))


def _who(plan: Plan) -> str:
    return _WHO.get(plan.liveness, "everything")


_WHO = {"core": "a quorum", "partial": "all but a partial partition"}


def _asked_after_healing(run: Run) -> dict[str, list[Operation]]:
    """Group by healed node the operations that were open at, or asked after, healing."""
    healed = healed_nodes(run.plan, run.members)
    asked: dict[str, list[Operation]] = {node: [] for node in healed}
    for one in run.history.operations:
        if one.node in asked and (one.end is None or one.end >= run.plan.time_limit_ns):
            asked[one.node].append(one)
    return {node: tried for node, tried in asked.items() if tried}


def _since_healing(run: Run, tried: Iterable[Operation]) -> list[Operation]:
    """Return the operations that were requested after everything had healed."""
    return [one for one in tried if (one.start or 0) >= run.plan.time_limit_ns]


def _asked_twice(plan: Plan, tried: Iterable[Sequence[Operation]]) -> bool:
    """Return whether one client sent two requests: they may have gone to two nodes."""
    stride = plan.stride
    clients = [int(one.process) % stride for each in tried for one in each]
    return len({*clients}) < len(clients)


def _unanswered(operation: Operation) -> bool:
    error = operation.error
    return operation.completed is None or (isinstance(error, dict) and error.get("code") == 0)


# What is not promised.


def beyond_promise(plan: Plan, model: Model) -> tuple[str, ...]:
    """Say how a plan goes beyond what its class tolerates; empty if the class states nothing.

    A class that states nothing is expected to withstand whatever the user requests.
    """
    promise = model.program.tolerates
    return () if promise is None else tuple(_beyond(plan, model))


def _beyond(plan: Plan, model: Model) -> Iterator[str]:
    promise = model.program.tolerates
    assert promise is not None
    yield from _beyond_counts(plan, model)
    if plan.slowest_ns > promise.latency_ns:
        yield f"links of {plan.slowest_ns / 1e6:g} ms"
    kinds = dict.fromkeys(fault.kind for fault in plan.faults)
    for kind in kinds:
        if not withstands(promise, kind):
            yield f"the fault {kind}"
    most_ns, allowed_ns = plan.clock_error_ns, promise.clock_error_ns
    wrong = allowed_ns and (most_ns is None or most_ns > allowed_ns)
    if wrong and any(group_of(kind) == "clock" for kind in kinds):
        yield "clocks that are off by " + (
            "anything" if most_ns is None else f"{most_ns / 1e9:g} s"
        )


def _beyond_counts(plan: Plan, model: Model) -> Iterator[str]:
    """Yield where there are too many nodes or too few: of a system, of a role with a count."""
    counts = [(len(plan.node_ids), model.node_class.tolerates, "")]
    if model.system is not None:
        counts = [
            (len(plan.roles[role]), each.node_class.tolerates, f" of the role {role}")
            for role, each in model.system.roles.items()
        ]
    for count, promise, which in counts:
        if promise is not None and not promise.fewest <= count <= (promise.most or count):
            yield f"{several(count, 'node')}{which}"


def _says(model: Model) -> str:
    return "the class" if model.system is None else "the system, or a class of it,"


def not_judged(progress: Result, beyond: Sequence[str], model: Model) -> str:
    """Return the remark that replaces a check."""
    return (
        f"No progress was asked for: {' and '.join(beyond)}: outside what {_says(model)} says that "
        f"it tolerates ({model.program.tolerates}). Else this would count: {progress.reason}."
    )
