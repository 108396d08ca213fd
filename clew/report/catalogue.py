"""The lists of ``clew list``, read from the tables: models, bugs, workloads, faults and so on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from clew import plugins
from clew.checkers.registry import entries
from clew.checkers.transactions.consistency_models import MODELS as CONSISTENCY_MODELS
from clew.checkers.transactions.lattice import order_of
from clew.errors import UsageError
from clew.machine.text import meant
from clew.models.registry import MODELS, bugs_of
from clew.scenarios.code.models import load_model
from clew.scenarios.code.workload_files import known_workloads, load_workload
from clew.scenarios.options.kinds import checks, failures
from clew.scenarios.suites.families import shipped
from clew.sim.faults import KINDS
from clew.sim.topology import TOPOLOGIES

Row = Mapping[str, Any]


def models() -> Iterator[Row]:
    """List the models that ship, and those that are installed."""
    for name, entry in MODELS.items():
        yield {
            "model": name,
            "workload": entry.workload,
            "bugs": len(bugs_of(name)),
            "summary": entry.summary,
        }
    for name in plugins.installed(plugins.MODELS):
        model = load_model(name)
        summary = (model.node_class.__doc__ or "").strip().partition("\n")[0]
        if model.system is not None:
            summary = f"A system of the roles {', '.join(model.system.roles)}"
        yield {"model": name, "workload": model.workload, "bugs": 0, "summary": summary}


def bugs() -> Iterator[Row]:
    """List the planted bugs, with the scenario that shows each."""
    for model in MODELS:
        for name, bug in bugs_of(model).items():
            yield {
                "model": model,
                "bug": name,
                "summary": bug.summary,
                "scenario": dict(bug.scenario),
                "source": bug.source,
            }


def workloads() -> Iterator[Row]:
    """List the workloads: what clients may request, and what must hold."""
    for name in known_workloads():
        workload = load_workload(name)
        yield {
            "workload": name,
            "functions": list(workload.functions),
            "must_hold": workload.summary,
        }


def faults() -> Iterator[Row]:
    """List the kinds of fault and their groups."""
    for name, kind in KINDS.items():
        yield {
            "fault": name,
            "group": kind.group,
            "summary": kind.summary,
            "bites": kind.bites,
            "parameters": {p.name: p.default for p in kind.parameters},
        }


def checkers() -> Iterator[Row]:
    """List what a recorded history can be checked against."""
    for entry in entries():
        yield {
            "checker": entry.name,
            "promises": entry.summary,
            "options": [option.name for option in entry.said],
            "complexity": entry.complexity,
            "source": entry.source,
        }


def consistency_models() -> Iterator[Row]:
    """List the consistency models: first those without session or time order, weakest first."""
    orders = {row.name: order_of(row.name) for row in CONSISTENCY_MODELS}
    for row in sorted(CONSISTENCY_MODELS, key=lambda row: _ORDERS.index(orders[row.name])):
        yield {
            "consistency_model": row.name,
            "order": orders[row.name],
            "implies": row.implies,
            "forbids_besides": row.forbids,
            "other_names": row.aliases,
            "decided": row.decided,
            "source": row.source,
        }


_ORDERS = ("none", "sessions", "real time")


def topologies() -> Iterator[Row]:
    """List the topologies: who may be whose neighbour."""
    for name, meaning in TOPOLOGIES.items():
        yield {"topology": name, "summary": meaning}


def scenarios() -> Iterator[Row]:
    """List the scenarios that ship; each name can stand for MODEL in ``clew test``."""
    for name, options in shipped().items():
        yield {
            "scenario": name,
            "model": options["model"],
            "expect": options.get("expect", "valid"),
            "summary": options.get("description", ""),
            "options": options,
        }


def kinds() -> Iterator[Row]:
    """List the ways to fail that ``expect = "invalid:KIND"`` may name."""
    for name, meaning in failures().items():
        yield {"kind": name, "what": "anomaly", "summary": meaning}
    for name, meaning in checks().items():
        yield {"kind": name, "what": "check", "summary": meaning}


CATALOGUE: Mapping[str, tuple[Callable[[], Iterator[Row]], tuple[str, ...]]] = {
    # name: (the rows, the columns that a terminal has room for)
    "models": (models, ("model", "workload", "bugs", "summary")),
    "bugs": (bugs, ("model", "bug", "summary")),
    "workloads": (workloads, ("workload", "functions", "must_hold")),
    "faults": (faults, ("group", "fault", "summary")),
    "checkers": (checkers, ("checker", "promises", "options")),
    "consistency-models": (consistency_models, ("order", "consistency_model", "implies")),
    "topologies": (topologies, ("topology", "summary")),
    "scenarios": (scenarios, ("scenario", "expect", "summary")),
    "kinds": (kinds, ("kind", "what", "summary")),
}


def rows_of(what: str) -> tuple[list[Row], tuple[str, ...]]:
    """Return the rows of a list, and the columns for a terminal.

    Raises:
        UsageError: there is no such list.
    """
    if what not in CATALOGUE:
        raise UsageError(
            f"there is no list of {what!r}",
            expected=f"one of {', '.join(CATALOGUE)}",
            fix=meant(what, CATALOGUE) or "See 'clew list --help'",
        )
    rows, columns = CATALOGUE[what]
    return list(rows()), columns
