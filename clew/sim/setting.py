"""What all hosts of one run share: the world, its draws, the network, the trace, the findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from clew.node.message import Message
from clew.sim.entropy import Entropy
from clew.sim.findings import Findings
from clew.sim.network import Network
from clew.sim.observer import Observer
from clew.sim.world import World
from clew.trace.record import Trace


@dataclass(eq=False, slots=True)
class Setting:
    """The parts of a run that its hosts and their processes use.

    Attributes:
        node_ids: the nodes' names, in order.
        names: these and the services', to which a node may send.
        clock_error_ns: how far a node's clock may be off; None for no bound.
        effects: rank of the first effect mark of a request, by (client, msg_id).
        talked: True once a node has sent something to another.
        next_request_id: numbers the requests of all processes, from 1.
    """

    world: World
    entropy: Entropy
    trace: Trace
    network: Network
    findings: Findings
    observer: Observer
    node_ids: Sequence[str]
    names: Sequence[str]
    clock_error_ns: int | None = None
    effects: dict[tuple[str, int], int] = field(default_factory=dict)
    talked: bool = False
    next_request_id: Callable[[], int] = field(default_factory=lambda: count(1).__next__)
    _sync_bits: dict[str, Callable[[int], int]] = field(default_factory=dict)

    def sync_bits(self, name: str) -> Callable[[int], int]:
        """The stream that says how long a host's syncs take."""
        if name not in self._sync_bits:
            self._sync_bits[name] = self.entropy.bits("sync", name)
        return self._sync_bits[name]

    def took_effect(self, node: str, message: Message) -> None:
        """A node marked where a request takes effect; the first mark counts."""
        msg_id = message.body.get("msg_id")
        if type(msg_id) is int:
            self.effects.setdefault((message.src, msg_id), len(self.effects))
            self.trace.add(self.world.now, "effect", node, message.src, msg_id)
