"""A command carried out, and what ends it: a verdict, a signal, a refusal, a mistake of our own.

It knows no flags, so that a command line that is read without typer
(`clew.commands.plain_line`) ends in the same way.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Any

from clew.errors import EXIT_USAGE, EXIT_VALID, ClewError, UsageError
from clew.machine import supervisor
from clew.report.screen import echo, screened

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


def execute(command: str, said: Mapping[str, Any]) -> int:
    """Run a command's module with the options that were given; return its exit status."""
    given = {name: value for name, value in said.items() if value is not None}
    # If a library crashes this process, the line of the node that called it is reported.
    with suppress(OSError, RuntimeError):  # nobody reads stderr
        if not faulthandler.is_enabled():
            faulthandler.enable(all_threads=False)
    # CI servers end what takes too long with TERM, and shells start background jobs with INT
    # ignored: both signals end a command as Ctrl-C does, with what it found.
    ended: list[tuple[int, float]] = []
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda signum, _: supervisor.interrupt(ended, signum))
    try:
        status: int = import_module(f"clew.commands.{command}").run(given)
    except KeyboardInterrupt as key:
        _check_blame(key)
        echo("clew: interrupted", err=True)
        status = EXIT_INTERRUPTED
    except BrokenPipeError:
        status = _left_alone()
    if status == EXIT_INTERRUPTED and ended and ended[0][0] == signal.SIGTERM:
        status = EXIT_TERMINATED
    return status


def answered(given: Sequence[str], act: Callable[[], int]) -> int:
    """Do what a command line asks for; return the exit status, also of what goes wrong.

    Args:
        given: the command line, for a report of a mistake of our own.
        act: does it, and returns its exit status.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may have few letters
    with screened():
        try:
            return act()
        except ClewError as bad:
            return refuse(str(bad))
        except KeyboardInterrupt:
            raise
        except BaseException as mistake:  # noqa: BLE001 - told as one, and never as a verdict
            return _mistaken(mistake, given)


def refuse(message: str) -> int:
    """Say what is wrong with the input; return the exit status."""
    echo(f"clew: {message}", err=True)
    return EXIT_USAGE


def flush() -> None:
    """Write what is still buffered, as far as somebody reads it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


def _left_alone() -> int:
    """End without a reader, who has seen enough; return the exit status."""
    # What is still buffered must raise nothing at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_VALID


def _mistaken(mistake: BaseException, given: Sequence[str]) -> int:
    """Report what else went wrong, by whose fault; return the exit status."""
    if isinstance(mistake, SystemExit) and isinstance(mistake.__context__, BrokenPipeError):
        return _left_alone()  # typer, which prints the help itself, ends so
    try:
        _check_blame(mistake)
    except ClewError as bad:
        return refuse(str(bad))
    if isinstance(mistake, OSError) and mistake.filename is not None:
        # The system's answer to a path that the user named.
        told = (mistake.strerror or str(mistake)).lower()
        return refuse(str(UsageError("can't be used", where=str(mistake.filename), found=told)))
    return _crashed(mistake, given)


def _check_blame(error: BaseException) -> None:
    """Refuse what a user's own code raised outside any handler, even what ends a process."""
    from clew.sim.finding import blame  # noqa: PLC0415 - seldom

    blames = blame(error)
    if blames is not None:
        raise blames from error


def _crashed(mistake: BaseException, given: Sequence[str]) -> int:
    """Report a mistake of Clew's own; on stderr if no file can hold the report."""
    from traceback import format_exception  # noqa: PLC0415 - seldom

    from clew.machine.crash import EXIT_CRASHED, crash_of  # noqa: PLC0415 - seldom

    crash = crash_of(mistake, command=["clew", *given])
    echo(f"clew: {crash}", err=True)
    if crash.report is None:
        echo("".join(format_exception(mistake)), err=True)
    return EXIT_CRASHED
