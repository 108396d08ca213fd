"""Coroutines that nobody awaits, and handlers that are none."""

from pathlib import Path

import pytest
from bad_nodes import QUICK, Hooks

import clew
from clew.errors import NodeError
from clew.node.node import Node, on


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


async def _ping(self):
    pass


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
