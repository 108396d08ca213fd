"""Where each value of a TOML document begins: `tomllib` gives values without their places.

It reads only documents that `tomllib` has accepted, so it need not find mistakes. Source: the TOML
1.0 specification. Tables in square brackets and dotted keys are found as well, under their first
name.
"""

from __future__ import annotations

import re
from collections.abc import Collection

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r'''
    (?P<space>[ \t\r]+|\#[^\n]*)
  | (?P<text>"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')
  | (?P<mark>[\n\[\]{},=.])
  | (?P<word>[^\s\[\]{},=.\#"']+)
    ''',
    re.VERBOSE | re.DOTALL,
)

_HEAD = re.compile(r"\[+[^\]\n]*\]+")


def lines_of(text: str) -> dict[Path, int]:
    """Return the line, from 1, of each top-level key and of each element of an array under it.

    ``("nemesis",)`` is the place of the key, ``("nemesis", 1)`` that of its second element.
    Elements of nested arrays and keys of inline tables have no entry of their own.
    """
    found: dict[Path, int] = {}
    key, depth, count, expect = "", 0, 0, "key"
    line = 1
    for token in _TOKEN.finditer(text):
        mark = token["mark"]
        if expect == "key" and (token["text"] or token["word"]):
            key = token["word"] or token["text"].strip("\"'")
            found.setdefault((key,), line)
            expect = "value"
        elif expect != "key":
            if mark not in {"]", "}", ",", "\n"} and not token["space"] and depth == 1:
                found.setdefault((key, count), line)
            depth += (mark in {"[", "{"}) - (mark in {"]", "}"})
            if mark == "," and depth == 1:
                count += 1
            if mark == "\n" and depth <= 0:
                key, depth, count, expect = "", 0, 0, "key"
        line += token[0].count("\n")
    return found


def first_table(text: str, known: Collection[str] = ()) -> tuple[str, int] | None:
    """Return the first ``[table]`` or ``[[table]]`` and its line; None if there is none.

    Args:
        text: the document.
        known: the names of tables that are passed over.
    """
    line, begins, depth = 1, True, 0
    for token in _TOKEN.finditer(text):
        mark = token["mark"]
        if begins and mark == "[":
            head = _HEAD.match(text, token.start())
            if head is None or head[0].strip("[] \t\"'") not in known:
                return head[0] if head else "[", line
        if not token["space"]:
            begins = mark == "\n" and depth <= 0
        depth += (mark in {"[", "{"}) - (mark in {"]", "}"})
        line += token[0].count("\n")
    return None
