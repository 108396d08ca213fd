"""The page of the reference that describes a trace."""

# ruff: noqa: INP001 - part of a program, no package

from __future__ import annotations

from tables import code, table

from clew.trace.kinds import KINDS


def trace() -> str:
    """The kinds of event, and what each field of theirs says."""
    kinds = [(code(name), kind.meaning) for name, kind in KINDS.items()]
    fields = [
        (code(name), code(field), meaning)
        for name, kind in KINDS.items()
        for field, meaning in kind.fields.items()
    ]
    return f"""# The trace

Everything that happens in a run, in order, with its virtual time in nanoseconds. The digest that
identifies a run is the SHA-256 of these records.

{table(("kind", "meaning"), kinds)}

## The fields

{table(("kind", "field", "meaning"), fields)}
"""
