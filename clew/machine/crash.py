"""A mistake of Clew's own: a report in a file, one line for a person, an exit status of its own.

It is no verdict, and must not look like one.
"""

from __future__ import annotations

import platform
import shlex
import sys
import traceback
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir

from clew.machine.text import one_line, printable, said
from clew.machine.version import __version__

EXIT_CRASHED = 70
"""``EX_SOFTWARE`` of sysexits.h."""


class CrashError(Exception):
    """Clew itself went wrong; the text says what happened and where the report is.

    Attributes:
        report: the file, or None if none could be written.
    """

    def __init__(self, text: str, report: Path | None = None) -> None:
        super().__init__(text, report)
        self.text = text
        self.report = report

    def __str__(self) -> str:
        return self.text


def crash_of(
    error: BaseException,
    folder: Path | None = None,
    *,
    seed: int | None = None,
    command: Sequence[str] | None = None,
) -> CrashError:
    """Write the report of a mistake, and return it in one line.

    Args:
        error: what was raised.
        folder: where the report goes; None, or one that can't be written, for a temporary one.
        seed: of the run, if there was one.
        command: what was run; None for this process' own arguments.
    """
    if isinstance(error, CrashError):
        return error
    trace = "".join(traceback.format_exception(error))
    name = f"clew-crash-{sha256(trace.encode(errors='replace')).hexdigest()[:12]}.txt"
    text = _report(error, trace, seed, list(sys.argv if command is None else command))
    what = one_line(said(error, 300))
    place = _place(error)
    head = f"Clew itself went wrong: {what}{place}; this is no verdict"
    for where in (folder, Path(gettempdir())):
        if where is None:
            continue
        try:
            where.mkdir(parents=True, exist_ok=True)
            (where / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return CrashError(f"{head}. Please report it with {where / name}", where / name)
    return CrashError(f"{head}. No report could be written")


def _report(error: BaseException, trace: str, seed: int | None, command: list[str]) -> str:
    lines = [
        f"Clew itself went wrong: {said(error)}",
        f"command: {shlex.join(command)}",
        f"seed: {'none' if seed is None else seed}",
        f"clew {__version__}, Python {platform.python_version()}, {platform.platform()}",
        "",
        trace,
    ]
    return printable("\n".join(lines))


def _place(error: BaseException) -> str:
    """Return where it was raised, as the end of a clause."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    if step is None:
        return ""
    return f" ({Path(step.tb_frame.f_code.co_filename).name}:{step.tb_lineno})"
