"""A web page around its data: one file, which loads nothing and runs nothing but its own script."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from clew.machine.text import html_text, script_json

PLAIN_MAX = 100_000
"""A longer text of data is compressed, which a browser unpacks itself."""

SCRIPTS: Mapping[str, tuple[str, ...]] = {
    "check": ("evidence", "parted", "check"),
    "sweep": ("pen", "evidence", "account", "parted", "seeds", "sweep"),
    "run": (
        "pen", "model", "picture", "overview", "evidence", "account", "panes", "figures", "page",
    ),
}  # fmt: skip
"""By kind of page, the parts of its script in the order in which they build on each other, after
those that all pages have."""

STYLES: Mapping[str, str] = {"check": "lists", "sweep": "lists", "run": "run"}
"""By kind of page, its style, after that which all pages have."""


def filled(kind: str, title: str, data: Mapping[str, Any], library: str = "") -> str:
    """Write a page, as HTML.

    Args:
        kind: a key of `SCRIPTS`, of which there is also a body.
        title: of the window.
        data: what its script shows.
        library: the script of others that it may run, of a page of a run; empty for none.
    """
    text = script_json(data)
    packed = ""
    if len(text) > PLAIN_MAX:
        packed, text = _packed(text), "null"
    script = "".join(_part(f"{name}.js") for name in ("parts", *SCRIPTS[kind]))
    script = f'\n"use strict";\n{script}'
    holes = {
        "TITLE": html_text(title),
        "STYLE": _part("page.css") + _part(f"{STYLES[kind]}.css"),
        "KIND": kind,
        "DATA": text,
        "PACKED": packed,
        "SCRIPT": script,
        "HASHES": " ".join(_hash(one) for one in (script, library) if one),
        "LIBRARY": _packed(library) if library else "",
    }
    shell = _part("page.html").replace("@BODY@", _part(f"{kind}.html"))
    # All at once: what fills one placeholder may look like another.
    return re.sub(f"@({'|'.join(holes)})@", lambda hole: holes[hole[1]], shell)


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _hash(script: str) -> str:
    """Name a script for a content policy, which lets no other run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _part(name: str) -> str:
    return files("clew.report.page").joinpath(name).read_text(encoding="utf-8")
