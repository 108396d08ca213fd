"""What does not end is ended, and told where it was."""

import threading
from pathlib import Path

import pytest

from clew.sim.cluster import LIVELOCK_RECORDS, Cluster
from clew.sim.node import Node, on
from clew.sim.watchdog import watched

S = 1_000_000_000
SHORT = 0.2


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


class StuckInRole(Good):
    def role(self):
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
    cluster = Cluster(1, node_class, ["n1", "n2"])
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
        (StuckInInvariant, "", "", 0),
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
    cluster = Cluster(1, StuckInRole, ["n1"])
    with watched(cluster, SHORT):
        cluster.boot()
        cluster.world.call_at(S, lambda _: cluster.hosts_in_role("leader"), None)
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
    cluster = Cluster(1, PingPong, ["n1", "n2"], keep_trace=False)
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
        cluster = Cluster(1, Flood, ["n1", "n2"], keep_trace=False)
        cluster.boot()
        cluster.world.advance(S)
        [finding] = cluster.findings
        assert finding.kind == "endless-loop"
        assert finding.node == "n1"
        assert finding.place.startswith(__file__)
        seen.add(cluster.trace.close())
    assert len(seen) == 1


def test_a_budget_of_events():
    cluster = Cluster(1, Good, ["n1"], events_max=3000)
    cluster.boot()
    cluster.world.advance(3600 * S)
    [finding] = cluster.findings
    assert finding.kind == "endless-loop"
    assert finding.reason == "the run passed its budget of 3000 events"
    assert cluster.world.events < 4000
