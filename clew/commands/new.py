"""``clew new``: files to start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.errors import EXIT_VALID
from clew.report.screen import echo
from clew.scenarios.suites.scaffold import ROLES_WORKLOAD, pytest_command, scaffold


def run(options: Mapping[str, Any]) -> int:
    """Write the files and print what to do with them; return the exit status."""
    directory = Path(options.get("directory", "."))
    roles = bool(options.get("roles"))
    workload = options.get("workload", ROLES_WORKLOAD if roles else "echo")
    node, scenario, test = scaffold(options["name"], workload, directory, roles=roles)
    echo(f"Wrote {node}, {scenario} and {test}.")
    echo("Next:")
    echo(f"  clew test {scenario}")
    echo(f"  {pytest_command(test)}")
    return EXIT_VALID
