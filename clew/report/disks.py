"""What a crash left on a node's disk, as a sentence of a story."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.node.disk import Aftermath
from clew.report import layout
from clew.trace import words

SHOWN = 4
"""At most this many names and writes are shown; of a longer list, the last ones."""

WIDTH = 40

_FATES = {
    "kept": "kept, though not synced:",
    "torn": "torn, because not synced, with only a part of it there:",
    "lost": "lost, because not synced:",
}


def told(node: str, after: Aftermath) -> str:
    """Say what is on a node's disk after a crash, and what became of what it had not synced."""
    held = [_entry(name, value) for name, value in after.left.items()]
    parts = [f"{node}'s disk holds {_some(held) if held else 'nothing'}"]
    fates: dict[str, list[str]] = {}
    for fate, name, value in after.fates():
        fates.setdefault(fate, []).append(_write(name, value))
    parts += [f"{how} {_some(fates[fate])}" for fate, how in _FATES.items() if fate in fates]
    return f"{'; '.join(parts)}."


def _some(texts: Sequence[str]) -> str:
    more = f"{len(texts) - SHOWN} more, and " if len(texts) > SHOWN else ""
    return more + ", ".join(texts[-SHOWN:])


def _entry(name: str, value: Any) -> str:
    """Name what is under a name, too."""
    if isinstance(value, bytes):
        return f"{_name(name)} ({layout.several(len(value), 'byte')})"
    return f"{_name(name)} = {words.value(value, WIDTH)}"


def _write(name: str, value: Any) -> str:
    """Say what a write put under a name."""
    if value is None:
        return f"the removal of {_name(name)}"
    if isinstance(value, bytes):
        return f"{layout.several(len(value), 'byte')} of {_name(name)}"
    return _entry(name, value)


def _name(name: str) -> str:
    return name if name.isprintable() and len(name) <= WIDTH else words.value(name, WIDTH)
