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

from typing import Any

from clew.history import Event, History


def invoked_at_once(history: History) -> History:
    """Put an invocation for each completion before all of them; O(n).

    The history itself if some client's operation has its invocation, or no client is there.
    """
    events = history.events
    completions = [at for at, event in enumerate(events) if type(event.process) is int]
    if not completions or any(events[at].type == "invoke" for at in completions):
        return history
    named = {at: events[at]._replace(process=rank) for rank, at in enumerate(completions)}
    asked = [each._replace(type="invoke", value=_asked(each), time=None) for each in named.values()]
    completed = [
        named[at]._replace(time=None) if at in named else event for at, event in enumerate(events)
    ]
    lines = history.lines
    return History(
        [*asked, *completed],
        source=history.source,
        lines=None if lines is None else [*(lines[at] for at in completions), *lines],
        format=history.format,
        timeless=True,
    )


def _asked(event: Event) -> Any:
    """Return what an operation may have asked for: without what it read."""
    if event.f == "read":
        return None
    if event.f == "txn" and isinstance(event.value, list):
        return [_request(part) for part in event.value]
    return event.value


def _request(part: Any) -> Any:
    return [*part[:2], None] if isinstance(part, list) and part[:1] == ["r"] else part
