"""Checkers of transactional isolation: list-append, rw-register and smaller workloads."""

from clew.checkers.transactions.list_append import ListAppend
from clew.checkers.transactions.rw_register import RwRegister

__all__ = ["ListAppend", "RwRegister"]
