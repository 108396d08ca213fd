"""Histories written an event per line, and the linearizability checker over them."""

import json

from clew.checkers.linearizability import Linearizability
from clew.checkers.verdict import run_checker
from clew.history import Event, History

STALE = """
0 invoke write 1
0 ok write 1
1 invoke write 2
1 ok write 2
2 invoke read
2 ok read 1
"""


def told(text):
    """A history, an event per line: process, type, f, and the value as JSON."""
    events = []
    for line in text.strip().splitlines():
        process, kind, f, *value = line.split(maxsplit=3)
        events.append(Event(int(process), kind, f, json.loads(value[0]) if value else None))
    return History(events)


def check(specification, history, **options):
    return run_checker(Linearizability(specification, **options), history)
