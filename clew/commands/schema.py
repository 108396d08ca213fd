"""``clew schema``: the JSON schema of a scenario file, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clew.errors import EXIT_VALID
from clew.report.screen import echo
from clew.scenarios.options.schema import schema_text


def run(options: Mapping[str, Any]) -> int:
    """Print the schema; return the exit status."""
    echo(schema_text(*options.get("workloads") or ()).removesuffix("\n"))
    return EXIT_VALID
