"""``clew test``: the scenarios that a command line means, rehearsed and then run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from clew.commands.invocation import Invocation, invocation_of
from clew.commands.replay import announce
from clew.commands.reports import write_junit, write_reports
from clew.commands.single_run import run_one
from clew.commands.sweep import run_cases
from clew.commands.sweep_page import SweepPage
from clew.errors import EXIT_VALID, ClewError, UsageError
from clew.formats.places import check_outputs
from clew.machine.crash import crash_of
from clew.models.registry import MODELS
from clew.report.screen import echo
from clew.scenarios.code.workload_files import is_file
from clew.scenarios.options.expectation import may_be_split
from clew.scenarios.options.scenario import Scenario, make_scenario
from clew.scenarios.repros.trust import announced, check_inside
from clew.scenarios.suites.rehearsal import rehearse, rehearse_source
from clew.scenarios.suites.suite import (
    Source,
    artefact_names,
    options_of,
    scenario_files,
    scenario_from,
    scenario_source,
)
from clew.search.cases import Case
from clew.search.database import NAME, Database, Recorded
from clew.search.seeds import Job
from clew.search.shards import Shard
from clew.search.summary import Summary


def run(options: Mapping[str, Any]) -> int:
    """Run the seeds that the options name; return the exit status."""
    given = dict(options)
    asked = invocation_of(given)
    cases = checked_cases(asked, given)
    alone = len(cases) == 1 and cases[0].total == 1
    alone = alone and not (asked.dask or asked.resume or asked.failed or asked.seconds)
    if asked.trace is not None and not alone:
        raise UsageError(
            "--trace can't be used",
            expected="one seed of one scenario",
            found="a sweep",
            fix="Name the seed with --seed, or use 'clew replay FILE --trace'",
        )
    if not cases:
        why = (
            "no seed of a sweep has failed so far"
            if asked.failed
            else "this shard has nothing to run"
        )
        echo(f"clew: {why}", err=True)
        write_reports([], {}, asked.junit)
        SweepPage(asked.report).write()
        return EXIT_VALID
    try:
        return run_one(cases[0], asked) if alone else run_cases(cases, asked)
    except (ClewError, OSError):
        raise
    except Exception as mistake:
        crash = crash_of(mistake, asked.out, seed=cases[0].first if alone else None)
        with suppress(Exception):  # it may be the report that went wrong
            write_junit(cases, {}, asked.junit, crash=str(crash))
        raise crash from mistake


ScenarioOf: TypeAlias = Callable[[Mapping[str, Any]], Scenario]
"""Makes a scenario of its options."""


def checked_cases(
    asked: Invocation, flags: Mapping[str, Any], scenario_of: ScenarioOf = scenario_from
) -> list[Case]:
    """Return the scenarios to run and their seeds, rehearsed; as `cases_of`.

    Raises:
        ClewError: something that is named can't be used.
    """
    given = dict(flags)
    if "asserts" in given:
        given["assert"] = list(given.pop("asserts"))
    _check_outputs(asked)
    cases = cases_of(asked, given, scenario_of)
    for case in cases:
        rehearse_source(case.job.scenario, case.first, case.source)
    return cases


def _check_outputs(asked: Invocation) -> None:
    """Check the outputs before any user code is imported, which may end this process."""
    folders = [Path(name) for name in asked.models if name and Path(name).is_dir()]
    inside = [file for folder in folders for file in folder.rglob("*.toml")]
    read: list[str | Path] = [*asked.models, *inside, _database(asked)]
    check_outputs({"junit": asked.junit, "trace": asked.trace, "report": asked.report}, read)


def cases_of(
    asked: Invocation, flags: Mapping[str, Any], scenario_of: ScenarioOf = scenario_from
) -> list[Case]:
    """Return the scenarios to run and their seeds; none if only past failures are requested.

    Args:
        asked: what the command is to do.
        flags: the options of a scenario that the command line states.
        scenario_of: makes a scenario of those and of a file's.

    Raises:
        ClewError: an option, a file or a model is wrong.
    """
    if not asked.models and not asked.failed:
        raise UsageError("missing argument 'MODEL'", fix="See 'clew test --help'")
    if not asked.models:
        return _failed_of_all(asked, flags)
    named = _named(asked.models)
    suite = len(named) > 1
    cases = [
        _case(source, scenario_of({**options, **flags}), asked, index if suite else None)
        for index, (source, options) in enumerate(named)
        if not suite or asked.shard.holds(index)
    ]
    names = artefact_names(source for source, _ in named if source is not None)
    for case in cases:
        if case.source is not None:
            case.job = replace(case.job, name=names[case.source])
    return [case for case in cases if case.total != 0]


def _named(models: Sequence[str]) -> list[tuple[Source | None, dict[str, Any]]]:
    """Return the scenarios that are meant, with their options; or one model by itself."""
    sources: list[Source] = []
    if "" in models:
        raise UsageError("the model's name is empty", fix="See 'clew list models'")
    for name in models:
        source = scenario_source(name)
        if isinstance(source, str):
            sources += [source] if source not in sources else []
        elif source or (name not in MODELS and (Path(name).is_dir() or _is_path(name))):
            found = scenario_files(source or Path(name))
            sources += [each for each in found if each not in sources]
        elif len(models) > 1:
            raise UsageError(
                "several models can't be tested at once",
                expected="one model, or scenario files and folders",
                found=", ".join(models),
                fix="Write a scenario file for each; see 'clew new'",
            )
        else:
            return [(None, {"model": name})]
    return [(source, options_of(source)) for source in sources]


def _is_path(name: str) -> bool:
    """Return whether a text can only be a path, and not of a node file."""
    return "/" in name and not is_file(name)


def _case(source: Source | None, scenario: Scenario, asked: Invocation, index: int | None) -> Case:
    """Make a case of a scenario and its seeds.

    Of several scenarios, which have an index, a shard has whole ones; of one scenario it has a part
    of the seeds, but the first shard has all seeds if it may not be split.
    """
    case = _case_of(scenario, asked, source)
    case.shard = asked.shard if index is None else Shard()
    case.first = scenario.seed if asked.seed is None else asked.seed
    case.runs = asked.runs
    if asked.runs is None and asked.seconds is None:
        case.runs = 0 if asked.failed else scenario.runs
    if asked.failed and _database(asked).is_file():
        with Database(asked.out) as database:
            case.before = tuple(database.failed(scenario))
    if index is None and not may_be_split(scenario.expect):
        case.shard = Shard()
        if not asked.shard.holds(0):
            case.runs, case.before = 0, ()
    return case


def _failed_of_all(asked: Invocation, flags: Mapping[str, Any]) -> list[Case]:
    """List every seed that ever failed, whatever the scenario."""
    if flags or asked.runs is not None or asked.seed is not None:
        raise UsageError(
            "--failed without MODEL takes no options of a scenario",
            fix="Name the model, or leave the options out",
        )
    if not _database(asked).is_file():
        return []
    with Database(asked.out) as database:
        recorded = database.all_failed()
    _check_trust(recorded, asked)
    cases = []
    for one in recorded:
        try:
            case = _case_of(make_scenario(one.scenario), asked, None)
            rehearse(case.job.scenario, one.seeds[0])
        except ClewError as gone:  # a file that is gone, or an option of another version
            echo(f"clew: left out: {gone}", err=True)
            continue
        case.runs, case.before, case.shard = 0, tuple(one.seeds), asked.shard
        case.job = replace(case.job, name=f"{Path(case.job.scenario.model).stem}-{one.digest}")
        cases.append(case)
    return [case for case in cases if case.total != 0]


def _check_trust(recorded: Sequence[Recorded], asked: Invocation) -> None:
    """Announce what is imported for the scenarios of a database, which may be somebody else's.

    Raises:
        ScenarioError: it lies outside the project of the database, and this was not allowed.
    """
    named = [
        tuple(
            text if isinstance(text, str) else None
            for text in (one.get("model"), one.get("workload"))
        )
        for one in (each.scenario for each in recorded)
    ]
    if not asked.allow_outside:
        for references in named:
            check_inside(_database(asked), *references)
    line = announced(_database(asked), (each for references in named for each in references))
    if line:
        announce(line)


def _case_of(scenario: Scenario, asked: Invocation, source: Source | None) -> Case:
    job = Job(
        scenario,
        asked.out,
        keep_all=asked.keep,
        verify_all=asked.verify,
        seed_seconds=asked.seed_seconds,
    )
    bug = f" --bug {scenario.bug}" if scenario.bug else ""
    name = str(source) if source else f"{scenario.model}{bug}"
    return Case(name, job, source=source, summary=Summary(scenario.expect))


def _database(asked: Invocation) -> Path:
    return asked.out / NAME
