"""Linearizability: specifications, engines and explanations.

Source: Herlihy and Wing, "Linearizability: a correctness condition for concurrent objects",
ACM TOPLAS 1990. Leaves out durable and strong linearizability.
"""

from clew.checkers.linearizability.checker import Linearizability
from clew.checkers.linearizability.specification import (
    UNANSWERED,
    Map,
    Specification,
    Truth,
    truth_of,
)
from clew.checkers.linearizability.specifications import SPECIFICATIONS

__all__ = [
    "SPECIFICATIONS",
    "UNANSWERED",
    "Linearizability",
    "Map",
    "Specification",
    "Truth",
    "truth_of",
]
