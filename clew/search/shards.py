"""The parts of a sweep that several machines run."""

from __future__ import annotations

from typing import NamedTuple


class Shard(NamedTuple):
    """One of several equal parts of a sweep; ``number`` counts from 1."""

    number: int = 1
    of: int = 1

    def holds(self, index: int) -> bool:
        """Return whether this part takes the seed, or the scenario, of this index."""
        return index % self.of == self.number - 1
