r"""EDN, Clojure's data notation, as Jepsen writes its histories in it.

A history is a map per operation: one after another, or all of them in one vector or list. The
text is read line by line and each operation is handed on when its map closes, so that memory
grows with the events and not with the text. What EDN has and JSON has not becomes:

========================================  ==================================================
``:keyword``, ``ns/symbol``               str, without the colon
``#{set}``, ``(list)``                    list, in the order of the file
``{1 2}``                                 dict with its keys as they are; a vector as a key is
                                          a tuple
``1N``, ``1.5M``, ``1/2``, ``\c``          int, float, float, str
``#tag value``                            the value alone: ``#jepsen.history.Op{..}`` is its
                                          map, ``#..MapEntry [k v]`` its pair, ``#inst "t"`` t
``#_ form``, ``^meta``, ``; comment``     nothing
========================================  ==================================================

Left out: namespaces of maps (``#:ns{..}`` is read as its map), and the difference between a
keyword and a string of the same letters.

Source: https://github.com/edn-format/edn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from math import isinf
from typing import Any, ClassVar, NoReturn

from clew.errors import HistoryError
from clew.formats.jsonl import QUICK
from clew.formats.record import (
    MICRO_OPERATIONS,
    NESTING_MAX,
    nested_too_deeply,
    number_said,
    place,
    shown,
)

_CACHED_LENGTH_MAX = 8
_CACHED_ATOMS_MAX = 100_000

_ATOM = r"""[^\s,;"()\[\]{}\\^#][^\s,;"()\[\]{}\\^]*+"""
_TOKEN = re.compile(
    rf"""{_ATOM}|[()\[\]{{}}^]|"(?:[^"\\]++|\\.)*+"|;[^\n]*+"""
    r"""|\#(?:_|\{|"(?:[^"\\]++|\\.)*+"|\#?[^\s,;"()\[\]{}\\^#_][^\s,;"()\[\]{}\\^]*+)"""
    r"""|\\(?:[A-Za-z0-9]++|.)|[^\s,]""",
    re.DOTALL,
)
_STRING_END = re.compile(r'(?:[^"\\]++|\\.)*+"', re.DOTALL)
_LINE_LONG = 1 << 20
_PLAIN = r"""[^\s,;"()\[\]{}\\^#]++"""
_IN_FLAT = r"""[^\[\]{}();"\\^#]++"""
_IN_FLAT_VECTOR = rf"""(?:{_IN_FLAT}|"[^"\\]*+")"""
_FLAT_VECTOR = (
    rf"\[(?:{_IN_FLAT_VECTOR}|\[(?:{_IN_FLAT_VECTOR}|\[(?:{_IN_FLAT_VECTOR})*+\])*+\])*+\]"
)
_VALUE = rf"""({_PLAIN}|"[^"\\]*+"|{_FLAT_VECTOR}|\{{(?:{_IN_FLAT})?\}})"""
_FLAT_PAIR = rf""":({_PLAIN})[\s,]++{_VALUE}"""
_SHAPES_MAX = 8
_FLAT_MAP = re.compile(
    rf"""[\s,]*+(?:\#[a-z]{_PLAIN})?\{{[\s,]*+(?:{_FLAT_PAIR}[\s,]*+)*+\}}[\s,]*+"""
)
_PAIRS = re.compile(_FLAT_PAIR)
_IN_VECTOR = re.compile(r"""[\[\]]|"[^"]*"|[^\s,\[\]"]+""")
_KEYWORD = re.compile(r":([^\s,\[\]]+)")
_INTEGER = re.compile(r"([+-]?\d+)N?")
_DECIMAL = re.compile(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)M?")
_RATIO = re.compile(r"([+-]?\d+)/(\d+)")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\"}
_CHARACTERS = {
    "newline": "\n", "space": " ", "tab": "\t", "return": "\r", "backspace": "\b",
    "formfeed": "\f",
}  # fmt: skip
_CONSTANTS = {"nil": None, "true": True, "false": False}
_SYMBOLIC = {"##Inf": float("inf"), "##-Inf": float("-inf"), "##NaN": float("nan")}
_CLOSER = {"[": "]", "(": ")", "{": "}", "#{": "}"}
_DISCARD, _TAG = "#_", "#tag"


def read_edn(lines: Iterable[str], source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the operations as maps, each with the line it starts on.

    A map that stands flat on a line of its own, as most do, is taken apart by two regular
    expressions; everything else goes through the general reader.

    Raises:
        HistoryError: the text is no EDN, ends early, or holds anything but maps.
    """
    reader = _Reader(source, inside_first=True)
    shapes = _Shapes(reader.atoms)
    for number, line in enumerate(lines, 1):
        record = shapes.record(line) if reader.between else None
        if record is not None:
            yield number, record
            continue
        for start, form in reader.feed(line, number):
            if type(form) is not dict:
                raise HistoryError(
                    "this is not an operation",
                    where=place(source, start),
                    expected="a map with :process, :type and :f",
                    found=shown(form),
                    fix="Give Clew a history: one map per invocation and completion",
                )
            yield start, form
    reader.finish()


class _Shapes:
    """Reads flat maps, one on a line, by the shapes of earlier lines.

    A shape is a line without its values: the names in their order and what stands between. Most
    files have few, so that one match finds all values of a line. What can't be read so, or has a
    fault, is left to the general reader.
    """

    def __init__(self, atoms: _Atoms) -> None:
        self._atoms = atoms
        self._known: list[tuple[Callable[[str], re.Match[str] | None], tuple[str, ...]]] = []

    def record(self, line: str) -> dict[str, Any] | None:
        """Read the map of a line; None if it is not sure to be right."""
        # Invariant: the first shape is that of the line before, which the next one likely has.
        for rank, shape in enumerate(self._known):
            found = shape[0](line)
            if found is not None:
                if rank > 1:
                    self._known.insert(0, self._known.pop(rank))
                try:
                    values = map(self._atoms.__getitem__, found.groups())
                    return dict(zip(shape[1], values, strict=True))
                except ValueError:  # the general reader says what is wrong
                    return None
        return self._other(line)

    def _other(self, line: str) -> dict[str, Any] | None:
        """Read a map by itself, and learn its shape."""
        if not _FLAT_MAP.fullmatch(line):
            return None
        found = list(_PAIRS.finditer(line))
        names = tuple(each[1] for each in found)
        if not names or len(set(names)) < len(names):
            return None
        try:
            record = {each[1]: self._atoms[each[2]] for each in found}
        except ValueError:
            return None
        if len(self._known) < _SHAPES_MAX:
            ends = [0, *(each.end(2) for each in found)]
            starts = [*(each.start(2) for each in found), len(line)]
            between = [re.escape(line[start:end]) for start, end in zip(ends, starts, strict=True)]
            self._known.append((re.compile(_VALUE.join(between)).fullmatch, names))
        return record


def read_value(text: str, source: str, line: int) -> tuple[Any, str]:
    """Read the first value in a text; return it and the text after it.

    Raises:
        HistoryError: the text does not start with a whole value.
    """
    reader = _Reader(source, inside_first=False)
    reader.line = line
    for token in _TOKEN.finditer(text):
        reader.take(token[0])
        if reader.done:
            return reader.done[0][1], text[token.end() :]
    reader.finish()
    return None, ""


def _vector(text: str, atoms: _Atoms) -> Any:
    """Read a vector of atoms, vectors and strings without escapes; the text holds nothing else."""
    if '"' not in text:
        if "[" not in text[1:]:
            return [atoms[word] for word in text[1:-1].replace(",", " ").split()]
        if "null" not in text:
            with suppress(ValueError):
                return _as_json(text)
    whole: list[Any] = []
    inner, around = whole, []
    # Invariant: `inner` is the vector that is open, `around` those about it, the outermost first.
    # The text is one vector, so it ends as the first member of `whole`.
    for word in _IN_VECTOR.findall(text):
        if word == "[":
            around.append(inner)
            inner = []
        elif word == "]":
            full, inner = inner, around.pop()
            inner.append(full)
        else:
            inner.append(atoms[word])
    return whole[0]


def _as_json(text: str) -> Any:
    """Read vectors of keywords, numbers, nil, true and false, as Jepsen prints them: as JSON.

    Raises:
        ValueError: there is something else, or a blank is missing or too many.
    """
    for keyword, word in _MICRO:  # far quicker than a pattern, which seldom finds others
        text = text.replace(keyword, word)
    if ":" in text:
        text = _KEYWORD.sub(r'"\1"', text)
    text = text.replace("[nil", "[null").replace(" nil", " null")
    text = text.replace(", ", ",").replace(" ", ",")
    value, end = QUICK.raw_decode(text)
    if end != len(text):
        raise ValueError(text)
    return value


_MICRO = [(f"[:{word} ", f'["{word}",') for word in MICRO_OPERATIONS]


def _plain_map(text: str, atoms: _Atoms) -> Any:
    """Read a map of atoms.

    Raises:
        ValueError: a key without a value, or twice; the general reader reports it with the place.
    """
    words = text[1:-1].replace(",", " ").split()
    members = {atoms[words[at]]: atoms[words[at + 1]] for at in range(0, len(words) - 1, 2)}
    if len(members) * 2 != len(words):
        raise ValueError(text)
    return members


class _Atoms(dict[str, Any]):
    """The values of a flat map by their text; equal short atoms share their memory."""

    def __missing__(self, text: str) -> Any:
        if text.isdecimal():
            if len(text) > _CACHED_LENGTH_MAX // 2:  # times, indices and the like, each once
                return int(text)
            value: Any = int(text)
        elif text[0] == "[":
            return _vector(text, self)
        elif text[0] == '"':
            return text[1:-1]
        elif text[0] == "{":
            return _plain_map(text, self)
        else:
            value = _atom(text)
        if len(text) <= _CACHED_LENGTH_MAX or text[0] == ":":
            if len(self) >= _CACHED_ATOMS_MAX:
                self.clear()
            self[text] = value
        return value


def _atom(text: str) -> Any:
    if text[0] == ":":
        return text[1:]
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0].isdigit() or text[0] in "+-":
        if found := _INTEGER.fullmatch(text):
            return int(found[1])
        if found := _DECIMAL.fullmatch(text):
            number = float(found[1])
            if isinf(number):
                raise ValueError(f"{text}, too large for a number")
            return number
        if (found := _RATIO.fullmatch(text)) and int(found[2]):
            return int(found[1]) / int(found[2])
    return text


def _string(text: str) -> str:
    body = text[1:-1]
    return _ESCAPE.sub(_unescape, body) if "\\" in body else body


def _unescape(found: re.Match[str]) -> str:
    code = found[1]
    if len(code) == len("u0000") and code[0] == "u":
        return chr(int(code[1:], 16))
    if code[0] in "01234567":
        return chr(int(code, 8))
    return _ESCAPES.get(code, code)


def _character(text: str) -> str:
    name = text[1:]
    if len(name) == len("u0000") and name[0] == "u":
        return chr(int(name[1:], 16))
    return _CHARACTERS.get(name, name)


class _Frame:
    """A collection, tag or discard that is still open."""

    __slots__ = ("items", "kind", "line")

    def __init__(self, kind: str, line: int) -> None:
        self.kind = kind
        self.line = line
        self.items: list[Any] = []


class _Reader:
    """Reads forms from lines; a form may span many.

    Args:
        source: the file, for messages.
        inside_first: hand on the elements of an outermost vector or list one by one.
    """

    def __init__(self, source: str, *, inside_first: bool) -> None:
        self.source = source
        self.inside_first = inside_first
        self.line = 0
        self.atoms = _Atoms()
        self.stack: list[_Frame] = []
        self.done: list[tuple[int, Any]] = []
        self.unread: list[str] = []  # lines of a string that has not ended
        self.between = True  # no form is open, other than an outermost vector or list

    def feed(self, line: str, number: int) -> list[tuple[int, Any]]:
        """Return the forms that end on this line, each with the line it starts on."""
        self.line = number
        if self.unread:
            self.unread.append(line)
            if not _STRING_END.match(line):
                return []
            line = "".join(self.unread)
            self.unread = []
        for word in _words(line):
            if word == '"':
                self.unread = [line[_open_quote(line) :]]
                break
            self.take(word)
        open_forms = self.stack[1:] if self._in_outermost() else self.stack
        self.between = not open_forms and not self.unread
        done, self.done = self.done, []
        return done

    def take(self, word: str) -> None:
        """Read one word."""
        kind = self._KINDS.get(word[0])
        if kind is None:
            try:
                value = self.atoms[word]
            except ValueError as error:
                self.fail("a number can't be read", "a smaller number", number_said(error))
            self._value(value, self.line)
        else:
            kind(self, word)

    def finish(self) -> None:
        """Check that nothing is open at the end of the text."""
        if self.unread:
            self.fail("the file ends inside a string", 'its closing "', "the end of the file")
        if self.stack:
            frame = self.stack[-1]
            closer = _CLOSER.get(frame.kind, "the value it belongs to")
            found = "the end of the file"
            self.fail(f"the {frame.kind} of line {frame.line} is not closed", closer, found)

    def fail(self, problem: str, expected: str, found: str) -> NoReturn:
        """Raise what is wrong with the line at hand."""
        raise HistoryError(
            problem,
            where=place(self.source, self.line),
            expected=expected,
            found=found,
            fix="Check that the file is whole and is EDN",
        )

    def _in_outermost(self) -> bool:
        return self.inside_first and bool(self.stack) and self.stack[0].kind in "[("

    def _value(self, value: Any, line: int) -> None:
        stack = self.stack
        # A value ends the tags and the discards that wait for it: through a tag it passes on, a
        # discard takes it away.
        while stack and stack[-1].kind in {_DISCARD, _TAG}:
            frame = stack.pop()
            line = frame.line
            if frame.kind == _DISCARD:
                return
        if not stack or (len(stack) == 1 and self._in_outermost()):
            self.done.append((line, value))
        else:
            stack[-1].items.append(value)

    def _open(self, word: str) -> None:
        if len(self.stack) - self._in_outermost() >= NESTING_MAX:
            raise nested_too_deeply(self.source, self.line)
        # A tag in front of the outermost collection goes, so that this collection is the stack's
        # first.
        if self.inside_first and word in "[(":
            while self.stack and self.stack[0].kind == _TAG:
                del self.stack[0]
        self.stack.append(_Frame(word, self.line))

    def _close(self, word: str) -> None:
        frame = self.stack.pop() if self.stack else None
        if frame is None or _CLOSER.get(frame.kind) != word:
            opened = "an open collection" if frame is None else f"the end of {frame.kind}"
            self.fail(f"{word} closes nothing", opened, word)
        if frame.kind == "{":
            self._value(self._map(frame.items), frame.line)
        # The outermost vector or list is no form itself: its elements have been handed on.
        elif self.stack or not self.inside_first or frame.kind == "#{":
            self._value(frame.items, frame.line)

    def _map(self, items: list[Any]) -> dict[Any, Any]:
        if len(items) % 2:
            self.fail("a map has a key without a value", "keys and values in pairs", "an odd one")
        try:
            members = {_key(items[at]): items[at + 1] for at in range(0, len(items), 2)}
        except TypeError:
            self.fail("a map is the key of a map", "a key that is no map", "a map")
        if len(members) * 2 != len(items):
            self.fail("a key appears twice in one map", "each key once", shown(items[::2]))
        return members

    def _string(self, word: str) -> None:
        self._value(_string(word), self.line)

    def _character(self, word: str) -> None:
        self._value(_character(word), self.line)

    def _comment(self, word: str) -> None:
        """Read nothing from a comment."""

    def _skip_next(self, word: str) -> None:  # noqa: ARG002 - the table's signature
        self.stack.append(_Frame(_DISCARD, self.line))

    def _dispatch(self, word: str) -> None:
        if word == "#{":
            self._open(word)
        elif word == "#_":
            self._skip_next(word)
        elif word in _SYMBOLIC:
            self._value(_SYMBOLIC[word], self.line)
        elif word.startswith('#"'):
            self._value(word[2:-1], self.line)
        elif len(word) > 1:
            self.stack.append(_Frame(_TAG, self.line))
        else:
            self.fail("# stands alone", "a tag, a set or #_", word)

    _KINDS: ClassVar[dict[str, Callable[[_Reader, str], None]]] = {
        "[": _open, "(": _open, "{": _open,
        "]": _close, ")": _close, "}": _close,
        '"': _string, "\\": _character, ";": _comment, "^": _skip_next, "#": _dispatch,
    }  # fmt: skip


def _words(line: str) -> Iterable[str]:
    """Split a line into words; a long one, which may be no EDN at all, one by one."""
    if len(line) < _LINE_LONG:
        return _TOKEN.findall(line)
    return (word[0] for word in _TOKEN.finditer(line))


def _open_quote(line: str) -> int:
    """Find where the string starts that does not end on its line."""
    return next(word.start() for word in _TOKEN.finditer(line) if word[0] == '"')


def _key(value: Any) -> Any:
    """Make a value the key of a mapping: a vector becomes a tuple."""
    return tuple(_key(item) for item in value) if type(value) is list else value
