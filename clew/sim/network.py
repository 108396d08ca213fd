"""The network: one link for each ordered pair of endpoints, each with its own stream of draws.

A message on a link takes the link's latency, drawn once a message from the link's stream, so
that the draw is keyed by the link and the message's rank on it. Messages are independent of each
other: a later one may overtake an earlier one. Faults cut links or hang disturbances on them; a
link without either is the fast path.

What a receiver gets is never shared with the sender. A message to a process that has crashed
since is lost, as data on a reset connection is; what a crashed process had sent still arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from clew.sim.entropy import Entropy
from clew.sim.latency import Latency
from clew.sim.message import Message, thawed
from clew.sim.trace import BATCH, DELIVER, SEND, Trace
from clew.sim.world import World

if TYPE_CHECKING:
    from clew.sim.process import Receiver


Packet: TypeAlias = "tuple[int, dict[str, Any], bool, Receiver | None]"
"""A message under way: its number, its frozen body, whether the body is flat (holds no container),
and the process it was sent to."""


class Endpoint:
    """Where messages go: a node's host, a client or a service.

    Attributes:
        id: its name.
        process: what receives now; None while it is down.
        is_node: True for a member of the cluster, which faults may reach.
    """

    __slots__ = ("id", "is_node", "process")

    def __init__(self, name: str, *, is_node: bool) -> None:
        self.id = name
        self.is_node = is_node
        self.process: Receiver | None = None


class Disturbance(Protocol):
    """What a fault does to the messages of a link."""

    kind: str

    def change(self, link: Link, delays: list[int]) -> list[int]:
        """The delays, ns, of the copies that go on their way: none for a lost message.

        Called for every message sent on the link, with no delays where it is lost already.
        """


class Link:
    """One direction between two endpoints.

    Attributes:
        src: the sender's endpoint.
        dest: the receiver's endpoint.
        cut: how many faults cut it now.
        disturbances: what faults do to its messages, in the order they began.
        disturbed: True where a message must take the slow path.
        number: its rank among the links, by which the trace calls it.
    """

    __slots__ = (
        "_network", "bits", "cut", "dest", "disturbances", "disturbed", "low_ns", "number",
        "shape", "span_ns", "src",
    )  # fmt: skip

    def __init__(self, network: Network, number: int, src: Endpoint, dest: Endpoint) -> None:
        self._network = network
        self.number = number
        self.src = src
        self.dest = dest
        self.bits = network.entropy.bits("link", src.id, dest.id)
        self.low_ns, self.span_ns, self.shape = network.latency.parameters()
        self.cut = 0
        self.disturbances: list[Disturbance] = []
        self.disturbed = self.shape is not None

    def refresh(self) -> None:
        """Decide anew whether messages must take the slow path."""
        self.disturbed = bool(self.cut or self.disturbances or self.shape is not None)

    def delay(self) -> int:
        """The next message's latency, ns."""
        if self.shape is None:
            return self.low_ns + (self.bits(32) * self.span_ns >> 32)
        return self.shape(self.bits(32))

    def arrive(self, packet: Packet) -> None:
        """A message reaches the far end: deliver it, hold it or drop it."""
        number, body, flat, process = packet
        network = self._network
        if self.cut or process is not self.dest.process or process is None:
            network.drop(number, "partition" if self.cut else "down")
            return
        if process.paused:
            process.hold(self.arrive, packet)
            return
        batch = network.batch
        batch.append((network.world._now, DELIVER, number))  # noqa: SLF001
        if len(batch) >= BATCH:
            network.trace.flush()
        process.receive(Message(self.src.id, self.dest.id, body.copy() if flat else thawed(body)))


class Network:
    """All links of a run.

    Args:
        world: the clock and queue.
        entropy: the run's seed.
        trace: where sends, deliveries and drops go.
        latency: how long messages take.
        find: gives the endpoint of a name, or None where there is none.

    Attributes:
        messages: how many were sent.
        dropped: how many were dropped, by reason.
        duplicated: how many copies were made.
    """

    def __init__(
        self,
        world: World,
        entropy: Entropy,
        trace: Trace,
        latency: Latency,
        find: Callable[[str], Endpoint | None],
    ) -> None:
        self.world = world
        self.entropy = entropy
        self.trace = trace
        self.batch = trace.batch
        self.latency = latency
        self._find = find
        self._links: dict[tuple[str, str], Link] = {}
        self.messages = 0
        self.dropped: dict[str, int] = {}
        self.duplicated = 0

    def link(self, src: Endpoint, dest_id: str) -> Link | None:
        """The link to a named endpoint; None where nobody has that name."""
        key = (src.id, dest_id)
        found = self._links.get(key)
        if found is None:
            dest = self._find(dest_id)
            if dest is None:
                return None
            number = len(self._links)
            found = self._links[key] = Link(self, number, src, dest)
            self.trace.add(self.world.now, "link", number, src.id, dest.id)
        return found

    def links(self) -> list[Link]:
        """All links that exist, in the order they were first used."""
        return list(self._links.values())

    def emit(self, link: Link, body: dict[str, Any], flat: bool) -> None:  # noqa: FBT001 - hot
        """Send a frozen body along a link."""
        self.messages = number = self.messages + 1
        world = self.world
        now = world._now  # noqa: SLF001 - a property costs a frame, and this runs once a message
        self.batch.append((now, SEND, number, link.number, body))
        packet = (number, body, flat, link.dest.process)
        if link.disturbed:
            self._emit_disturbed(link, packet)
            return
        delay = link.low_ns + (link.bits(32) * link.span_ns >> 32)
        world.push((now + delay, 1, world.sequence(), link.arrive, packet))

    def _emit_disturbed(self, link: Link, packet: Packet) -> None:
        # Every disturbance draws for every message, also for one that is lost already: ending
        # one fault must not shift the draws of the others.
        delay, why = link.delay(), "partition"
        delays = [] if link.cut else [delay]
        for disturbance in link.disturbances:
            before, delays = delays, disturbance.change(link, delays)
            if before and not delays:
                why = disturbance.kind
        if not delays:
            self.drop(packet[0], why)
            return
        for _ in delays[1:]:
            self.duplicated += 1
            self.trace.add(self.world.now, "duplicate", packet[0])
        for each in delays:
            self.world.call_at(self.world.now + each, link.arrive, packet)

    def drop(self, number: int, why: str) -> None:
        """Lose a message, and say why."""
        self.dropped[why] = self.dropped.get(why, 0) + 1
        self.trace.add(self.world.now, "drop", number, why)
