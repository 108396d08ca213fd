"""What each kind of fault does, seen from inside the nodes it strikes."""

from itertools import pairwise

import pytest
from wide import wide

from clew.node.node import Node, on
from clew.runtimes.simulated import simulated
from clew.sim.faults import GROUPS, KINDS, Fault, Injector, fault_from_json

pytestmark = pytest.mark.long

S = 1_000_000_000
MS = 1_000_000


class Chatter(Node):
    """Tells every peer a number each 10 ms and notes what it hears."""

    def start(self):
        self.heard = []
        self.ticks = []
        self.walls = []
        self.count = 0
        self.every(0.01, self.tick)

    def tick(self):
        self.count += 1
        self.ticks.append(self.monotonic())
        self.walls.append(self.now())
        for peer in self.peers:
            self.send(peer, {"type": "hello", "count": self.count, "sent": self.monotonic()})

    @on("hello")
    def hello(self, msg):
        self.heard.append((msg.src, msg.body["count"], msg.body["sent"], self.monotonic()))

    @on("ask")
    def ask(self, msg):
        self.reply(msg, {"type": "ask_ok"})

    def server_state(self):
        return "leader" if self.id == "n2" else "follower"


class Writer(Node):
    """Writes a file and an entry each 10 ms and syncs every fifth time."""

    def start(self):
        self.log_found = self.disk.read("log") if "log" in self.disk else b""
        self.count = 0
        self.every(0.01, self.tick)

    def tick(self):
        self.count += 1
        self.disk.append("log", b"%08d" % self.count)
        if self.count % 5 == 0:
            self.disk.fsync()


def simulate(*faults, node_class=Chatter, count=3, seconds=4, heal=False, seed=1):
    nodes = [f"n{rank + 1}" for rank in range(count)]
    cluster = simulated(seed, node_class, nodes, regions=wide(nodes))
    injector = Injector(cluster, faults)
    cluster.boot()
    cluster.world.advance(int(seconds * S))
    if heal:
        injector.heal()
        cluster.world.advance(int((seconds + 1) * S))
    assert cluster.findings == []
    return cluster, injector


def only_report(injector):
    [report] = injector.reports()
    return report


def fault(kind, target=None, *, at=1.0, until=2.0, **params):
    return Fault(f"{kind}-1", kind, int(at * S), int(until * S), target, params)


def heard_between(cluster, low, high):
    """The directions (src, dest) on which something sent in a time arrived at all."""
    return {
        (src, host.id)
        for host in cluster.hosts.values()
        for src, _, sent, _ in host.node.heard
        if low < sent < high
    }


def all_pairs(ids):
    return {(a, b) for a in ids for b in ids if a != b}


def groups_cut(*groups):
    return {(a, b) for one in groups for two in groups if one != two for a in one for b in two}


PARTITIONS = {
    # kind, target, params: the directions that are silent, of five nodes
    "partition-halves": (None, {}, groups_cut(("n1", "n2"), ("n3", "n4", "n5"))),
    "partition-one": ("n4", {}, groups_cut(("n4",), ("n1", "n2", "n3", "n5"))),
    "partition-one-way": (
        "n2", {"direction": "out"}, {("n2", other) for other in ("n1", "n3", "n4", "n5")},
    ),
    "partition-groups": (
        None, {"groups": [["n1"], ["n2", "n5"]]}, groups_cut(("n1",), ("n2", "n5"), ("n3", "n4")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PARTITIONS)
def test_partition_silences_just_what_it_says_and_only_while_it_lasts(kind):
    target, params, silent = PARTITIONS[kind]
    cluster, injector = simulate(fault(kind, target, **params), count=5)
    everybody = all_pairs(cluster.node_ids)
    assert heard_between(cluster, 0, 0.99) == everybody
    assert heard_between(cluster, 1, 1.99) == everybody - silent
    assert heard_between(cluster, 2.001, 4) == everybody
    report = only_report(injector)
    assert report.bit == cluster.network.dropped["partition"] >= 99 * len(silent)
    assert report.detail.endswith(f"; {report.bit} messages lost to the cut")
    assert (report.at_ns, report.until_ns) == (S, 2 * S)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("kind", GROUPS["partition"])
def test_drawn_partitions_have_their_shape(kind, count):
    if kind == "partition-groups" or count < KINDS[kind].least_nodes:
        return
    for seed in range(3):
        struck = fault(kind, at=0.1, until=0.2)
        cluster, injector = simulate(struck, count=count, seconds=0.2, seed=seed)
        heard = heard_between(cluster, 0.1, 0.19)
        silent = all_pairs(cluster.node_ids) - heard
        assert silent
        assert only_report(injector).bit == cluster.network.dropped["partition"] > 0
        sees = {a: 1 + sum((b, a) in heard for b in cluster.node_ids) for a in cluster.node_ids}
        sizes = sorted(sees.values())
        half = count // 2
        match kind:
            case "partition-halves" | "partition-random-halves":
                assert sizes == sorted([half] * half + [count - half] * (count - half))
            case "partition-one":
                assert sizes == [1] + [count - 1] * (count - 1)
            case "partition-minority-third":
                assert min(sizes) < count / 3 < max(sizes)
            case "partition-majorities-ring":
                assert all(size > count / 2 for size in sizes)
                views = {
                    frozenset([a, *(b for b in cluster.node_ids if (b, a) in heard)])
                    for a in cluster.node_ids
                }
                assert len(views) >= count // 2
            case "partition-bridge":
                assert max(sizes) == count
                assert sizes.count(count) == 1
            case "partition-one-way":
                assert sizes == [1] + [count] * (count - 1)


def arrivals(cluster, low=1.0, high=2.0):
    """Per direction: the counts that arrived, in order, of what was sent in a time."""
    found = {}
    for host in cluster.hosts.values():
        for src, count, sent, _ in host.node.heard:
            if low <= sent < high:
                found.setdefault((src, host.id), []).append(count)
    return found


def test_loss_loses_what_it_says_and_nothing_else():
    cluster, injector = simulate(fault("loss", per_thousand=300))
    report = only_report(injector)
    counts = [count for found in arrivals(cluster).values() for count in found]
    sent = 6 * 100
    assert len(counts) == sent - report.bit
    assert 120 < report.bit < 240
    assert all(found == sorted(set(found)) for found in arrivals(cluster).values())
    assert cluster.network.dropped == {"loss": report.bit}
    assert report.detail == f"on every link (per_thousand 300); lost {report.bit} of 600 messages"


def test_duplicate_delivers_twice():
    cluster, injector = simulate(fault("duplicate", per_thousand=500, gap_ns=5 * MS))
    found = arrivals(cluster)
    twice = sum(len(counts) - len(set(counts)) for counts in found.values())
    assert all(len(set(counts)) == 100 for counts in found.values())
    assert twice == only_report(injector).bit == cluster.network.duplicated
    assert 240 < twice < 360


def test_duplicates_do_not_share_their_body():
    class Spoiler(Chatter):
        @on("hello")
        def hello(self, msg):
            assert "spoilt" not in msg.body
            msg.body["spoilt"] = True
            self.heard.append(1)

    simulate(fault("duplicate", per_thousand=1000), node_class=Spoiler)


def test_reorder_lets_later_messages_overtake_and_loses_none():
    cluster, injector = simulate(fault("reorder", per_thousand=300, window_ns=40 * MS))
    found = arrivals(cluster)
    assert all(sorted(counts) == list(range(100, 200)) for counts in found.values())
    assert sum(counts != sorted(counts) for counts in found.values()) == 6
    overtaken = sum(
        any(earlier > count for earlier in counts[:rank])
        for counts in found.values()
        for rank, count in enumerate(counts)
    )
    assert only_report(injector).bit == overtaken > 50


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("delay-constant", 0.05, 0.0503),
        ("delay-uniform", 0.0, 0.1003),
        ("delay-exponential", 0.0, 0.6),
        ("delay-long-tailed", 0.025, 50.0),
    ],
)
def test_delays_have_their_range_and_mean(kind, low, high):
    cluster, injector = simulate(fault(kind, mean_ns=50 * MS))
    took = [
        there - sent
        for host in cluster.hosts.values()
        for _, _, sent, there in host.node.heard
        if 1 <= sent < 2
    ]
    assert all(low <= delay <= high for delay in took)
    assert len(took) > 590
    assert 0.035 < sum(took) / len(took) < 0.065
    assert only_report(injector).bit >= 599


def test_slow_link_slows_the_target_only():
    cluster, _ = simulate(fault("slow-link", "n3", mean_ns=30 * MS))
    for host in cluster.hosts.values():
        for src, _, sent, there in host.node.heard:
            if 1 <= sent < 2:
                assert (there - sent > 0.03) == ("n3" in {src, host.id})


@pytest.mark.parametrize(("kind", "links"), [("flap-link", 2), ("flap-node", 4)])
def test_flapping_cuts_again_and_again(kind, links):
    flapping = fault(kind, "n1", down_ns=50 * MS, up_ns=50 * MS)
    cluster, injector = simulate(flapping)
    gaps = {
        pair: sum(b - a > 2 for a, b in pairwise(counts))
        for pair, counts in arrivals(cluster, 1, 3).items()
    }
    silent = [pair for pair, times in gaps.items() if times >= 2]
    assert len(silent) == links
    assert all("n1" in pair for pair in silent)
    assert only_report(injector).bit > 2 * links
    assert heard_between(cluster, 2.01, 4) == all_pairs(cluster.node_ids)


def test_flap_link_between_two_named_nodes():
    cluster, _ = simulate(fault("flap-link", ("n2", "n3"), down_ns=200 * MS, up_ns=MS))
    counts = dict.fromkeys(all_pairs(cluster.node_ids), 0)
    counts |= {pair: len(found) for pair, found in arrivals(cluster).items()}
    lost = {pair for pair, count in counts.items() if count < 100}
    assert lost == {("n2", "n3"), ("n3", "n2")}


def test_kill_loses_the_instance_and_keeps_the_disk():
    cluster = simulated(1, Writer, ["n1", "n2"])
    injector = Injector(cluster, [fault("kill", "n1", at=1.005, until=2, unsynced="lost")])
    cluster.boot()
    cluster.world.advance(S)
    first = cluster.hosts["n1"].node
    cluster.world.advance(3 * S // 2)
    assert cluster.hosts["n1"].process is None
    cluster.world.advance(3 * S)
    second = cluster.hosts["n1"].node
    assert second is not first
    assert first.count == 100
    assert second.count == 100
    assert len(second.log_found) == 8 * 100
    assert cluster.hosts["n2"].node.count == 300
    report = only_report(injector)
    assert report.bit == 1
    assert report.detail == "killed n1; 0 unsynced writes lost, 0 torn; restarted n1"


@pytest.mark.parametrize(("unsynced", "low", "high"), [("lost", 40, 40), ("kept", 42, 42)])
def test_kill_decides_about_unsynced_writes(unsynced, low, high):
    cluster, _ = simulate(
        fault("kill", "n1", at=0.425, until=1, unsynced=unsynced), node_class=Writer
    )
    assert low <= len(cluster.hosts["n1"].node.log_found) // 8 <= high


def test_kill_tears_a_prefix():
    sizes = set()
    for seed in range(12):
        torn = fault("kill", "n1", at=0.445, until=1, unsynced="torn")
        cluster, _ = simulate(torn, node_class=Writer, seed=seed)
        found = cluster.hosts["n1"].node.log_found
        assert b"".join(b"%08d" % (rank + 1) for rank in range(44)).startswith(found)
        sizes.add(len(found))
    assert min(sizes) >= 8 * 40
    assert max(sizes) < 8 * 44
    assert any(size % 8 for size in sizes)
    assert len({size // 8 for size in sizes}) >= 3


def test_what_is_sent_to_a_killed_node_is_lost_and_what_it_sent_arrives():
    cluster, _ = simulate(fault("kill", "n1"))
    heard = heard_between(cluster, 1, 1.99)
    assert heard == {("n2", "n3"), ("n3", "n2")}
    assert arrivals(cluster, 0, 1)["n1", "n2"] == list(range(1, 100))


def test_pause_holds_everything_and_then_lets_it_happen():
    cluster, injector = simulate(fault("pause", "n1"))
    node = cluster.hosts["n1"].node
    assert not [time for time in node.ticks if 1.0 < time < 2.0]
    held = [there for _, _, sent, there in node.heard if 1.0 < sent < 1.99]
    assert len(held) > 190
    assert set(held) == {2.0}
    assert only_report(injector).bit >= len(held)
    kinds = [record[1] for record in cluster.trace.records() if record[1] in {"pause", "resume"}]
    assert kinds == ["pause", "resume"]


def test_clock_offset_moves_the_wall_clock_and_back():
    cluster, injector = simulate(fault("clock-offset", "n1", offset_ns=-5 * S))
    node = cluster.hosts["n1"].node
    skew = [
        round(wall - tick - 1.7e9, 3) for wall, tick in zip(node.walls, node.ticks, strict=True)
    ]
    assert sorted(set(skew)) == [-5.0, 0.0]
    assert [skew[50], skew[150], skew[250]] == [0.0, -5.0, 0.0]
    assert node.ticks == sorted(node.ticks)
    assert only_report(injector).bit == 100
    assert "read 100 times meanwhile" in only_report(injector).detail


def test_clock_drift_makes_timers_early_and_monotonic_run_fast():
    cluster, injector = simulate(fault("clock-drift", "n1", at=0, until=4, drift_ppm=200_000))
    fast, true = cluster.hosts["n1"].node, cluster.hosts["n2"].node
    assert (fast.count, true.count) == (479, 400)
    assert round(fast.ticks[-1], 2) == 4.79
    clock = cluster.hosts["n1"].clock
    assert (clock.wall_reads, clock.timers) == (479, 479)
    assert only_report(injector).bit == clock.wall_reads + clock.monotonic_reads + clock.timers


def test_clock_jump_stays_until_healing():
    cluster, injector = simulate(
        fault("clock-jump", "n1", until=1.0, jump_ns=3 * S), heal=True
    )  # fmt: skip
    node = cluster.hosts["n1"].node
    skew = [
        round(wall - tick - 1.7e9, 3) for wall, tick in zip(node.walls, node.ticks, strict=True)
    ]
    assert [skew[50], skew[150], skew[350], skew[450]] == [0.0, 3.0, 3.0, 0.0]
    assert only_report(injector).bit == skew.count(3.0)
    assert only_report(injector).detail.endswith("stay off; they were read 301 times meanwhile")


def test_clock_strobe_goes_to_and_fro():
    strobe = fault("clock-strobe", "n1", amplitude_ns=S, period_ns=50 * MS)
    cluster, injector = simulate(strobe)
    node = cluster.hosts["n1"].node
    skew = [
        round(wall - tick - 1.7e9, 3) for wall, tick in zip(node.walls, node.ticks, strict=True)
    ]
    changes = sum(a != b for a, b in pairwise(skew))
    assert set(skew) == {0.0, 1.0}
    assert changes == 20
    assert only_report(injector).bit == skew.count(1.0)
    assert skew[250] == 0.0


@pytest.mark.parametrize("kind", ["disk-lost", "disk-torn"])
def test_disk_faults_strike_inside_a_sync(kind):
    cluster, injector = simulate(fault(kind, "n1", at=1.001, down_ns=300 * MS), node_class=Writer)
    host = cluster.hosts["n1"]
    found = host.node.log_found
    assert host.incarnation == 2
    synced = 8 * 100
    if kind == "disk-lost":
        assert len(found) == synced
    else:
        assert synced <= len(found) < synced + 8 * 5
    [crash] = [record for record in cluster.trace.records() if record[1] == "crash"]
    assert crash[0] == 1_050 * MS  # the first sync after it was armed
    report = only_report(injector)
    assert report.bit == crash[-1][1] + crash[-1][2] > 0
    assert report.target == ("n1",)


def test_disk_fault_strikes_an_awaited_sync_and_unwinds_the_handler():
    class Careful(Node):
        def start(self):
            self.sure = []
            self.every(0.1, self.save)

        async def save(self):
            self.disk["saved"] = self.monotonic()
            await self.disk.sync()
            self.sure.append(self.disk["saved"])

    cluster = simulated(1, Careful, ["n1"])
    injector = Injector(cluster, [fault("disk-lost", "n1", at=0.25, until=5, down_ns=S)])
    cluster.boot()
    cluster.world.advance(S // 4)
    node = cluster.hosts["n1"].node
    cluster.world.advance(3 * S)
    assert node.sure == [0.1, 0.2]
    assert only_report(injector).bit == 1
    assert cluster.findings == []
    assert cluster.hosts["n1"].incarnation == 2


def test_disk_fault_that_meets_no_sync_says_so():
    cluster, injector = simulate(fault("disk-lost", "n1"))
    assert only_report(injector).bit == 0
    assert only_report(injector).detail == "armed at n1; n1 synced nothing meanwhile"
    assert cluster.hosts["n1"].strike is None


class Listener:
    """A client's end of a link."""

    paused = False

    def __init__(self):
        self.got = []

    def receive(self, message):
        self.got.append(message.body)

    def hold(self, callback, argument):
        raise AssertionError


@pytest.mark.parametrize(
    "struck",
    [
        fault("partition-one", "n1"),
        fault("loss", per_thousand=1000),
        fault("duplicate", per_thousand=1000),
        fault("delay-constant", mean_ns=S),
        fault("flap-node", "n1", up_ns=1000),
    ],
    ids=lambda struck: struck.kind,
)
def test_network_faults_leave_clients_alone(struck):
    cluster = simulated(1, Chatter, ["n1", "n2"])
    Injector(cluster, [struck])
    cluster.boot()
    client = cluster.add_client("c0")
    client.process = listener = Listener()
    link = cluster.network.link(client, "n1")
    cluster.world.advance(S)
    for number in range(100):
        link.emit({"type": "ask", "msg_id": number}, True)
        cluster.world.advance(S + number * 9 * MS)
    assert sorted(body["in_reply_to"] for body in listener.got) == list(range(100))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"region-move", "echo"}])
def test_every_kind_survives_json_and_runs_with_its_defaults(kind):
    params = {"groups": [["n1"], ["n2", "n3"]]} if kind == "partition-groups" else {}
    plain = fault(kind, **params)
    again = fault_from_json(plain.to_json())
    assert again == plain
    _, injector = simulate(again, node_class=Both, count=5)
    assert only_report(injector).bit > 0
    _, twin = simulate(plain, node_class=Both, count=5)
    assert twin.reports() == injector.reports()


class Both(Chatter):
    def members_changed(self, members):
        self.members = members

    @on("hello")
    async def hello(self, msg):
        super().hello(msg)
        await self.work(0.0001)

    def tick(self):
        super().tick()
        self.disk["count"] = self.count
        self.disk.fsync()
