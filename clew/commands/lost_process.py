"""The report on a command whose process was lost: see `clew.machine.supervisor`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from clew.checkers.verdict import Verdict
from clew.errors import EXIT_INVALID, EXIT_UNKNOWN, EXIT_USAGE, NodeError
from clew.formats.atomic import write_text
from clew.machine.processes import ending
from clew.machine.supervisor import Lost
from clew.machine.text import json_text
from clew.report.junit import lost_xml
from clew.report.screen import echo


def tell_lost(lost: Lost, given: Sequence[str]) -> int:
    """Report what happened to the process of a command; return the exit status."""
    if lost.ended is not None and not lost.stuck:
        echo("clew: interrupted", err=True)
        return 128 + lost.ended
    if lost.stuck and lost.doing.startswith("import "):
        error = NodeError(
            "the file can't be imported: that does not end",
            where=lost.place or lost.doing.removeprefix("import "),
            fix="Put what runs for long into a handler, or below if __name__ == '__main__'",
        )
        echo(f"clew: {error}", err=True)
        return EXIT_USAGE
    if lost.stuck:
        return _stuck(lost, given)
    return _gone(lost, given)


def _stuck(lost: Lost, given: Sequence[str]) -> int:
    """Report a call of the node's code that nothing could end: it is invalid in any case."""
    where = f" at {lost.place}" if lost.place else ""
    reason = f"one call of the node's code did not end, and could not be interrupted{where}"
    place = PurePath(lost.place.partition(" ")[0].rstrip(",")).name
    signature = f"nodes: invalid (endless-loop{f' at {place}' if place else ''})"
    _report(lost, Verdict.INVALID, signature, reason, given)
    if "--json" not in given:
        echo(f"The run is INVALID.\n  nodes  INVALID  {reason}.")
    return EXIT_INVALID


def _gone(lost: Lost, given: Sequence[str]) -> int:
    """Report a process that ended without a word: by a signal, or by what it called."""
    during = " while it ran a node's code" if lost.doing else ""
    reason = (
        f"the process that did the work ended with {ending(lost.status)}{during}: a library ended "
        "it, or it lacked memory"
    )
    _report(lost, Verdict.UNKNOWN, "worker died", reason, given)
    echo(f"clew: {reason}", err=True)
    return EXIT_UNKNOWN


def _report(
    lost: Lost, verdict: Verdict, signature: str, reason: str, given: Sequence[str]
) -> None:
    """Print the same as JSON or JUnit, if that was requested and the process has not done it."""
    if "--json" in given:
        told = {"name": "nodes", "verdict": verdict.value, "reason": reason}
        data = {"verdict": verdict.value, "digest": "", "checks": [told], "repro": None}
        echo(json_text({**data, "signature": signature}))
    junit = Path(_value_of("--junit", given) or os.devnull)
    if not junit.exists() or (junit.is_file() and junit.stat().st_mtime < lost.since):
        write_text(junit, lost_xml(verdict, signature, reason))


def _value_of(option: str, given: Sequence[str]) -> str:
    for place, word in enumerate(given):
        if word == option and place + 1 < len(given):
            return given[place + 1]
        if word.startswith(f"{option}="):
            return word.removeprefix(f"{option}=")
    return ""
