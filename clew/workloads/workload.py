"""What clients ask of a cluster, and what must hold of the answers.

A workload is one file with four parts in the same order: messages, client, generator, checker.
The table of them is `clew.workloads.WORKLOADS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from clew.checkers.verdict import Checker
from clew.sim.entropy import Stream
from clew.text import shown


class Malformed(Exception):  # noqa: N818 - told as a finding
    """A reply that is not what the protocol says; the message tells what was expected."""


class Request(NamedTuple):
    """What a client asks: the function and its argument, as they stand in the history."""

    f: str
    value: Any = None


class Draw(NamedTuple):
    """Where a generator stands when it draws one operation.

    Attributes:
        stream: this operation's own draws.
        client: the client's rank.
        number: how many operations this client had before.
    """

    stream: Stream
    client: int
    number: int

    def unique(self) -> int:
        """An integer that no other operation of the plan gets, small enough to read."""
        return self.client + 1 + 1000 * (self.number + 1)


@dataclass(frozen=True, slots=True)
class Options:
    """What a scenario may ask of its workload.

    Attributes:
        key_count: how many keys are in use.
        functions: the functions that the model answers; None for all.
        max_txn_length: micro-operations a transaction, at most.
        max_writes_per_key: writes to a key before another takes its place.
        consistency_models: what transactions are held to.
        nodes: the replicas that are alive at the end, for final reads; None for all.
        effects: rank of an operation's effect mark by operation number; empty for none.
    """

    key_count: int = 4
    functions: tuple[str, ...] | None = None
    max_txn_length: int = 4
    max_writes_per_key: int = 16
    consistency_models: tuple[str, ...] = ("strict-serializable",)
    nodes: tuple[str, ...] | None = None
    effects: Mapping[int, int] = field(default_factory=dict)


class Workload:
    """Base class; a subclass fills in the four parts.

    Attributes:
        name: as on the command line.
        summary: what must hold, in one line.
        source: where the workload comes from.
        readonly: functions that may always ``fail``, because they change nothing.
        setup_types: of the messages that `setup` gives; all others have a function's name as type.
        final_reads: True where each node is read once more at the end.
        every_node: True where each node must serve its clients; else the cluster must, and a
            client whose node refuses goes to another.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    functions: ClassVar[tuple[str, ...]]
    readonly: ClassVar[frozenset[str]] = frozenset()
    setup_types: ClassVar[tuple[str, ...]] = ()
    final_reads: ClassVar[bool] = False
    every_node: ClassVar[bool] = False

    def __init__(self, options: Options) -> None:
        self.options = options

    # Messages.

    def request(self, asked: Request) -> dict[str, Any]:
        """The body that asks for an operation, without its ``msg_id``."""
        raise NotImplementedError

    def setup(self, node: str, topology: dict[str, list[str]]) -> dict[str, Any] | None:
        """A body that `node` must acknowledge before the first operation; None for none."""
        del node, topology
        return None

    # Client.

    def resolve(self, asked: Request, client: int) -> Request:
        """The request as a client really sends it: what the plan left open is filled in."""
        del client
        return asked

    def result(self, asked: Request, reply: dict[str, Any], client: int) -> Any:
        """A client's operation's result from a reply that is no error.

        Raises:
            Malformed: the reply is not what the protocol says.
        """
        raise NotImplementedError

    def answer_of(self, asked: Request, code: int) -> Any:
        """The result that an error reply of this code is; None where it is just an error."""
        del asked, code

    # Generator.

    def operation(self, draw: Draw) -> Request:
        """One operation of the plan."""
        raise NotImplementedError

    def final(self) -> tuple[Request, ...]:
        """What each node is asked at the end, in this order, where `final_reads` is True."""
        return (Request("read"),)

    # Checker.

    def checkers(self) -> Sequence[Checker]:
        """What judges the history."""
        raise NotImplementedError


def expect(reply: dict[str, Any], message_type: str, **fields: type | tuple[type, ...]) -> None:
    """Hold a reply to its type and the types of its fields.

    Raises:
        Malformed: it is another type, or a field is missing or of another type.
    """
    found = reply.get("type")
    if found != message_type:
        raise Malformed(
            f"expected a reply of type {message_type!r}, "
            f"found {shown(found, 200)} in {_told(reply)}"
        )
    for name, kind in fields.items():
        if name not in reply:
            raise Malformed(
                f"expected the field {name!r} in a {message_type}, found {_told(reply)}"
            )
        value = reply[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            wanted = kind.__name__ if isinstance(kind, type) else "/".join(k.__name__ for k in kind)
            raise Malformed(
                f"expected {name!r} of a {message_type} to be {_JSON_NAMES.get(wanted, wanted)}, "
                f"found {shown(value, 1000)}"
            )


def _told(reply: dict[str, Any]) -> str:
    return shown(reply, 1000)


_JSON_NAMES = {"list": "a list", "int": "an integer", "dict": "an object", "str": "a string"}
