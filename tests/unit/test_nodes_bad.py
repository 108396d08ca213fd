"""Nodes that go wrong in ways of their own: a finding or one message each, never a crash."""

import os
import socket
from pathlib import Path

import pytest

import clew
from clew.checkers.verdict import Verdict
from clew.cli import main
from clew.errors import NodeError
from clew.node.message import DEPTH_MAX
from clew.node.node import Node, on
from clew.runtimes.simulated import simulated

S = 1_000_000_000
QUICK = {"node_count": 3, "time_limit": 2}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Echo(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        self.bad(msg)
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})

    def bad(self, msg):
        raise NotImplementedError


class Custom(BaseException):
    pass


class Unspeakable(Exception):  # noqa: N818 - it has no words
    def __str__(self):
        raise ValueError

    __repr__ = __str__


class UnspeakableBase(BaseException):
    def __str__(self):
        raise Custom

    __repr__ = __str__


def raising(error):
    def bad(self, msg):
        raise error

    return bad


def sending(body):
    def bad(self, msg):
        self.send(self.peers[0], {"type": "x", "v": body})

    return bad


def replying(body):
    def bad(self, msg):
        self.reply(msg, body)

    return bad


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


CYCLE = {}
CYCLE["it"] = [CYCLE]


async def _ping(self):
    pass


FINDINGS = {
    # name: (what a node does, the kind of the finding, its reason's beginning)
    "a BaseException": (raising(Custom("x")), "exception", "Custom: x"),
    "KeyboardInterrupt": (raising(KeyboardInterrupt()), "exception", "KeyboardInterrupt: "),
    "SystemExit": (raising(SystemExit(3)), "exception", "SystemExit: 3"),
    "GeneratorExit": (raising(GeneratorExit()), "exception", "GeneratorExit: "),
    "a __str__ that raises": (
        raising(Unspeakable()), "exception", "Unspeakable, whose __str__ raised ValueError"),
    "a __str__ that raises anything": (
        raising(UnspeakableBase()), "exception", "UnspeakableBase, whose __str__ raised Custom"),
    "ten megabytes": (raising(ValueError("x" * 10_000_000)), "exception", "ValueError: xxx"),
    "an error of ten megabytes": (
        raising(clew.RPCError("x" * 10_000_000)), "malformed-reply", "expected an integer 'code'"),
    "an integer of 5,001 digits": (
        replying({"type": "echo_ok", "echo": [10**5000]}), "malformed-reply",
        "expected integers of at most 4,200 digits in echo_ok, found {'type': 'echo_ok'"),
    "an error with such an integer": (
        replying({"type": "error", "code": 10**5000}), "malformed-reply",
        "expected integers of at most 4,200 digits in error, found {'type': 'error'"),
    "NaN": (
        sending(float("nan")), "malformed-message", "sent a body that JSON can't say: v is nan"),
    "infinity in a list": (
        sending([1, [float("-inf")]]), "malformed-message",
        "sent a body that JSON can't say: v[1][0] is -inf, which JSON has no word for"),
    "a cycle": (
        sending(CYCLE), "malformed-message", "sent a body that JSON can't say: body is cyclic"),
    "a deep body": (
        sending(deep(5000)), "malformed-message",
        f"sent a body that JSON can't say: body is nested more than {DEPTH_MAX} levels deep"),
    "a body without an end": (
        sending(deep(200_000)), "malformed-message",
        f"sent a body that JSON can't say: body is nested more than {DEPTH_MAX} levels deep"),
    "a coroutine that nobody awaits": (
        lambda self, _: _ping(self) and None, "never-awaited", "_ping() was called without await"),
}  # fmt: skip


@pytest.mark.parametrize("name", FINDINGS)
def test_what_a_node_does_is_a_finding(name):
    bad, kind, reason = FINDINGS[name]
    result = clew.run(type("Bad", (Echo,), {"bad": bad}), **QUICK)
    assert result.verdict is Verdict.INVALID
    first = result.findings[0]
    assert first.kind == kind
    assert first.reason.startswith(reason)
    assert Path(__file__).name in first.place or kind == "malformed-reply"
    assert len(result.report()) < 60_000
    assert max(len(str(one.error)) for one in result.history.operations) < 5_000


RAISED = [SystemExit(0), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), ValueError("x")]


@pytest.mark.parametrize("raised", RAISED, ids=repr)
@pytest.mark.parametrize("hook", ["__getattribute__", "__setattr__"])
def test_what_a_class_raises_wherever_it_is_touched_is_its_own(hook, raised):
    def touched(self, name, *_):
        if name.startswith("on_"):
            return object.__getattribute__(self, name)
        raise raised

    result = clew.run(type("Bad", (Echo,), {hook: touched, "bad": _sets}), **QUICK)
    assert result.verdict is Verdict.INVALID
    assert result.findings[0].kind == "exception"
    assert result.findings[0].reason.startswith(type(raised).__name__)


def _sets(self, _):
    self.x = 1


@pytest.mark.parametrize("name", ["id", "peers", "node_ids", "send"])
def test_a_property_may_have_the_name_of_what_a_node_has(name):
    own = property(lambda self: vars(self)[name])
    result = clew.run(type("Fine", (Echo,), {name: own, "bad": lambda *_: None}), **QUICK)
    assert result.verdict in {Verdict.VALID, Verdict.UNKNOWN}
    assert not result.findings


@pytest.mark.parametrize("raised", ["SystemExit(0)", "KeyboardInterrupt", "ValueError", "1 / 0"])
@pytest.mark.parametrize("runs", ["1", "2"])
def test_what_is_raised_where_no_handler_runs_names_the_line(raised, runs, capsys):
    Path("n.py").write_text(
        "from clew import Node, on\nclass Held:\n    n = 0\n"
        f"    def __reduce_ex__(self, _):\n        raise {raised}\n    __deepcopy__ = __copy__ = "
        "__reduce_ex__\nheld = Held()\nclass M(type):\n    @property\n    def tolerates(cls):\n"
        f"        raise {raised}\nclass N(Node, metaclass=M):\n    workload = 'echo'\n"
        "    @on('echo')\n    def echo(self, msg): pass\n"
    )
    assert main(["test", "n.py", "--runs", runs]) == 64
    told = capsys.readouterr().err
    assert told.startswith("clew: ")
    assert "n.py:11: the code raises where Clew looks at a class or an object" in told


@pytest.mark.parametrize("levels", [1, DEPTH_MAX - 2])
def test_a_body_that_is_not_too_deep_is_sent(levels):
    result = clew.run(type("Fine", (Echo,), {"bad": sending(deep(levels)), "x": _x}), **QUICK)
    assert result.verdict is Verdict.VALID


@on("x")
def _x(self, msg):
    pass


def test_a_number_of_thousands_of_digits_is_sent():
    result = clew.run(type("Fine", (Echo,), {"bad": sending(10**5000), "x": _x}), **QUICK)
    assert result.verdict is Verdict.VALID
    assert result.report()


class Hooks(Echo):
    """Whose hooks go wrong instead of its handlers."""

    def bad(self, msg):
        pass

    def role(self):
        raise Custom

    def observe(self):
        raise Custom


class Odd(Hooks):
    def role(self):
        return Unspeakable()

    def observe(self):
        return {"x": Unspeakable(), 3: {1, 2}}

    @staticmethod
    def broken(nodes):
        return clew.Violation(Unspeakable(), ("n0",), {("a", 1): Unspeakable(), 2: float("nan")})

    invariants = (broken,)


@pytest.mark.parametrize(
    ("node_class", "kind"), [(Hooks, "exception"), (Odd, "invariant")]
)  # fmt: skip
def test_hooks_that_go_wrong_are_findings(node_class, kind):
    result = clew.run(node_class, **QUICK)
    assert result.findings[0].kind == kind
    assert result.explain()


class Yielding(Hooks):
    def role(self):
        return None

    @on("echo")
    def echo(self, msg):
        yield self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


def test_a_handler_with_a_yield_is_found():
    finding = clew.run(Yielding, **QUICK).findings[0]
    assert finding.kind == "never-awaited"
    assert finding.reason.startswith("echo() has a yield")


class Starting(Hooks):
    def role(self):
        return None

    def start(self):
        _ping(self)  # here


def test_a_coroutine_that_nobody_awaits_is_found_at_its_line_without_a_warning(recwarn):
    finding = clew.run(Starting, **QUICK).findings[0]
    line = int(finding.place.rpartition(":")[2])
    assert Path(__file__).read_text().splitlines()[line - 1].endswith("# here")
    assert not list(recwarn)


class Keeping(Hooks):
    """Keeps a coroutine for each request."""

    def __init__(self):
        self.kept = []

    def role(self):
        return None

    async def ping(self):
        self.pinged = True

    @on("echo")
    def echo(self, msg):
        self.keep(self.ping())
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})

    def keep(self, coroutine):
        self.kept.append(coroutine)


class KeepingDeep(Keeping):
    def keep(self, coroutine):
        self.kept.append({"why": ("later", [coroutine])})


class KeepingJobs(Keeping):
    """Keeps them and runs them, the first come first, a while later."""

    def start(self):
        self.every(0.3, self.work)

    def work(self):
        while self.kept:
            self.spawn(self.kept.pop(0))


@pytest.mark.parametrize("node_class", [Keeping, KeepingDeep])
def test_a_coroutine_that_is_kept_and_never_awaited_is_found(node_class, recwarn):
    found = clew.run(node_class, **QUICK, recovery=2).findings
    assert [(one.kind, one.node) for one in found] == [
        ("never-awaited", name) for name in ("n0", "n1", "n2")
    ]
    assert found[0].reason.startswith("ping() was called and its coroutine is kept in self.kept, ")
    line = int(found[0].place.rpartition(":")[2])
    assert Path(__file__).read_text().splitlines()[line - 1].strip() == "async def ping(self):"
    assert not list(recwarn)


def test_a_coroutine_that_is_kept_and_run_later_is_not(recwarn):
    assert not clew.run(KeepingJobs, **QUICK, recovery=2).findings
    assert not clew.run(Keeping, **QUICK, recovery=0).findings  # nothing had time to begin
    assert not list(recwarn)


def test_a_second_handler_of_a_type_is_refused_with_both_lines():
    with pytest.raises(NodeError, match="second handler of messages of type 'a'") as caught:

        class Twice(Node):
            @on("a")
            def one(self, msg): ...

            @on("a")
            def one(self, msg): ...  # noqa: F811 - the same name hides the first

    assert str(caught.value).count(f"{Path(__file__).name}:") == 2
    with pytest.raises(NodeError, match="one handler can't be marked twice"):

        class Stacked(Node):
            @on("a")
            @on("b")
            def one(self, msg): ...


def test_a_subclass_may_override_a_handler():
    class Base(Node):
        @on("a")
        def one(self, msg): ...

    class Same(Base):
        @on("a")
        def one(self, msg): ...

    class Other(Base):
        @on("a")
        def two(self, msg): ...

    assert Same.one is not Base.one
    assert Other.two is not Base.one


class Acknowledging(Echo):
    """Acknowledges acknowledgements."""

    def bad(self, msg):
        for peer in self.peers:
            self.send(peer, {"type": "ping"})

    @on("ping")
    def ping(self, msg):
        self.send(msg.src, {"type": "pong"})

    @on("pong")
    def pong(self, msg):
        self.send(msg.src, {"type": "ping"})


class Token(Echo):
    """A correct node whose messages never end: a token goes round."""

    def bad(self, msg):
        pass

    def start(self):
        if self.id == self.node_ids[0]:
            self.pass_on(None)

    @on("token")
    def pass_on(self, msg):
        own = self.node_ids.index(self.id)
        self.send(self.node_ids[(own + 1) % len(self.node_ids)], {"type": "token"})


class Busy(Token):
    """A correct node that floods, many times a second, and acknowledges once."""

    def start(self):
        self.every(0.001, self.tick)

    def tick(self):
        for peer in self.peers:
            self.send(peer, {"type": "flood"})

    @on("flood")
    def flood(self, msg):
        self.send(msg.src, {"type": "flood_ok"})

    @on("flood_ok")
    def flood_ok(self, msg):
        pass


@pytest.mark.parametrize("latency", [0, 10])
@pytest.mark.parametrize("nodes", [2, 3, 5])
def test_a_message_loop_is_named_and_stopped(latency, nodes):
    result = clew.run(Acknowledging, node_count=nodes, latency=latency, rate=20, time_limit=60)
    [finding] = [one for one in result.findings if one.kind == "message-loop"]
    assert "ping (Acknowledging.ping) -> pong (Acknowledging.pong) -> ping" in finding.reason
    assert Path(__file__).name in finding.place
    assert result.outcome.run.events < 2_000_000


@pytest.mark.parametrize(("node_class", "nodes"), [(Token, 3), (Busy, 3), (Busy, 5)])
def test_many_messages_are_no_loop(node_class, nodes):
    result = clew.run(node_class, node_count=nodes, time_limit=6, recovery=4)
    assert result.verdict is Verdict.VALID
    assert result.outcome.run.messages > 20_000


def test_a_workload_that_the_node_does_not_speak_is_refused_before_it_runs(tmp_path, capsys):
    path = tmp_path / "node.py"
    path.write_text(
        "from clew import Node, on\nclass N(Node):\n    @on('read')\n    def read(self, m): 1 / 0\n"
    )
    assert main(["test", str(path), "-w", "broadcast"]) == 64
    told = capsys.readouterr().err
    assert told.endswith(
        "node.py: class N: this node does not speak the workload broadcast: expected handlers of "
        "topology, broadcast, read, found handlers of read. Write @on('topology'), or say "
        "functions = ('read',) in the class, or choose another workload.\n"
    )
    for words in ("raft -w kafka", "echo -w lin-kv", "gossip -w g-counter"):
        assert main(["test", *words.split()]) == 64
    assert not Path("out").exists()


PROGRAMS = [
    "import sys\nfor line in sys.stdin: print(line)\n",
    "from sys import stdin\nwhile line := stdin.readline(): pass\n",
    "while True: input()\n",
    "import fileinput, os\nos.read(0, 10)\n",
    "from maelstrom import Node\nnode = Node()\n@node.handler\ndef echo(r): ...\nnode.run()\n",
    "import json\nclass Node: pass\nif __name__ == '__main__':\n    for line in open(0): pass\n",
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_maelstroms_is_recognised_and_not_run(program, tmp_path, capsys):
    path = tmp_path / "program.py"
    path.write_text(f"{program}\nraise AssertionError('it was run')\n")
    assert main(["test", str(path)]) == 64
    assert "this is a program that reads messages from stdin" in capsys.readouterr().err


SPECIAL = ("folder", "pipe", "socket", "device", "loop")


@pytest.fixture
def special():
    for ending in ("py", "toml", "json", "jsonl"):
        Path(f"folder.{ending}").mkdir()
        os.mkfifo(f"pipe.{ending}")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"socket.{ending}")
        Path(f"device.{ending}").symlink_to("/dev/zero")
        Path(f"loop.{ending}").symlink_to(f"loop.{ending}")


READ = ["test {}.py", "test {}.toml", "replay {}.json", "shrink {}.json", "check {}.jsonl",
        "serve-node {}.py"]  # fmt: skip
WRITTEN = ["test echo --junit {}.json", "check h.jsonl --dot {}.json"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files")
@pytest.mark.parametrize("command", READ + WRITTEN)
@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_regular_file_is_refused_in_one_line(kind, command, special, capsys):
    if kind == "folder" and command == "test {}.toml":
        pytest.skip("a folder of scenarios")
    if kind == "loop" and command in WRITTEN:
        pytest.skip("a link is replaced")
    assert main(command.format(kind).split()) == 64
    told = capsys.readouterr()
    assert len(told.err.splitlines()) == 1
    assert kind in told.err
    assert not told.out


def test_a_path_that_the_system_refuses_is_no_mistake_of_ours(capsys):
    for command in ("test", "replay", "shrink", "check", "serve-node"):
        assert main([command, "x" * 300]) == 64
        assert main([command, "x" * 300 + ".py"]) == 64
        assert main([command, ""]) == 64
    assert all(line.startswith("clew: ") for line in capsys.readouterr().err.splitlines())


def test_the_storm_of_one_batch_does_not_hide_the_loop():
    cluster = simulated(1, Acknowledging, ["n1", "n2"])
    cluster.boot()
    for _ in range(200):
        cluster.hosts["n1"].process.send("n2", {"type": "ping"})
    cluster.world.advance(60 * S)
    assert [finding.kind for finding in cluster.findings] == ["message-loop"]
