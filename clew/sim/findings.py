"""What is wrong in a run, as it is found; passed to whatever may find something."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from clew.machine.text import TEXT_MAX, cut, first_parts, said, shown
from clew.node.life import Refused
from clew.node.message import Message, is_answer
from clew.sim.finding import Finding, is_raised, place_of, users_place, users_traceback
from clew.sim.world import World
from clew.trace.record import Trace

FINDINGS_MAX = 100

BRIEF = 200
"""The length that fits a line or two of a screen."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"\d+")


class Running(Protocol):
    """A node whose code runs.

    Attributes:
        id: its name.
        cause: the message or timer whose code it is.
    """

    id: str
    cause: Message | str


class Findings(list[Finding]):
    """The findings of a run, in order, each kind of thing once.

    Args:
        world: gives the time of a finding.
        trace: findings are part of it.
        stop: end the run at the first one.
        strict_replies: a reply that nobody waits for is a finding.

    Attributes:
        unawaited: how many replies came for which nobody waited, by type and receiver.
        again: how many replies came to requests that had one already, by type and sender.
        unsynced: the lines of syncs that nothing waited for, each once, in order.
    """

    def __init__(
        self, world: World, trace: Trace, *, stop: bool = False, strict_replies: bool = False
    ) -> None:
        super().__init__()
        self.unawaited: dict[str, Counter[str]] = {}
        self.again: dict[str, Counter[str]] = {}
        self.unsynced: dict[str, None] = {}
        self._world = world
        self._trace = trace
        self._stop = stop
        self._strict_replies = strict_replies
        self._seen: set[tuple[str, str, str]] = set()

    def add(self, finding: Finding) -> None:
        """Keep a finding; the same one at the same place only once."""
        finding = replace(finding, reason=_ADDRESS.sub("", cut(finding.reason, 2 * TEXT_MAX)))
        key = (finding.kind, finding.place or _NUMBER.sub("#", finding.reason), finding.node)
        if key in self._seen or len(self) >= FINDINGS_MAX:
            return
        self._seen.add(key)
        self.append(finding)
        self._trace.add(self._world.now, "finding", finding.kind, finding.node, finding.reason)
        if self._stop:
            self._world.stop()

    def report(self, kind: str, node: str, reason: str, cause: str = "", place: str = "") -> None:
        """Add a finding at the present time."""
        self.add(Finding(kind, reason, node, self._world.now, self._world.events, cause, place))

    def raised(self, node: str, error: BaseException, cause: Message | str) -> None:
        """Report that a node's code raised."""
        if isinstance(error, Refused):
            return  # reported already
        place = place_of(error)
        if place and ("exception", place, node) in self._seen:
            return  # a text of it may take long to make
        world = self._world
        if any((one.kind, one.place, one.time_ns) == ("refused", place, world.now) for one in self):
            return  # a library turned a refusal into something else
        self.add(
            Finding(
                "exception", said(error), node, world.now, world.events, cause_text(cause), place,
                users_traceback(error),
            )
        )  # fmt: skip

    def interrupted(self, error: KeyboardInterrupt) -> bool:
        """Report a ``raise KeyboardInterrupt`` in a node's code; False for a person's Ctrl-C."""
        process: Running | None = self._world.current
        if process is None or not is_raised(error):
            return False
        self.raised(process.id, error, process.cause)
        return True

    def refused(self, node: str, reason: str) -> None:
        """Report that a node's code tried what a simulated node may not do."""
        self.report("refused", node, reason, place=users_place())

    def malformed(self, node: str, reason: str) -> None:
        """Report that a node's code sent something that is not a message."""
        self.report("malformed-message", node, reason, place=users_place())

    def unknown_destination(self, node: str, dest: str, names: Sequence[str]) -> None:
        """Report that a node's code sent to a name that nobody has."""
        known = ", ".join(names)
        reason = f"sent a message to {dest!r}, which nobody is called: there are {known}"
        self.report("unknown-destination", node, reason, place=users_place())

    def unhandled(self, node: str, message: Message) -> bool:
        """Report a message for which the node's class has no handler; False if it is no fault.

        A reply for which nothing waits is no fault: its sender could not know.
        """
        kind = message.type
        if not self._strict_replies and is_answer(kind):
            self.unawaited.setdefault(kind, Counter())[node] += 1
            return False
        reason = f"has no handler for messages of type {kind!r}"
        self.report("unhandled-message", node, reason, cause=cause_text(message))
        return True

    def stray(self, receiver: str, message: Message, number: object) -> None:
        """Report a reply to a request that its receiver never made."""
        if not self._strict_replies:
            self.unawaited.setdefault(message.type, Counter())[receiver] += 1
            return
        reason = f"sent {receiver} a reply to request {shown(number)}, which {receiver} never made"
        self.report("unhandled-message", message.src, reason, cause=cause_text(message))

    def answered_again(self, message: Message) -> None:
        """Report a second reply to one request, though the network copied nothing."""
        if not self._strict_replies:
            self.again.setdefault(message.type, Counter())[message.src] += 1
            return
        reason = f"answered a request of {message.dest} again, by {message.type!r}"
        self.report("unhandled-message", message.src, reason, cause=cause_text(message))

    def never_awaited(self, process: Running, reason: str, place: str) -> None:
        """Report that a node's code made a coroutine or a generator, and did nothing with it."""
        self.report("never-awaited", process.id, reason, cause_text(process.cause), place)


def cause_text(cause: Message | str) -> str:
    """Put a message or timer in a few words."""
    if isinstance(cause, str):
        return cause
    sender = f" from {cause.src}"
    return first_parts(shown(cause.body), BRIEF - len(sender)) + sender
