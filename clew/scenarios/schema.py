"""The JSON schema of a scenario file (draft 2020-12), for editors and other programs.

It is pydantic's own schema of `Scenario`, in the words of a TOML file: what a validator accepts
beside its type is said too, names that form a closed list are listed, and there is no null, which
TOML does not have. The package holds it as a file, so that an editor can be pointed there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.scenarios.names import KNOWN
from clew.scenarios.scenario import Scenario
from clew.sim.orders.schedules import PATTERN

SCHEMA_FILE = Path(__file__).parent / "scenario.schema.json"

_FILE = {"type": "string", "pattern": r"\.py(:[A-Za-z_]\w*)?$"}
_KINDS = r"invalid:[^\s,;()][^,;()]*(,[^,;()]+)*"

EXAMPLES: Mapping[str, tuple[Any, ...]] = {
    # an option: what a file may say
    "model": ("raft", "my_node.py", "nodes.py:Leader"),
    "bug": ("forgets-vote",),
    "workload": ("lin-kv",),
    "node_count": (5,),
    "concurrency": (10, "2n"),
    "rate": (20.0, 100),
    "time_limit": (20, 2.5),
    "recovery": (10, 0),
    "latency": (0, 20.5),
    "latency_dist": ("exponential",),
    "nemesis": (["partition", "kill"], "all"),
    "nemesis_interval": (2, 0.5),
    "clock_error": (0.01,),
    "allow_inert": (True,),
    "swarm": (True,),
    "topology": ("tree4",),
    "availability": ("total", 0.99),
    "consistency_models": (["serializable"],),
    "key_count": (4,),
    "max_txn_length": (4,),
    "max_writes_per_key": (16,),
    "liveness": ("core",),
    "assert": (["servers.msgs_per_op < 30", "latency_ms.0.99 < 200"],),
    "events_max": (1_000_000,),
    "on_finding": ("stop",),
    "strict_replies": (True,),
    "schedule": ("pct", "pct:3"),
    "expect": ("valid", "invalid:G-single", "invalid:election-safety,nonlinearizable"),
    "runs": (200,),
    "seed": (42,),
    "description": ("Raft while links break and heal.",),
}


def _listed(option: str) -> dict[str, Any]:
    """A list of known names, or the same as one string with commas between them."""
    names = {"type": "string", "enum": list(KNOWN[option]())}
    return {"anyOf": [{"type": "array", "items": names}, {"type": "string"}]}


def _forms() -> dict[str, dict[str, Any]]:
    """What the validators of an option accept, where pydantic's own schema does not say it."""
    known = {option: {"type": "string", "enum": list(names())} for option, names in KNOWN.items()}
    return {
        "model": {"anyOf": [known["model"], _FILE]},
        "bug": known["bug"],
        "workload": {"anyOf": [known["workload"], _FILE]},
        "topology": known["topology"],
        "concurrency": {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": "^[1-9][0-9]*n?$"},
            ]
        },
        "nemesis": _listed("nemesis"),
        # A consistency model has other names too, so the list is not closed.
        "consistency_models": {
            "anyOf": [
                {"type": "array", "items": {"anyOf": [known["consistency_models"], _TEXT]}},
                _TEXT,
            ]
        },
        "assert": {"anyOf": [{"type": "array", "items": _TEXT}, _TEXT]},
        "availability": {
            "anyOf": [
                {"type": "string", "enum": ["total", "none"]},
                {"type": "number", "minimum": 0, "maximum": 1},
            ]
        },
        "schedule": {"type": "string", "pattern": PATTERN},
        "expect": {"type": "string", "pattern": f"^(valid|unknown|invalid|{_KINDS})$"},
    }


_TEXT = {"type": "string"}


def scenario_schema() -> dict[str, Any]:
    """The schema, made from the model."""
    made = Scenario.model_json_schema()
    properties = {}
    for option, field in made["properties"].items():
        meaning = field["description"]
        told: dict[str, Any] = {"description": f"{meaning[0].upper()}{meaning[1:]}."}
        told |= _forms().get(option) or _plain(field)
        default = field.get("default")
        if default is not None and default != "":
            told["default"] = default
        properties[option] = told | {"examples": list(EXAMPLES[option])}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:clew:scenario",
        "title": "Scenario",
        "description": "What may happen in a run of Clew: a file for 'clew test'. Times are "
        "virtual seconds, latencies milliseconds.",
        "type": "object",
        "properties": properties,
        "required": made["required"],
        "additionalProperties": False,
    }


def _plain(field: Mapping[str, Any]) -> dict[str, Any]:
    """A field's own schema without its title, its default and null."""
    kinds = [kind for kind in field.get("anyOf", (field,)) if kind.get("type") != "null"]
    (kind,) = kinds
    return {name: value for name, value in kind.items() if name not in {*_TOLD, "title"}}


_TOLD = ("default", "description")


def made_text() -> str:
    """The schema as the file holds it, made anew."""
    return json.dumps(scenario_schema(), indent=2) + "\n"


def schema_text() -> str:
    """The schema as the package holds it."""
    return SCHEMA_FILE.read_text(encoding="utf-8")
