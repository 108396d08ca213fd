"""One table of what comes in and what goes out, held by every runtime.

A row is a node class, the bodies that a client sends it in order, and the bodies that it sends.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from queue import Queue
from threading import Thread
from typing import Any, NamedTuple, TypeAlias

import pytest

from clew.machine.text import cut
from clew.node.message import ERROR_MAX, Message
from clew.node.node import Node, RPCError, RPCTimeout, on
from clew.runtimes.simulated import simulated
from clew.runtimes.stdio import serve

Body: TypeAlias = Mapping[str, Any]


class Collector:
    """A client in the simulation."""

    paused = False

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def receive(self, message: Message) -> None:
        self.bodies.append(message.body)

    def hold(self, callback: Callable[[Any], None], argument: Any) -> None:
        raise AssertionError


def in_simulation(
    node_class: type[Node], bodies: Sequence[Body], wanted: int
) -> list[dict[str, Any]]:
    """What the class sends its client in the simulation."""
    del wanted
    cluster = simulated(1, node_class, ["n1"])
    client, collector = cluster.add_client("c1"), Collector()
    client.process = collector
    cluster.boot()
    link = cluster.network.link(client, "n1")
    assert link is not None
    for rank, body in enumerate(bodies, 1):
        cluster.world.advance(rank * 1_000_000)
        link.emit(dict(body), False)
    cluster.world.advance(1_000_000_000)
    cluster.close()
    return collector.bodies


def real(node_class: type[Node], bodies: Sequence[Body], wanted: int) -> list[dict[str, Any]]:
    """What it sends as a real process; its stdin ends once it has sent as much as is wanted."""
    lines: Queue[str | None] = Queue()
    sent: Queue[str] = Queue()

    class Out(StringIO):
        def write(self, text: str) -> int:
            sent.put(text)
            return len(text)

    node = Thread(target=serve, args=(node_class, iter(lines.get, None), Out(), StringIO()))
    node.start()
    init = {"type": "init", "msg_id": 0, "node_id": "n1", "node_ids": ["n1"]}
    for body in (init, *bodies):
        lines.put(json.dumps({"src": "c1", "dest": "n1", "body": body}) + "\n")
    found = [json.loads(sent.get(timeout=10))["body"] for _ in range(wanted + 1)]
    lines.put(None)
    node.join(10)
    found += [json.loads(sent.get())["body"] for _ in range(sent.qsize())]
    assert {"type": "init_ok", "in_reply_to": 0} in found
    return [body for body in found if body["type"] != "init_ok"]


RUNTIMES = {"simulated": in_simulation, "real": real}


class Asking(Node):
    """Asks its client, whose request 1 it is, and says what came."""

    @on("ask")
    async def ask(self, msg: Message) -> None:
        try:
            answer = await self.rpc("c1", {"type": "question"}, timeout=0.05)
        except RPCTimeout:
            self.reply(msg, {"type": "ask_ok", "answer": None})
        except RPCError as error:
            self.reply(msg, {"type": "ask_ok", "code": error.code, "leader": error.leader})
        else:
            self.reply(msg, {"type": "ask_ok", "answer": answer["value"]})


class Odd(Node):
    """Goes wrong in every way."""

    @on("raise")
    def raises(self, msg: Message) -> None:
        raise ZeroDivisionError("by hand")

    @on("raise-later")
    async def raises_later(self, msg: Message) -> None:
        await self.sleep(0.001)
        raise ZeroDivisionError("later")

    @on("leave")
    def leaves(self, msg: Message) -> None:
        raise SystemExit(3)

    @on("unprintable")
    def unprintable(self, msg: Message) -> None:
        class Bad(Exception):  # noqa: N818
            def __repr__(self) -> str:
                raise RuntimeError

        raise Bad

    @on("refuse")
    async def refuses(self, msg: Message) -> None:
        raise RPCError(11, "x" * 3000, leader="n2")

    @on("spawn")
    async def spawns(self, msg: Message) -> None:
        async def fails() -> None:
            raise RPCError(20, "mine")

        try:
            await self.spawn(fails())
        except RPCError as error:
            self.reply(msg, {"type": "spawn_ok", "code": error.code})

    @on("gather")
    async def gathers(self, msg: Message) -> None:
        async def gives(value: int) -> int:
            await self.sleep(0.001 * value)
            return value

        values = await self.gather([gives(3), gives(1), gives(2)], 2)
        self.reply(msg, {"type": "gather_ok", "values": values})

    @on("every")
    def repeats(self, msg: Message) -> None:
        def tick() -> None:
            ticks.append(None)
            if len(ticks) == 3:
                timer.cancel()
                self.reply(msg, {"type": "every_ok"})

        ticks: list[None] = []
        timer = self.every(0.001, tick)

    @on("every-never")
    def never(self, msg: Message) -> None:
        self.every(1e-10, print)

    @on("after-nan")
    def nan(self, msg: Message) -> None:
        self.after(float("nan"), print)

    @on("after-before")
    def early(self, msg: Message) -> None:
        self.after(-1.0, self.reply, msg, {"type": "after_ok"})

    @on("timer-coroutine")
    def timer_coroutine(self, msg: Message) -> None:
        async def later() -> None:
            await self.sleep(0.001)
            self.reply(msg, {"type": "timer_ok"})

        self.after(0.001, later)

    @on("generator")
    def generator(self, msg: Message) -> Any:
        self.reply(msg, {"type": "generator_ok"})
        yield

    @on("tuple")
    def tuples(self, msg: Message) -> None:
        self.reply(msg, {"type": "tuple_ok", "value": (1, (2, None))})


class Row(NamedTuple):
    """What comes in and what goes out."""

    title: str
    node_class: type[Node]
    bodies: Sequence[Body]
    sent: Sequence[Body]


ASK: Body = {"type": "ask", "msg_id": 7}
QUESTION: Body = {"type": "question", "msg_id": 1}


def answer(**fields: Any) -> Body:
    return {"type": "ask_ok", **fields, "in_reply_to": 7}


def error(code: int, text: str, **fields: Any) -> Body:
    return {"type": "error", "code": code, "text": text, **fields, "in_reply_to": 7}


def asked(kind: str) -> list[Body]:
    return [{"type": kind, "msg_id": 7}]


TABLE = [
    Row(
        "a reply completes the request that it names",
        Asking,
        [ASK, {"type": "question_ok", "in_reply_to": 1, "value": 5}],
        [QUESTION, answer(answer=5)],
    ),
    *(
        Row(
            f"in_reply_to: {wrong!r} answers no request",
            Asking,
            [ASK, {"type": "question_ok", "in_reply_to": wrong, "value": 5}],
            [QUESTION, answer(answer=None)],
        )
        for wrong in (True, 1.0, "1", None, [1], 2)
    ),
    Row(
        "a second reply is nothing",
        Asking,
        [ASK, *[{"type": "question_ok", "in_reply_to": 1, "value": value} for value in (5, 6)]],
        [QUESTION, answer(answer=5)],
    ),
    Row(
        "an error reply raises",
        Asking,
        [ASK, {"type": "error", "in_reply_to": 1, "code": 11, "leader": "n3"}],
        [QUESTION, answer(code=11, leader="n3")],
    ),
    *(
        Row(
            f"an error reply with the code {code!r} is a crash",
            Asking,
            [ASK, {"type": "error", "in_reply_to": 1, "code": code, "leader": 3}],
            [QUESTION, answer(code=13, leader=None)],
        )
        for code in (True, "11", None)
    ),
    Row(
        "what nobody handles is answered", Odd, asked("nonsense"),
        [error(10, "n1 has no handler for 'nonsense'")],
    ),
    Row("but only where an answer is asked for", Odd, [{"type": "nonsense"}], []),
    Row("a reply that nobody awaits is not answered", Odd, asked("read_ok"), []),
    Row("nor is an error", Odd, asked("error"), []),
    Row(
        "an exception is answered", Odd, asked("raise"),
        [error(13, "ZeroDivisionError('by hand')")],
    ),
    Row("of a coroutine too", Odd, asked("raise-later"), [error(13, "ZeroDivisionError('later')")]),
    Row("a process does not leave by itself", Odd, asked("leave"), [error(13, "SystemExit(3)")]),
    Row(
        "an error without words ends nothing", Odd, asked("unprintable"),
        [error(13, "<Bad, whose __repr__ fails>")],
    ),
    Row(
        "a tuple travels as a list", Odd, asked("tuple"),
        [{"type": "tuple_ok", "value": [1, [2, None]], "in_reply_to": 7}],
    ),
    Row(
        "an RPCError is the reply, its text cut", Odd, asked("refuse"),
        [error(11, cut("x" * 3000, ERROR_MAX), leader="n2")],
    ),
    Row(
        "a spawned coroutine's error is its owner's", Odd, asked("spawn"),
        [{"type": "spawn_ok", "code": 20, "in_reply_to": 7}],
    ),
    Row(
        "the first answers count", Odd, asked("gather"),
        [{"type": "gather_ok", "values": [1, 2], "in_reply_to": 7}],
    ),
    Row("a timer repeats until it is cancelled", Odd, asked("every"),
        [{"type": "every_ok", "in_reply_to": 7}]),
    Row(
        "a period rounds to no time", Odd, asked("every-never"),
        [error(13, "ValueError('every() takes a period above 0 s, not 1e-10')")],
    ),
    Row(
        "a timer of no time at all", Odd, asked("after-nan"),
        [error(13, "ValueError('expected a number of seconds below 1e+290, found nan')")],
    ),
    Row("a timer in the past is due", Odd, asked("after-before"),
        [{"type": "after_ok", "in_reply_to": 7}]),
    Row("a timer's coroutine runs", Odd, asked("timer-coroutine"),
        [{"type": "timer_ok", "in_reply_to": 7}]),
    Row("a generator does not", Odd, asked("generator"), []),
]  # fmt: skip


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("row", TABLE, ids=[row.title for row in TABLE])
def test_every_runtime_does_the_same(row: Row, runtime: str) -> None:
    assert RUNTIMES[runtime](row.node_class, row.bodies, len(row.sent)) == list(row.sent)
