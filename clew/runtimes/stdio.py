"""A node class as a real process: Maelstrom's protocol on stdin and stdout, in real time.

One JSON message a line comes in, one goes out, free text goes to stderr. The first message is
``init``. Handlers, timers and coroutines run one at a time on one thread, as in the simulation;
another thread does nothing but wait for lines.

Differences from the simulation: time is real and clocks are the machine's, randomness is fresh in
each process, a sync takes as long as the disk takes, and marks of effect go nowhere.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Coroutine, Mapping
from contextlib import redirect_stdout
from functools import partial
from heapq import heappop, heappush
from inspect import iscoroutine
from io import TextIOWrapper
from itertools import count
from pathlib import Path
from queue import Empty, Queue
from random import Random  # noqa: TID251 - a type; made by entropy.py
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, TextIO

from clew import wall
from clew.journal import JournalDisk
from clew.node.disk import Disk
from clew.node.message import Message, NotJson, frozen
from clew.node.node import Node, RPCError, RPCTimeout, error_of, handlers_of
from clew.node.task import Future, Task
from clew.node.timer import NodeTimer
from clew.sim.entropy import Entropy
from clew.text import json_text

SHOWN = 200
"""So many characters of a bad line are shown."""

CLAIM_SECONDS = 5.0
"""A spawned coroutine's error is told where nobody awaited it for so long."""


def serve(
    node_class: type[Node],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
    *,
    directory: Path | None = None,
) -> None:
    """Run a node until its stdin ends.

    A line that is no message is told on stderr, with its number, and skipped.

    Args:
        node_class: what to run.
        stdin: where messages come from, one JSON object a line.
        stdout: where messages go; each line is flushed.
        stderr: logs, tracebacks and complaints.
        directory: where the disks of nodes are kept, a file each; a temporary one where None.

    Raises:
        NodeError: the directory can't be used, or holds a damaged disk.
    """
    if isinstance(stdin, TextIOWrapper):
        stdin.reconfigure(errors="replace")  # bytes that are no text make a bad line, not an end
    with TemporaryDirectory(prefix="clew-") as temporary:
        server = Server(node_class, stdout, stderr, directory or Path(temporary))
        lines: Queue[str | None] = Queue()
        Thread(target=_pump, args=(stdin, lines), daemon=True).start()
        try:
            with redirect_stdout(stderr):  # what a node prints is no message
                server.run(lines)
        except (BrokenPipeError, KeyboardInterrupt):
            pass  # whoever started this process wants no more of it
        finally:
            server.close()


def _pump(stdin: TextIO, lines: Queue[str | None]) -> None:
    """Put each line in a queue, and None at the end."""
    for line in stdin:
        lines.put(line)
    lines.put(None)


class Server:
    """The `Runtime` of one real process.

    Args:
        node_class: what to run.
        stdout: where messages go.
        stderr: where text goes.
        directory: where its disk is kept.

    Attributes:
        node: the instance; None before ``init``.
        disk: its disk; that of no node before ``init``.
    """

    def __init__(
        self, node_class: type[Node], stdout: TextIO, stderr: TextIO, directory: Path
    ) -> None:
        self.node: Node | None = None
        self.disk = Disk()
        self._node_class = node_class
        self._stdout = stdout
        self._stderr = stderr
        self._directory = directory
        self._handlers: dict[str, Callable[[Message], Any]] = {}
        self._timers: list[tuple[float, int, NodeTimer]] = []
        self._sequence = count()
        self._request_ids = count(1)
        self._waiting: dict[int, tuple[Future, NodeTimer]] = {}
        self._cause: Message | str = "start"
        self._random: Random | None = None
        self._task: Task | None = None

    # The loop.

    def run(self, lines: Queue[str | None]) -> None:
        """Handle lines and timers until a None comes."""
        number = 0
        while True:
            try:
                line = lines.get(timeout=self._seconds_to_timer())
            except Empty:
                self._fire_due()
                continue
            if line is None:
                return
            number += 1
            self._read(line, number)
            self._fire_due()

    def close(self) -> None:
        """Let go of the disk."""
        if isinstance(self.disk, JournalDisk):
            self.disk.close()

    def _seconds_to_timer(self) -> float | None:
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - wall.seconds())

    def _fire_due(self) -> None:
        due = wall.seconds()
        while self._timers and self._timers[0][0] <= due:
            _, _, timer = heappop(self._timers)
            if timer.cancelled:
                continue
            if timer.period:
                self._push(timer, timer.period)
            name = getattr(timer.callback, "__name__", "")
            self._guard(f"timer {name}".strip(), partial(timer.callback, *timer.args))

    def _push(self, timer: NodeTimer, seconds: float) -> None:
        heappush(self._timers, (wall.seconds() + seconds, next(self._sequence), timer))

    # Lines in.

    def _read(self, line: str, number: int) -> None:
        if not line.strip():
            return
        try:
            message = parse(line)
        except ValueError as bad:
            self._complain(number, str(bad), line)
            return
        if self.node is not None:
            self._receive(message)
        elif message.type == "init":
            self._boot(message, number, line)
        else:
            self._complain(number, "expected init as the first message", line)

    def _complain(self, number: int, reason: str, line: str) -> None:
        shown = line.strip()
        shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
        self.log(f"stdin:{number}: line skipped: {reason}, found {shown}")

    def _boot(self, message: Message, number: int, line: str) -> None:
        body = message.body
        name, names = body.get("node_id"), body.get("node_ids")
        if not isinstance(name, str) or not isinstance(names, list) or name not in names:
            self._complain(number, "expected an init with a node_id that is one of node_ids", line)
            return
        self.disk = JournalDisk(self._directory / f"{name}.jsonl")
        self.disk.attach(self._synced)
        self.node = node = object.__new__(self._node_class)
        node._runtime = self
        node.id = name
        node.node_ids = names
        node.peers = [other for other in names if other != name]
        self._guard(message, partial(self._construct, node, message))

    def _construct(self, node: Node, init: Message) -> Any:
        node.__init__()  # type: ignore[misc] # the instance had to exist before its __init__
        self._handlers = {
            message_type: getattr(node, name)
            for message_type, name in handlers_of(type(node)).items()
        }
        result: Any = node.start()  # a subclass's may be a coroutine
        self.reply(init, {"type": "init_ok"})
        return result

    def _receive(self, message: Message) -> None:
        """Complete the request that a reply answers, or call the handler of its type."""
        body = message.body
        reply_to = body.get("in_reply_to")
        waiting = self._waiting.pop(reply_to, None) if isinstance(reply_to, int) else None
        if waiting is not None:
            self._complete(waiting, body)
        elif message.type in self._handlers:
            self._guard(message, partial(self._handlers[message.type], message))
        elif message.type == "init":
            self.reply(message, {"type": "init_ok"})
        elif reply_to is None:
            text = f"{self._name} has no handler for {message.type!r}"
            self._fail(message, RPCError(10, text))
            self.log(text)

    def _complete(self, waiting: tuple[Future, NodeTimer], body: dict[str, Any]) -> None:
        future, timer = waiting
        timer.cancel()
        if body["type"] == "error":
            future.set_error(error_of(body))
        else:
            future.set_result(body)

    # The node's code.

    def _guard(self, cause: Message | str, code: Callable[[], Any]) -> None:
        """Run the node's code; what it raises is told, and answered where it can be."""
        before, self._cause = self._cause, cause
        try:
            result = code()
            if iscoroutine(result):
                Task(result, partial(self._step, cause))
        except BrokenPipeError:
            raise
        except RPCError as error:
            self._fail(cause, error)
        except Exception as error:  # noqa: BLE001 - whatever a user's node raises is told
            self.log(traceback.format_exc().rstrip())
            self._fail(cause, RPCError(13, repr(error)))
        finally:
            self._cause = before

    def _step(self, cause: Message | str, task: Task) -> None:
        before, self._task = self._task, task
        self._guard(cause, task.step)
        self._task = before

    def _unclaimed(self, owner: Task | None, result: Future, error: BaseException) -> None:
        """A spawned coroutine failed: told, unless its owner comes to await it."""
        if owner is None or owner.result.done:
            self._give_up(result, error)
            return
        give_up = partial(self._give_up, result, error)
        owner.result.when_done(give_up)
        self.after(CLAIM_SECONDS, give_up)

    def _give_up(self, result: Future, error: BaseException) -> None:
        if not result.awaited:
            result.awaited = True  # told once
            self.log("".join(traceback.format_exception(error)).rstrip())

    def _fail(self, cause: Message | str, error: RPCError) -> None:
        if isinstance(cause, Message) and "msg_id" in cause.body:
            self.reply(cause, error.body)

    @property
    def _name(self) -> str:
        return "?" if self.node is None else self.node.id

    # The calls of a node: see `Node`.

    def send(self, dest: str, body: Mapping[str, Any]) -> None:
        """See `Node.send`."""
        try:
            copy = frozen(dict(body))
            text = json_text({"src": self._name, "dest": dest, "body": copy})
        except (NotJson, ValueError) as bad:
            raise TypeError(f"{self._name} sent {dest} a body that JSON can't say: {bad}") from None
        self._stdout.write(f"{text}\n")
        self._stdout.flush()

    def reply(self, msg: Message, body: Mapping[str, Any]) -> None:
        """See `Node.reply`."""
        msg_id = msg.body.get("msg_id")
        self.send(msg.src, body if msg_id is None else {**body, "in_reply_to": msg_id})

    def rpc(self, dest: str, body: Mapping[str, Any], timeout: float) -> Future:
        """See `Node.rpc`."""
        future = Future()
        msg_id = next(self._request_ids)
        self._waiting[msg_id] = (future, self.after(timeout, self._expire, msg_id, dest))
        self.send(dest, {**body, "msg_id": msg_id})
        return future

    def _expire(self, msg_id: int, dest: str) -> None:
        waiting = self._waiting.pop(msg_id, None)
        if waiting is not None:
            waiting[0].set_error(RPCTimeout(f"no reply from {dest} in time"))

    def after(self, seconds: float, callback: Callable[..., Any], *args: Any) -> NodeTimer:
        """See `Node.after`."""
        timer = NodeTimer(callback, args, 0)
        self._push(timer, seconds)
        return timer

    def every(self, seconds: float, callback: Callable[..., Any], *args: Any) -> NodeTimer:
        """See `Node.every`."""
        if seconds <= 0:
            raise ValueError(f"every() takes a period above 0 s, not {seconds}")
        timer = NodeTimer(callback, args, seconds)
        self._push(timer, seconds)
        return timer

    def sleep(self, seconds: float) -> Future:
        """See `Node.sleep`."""
        future = Future()
        self.after(seconds, future.set_result, None)
        return future

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> Task:
        """See `Node.spawn`."""
        unclaimed = partial(self._unclaimed, self._task)
        return Task(coroutine, partial(self._step, self._cause), unclaimed)

    def now(self) -> float:
        """See `Node.now`."""
        return wall.seconds_since_1970()

    def monotonic(self) -> float:
        """See `Node.monotonic`."""
        return wall.seconds()

    def rng(self) -> Random:
        """See `Node.rng`."""
        if self._random is None:
            moment = int(wall.seconds_since_1970() * 1_000_000_000)
            self._random = Entropy(moment).random("process", self._name, os.getpid())
        return self._random

    def log(self, text: str) -> None:
        """See `Node.log`."""
        self._stderr.write(f"{text}\n")
        self._stderr.flush()

    def effect(self, msg: Message) -> None:
        """See `Node.effect`: there is no checker to tell."""

    def _synced(self, awaited: bool) -> Future | None:  # noqa: FBT001 - the disk's one question
        if not awaited:
            return None
        future = Future()
        self.disk.make_durable(self.disk.mark())
        future.set_result(None)
        return future


def _no_json(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_json)


def parse(line: str) -> Message:
    """The message of a line.

    Raises:
        ValueError: it is none; says what was expected.
    """
    try:
        found = _DECODER.decode(line)
    except (ValueError, RecursionError) as bad:
        raise ValueError(f"expected one JSON object a line ({bad})") from None
    wrong = _shape(found)
    if wrong is not None:
        raise ValueError(wrong)
    return Message(found["src"], found["dest"], found["body"])


def _shape(found: Any) -> str | None:
    """What was expected of a JSON value that is no message; None where it is one."""
    if not isinstance(found, dict):
        return "expected a JSON object"
    if not isinstance(found.get("src"), str) or not isinstance(found.get("dest"), str):
        return "expected src and dest to be strings"
    body = found.get("body")
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        return "expected body to be an object with a string type"
    return None
