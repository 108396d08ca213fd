r"""Text that is not ours, made safe for where it goes: one function for each kind of output.

A node's messages, exceptions and logs, the names of files and what a history holds may be any text:
one that moves a cursor, one that a browser would run, one of ten megabytes. `printable` is for
people, on a terminal, in a pipe or in a page; what has a grammar of its own (JSON, HTML, XML, DOT,
GitHub's commands) has its own function here, and no writer escapes by itself.

What can't be shown is written as Python writes it in a string, such as ``\x1b``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

TEXT_MAX = 2_000
"""More of one text nobody reads; the amount left out is shown."""


class Unwinding(BaseException):
    """Ends a user's code from outside: no code of ours takes it for what that code raised."""


_UNSHOWN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but for tab and newline, DEL, C1
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # direction, no width
    "\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f"
)
_NOT_PRINTABLE = re.compile(f"[{_UNSHOWN}]")
_NOT_ON_A_LINE = re.compile(f"[\t\n{_UNSHOWN}]")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def printable(text: str) -> str:
    """Escape what would move a cursor, change a direction or be invisible."""
    return _NOT_PRINTABLE.sub(_escaped, text)


def one_line(text: str) -> str:
    """Do the same, on one line."""
    return _NOT_ON_A_LINE.sub(_escaped, text)


def cut(text: str, most: int = TEXT_MAX) -> str:
    """Keep the two ends of a text longer than ``most``, with how much is left out between."""
    if len(text) <= most:
        return text
    head = most * 3 // 4
    tail = most - head
    return f"{text[:head]} ... [{len(text) - most:,} characters left out] ... {text[-tail:]}"


def brief(text: str, most: int, rest: str = "...") -> str:
    """Keep the beginning of a text longer than ``most``, and put ``rest`` for the remainder."""
    return text if len(text) <= most else f"{text[: most - len(rest)]}{rest}"


def first_parts(text: str, most: int) -> str:
    """Keep the beginning of a JSON value longer than ``most``, cut between two of its parts.

    A part that takes more than half of that is cut itself, and so is a text, which has none.
    """
    if len(text) <= most:
        return text
    return f"{text[: _parted(text, most - 3)]}..."


def outer_parts(text: str, most: int) -> str:
    """Keep the two ends of a JSON value longer than ``most``, cut between two of its parts."""
    if len(text) <= most:
        return text
    left = most - 5  # for what stands between the two
    end = _parted(text, left * 2 // 3)
    start = len(text) - (left - left * 2 // 3)
    parted = -1 if text[0] == '"' else text.find(", ", start)
    head, tail = text[:end], text[start:] if parted < 0 else text[parted:]
    head += "..." if head.endswith(", ") else " ..."
    return head + (tail if parted >= 0 else f" {tail}")


def _parted(text: str, end: int) -> int:
    """Return where the last part begins that a cut at ``end`` splits; ``end`` if that is far."""
    parted = -1 if text[0] == '"' else text.rfind(", ", 0, end)
    return parted + 2 if parted >= end // 2 else end


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Find the known word that a misspelt one is nearest to; None if none is near."""
    return next(iter(nearest_of(word, known, 1, cutoff)), None)


def nearest_of(word: str, known: Iterable[str], most: int, cutoff: float = 0.6) -> list[str]:
    """List at most so many known words that a misspelt one is near to, the nearest first."""
    from difflib import get_close_matches  # noqa: PLC0415 - of use where something is wrong

    return get_close_matches(word, list(known), n=most, cutoff=cutoff)


def meant(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return "Did you mean ..." for the nearest known word, as an error's ``fix``, or None."""
    near = nearest(word, known, cutoff)
    return None if near is None else f"Did you mean {near!r}"


_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
"""An object's address differs from process to process."""


def _settled(text: str) -> str:
    """Take addresses out of a text that is short enough to be read."""
    return text if len(text) > 10 * TEXT_MAX else _ADDRESS.sub("", text)


def said(error: BaseException, most: int = TEXT_MAX) -> str:
    """Write the type and the text of an exception, whose ``__str__`` may fail itself."""
    name = _type_name(error)
    try:
        text = _text_of(error)
    except (Unwinding, KeyboardInterrupt):
        raise
    except BaseException as failed:  # noqa: BLE001 - a user's code
        return f"{name}, whose __str__ raised {_type_name(failed)}"
    return f"{name}: {cut(_settled(text), most)}"


def _text_of(error: BaseException) -> str:
    """Return its ``str``, and no more than the ends of that if it would be huge."""
    kind = type(error)
    if kind.__str__ is BaseException.__str__ and len(error.args) == 1 and _is_huge(error.args):
        [value] = error.args
        return str.__str__(value) if isinstance(value, str) else shown(value)
    return str(error)


def _type_name(value: object) -> str:
    return cut(str.__str__(type(value).__name__), 200)


def shown(value: Any, most: int = TEXT_MAX) -> str:
    """Write the ``repr`` of a value, which may be long or fail."""
    if _is_huge(value):
        return cut(_piecewise(value, 0), most)
    try:
        return cut(_settled(repr(value)), most)
    except (Unwinding, KeyboardInterrupt):
        raise
    except BaseException:  # noqa: BLE001 - a user's code, or a number of too many digits
        return cut(_piecewise(value, 0), most)


HUGE = 50 * TEXT_MAX
"""What would be longer as a text, in characters, is not written as one first."""

_HOLDERS: tuple[type, ...] = (list, tuple, set, frozenset)
_TEXTS: tuple[type, ...] = (str, bytes, bytearray)


def _is_huge(value: Any) -> bool:
    """Return whether the ``repr`` of plain data, or of an exception with it, exceeds `HUGE`.

    It is not made to find that out: the parts are counted, and no more of them than that takes.
    """
    left, waiting = HUGE, [value]
    while waiting and left > 0:
        one = waiting.pop()
        kind = type(one)
        if kind in _TEXTS:
            left -= len(one)
        elif kind in _HOLDERS or kind is dict:
            left -= 2 * len(one)
            if left > 0:
                waiting += [*one, *one.values()] if kind is dict else one
        elif _is_plain(one):
            waiting.append(one.args)
    return left <= 0


def _is_plain(value: Any) -> bool:
    """Return whether an exception is written with its arguments."""
    written: Any = type(value).__repr__
    return isinstance(value, BaseException) and written is BaseException.__repr__


_ITEMS, _LEVELS = 20, 5


def _piecewise(value: Any, level: int) -> str:
    """Write a value whose ``repr`` fails, or is huge: its parts, each by itself."""
    if _is_plain(value):
        args = [_piecewise(each, level + 1) for each in value.args[:_ITEMS]]
        return f"{_type_name(value)}({', '.join(args)})"
    if type(value) in _TEXTS and len(value) > TEXT_MAX:
        return repr(cut(value) if isinstance(value, str) else bytes(value[:TEXT_MAX]))
    if isinstance(value, int) and value.bit_length() > BITS_MAX:
        return hex(value)
    if isinstance(value, list | tuple | dict):
        return _parts_of(value, level)
    try:
        return cut(_settled(repr(value)))
    except (Unwinding, KeyboardInterrupt):
        raise
    except BaseException:  # noqa: BLE001 - a user's code
        return f"<{_type_name(value)}, whose __repr__ fails>"


def _parts_of(value: Any, level: int) -> str:
    """Write a list or an object with its first parts, to some depth."""
    open_, close = ("{", "}") if isinstance(value, dict) else ("[", "]")
    if level >= _LEVELS:
        return f"{open_}...{close}"
    parts = [_piecewise(item, level + 1) for item in islice(value, _ITEMS)]
    if isinstance(value, dict):
        values = [_piecewise(item, level + 1) for item in islice(value.values(), _ITEMS)]
        parts = [f"{key}: {item}" for key, item in zip(parts, values, strict=True)]
    more = [", ..."] if len(value) > _ITEMS else []
    return "".join([open_, ", ".join(parts), *more, close])


def json_words(value: Any) -> str:
    """Write a value as JSON for people, letters as they are; else as `shown`."""
    try:
        return json.dumps(value, ensure_ascii=False, default=shown)
    except (TypeError, ValueError, RecursionError):
        return shown(value)


# What has a grammar of its own.


def json_text(value: Any, *, indent: int | None = None, compact: bool = False) -> str:
    """Write a value as JSON of RFC 8259, in printable ASCII.

    JSON has no word for what is no finite number: it becomes a text, ``"NaN"`` or ``"Infinity"``;
    so does an integer of thousands of digits, in hexadecimal. No line of it is a command to a CI
    server; see `clew.report.screen`.
    """
    try:
        return strict_json(value, indent=indent, compact=compact)
    except ValueError:
        return strict_json(_finite(value), indent=indent, compact=compact)


def strict_json(value: Any, *, indent: int | None = None, compact: bool = False) -> str:
    """Write the same for a value that must be read back as it was.

    Raises:
        TypeError: JSON has no such value.
        ValueError: JSON has no such number.
    """
    separators = (",", ":") if compact else None
    text = json.dumps(value, indent=indent, separators=separators, allow_nan=False)
    text = text.replace("\x7f", "\\u007f")
    return _SERVERS_MARK.sub("#\\\\u0023", text) if "##" in text else text


_SERVERS_MARK = re.compile(r"##(?=\w*\[)")


BITS_MAX = 14_000
"""Python writes no longer integer in decimal digits, unless the user has changed the limit."""

DIGITS_MAX = 4_200
"""The same in digits, rounded down."""


def _finite(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > BITS_MAX:
        return hex(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def script_json(value: Any) -> str:
    """Write a value as JSON for a script element of a page: no tag can begin in it."""
    text = json_text(value, compact=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def html_text(text: str) -> str:
    """Escape a text for an HTML element, or for between the quotes of an attribute."""
    from html import escape  # noqa: PLC0415 - of use to pages alone

    return escape(printable(text))


def xml_text(text: str) -> str:
    """Escape a text for an XML 1.0 tree, which escapes its own signs when it is written."""
    return printable(text)


def dot_text(text: str) -> str:
    """Write a text as a quoted string of Graphviz' DOT, its lines centred."""
    escaped = printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def github_message(text: str) -> str:
    """Escape a text for the message of a GitHub workflow command."""
    inert = _SERVERS_MARK.sub("\\\\x23#", text)
    parts = (printable(part).replace("%", "%25") for part in inert.split("\r"))
    return "%0D".join(parts).replace("\n", "%0A")


def github_property(text: str) -> str:
    """Escape a text for a property of a GitHub workflow command."""
    return github_message(one_line(text)).replace(":", "%3A").replace(",", "%2C")
