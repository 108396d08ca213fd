"""How many nodes each role of a system has, as an option: ``controller=3,shard=6``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, TypeAlias

from clew.errors import UsageError
from clew.machine.text import shown
from clew.node.system import ROLE_NODES_MAX
from clew.workloads.options import Option

ROLE = r"[A-Za-z_-]+"
"""The name of a role, as a regular expression."""

FORM = rf"{ROLE}=[1-9][0-9]{{0,3}}"
"""One role with its count, as a regular expression."""


def parse_counts(words: Iterable[str]) -> dict[str, int]:
    """Parse the count of each role that is named.

    Raises:
        UsageError: a word is not a role with a count, or names a role again.
    """
    counts: dict[str, int] = {}
    for word in words:
        role, _, count = (part.strip() for part in word.partition("="))
        if not re.fullmatch(FORM, f"{role}={count}") or int(count) > ROLE_NODES_MAX:
            raise UsageError(
                "--nodes can't be used",
                expected=f"ROLE=N with N from 1 to {ROLE_NODES_MAX}, such as controller=3,shard=6",
                found=shown(word, 83),
            )
        if role in counts:
            raise UsageError(
                "--nodes can't be used", expected="each role once", found=f"{role!r} twice"
            )
        counts[role] = int(count)
    return counts


NodesOption: TypeAlias = Annotated[
    tuple[str, ...],
    Option(
        "ROLE=N,...",
        "How many nodes of each role, in a system of several kinds of node.",
        more="In a file it may also be a table: nodes = { controller = 3, shard = 6 }.",
        default="the system's own",
        check=parse_counts,
        forms=(
            {
                "type": "array",
                "items": {"type": "string", "pattern": f"^{FORM}$"},
                "minItems": 1,
            },
            {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": "integer", "minimum": 1},
            },
        ),
        examples=(["controller=3", "shard=6"],),
    ),
]
"""The option ``nodes``."""
