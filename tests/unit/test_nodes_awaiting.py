"""Coroutines that nobody awaits, and handlers that are none."""

import gc
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
    def server_state(self):
        return None

    @on("echo")
    def echo(self, msg):
        yield self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


def test_a_handler_with_a_yield_is_found():
    finding = clew.run(Yielding, **QUICK).findings[0]
    assert finding.kind == "never-awaited"
    assert finding.reason.startswith("echo() has a yield")


class Starting(Hooks):
    def server_state(self):
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

    def server_state(self):
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


# What of the node's own calls does nothing, or less, where it is not awaited.


class Plain(Hooks):
    def server_state(self):
        return None

    @on("echo")
    def echo(self, msg):
        self.do(msg)
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})

    def do(self, msg):
        del msg


class Hasty(Plain):
    def do(self, msg):
        self.sleep(0.1)  # here


class HastyLater(Plain):
    def start(self):
        self.every(0.5, self.tick)

    async def tick(self):
        await self.sleep(0.1)
        rest = self.sleep(0.1)  # here
        del rest


@pytest.mark.parametrize("node", [Hasty, HastyLater])
def test_a_sleep_that_nothing_waits_for_is_found_at_its_line(node):
    finding = clew.run(node, **QUICK).findings[0]
    assert finding.kind == "never-awaited"
    assert finding.reason.startswith("sleep() was called without await")
    line = int(finding.place.rpartition(":")[2])
    assert Path(__file__).read_text().splitlines()[line - 1].endswith("# here")


class Unsynced(Plain):
    def do(self, msg):
        self.disk["x"] = 1
        self.disk.sync()  # here


def test_a_sync_that_nothing_waits_for_is_remarked():
    [remark] = clew.run(Unsynced, **QUICK).outcome.remarks
    start = "disk.sync() was called without await at "
    assert remark.startswith(start)
    line = int(remark.removeprefix(start + __file__ + ":").partition(":")[0])
    assert Path(__file__).read_text().splitlines()[line - 1].endswith("# here")


class Waiting(Plain):
    """Waits for all of it, at once, later, by a callback or with others."""

    def do(self, msg):
        self.sleep(0.1).when_done(self.woken)
        self.disk["x"] = 1
        self.disk.sync().when_done(self.woken)
        self.spawn(self.later())
        self.after(0.1, self.later)

    async def later(self):
        limit, synced = self.sleep(0.05), self.disk.sync()
        await self.sleep(0.1)
        await limit
        await synced
        await self.gather([self.sleep(0.01), self.disk.sync()])

    def woken(self):
        pass


def test_what_is_waited_for_in_any_way_is_left_alone():
    outcome = clew.run(Waiting, **QUICK).outcome
    assert not outcome.run.findings
    assert not outcome.remarks


class Observing(Plain):
    async def observe(self):
        return {}


class Leading(Plain):
    async def server_state(self):
        return "leader"


class YieldingState(Plain):
    def server_state(self):
        yield "leader"


class Promising(Plain):
    async def promise(nodes):  # noqa: N805 - an invariant
        return None

    invariants = (promise,)


class Classy(clew.Invariant):
    async def after(self, node):
        del node


class PromisingByClass(Plain):
    invariants = (Classy,)


@pytest.mark.parametrize(
    ("node", "name"),
    [
        (Observing, "observe"),
        (Leading, "server_state"),
        (YieldingState, "server_state"),
        (Promising, "promise"),
        (PromisingByClass, "after"),
    ],
)
def test_a_hook_that_would_have_to_be_awaited_is_found_once(node, name):
    findings = clew.run(node, **QUICK).findings
    mine = [one for one in findings if one.kind == "never-awaited"]
    assert [one.reason.partition("(")[0] for one in mine] == [name]
    assert mine[0].place.startswith(__file__)


class Failing(Hooks):
    """Fails with a sleep in a cycle of its traceback, which is freed when garbage is collected."""

    collects = False

    def server_state(self):
        return None

    def start(self):
        if self.collects:
            self.every(0.1, gc.collect)

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
        self.fail(self.sleep(0.5))

    def fail(self, future):
        held = [future]
        held.append(held)
        raise KeyError("held")


class Collecting(Failing):
    collects = True


@pytest.fixture
def nothing_old():
    """What the tests hold is not looked at when garbage is collected, else that takes seconds."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("nothing_old")
def test_when_garbage_is_collected_changes_no_finding():
    for one in (Failing, Collecting):
        assert {each.kind for each in clew.run(one, **QUICK).findings} == {"exception"}
