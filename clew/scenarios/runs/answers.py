"""What an answer is worth: to an operation of a history, or to the event that ended it."""

from __future__ import annotations

from clew.checkers.simple.availability import REFUSALS
from clew.history import Event, Operation
from clew.node.node import is_definite


def code_of(ended: Operation | Event) -> int | None:
    """Return the code of the error that it ended with; None if there is none."""
    code = ended.error.get("code") if isinstance(ended.error, dict) else None
    return code if ended.type != "ok" else None


def is_progress(ended: Operation | Event) -> bool:
    """Return whether an operation was done, or the object itself refused it."""
    if ended.type == "ok":
        return True
    return ended.type == "fail" and code_of(ended) in REFUSALS


def is_answered(ended: Operation | Event) -> bool:
    """Return whether an operation was done or surely was not, or hints at another node."""
    code = code_of(ended)
    if ended.type == "ok" or (code is not None and is_definite(code)):
        return True
    return isinstance(ended.error, dict) and "leader" in ended.error
