"""Lost messages, summed up: what was lost between two other steps of a story, and why."""

from __future__ import annotations

from collections.abc import Iterator

from clew.report import layout
from clew.trace import words

SHOWN = 4

AT_ONCE_NS = 5_000_000
"""What is lost within this time is reported with one time."""

_WHY = {"partition": "to the cut", "down": "because the receiver is down"}


class Losses:
    """Collects lost messages; of one reason, sender, receiver and type only the first counts."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str, str, str]] = set()
        self._new: dict[str, dict[tuple[str, str], list[str]]] = {}
        self._span: dict[str, tuple[int, int]] = {}

    def add(self, time_ns: int, why: str, src: str, dest: str, kind: str) -> None:
        """Note that a message of a type is lost."""
        key = (why, src, dest, kind)
        if key not in self._known:
            self._known.add(key)
            self._span[why] = self._span.get(why, (time_ns, 0))[0], time_ns
            self._new.setdefault(why, {}).setdefault((kind, src), []).append(dest)

    def told(self) -> Iterator[tuple[int, str]]:
        """Say when and what was lost, for each reason since this was last asked."""
        for why, lost in self._new.items():
            shown = [
                f"{kind} from {src} to {layout.listed(dests)}"
                for (kind, src), dests in list(lost.items())[:SHOWN]
            ]
            more = f"; and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
            reason = _WHY.get(why, f"to the fault {why}")
            since_ns, until_ns = self._span[why]
            last = f" (until {words.time(until_ns)})" if until_ns - since_ns > AT_ONCE_NS else ""
            yield since_ns, f"Lost {reason}: {'; '.join(shown)}{more}{last}."
        self._new.clear()
        self._span.clear()
