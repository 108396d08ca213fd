"""How faults find their targets, overlap, end and are reported."""

import pytest

from clew.errors import ScenarioError
from clew.node.node import Node, on
from clew.runtimes.simulated import simulated
from clew.sim.faults import Fault, Injector

S = 1_000_000_000
MS = 1_000_000


class Led(Node):
    """n1 leads from a given time on; everybody beats."""

    leads_from = 0.0

    def start(self):
        self.beats = 0
        self.started = self.monotonic()
        self.every(0.01, self.beat)

    def beat(self):
        self.beats += 1
        self.now()
        for peer in self.peers:
            self.send(peer, {"type": "beat"})

    @on("beat")
    def hear(self, msg):
        pass

    def server_state(self):
        leads = self.id == "n1" and self.monotonic() >= self.leads_from
        return "leader" if leads else "follower"


class Saver(Led):
    """Saves each beat."""

    def beat(self):
        self.disk["beats"] = self.beats
        self.disk.fsync()
        super().beat()


class Counting(Led):
    """Notes every beat it hears, with the sender's number."""

    def start(self):
        super().start()
        self.heard = set()

    def beat(self):
        self.beats += 1
        for peer in self.peers:
            self.send(peer, {"type": "beat", "number": self.beats})

    @on("beat")
    def hear(self, msg):
        self.heard.add((msg.src, self.id, msg.body["number"]))


class LedLate(Led):
    leads_from = 1.32


class Unled(Led):
    leads_from = 1e9


def fault(name, kind, at, until, target=None, **params):
    return Fault(name, kind, int(at * S), int(until * S), target, params)


def simulate(*faults, node_class=Led, count=3, seconds=5, seed=1):
    cluster = simulated(seed, node_class, [f"n{rank + 1}" for rank in range(count)])
    injector = Injector(cluster, faults)
    cluster.boot()
    cluster.world.advance(int(seconds * S))
    assert cluster.findings == []
    return cluster, injector


def by_id(injector):
    return {report.id: report for report in injector.reports()}


def records(cluster, *kinds):
    return [record for record in cluster.trace.records() if record[1] in kinds]


# Targets.


def test_leader_is_resolved_when_the_fault_strikes_and_recorded():
    cluster, injector = simulate(fault("a", "kill", 1, 2, "leader"))
    report = by_id(injector)["a"]
    assert report.target == ("n1",)
    assert report.at_ns == S
    assert records(cluster, "fault") == [
        (S, "fault", "a", "kill", "killed n1; 0 unsynced writes lost, 0 torn")
    ]
    assert records(cluster, "heal") == [(2 * S, "heal", "a", "kill", "restarted n1")]


def test_a_fault_waits_for_a_leader():
    _, injector = simulate(fault("a", "kill", 1, 2, "leader"), node_class=LedLate)
    report = by_id(injector)["a"]
    assert (report.at_ns, report.until_ns, report.bit) == (1350 * MS, 2 * S, 1)


@pytest.mark.parametrize(
    ("kind", "until"), [("kill", 2), ("clock-jump", 1), ("partition-one", 1.01)]
)
def test_a_fault_that_finds_no_leader_never_bites(kind, until):
    cluster, injector = simulate(fault("a", kind, 1, until, "leader"), node_class=Unled)
    report = by_id(injector)["a"]
    assert (report.bit, report.target) == (0, ())
    assert report.detail == "never bit: no leader"
    assert records(cluster, "fault", "heal", "crash") == []


@pytest.mark.parametrize(
    ("target", "sizes"),
    [
        ("one", {1}), ("minority", {1, 2}), ("majority", {3}), ("all", {5}),
        ("random", {1, 2, 3, 4, 5}), ("leader", {1}), ("follower", {1}), ("n4", {1}),
        (("n2", "n5"), {2}),
    ],
)  # fmt: skip
def test_symbols_mean_so_many_nodes(target, sizes):
    seen, struck = set(), set()
    for seed in range(40):
        _, injector = simulate(fault("a", "kill", 0, 1, target), count=5, seconds=0, seed=seed)
        report = by_id(injector)["a"]
        seen.add(len(report.target))
        struck.update(report.target)
        assert report.bit == len(report.target)
    assert seen == sizes
    if target in {"one", "minority", "majority", "random"}:
        assert len(struck) == 5


def test_one_means_a_node_that_runs():
    downs = fault("down", "kill", 1, 4, ("n1", "n2"))
    for seed in range(5):
        _, injector = simulate(downs, fault("a", "kill", 2, 3, "one"), seed=seed)
        assert by_id(injector)["a"].target == ("n3",)


def test_a_minority_of_two_is_nobody():
    _, injector = simulate(fault("a", "kill", 1, 2, "minority"), count=2)
    assert by_id(injector)["a"].detail == "never bit: no node for the target 'minority'"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            fault("a", "kill", 1, 2, "n9"),
            "faults: fault 'a': no such node: expected one of n1, n2, n3, found 'n9'.",
        ),
        (
            fault("a", "kill", 1, 2, ("n1", "x")),
            "faults: fault 'a': no such node: expected one of n1, n2, n3, found 'x'.",
        ),
        (
            fault("a", "partition-groups", 1, 2, groups=[["n1", "n7"]]),
            "faults: fault 'a': no such node: expected one of n1, n2, n3, found 'n7'.",
        ),
        (fault("b", "pause", 1, 2), "faults: two faults have the same id: b."),
    ],
)
def test_plans_that_name_what_is_not_there(wrong, message):
    cluster = simulated(1, Led, ["n1", "n2", "n3"])
    with pytest.raises(ScenarioError) as caught:
        Injector(cluster, [fault("b", "pause", 1, 2), wrong])
    assert str(caught.value) == message


# Overlaps.


def test_a_kill_of_a_dead_node_reports_no_bite_and_restarts_nothing():
    cluster, injector = simulate(
        fault("a", "kill", 1, 3, "n1"), fault("b", "kill", 2, 4, "n1"), seconds=5
    )
    reports = by_id(injector)
    assert (reports["a"].bit, reports["b"].bit) == (1, 0)
    assert reports["b"].detail == "killed nothing: n1 did not run; restarted nothing"
    assert cluster.hosts["n1"].incarnation == 2
    assert cluster.hosts["n1"].node.started == 3.0


def test_cuts_add_up():
    cluster, injector = simulate(
        fault("a", "partition-one", 1, 3, "n1"),
        fault("b", "partition-one", 2, 4, "n1"),
        seconds=3.5,
    )
    link = cluster.network.link(cluster.hosts["n1"], "n2")
    assert link.cut == 1
    cluster.world.advance(5 * S)
    assert link.cut == 0
    assert not link.disturbed
    lost = [report.bit for report in injector.reports()]
    assert min(lost) > 0
    assert sum(lost) > cluster.network.dropped["partition"]  # what both had cut counts for both


def test_pauses_add_up_and_end_with_the_last():
    cluster, _ = simulate(fault("a", "pause", 1, 3, "n1"), fault("b", "pause", 2, 4, "n1"))
    times = [record[0] for record in records(cluster, "pause", "resume")]
    assert times == [S, 4 * S]


def test_a_node_killed_while_paused_starts_anew_and_runs():
    cluster, injector = simulate(
        fault("a", "pause", 1, 3, "n1"), fault("b", "kill", 1.5, 2, "n1")
    )  # fmt: skip
    assert cluster.hosts["n1"].node.started == 2.0
    assert cluster.hosts["n1"].node.beats == 300
    assert by_id(injector)["a"].bit > 90
    assert [record[0] for record in records(cluster, "pause", "resume")] == [S]


def test_drifts_add_up_and_never_stop_a_clock():
    slow = [fault(f"d{rank}", "clock-drift", 1, 2, "n1", drift_ppm=-500_000) for rank in range(3)]
    cluster, _ = simulate(
        *slow, fault("up", "clock-drift", 1, 3, "n1", drift_ppm=100_000), seconds=1
    )
    clock = cluster.hosts["n1"].clock
    assert clock.drift_ppm == -900_000
    cluster.world.advance(5 * S // 2)
    assert clock.drift_ppm == 100_000
    cluster.world.advance(4 * S)
    assert clock.drift_ppm == 0
    assert clock.monotonic(4 * S) == 1 * S + S // 10 + 11 * S // 10 + 1 * S


def test_two_disk_faults_strike_one_after_the_other():
    cluster, injector = simulate(
        fault("a", "disk-lost", 1, 4, "n1", down_ns=S // 10),
        fault("b", "disk-lost", 1, 4, "n1", down_ns=S // 10),
        node_class=Saver,
    )
    assert [report.bit for report in injector.reports()] == [1, 1]
    assert cluster.hosts["n1"].incarnation == 3
    assert cluster.hosts["n1"].strike is None


def test_removing_a_fault_leaves_the_others_as_they_were():
    rest = [
        fault("loss", "loss", 1, 4, per_thousand=300),
        fault("who", "pause", 2, 3, "one"),
        fault("torn", "kill", 3, 4, "one", unsynced="torn"),
    ]
    _, with_it = simulate(fault("dup", "duplicate", 1, 2), *rest)
    _, without = simulate(*rest)
    for name in ("loss", "who", "torn"):
        ours, theirs = by_id(with_it)[name], by_id(without)[name]
        assert (ours.target, ours.at_ns, ours.bit) == (theirs.target, theirs.at_ns, theirs.bit)


def test_message_faults_on_one_link_draw_apart():
    one = fault("one", "loss", 1, 3, per_thousand=500)
    two = fault("two", "loss", 1, 3, per_thousand=500)
    cut = fault("cut", "partition-halves", 2, 2.5)

    def heard(*faults):
        cluster, _ = simulate(*faults, node_class=Counting)
        return set().union(*(host.node.heard for host in cluster.hosts.values()))

    assert heard(one, two) == heard(one) & heard(two)
    assert heard(one, two) == heard(two, one)
    assert heard(one, cut) == heard(one) & heard(cut)


# Healing.

EVERYTHING = (
    fault("cut", "partition-one", 1, 9, "n1"),
    fault("loss", "loss", 1, 9),
    fault("flap", "flap-node", 1, 9, "n3"),
    fault("kill", "kill", 1, 9, "n2"),
    fault("pause", "pause", 1, 9, "n3"),
    fault("drift", "clock-drift", 1, 9, "n3"),
    fault("offset", "clock-offset", 1, 9, "n3"),
    fault("jump", "clock-jump", 1, 1, "n1"),
    fault("strobe", "clock-strobe", 1, 9, "n1"),
    fault("disk", "disk-torn", 1, 9, "n1"),
    fault("late", "kill", 8, 9, "n1"),
)


def test_healing_ends_everything_for_good():
    cluster, injector = simulate(*EVERYTHING, seconds=2)
    assert len(injector.active()) == 9
    injector.heal()
    assert injector.active() == []
    assert len(cluster.live_hosts()) == 3
    for host in cluster.hosts.values():
        assert host.clock.wall(2 * S) == 1_700_000_002 * S
        assert host.clock.drift_ppm == 0
        assert host.strike is None
    assert not any(link.disturbed for link in cluster.network.links())
    before = len(records(cluster, "crash", "start", "fault", "heal", "clock", "pause"))
    cluster.world.advance(12 * S)
    assert len(records(cluster, "crash", "start", "fault", "heal", "clock", "pause")) == before
    assert by_id(injector)["late"].detail == "never bit: the run ended first"
    assert by_id(injector)["kill"].until_ns == 2 * S


def test_healing_a_core_leaves_the_rest_down():
    cluster, injector = simulate(*EVERYTHING, seconds=2)
    injector.heal(["n1", "n2"])
    cluster.world.advance(12 * S)
    assert [host.id for host in cluster.live_hosts()] == ["n1", "n2"]
    assert cluster.hosts["n3"].incarnation == 1
    assert cluster.hosts["n2"].incarnation == 2


def test_healing_after_a_power_cut_restarts_once():
    cluster, injector = simulate(
        fault("a", "disk-lost", 1, 9, "n1", down_ns=5 * S), node_class=Saver, seconds=2
    )
    assert cluster.hosts["n1"].process is None
    injector.heal()
    cluster.world.advance(9 * S)
    assert cluster.hosts["n1"].incarnation == 2
    assert by_id(injector)["a"].detail == "armed at n1; struck n1; 1 write lost or torn"


def test_a_power_cut_outside_the_core_stays():
    cut = fault("a", "disk-lost", 1, 9, "n1", down_ns=5 * S)
    cluster, injector = simulate(cut, node_class=Saver, seconds=2)
    injector.heal(["n2", "n3"])
    cluster.world.advance(9 * S)
    assert cluster.hosts["n1"].process is None


def test_reports_are_json():
    _, injector = simulate(fault("a", "kill", 1, 2, ("n1", "n2")))
    assert injector.reports()[0].to_json() == {
        "id": "a",
        "kind": "kill",
        "group": "kill",
        "at_ns": S,
        "until_ns": 2 * S,
        "target": ["n1", "n2"],
        "bit": 2,
        "detail": "killed n1, n2; 0 unsynced writes lost, 0 torn; restarted n1, n2",
    }


def test_the_same_plan_gives_the_same_digest():
    digests = set()
    for _ in range(2):
        cluster, injector = simulate(*EVERYTHING, seconds=2)
        injector.heal()
        cluster.world.advance(4 * S)
        digests.add(cluster.trace.close())
    assert len(digests) == 1


class Former(Led):
    """Tells its server state under the former name of the hook."""

    def role(self):
        return "leader" if self.id == "n2" else "follower"


class Routed(Led):
    """Has a handler that is called `role`, and means no server state by it."""

    @on("role")
    def role(self, msg):
        self.reply(msg, {"type": "role_ok"})


@pytest.mark.parametrize(("node_class", "struck"), [(Former, "n2"), (Routed, "n1")])
def test_a_server_state_may_have_its_former_name(node_class, struck):
    cluster, _ = simulate(fault("a", "kill", 1, 2, "leader"), node_class=node_class)
    crashed = [record[2] for record in cluster.trace.whole_records() if record[1] == "crash"]
    assert crashed == [struck]
