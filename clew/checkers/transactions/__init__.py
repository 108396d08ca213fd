"""Checkers of transactional isolation: list-append, rw-register and smaller workloads."""

from clew.checkers.transactions.list_append import ListAppend

__all__ = ["ListAppend"]
