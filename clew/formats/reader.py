"""Recorded histories read from files, their format recognised by content.

The file's name does not matter: the first 256 KiB decide. Formats are a table; a new one is a new
row.
"""

from __future__ import annotations

import gc
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from clew.errors import HistoryError, UsageError
from clew.formats.lone_operations import one_client_each
from clew.formats.record import event_from, place, shown
from clew.formats.regular import kind_of
from clew.formats.source import name_of, opened
from clew.history import Event, History

LineReader: TypeAlias = Callable[[Iterable[str], str], Iterator[tuple[int, dict[str, Any]]]]
"""From a file's lines and its name to its events as maps, each with the line it starts on."""

FORMATS: Mapping[str, tuple[str, str]] = {
    "jsonl": ("jsonl:read_jsonl", "Clew's own: one JSON object per line"),
    "edn": ("edn:read_edn", "Jepsen's EDN: maps, one after another or in one vector or list"),
    "console": ("console:read_console", "Jepsen's console log"),
    "porcupine": ("porcupine:read_porcupine", "Porcupine's key-value text: EDN maps with :key"),
    "json": ("json_array:read_json", "plain JSON as elle-cli takes it"),
    "operations": (
        "operations:read_operations",
        "JSON operations with the times of their call and return, as Porcupine has them",
    ),
}
"""Name -> ``module:function`` of its `LineReader` in this package, and what it reads."""


def _loaded(at: str) -> Any:
    """Load a function of this package; other formats' readers need not be imported."""
    module, _, name = at.partition(":")
    return getattr(import_module(f"clew.formats.{module}"), name)


_OPEN_ALREADY = ("/dev/", "/proc/")
"""Where a shell puts the pipes that it has made for a command, with somebody at the other end."""

_HEAD_CHARACTERS = 1 << 18
_COMMENTS = re.compile(r"(?:[\s,]+|;[^\n]*\n?)*+")
_PORCUPINE = re.compile(r"\{(?=[^{}]*:f\s+:(?:get|put|append)\b)[^{}]*:key\s")
_FORMS = re.compile(r"""\{(?!")|[\[(]|\#[A-Za-z_{]""")
_JSON = re.compile(r"""[\[{,\s]*+["}\]0-9tfn-]|\[\s*\[""")
_JSONL = re.compile(r"""\{[^\n]*"(?:process|type|f)"\s*:""")
_CALL = re.compile(r'"(?:call|calltime|call_time|start)"\s*:', re.IGNORECASE)
_ELLE = re.compile(r'"(?::\w+|index)"\s*:')


def detect(head: str) -> str | None:
    """Name the format that a text starts in; None if it is none of them."""
    start = _COMMENTS.match(head)
    text = head[start.end() :] if start else head
    if (
        text.startswith(("{", "["))
        and _CALL.search(text)
        and _loaded("operations:is_operation")(text)
    ):
        return "operations"
    if _FORMS.match(text):
        if text[0] in "{[" and _JSON.match(text):
            return "json"
        return "porcupine" if _PORCUPINE.match(text.lstrip("[( \n")) else "edn"
    if text.startswith("{"):
        line = text.partition("\n")[0]
        return "json" if _ELLE.search(line) or not _JSONL.match(line) else "jsonl"
    event_line = _loaded("console:EVENT_LINE")
    is_log = any(event_line.search(line.rstrip()) for line in head.splitlines())
    return "console" if is_log else None


def read_history(path: str | Path, format: str | None = None) -> History:  # noqa: A002 - the word
    """Read the history in a file, with its line for each event.

    Args:
        path: the file, which may be a gzip archive; ``-`` for standard input.
        format: a name of `FORMATS`; None recognises it by content.

    Time is O(length). Memory is that of the events, 4 to 8 times the text, and in JSON that is no
    JSONL the text as well.

    Raises:
        HistoryError: the file is missing, no text, of no known format, broken, or empty.
        UsageError: ``format`` names none.
    """
    if format is not None and format not in FORMATS:
        raise UsageError(
            "unknown format", where="format", expected=", ".join(FORMATS), found=shown(format)
        )
    source = name_of(path)
    kind = kind_of(path)
    if kind in {"a socket", "a device"} or (
        kind == "a pipe" and not source.startswith(_OPEN_ALREADY)
    ):
        raise HistoryError(
            "this can't be read",
            where=source,
            expected="a regular file",
            found=kind,
            fix="Name a file with a recorded history",
        )
    lines = array("L")
    events: list[Event] = []
    collecting = gc.isenabled()
    gc.disable()  # nothing read here is a cycle, and each pass would visit all of it
    try:
        with opened(path) as stream:
            name, read = _records(stream, source, format)
            for line, record in read:
                lines.append(line)
                events.append(event_from(record, source, line))
    except UnicodeDecodeError as error:
        line = lines[-1] + 1 if lines else 1
        raise _no_text(source, line, error.object[error.start]) from error
    except OSError as error:
        raise _unreadable(source, error) from error
    finally:
        if collecting:
            gc.enable()
    if not events:
        raise HistoryError(
            "the file holds no operation",
            where=source,
            expected="at least one invocation",
            found="none",
            fix="Check that the file is the recorded history",
        )
    return History(one_client_each(events, lines, source), source=source, lines=lines, format=name)


def _records(
    stream: TextIO, source: str, name: str | None
) -> tuple[str, Iterator[tuple[int, dict[str, Any]]]]:
    """Find the format's name, and read each event as a map with its line."""
    lines: Iterable[str] = stream
    if name is None:
        head = stream.read(_HEAD_CHARACTERS)
        if head.isspace() or not head:
            return "", iter(())
        _check_start(head, source)
        head += stream.readline()
        lines = chain(StringIO(head, newline="\n"), stream)  # a pipe can't be read again
        name = detect(head)
    if name is None:
        raise _no_format(head, source)
    read: LineReader = _loaded(FORMATS[name][0])
    return name, read(lines, source)


def _check_start(head: str, source: str) -> None:
    """Refuse what the start shows to be no history, before a line that may never end is read.

    Raises:
        HistoryError: it is no text, in no known format, or JSON whose first object is no event.
    """
    nul = head.find("\0")
    if nul >= 0:
        raise _no_text(source, head.count("\n", 0, nul) + 1, 0)
    name = detect(head)
    if name is None:
        raise _no_format(head, source)
    if name == "json":
        _loaded("json_array:check_first")(head, source)


def _no_format(head: str, source: str) -> HistoryError:
    return HistoryError(
        "the format is not known",
        where=place(source, 1),
        expected="a history as JSONL, EDN, JSON, a Jepsen console log or Porcupine's text",
        found=shown(head.strip()),
        fix="Check that the file is a recorded history",
    )


def _unreadable(source: str, error: OSError) -> HistoryError:
    reason = error.strerror or str(error)
    return HistoryError(
        "the file can't be read",
        where=source,
        found=reason[:1].lower() + reason[1:],
        fix="Name a file with a recorded history",
    )


def _no_text(source: str, line: int, byte: int) -> HistoryError:
    return HistoryError(
        "the file is not text",
        where=place(source, line),
        expected="a history in UTF-8",
        found=f"the byte 0x{byte:02x}",
        fix="Check that the file is a recorded history",
    )
