"""Raft: a replicated key-value store over one log.

Begin with `clew.models.raft.election`; `clew.models.raft.consensus` goes on with what a leader
does, `clew.models.raft.server` with what clients see of it. `clew.models.raft.bugs` overrides a
method or two for each classic mistake.
"""

from clew.models.raft.bugs import BUGS
from clew.models.raft.server import Raft

__all__ = ["BUGS", "Raft"]
