"""The names that an option of a scenario may hold, where they are a closed list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from clew.checkers.transactions.consistency_models import MODELS as CONSISTENCY_MODELS
from clew.checkers.transactions.consistency_models import resolve_models
from clew.errors import UsageError
from clew.machine.text import meant
from clew.models.registry import MODELS, bugs_of
from clew.scenarios.asserts import known_assert
from clew.scenarios.expect import parse_expect
from clew.scenarios.kinds import known_kinds
from clew.scenarios.load import known_models
from clew.scenarios.workload_files import is_file, known_workloads
from clew.sim.faults import GROUPS, KINDS
from clew.sim.topology import TOPOLOGIES
from clew.workloads import workloads

KNOWN: Mapping[str, Callable[[], tuple[str, ...]]] = {
    # an option: the names that it may hold; a model may be a file as well
    "model": lambda: tuple(MODELS),
    "bug": lambda: tuple(dict.fromkeys(bug for model in MODELS for bug in bugs_of(model))),
    "workload": lambda: tuple(workloads()),
    "nemesis": lambda: ("all", *dict.fromkeys([*GROUPS, *KINDS])),
    "topology": lambda: tuple(TOPOLOGIES),
    "consistency_models": lambda: tuple(row.name for row in CONSISTENCY_MODELS),
}


class Wrong(NamedTuple):
    """An option that holds what it may not.

    Attributes:
        option: its name in a file.
        element: its index, in a list.
        expected: what would have been right.
        found: what was there.
        fix: what to do, or None.
    """

    option: str
    element: int | None
    expected: str
    found: str
    fix: str | None


def wrong_names(options: Mapping[str, Any]) -> Iterator[Wrong]:
    """What is not in the closed lists, of the options of a scenario by the names in a file.

    No file of a user's is read. A bug is looked for among those of its model.
    """
    model = str(options["model"])
    if not is_file(model):
        yield from _wrong("model", None, model, known_models(), " or file.py or file.py:Class")
        if options.get("bug") is not None and model in MODELS:
            yield from _wrong("bug", None, str(options["bug"]), tuple(bugs_of(model)))
    workload = str(options.get("workload") or "")
    if workload and not is_file(workload):
        yield from _wrong("workload", None, workload, known_workloads(), " or file.py:Class")
    if options.get("topology") is not None:
        yield from _wrong("topology", None, str(options["topology"]), KNOWN["topology"]())
    for index, asked in enumerate(options.get("nemesis", ())):
        yield from _wrong("nemesis", index, asked, KNOWN["nemesis"]())
    yield from _refused(
        "consistency_models",
        options.get("consistency_models", ()),
        lambda name: resolve_models([name]),
    )
    yield from _refused("assert", options.get("assert", ()), known_assert)
    yield from _wrong_kinds(str(options.get("expect") or ""), known_kinds(model, workload))


def _wrong_kinds(expect: str, known: tuple[str, ...] | None) -> Iterator[Wrong]:
    """The kinds of an expectation that no run of a shipped model can show."""
    for kind in parse_expect(expect).kinds if expect and known else ():
        if kind not in (known or ()):
            fix = meant(kind, known or ()) or "See 'clew list kinds'"
            expected = "a way to fail, such as nonlinearizable, liveness or G-single"
            yield Wrong("expect", None, expected, repr(kind), fix)


def _wrong(
    option: str, index: int | None, value: str, known: tuple[str, ...], more: str = ""
) -> Iterator[Wrong]:
    if value in known:
        return
    expected = f"one of {', '.join(known)}{more}" if known else "no such option with this model"
    yield Wrong(option, index, expected, repr(value), meant(value, known))


def _refused(
    option: str, values: tuple[str, ...], check: Callable[[str], object]
) -> Iterator[Wrong]:
    for index, value in enumerate(values):
        try:
            check(value)
        except UsageError as bad:
            yield Wrong(option, index, str(bad.expected), repr(value), bad.fix)
