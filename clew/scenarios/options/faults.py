"""The option that names the faults of a run, each perhaps with whom it strikes."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from clew.errors import UsageError
from clew.machine.text import meant
from clew.scenarios.options.regions import NAME
from clew.scenarios.options.role_counts import ROLE
from clew.sim.faults import GROUPS, KINDS
from clew.sim.faults.targets import asked_of
from clew.sim.trigger import ASKED
from clew.workloads.options import Option

FAULTS = ("all", *dict.fromkeys([*GROUPS, *KINDS, ASKED]))
"""What may be requested: all, families and kinds, and faults that wait for something."""


_AIM = rf"(=[A-Za-z_][\w-]*)?(:{ROLE})?(@{NAME})?"
"""Whom a fault strikes, as a regular expression: a word, a role and a region."""


def _check_faults(asked: tuple[str, ...]) -> None:
    """Check that each is a kind or a group of faults; whom it strikes is checked with the nodes."""
    for one in asked:
        name = asked_of(one).kind
        rest = one.removeprefix(name)
        known = name in FAULTS and re.fullmatch(_AIM, rest) and not (name == "all" and rest)
        if not known:
            with_aim = ", or one with whom it strikes, such as kill:shard, kill@eu or kill=leader"
            raise UsageError(
                "--nemesis can't be used",
                expected=f"one of {', '.join(FAULTS)}{with_aim if rest else ''}",
                found=repr(one),
                fix=meant(name, FAULTS),
            )


FaultsOption: TypeAlias = Annotated[
    tuple[str, ...],
    Option(
        "A,B",
        "Faults, such as partition,kill; or all.",
        more="A fault may aim at a role of a system (kill:shard), a region (kill@eu), both "
        "(kill:shard@eu), and a target of its kind (kill=leader, kill=minority:shard@eu).",
        default="none",
        names=FAULTS,
        check=_check_faults,
        forms=({"type": "string", "pattern": f"^({'|'.join(FAULTS[1:])}){_AIM}$"},),
        examples=(["partition", "kill"], "all", "kill:shard", "kill=minority:shard@eu"),
    ),
]
"""The option ``nemesis``."""
