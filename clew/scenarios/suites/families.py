"""The scenarios that ship: families for many models, one for each planted bug, exercises.

A model's row says which families it has, its name in their descriptions, and how large and how busy
its cluster is; a planted bug's row says what shows it. Nothing else is written down for either. The
exercises of Gossip Glomers (fly.io/dist-sys) are listed one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from clew.models.registry import MODELS, Bug, ModelEntry, bugs_of


class Family(NamedTuple):
    """What the scenarios of a family have in common.

    Attributes:
        description: goes on after the model's subject.
        options: what differs from the model's cluster; None leaves an option out.
    """

    description: str
    options: Mapping[str, Any]


_DISTURBED: Mapping[str, Any] = {"nemesis": [], "nemesis_interval": 2}
_CRASHES = Family(
    "while nodes die and start again, and stop and go on",
    {**_DISTURBED, "nemesis": ["kill", "pause"]},
)
_DISKS = Family("while nodes die in the middle of a sync", {**_DISTURBED, "nemesis": ["disk"]})
_CORE = Family(
    "where only a quorum of the nodes heals and must go on",
    {"node_count": 5, **_DISTURBED, "nemesis": ["partition", "kill"], "liveness": "core"},
)
_PCT = Family(
    "where random priorities decide which message comes first",
    {**_DISTURBED, "nemesis": ["partition", "kill"], "schedule": "pct:3"},
)

_REPLICATED: Mapping[str, Family] = {
    "calm": Family(
        "on a healthy network: every operation succeeds", {"availability": "total", "runs": 3}
    ),
    "clocks": Family(
        "while clocks and timers run fast and slow", {**_DISTURBED, "nemesis": ["clock-drift"]}
    ),
    "core": _CORE,
    "crashes": _CRASHES,
    "disks": _DISKS,
    "messages": Family(
        "while messages between nodes are lost, doubled, late and out of order",
        {**_DISTURBED, "nemesis": ["loss", "duplicate", "delay", "reorder"]},
    ),
    "partitions": Family(
        "while nodes are cut off from each other in every shape",
        {**_DISTURBED, "nemesis": ["partition", "flap"]},
    ),
    "pct": _PCT,
    "swarm": Family(
        "under faults, latency and a number of nodes that each seed draws",
        {"node_count": None, "swarm": True},
    ),
}
_LONE: Mapping[str, Family] = {
    "calm": _REPLICATED["calm"],
    "core": Family(_CORE.description, {**_CORE.options, "nemesis": ["kill", "pause"]}),
    "crashes": _CRASHES,
    "pct": Family(_PCT.description, {**_PCT.options, "nemesis": ["kill"]}),
    "swarm": _REPLICATED["swarm"],
}

FAMILIES: Mapping[str, Mapping[str, Family]] = {
    # what a model's nodes do (`ModelEntry.nature`): the families that it has
    "replicated": _REPLICATED,
    "merged": {
        **_REPLICATED,
        # whole states are sent at intervals: order does not matter, and faults need time to matter
        "messages": Family(
            "while messages between nodes are lost, doubled and late",
            {
                "time_limit": 40,
                "nemesis": ["loss", "duplicate", "delay"],
                "nemesis_interval": 5,
            },
        ),
    },
    "alone": {
        **_LONE,
        "clocks": Family(
            "while clocks are off and jump back and ahead",
            {**_DISTURBED, "nemesis": ["clock-offset", "clock-jump", "clock-strobe"]},
        ),
        "disks": _DISKS,
    },
    "stateless": _LONE,
}

EXERCISES: Mapping[str, Mapping[str, Any]] = {
    "glomers-1-echo": {
        "description": "Gossip Glomers 1: a node that says back what it is told.",
        "model": "echo",
        "node_count": 1,
        "time_limit": 10,
        "availability": "total",
        "expect": "valid",
    },
    "glomers-2-unique-ids": {
        "description": "Gossip Glomers 2: ids that are unique, and given even in a partition.",
        "model": "unique-ids",
        "node_count": 3,
        "rate": 1000,
        "time_limit": 30,
        "availability": "total",
        "nemesis": ["partition"],
        "allow_inert": True,  # nodes give ids without messages to each other: no cut is noticed
        "expect": "valid",
    },
    "glomers-3a-single-node-broadcast": {
        "description": "Gossip Glomers 3a: one node keeps what it is told.",
        "model": "gossip",
        "node_count": 1,
        "rate": 10,
        "time_limit": 20,
        "expect": "valid",
    },
    "glomers-3b-multi-node-broadcast": {
        "description": "Gossip Glomers 3b: what one node is told reaches all.",
        "model": "gossip",
        "node_count": 5,
        "rate": 10,
        "time_limit": 20,
        "expect": "valid",
    },
    "glomers-3c-fault-tolerant-broadcast": {
        "description": "Gossip Glomers 3c: it reaches all once a partition has healed.",
        "model": "gossip",
        "node_count": 5,
        "rate": 10,
        "time_limit": 20,
        "nemesis": ["partition"],
        "expect": "valid",
    },
    "glomers-3d-efficient-broadcast": {
        "description": "Gossip Glomers 3d: with few messages among 25 nodes that are 100 ms apart.",
        "model": "gossip",
        "node_count": 25,
        "topology": "tree4",
        "rate": 100,
        "time_limit": 20,
        "latency": 100,
        "assert": ["servers.msgs_per_op < 30", "latency_ms.0.5 < 400", "latency_ms.1 < 600"],
        "expect": "valid",
    },
    "glomers-4-grow-only-counter": {
        "description": "Gossip Glomers 4: a counter whose replicas agree in the end.",
        "model": "g-counter",
        "node_count": 3,
        "rate": 100,
        "time_limit": 20,
        "nemesis": ["partition"],
        "expect": "valid",
    },
}


def shipped() -> Mapping[str, Mapping[str, Any]]:
    """Return the options of the scenarios that ship, by name, in the order of their names."""
    found: dict[str, Mapping[str, Any]] = dict(EXERCISES)
    for model, entry in MODELS.items():
        for name, family in FAMILIES[entry.nature].items():
            found[f"{model}-{name}"] = _of_family(model, entry, family)
        for name, bug in bugs_of(model).items():
            found[f"{model}-bug-{name}"] = _of_bug(model, name, bug)
    return MappingProxyType({name: found[name] for name in sorted(found)})


def _of_family(model: str, entry: ModelEntry, family: Family) -> dict[str, Any]:
    options = {
        "description": f"{entry.subject} {family.description}.",
        "model": model,
        "node_count": entry.node_count,
        "rate": entry.rate,
        "time_limit": 10,
        **family.options,
    }
    runs = options.pop("runs", 10)
    kept = {option: value for option, value in options.items() if value is not None}
    return {**kept, "expect": "valid", "runs": runs}


def _of_bug(model: str, name: str, bug: Bug) -> dict[str, Any]:
    return {
        "description": f"Known to be wrong: {bug.summary}.",
        "model": model,
        "bug": name,
        "on_finding": "stop",
        "expect": f"invalid:{bug.shows}",
        "runs": bug.runs,
    }
