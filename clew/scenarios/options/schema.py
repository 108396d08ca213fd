"""The JSON schema of a scenario file (draft 2020-12), for editors and other programs.

It is pydantic's own schema of the options, adapted to TOML files: it also describes what validators
accept besides a field's type, lists names that form a closed list, and has no null, which TOML
lacks. The package holds it as a file, so that an editor can be pointed there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clew import plugins
from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.options.scenario import scenario_class
from clew.scenarios.options.table import declared, plain_kind
from clew.workloads.options import Row
from clew.workloads.workload import Workload

SCHEMA_FILE = Path(__file__).parents[1] / "scenario.schema.json"


def scenario_schema(*own: type[Workload]) -> dict[str, Any]:
    """Make the schema from the table of options, and from workloads that do not ship."""
    kind = scenario_class(*own)
    made = kind.model_json_schema()["properties"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:clew:scenario",
        "title": "Scenario",
        "description": "What may happen in a run of Clew: a file for 'clew test'. Times are "
        "virtual seconds, latencies milliseconds.",
        "type": "object",
        "properties": {name: _property(one, made[name]) for name, one in declared(kind).items()},
        "required": [field for field, one in kind.model_fields.items() if one.is_required()],
        "additionalProperties": False,
    }


def _property(one: Row, made: Mapping[str, Any]) -> dict[str, Any]:
    """Describe an option: its meaning, what it may hold, its default and examples."""
    option, default = one.option, made.get("default")
    said = [option.meaning, option.more]
    if option.default and not default:
        said.append(f"Default: {option.default}.")
    told = {"description": " ".join(filter(None, said)), **_form(one, made)}
    if default is not None and default != "":
        told["default"] = default
    return told | {"examples": list(option.examples or (default,))}


def _form(one: Row, made: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an option may hold, if pydantic's own schema does not say it."""
    option = one.option
    text: dict[str, Any] = {"type": "string"}
    known = [{**text, "enum": list(option.known)}] if option.names else []
    if plain_kind(one.kind) is tuple:
        # Names that are checked by a function may have other names too, so the list is not closed
        # but where forms say what else there may be.
        others = [form for form in option.forms if form["type"] == "string"]
        others = others or ([text] if option.check or not known else [])
        element = _either([*known, *others])
        wholes = [form for form in option.forms if form["type"] == "object"]
        lists = [form for form in option.forms if form["type"] == "array"]
        return _either([*(lists or [{"type": "array", "items": element}]), text, *wholes])
    forms = [*known, *option.forms]
    if forms:
        return _either(forms)
    (kind,) = [kind for kind in made.get("anyOf", (made,)) if kind.get("type") != "null"]
    return {name: value for name, value in kind.items() if name not in {"title", "default"}}


def _either(forms: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return dict(forms[0]) if len(forms) == 1 else {"anyOf": list(forms)}


def made_text(*own: type[Workload]) -> str:
    """Make the text of the schema file from the table."""
    return json.dumps(scenario_schema(*own), indent=2) + "\n"


def schema_text(*workloads: str) -> str:
    """Return the schema as the package holds it; with options of other workloads, made again.

    Args:
        workloads: references to them; those of installed packages need not be named.

    Raises:
        ClewError: a workload can't be loaded, or is none.
    """
    names = dict.fromkeys([*plugins.installed(plugins.WORKLOADS), *workloads])
    own = [load_workload(name) for name in names]
    return made_text(*own) if own else SCHEMA_FILE.read_text(encoding="utf-8")
