"""What each life of a node found at its beginning, and did, beyond what the trace records.

A life begins on the disk that the one before it left. What is written there may matter only to the
next one, so it is noted as it is written, with when it was made durable, the marks of effects and
the lines of logs. A run is noted in this way only on request; doing so does not change the run.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from marshal import dumps
from typing import Any, NamedTuple, TypeAlias

from clew.node.disk import Disk
from clew.node.message import Message
from clew.sim.entry import NUMBER, RECEIVER
from clew.sim.host import Host, MakeProcess, Process
from clew.sim.setting import Setting

Done: TypeAlias = tuple[int, str, str]
"""What a node did besides sending: when, ns; in words; and what distinguishes it from similar
acts."""

Stored: TypeAlias = tuple[str, bool, Any]
"""What a disk holds under a name: its bytes, or, if that is True, a frozen JSON value."""


class Noted(NamedTuple):
    """One life of a node.

    Attributes:
        node: its name.
        incarnation: which of the node's lives, from 1.
        stored: what its disk held when it began.
        syncs: how many syncs were awaited on its host before.
        known: the nodes that it knew of when it began, in order.
        joined: True if the cluster ran before its host was there.
        did: what it did besides sending, in order; it grows as the life goes on.
        held: when each message came that a pause held back, ns, by its number.
        asked: when it was asked whether it may leave, ns; it grows as well.
    """

    node: str
    incarnation: int
    stored: list[Stored]
    syncs: int
    known: tuple[str, ...]
    joined: bool
    did: list[Done]
    held: dict[int, int]
    asked: list[int]


class Lives:
    """The notes on all lives of a run's nodes.

    Attributes:
        all: in the order in which they began.
    """

    def __init__(self) -> None:
        self.all: list[Noted] = []
        self._syncs: dict[str, int] = {}

    def noting(self, make: MakeProcess) -> MakeProcess:
        """Make processes on which notes are kept."""

        def making(setting: Setting, host: Host) -> Process:
            if not host.is_node:
                return make(setting, host)
            known = tuple(host.known or setting.node_ids)
            life = Noted(
                host.id, host.incarnation, host.disk.stored(), self._syncs.get(host.id, 0),
                known, host.joined, [], {}, [],
            )  # fmt: skip
            self.all.append(life)

            def synced() -> None:
                self._syncs[host.id] = self._syncs.get(host.id, 0) + 1

            process: Any = noted(make, setting, host, life.did, life.held, synced)
            may_leave = process.may_leave

            def may_leave_noted() -> bool:
                life.asked.append(setting.world.now)
                answer: bool = may_leave()
                return answer

            process.may_leave = may_leave_noted
            made: Process = process
            return made

        return making


def noted(
    make: MakeProcess,
    setting: Setting,
    host: Host,
    did: list[Done],
    held: dict[int, int] | None = None,
    synced: Callable[[], None] = lambda: None,
) -> Process:
    """Make a process on which notes are kept.

    Args:
        make: makes it.
        setting: what it is made in.
        host: where it runs.
        did: gets what it does beside sending.
        held: gets when each message came that a pause held back, by its number.
        synced: called once an awaited sync has begun.
    """

    def note(what: str, gist: str = "") -> None:
        did.append((setting.world.now, what, gist))

    host.disk = _NotedDisk(host.disk, note, synced)
    process: Any = make(setting, host)  # some methods of this process alone are replaced
    effect, log, hold = process.effect, process.log, process.hold

    def effect_noted(msg: Message) -> None:
        note(f"effect of {msg.src}'s request", repr(msg.body.get("msg_id")))
        effect(msg)

    def log_noted(text: str) -> None:
        note("log", str(text))
        log(text)

    def hold_noted(callback: Callable[[Any], None], argument: Any) -> None:
        is_message = isinstance(argument, tuple) and len(argument) > RECEIVER  # a queue entry
        if held is not None and is_message:
            held[argument[NUMBER]] = setting.world.now
        hold(callback, argument)

    process.effect, process.log, process.hold = effect_noted, log_noted, hold_noted
    made: Process = process
    return made


class _NotedDisk(Disk):
    """A disk that continues another, and notes what is done to it."""

    __slots__ = ("_note", "_synced")

    def __init__(
        self, disk: Disk, note: Callable[[str, str], None], synced: Callable[[], None]
    ) -> None:
        for name in Disk.__slots__:
            setattr(self, name, getattr(disk, name))
        self._note = note
        self._synced = synced

    def _put(self, path: str, content: Any, start: int, *rest: Any, **named: Any) -> None:
        written = content[start:] if isinstance(content, bytes) else content and tuple(content)
        parts = [written, start, rest, [[path, *each] for path, each in named.get("others", ())]]
        self._note(f"write of {path!r}", blake2b(dumps(parts, 2), digest_size=8).hexdigest())
        super()._put(path, content, start, *rest, **named)

    def fsync(self) -> None:
        """See `Disk.fsync`."""
        self._note("fsync", "")
        super().fsync()

    def sync(self) -> Any:
        """See `Disk.sync`."""
        self._note("sync", "")
        future = super().sync()
        self._synced()
        return future
