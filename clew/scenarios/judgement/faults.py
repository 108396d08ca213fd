"""Whether the faults of a run did anything that its nodes could notice, and what to do if not."""

from __future__ import annotations

from collections.abc import Sequence

from clew.checkers.verdict import Result, Verdict
from clew.scenarios.code.models import Model
from clew.scenarios.plans.capabilities import kinds_for
from clew.scenarios.runs.run import Run
from clew.sim.faults import GROUPS, KINDS, FaultReport, group_of
from clew.sim.faults.targets import Aim, aim_at, asked_of
from clew.sim.trigger import ASKED


def check_faults(run: Run, model: Model) -> Result:
    """Return UNKNOWN if a kind requested by name did nothing, or if no fault did anything.

    With ``allow_inert`` this is only reported. A swarm whose faults nobody noticed was a calm one.
    """
    idle = [asked for asked in run.plan.nemesis if not _bites(run, asked)]
    if run.plan.allow_inert:
        taken = f" Nobody noticed {', '.join(idle)}, which --allow-inert takes." if idle else ""
        return Result("faults", Verdict.VALID, _done(run.faults) + taken)
    if idle:
        why = "; ".join(f"{asked}: {_last(run, asked)}" for asked in idle)
        reason = f"A fault that was asked for did nothing that a node could notice: {why}"
        return Result("faults", Verdict.UNKNOWN, f"{reason}. {_advice(run, model, idle)}")
    if run.plan.swarm and not any(report.bit for report in run.faults):
        reason = "None of the faults that this seed drew did anything that a node could notice."
        return Result("faults", Verdict.VALID, reason)
    if not any(report.bit for report in run.faults):
        return Result(
            "faults", Verdict.UNKNOWN,
            f"None of the plan's faults did anything that a node could notice. {_LONGER}",
        )  # fmt: skip
    return Result("faults", Verdict.VALID, _done(run.faults))


def _bites(run: Run, asked: str) -> int:
    return sum(report.bit for report in _of(run, asked))


def _of(run: Run, asked: str) -> list[FaultReport]:
    name, *whom = asked_of(asked)
    waited = {fault.id for fault in run.plan.faults if fault.when is not None}
    of_kind = [
        report
        for report in run.faults
        if name in {report.kind, group_of(report.kind)} or (name == ASKED and report.id in waited)
    ]
    if not any(whom):
        return of_kind
    # A fault that was drawn for some nodes is called after them, also if its target is one by name.
    aimed = {
        one.id
        for one in run.plan.faults
        if one.id.startswith(f"{asked}-") or _is_aimed(aim_at(one.target), *whom)
    }
    return [report for report in of_kind if report.id in aimed]


def _is_aimed(aim: Aim | None, word: str | None, role: str | None, region: str | None) -> bool:
    """Return whether an aim has all that a request names."""
    if aim is None:
        return False
    wanted = word, role, region
    return all(part in {None, own} for part, own in zip(wanted, aim, strict=True))


def _last(run: Run, asked: str) -> str:
    reports = _of(run, asked)
    return reports[-1].told if reports else "the plan holds none"


def _done(reports: Sequence[FaultReport]) -> str:
    total: dict[str, int] = {}
    for report in reports:
        total[report.kind] = total.get(report.kind, 0) + report.bit
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(total.items()))
    return f"What each kind of fault did: {told or 'nothing'}."


_LONGER = (
    "A longer --time-limit, a higher --rate or a shorter --nemesis-interval gives faults more to "
    "do; --allow-inert takes the run as it is."
)


def _advice(run: Run, model: Model, idle: Sequence[str]) -> str:
    """Advise what to request: for nodes that send each other nothing, no fault of the network."""
    needs = {
        KINDS[kind].needs
        for name in (asked_of(asked).kind for asked in idle)
        for kind in GROUPS.get(name, (name,))
        if kind in KINDS
    }
    if run.talked or needs != {"peers"}:
        return _LONGER
    felt = dict.fromkeys(
        KINDS[kind].group
        for kind in kinds_for(model.program)
        if KINDS[kind].needs != "peers" and (run.plan.regions or not KINDS[kind].least_regions)
    )
    return (
        "The nodes sent each other nothing in the whole run, so no fault of the network can do "
        f"anything: ask for {', '.join(felt)} instead, or take the run as it is with --allow-inert."
    )
