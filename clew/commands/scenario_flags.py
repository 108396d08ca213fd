"""The flags of a scenario on a command line, made from the table of options."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from inspect import Parameter
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from clew.commands.flags import option
from clew.errors import ClewError, ScenarioError, UsageError
from clew.formats.regular import read_regular
from clew.models.registry import MODELS
from clew.scenarios.code.workload_files import is_file, known_workloads, load_workload
from clew.scenarios.options.scenario import Scenario, scenario_class, workload_of
from clew.scenarios.options.table import declared, plain_kind
from clew.workloads.options import Row, own_options
from clew.workloads.workload import Workload

DEFAULTS: Mapping[str, Mapping[str, str]] = {
    # command: of options whose defaults are not the scenario's, what they are
    "hunt": {
        "node_count": "drawn: 3 to 5",
        "concurrency": "drawn: 1n, 2n or 5n",
        "rate": "drawn: 10, 20 or 50, or more where nodes send each other nothing",
        "time_limit": "drawn: 5 to 20",
        "latency": "drawn: 0 to 5",
        "latency_dist": "drawn",
        "schedule": "drawn",
        "nemesis": "drawn: all that the nodes notice and withstand",
        "nemesis_interval": "drawn",
        "runs": "as many as there is time for",
    },
}


def flags_for(
    args: Sequence[str], own: Collection[str], defaults: Mapping[str, str] = MappingProxyType({})
) -> list[Parameter]:
    """Return the parameters of a command line that stand for the options of its scenario.

    Options of workloads that ship can always be given: a suite may have several. The help shows
    those of the workload if one is named.

    Args:
        args: the command line.
        own: the other flags of the command.
        defaults: what the help says of defaults that the command decides itself.

    Raises:
        ClewError: a file that is named can't be loaded, or its workload declares a flag of `own`.
    """
    spoken = _spoken(args, own)
    rows = declared(scenario_class(*spoken))
    shown = {*declared(Scenario), *(name for each in spoken for name in own_options(each))}
    for name in rows:
        if _flag(name) in own:
            raise UsageError(
                f"the workload {spoken[0].name} can't declare the option {name!r}",
                expected="a name that is no other option of the command",
                fix="Give it another name",
            )
    return [
        _parameter(name, row, defaults.get(name), hidden=bool(spoken) and name not in shown)
        for name, row in rows.items()
        if row.option.flags is not None
    ]


def _parameter(name: str, row: Row, words: str | None, *, hidden: bool) -> Parameter:
    """Make an option as typer takes one; its value is a text that the scenario checks."""
    said = row.option
    flag = said.flags or _flag(name)
    if row.kind is bool:
        kind: Any = bool
        flag = f"{flag}/--no-{flag.removeprefix('--')}" if row.default else flag
    else:
        kind = list[str] if said.repeated else str
    default = words or said.default or default_words(row)
    made = option(flag, said.meaning, default, said.metavar or None, hidden=hidden)
    hint = Annotated[kind | None, made]
    return Parameter(row.name, Parameter.KEYWORD_ONLY, default=None, annotation=hint)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def default_words(row: Row) -> str:
    """Write an option's default as a command line would; empty if there is none."""
    value = row.default
    if value is None or plain_kind(row.kind) is bool or value in {"", ()}:
        return ""
    return ",".join(value) if isinstance(value, tuple) else str(value).removesuffix(".0")


def _spoken(args: Sequence[str], own: Collection[str]) -> list[type[Workload]]:
    """Return the workload that a command line names, directly or by its model, if it names one.

    A user's file is loaded only if help is requested, or a flag is given that nothing else has.
    """
    options, folder = _stated(args)
    model, workload = str(options.get("model")), options.get("workload")
    if workload in known_workloads():
        return [load_workload(str(workload))]
    if is_file(model) or is_file(str(workload)):
        known = {*own, *(_flag(name) for name in declared(scenario_class()))}
        given = {word.partition("=")[0] for word in args if word.startswith("--")}
        if given <= known and "-h" not in args:
            return []
    elif workload is None:
        workload = MODELS[model].workload if model in MODELS else None
        options = {**options, "workload": workload}
    try:
        return workload_of(options, folder)
    except UsageError:  # the command itself will refuse an unknown name
        return []


def _stated(args: Sequence[str]) -> tuple[dict[str, Any], Path]:
    """Return the model and workload that a command line names, and the folder they are in."""
    options: dict[str, Any] = {}
    folder = Path()
    models = [word for word in args if is_file(word) or word.endswith(".toml")]
    model = models[0] if models else next(iter(args), "")
    if model.endswith(".toml"):
        folder = Path(model).parent
        with suppress(ClewError, ValueError, RecursionError):
            options = tomllib.loads(read_regular(Path(model), ScenarioError))
    else:
        options["model"] = model
    for word, after in pairwise([*args, ""]):
        flag, equals, value = word.partition("=")
        if flag in {"-w", "--workload"}:
            options["workload"] = value if equals else after
    return options, folder
