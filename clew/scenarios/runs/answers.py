"""What an answer is worth: to an operation of a history, or to the event that ended it."""

from __future__ import annotations

from clew.checkers.simple.availability import REFUSALS
from clew.history import Event, Operation
from clew.node.node import is_definite


def code_of(ended: Operation | Event) -> int | None:
    """The code of the error that it ended with; None if there is none."""
    code = ended.error.get("code") if isinstance(ended.error, dict) else None
    return code if ended.type != "ok" else None


def is_progress(ended: Operation | Event) -> bool:
    """True for an operation that was done, or that the object itself refused."""
    if ended.type == "ok":
        return True
    return ended.type == "fail" and code_of(ended) in REFUSALS


def is_answered(ended: Operation | Event) -> bool:
    """True for an operation that was done or surely was not, and for a hint to another node."""
    code = code_of(ended)
    if ended.type == "ok" or (code is not None and is_definite(code)):
        return True
    return isinstance(ended.error, dict) and "leader" in ended.error
