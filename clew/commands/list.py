"""``clew list``: the tables, one row per line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clew.errors import EXIT_VALID
from clew.machine.text import json_text
from clew.report import layout
from clew.report.catalogue import rows_of
from clew.report.screen import echo


def run(options: Mapping[str, Any]) -> int:
    """Print a list; return the exit status."""
    rows, columns = rows_of(options["what"])
    if "json" in options:
        for row in rows:
            echo(json_text(row))
        return EXIT_VALID
    heads = [column.replace("_", " ") for column in columns]
    echo(layout.table([heads, *([_cell(row[column]) for column in columns] for row in rows)], ""))
    return EXIT_VALID


def _cell(cell: Any) -> Any:
    return ", ".join(map(str, cell)) if isinstance(cell, list | tuple) else cell
