"""What all hosts of one run share: the world, its draws, the network, the trace, the findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from clew.node.message import Message
from clew.sim.entropy import Entropy
from clew.sim.findings import Findings
from clew.sim.network import Network
from clew.sim.observer import Observer
from clew.sim.world import World
from clew.trace.record import Trace


@dataclass(eq=False, slots=True)
class Setting:
    """The parts of a run that its hosts and their processes share.

    Attributes:
        node_ids: the names of the members, in the order in which they came.
        roles: the nodes of each role of a system; empty for nodes of one class.
        names: of all nodes there ever were, and of the services: a node may send to them.
        clock_error_ns: how far a node's clock may be off; None for no bound.
        effects: rank of the first effect mark of a request, by (client, msg_id).
        talked: True once a node has sent something to another.
        askers: who made each request of a process, in order; the first is number 1.
        unanswered: requests whose reply may still come though nobody waits for it: they timed out,
            or their process has ended.
    """

    world: World
    entropy: Entropy
    trace: Trace
    network: Network
    findings: Findings
    observer: Observer
    node_ids: Sequence[str]
    names: list[str]
    roles: Mapping[str, Sequence[str]]
    clock_error_ns: int | None = None
    effects: dict[tuple[str, int], int] = field(default_factory=dict)
    talked: bool = False
    askers: list[str] = field(default_factory=list)
    unanswered: set[int] = field(default_factory=set)
    _sync_bits: dict[str, Callable[[int], int]] = field(default_factory=dict)

    def next_request_id(self, name: str) -> int:
        """Return a number for a process's request that no other request has."""
        self.askers.append(name)
        return len(self.askers)

    def stray(self, name: str, message: Message) -> None:
        """Report a reply to a process that does not wait for it and has no handler for it.

        A reply that is late, or that the network copied, is nobody's fault.
        """
        number = message.body["in_reply_to"]
        asked = type(number) is int and 0 < number <= len(self.askers)
        if not asked or self.askers[number - 1] != name:
            self.findings.stray(name, message, number)
        elif number in self.unanswered:
            self.unanswered.remove(number)
        elif not self.network.duplicated:
            self.findings.answered_again(message)

    def sync_bits(self, name: str) -> Callable[[int], int]:
        """Return the stream of the durations of a host's syncs."""
        if name not in self._sync_bits:
            self._sync_bits[name] = self.entropy.bits("sync", name)
        return self._sync_bits[name]

    def took_effect(self, node: str, message: Message) -> None:
        """Record a node's mark where a request takes effect; the first mark counts."""
        msg_id = message.body.get("msg_id")
        if type(msg_id) is int:
            self.effects.setdefault((message.src, msg_id), len(self.effects))
            self.trace.add(self.world.now, "effect", node, message.src, msg_id)
