"""Nodes that go wrong in ways of their own: a finding or one message each, never a crash."""

from pathlib import Path

import pytest
from bad_nodes import QUICK, Custom, Echo, Hooks, Unspeakable, UnspeakableBase

import clew
from clew.checkers.verdict import Verdict
from clew.cli import main
from clew.node.message import DEPTH_MAX
from clew.node.node import on


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


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
    "a megabyte": (raising(ValueError("x" * 1_000_000)), "exception", "ValueError: xxx"),
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


class Odd(Hooks):
    def server_state(self):
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
