"""Flags of commands: how to make one, and those that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer


def option(
    names: str, text: str, default: str = "", metavar: str | None = None, *, hidden: bool = False
) -> Any:
    """Make an option whose default is decided later: by a scenario, planted bug or model."""
    told = f"{text} [default: {default}]" if default else text
    return typer.Option(
        *names.split(), help=told, show_default=False, metavar=metavar, hidden=hidden
    )


TRACE = (
    "--trace",
    "Write every event of the one run, one JSON object per line; packed if FILE ends in .gz.",
    "",
    "FILE",
)
REPORT = (
    "--report",
    "Write a web page of the one run: its story, its picture, and each node's state at any moment.",
    "",
    "FILE",
)
LOG = ("--log", "Print what the nodes logged, with virtual times.")

Repro: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FILE", help="A repro.json that a test wrote.")
]
Json: TypeAlias = Annotated[bool | None, option("--json", "One JSON object on stdout.")]
ChangedModel: TypeAlias = Annotated[
    bool | None, option("--changed-model", "Run it although the model's source has changed.")
]
AllowOutside: TypeAlias = Annotated[
    bool | None,
    option("--allow-outside", "Run a model's file that lies outside FILE's project."),
]
