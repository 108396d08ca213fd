"""The models that ship, as one table; a model's file, with its planted bugs, loads when needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

from clew.node.node import Node


class ModelEntry(NamedTuple):
    """A model that ships.

    Attributes:
        module: where it lives, and its planted bugs, as ``BUGS``.
        node_class: the name of its class there.
        workload: what ``clew test`` runs it against.
        summary: one line for ``clew list models``.
        subject: what the descriptions of its shipped scenarios begin with.
        nature: which families of scenarios it has, see `clew.scenarios.suites.families`.
        rate: operations per second that its shipped scenarios ask for.
        node_count: the nodes of its shipped scenarios.
    """

    module: str
    node_class: str
    workload: str
    summary: str
    subject: str
    nature: str = "replicated"
    rate: int = 10
    node_count: int = 3

    def load(self) -> type[Node]:
        """Import the model's module and return the class."""
        node_class: type[Node] = getattr(import_module(self.module), self.node_class)
        return node_class


class Bug(NamedTuple):
    """A planted bug: a small override of a model.

    Attributes:
        node_class: the model's class with the bug in it.
        summary: what is wrong, in one line.
        source: where the mistake is described, or who has made it.
        scenario: what it takes to show: options of a scenario that hold if the user names none.
        shows: the kinds of failure, any of which shows it, parted by commas.
        runs: how many seeds show it for sure.
    """

    node_class: type[Node]
    summary: str
    source: str
    scenario: Mapping[str, Any]
    shows: str
    runs: int


MODELS: dict[str, ModelEntry] = {
    "echo": ModelEntry(
        "clew.models.echo", "Echo", "echo", "says back what it is told", "Echo", "stateless",
    ),
    "unique-ids": ModelEntry(
        "clew.models.unique_ids", "UniqueIds", "unique-ids",
        "ids from the clock, the node and a count; safe when the clock jumps",
        "Unique ids", "alone", rate=50,
    ),
    "gossip": ModelEntry(
        "clew.models.gossip", "Gossip", "broadcast",
        "broadcast that retries until every neighbour has each value",
        "Broadcast by gossip", node_count=5,
    ),
    "g-set": ModelEntry(
        "clew.models.crdt", "GSet", "g-set", "a grow-only set CRDT",
        "A grow-only set", "merged", node_count=5,
    ),
    "g-counter": ModelEntry(
        "clew.models.crdt", "GCounter", "g-counter", "a grow-only counter CRDT",
        "A grow-only counter", "merged",
    ),
    "pn-counter": ModelEntry(
        "clew.models.crdt", "PNCounter", "pn-counter", "a counter CRDT that goes up and down",
        "A counter that goes up and down", "merged",
    ),
    "abd": ModelEntry(
        "clew.models.abd", "ABD", "lin-kv",
        "a multi-writer quorum register store with write-back on reads",
        "ABD's registers", rate=20,
    ),
    "raft": ModelEntry(
        "clew.models.raft", "Raft", "lin-kv",
        "a replicated key-value store over Raft, with snapshots and client sessions",
        "Raft's key-value store", rate=20, node_count=5,
    ),
}  # fmt: skip


def bugs_of(model: str) -> dict[str, Bug]:
    """Return a model's planted bugs by name, in the order they are listed; empty for none.

    They are those of its module's ``BUGS`` that change the model's own class: one file may hold
    several models.
    """
    if model not in MODELS:
        return {}
    entry = MODELS[model]
    bugs: dict[str, Bug] = getattr(import_module(entry.module), "BUGS", {})
    node_class = entry.load()
    return {name: bug for name, bug in bugs.items() if issubclass(bug.node_class, node_class)}
