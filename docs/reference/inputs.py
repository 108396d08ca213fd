"""The pages on what a user writes: command lines and scenario files."""

# ruff: noqa: INP001 - part of a program, no package

from __future__ import annotations

import json
from typing import Any

from tables import code, table
from typer.main import get_command

from clew.cli import app
from clew.commands.scenario_command import ScenarioCommand
from clew.scenarios.options.kinds import checks as checks_of_runs
from clew.scenarios.options.kinds import failures
from clew.scenarios.options.schema import scenario_schema
from clew.scenarios.suites.families import shipped

EXITS = {
    "0": "valid: all is as it should be",
    "1": "invalid: something is not",
    "2": "unknown: nothing is known to be wrong, and something could not be decided",
    "64": "the command line, or what it names, is wrong; the message says what and where",
    "70": "a mistake of Clew's own, which is no verdict: one line says where to find the report",
    "130": "interrupted; what was found until then is reported",
    "143": "the same, by SIGTERM",
}


def commands() -> str:
    """The commands and all that they take."""
    group: Any = get_command(app)
    parts = [_command(name, command) for name, command in group.commands.items()]
    body = "\n\n".join(parts)
    return f"""# Commands

{table(("exit status", "meaning"), EXITS.items())}

{body}
"""


def flags(name: str) -> list[str]:
    """The flags of a command, such as ``--seed``."""
    group: Any = get_command(app)
    return [flag for parameter in _parameters(group.commands[name]) for flag in parameter.opts]


def _parameters(command: Any) -> list[Any]:
    whole = command.complete([]) if isinstance(command, ScenarioCommand) else command
    return list(whole.params)


def _command(name: str, command: Any) -> str:
    rows = [
        (code(" ".join([*_flags(p), *([p.metavar] if p.metavar else [])])), p.help)
        for p in _parameters(command)
        if p.help
    ]
    takes = f"\n\n{table(('option', 'meaning'), rows)}" if rows else ""
    examples = command.epilog.partition("\b\n")[2].rstrip()
    shown = "\n".join(line.removeprefix("  ") for line in examples.splitlines())
    return f"## clew {name}\n\n{command.help}{takes}\n\n```sh\n{shown}\n```"


def _flags(parameter: Any) -> list[str]:
    return [", ".join(parameter.opts)] if parameter.param_type_name == "option" else []


def scenario() -> str:
    """What may stand in a scenario file."""
    schema = scenario_schema()
    fields = "\n\n".join(
        _field(name, field, required=name in schema["required"])
        for name, field in schema["properties"].items()
    )
    kinds = [(code(name), meaning) for name, meaning in failures().items()]
    checks = [(code(name), meaning) for name, meaning in checks_of_runs().items()]
    files = [
        (code(name), code(options["expect"]), options["description"])
        for name, options in shipped().items()
    ]
    return f"""# Scenario files

A scenario is a TOML file with one option per line, for `clew test FILE.toml` or a folder of them.

```toml
#:schema ./scenario.schema.json

description = "My store while links break."
model = "my_store.py"                # beside this file
workload = "lin-kv"
nemesis = ["partition", "kill"]
time_limit = 20
expect = "valid"
runs = 100
```

A flag of the command line overrides the file, and the file overrides the options of a planted bug.
What is wrong in a file is reported with its line and the option, before anything runs.

## In an editor

`clew schema` prints a JSON schema (draft 2020-12) of these files; the package holds it as
`clew/scenarios/scenario.schema.json`. With it an editor completes options and names, shows what
they mean, and underlines what is wrong. In VS Code with the extension "Even Better TOML", or in any
editor that uses taplo, write it beside your scenarios

```console
clew schema > scenarios/scenario.schema.json
```

and begin each file with `#:schema ./scenario.schema.json`, or name the folder once in the settings
of the workspace:

```json
{{
  "evenBetterToml.schema.associations": {{
    ".*/scenarios/.*\\\\.toml$": "file:///path/to/project/scenarios/scenario.schema.json"
  }}
}}
```

## What is expected

Without `expect` the verdict on a scenario is the worst of its runs, as with `expect = "valid"`.

| `expect` | is met if |
| --- | --- |
| `valid` | every run is valid |
| `unknown` | no run is invalid, and at least one is unknown |
| `invalid` | at least one run is invalid, in any way |
| `invalid:KIND` | at least one run is invalid, and each invalid run shows this kind |
| `invalid:KIND,KIND` | the same with one of the kinds |

So a suite can hold what is known to be wrong: it passes while the failure is there, and it fails
when the failure is gone or when there is another. If all runs are valid or unknown, an expected
failure was not found: the scenario is invalid, or unknown if a run was unknown.

KIND is one of the names below, the name of an invariant such as `election-safety`, or the class of
an exception such as `KeyError`. `clew list kinds` prints them.

{table(("kind", "what is wrong"), kinds)}

The name of a check stands for all of its kinds:

{table(("check", "what is wrong"), checks)}

## Options

{fields}

## Scenarios that ship

Each name can stand for MODEL: `clew test raft-partitions --runs 1000`. `clew list scenarios` prints
them, and `clew list scenarios --json` their options.

{table(("scenario", "expects", "what it is"), files)}
"""


def _field(name: str, field: dict[str, Any], *, required: bool) -> str:
    """An option of a file with everything that the schema says about it."""
    default = field.get("default")
    rows = [("type", _form(field))]
    if required:
        rows.append(("required", "yes"))
    elif default is not None and default != []:
        rows.append(("default", code(_toml(default))))
    rows.append(("such as", ", ".join(code(_toml(one)) for one in field["examples"])))
    told = "\n".join(f"- {what}: {how}" for what, how in rows)
    return f"### {name}\n\n{field['description']}\n\n{told}"


def _form(form: dict[str, Any]) -> str:
    """What a JSON schema accepts, in words."""
    if "anyOf" in form:
        return "; or ".join(_form(one) for one in form["anyOf"])
    if "enum" in form:
        return f"one of {', '.join(code(name) for name in form['enum'])}"
    if "items" in form:
        return f"a list, each element {_form(form['items'])}"
    if "pattern" in form:
        return f"a string that matches {code(form['pattern'])}"
    bounds = [
        f"{word} {form[name]:,.19g}"
        for name, word in {
            "exclusiveMinimum": "more than", "minimum": "at least",
            "maximum": "at most", "exclusiveMaximum": "less than",
        }.items()
        if name in form
    ]  # fmt: skip
    kind = {"boolean": "`true` or `false`", "integer": "a whole number", "number": "a number"}
    return " ".join([kind.get(form["type"], "a string"), " and ".join(bounds)]).strip()


def _toml(value: Any) -> str:
    """A value as TOML writes it, which for these values is as in JSON."""
    return json.dumps(value)
