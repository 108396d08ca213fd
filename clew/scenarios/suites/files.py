"""Scenario files: TOML with one option per line. Mistakes are reported with their lines."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clew.errors import ClewError, ScenarioError
from clew.formats.regular import read_regular, unreadable
from clew.scenarios.code.workload_files import is_file
from clew.scenarios.options.names import wrong_names
from clew.scenarios.options.scenario import Scenario, class_for
from clew.scenarios.options.table import declared, expected, fix_of, found, near_option
from clew.scenarios.suites.toml_lines import first_table, lines_of


def read_scenario(path: Path) -> dict[str, Any]:
    """Read the options of a TOML scenario file, checked.

    Raises:
        ScenarioError: it can't be read, is not TOML, or an option is unknown or wrong; the message
            names the line.
    """
    text = read_regular(path, ScenarioError)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as bad:
        raise _toml_error(path, bad) from None
    except (ValueError, RecursionError) as bad:  # a number too long, or lists too deep
        raise unreadable(path, ScenarioError, bad) from None
    _refuse_tables(path, text)
    kind = class_for(data, path.parent)
    try:
        scenario = kind.model_validate(data)
    except ValidationError as bad:
        raise _field_error(kind, path, text, bad) from None
    for wrong in wrong_names(scenario):
        where = f"{path}:{_line(text, wrong.option, wrong.element)}"
        raise ScenarioError(f"option {wrong.option!r} can't be used", where=where, **wrong.details)
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
    table = first_table(text, _TABLES)
    if table is not None:
        head, line = table
        raise ScenarioError(
            "a scenario has no sections",
            where=f"{path}:{line}",
            expected="an option and its value on each line, such as rate = 5",
            found=head,
            fix="Write one scenario a file, and its options without a heading",
        )


_TABLES = tuple(
    name
    for name, one in declared(Scenario).items()
    if any(form.get("type") == "object" for form in one.option.forms)
)
"""Options that may have a heading: all that comes after it, up to the next, is their table."""


def _field_error(
    kind: type[Scenario], path: Path, text: str, bad: ValidationError
) -> ScenarioError:
    """Make an error of the first mistake in the file, with its line."""
    placed = [(_line(text, *error["loc"][:2]), error) for error in bad.errors()]
    line, first = min(placed, key=lambda item: item[0])
    name = str(first["loc"][0])
    if first["type"] == "missing":
        return ScenarioError(f"the option {name!r} is missing", where=str(path))
    where = f"{path}:{line}"
    if first["type"] == "extra_forbidden":
        return ScenarioError(f"unknown option {name!r}", where=where, fix=near_option(kind, name))
    return ScenarioError(
        f"option {name!r} can't be used",
        where=where,
        expected=expected(kind, first),
        found=found(first["input"]),
        fix=fix_of(kind, first),
    )


def _line(text: str, name: int | str, index: int | str | None = None) -> int:
    """Return the line of an option, or of its list's element; past the end if it is not there."""
    lines = lines_of(text)
    end = text.count("\n") + 1
    return lines.get((name,), end) if index is None else lines.get((name, index), _line(text, name))


def place_in(path: Path, bad: ClewError) -> str:
    """Return the file and the line that an error of a scenario is about; the file alone if none is.

    An option that a flag overrides is not the file's.
    """
    flag = re.match(r"--([a-z-]+)", bad.problem)
    option, part = bad.about or (flag[1].replace("-", "_") if flag else "", None)
    text = read_regular(path, ScenarioError)
    own = lines_of(text).get((option,))
    if own is None:
        return str(path)
    if part is None:
        return f"{path}:{own}"
    lines = text.splitlines()
    if lines[own - 1].lstrip().startswith("["):  # a table, up to the next heading
        starts = [n for n, line in enumerate(lines, 1) if line.lstrip().startswith("[")]
    else:
        starts = sorted(line for (_, *rest), line in lines_of(text).items() if not rest)
    end = next((line for line in starts if line > own), len(lines) + 1)
    word = re.compile(rf"(?<![\w:@=-]){re.escape(part)}(?![\w:@-])")
    for number, line in enumerate(lines[own - 1 : end - 1], own):
        if word.search(line):
            return f"{path}:{number}"
    return str(path)
