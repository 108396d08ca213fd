"""The parts of a run that need no simulation, done before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clew.errors import ClewError, NodeError, UsageError
from clew.node.node import Node, handlers_of
from clew.scenarios.code.models import Model, load_model, reference_of
from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.options.names import wrong_names
from clew.scenarios.options.scenario import Scenario, check_options
from clew.scenarios.options.table import declared
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.roles import asks_of
from clew.scenarios.suites.files import place_in
from clew.scenarios.suites.suite import Source
from clew.sim.entropy import Entropy
from clew.sim.topology import topology


def rehearse(scenario: Scenario, seed: int) -> None:
    """Do whatever needs no simulation, so that mistakes are reported before anything runs.

    Raises:
        ClewError: a name or a condition of the scenario is wrong.
    """
    check_options(scenario)
    model = load_model(scenario.model, scenario.bug)
    workload = reference_of(model, scenario.workload)
    if workload is not None:
        _check_functions(model, workload)
    plan = draw_plan(scenario, seed, model)
    topology(plan.topology, plan.node_ids, Entropy(seed))
    for wrong in wrong_names(scenario):
        # All other options of every test have been checked by now, more closely.
        if wrong.option == "expect" or wrong.option not in declared(Scenario):
            flag = f"--{wrong.option.replace('_', '-')}"
            raise UsageError(f"{flag} can't be used", **wrong.details)


def rehearse_source(scenario: Scenario, seed: int, source: Source | None) -> None:
    """Rehearse the scenario of a file, or of a name; an error says in which, and in which line.

    Raises:
        ClewError: as for `rehearse`.
    """
    try:
        rehearse(scenario, seed)
    except ClewError as bad:
        if source is None or bad.where is not None:
            raise
        where = place_in(source, bad) if isinstance(source, Path) else source
        raise type(bad)(bad.problem, where=where, **bad.details) from None


def _check_functions(model: Model, workload: str) -> None:
    """Do nothing if the functions that a class says it answers are the workload's.

    It must answer at least one function of a workload that is not its own, and all of its own. It
    has a handler for each.

    Raises:
        NodeError: it names a function that the workload does not have, or has no handler for one.
        UsageError: there is no such workload.
    """
    known = load_workload(workload).functions
    named = model.program.functions
    if named is None:
        _check_handlers(model, workload, known)
        return
    unknown = [name for name in named if name not in known]
    if unknown and (workload == model.workload or len(unknown) == len(named)):
        raise NodeError(
            f"'functions' names what the workload {workload} does not have",
            where=f"{model.name}: {model.title}",
            expected=f"some of {', '.join(known)}",
            found=", ".join(map(repr, unknown)),
        )
    _check_handlers(model, workload, [name for name in known if name in named])


def _check_handlers(model: Model, workload: str, known: Sequence[str]) -> None:
    """Do nothing if each function of a workload has a handler in each class that it goes to.

    Raises:
        NodeError: there is none for some.
    """
    spoken = load_workload(workload)
    asks = asks_of(model.system, spoken)
    if model.system is None:
        _check_class(model, workload, model.node_class, [*spoken.setup_types, *known], known)
        return
    first = next(role for role in (None, *model.system.roles) if role in asks.values())
    for role, each in model.system.roles.items():
        asked = [f for f in known if asks[f] in {role, None}]
        setup = spoken.setup_types if first in {role, None} else ()
        _check_class(model, workload, each.node_class, [*setup, *asked], asked)


def _check_class(
    model: Model,
    workload: str,
    node_class: type[Node],
    asked: Sequence[str],
    known: Sequence[str],
) -> None:
    answered = handlers_of(node_class)
    missing = [name for name in asked if name not in answered]
    if not missing:
        return
    some = [name for name in known if name in answered]
    narrow = f", or say functions = {tuple(some)} in the class" if some else ""
    if model.system is not None:
        narrow = ", or say which role clients ask, as in System(asks=...)"
    raise NodeError(
        f"this node does not speak the workload {workload}",
        where=f"{model.name}: class {node_class.__name__}",
        expected=f"handlers of {', '.join(asked)}",
        found=f"handlers of {', '.join(answered)}" if answered else "no handler at all",
        fix=f"Write @on({missing[0]!r}){narrow}, or choose another workload",
    )
