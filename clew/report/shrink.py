"""What a shrinker found: the sizes, the story of what is left, and a run that passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from clew.history import Operation
from clew.node.timer import NS_PER_SECOND
from clew.report import layout
from clew.report.screen import Style
from clew.report.story import story
from clew.scenarios.plans.plan import Plan, PlannedOperation
from clew.scenarios.repros.trust import replay_command
from clew.search.shrink.shrinker import Shrunk
from clew.sim.faults import Fault
from clew.trace import words


def shrunk_report(
    shrunk: Shrunk, repro_path: str | None, style: Style, page: str | None = None
) -> str:
    """Report the sizes before and after, the story, the nearest passing plan, and the replay.

    Args:
        shrunk: what was found.
        repro_path: its repro file, or None if none was written.
        style: colour or none.
        page: the web page of the run, or None if none was written.
    """
    plan = shrunk.plan
    model = layout.titled(plan.model.name, plan.model.bug)
    parts = [
        f"{style.heading(f'The shortest story found of {model}')}\n{sizes(shrunk)}",
        f"{shrunk.outcome.signature}\n\n{story(shrunk.outcome)}",
        nearest(shrunk),
        _replay(repro_path, shrunk.plan),
        f"Look at it in a browser:\n  {page}" if page is not None else "",
    ]
    return "\n\n".join(part for part in parts if part)


def sizes(shrunk: Shrunk) -> str:
    """Show the sizes before and after, and the cost."""
    before, after = shrunk.before, shrunk.after
    rows = [
        (name, f"{getattr(before, name):,}", "->", f"{getattr(after, name):,}")
        for name in ("operations", "faults", "nodes", "clients", "regions")
        if name != "regions" or before.regions
    ]
    was, now = (f"{each.virtual_ns / NS_PER_SECOND:.6g} s" for each in (before, after))
    rows.append(("virtual time", was, "->", now))
    table = layout.table(rows, right=(1, 3))
    took = f"  {layout.several(shrunk.runs, 'run')}"
    if not shrunk.complete:
        took += "; the search was cut short, so there may be a shorter one"
    return f"{table}\n{took}."


def nearest(shrunk: Shrunk) -> str:
    """Describe how the nearest passing plan differs, and where its run parts from the other."""
    if shrunk.passing is None or shrunk.parting is None:
        return ""
    change = difference(shrunk.plan, shrunk.passing)
    return (
        f"{layout.hanging('', f'It does not fail {change}.')}\n{layout.hanging('', shrunk.parting)}"
    )


def difference(failing: Plan, passing: Plan) -> str:
    """Describe a passing plan's change, to end a sentence that begins with 'It does not fail'."""
    for fault in failing.faults:
        other = next((one for one in passing.faults if one.id == fault.id), None)
        if other is None:
            return f"without the fault {fault.id}"
        if other != fault:
            return _weaker(fault, other)
    gone = next((one for one in failing.operations if one not in passing.operations), None)
    if gone is not None:
        new = [one for one in passing.operations if one not in failing.operations]
        return _moved_or_gone(gone, new)
    changed = [
        field.name
        for field in fields(failing)
        if getattr(failing, field.name) != getattr(passing, field.name)
    ]
    return f"with another {', '.join(changed)}"


def _moved_or_gone(gone: PlannedOperation, new: Sequence[PlannedOperation]) -> str:
    """Describe what became of an operation, if some are new."""
    moved = next((one for one in new if one._replace(at_ns=gone.at_ns) == gone), None)
    if moved is None:
        asked = f"the {_request(gone)} that client {gone.client} asks for"
        return f"without {asked} at {words.time(gone.at_ns)}"
    return (
        f"when client {gone.client} asks for {_request(gone)} at {words.time(moved.at_ns)} "
        f"instead of {words.time(gone.at_ns)}, so that it overlaps no earlier operation"
    )


def _weaker(fault: Fault, other: Fault) -> str:
    if "messages" in other.params:
        left = len(other.params["messages"])
        return f"when the fault {fault.id} loses {layout.several(left, 'message')}, not {left + 1}"
    if other.params.get("unsynced") == "kept" != fault.params.get("unsynced"):
        return f"when what was not synced survives the fault {fault.id}"
    if fault.when is not None and other.when is not None:
        length, longer = (words.time(each.lasts_ns) for each in (other.when, fault.when))
        return f"when the fault {fault.id} lasts {length} instead of {longer}"
    for verb, name in (("ends", "until_ns"), ("begins", "at_ns")):
        was, now = getattr(fault, name), getattr(other, name)
        if replace(other, **{name: was}) == fault:
            times = f"{words.time(now)} instead of {words.time(was)}"
            return f"when the fault {fault.id} {verb} at {times}"
    return f"when the fault {fault.id} is weaker"


def _request(one: PlannedOperation) -> str:
    """Describe a request of a client, as in a story."""
    return words.asked(Operation(0, one.client, one.f, "info", one.value, None, 0, None))


def _replay(path: str | None, plan: Plan) -> str:
    if path is None:
        return ""
    return f"Replay it:\n  {replay_command(path, plan.model.name, plan.workload)}"
