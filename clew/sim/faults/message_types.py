"""What happens to the messages of one type: lost, held, copied, or all that were kept sent again.

A fault of every tenth message hardly ever strikes the two votes that matter; one that strikes all
messages of a type, and no others, does. Held and echoed messages come as those of an old network
do: late, to whichever process runs at their receiver by then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from clew.sim.entropy import Stream
from clew.sim.faults.fault import Fault
from clew.sim.faults.injection import Form, Ledger, Parameter, several
from clew.sim.faults.messages import (
    Drop,
    MessageFault,
    Tampering,
    ends_of,
    is_message,
    named_among,
    rate,
)
from clew.sim.host import Host
from clew.sim.network import TAKEN, Link, Packet

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster

TYPE = Parameter(
    "type", "", "",
    "the type of the messages; empty for one that is drawn when the fault strikes, from those that "
    "nodes have sent each other so far: the first to come if there was none",
    form=Form("a text", lambda value: isinstance(value, str), lambda _: [], lambda value, _: value),
)  # fmt: skip

DIRECTION = Parameter(
    "direction", "", "both", "which messages: those from the target, to it, or both",
    choices=("both", "from", "to"),
)  # fmt: skip


class Sifting(Tampering):
    """One fault on one link, which draws for the messages of its type alone.

    Attributes:
        packet: the message that is being sent.
    """

    __slots__ = ("packet",)

    packet: Packet

    def change(self, link: Link, delays: list[int], packet: Packet) -> list[int]:
        """Return the delays of the copies that are sent on."""
        self.packet = packet
        injection = self._injection
        assert isinstance(injection, TypedFault)
        if not injection.takes(packet[1]["type"]):
            self.sent += 1
            return delays
        return super().change(link, delays, packet)


class TypedFault(MessageFault):
    """Base of the faults that strike the messages of one type.

    Attributes:
        type: the type that they strike; None until the first of any type comes.
    """

    group: ClassVar[str] = "message"
    apart: ClassVar[bool] = True
    stands: ClassVar[bool] = True
    hears: ClassVar[frozenset[str]] = frozenset({"send"})
    aims: ClassVar[tuple[str, ...]] = ("all", "one", "leader", "minority")
    tampering: ClassVar[type[Tampering]] = Sifting

    def __init__(self, fault: Fault, cluster: Cluster, ledger: Ledger) -> None:
        super().__init__(fault, cluster, ledger)
        self.type: str | None = self.param("type") or None

    def begin(self) -> str:
        """Draw the type if none is named, and attach itself to the links that it strikes."""
        wires = self.cluster.tripwires
        if self.type is None and wires is not None and wires.types:
            self._settle_on(self.stream("type").pick([*wires.types]))
        return super().begin()

    def takes(self, name: str) -> bool:
        """Return whether it strikes this type; the first to come decides if nothing else did."""
        if self.type is None:
            self._settle_on(name)
        return name == self.type

    def _settle_on(self, name: str) -> None:
        self.type = name
        self.drawn["type"] = name

    def between(self, src: Host, dest: Host) -> bool:
        """Return whether it strikes what one node sends to another."""
        direction = self.param("direction")
        sent, got = src in self.targets, dest in self.targets
        return (sent and direction != "to") or (got and direction != "from")

    def said(self) -> str:
        """Say its direction and rate, as a sentence's end; its type is reported when it ends."""
        return f" (direction {self.param('direction')}, per_thousand {self.param('per_thousand')})"

    def end(self) -> str:
        """Detach from the links; return how many messages it struck, and of which type."""
        told = super().end()
        return told if self.type is None else f"{told} of the type {self.type}"


class MessageLoss(TypedFault):
    """Messages of one type are lost."""

    does: ClassVar[str] = "loses messages"
    like: ClassVar[tuple[str, ...]] = ("loss",)
    summary: ClassVar[str] = "messages of one type, from or to the target, are lost"
    parameters: ClassVar[tuple[Parameter, ...]] = (TYPE, DIRECTION, rate(1000, (200, 1000)))
    verb: ClassVar[str] = "lost"

    def alter(self, on: Tampering, chance: int, amount: int, delays: list[int]) -> list[int]:
        """Return no copies of a message that is hit."""
        del on, amount
        if not self.hits(chance):
            return delays
        self.bit += 1
        return []


_HOUR_NS = 3_600_000_000_000

_LEAST_NS = 300_000_000
"""No message is held for less, unless `longest_ns` is less."""

LONGEST = Parameter(
    "longest_ns", "ns", 5_000_000_000,
    "a message comes up to this much later than it would have, and at least 300 ms if this is more",
    1, _HOUR_NS, (600_000_000, 5_000_000_000),
)  # fmt: skip


class LateFault(TypedFault):
    """Base of the faults by which messages of one type come late, also through cuts and restarts.

    Attributes:
        hit: how many they struck, whether these have come or not.
    """

    bites: ClassVar[str] = "messages that came late"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        TYPE, DIRECTION, rate(300, (200, 1000)), LONGEST,
    )  # fmt: skip

    def __init__(self, fault: Fault, cluster: Cluster, ledger: Ledger) -> None:
        super().__init__(fault, cluster, ledger)
        self.hit = 0

    def came(self) -> None:
        """Count a message that has come."""
        self.bit += 1

    def late_ns(self, amount: int) -> int:
        """Return how much later a message comes, from a draw of 32 bits."""
        longest_ns = int(self.param("longest_ns"))
        least_ns = min(_LEAST_NS, longest_ns)
        return least_ns + (amount * (longest_ns - least_ns + 1) >> 32)

    def send_late(self, on: Sifting, packet: Packet, delay_ns: int) -> None:
        """Send the message that is being sent on the link again, or only now."""
        self.note_late(on, on.sent, delay_ns)
        self.cluster.network.emit_late(on.link, packet, delay_ns, self.came)

    def note_late(self, on: Tampering, rank: int, late_ns: int) -> None:
        """Note that a message of a link comes so much after it was sent."""
        self.hit += 1
        super().note_late(on, rank, late_ns)

    def end(self) -> str:
        """Detach from the links; return how many messages it struck, and of which type."""
        came, self.bit = self.bit, self.hit
        told = super().end()
        self.bit = came
        return told

    def settle(self) -> str:
        """Return how many of those that it struck have come."""
        return f"{several(self.bit, 'message')} came late"


class MessageHold(LateFault):
    """Messages of one type are held, and come when others have overtaken them."""

    does: ClassVar[str] = "holds messages back"
    like: ClassVar[tuple[str, ...]] = ("reorder",)
    summary: ClassVar[str] = (
        "messages of one type, from or to the target, are held and come late, also after a restart"
    )
    verb: ClassVar[str] = "held"

    def alter(self, on: Tampering, chance: int, amount: int, delays: list[int]) -> list[int]:
        """Send what is hit late, and nothing in time."""
        if not self.hits(chance):
            return delays
        assert isinstance(on, Sifting)
        network, late_ns = self.cluster.network, self.late_ns(amount)
        for rank, delay in enumerate(delays):  # several if another fault has copied it
            number = network.copied(on.packet[0]) if rank else on.packet[0]
            self.send_late(on, (number, *on.packet[1:]), delay + late_ns)
        return TAKEN


class MessageCopy(LateFault):
    """Messages of one type come in time, and again later."""

    does: ClassVar[str] = "copies messages"
    like: ClassVar[tuple[str, ...]] = ("duplicate", "reorder")
    summary: ClassVar[str] = (
        "messages of one type, from or to the target, come in time and once more late, also after "
        "a restart"
    )
    verb: ClassVar[str] = "copied"

    def alter(self, on: Tampering, chance: int, amount: int, delays: list[int]) -> list[int]:
        """Send what is hit late as well."""
        if not self.hits(chance):
            return delays
        assert isinstance(on, Sifting)
        copy = self.cluster.network.copied(on.packet[0])
        self.send_late(on, (copy, *on.packet[1:]), delays[0] + self.late_ns(amount))
        return delays


KEPT_MAX = 4
"""The number of messages of each receiver and type that are kept for an echo."""


class Kept(NamedTuple):
    """An old message that may be sent again.

    Attributes:
        on: the fault on its link.
        packet: it.
        rank: of all that were sent on the link since the fault began.
        sent_ns: when.
    """

    on: Sifting
    packet: Packet
    rank: int
    sent_ns: int


class Echo(LateFault):
    """Old messages come again when their receiver starts or changes its server state.

    A family of its own: by itself, if no node restarts or reports a state, it does nothing.
    """

    group: ClassVar[str] = "echo"
    does: ClassVar[str] = "copies messages"
    like: ClassVar[tuple[str, ...]] = ("duplicate", "reorder")
    summary: ClassVar[str] = (
        "old messages come again when their receiver, the target or one that the target sent to, "
        "starts or changes its server state"
    )
    hears: ClassVar[frozenset[str]] = frozenset({"boot", "state"})
    parameters: ClassVar[tuple[Parameter, ...]] = (
        TYPE._replace(
            summary="the type of the messages; empty for all types, of each of which some are kept"
        ),
        DIRECTION,
        Parameter(
            "per_thousand", "1/1000", 500, "how many of a thousand that were kept come again",
            1, 1000, (100, 1000),
        ),
        LONGEST._replace(
            default=100_000_000, typical=(100_000, 100_000_000),
            summary="an old message comes up to this much after its receiver has changed",
        ),
    )  # fmt: skip
    verb: ClassVar[str] = "sent again"

    def __init__(self, fault: Fault, cluster: Cluster, ledger: Ledger) -> None:
        super().__init__(fault, cluster, ledger)
        # By receiver and type: what was kept, and how many there were to choose from.
        self._kept: dict[tuple[str, str], list[Kept]] = {}
        self._passed: Counter[tuple[str, str]] = Counter()
        self._changed_ns: dict[str, int] = {}

    def begin(self) -> str:
        """Attach itself to the links, and hear of what happens at the receivers."""
        wires = self.cluster.tripwires
        if wires is not None:
            for event in sorted(self.hears):
                wires.heed(event, self._changed)
        return MessageFault.begin(self)

    def takes(self, name: str) -> bool:
        """Return whether it strikes messages of a type: of any if none is named."""
        return self.type in {None, name}

    def alter(self, on: Tampering, chance: int, amount: int, delays: list[int]) -> list[int]:
        """Keep an even choice of all messages of each type so far, and leave this one as it is."""
        del amount
        assert isinstance(on, Sifting)
        key = on.link.dest.id, on.packet[1]["type"]
        kept = self._kept.setdefault(key, [])
        self._passed[key] += 1
        # Algorithm R (Vitter 1985): the n-th is kept with the probability KEPT_MAX / n.
        place = chance * self._passed[key] >> 32 if len(kept) == KEPT_MAX else len(kept)
        if place < KEPT_MAX:
            kept[place : place + 1] = [Kept(on, on.packet, on.sent, self.now)]
        return delays

    def _changed(self, host: Host) -> None:
        """Send again what was kept for a node that has started or changed its server state."""
        if self._changed_ns.get(host.id) == self.now:
            return  # the server state in which it has started
        self._changed_ns[host.id] = self.now
        network, below = self.cluster.network, self._draws.below
        for (dest, _), kept in self._kept.items():
            for each in kept if dest == host.id else ():
                hit, amount = self.hits(below(1 << 32)), below(1 << 32)
                if not hit:
                    continue
                copy = network.copied(each.packet[0])
                after_ns = 1 + (amount * int(self.param("longest_ns")) >> 32)
                self.note_late(each.on, each.rank, self.now - each.sent_ns + after_ns)
                network.emit_late(
                    each.on.link, (copy, *each.packet[1:]), after_ns, self.came
                )  # fmt: skip

    @cached_property
    def _draws(self) -> Stream:
        return self.stream("echo")

    def end(self) -> str:
        """Detach from the links, and hear of nothing more."""
        wires = self.cluster.tripwires
        if wires is not None:
            for event in sorted(self.hears):
                wires.ignore(event, self._changed)
        return super().end()


def _is_late(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 4:  # noqa: PLR2004 - with the time
        return False
    *message, late_ns = value
    return is_message(message) and type(late_ns) is int and 0 <= late_ns <= _HOUR_NS


class Hold(Drop):
    """Named messages come late: the rest of a hold once it is known which messages mattered.

    No generator draws it; a plan names the messages.
    """

    group: ClassVar[str] = "message"
    does: ClassVar[str] = "holds messages back"
    summary: ClassVar[str] = "the messages that the plan names come late, also after a restart"
    bites: ClassVar[str] = "messages that came late"
    copies: ClassVar[bool] = False
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "messages", "", [],
            "lists of sender, receiver, rank and ns: 1 is the first message of that link from the "
            "fault's begin on; it comes so much after it was sent",
            form=Form(
                "lists of two different node ids, a rank from 1 and a time in ns",
                lambda value: isinstance(value, list) and all(map(_is_late, value)),
                ends_of,
                named_among,
            ),
        ),
    )  # fmt: skip
    verb: ClassVar[str] = "held"

    def came(self) -> None:
        """Count a message that has come."""
        self.bit += 1

    def on_link(self, link: Link, messages: Sequence[Sequence[int]]) -> Tampering:
        """See `Drop.on_link`."""
        late: dict[int, list[int]] = {}
        for rank, late_ns in messages:
            late.setdefault(rank, []).append(late_ns)
        return Holding(self, link, late)

    def settle(self) -> str:
        """Return how many of those that it names have come."""
        return f"{several(self.bit, 'message')} came late"


class Copy(Hold):
    """Named messages come again: the rest of copies and echoes, as `Hold` is of a hold."""

    does: ClassVar[str] = "copies messages"
    summary: ClassVar[str] = "the messages that the plan names come in time and once more late"
    copies: ClassVar[bool] = True
    verb: ClassVar[str] = "copied"


class Holding(Tampering):
    """Named messages of one link that come late."""

    __slots__ = ("_late", "_strikes")

    def __init__(self, injection: Hold, link: Link, late: Mapping[int, Sequence[int]]) -> None:
        super().__init__(injection, link)
        self._strikes = injection
        self._late = late

    def change(self, link: Link, delays: list[int], packet: Packet) -> list[int]:
        """Send a message that is named late, besides or instead."""
        self.sent += 1
        if not delays or link.dest.process is None:
            return delays
        injection, network = self._strikes, self._strikes.cluster.network
        injection.seen += 1
        late = self._late.get(self.sent, ())
        for rank, late_ns in enumerate(late):
            copied = rank or injection.copies
            number = network.copied(packet[0]) if copied else packet[0]
            network.emit_late(link, (number, *packet[1:]), late_ns, injection.came)
        return TAKEN if late and not injection.copies else delays
