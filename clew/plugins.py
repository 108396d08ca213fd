"""What installed packages bring: models, workloads and checkers by name, through entry points.

A package says so in its ``pyproject.toml``; the name is what the command line takes:

    [project.entry-points."clew.workloads"]
    bank = "my_package.bank:Bank"
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from clew.errors import UsageError
from clew.machine.text import said

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

MODELS, WORKLOADS, CHECKERS = "clew.models", "clew.workloads", "clew.checkers"


@lru_cache
def installed(group: str) -> Mapping[str, EntryPoint]:
    """List the installed entry points of a group by name; nothing is imported."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and of use to few

    return {each.name: each for each in sorted(entry_points(group=group), key=lambda e: e.name)}


def load(group: str, name: str) -> Any:
    """Load what an installed package brings under a name, which `installed` lists.

    Raises:
        UsageError: it can't be imported.
    """
    entry = installed(group)[name]
    try:
        return entry.load()
    except Exception as bad:  # noqa: BLE001 - whatever a package does when it is imported
        raise UsageError(
            f"the installed {name!r} can't be loaded",
            where=f"the entry point {group} of {entry.dist.name if entry.dist else 'a package'}",
            expected=f"{entry.value} to be importable",
            found=said(bad, 1000),
            fix="Update the package, or remove it",
        ) from None
