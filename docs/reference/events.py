"""The page of the reference that describes a trace."""

# ruff: noqa: INP001 - part of a program, no package

from __future__ import annotations

from tables import code, table

from clew.trace.jsonl import EVERY, OF_A_MESSAGE
from clew.trace.kinds import KINDS, OF_MESSAGES


def trace() -> str:
    """The kinds of event, and what each of their fields means."""
    kinds = [(code(name), kind.meaning) for name, kind in KINDS.items()]
    fields = [
        (code(name), code(field), meaning)
        for name, kind in KINDS.items()
        for field, meaning in kind.fields.items()
    ]
    named = [code(name) for name in KINDS if name in {"send", *OF_MESSAGES}]
    of_messages = f"{', '.join(named[:-1])} or {named[-1]}"
    return f"""# The trace

Everything that happens in a run, in order, with its virtual time in nanoseconds. The digest that
identifies a run is the SHA-256 of these records.

{table(("kind", "meaning"), kinds)}

## The fields

{table(("kind", "field", "meaning"), fields)}

## The file

`clew test MODEL --trace FILE` and `clew replay REPRO --trace FILE` write the trace of a run: one
JSON object per line, one line per event, in order, in ASCII; packed with gzip if the name ends in
`.gz`. The same run gives the same bytes. A line holds these fields, followed by those of its kind:

{table(("field", "meaning"), [(code(name), meaning) for name, meaning in EVERY.items()])}

A line of {of_messages} also describes its message:

{table(("field", "meaning"), [(code(name), meaning) for name, meaning in OF_A_MESSAGE.items()])}
"""
