"""Lost messages, told together: what was lost between two other steps of a story, and why."""

from __future__ import annotations

from collections.abc import Iterator

from clew.report import words

SHOWN = 4

_WHY = {"partition": "to the cut", "down": "because the receiver is down"}


class Losses:
    """Collects lost messages; of one loss, sender, receiver and type only the first is told."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str, str, str]] = set()
        self._new: dict[str, dict[tuple[str, str], list[str]]] = {}
        self._since: dict[str, int] = {}

    def add(self, time_ns: int, why: str, src: str, dest: str, kind: str) -> None:
        """A message of a type is lost."""
        key = (why, src, dest, kind)
        if key not in self._known:
            self._known.add(key)
            self._since.setdefault(why, time_ns)
            self._new.setdefault(why, {}).setdefault((kind, src), []).append(dest)

    def told(self) -> Iterator[tuple[int, str]]:
        """When and what, for each reason that there was since it was last told."""
        for why, lost in self._new.items():
            shown = [
                f"{kind} from {src} to {words.listed(dests)}"
                for (kind, src), dests in list(lost.items())[:SHOWN]
            ]
            more = f"; and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
            reason = _WHY.get(why, f"by the fault {why}")
            yield self._since[why], f"Lost {reason}: {'; '.join(shown)}{more}."
        self._new.clear()
        self._since.clear()
