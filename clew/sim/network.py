"""The network: one link for each ordered pair of endpoints, each with its own stream of draws.

A message on a link takes the link's latency, drawn once per message from the link's stream, so that
the draw is keyed by the link and the message's rank on it. Messages are independent of each other:
a later one may overtake an earlier one. Faults cut links or attach disturbances to them; a link
without either is the fast path.

If links have a bandwidth, a message is sent as store and forward does it: it waits until those
before it on its link have left, and takes its length over the bandwidth to leave; then its latency
begins. Its length is that of its body in compact JSON. What a fault loses has left its sender too.

What a receiver gets is never shared with the sender. A message to a process that has crashed
since is lost, as data on a reset connection is; what a crashed process had sent still arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Protocol, TypeAlias, cast

from clew.machine.text import json_text
from clew.node.message import Message, thawed
from clew.node.timer import NS_PER_SECOND
from clew.sim.entropy import Entropy
from clew.sim.entry import MESSAGE, Happen, QueueEntry
from clew.sim.latency import Latency
from clew.sim.regions import Regions, way
from clew.sim.world import World
from clew.trace.record import BATCH, Trace

Emit: TypeAlias = Callable[[dict[str, Any], bool], None]
"""Sends a frozen body along a link; the second argument says whether it is flat."""


class Receiver(Protocol):
    """The process that receives an endpoint's messages."""

    paused: bool

    def receive(self, message: Message) -> None:
        """Take a message; the receiver owns it."""

    def hold(self, callback: Callable[[Any], None], argument: Any) -> None:
        """Keep a callback until the pause ends."""


Packet: TypeAlias = tuple[int, dict[str, Any], bool, Receiver | None]
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

    def change(self, link: Link, delays: list[int], packet: Packet) -> list[int]:
        """Return the delays, ns, of the copies that are sent on: none for a lost message.

        Called for every message sent on the link, with no delays if it is lost already.
        """


TAKEN: list[int] = []
"""The delays of a message that a fault sends on by itself: it is not lost."""


class Link:
    """One direction between two endpoints.

    Attributes:
        src: the sender's endpoint.
        dest: the receiver's endpoint.
        cut: how many faults cut it now.
        lost: how many messages a cut lost that would have found their receiver.
        bandwidth: how many bytes per second it carries; 0 for any number.
        free_ns: when all that was sent will have left; 0 without a bandwidth.
        disturbances: what faults do to its messages, in the order they began.
        disturbed: True if a message must take the slow path.
        moved: True if its latency is no longer that which it began with.
        ends: the ids of both.
        number: its rank among the links, which is its name in the trace.
        emit: sends a frozen body along it.
        arrive: takes a message's queue entry at the far end: delivers, holds or drops it.
        arrive_told: the same if the record of the send did not give the time of arrival.
    """

    __slots__ = (
        "arrive", "arrive_told", "bandwidth", "bits", "cut", "dest", "disturbances", "disturbed",
        "emit", "ends", "free_ns", "lost", "low_ns", "moved", "number", "shape", "span_ns", "src",
    )  # fmt: skip

    def __init__(self, network: Network, number: int, src: Endpoint, dest: Endpoint) -> None:
        self.number = number
        self.src = src
        self.dest = dest
        self.ends = src.id, dest.id
        self.bits = network.entropy.bits("link", src.id, dest.id)
        self.low_ns, self.span_ns, self.shape = network.latency_of(*self.ends).parameters()
        self.cut = 0
        self.lost = 0
        self.bandwidth = network.bandwidth
        self.free_ns = 0
        self.moved = False
        self.disturbances: list[Disturbance] = []
        self.refresh()
        self.arrive_told = _arriver(network, self, foretold=False)
        punctual = network.world.order.punctual
        self.arrive = _arriver(network, self, foretold=True) if punctual else self.arrive_told
        self.emit = _emitter(network, self)

    def refresh(self) -> None:
        """Decide anew whether messages must take the slow path."""
        slow = self.shape is not None or self.bandwidth or self.moved
        self.disturbed = bool(self.cut or self.disturbances or slow)

    def transmission(self, now_ns: int, body: dict[str, Any]) -> int:
        """Return how long a message sent now takes to leave, ns; 0 without a bandwidth.

        Called for every message in turn.
        """
        if not self.bandwidth:
            return 0
        length = len(json_text(body, compact=True))
        # Store and forward: it begins to leave when all before it have left. The floor of a
        # negative is the ceiling: what takes part of a nanosecond takes a whole one.
        self.free_ns = max(self.free_ns, now_ns) - (-length * NS_PER_SECOND // self.bandwidth)
        return self.free_ns - now_ns

    def move(self, latency: Latency) -> None:
        """Give it another latency from now on, which is drawn on the slow path."""
        self.low_ns, self.span_ns, self.shape = latency.parameters()
        self.moved = True
        self.refresh()

    def delay(self) -> int:
        """Return the next message's latency, ns."""
        if self.shape is None:
            return self.low_ns + (self.bits(32) * self.span_ns >> 32)
        return self.shape(self.bits(32))


def _emitter(network: Network, link: Link) -> Emit:
    """Make the function that sends along a link: a closure, because it runs once per message.

    All it needs is in cells; a method would fetch most of it through three objects.
    """
    batch, world = network.batch, network.world
    push, next_number = world.push, network.next_number
    dest, arrive, bits = link.dest, link.arrive, link.bits
    rank, low_ns, span_ns, message = link.number, link.low_ns, link.span_ns, MESSAGE

    def emit(body: dict[str, Any], flat: bool) -> None:  # noqa: FBT001
        number, now = next_number(), world.now
        if link.disturbed:
            batch.append((now, 0, number, rank, body))
            network.emit_disturbed(link, (number, body, flat, dest.process))
            return
        time = now + low_ns + (bits(32) * span_ns >> 32)
        batch.append((now, time, number, rank, body))
        push((time, message, number, arrive, body, flat, dest.process))

    return emit


def _arriver(network: Network, link: Link, *, foretold: bool) -> Happen:
    """Make the function for a message that reaches a link's far end; a closure like `_emitter`."""
    batch, world, flush = network.batch, network.world, network.trace.flush
    src, dest, dest_end = link.src.id, link.dest.id, link.dest
    new = object.__new__

    def arrive(entry: QueueEntry) -> None:
        _, _, number, _, body, flat, process = entry
        if link.cut or process is not dest_end.process or process is None:
            network.drop(number, "partition" if link.cut else "down")
            link.lost += process is not None and process is dest_end.process
            return
        if process.paused:
            process.hold(link.arrive_told, entry)
            return
        batch.append(number if foretold else (world.now, "deliver", number))
        if len(batch) >= BATCH:
            flush()
        message = new(Message)  # without its __init__, which costs a frame
        message.src = src
        message.dest = dest
        message.body = body.copy() if flat else thawed(body)
        process.receive(message)

    happen = cast("Happen", arrive)
    happen.link = link
    return happen


def _late_arriver(network: Network, link: Link, came: Callable[[], None]) -> Happen:
    """Make the function for a message that comes late; see `Network.emit_late`."""

    def arrive(entry: QueueEntry) -> None:
        _, _, number, _, body, flat, _ = entry
        process = link.dest.process
        if process is None:
            network.drop(number, "down")
            return
        if process.paused:
            process.hold(happen, entry)
            return
        came()
        network.trace.add(network.world.now, "deliver", number)
        message = Message(link.src.id, link.dest.id, body.copy() if flat else thawed(body))
        process.receive(message)

    happen = cast("Happen", arrive)
    happen.link = link
    return happen


class Network:
    """All links of a run.

    Args:
        world: the clock and queue.
        entropy: the run's seed.
        trace: where sends, deliveries and drops go.
        latency: how long messages take.
        find: gives the endpoint of a name, or None if there is none.
        regions: where the nodes stand; None for one place.

    Attributes:
        places: the region of each node and client, by its name; of what is in none, as a service,
            a message takes as long as within one.
        bandwidth: how many bytes per second each link carries; 0 for any number.
        next_number: numbers the messages, from 1; a copy has a number of its own.
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
        regions: Regions | None = None,
    ) -> None:
        self.world = world
        self.entropy = entropy
        self.trace = trace
        self.batch = trace.batch
        self.latency = latency
        self.regions = regions
        self.places = {} if regions is None else regions.places()
        self.bandwidth = 0
        self._find = find
        self._links: dict[tuple[str, str], Link] = {}
        self._numbers = count(1)
        self.next_number: Callable[[], int] = self._numbers.__next__
        self.dropped: dict[str, int] = {}
        self.duplicated = 0

    @property
    def messages(self) -> int:
        """How many messages were sent."""
        # A counter in C shows its value only in its repr: "count(8)".
        return int(repr(self._numbers)[6:-1]) - 1 - self.duplicated

    def latency_of(self, src: str, dest: str) -> Latency:
        """Return how long messages from one endpoint to another take."""
        here, there = self.places.get(src), self.places.get(dest)
        if self.regions is None or here is None or there is None or here == there:
            return self.latency
        return self.regions.latency[way(here, there)]

    def link(self, src: Endpoint, dest_id: str) -> Link | None:
        """Return the link to a named endpoint; None if nobody has that name."""
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
        """Return all links that exist, in the order they were first used."""
        return list(self._links.values())

    def emit_disturbed(self, link: Link, packet: Packet) -> None:
        """Send a message along a link that faults cut or disturb, or whose latency has a tail."""
        # Every disturbance draws for every message, also for one that is lost already: ending
        # one fault must not shift the draws of the others.
        delay, why = link.delay(), "partition"
        delay += link.transmission(self.world.now, packet[1])
        delays = [] if link.cut else [delay]
        link.lost += bool(link.cut) and packet[3] is not None
        # Invariant: `why` is the first fault that left nothing of the message; one that is lost
        # stays lost, whoever else looks at it.
        for disturbance in link.disturbances:
            before, delays = delays, disturbance.change(link, delays, packet)
            if before and not delays:
                why = disturbance.kind
        if not delays:
            if delays is not TAKEN:
                self.drop(packet[0], why)
            return
        number, *rest = packet
        # The first copy keeps the message's number; each further one is a message of its own.
        for rank, each in enumerate(delays):
            if rank:
                number = self.copied(packet[0])
            time = self.world.now + each
            self.world.push((time, MESSAGE, number, link.arrive_told, *rest))

    def copied(self, number: int) -> int:
        """Record a copy of a message; return the copy's number."""
        self.duplicated += 1
        copy = self.next_number()
        self.trace.add(self.world.now, "duplicate", number, copy)
        return copy

    def emit_late(
        self, link: Link, packet: Packet, delay_ns: int, came: Callable[[], None]
    ) -> None:
        """Send a message as an old network would: to whichever process runs there by then.

        Cuts and restarts until then do not keep it from coming.

        Args:
            link: which it was sent on.
            packet: it.
            delay_ns: when it comes, from now.
            came: called when a process gets it.
        """
        arrive = _late_arriver(self, link, came)
        self.world.push((self.world.now + delay_ns, MESSAGE, packet[0], arrive, *packet[1:]))

    def drop(self, number: int, why: str) -> None:
        """Lose a message, and record why."""
        self.dropped[why] = self.dropped.get(why, 0) + 1
        self.trace.add(self.world.now, "drop", number, why)
