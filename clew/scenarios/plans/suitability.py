"""Whether the faults that are asked for by name suit the nodes: they feel them, or promised it."""

from __future__ import annotations

from clew.errors import UsageError, about
from clew.scenarios.code.models import Model
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.capabilities import kinds_for, promised, unfelt_group, withstands
from clew.sim.faults import GROUPS, KINDS
from clew.sim.faults.targets import asked_of


def check_felt(scenario: Scenario, model: Model) -> None:
    """Make sure that every kind requested by name is one that the nodes can notice.

    Raises:
        UsageError: one is not.
    """
    for asked in scenario.nemesis:
        with about("nemesis", asked):
            _check_noticed(asked, scenario, model)


def check_sworn(scenario: Scenario, model: Model) -> None:
    """Make sure that the nodes say so if they are to withstand what few do.

    Raises:
        UsageError: a kind is requested that breaks what they have not promised to keep.
    """
    for asked in scenario.nemesis:
        kind = asked_of(asked).kind
        if kind not in KINDS or not KINDS[kind].sworn or withstands(promised(model.program), kind):
            continue
        with about("nemesis", asked):
            raise UsageError(
                f"the fault {asked!r} would break {model.name}, whether it is right or wrong",
                expected="a class that says that it withstands it",
                found="none that does",
                fix=f"If it does, write tolerates = Tolerates(also=({kind!r},)) in the class",
            )


def _check_noticed(asked: str, scenario: Scenario, model: Model) -> None:
    name, role = asked_of(asked).kind, asked_of(asked).role
    first = GROUPS.get(name, (name,))[0]
    needs = KINDS[first].needs if first in KINDS else "nothing"  # all, and what waits
    struck = model.program
    # Who sends nothing may still be sent something, and notices what becomes of that.
    roles = {} if model.system is None or needs == "peers" else model.system.roles
    if role is not None and role in roles:
        struck = roles[role].node_class
    if name == "all" or not unfelt_group(struck, name):
        return
    lack = _LACKS[needs]
    felt = dict.fromkeys(
        KINDS[kind].group
        for kind in kinds_for(struck)
        if scenario.regions or not KINDS[kind].least_regions
    )
    raise UsageError(
        f"the fault {asked!r} can't do anything to {model.name}: its nodes {lack}",
        expected=f"what they can notice: {', '.join(felt)}",
        found=asked,
        fix="Ask for one of those, or take it as it is with --allow-inert "
        "(allow_inert = true in a file)",
    )


_LACKS = {
    # what a kind of fault needs: what nodes that lack it don't do
    "peers": "send each other nothing",
    "disk": "write nothing to their disks",
    "clock": "never read their wall clocks",
    "timers": "have no timers and never read their clocks",
    "work": "never call work()",
    "members": "do not say by a method members_changed what they do about it",
}
