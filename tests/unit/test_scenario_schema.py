"""The schema of scenario files: that of the options, and as strict as they are."""

import json
import re
import tomllib

import pytest
from bad_scenarios import BAD

from clew.cli import main
from clew.models.registry import MODELS
from clew.scenarios.options.names import wrong_names
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.options.schema import SCHEMA_FILE, made_text, scenario_schema
from clew.scenarios.suites.families import shipped


def test_the_shipped_schema_is_the_models():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == made_text(), (
        "run: python docs/reference/generate.py"
    )


def test_the_schema_is_printed(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == scenario_schema()


def test_the_schema_has_the_options_of_a_workload_in_a_file(capsys):
    assert main(["schema", "examples/hasty_bank.py"]) == 0
    told = json.loads(capsys.readouterr().out)
    options = {"model": "hasty_bank.py", "amount_max": 1}
    assert _faults(options, told) == []
    assert _faults(options | {"amount_max": 0}, told)
    assert _faults(options, scenario_schema())


def test_the_schema_of_a_file_without_a_workload_is_refused(capsys):
    assert main(["schema", "examples/echo.py"]) == 64
    assert "there is no Workload class" in capsys.readouterr().err


def test_every_option_has_a_meaning_and_an_example_that_the_schema_and_the_model_accept():
    schema = scenario_schema()
    for name, field in schema["properties"].items():
        assert field["description"].endswith("."), name
        for example in field["examples"]:
            options = {"model": "raft", name: example}
            assert _faults(options, schema) == [], (name, example)
            make_scenario(options)


@pytest.mark.parametrize("name", shipped())
def test_the_schema_accepts_what_ships(name):
    options = dict(shipped()[name])
    assert _faults(options, scenario_schema()) == []
    assert list(wrong_names(make_scenario(options))) == []


def test_the_schema_refuses_what_is_refused():
    # What depends on more than one option, and on the names of consistency models, is not in it.
    later = ("bug", "consistency_models", "assert", "G0,elction", "xyzzy")
    for text, told in BAD.items():
        if "TOML" in told or "sections" in told or any(word in text for word in later):
            continue
        assert _faults(tomllib.loads(text), scenario_schema()), text
    for model in (*MODELS, "a.py", "b/a.py:C"):
        assert _faults({"model": model}, scenario_schema()) == []


_TYPES = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list,
    "object": dict,
}  # fmt: skip
_BOUNDS = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
    "enum": lambda value, known: value in known,
    "pattern": lambda value, pattern: re.search(pattern, value) is not None,
    "required": lambda value, names: all(name in value for name in names),
    "minItems": lambda value, bound: len(value) >= bound,
    "maxItems": lambda value, bound: len(value) <= bound,
    "minProperties": lambda value, bound: len(value) >= bound,
    "propertyNames": lambda value, names: not any(_faults(name, names) for name in value),
    "anyOf": lambda value, forms: any(not _faults(value, form) for form in forms),
}
_TOLD = {
    "$schema", "$id", "title", "description", "default", "examples", "type", "items", "properties",
    "additionalProperties",
}  # fmt: skip


def _faults(value, schema):
    """What a JSON schema of these words has against a value; an unknown word fails the test."""
    assert set(schema) <= _TOLD | set(_BOUNDS)
    if "type" in schema:
        flag = isinstance(value, bool) and schema["type"] != "boolean"
        if flag or not isinstance(value, _TYPES[schema["type"]]):
            return [("type", schema["type"], value)]
    found = [(word, schema[word], value) for word, holds in _BOUNDS.items()
             if word in schema and not holds(value, schema[word])]  # fmt: skip
    for item in value if "items" in schema else ():
        found += _faults(item, schema["items"])
    others = schema.get("additionalProperties") or None
    tables = {"properties", "additionalProperties"} & set(schema)
    for name, part in value.items() if tables else ():
        known = schema.get("properties", {}).get(name, others)
        found += [("unknown", name, part)] if known is None else _faults(part, known)
    return found
