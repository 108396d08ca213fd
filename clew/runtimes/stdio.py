"""A node class as a real process: Maelstrom's protocol on stdin and stdout, in real time.

Messages come in and go out as JSON, one per line; free text goes to stderr. The first message is
``init``. Handlers, timers and coroutines run one at a time on one thread, as in the simulation;
another thread does nothing but wait for lines.

Differences from the simulation: time is real and clocks are the machine's, randomness is fresh in
each process, a sync takes as long as the disk takes, and marks of effect go nowhere.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from heapq import heappop, heappush
from io import TextIOWrapper
from itertools import count
from pathlib import Path
from queue import Empty, Queue
from random import Random  # noqa: TID251 - a type; made by entropy.py
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, TextIO

from clew.machine import wall
from clew.machine.text import Unwinding, json_text
from clew.node.capacity import capacity_of
from clew.node.disk import Disk
from clew.node.life import Life, yielding
from clew.node.message import Message, is_answer
from clew.node.node import Node
from clew.node.task import Future
from clew.node.timer import NS_PER_SECOND, NodeTimer, to_ns
from clew.node.workers import Workers
from clew.runtimes.journal import JournalDisk
from clew.sim.entropy import Entropy

SHOWN = 200
"""The most characters of a bad line that are shown."""

WAIT_SECONDS_MAX = 3600.0
"""The longest wait for a line: a queue refuses a wait of centuries."""


class ReaderGone(Unwinding):
    """Unwinds everything when the reader of this process's output is gone."""


def serve(
    node_class: type[Node],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
    *,
    directory: Path | None = None,
) -> None:
    """Run a node until its stdin ends.

    A line that is not a message is reported on stderr, with its number, and skipped.

    Args:
        node_class: what to run.
        stdin: where messages come from, one JSON object per line.
        stdout: where messages go; each line is flushed.
        stderr: logs, tracebacks and complaints.
        directory: where the disks of nodes are kept, one file each; None for a temporary one.

    Raises:
        NodeError: the directory can't be used, or holds a damaged disk.
    """
    if isinstance(stdin, TextIOWrapper):
        stdin.reconfigure(errors="replace")  # bytes that are not text make a bad line, not an end
    with TemporaryDirectory(prefix="clew-") as temporary:
        server = Server(node_class, stdout, stderr, directory or Path(temporary))
        lines: Queue[str | None] = Queue()
        Thread(target=_pump, args=(stdin, lines), daemon=True).start()
        try:
            with redirect_stdout(stderr):  # what a node prints is not a message
                server.run(lines)
        except (ReaderGone, KeyboardInterrupt):
            pass  # the parent process wants no more output
        finally:
            server.close()


def _pump(stdin: TextIO, lines: Queue[str | None]) -> None:
    """Put each line in a queue, and None at the end."""
    for line in stdin:
        lines.put(line)
    lines.put(None)


class Server:
    """The loop of one real process: lines and timers, one at a time.

    Args:
        node_class: what to run.
        stdout: where messages go.
        stderr: where text goes.
        directory: where its disk is kept.

    Attributes:
        current: the life whose code is running, or None.
        life: the node's; None before ``init``.
    """

    def __init__(
        self, node_class: type[Node], stdout: TextIO, stderr: TextIO, directory: Path
    ) -> None:
        self.current: Any = None
        self.life: Life | None = None
        self._node_class = node_class
        self._stdout = stdout
        self._stderr = stderr
        self._directory = directory
        self._disk: JournalDisk | None = None
        self._due: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._sequence = count()

    def run(self, lines: Queue[str | None]) -> None:
        """Handle lines and timers until a None comes."""
        number = 0
        # What is due is called after each line, so that many lines keep no timer from firing.
        while True:
            try:
                line = lines.get(timeout=self._seconds_to_next())
            except Empty:
                self._call_due()
                continue
            if line is None:
                return
            number += 1
            self._read(line, number)
            self._call_due()

    def close(self) -> None:
        """End the node's life, and close its disk."""
        if self.life is not None:
            self.life.end()
        if self._disk is not None:
            self._disk.close()

    # Time.

    def later(self, delay_ns: int, callback: Callable[[Any], None], argument: Any) -> None:
        """Call ``callback(argument)`` after a while."""
        when = wall.seconds() + delay_ns / NS_PER_SECOND
        # By time and then by rank: those of one instant keep their order, and callbacks are never
        # compared.
        heappush(self._due, (when, next(self._sequence), callback, argument))

    def _seconds_to_next(self) -> float | None:
        if not self._due:
            return None
        return min(max(0.0, self._due[0][0] - wall.seconds()), WAIT_SECONDS_MAX)

    def _call_due(self) -> None:
        """Call what is due now; what this adds is due later, even if it is due at once."""
        until = wall.seconds()
        while self._due and self._due[0][0] <= until:
            _, _, callback, argument = heappop(self._due)
            callback(argument)

    # Lines in.

    def _read(self, line: str, number: int) -> None:
        if not line.strip():
            return
        try:
            message = parse(line)
        except ValueError as bad:
            self._complain(number, str(bad), line)
            return
        if self.life is not None:
            self.life.receive(message)
        elif message.type == "init":
            self._boot(message, number, line)
        else:
            self._complain(number, "expected init as the first message", line)

    def _complain(self, number: int, reason: str, line: str) -> None:
        shown = line.strip()
        shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
        self.say(f"stdin:{number}: line skipped: {reason}, found {shown}")

    def _boot(self, message: Message, number: int, line: str) -> None:
        body = message.body
        name, names = body.get("node_id"), body.get("node_ids")
        if not isinstance(name, str) or not isinstance(names, list) or name not in names:
            self._complain(number, "expected an init with a node_id that is one of node_ids", line)
            return
        if Path(name).name != name or "\0" in name:
            self._complain(number, "expected a node_id that a file can be named after", line)
            return
        roles = body.get("roles")
        if roles is not None and not _are_roles(roles, names):
            wanted = "an object of lists which together are node_ids"
            self._complain(number, f"expected the roles of an init to be {wanted}", line)
            return
        self._disk = JournalDisk(self._directory / f"{name}.jsonl")
        self.life = RealLife(self._node_class, name, self._disk, self)
        self.life.begin(names, message, roles=roles)

    # Lines out.

    def write(self, message: Mapping[str, Any]) -> None:
        """Write a message, whole and at once."""
        self._out(self._stdout, json_text(message))

    def say(self, text: str) -> None:
        """Write free text."""
        self._out(self._stderr, text)

    def _out(self, stream: TextIO, line: str) -> None:
        try:
            stream.write(f"{line}\n")
            stream.flush()
        except BrokenPipeError:
            raise ReaderGone from None


class RealLife(Life):
    """A node that is a process of this machine.

    Args:
        server: its loop.
    """

    def __init__(self, node_class: type[Node], name: str, disk: Disk, server: Server) -> None:
        super().__init__(node_class, name, disk, server, count(1).__next__)
        self._server = server
        self._random: Random | None = None
        disk.attach(self._synced)

    def started(self, cause: Message | str) -> Any:
        """See `Life.started`: the init is answered before a coroutine goes on."""
        result = super().started(cause)
        if isinstance(cause, Message):
            self.reply(cause, {"type": "init_ok"})
        return result

    def send(self, dest: str, body: Mapping[str, Any]) -> None:
        """See `Node.send`."""
        copy = self.checked(dest, body)
        if copy is not None and self.alive:
            self._server.write({"src": self.id, "dest": dest, "body": copy})

    def arm(self, timer: NodeTimer, local_ns: int) -> None:
        """See `Life.arm`."""
        self._server.later(local_ns, self._due, timer)

    def _due(self, timer: NodeTimer) -> None:
        if self.alive and not timer.cancelled:
            self.fire(timer)

    def later(self, delay_ns: int, callback: Callable[[Any], None], argument: Any) -> None:
        """See `Life.later`."""
        self._server.later(delay_ns, callback, argument)

    def now(self) -> float:
        """See `Node.now`."""
        return wall.seconds_since_1970()

    def monotonic(self) -> float:
        """See `Node.monotonic`."""
        return wall.seconds()

    def rng(self) -> Random:
        """See `Node.rng`."""
        if self._random is None:
            moment = int(wall.seconds_since_1970() * NS_PER_SECOND)
            self._random = Entropy(moment).random("process", self.id, os.getpid())
        return self._random

    def log(self, text: str) -> None:
        """See `Node.log`."""
        self._server.say(text)

    def effect(self, msg: Message) -> None:
        """See `Node.effect`: no checker would use it here."""

    def raised(self, error: BaseException, cause: Message | str) -> None:
        """See `Life.raised`."""
        del cause
        self.log("".join(traceback.format_exception(error)).rstrip())

    def malformed(self, reason: str) -> None:
        """See `Life.malformed`: it is the node's error, at the line that sends."""
        raise TypeError(f"{self.id} {reason}")

    def unhandled(self, message: Message) -> bool:
        """See `Life.unhandled`; a second ``init`` is answered as the first was."""
        if message.type == "init":
            self.reply(message, {"type": "init_ok"})
            return False
        if is_answer(message.type):
            return False
        self.log(f"{self.id} has no handler for {message.type!r}")
        return True

    def hired(self) -> Workers:
        """See `Life.hired`: a real process waits where a simulated one would."""
        return Workers(capacity_of(type(self.node)), lambda: to_ns(wall.seconds()), self.later)

    def unslept(self, place: str, reason: str) -> None:
        """See `Life.unslept`."""
        self.log(f"{place}: {reason}")

    def stray(self, message: Message) -> None:
        """See `Life.stray`; here nobody knows what was late."""

    def unrun(self, name: str, place: str) -> None:
        """See `Life.unrun`."""
        self.log(f"{place}: {yielding(name)}")

    def _synced(self, awaited: bool) -> Future | None:  # noqa: FBT001 - the disk's one question
        if not awaited:
            return None
        future = Future()
        self.disk.make_durable(self.disk.mark())
        future.set_result(None)
        return future


def _are_roles(roles: Any, names: list[Any]) -> bool:
    """Return whether a JSON value gives each node's role."""
    if not isinstance(roles, dict) or not all(isinstance(each, list) for each in roles.values()):
        return False
    together = [name for each in roles.values() for name in each]
    return len(together) == len(names) and all(name in together for name in names)


def _no_json(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_json)


def parse(line: str) -> Message:
    """Read the message of a line.

    Raises:
        ValueError: it is not a message; the text says what was expected.
    """
    try:
        found = _DECODER.decode(line)
    except (ValueError, RecursionError) as bad:
        raise ValueError(f"expected one JSON object per line ({bad})") from None
    wrong = _shape(found)
    if wrong is not None:
        raise ValueError(wrong)
    return Message(found["src"], found["dest"], found["body"])


def _shape(found: Any) -> str | None:
    """Say what was expected of a JSON value that is not a message; None if it is one."""
    if not isinstance(found, dict):
        return "expected a JSON object"
    if not isinstance(found.get("src"), str) or not isinstance(found.get("dest"), str):
        return "expected src and dest to be strings"
    body = found.get("body")
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        return "expected body to be an object with a string type"
    return None
