"""The command that runs one seed of a scenario again, for a run that left no repro file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from shlex import quote
from typing import Any

from clew.report.sweep import BESIDE_A_RUN
from clew.scenarios.options.scenario import Scenario, make_scenario
from clew.scenarios.options.table import declared
from clew.scenarios.suites.suite import Source, options_of, scenario_from

SCENARIO_OF: Mapping[str, Callable[[Mapping[str, Any]], Scenario]] = {
    "test": scenario_from,
    "hunt": make_scenario,
}
"""By command, what makes a scenario of options: a hunt leaves out a planted bug's own."""


def rerun(scenario: Scenario, source: Source | None, seed: int, command: str = "test") -> str:
    """Write the command line: the scenario, the options that it does not set, and the seed.

    Args:
        scenario: what is run.
        source: where it comes from; None for flags.
        seed: of which.
        command: what runs it, a key of `SCENARIO_OF`.
    """
    if source is None:
        named, own = [scenario.model], {"model": scenario.model, "bug": scenario.bug}
        if scenario.bug:
            named += ["--bug", scenario.bug]
    else:
        named, own = [str(source)], options_of(source)
    flags = _flags(scenario, SCENARIO_OF[command](own), drawn=command == "hunt")
    words = [*named, *flags, "--seed", str(seed), "--runs", "1"]
    return " ".join(["clew", command, *map(quote, words)])


def _flags(scenario: Scenario, base: Scenario, *, drawn: bool) -> Iterator[str]:
    """Yield the flags that turn one scenario into another.

    Args:
        scenario: what is wanted.
        base: what there is without flags.
        drawn: what is not stated may be drawn, so that a default is stated too.
    """
    stated = scenario.model_fields_set - base.model_fields_set if drawn else set()
    for name, one in declared(type(scenario)).items():
        value = getattr(scenario, one.name)
        same = value == getattr(base, one.name, one.default) and one.name not in stated
        if name in BESIDE_A_RUN or same:
            continue
        option = f"--{name.replace('_', '-')}"
        if value is True:
            yield option
        elif name == "assert":  # one condition each
            for each in value:
                yield from (option, each)
        else:
            yield from (option, _text(value))


def _text(value: Any) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).removesuffix(".0")
