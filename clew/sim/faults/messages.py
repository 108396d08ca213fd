"""What happens to single messages between nodes: lost, copied, delayed, overtaken.

Each link draws from its own stream for each fault, once for every message sent on it while the
fault lasts, whatever other faults do to the message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from clew.sim.faults.fault import Fault
from clew.sim.faults.injection import (
    STRUCK_MAX,
    Form,
    Injection,
    Ledger,
    Need,
    Parameter,
    names,
    several,
)
from clew.sim.host import Host
from clew.sim.latency import exponential_ns, long_tailed_ns
from clew.sim.network import Link, Packet

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster

_THOUSAND = 1000
_LOW = (1 << 32) - 1

_HOUR_NS = 3_600_000_000_000


def rate(default: int, typical: tuple[int, int] = (20, 600)) -> Parameter:
    """Make the parameter for how many messages a fault strikes."""
    return Parameter(
        "per_thousand", "1/1000", default, "how many of a thousand messages it strikes",
        1, _THOUSAND, typical,
    )  # fmt: skip


class Tampering:
    """One fault on one link: a `Disturbance`.

    Attributes:
        sent: how many messages were sent on the link since the fault began, with the present one.
    """

    __slots__ = ("_bits", "_injection", "kind", "late", "link", "sent")

    def __init__(self, injection: MessageFault, link: Link) -> None:
        self._injection = injection
        self._bits: Callable[[int], int] | None = None
        self.link = link
        self.kind = injection.fault.kind
        self.late: list[int] = []
        self.sent = 0

    def change(self, link: Link, delays: list[int], packet: Packet) -> list[int]:
        """Return the delays of the copies that are sent on."""
        del packet
        self.sent += 1
        if self._bits is None:
            entropy, fault = self._injection.cluster.entropy, self._injection.fault
            self._bits = entropy.bits("fault", fault.id, link.src.id, link.dest.id)
        # Drawn for every message, also for one that is lost anyway, so that no other fault shifts
        # these draws.
        draw = self._bits(64)
        if not delays or link.dest.process is None:
            return delays  # lost anyway: nobody could notice
        self._injection.seen += 1
        return self._injection.alter(self, draw >> 32, draw & _LOW, delays)


class MessageFault(Injection):
    """Base of the faults that strike single messages; they take effect in messages.

    Attributes:
        seen: how many messages it could have struck.
    """

    bites: ClassVar[str] = "messages"
    needs: ClassVar[Need] = "peers"
    least_nodes: ClassVar[int] = 2
    lingers: ClassVar[bool] = True
    tampering: ClassVar[type[Tampering]] = Tampering
    verb: ClassVar[str]

    def __init__(self, fault: Fault, cluster: Cluster, ledger: Ledger) -> None:
        super().__init__(fault, cluster, ledger)
        self.seen = 0
        self._tamperings: list[Tampering] = []

    def alter(self, on: Tampering, chance: int, amount: int, delays: list[int]) -> list[int]:
        """Return the new delays of a message's copies, from two draws of 32 bits."""
        raise NotImplementedError

    def begin(self) -> str:
        """Attach itself to every link between nodes, or to those of the targets."""
        targets = self.targets
        hosts = list(self.cluster.hosts.values())
        # Every ordered pair, in the cluster's order, whether anything was sent there yet or not.
        for src in hosts:
            for dest in hosts:
                if src is not dest and self.between(src, dest):
                    link = self.cluster.network.link(src, dest.id)
                    assert link is not None
                    self.hang(self.tampering(self, link))
        everywhere = len(targets) == len(hosts)
        place = "every link" if everywhere else f"the links of {names(targets)}"
        return f"on {place}{self.said()}"

    def between(self, src: Host, dest: Host) -> bool:
        """Return whether it strikes what one node sends to another."""
        return src in self.targets or dest in self.targets

    def hang(self, tampering: Tampering) -> None:
        """Attach to one link."""
        self._tamperings.append(tampering)
        tampering.link.disturbances.append(tampering)
        tampering.link.refresh()

    def said(self) -> str:
        """Say its parameters, as the end of a sentence."""
        told = [f"{known.name} {self.param(known.name)}" for known in self.parameters]
        return f" ({', '.join(told)})" if told else ""

    def end(self) -> str:
        """Detach from the links; return how many messages it struck."""
        for tampering in self._tamperings:
            tampering.link.disturbances.remove(tampering)
            tampering.link.refresh()
        self._tamperings = []
        return f"{self.verb} {self.bit} of {several(self.seen, 'message')}"

    def note_late(self, on: Tampering, rank: int, late_ns: int) -> None:
        """Note that a message of a link, by its rank, comes so much after it was sent."""
        if len(self.struck) < STRUCK_MAX:
            self.struck.append((*on.link.ends, rank, late_ns))

    def hits(self, chance: int) -> bool:
        """Return True for `per_thousand` of a thousand draws of 32 bits."""
        return chance * _THOUSAND >> 32 < int(self.param("per_thousand"))


class Loss(MessageFault):
    """Messages are lost."""

    group: ClassVar[str] = "loss"
    does: ClassVar[str] = "loses messages"
    summary: ClassVar[str] = "some messages between nodes are lost"
    parameters: ClassVar[tuple[Parameter, ...]] = (rate(100),)
    verb: ClassVar[str] = "lost"

    def alter(self, on: Tampering, chance: int, amount: int, delays: list[int]) -> list[int]:
        """Return no copies of a message that is hit."""
        del on, amount
        if not self.hits(chance):
            return delays
        self.bit += 1
        return []


def is_message(value: Any) -> bool:
    """Return whether a value names a message: its sender, its receiver and its rank."""
    if not isinstance(value, list) or len(value) != 3:  # noqa: PLR2004 - sender, receiver, rank
        return False
    src, dest, rank = value
    return type(src) is str and type(dest) is str and src != dest and type(rank) is int and rank > 0


def ends_of(messages: Sequence[Sequence[Any]]) -> list[str]:
    """List the senders and receivers of named messages."""
    return [end for one in messages for end in one[:2]]


def named_among(
    messages: Sequence[Sequence[Any]], node_ids: Collection[str]
) -> list[Sequence[Any]]:
    """List those of some named messages that go from one of these nodes to another."""
    return [one for one in messages if one[0] in node_ids and one[1] in node_ids]


class Drop(MessageFault):
    """Named messages are lost: the rest of a loss once it is known which messages mattered.

    No generator draws it; a plan names the messages.
    """

    group: ClassVar[str] = "loss"
    does: ClassVar[str] = "loses messages"
    summary: ClassVar[str] = "the messages that the plan names are lost"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "messages", "", [],
            "lists of sender, receiver and rank: 1 is the first message of that link from the "
            "fault's begin on",
            form=Form(
                "lists of two different node ids and a rank from 1",
                lambda value: isinstance(value, list) and all(map(is_message, value)),
                ends_of,
                named_among,
            ),
        ),
    )  # fmt: skip
    verb: ClassVar[str] = "lost"

    def begin(self) -> str:
        """Attach itself to the links that it names."""
        hosts = self.cluster.hosts
        named: dict[tuple[str, str], list[list[int]]] = {}
        for src, dest, *message in self.param("messages"):
            named.setdefault((src, dest), []).append(message)
        for (src, dest), messages in named.items():
            link = self.cluster.network.link(hosts[src], dest)
            assert link is not None
            self.hang(self.on_link(link, messages))
        return f"on {several(len(named), 'link')}"

    def on_link(self, link: Link, messages: Sequence[Sequence[int]]) -> Tampering:
        """Make what it does to the messages of a link; each is what follows the link's ends."""
        return Dropping(self, link, [rank for (rank,) in messages])


class Dropping(Tampering):
    """Named messages of one link."""

    __slots__ = ("_ranks",)

    def __init__(self, injection: Drop, link: Link, ranks: Sequence[int]) -> None:
        super().__init__(injection, link)
        self._ranks = frozenset(ranks)

    def change(self, link: Link, delays: list[int], packet: Packet) -> list[int]:
        """Return no copies of a message that is named."""
        del packet
        self.sent += 1
        if not delays or link.dest.process is None:
            return delays
        self._injection.seen += 1
        if self.sent not in self._ranks:
            return delays
        self._injection.bit += 1
        return []


class Duplicate(MessageFault):
    """Messages arrive twice."""

    group: ClassVar[str] = "duplicate"
    does: ClassVar[str] = "copies messages"
    summary: ClassVar[str] = "some messages between nodes arrive twice"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        rate(100),
        Parameter(
            "gap_ns", "ns", 10_000_000, "the copy arrives up to this much later",
            0, _HOUR_NS, (100_000, 2_000_000_000),
        ),
    )  # fmt: skip
    verb: ClassVar[str] = "duplicated"

    def alter(self, on: Tampering, chance: int, amount: int, delays: list[int]) -> list[int]:
        """Return the first and a copy that comes with or after it."""
        if not self.hits(chance):
            return delays
        self.bit += 1
        again = delays[0] + (amount * (int(self.param("gap_ns")) + 1) >> 32)
        self.note_late(on, on.sent, again)
        return [*delays, again]


class Reorder(MessageFault):
    """Messages are held back, so that later ones overtake them."""

    group: ClassVar[str] = "reorder"
    does: ClassVar[str] = "holds messages back"
    summary: ClassVar[str] = "some messages between nodes are held back and overtaken by later ones"
    bites: ClassVar[str] = "messages that a later one on the same link overtook"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        rate(200),
        Parameter(
            "window_ns", "ns", 50_000_000, "held back by up to this",
            1, _HOUR_NS, (20_000_000, 1_000_000_000),
        ),
    )  # fmt: skip
    verb: ClassVar[str] = "reordered"

    def alter(self, on: Tampering, chance: int, amount: int, delays: list[int]) -> list[int]:
        """Hold back what is hit; count the messages that this one overtakes."""
        now, hit = self.now, self.hits(chance)
        if hit:
            extra = 1 + (amount * int(self.param("window_ns")) >> 32)
            delays = [delay + extra for delay in delays]
            self.note_late(on, on.sent, delays[0])
        arrival = now + delays[0]
        # Invariant: `late` has when each message that was held back on this link arrives, as far as
        # that is still to come and nothing has overtaken it.
        waiting = [time for time in on.late if time > now]
        on.late = [time for time in waiting if time <= arrival]
        self.bit += len(waiting) - len(on.late)
        if hit:
            on.late.append(arrival)
        return delays


def _mean(default_ns: int) -> Parameter:
    return Parameter(
        "mean_ns", "ns", default_ns, "the mean of what is added to each message's latency",
        1, _HOUR_NS, (1_000_000, 500_000_000),
    )  # fmt: skip


class Delay(MessageFault):
    """Base of the delays."""

    group: ClassVar[str] = "delay"
    does: ClassVar[str] = "slows messages down"
    parameters: ClassVar[tuple[Parameter, ...]] = (_mean(50_000_000),)
    verb: ClassVar[str] = "delayed"

    def extra_ns(self, draw: int, mean_ns: int) -> int:
        """Return the delay that a draw of 32 bits adds."""
        raise NotImplementedError

    def alter(self, on: Tampering, chance: int, amount: int, delays: list[int]) -> list[int]:
        """Add to every copy's delay."""
        del amount
        extra = self.extra_ns(chance, int(self.param("mean_ns")))
        if extra <= 0:
            return delays
        self.bit += 1
        self.note_late(on, on.sent, delays[0] + extra)
        return [delay + extra for delay in delays]


class ConstantDelay(Delay):
    """The same for each message."""

    summary: ClassVar[str] = "every message between nodes is late by the same time"

    def extra_ns(self, draw: int, mean_ns: int) -> int:
        """Return the mean."""
        del draw
        return mean_ns


class SlowLink(ConstantDelay):
    """The same for each message of one node."""

    summary: ClassVar[str] = "every message from and to the target is late by the same time"
    aims: ClassVar[tuple[str, ...]] = ("one", "leader", "minority")


class UniformDelay(Delay):
    """Evenly spread."""

    summary: ClassVar[str] = "every message between nodes is late, by a time from [0, 2 x mean)"

    def extra_ns(self, draw: int, mean_ns: int) -> int:
        """Spread the draw evenly over [0, 2 x mean)."""
        return draw * 2 * mean_ns >> 32


class ExponentialDelay(Delay):
    """Memoryless."""

    summary: ClassVar[str] = "every message between nodes is late, by an exponentially "
    "distributed time"

    def extra_ns(self, draw: int, mean_ns: int) -> int:
        """See `clew.sim.latency`."""
        return exponential_ns(draw, mean_ns)


class LongTailedDelay(Delay):
    """A few take very long."""

    summary: ClassVar[str] = "every message between nodes is late, a few of them by very much"
    parameters: ClassVar[tuple[Parameter, ...]] = (_mean(20_000_000),)

    def extra_ns(self, draw: int, mean_ns: int) -> int:
        """See `clew.sim.latency`."""
        return long_tailed_ns(draw, mean_ns)
