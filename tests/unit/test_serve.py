"""The same class as a real process: lines in, lines out."""

import json
import os
import threading
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from queue import Queue
from typing import Any, Self

import pytest

from clew.errors import NodeError
from clew.models.abd import ABD
from clew.models.crdt import GCounter
from clew.models.echo import Echo
from clew.node.message import Message
from clew.node.node import Node, RPCError, on
from clew.runtimes.journal import JournalDisk
from clew.runtimes.stdio import serve


def line(msg_type: str, msg_id: int = 9, src: str = "c1", **fields: Any) -> str:
    return json.dumps(
        {"src": src, "dest": "n1", "body": {"type": msg_type, "msg_id": msg_id, **fields}}
    )


def init(*names: str) -> str:
    return line("init", 1, "c0", node_id="n1", node_ids=list(names or ("n1",)))


INIT_OK = {"type": "init_ok", "in_reply_to": 1}


def talk(
    node_class: type[Node], *lines: str, directory: Path | None = None
) -> tuple[list[dict[str, Any]], list[str]]:
    """The bodies it sent and the lines of its stderr."""
    stdout, stderr = StringIO(), StringIO()
    stdin = StringIO("".join(f"{text}\n" for text in lines))
    serve(node_class, stdin, stdout, stderr, directory=directory)
    sent = [json.loads(text)["body"] for text in stdout.getvalue().splitlines()]
    return sent, stderr.getvalue().splitlines()


def test_echo_answers_with_the_sender_and_the_request_named() -> None:
    stdout = StringIO()
    serve(Echo, StringIO(f"{init()}\n{line('echo', echo=[1])}\n"), stdout, StringIO())
    assert [json.loads(text) for text in stdout.getvalue().splitlines()] == [
        {"src": "n1", "dest": "c0", "body": INIT_OK},
        {"src": "n1", "dest": "c1", "body": {"type": "echo_ok", "echo": [1], "in_reply_to": 9}},
    ]


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ("hello", "expected one JSON object per line (Expecting value: line 1 column 1 (char 0))"),
        ("[1]", "expected a JSON object"),
        ('{"dest": "n1", "body": {"type": "x"}}', "expected src and dest to be strings"),
        (
            '{"src": "c1", "dest": "n1", "body": {"type": 3}}',
            "expected body to be an object with a string type",
        ),
    ],
)
def test_a_bad_line_is_told_and_skipped(bad: str, complaint: str) -> None:
    sent, said = talk(Echo, init(), "", bad, line("echo", echo=1))
    assert said == [f"stdin:3: line skipped: {complaint}, found {bad}"]
    assert sent[1] == {"type": "echo_ok", "echo": 1, "in_reply_to": 9}


def test_bytes_that_are_no_text_are_a_bad_line() -> None:
    stdout, stderr = StringIO(), StringIO()
    data = f"{init()}\n".encode() + b"\xff\xfe\n" + f"{line('echo', echo=1)}\n".encode()
    serve(Echo, TextIOWrapper(BytesIO(data), "utf-8"), stdout, stderr)
    assert stderr.getvalue().startswith("stdin:2: line skipped: expected one JSON object per line")
    assert len(stdout.getvalue().splitlines()) == 2


class Stillborn(Node):
    """Can't start."""

    def start(self) -> None:
        raise RuntimeError("no")


def test_a_node_that_cannot_start_says_so_once() -> None:
    sent, said = talk(Stillborn, init())
    error = {"type": "error", "code": 13, "text": "RuntimeError('no')", "in_reply_to": 1}
    assert sent == [error]
    assert said[-1] == "RuntimeError: no"


def test_a_long_bad_line_is_cut() -> None:
    _, said = talk(Echo, init(), "x" * 5000)
    assert len(said) == 1
    assert said[0].endswith("x...")
    assert len(said[0]) < 400


@pytest.mark.parametrize(
    ("first", "complaint"),
    [
        (line("echo", echo=1), "expected init as the first message"),
        (line("init", node_ids=["n1"]), "expected an init with a node_id that is one of node_ids"),
        (
            line("init", node_id="n9", node_ids=["n1"]),
            "expected an init with a node_id that is one of node_ids",
        ),
    ],
)
def test_nothing_but_a_good_init_comes_first(first: str, complaint: str) -> None:
    sent, said = talk(Echo, first, init())
    assert said == [f"stdin:1: line skipped: {complaint}, found {first}"]
    assert sent == [INIT_OK]


class Odd(Node):
    """Goes wrong in every way."""

    @on("raise")
    def raises(self, msg: Message) -> None:
        raise ZeroDivisionError("by hand")

    @on("refuse")
    async def refuses(self, msg: Message) -> None:
        await self.sleep(0)
        raise RPCError(11, "not now")

    @on("not-json")
    def not_json(self, msg: Message) -> None:
        self.reply(msg, {"type": "ok", "value": {1, 2}})

    @on("log")
    def logs(self, msg: Message) -> None:
        self.log("a line")


def test_what_a_handler_raises_is_answered_and_told() -> None:
    sent, said = talk(Odd, init(), line("raise"), line("log"))
    assert sent[1:] == [
        {"type": "error", "code": 13, "text": "ZeroDivisionError('by hand')", "in_reply_to": 9}
    ]
    assert said[0] == "Traceback (most recent call last):"
    assert said[-2:] == ["ZeroDivisionError: by hand", "a line"]


def test_an_error_reply_and_an_unknown_type() -> None:
    sent, _ = talk(Odd, init(), line("refuse"), line("nonsense", 10))
    assert {"type": "error", "code": 11, "text": "not now", "in_reply_to": 9} in sent
    unknown = "n1 has no handler for 'nonsense'"
    assert {"type": "error", "code": 10, "text": unknown, "in_reply_to": 10} in sent


def test_a_body_that_json_cannot_say_is_the_nodes_error() -> None:
    sent, said = talk(Odd, init(), line("not-json"))
    assert sent[1]["code"] == 13
    assert said[-1] == "TypeError: n1 sent a body that JSON can't say: value is a set"


def test_the_disk_survives_the_process(tmp_path: Path) -> None:
    add = line("add", delta=4)
    talk(GCounter, init(), add, directory=tmp_path)
    sent, _ = talk(GCounter, init(), add, line("read"), directory=tmp_path)
    assert sent[-1]["value"] == 8


def test_a_process_without_a_directory_forgets() -> None:
    for _ in range(2):
        sent, _ = talk(GCounter, init(), line("add", delta=4), line("read"))
        assert sent[-1]["value"] == 4


def test_a_quorum_of_one_answers_at_once() -> None:
    sent, _ = talk(ABD, init(), line("write", key=1, value=[2]), line("read", key=1))
    assert [body["type"] for body in sent] == ["init_ok", "write_ok", "read_ok"]


class Live:
    """A process on pipes, in a thread, so that a test can answer what it asks."""

    def __init__(self, node_class: type[Node]) -> None:
        read_in, write_in = os.pipe()
        read_out, write_out = os.pipe()
        self.lines_in = os.fdopen(write_in, "w")
        self.lines_out = os.fdopen(read_out)
        self.stderr = StringIO()
        self._ends = os.fdopen(read_in), os.fdopen(write_out, "w")
        self.thread = threading.Thread(target=serve, args=(node_class, *self._ends, self.stderr))
        self.thread.start()

    def tell(self, text: str) -> None:
        self.lines_in.write(f"{text}\n")
        self.lines_in.flush()

    def hear(self) -> dict[str, Any]:
        return json.loads(self.lines_out.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()
        self.lines_out.close()

    def stop(self) -> None:
        self.lines_in.close()
        self.thread.join(10)
        for end in self._ends:
            end.close()


def test_rpc_retries_and_finishes_in_real_time() -> None:
    with Live(ABD) as live:
        live.tell(init("n1", "n2", "n3"))
        assert live.hear()["body"] == INIT_OK
        live.tell(line("read", key=1))
        asked = [live.hear() for _ in range(4)]  # the second pair is the retry, by timer
        assert [message["dest"] for message in asked] == ["n2", "n3", "n2", "n3"]
        last = asked[-1]["body"]
        register = {"tag": [3, "n3"], "value": 5}
        answer = {"type": "get_ok", "register": register, "in_reply_to": last["msg_id"]}
        live.tell(json.dumps({"src": "n3", "dest": "n1", "body": answer}))
        put = live.hear()
        assert put["body"]["type"] == "put"
        done = {"type": "put_ok", "in_reply_to": put["body"]["msg_id"]}
        live.tell(json.dumps({"src": put["dest"], "dest": "n1", "body": done}))
        replies = iter(live.hear, None)
        assert next(m for m in replies if m["dest"] == "c1")["body"]["value"] == 5


class Wire:
    """Three processes, and threads that carry each line to whom it is for."""

    def __init__(self, node_class: type[Node]) -> None:
        self.nodes = {name: Live(node_class) for name in ("n1", "n2", "n3")}
        self.replies: Queue[dict[str, Any]] = Queue()
        self.lock = threading.Lock()
        self.threads = [
            threading.Thread(target=self.carry, args=(node,)) for node in self.nodes.values()
        ]
        for thread in self.threads:
            thread.start()
        for name in self.nodes:
            self.ask(name, "init", node_id=name, node_ids=list(self.nodes))

    def carry(self, node: Live) -> None:
        for text in node.lines_out:
            message = json.loads(text)
            with self.lock:  # it may end between a look and a word
                node_at = self.nodes.get(message["dest"])
                if node_at is not None:
                    node_at.tell(text.strip())
                    continue
            self.replies.put(message["body"])

    def ask(self, name: str, msg_type: str, **fields: Any) -> dict[str, Any]:
        with self.lock:
            self.nodes[name].tell(line(msg_type, **fields))
        return self.replies.get(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        with self.lock:
            live, self.nodes = self.nodes, {}
        for node in live.values():
            node.stop()
        for thread in self.threads:
            thread.join(10)
        for node in live.values():
            node.lines_out.close()


def test_three_processes_keep_a_register() -> None:
    with Wire(ABD) as wire:
        assert wire.ask("n1", "write", key=1, value="a")["type"] == "write_ok"
        assert wire.ask("n2", "write", key=1, value="b")["type"] == "write_ok"
        assert [wire.ask(name, "read", key=1)["value"] for name in wire.nodes] == ["b"] * 3


def test_three_processes_converge() -> None:
    with Wire(GCounter) as wire:
        for name in wire.nodes:
            wire.ask(name, "add", delta=2)
        reads = (wire.ask("n1", "read")["value"] for _ in range(100_000))
        assert next(value for value in reads if value == 6)


class Ticker(Node):
    """Ticks, and says its clocks and draws are there."""

    def start(self) -> None:
        self.ticks = 0
        self.timer = self.every(0.005, self.tick)
        self.after(0.001, self.unheard).cancel()

    def unheard(self) -> None:
        raise AssertionError

    def tick(self) -> None:
        self.ticks += 1
        if self.ticks == 3:
            self.timer.cancel()
            fits = 1.7e9 < self.now() < 1e11 and 0 <= self.rng.random() < 1
            self.send("c1", {"type": "ticked", "fits": fits, "up": self.monotonic() >= 0})


def test_timers_clocks_and_draws() -> None:
    with Live(Ticker) as live:
        live.tell(init())
        assert live.hear()["body"] == INIT_OK
        assert live.hear()["body"] == {"type": "ticked", "fits": True, "up": True}


# The disk's file.


def test_a_journal_gives_back_entries_and_files(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "n1.jsonl"
    disk = JournalDisk(path)
    disk["a/ü"] = {"x": [1, None]}
    disk["gone"] = 1
    disk.append("log", bytes(range(256)))
    disk.append("log", b"more")
    disk.fsync()
    del disk["gone"]
    disk.truncate("log", 3)
    disk.append("log", b"!")
    disk.rename("log", "old")
    disk.update({"p": 1, "q": [2]})
    disk.fsync()
    disk["a/ü"] = "not synced"
    disk.close()
    for _ in range(2):
        again = JournalDisk(path)
        assert dict(again) == {"a/ü": {"x": [1, None]}, "p": 1, "q": [2]}
        assert again.files() == ["old"]
        assert again.read("old") == b"\x00\x01\x02!"
        again.close()


def test_several_entries_in_one_write_are_one_line_of_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "n1.jsonl"
    disk = JournalDisk(path)
    disk.update(a=1, b=2)
    disk.update({})
    disk.fsync()
    disk.close()
    assert path.read_bytes() == b'{"path": "a", "value": 1, "others": {"b": 2}}\n'
    path.write_bytes(path.read_bytes()[:-1])  # a crash cut it short: none of it is there
    again = JournalDisk(path)
    assert dict(again) == {}
    again.close()


def test_a_journals_last_line_may_be_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "n1.jsonl"
    path.write_bytes(b'{"path": "a", "value": 1}\n{"path": "a", "val')
    disk = JournalDisk(path)
    assert disk["a"] == 1
    disk.close()
    assert path.read_bytes() == b'{"path": "a", "value": 1}\n'


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "n1.jsonl"
    path.write_bytes(b'{"path": "a", "value": 1}\nnonsense\n{"path": "a", "value": 2}\n')
    with pytest.raises(NodeError) as refused:
        JournalDisk(path)
    assert str(refused.value) == (
        f"{path}:2: not a line of a disk's journal: nonsense "
        "(Expecting value: line 1 column 1 (char 0)). "
        "Remove the file to start with an empty disk."
    )


def test_a_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NodeError) as refused:
        talk(Echo, init(), directory=tmp_path / "file")
    assert "the disk's file can't be used" in str(refused.value)


class Talkative(Node):
    @on("echo")
    def echo(self, msg: Message) -> None:
        print("got one")
        self.reply(msg, {"type": "echo_ok"})


def test_what_a_node_prints_is_no_message() -> None:
    sent, told = talk(Talkative, init(), line("echo"))
    assert [body["type"] for body in sent] == ["init_ok", "echo_ok"]
    assert told == ["got one"]
