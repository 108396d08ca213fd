"""What happens to the messages of one type: lost, held, copied, or all that were kept sent again.

A fault of every tenth message hardly ever strikes the two votes that matter; one that strikes all
messages of a type, and no others, does. Held and echoed messages come as those of an old network
do: late, to whichever process runs at their receiver by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from clew.sim.faults.fault import Fault
from clew.sim.faults.injection import Form, Ledger, Parameter
from clew.sim.faults.messages import MessageFault, Tampering, rate
from clew.sim.host import Host
from clew.sim.network import Link, Packet

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
    """One fault on one link, which draws for the messages of its type alone."""

    __slots__ = ()

    def change(self, link: Link, delays: list[int], packet: Packet) -> list[int]:
        """The delays of the copies that are sent on."""
        injection = self._injection
        assert isinstance(injection, TypedFault)
        if not injection.takes(packet[1]["type"]):
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
        """Whether it strikes messages of a type; the first to come decides if nothing else did."""
        if self.type is None:
            self._settle_on(name)
        return name == self.type

    def _settle_on(self, name: str) -> None:
        self.type = name
        self.drawn["type"] = name

    def between(self, src: Host, dest: Host) -> bool:
        """Whether it strikes what one node sends to another."""
        direction = self.param("direction")
        sent, got = src in self.targets, dest in self.targets
        return (sent and direction != "to") or (got and direction != "from")

    def said(self) -> str:
        """Its direction and rate, as the end of a sentence; its type is told when it ends."""
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
