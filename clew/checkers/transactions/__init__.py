"""Checkers of transactional isolation: list-append, rw-register and smaller workloads.

Each is imported when it is asked for: a command that needs one of them starts sooner.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew.checkers.transactions.closed_predicate import ClosedPredicate
    from clew.checkers.transactions.list_append import ListAppend
    from clew.checkers.transactions.probes.adya_g2 import AdyaG2
    from clew.checkers.transactions.probes.bank import Bank
    from clew.checkers.transactions.probes.causal_reverse import CausalReverse
    from clew.checkers.transactions.probes.long_fork import LongFork
    from clew.checkers.transactions.rw_register import VERSION_ORDERS, RwRegister
    from clew.checkers.transactions.words import to_dot

__all__ = [
    "VERSION_ORDERS",
    "AdyaG2",
    "Bank",
    "CausalReverse",
    "ClosedPredicate",
    "ListAppend",
    "LongFork",
    "RwRegister",
    "to_dot",
]

_HOMES = {
    "AdyaG2": "probes.adya_g2",
    "Bank": "probes.bank",
    "CausalReverse": "probes.causal_reverse",
    "ClosedPredicate": "closed_predicate",
    "ListAppend": "list_append",
    "LongFork": "probes.long_fork",
    "RwRegister": "rw_register",
    "VERSION_ORDERS": "rw_register",
    "to_dot": "words",
}


def __getattr__(name: str) -> Any:
    """Import a checker when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
