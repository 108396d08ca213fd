"""A scenario: what may happen. From flags, a TOML file or Python, checked by pydantic."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from clew.errors import ScenarioError, UsageError
from clew.formats.regular import read_regular
from clew.machine.text import shown
from clew.scenarios.expect import nearest_expect, parse_expect
from clew.scenarios.names import wrong_names
from clew.scenarios.plan import CLIENTS_MAX
from clew.scenarios.toml_lines import first_table, lines_of
from clew.scenarios.workload_files import is_file
from clew.sim.orders.schedules import check_schedule

SEEDS_END = 10**18
"""Seeds and numbers of runs are below it."""


RATE_MIN = 1e-6


class Scenario(BaseModel):
    """Every option of a test; names and defaults are Maelstrom's where it has the option.

    Times are seconds, latencies milliseconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: str = Field(description="a shipped model, file.py or file.py:Class")
    bug: str | None = Field(None, description="a planted bug of a shipped model")
    workload: str | None = Field(None, description="the workload; the model's own where not named")
    node_count: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="how many nodes; five where not said"
    )
    concurrency: str = Field(
        "1n", description="how many clients: a number, or 2n for twice the nodes"
    )
    rate: Annotated[float, Field(gt=0, le=1e6)] = Field(
        20.0, description="operations a second over all clients"
    )
    time_limit: Annotated[float, Field(gt=0, le=1e6)] = Field(
        20.0, description="seconds of operations and faults"
    )
    recovery: Annotated[float, Field(ge=0, le=1e6)] = Field(
        10.0, description="seconds after healing in which operations must succeed"
    )
    latency: Annotated[float, Field(ge=0, le=1e6)] = Field(
        0.0, description="mean latency of a message, ms, beside the wire's own 20 to 200 us"
    )
    latency_dist: Literal["constant", "uniform", "exponential", "long-tailed"] = Field(
        "constant", description="how latencies are distributed"
    )
    nemesis: tuple[str, ...] = Field((), description="fault kinds, or all")
    nemesis_interval: Annotated[float, Field(gt=0, le=1e6)] = Field(
        2.0, description="mean seconds between faults of a kind, and that they last"
    )
    clock_error: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        None,
        description="seconds that a node's clock may be off, either way; what the class tolerates "
        "where not said",
    )
    allow_inert: bool = Field(
        default=False,
        description="faults may be asked for that the nodes can't notice, and need not do anything",
    )
    swarm: bool = Field(
        default=False,
        description="each seed draws fault kinds, rates, latency and node count, within what the "
        "class tolerates",
    )
    topology: str = Field("grid", description="who is whose neighbour in broadcast")
    availability: str | float | None = Field(
        None, description="total, or the least fraction of operations that must be answered"
    )
    consistency_models: tuple[str, ...] = Field(
        ("strict-serializable",), description="what transactions are held to"
    )
    key_count: Annotated[int, Field(ge=1)] = Field(4, description="how many keys are in use")
    max_txn_length: Annotated[int, Field(ge=1)] = Field(
        4, description="micro-operations a transaction, at most"
    )
    max_writes_per_key: Annotated[int, Field(ge=1)] = Field(
        16, description="writes to a key before another takes its place"
    )
    liveness: Literal["all", "core", "off"] = Field(
        "all",
        description="after the time limit all heal, or only a quorum does; then progress is due",
    )
    asserts: tuple[str, ...] = Field(
        (), alias="assert", description="conditions on the statistics that must hold"
    )
    events_max: Annotated[int, Field(ge=1)] = Field(
        50_000_000, description="a run of more events is stopped, with a finding"
    )
    on_finding: Literal["continue", "stop"] = Field(
        "continue", description="whether a run ends at the first finding, such as an exception"
    )
    strict_replies: bool = Field(
        default=False, description="a reply that reaches a node and nobody waits for is a finding"
    )

    schedule: str = Field(
        "time",
        description="which of the messages under way comes first: time, the one that is due; "
        "pct, that of the link with the highest of random priorities, with three changes of "
        "priority a second; pct:D, with D of them, from 1 to 20",
    )
    expect: str | None = Field(
        None,
        description="what the runs must show: valid, unknown, invalid, or invalid:KIND, such as "
        "invalid:G-single; by default the worst verdict is the verdict",
    )
    runs: Annotated[int, Field(ge=1, lt=SEEDS_END)] = Field(
        1, description="how many seeds, one after the other"
    )
    seed: Annotated[int, Field(ge=0, lt=SEEDS_END)] = Field(0, description="the first seed")
    description: str = Field("", description="what the scenario is for, in a sentence")

    @field_validator("*", mode="before")
    @classmethod
    def _no_flag(cls, value: Any, field: ValidationInfo) -> Any:
        """True and false are numbers to Python, but nobody means 1 by them."""
        is_flag = cls.model_fields[str(field.field_name)].annotation is bool
        if isinstance(value, bool) and not is_flag:
            raise ValueError("a value other than true and false")
        if is_flag and not isinstance(value, bool):
            raise ValueError("true or false")
        return value

    @field_validator("rate")
    @classmethod
    def _rate(cls, value: float) -> float:
        if value < RATE_MIN:  # the time between two operations must be a number of nanoseconds
            raise ValueError(f"at least {RATE_MIN:g} operations a second")
        return value

    @field_validator("schedule")
    @classmethod
    def _schedule(cls, value: str) -> str:
        check_schedule(value)
        return value

    @field_validator("expect")
    @classmethod
    def _expect(cls, value: str | None) -> str | None:
        if value is not None:
            parse_expect(value)
        return value

    @field_validator("nemesis", "consistency_models", "asserts", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """A string of words separated by commas is a list; one assert is a list of one."""
        if value == "none":
            return ()
        if isinstance(value, str):
            words = tuple(word.strip() for word in value.split(","))
            if not all(words):
                raise ValueError("names with commas between them, none of them empty")
            return words
        return tuple(value) if isinstance(value, list) else value

    @field_validator("workload", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if value == "":
            raise ValueError("the name of a workload")
        return value

    @field_validator("concurrency", mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        text = str(value)
        if not re.fullmatch(r"[1-9][0-9]*n?", text):
            raise ValueError("a number, or a number and n for so many times the nodes, such as 2n")
        if len(text) > len(str(CLIENTS_MAX)) + 1 or int(text.removesuffix("n")) > CLIENTS_MAX:
            raise ValueError(f"at most {CLIENTS_MAX} clients")
        return text

    @field_validator("availability", mode="before")
    @classmethod
    def _availability(cls, value: Any) -> Any:
        if value in {None, "none"}:
            return None
        if value == "total":
            return value
        try:
            fraction = float(value)
        except (TypeError, ValueError):
            fraction = -1.0
        if not 0 <= fraction <= 1:
            raise ValueError("total, none, or a fraction from 0 to 1")
        return fraction

    def client_count(self, node_count: int) -> int:
        """How many clients there are for so many nodes.

        Raises:
            UsageError: they are too many.
        """
        times = node_count if self.concurrency.endswith("n") else 1
        count = int(self.concurrency.removesuffix("n")) * times
        if count > CLIENTS_MAX:
            raise UsageError(
                "--concurrency can't be used",
                expected=f"at most {CLIENTS_MAX} clients",
                found=f"{count} at {node_count} nodes",
            )
        return count


def make_scenario(options: dict[str, Any]) -> Scenario:
    """The scenario of options from flags or Python.

    Raises:
        UsageError: an option is unknown or its value is wrong.
    """
    try:
        return Scenario.model_validate(options)
    except ValidationError as bad:
        first = bad.errors()[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            raise UsageError(f"there is no option {name!r}", fix=_near_option(name)) from None
        name = name.replace("_", "-")
        raise UsageError(
            f"--{name} can't be used",
            expected=_expected(first),
            found=_found(first["input"]),
            fix=_meant(first) or "See 'clew test --help'",
        ) from None


def read_scenario(path: Path) -> dict[str, Any]:
    """The options of a TOML scenario file, checked.

    Raises:
        ScenarioError: it can't be read, is no TOML, or an option is unknown or wrong; the
            message names the line.
    """
    text = read_regular(path, ScenarioError)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as bad:
        raise _toml_error(path, bad) from None
    except (ValueError, RecursionError) as bad:  # a number too long, or lists too deep
        raise ScenarioError("can't be read", where=str(path), found=str(bad)) from None
    _refuse_tables(path, text)
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as bad:
        raise _field_error(path, text, bad) from None
    for wrong in wrong_names(scenario.model_dump(by_alias=True)):
        raise ScenarioError(
            f"option {wrong.option!r} can't be used",
            where=f"{path}:{_line(text, wrong.option, wrong.element)}",
            expected=wrong.expected,
            found=wrong.found,
            fix=wrong.fix,
        )
    _check_model_file(path, text, scenario.model)
    return data


def _check_model_file(path: Path, text: str, model: str) -> None:
    name = model.partition(":")[0]
    if is_file(model) and not (path.parent / name).exists():
        raise ScenarioError(
            "option 'model' can't be used",
            where=f"{path}:{_line(text, 'model')}",
            expected="a node file, as seen from the scenario's folder",
            found=repr(name),
            fix="Check the path",
        )


def _toml_error(path: Path, bad: tomllib.TOMLDecodeError) -> ScenarioError:
    told = re.search(r"\(at line (\d+), column (\d+)\)", str(bad))
    where = f"{path}:{told[1]}" if told else f"{path} (at its end)"
    problem = re.sub(r"\s*\(at [^)]*\)", "", str(bad))
    return ScenarioError("this is not TOML", where=where, found=problem)


def _refuse_tables(path: Path, text: str) -> None:
    table = first_table(text)
    if table is not None:
        head, line = table
        raise ScenarioError(
            "a scenario has no sections",
            where=f"{path}:{line}",
            expected="an option and its value on each line, such as rate = 5",
            found=head,
            fix="Write one scenario a file, and its options without a heading",
        )


def _field_error(path: Path, text: str, bad: ValidationError) -> ScenarioError:
    """The mistake that stands first in the file, told with its line."""
    placed = [(_line(text, *error["loc"][:2]), error) for error in bad.errors()]
    line, first = min(placed, key=lambda item: item[0])
    name = str(first["loc"][0])
    if first["type"] == "missing":
        return ScenarioError(f"the option {name!r} is missing", where=str(path))
    where = f"{path}:{line}"
    if first["type"] == "extra_forbidden":
        return ScenarioError(f"unknown option {name!r}", where=where, fix=_near_option(name))
    return ScenarioError(
        f"option {name!r} can't be used",
        where=where,
        expected=_expected(first),
        found=_found(first["input"]),
        fix=_meant(first),
    )


def _near_option(name: str) -> str:
    known = [field.alias or key for key, field in Scenario.model_fields.items()]
    near = get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]!r}" if near else f"Known options: {', '.join(known)}"


def _line(text: str, name: int | str, index: int | str | None = None) -> int:
    """Where an option, or an element of its list, stands; past the end where it does not."""
    lines = lines_of(text)
    end = text.count("\n") + 1
    return lines.get((name,), end) if index is None else lines.get((name, index), _line(text, name))


def _expected(error: Any) -> str:
    """What would have been right, as a clause that follows the word 'expected'."""
    if error["type"] in {"value_error", "literal_error", "finite_number"}:
        message = str(error["msg"])
        return message.removeprefix("Value error, ").removeprefix("Input should be ")
    name, *element = error["loc"]
    if element:
        return _TYPES["string"]
    told = Scenario.model_json_schema()["properties"][name]
    kind = next(k for k in told.get("anyOf", (told,)) if k.get("type") != "null")
    unit = f" of {_UNITS[name]}" if name in _UNITS else ""
    return f"{_TYPES[kind['type']]}{unit}{_bound(kind, error['type'])}"


_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "array": "a list of texts",
}

_UNITS = {
    "rate": "operations a second",
    "time_limit": "seconds",
    "recovery": "seconds",
    "nemesis_interval": "seconds",
    "clock_error": "seconds",
    "latency": "milliseconds",
}


def _bound(kind: Mapping[str, Any], broken: str) -> str:
    """The bound of a number that was broken; the lower one where it is none at all."""
    if broken.startswith("less_than"):
        most = kind.get("maximum", kind.get("exclusiveMaximum"))
        return f" {'up to' if 'maximum' in kind else 'below'} {most:,}"
    if "exclusiveMinimum" in kind:
        return f" above {kind['exclusiveMinimum']:g}"
    return f" from {kind['minimum']:g}" if "minimum" in kind else ""


def _found(value: Any) -> str:
    """A value as a message shows it: all of it where it is short."""
    text = shown(value)
    return text if len(text) <= _FOUND_MAX else f"{text[:_FOUND_MAX]}..."


_FOUND_MAX = 80


def _meant(error: Any) -> str | None:
    """What was perhaps meant by a value of an option that takes few words; None for nothing."""
    name, value = error["loc"][0], error["input"]
    if not isinstance(value, str):
        return None
    if name == "expect":
        near = nearest_expect(value)
    elif ":" in value:
        return None
    else:
        near = next(iter(get_close_matches(value, _WORDS.get(name, ()), cutoff=0.65)), None)
    return f"Did you mean {near!r}" if near else None


_WORDS: dict[str, tuple[str, ...]] = {
    # an option: the words that it takes
    **{
        name: get_args(field.annotation)
        for name, field in Scenario.model_fields.items()
        if get_origin(field.annotation) is Literal
    },
    "schedule": ("time", "pct"),
    "availability": ("total", "none"),
}
