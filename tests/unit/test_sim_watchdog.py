"""What does not end is ended, and told where it was."""

import gc
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from clew.machine import wall
from clew.node.node import Node, on
from clew.runtimes.simulated import simulated
from clew.sim import watchdog
from clew.sim.guards import guarded
from clew.sim.limits import LIVELOCK_RECORDS, STORM_ENTRIES
from clew.sim.watchdog import watched

pytestmark = pytest.mark.long

S = 1_000_000_000
SHORT = 0.2


@pytest.fixture(autouse=True)
def _only_nodes_run():
    """Without the collector's callbacks, which hypothesis leaves: a call may be stopped in one."""
    kept, gc.callbacks[:] = list(gc.callbacks), []
    yield
    gc.callbacks[:] = kept


class Good(Node):
    def start(self):
        self.ticks = 0
        self.every(0.01, self.tick)

    def tick(self):
        self.ticks += 1


class StuckInStart(Node):
    def start(self):
        while True:
            pass  # stuck here


class StuckInTimer(Good):
    def tick(self):
        super().tick()
        while self.ticks == 7:
            pass  # stuck here


class StuckInHandler(Good):
    def tick(self):
        super().tick()
        if self.ticks == 3 and self.id == "n1":
            self.send("n2", {"type": "spin"})

    @on("spin")
    def spin(self, msg):
        while True:
            sorted([3, 1, 2], key=lambda item: item)  # stuck here


class StuckInCoroutine(Good):
    async def start(self):
        await self.sleep(1)
        while True:
            pass  # stuck here


class StuckInState(Good):
    def server_state(self):
        while True:
            pass  # stuck here


class StuckInInvariant(Good):
    @staticmethod
    def spins(nodes):
        while len(nodes) == 2:
            pass  # stuck here

    invariants = (spins,)


class Catching(Node):
    def start(self):
        while True:
            try:
                self.id.upper()
            except Exception:  # noqa: BLE001 - the point of the test
                continue


def run(node_class, seconds=SHORT, act=lambda cluster: None):
    cluster = simulated(1, node_class, ["n1", "n2"])
    done = []
    with watched(cluster, seconds):
        cluster.boot()
        act(cluster)
        cluster.world.advance(2 * S)
        done.append(True)
    return cluster, bool(done)


@pytest.mark.parametrize(
    ("node_class", "node", "cause", "time_ns"),
    [
        (StuckInStart, "n1", "start", 0),
        (StuckInTimer, "n1", "timer tick", 70_000_000),
        (StuckInHandler, "n2", "{'type': 'spin'} from n1", None),
        (StuckInCoroutine, "n1", None, S),
        (StuckInInvariant, "n2", "start", 0),  # both nodes are there when n2 has begun
    ],
)
def test_an_endless_loop_is_stopped_and_told(node_class, node, cause, time_ns):
    cluster, done = run(node_class)
    assert done, "the code around the run goes on"
    [finding] = cluster.findings
    assert finding.kind == "endless-loop"
    assert finding.reason == "one call did not end within 0.2 s of wall time"
    assert finding.node == node
    assert cause is None or finding.cause == cause
    assert time_ns is None or finding.time_ns == time_ns
    path, _, line = finding.place.rpartition(":")
    assert path == __file__
    told = Path(__file__).read_text().splitlines()[int(line) - 1]
    assert "stuck here" in told or "while" in told
    assert cluster.world.now < 2 * S
    assert cluster.world.current is None


def test_a_loop_in_a_hook_is_stopped_too():
    cluster = simulated(1, StuckInState, ["n1"])
    with watched(cluster, SHORT):
        cluster.boot()
        cluster.world.call_at(S, lambda _: cluster.hosts_in_state("leader"), None)
        cluster.world.advance(2 * S)
    assert [finding.kind for finding in cluster.findings] == ["endless-loop"]


def test_a_loop_that_catches_everything_is_stopped():
    cluster, _ = run(Catching)
    assert [finding.kind for finding in cluster.findings] == ["endless-loop"]


def test_what_ends_is_left_alone_and_the_thread_goes_away():
    before = threading.active_count()
    cluster, done = run(Good, seconds=5)
    assert done
    assert cluster.findings == []
    assert cluster.hosts["n1"].node.ticks == 200
    assert threading.active_count() == before


def test_errors_of_the_run_pass_through():
    def fail(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Good, act=fail)


class PingPong(Node):
    """Sends itself no message but two timers that never let time go on."""

    def start(self):
        if self.id == "n1":
            self.after(0.5, self.again)

    def again(self):
        self.after(0, self.again)


def test_a_livelock_is_found_without_a_watchdog():
    cluster = simulated(1, PingPong, ["n1", "n2"], keep_trace=False)
    cluster.boot()
    cluster.world.advance(S)
    [finding] = cluster.findings
    assert finding.kind == "livelock"
    assert finding.reason == (
        f"{LIVELOCK_RECORDS} things happened at 0.500000 s and time did not advance"
    )


class Flood(Node):
    def start(self):
        while True:
            self.log("again")


def test_a_loop_that_is_seen_in_the_trace_is_stopped_without_a_watchdog():
    seen = set()
    for _ in range(2):
        cluster = simulated(1, Flood, ["n1", "n2"], keep_trace=False)
        cluster.boot()
        cluster.world.advance(S)
        [finding] = cluster.findings
        assert finding.kind == "endless-loop"
        assert finding.node == "n1"
        assert finding.place.startswith(__file__)
        seen.add(cluster.trace.close())
    assert len(seen) == 1


def test_a_budget_of_events():
    cluster = simulated(1, Good, ["n1"], events_max=3000)
    cluster.boot()
    cluster.world.advance(3600 * S)
    [finding] = cluster.findings
    assert finding.kind == "endless-loop"
    assert finding.reason == "the run passed its budget of 3000 events"
    assert cluster.world.events < 4000


class Storm(Node):
    def start(self):
        if self.id == "n2":
            while True:
                self.send("n1", {"type": "drop"})  # stuck here


def test_a_call_that_sends_without_end_is_stopped_and_told_at_its_line():
    digests = set()
    for _ in range(2):
        cluster, _ = run(Storm, seconds=60)
        [finding] = cluster.findings
        assert (finding.kind, finding.node, finding.cause) == ("message-storm", "n2", "start")
        assert finding.reason == (
            f"more than {STORM_ENTRIES} messages and timers are under way at once "
            "(mostly of type 'drop'); this call was stopped"
        )
        path, _, line = finding.place.rpartition(":")
        assert path == __file__
        told = Path(__file__).read_text().splitlines()[int(line) - 1]
        assert "stuck here" in told or "while" in told
        digests.add(cluster.trace.close())
    assert len(digests) == 1, "how far the call came is chance, and no part of the digest"


class Chain(Node):
    """Every message leads to two more."""

    def start(self):
        self.send(self.id, {"type": "more"})

    @on("more")
    def more(self, msg):
        for _ in range(2):
            self.send(self.id, {"type": "more"})


def test_a_storm_of_many_calls_is_told_by_type():
    cluster = simulated(1, Chain, ["n1"], keep_trace=False)
    cluster.boot()
    cluster.world.advance(S)
    [finding] = cluster.findings
    assert finding.kind == "message-storm"
    assert "(mostly of type 'more'); does every message" in finding.reason


class Napping(Node):
    async def start(self):
        await self.nap()

    async def nap(self):
        while True:
            await self.sleep(0)  # stuck here


def test_a_livelock_of_a_coroutine_is_told_at_its_line():
    cluster = simulated(1, Napping, ["n1"], keep_trace=False)
    cluster.boot()
    cluster.world.advance(S)
    [finding] = cluster.findings
    assert (finding.kind, finding.node, finding.cause) == ("livelock", "n1", "timer sleep")
    path, _, line = finding.place.rpartition(":")
    assert path == __file__
    assert "stuck here" in Path(__file__).read_text().splitlines()[int(line) - 1]


class Deadlocked(Node):
    def start(self):
        lock = threading.Lock()
        lock.acquire()
        lock.acquire(timeout=1)  # C code that lets other threads run


def test_a_call_of_c_code_that_does_not_end_is_told_on_stderr(monkeypatch, capsys):
    monkeypatch.setattr(watchdog, "SAY_SECONDS", 0.1)
    cluster, _ = run(Deadlocked)
    assert [finding.kind for finding in cluster.findings] == ["endless-loop"]
    told = capsys.readouterr().err
    assert told.count("clew: still in n1's start at ") == 1
    assert __file__ in told


STUCK_IN_C = """
from clew.sim import watchdog
from clew.runtimes.simulated import simulated
from clew.node.node import Node

class Stuck(Node):
    def start(self):
        sum(iter(int, 1))  # no other thread runs

watchdog.SAY_SECONDS = 0.2
cluster = simulated(1, Stuck, ["n1"])
with watchdog.watched(cluster, 0.2):
    cluster.boot()
"""


def test_a_loop_in_c_that_lets_nobody_run_is_told_with_its_stack(tmp_path):
    path = tmp_path / "stuck.py"
    path.write_text(STUCK_IN_C)
    command = [sys.executable, str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        told = next((line for line in child.stderr if str(path) in line), "")
        child.kill()
    assert f'File "{path}", line 8 in start' in told


class Interrupting(Good):
    def tick(self):
        super().tick()
        raise KeyboardInterrupt


class InterruptingInStart(Node):
    def start(self):
        raise KeyboardInterrupt


class Interrupted(Good):
    """Ctrl-C in the middle of its code."""

    def tick(self):
        super().tick()
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("node_class", [Interrupting, InterruptingInStart])
def test_an_interrupt_that_a_node_raises_is_a_finding(node_class):
    cluster, done = run(node_class)
    assert done
    [finding] = cluster.findings
    assert (finding.kind, finding.node) == ("exception", "n1")
    assert finding.reason == "KeyboardInterrupt: "


def test_a_persons_interrupt_is_none():
    with pytest.raises(KeyboardInterrupt):
        run(Interrupted)


# A call that waits for its clocks, which stand while it runs.


class Spinning(Node):
    def start(self):
        if self.id == "n1":
            self.after(0.5, self.spin)

    def spin(self):
        until = self.now() + 1
        while self.now() < until:
            pass  # stuck here


class SpinningByLibrary(Spinning):
    def spin(self):
        until = time.monotonic() + 1
        while time.monotonic() < until:
            pass  # stuck here


@pytest.mark.parametrize("node_class", [Spinning, SpinningByLibrary])
def test_a_loop_that_waits_for_a_clock_is_found_without_a_watchdog(node_class):
    digests = set()
    for _ in range(2):
        cluster = simulated(1, node_class, ["n1", "n2"])
        with guarded(cluster):
            cluster.boot()
            cluster.world.advance(S)
        [finding] = cluster.findings
        assert (finding.kind, finding.cause) == ("endless-loop", "timer spin")
        assert finding.reason.startswith("one call read its clocks 50,000 times")
        line = int(finding.place.rpartition(":")[2])
        assert line in range(*lines_of(node_class.spin))
        digests.add(cluster.trace.close())
    assert len(digests) == 1


def lines_of(function):
    first = function.__code__.co_firstlineno
    return first, first + 4


class Busy(Node):
    def start(self):
        end = wall.seconds() + 5 * SHORT
        while wall.seconds() < end:
            pass


def test_a_watchdog_that_was_left_behind_strikes_no_other_run():
    """What raises in a run's thread may do so just before its watchdog is told to end."""
    left = watched(simulated(1, Good, ["n1"]), SHORT)
    left.__enter__()
    try:
        cluster, _ = run(Busy, seconds=60)
    finally:
        left.__exit__(None, None, None)
    assert cluster.findings == []
    assert cluster.world.now == 2 * S
