"""The table of order policies, and the schedules that name them: ``time``, ``pct`` or ``pct:5``."""

from __future__ import annotations

import re

from clew.sim.entropy import Entropy
from clew.sim.orders.order import OrderPolicy
from clew.sim.orders.pct import PctOrder
from clew.sim.orders.time import TimeOrder

ORDERS: dict[str, type[OrderPolicy]] = {"time": TimeOrder, "pct": PctOrder}
"""The policies, by the name that a schedule begins with."""

_FORMS = [form for order in ORDERS.values() for form in order.forms]

FORMS = ", ".join(_FORMS[:-1]) + f", or {_FORMS[-1]}"
"""The possible schedules, in words."""

PATTERN = f"^({'|'.join(order.pattern for order in ORDERS.values())})$"
"""The same as a regular expression."""


def check_schedule(schedule: str) -> None:
    """Do nothing for a schedule that exists.

    Raises:
        ValueError: it is not one of `FORMS`.
    """
    if not re.fullmatch(PATTERN, schedule):
        raise ValueError(FORMS)


def order_of(schedule: str, entropy: Entropy) -> OrderPolicy:
    """Make the policy of a schedule, for one run of a seed.

    Raises:
        ValueError: there is no such schedule.
    """
    check_schedule(schedule)
    name, _, argument = schedule.partition(":")
    return ORDERS[name].of(argument, entropy)
