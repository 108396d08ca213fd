"""Checkers of transactional isolation: list-append, rw-register and smaller workloads."""

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
