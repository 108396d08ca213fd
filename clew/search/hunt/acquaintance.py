"""What a model is seen to do in two short runs, before it is hunted: the names to wait for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from clew.scenarios.code.models import Model
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.ground import Ground
from clew.scenarios.plans.profile import Profile
from clew.scenarios.plans.triggers import profile_of
from clew.scenarios.runs.run import Run, simulate
from clew.sim.faults import Fault
from clew.sim.guards.files import muted

SECONDS, RECOVERY_SECONDS = 5.0, 1.0
"""The length of each run at most, and of its end."""

ROUGH = ("kill", "partition")
"""What strikes in the second run, as far as the nodes withstand it: elections and recoveries."""


def profile_seen(scenario: Scenario, model: Model, kinds: Iterable[str]) -> Profile:
    """Name what happens in a calm run and in a rough one; both are the same in every hunt.

    Args:
        scenario: what is hunted.
        model: what runs.
        kinds: the kinds of fault that may strike.
    """
    pool = frozenset(kinds)
    short = scenario.model_copy(
        update={
            "time_limit": min(scenario.time_limit, SECONDS),
            "recovery": min(scenario.recovery, RECOVERY_SECONDS),
            "swarm": True,
        }
    )

    def calm(_: Ground) -> list[Fault]:
        return []

    def rough(ground: Ground) -> list[Fault]:
        gap_ns = ground.time_limit_ns // 8
        fitting = {name: ground.fitting(name, pool) for name in ROUGH}
        return [
            fault
            for name, found in fitting.items()
            if found
            for fault in ground.faults(name, found, gap_ns)
        ]

    with muted():
        runs = [simulate(draw_plan(short, 0, model, draw), model) for draw in (calm, rough)]
    known = profile_of(model.program)
    return replace(
        known,
        messages=_messages(runs) or known.messages,
        exchanged=_exchanged(runs) or known.exchanged,
        states=_states(runs) or known.states,
        paces_ns=_paces_ns(runs),
    )


def _messages(runs: Iterable[Run]) -> tuple[str, ...]:
    """Return the types of messages that nodes sent or received."""
    return tuple(
        sorted({str(each.type) for run in runs for each in run.timeline().messages.values()})
    )


def _exchanged(runs: Iterable[Run]) -> tuple[str, ...]:
    """Return the types of messages that nodes sent each other."""
    found = {
        str(each.type)
        for run in runs
        for each in run.timeline().messages.values()
        if each.src != each.dest and {each.src, each.dest} <= {*run.plan.node_ids}
    }
    return tuple(sorted(found))


def _states(runs: Iterable[Run]) -> tuple[str, ...]:
    """Return the server states that nodes reported."""
    found = {
        each.fields["state"].get("role") for run in runs for each in run.timeline().events("state")
    }
    return tuple(sorted(str(state) for state in found if state is not None))


_PACE_LEAST_NS = 20_000_000
"""Changes that come closer belong to one, such as to a candidate that is elected."""

_PACES_MAX = 8


def _paces_ns(runs: Iterable[Run]) -> tuple[int, ...]:
    """Return times between two changes of a node's server state: some, evenly out of all."""
    found: list[int] = []
    for run in runs:
        last: dict[str, int] = {}
        for each in run.timeline().events("state"):
            before = last.get(each.fields["node"], each.time)
            last[each.fields["node"]] = each.time
            if each.time - before >= _PACE_LEAST_NS:
                found.append(each.time - before)
    found.sort()
    count = min(len(found), _PACES_MAX)
    return tuple(found[rank * len(found) // count] for rank in range(count))
