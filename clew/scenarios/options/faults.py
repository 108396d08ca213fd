"""The option that names the faults of a run, each perhaps with the role that it aims at."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from clew.errors import UsageError
from clew.machine.text import meant
from clew.scenarios.options.role_counts import ROLE
from clew.sim.faults import GROUPS, KINDS
from clew.sim.faults.targets import parted
from clew.sim.trigger import ASKED
from clew.workloads.options import Option

FAULTS = ("all", *dict.fromkeys([*GROUPS, *KINDS, ASKED]))
"""What may be requested: all, families and kinds, and faults that wait for something."""


def _check_faults(asked: tuple[str, ...]) -> None:
    """Check that each is a kind or a group of faults; the model checks a role after a colon."""
    for one in asked:
        name, role = parted(one)
        known = name in FAULTS and (role is None or (name != "all" and re.fullmatch(ROLE, role)))
        if not known:
            with_role = ", or one with a role, such as kill:shard" if role is not None else ""
            raise UsageError(
                "--nemesis can't be used",
                expected=f"one of {', '.join(FAULTS)}{with_role}",
                found=repr(one),
                fix=meant(name, FAULTS),
            )


FaultsOption: TypeAlias = Annotated[
    tuple[str, ...],
    Option(
        "A,B",
        "Faults, such as partition,kill; or all.",
        more="In a system of several kinds of node a fault may aim at a role: kill:shard.",
        default="none",
        names=FAULTS,
        check=_check_faults,
        forms=({"type": "string", "pattern": f"^({'|'.join(FAULTS[1:])}):{ROLE}$"},),
        examples=(["partition", "kill"], "all", "kill:shard"),
    ),
]
"""The option ``nemesis``."""
