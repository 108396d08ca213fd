"""Histories of completions alone: what happened, and nothing of when.

    {:type :ok, :value [[:append :x 1] [:r :y [1]]]}

So the example in Elle's README is written. When an operation began is not known, and so neither
which came before which. Each is read as the only one of a client of its own, all of them at once:
no order of real time or of a session is made up. `History.timeless` says so, and a model that
needs such an order refuses the history.

Left out: histories in which only some operations lack their invocation. They are refused: those
are files that were cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.formats.record import UNNAMED
from clew.history import Event


def invoked_at_once(
    events: Sequence[Event], lines: Sequence[int]
) -> tuple[list[Event], list[int]] | None:
    """The events and lines with an invocation for each completion, before all of them; O(n).

    None where some client's operation has its invocation, or there is no completion of a client.
    """
    completions = [at for at, event in enumerate(events) if _is_of_a_client(event)]
    if not completions or any(events[at].type == "invoke" for at in completions):
        return None
    named = {at: events[at]._replace(process=rank) for rank, at in enumerate(completions)}
    asked = [each._replace(type="invoke", value=_asked(each), time=None) for each in named.values()]
    completed = [
        named[at]._replace(time=None) if at in named else event for at, event in enumerate(events)
    ]
    return [*asked, *completed], [*(lines[at] for at in completions), *lines]


def _is_of_a_client(event: Event) -> bool:
    return type(event.process) is int or event.process == UNNAMED


def _asked(event: Event) -> Any:
    """What an operation may have asked for: without what it read."""
    if event.f == "read":
        return None
    if event.f == "txn" and isinstance(event.value, list):
        return [_request(part) for part in event.value]
    return event.value


def _request(part: Any) -> Any:
    return [*part[:2], None] if isinstance(part, list) and part[:1] == ["r"] else part
