"""Findings: what a run itself shows to be wrong, without a checker."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from opcode import opmap
from pathlib import Path
from types import FrameType, TracebackType

from clew.errors import ClewError, NodeError
from clew.machine.text import HUGE, TEXT_MAX, Unwinding, cut, said

PACKAGE = str(Path(__file__).resolve().parent.parent)
"""The folder of Clew's own code."""

_COMMANDS = tuple(str(Path(PACKAGE) / part) for part in ("__main__.py", "cli.py", "commands"))
"""The code of the command line: what calls it only launches Clew."""

_LIBRARY = str(Path(traceback.__file__).parent)
_SHIPPED = str(Path(__file__).resolve().parent.parent / "models")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that went wrong inside a run.

    Attributes:
        kind: ``exception``, ``invariant``, ``refused``, ``malformed-message``,
            ``unknown-destination``, ``unhandled-message``, ``malformed-reply``,
            ``never-awaited``, ``endless-loop``, ``livelock``, ``message-loop``,
            ``timer-loop`` or ``message-storm``.
        reason: what happened, in plain words.
        node: where.
        time_ns: when.
        event: the number of the world's event.
        cause: the message or timer that led to it, in words; empty if there is none.
        place: ``file:line`` of the user's code; empty if there is none.
        traceback: the user's part of the traceback; empty if there is none.
        nodes: further nodes that show it.
        values: the values that show it.
    """

    kind: str
    reason: str
    node: str
    time_ns: int
    event: int
    cause: str = ""
    place: str = ""
    traceback: str = ""
    nodes: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()


def is_users(filename: str) -> bool:
    """Return whether code is a model's, and not Clew's own or the standard library's machinery."""
    if filename.startswith(_SHIPPED):
        return True
    if filename.startswith(_LIBRARY):
        return "site-packages" in filename
    return not filename.startswith((PACKAGE, "<frozen")) and filename != "<string>"


def is_installed(filename: str) -> bool:
    """Return whether code is an installed library's."""
    return "site-packages" in filename or "dist-packages" in filename


def is_raised(error: BaseException) -> bool:
    """Return whether a ``raise`` of the user's code made an exception, not a signal's handler."""
    step = error.__traceback__
    # The innermost frame is the one in which the exception came up.
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    if step is None:
        return False
    code = step.tb_frame.f_code
    # A signal's handler interrupts whatever instruction runs; only a `raise` stands at its own.
    return is_users(code.co_filename) and code.co_code[step.tb_lasti] == opmap["RAISE_VARARGS"]


@contextmanager
def blamed() -> Iterator[None]:
    """Raise what `blame` names as that `NodeError`."""
    try:
        yield
    except BaseException as error:
        blames = blame(error)
        if blames is None:
            raise
        raise blames from error


def blame(error: BaseException) -> NodeError | None:
    """Return what the user's code raised outside any handler, with its line; None for all else.

    A metaclass, ``__getattribute__`` or ``__deepcopy__`` may raise anything wherever Clew looks at
    a class or an object, even what would end this process.
    """
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    if step is None or isinstance(error, ClewError | Unwinding):
        return None
    if isinstance(error, KeyboardInterrupt) and not is_raised(error):
        return None
    file = step.tb_frame.f_code.co_filename
    if not is_users(file) or file.startswith(PACKAGE) or is_installed(file):
        return None
    return NodeError(
        "the code raises where Clew looks at a class or an object, and no handler runs",
        where=f"{file}:{step.tb_lineno}",
        found=said(error, 300),
        fix="What Python calls by itself, as __getattribute__ or __deepcopy__, must not raise",
    )


def users_place(frame: FrameType | None = None) -> str:
    """Return ``file:line`` of the innermost frame that is the user's; empty if there is none.

    A line of the user's own code is preferred to one of a library that it calls. What calls Clew's
    command line is none.
    """
    frame = frame or sys._getframe(1)  # noqa: SLF001 - the documented way to walk frames
    librarys = ""
    # From the inside out. Invariant: `librarys` is the innermost place in a library so far, for
    # want of one in the user's own code.
    while frame is not None:
        filename = frame.f_code.co_filename
        if filename.startswith(_COMMANDS):
            break
        if is_users(filename):
            place = f"{filename}:{frame.f_lineno}"
            if not is_installed(filename):
                return place
            librarys = librarys or place
        frame = frame.f_back
    return librarys


def place_of(error: BaseException) -> str:
    """Return ``file:line`` of the user's innermost frame in a traceback; empty if there is none."""
    frames = _frames_of(error)
    return f"{frames[-1].tb_frame.f_code.co_filename}:{frames[-1].tb_lineno}" if frames else ""


def _frames_of(error: BaseException) -> list[TracebackType]:
    """Return the frames that are the user's, the outermost first."""
    frames: list[TracebackType] = []
    step = error.__traceback__
    while step is not None:
        if is_users(step.tb_frame.f_code.co_filename):
            frames.append(step)
        step = step.tb_next
    return frames


def users_traceback(error: BaseException) -> str:
    """Return the text of a traceback without Clew's own frames.

    The user's story begins at the user's handler.
    """
    frames = _frames_of(error)
    if not frames:
        return _cut("".join(traceback.format_exception_only(error)))
    summary = [
        traceback.FrameSummary(
            tb.tb_frame.f_code.co_filename, tb.tb_lineno, tb.tb_frame.f_code.co_name
        )
        for tb in frames
    ]
    parts = [
        "Traceback (most recent call last):\n",
        *traceback.format_list(summary),
        *traceback.format_exception_only(error),
    ]
    return _cut("".join(parts))


def _cut(text: str) -> str:
    """Cut a traceback's long lines, and leave lines out if they are many."""
    text = cut(text, HUGE)  # it may have millions of lines
    return cut("\n".join(cut(line) for line in text.split("\n")), 4 * TEXT_MAX)
