"""Checkers by name: rows of `clew.checkers.table`, and their names elsewhere.

``clew check --model NAME[:KEY=VALUE]`` makes a checker from a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from clew import plugins
from clew.checkers.entry import CheckerEntry
from clew.checkers.table import CHECKERS
from clew.errors import UsageError
from clew.machine.text import nearest

ALIASES: Mapping[str, str] = {
    other: entry.name for entry in CHECKERS.values() for other in entry.also.split()
}
"""Names that other tools and papers use -> the checker of `CHECKERS`."""


def parse_model(text: str) -> tuple[str, dict[str, str]]:
    """Split ``NAME[:KEY=VALUE[:KEY=VALUE...]]`` into the name and the options.

    Raises:
        UsageError: an option has no value, or stands twice.
    """
    name, *parts = text.split(":")
    options: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or not key or key in options:
            raise UsageError(
                "an option of the model is wrong",
                where=f"--model {text}",
                expected="NAME or NAME:KEY=VALUE, each key once",
                found=repr(part),
                fix=None if equals else _as_an_option(part),
            )
        options[key] = value
    return name, options


def find(name: str) -> CheckerEntry:
    """Return the row of this name, or of the name that it is an alias of.

    Raises:
        UsageError: there is none; the message names the nearest and all.
    """
    entry = CHECKERS.get(ALIASES.get(name, name))
    if entry is not None:
        return entry
    if name in plugins.installed(plugins.CHECKERS):
        return _installed(name)
    raise UsageError(
        "unknown checker",
        where=f"--model {name}",
        expected=", ".join(CHECKERS),
        found=repr(name),
        fix=_as_a_checker(name),
    )


def entries() -> Iterator[CheckerEntry]:
    """Yield every row, then those of the checkers that are installed."""
    yield from CHECKERS.values()
    yield from map(_installed, plugins.installed(plugins.CHECKERS))


def _installed(name: str) -> CheckerEntry:
    """Return an installed checker's row: its package's, or one for the class that it brings."""
    found = plugins.load(plugins.CHECKERS, name)
    if isinstance(found, CheckerEntry):
        return found
    summary = (found.__doc__ or "").strip().partition("\n")[0] or "what its package says"
    place = plugins.installed(plugins.CHECKERS)[name].value
    return CheckerEntry(name, summary, "not stated", "an installed package", place, kinds={})


def _as_a_checker(name: str) -> str:
    """Say what may be meant by a name that no checker has."""
    models = import_module(_CONSISTENCY_MODELS)
    near = nearest(name, [*CHECKERS, *ALIASES])
    model = models.known_model(name) or (None if near else models.nearest_model(name))
    if model is not None:
        advice: str = models.advice(model)
        return advice
    return f"The nearest is {near}" if near else "clew list checkers describes each"


def _as_an_option(part: str) -> str | None:
    """Say how to name a consistency model where an option is expected; None if it is none."""
    model = import_module(_CONSISTENCY_MODELS).known_model(part)
    return None if model is None else f"Say consistency-models={model}"


_CONSISTENCY_MODELS = "clew.checkers.transactions.consistency_models"
