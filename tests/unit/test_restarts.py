"""Clusters that restart, clocks that stand still, restored disks, links that flap in a period."""

from dataclasses import replace

import pytest

from clew import Node, Tolerates, on
from clew.errors import NodeError, UsageError
from clew.runtimes.simulated import SimulatedProcess
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.capabilities import kinds_apart, kinds_for
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.search.shrink.shrinker import shrink
from clew.sim.cluster import Cluster
from clew.sim.faults import Fault, Injector

S, MS = 1_000_000_000, 1_000_000
NODES = ["n1", "n2", "n3"]


class Clerk(Node):
    """Counts on its disk ten times a second, n1 less often, and notes what its clock shows."""

    def start(self):
        self.found = self.disk.get("count", 0)
        self.read = []
        self.every(0.3 if self.id == "n1" else 0.1, self.tick)

    def tick(self):
        self.disk["count"] = self.disk.get("count", 0) + 1
        self.disk.fsync()
        self.read.append((self.monotonic(), self.now()))
        for peer in self.peers:
            self.send(peer, {"type": "count"})

    @on("count")
    def count(self, msg):
        pass


def ran(*faults, seconds=3.0, seed=1):
    cluster = Cluster(seed, Clerk, NODES, make_process=SimulatedProcess)
    injector = Injector(cluster, faults)
    cluster.boot()
    cluster.world.advance(round(seconds * S))
    return cluster, injector.reports()


def lives(cluster):
    """When nodes went down and started, as pairs of the time and the node."""
    events = [*cluster.trace.events()]
    return tuple(
        [(one.time, one.fields["node"]) for one in events if one.kind == kind and one.time]
        for kind in ("crash", "start")
    )


def test_all_die_at_once_and_the_slowest_is_back_first():
    cluster, [report] = ran(Fault("f", "restart-all", S, 1_600 * MS, "all"))
    down, up = lives(cluster)
    assert down == [(S, name) for name in NODES]
    assert [at_ns for at_ns, _ in up] == [1_200 * MS, 1_400 * MS, 1_600 * MS]
    assert up[0][1] == "n1"
    assert report.bit == 3
    assert "they come back as n1, " in report.detail


@pytest.mark.parametrize(("first", "place"), [("fastest", 2), ("slowest", 0)])
def test_the_order_of_the_returns_can_be_chosen(first, place):
    fault = Fault("f", "restart-all", S, 2 * S, "all", {"first": first})
    cluster, _ = ran(fault)
    assert [node for _, node in lives(cluster)[1]].index("n1") == place


def test_a_drawn_order_is_any_order():
    fault = Fault("f", "restart-all", S, 2 * S, None, {"first": "drawn"})
    firsts = {lives(ran(fault, seed=seed)[0])[1][0][1] for seed in range(8)}
    assert firsts == {*NODES}


def test_nodes_restart_in_turn():
    params = {"down_ns": 100 * MS, "gap_ns": 50 * MS}
    cluster, [report] = ran(Fault("f", "restart-rolling", S, 3 * S - 1, None, params))
    down, up = lives(cluster)
    assert [at_ns for at_ns, _ in down] == [S, S + 150 * MS, S + 300 * MS]
    assert [at_ns for at_ns, _ in up] == [S + 100 * MS, S + 250 * MS, S + 400 * MS]
    assert [node for _, node in down] == [node for _, node in up]
    assert report.bit == 3


def test_a_restart_that_ends_early_leaves_nobody_down():
    params = {"down_ns": 500 * MS, "gap_ns": 50 * MS}
    cluster, [report] = ran(Fault("f", "restart-rolling", S, S + 100 * MS, None, params))
    assert report.bit == 1
    assert [at_ns for at_ns, _ in lives(cluster)[1]] == [S + 100 * MS]


def test_a_restart_is_the_kills_that_it_came_to():
    _, [report] = ran(Fault("f", "restart-all", S, 1_600 * MS, "all"))
    cluster, _ = ran(*report.parts)
    assert lives(cluster) == lives(ran(Fault("f", "restart-all", S, 1_600 * MS, "all"))[0])


def test_a_clock_stands_still_and_is_behind_from_then_on():
    cluster, [report] = ran(Fault("f", "clock-stop", S, 2 * S, ("n2",)))
    read = cluster.nodes["n2"].read
    base = read[0][1] - read[0][0]
    standing = {wall for mono, wall in read if 1.0 < mono < 2.0}
    assert len(standing) == 1
    assert {round(wall - base - mono, 3) for mono, wall in read if mono > 2.0} == {-1.0}
    assert report.bit >= 9
    assert all(round(wall - base - mono, 6) == 0 for mono, wall in cluster.nodes["n3"].read)


def test_a_clock_that_two_faults_stop_stands_until_both_are_over():
    cluster, _ = ran(
        Fault("f", "clock-stop", S, 2 * S, ("n2",)),
        Fault("g", "clock-stop", 1_500 * MS, 2_500 * MS, ("n2",)),
        Fault("h", "clock-jump", 1_750 * MS, 1_750 * MS, ("n2",), {"jump_ns": 5 * S}),
    )
    read = cluster.nodes["n2"].read
    base = read[0][1] - read[0][0]
    shown = {round(wall - base, 3) for mono, wall in read if 1.0 < mono < 2.5}
    assert shown == {1.0, 6.0}
    assert {round(wall - base - mono, 3) for mono, wall in read if mono > 2.5} == {3.5}


@pytest.mark.parametrize(("back", "found"), [(1, 18), (4, 15), (19, 0), (1000, 0)])
def test_a_node_restarts_on_the_disk_of_an_earlier_sync(back, found):
    fault = Fault("f", "disk-restored", 1_950 * MS, 2 * S, ("n2",), {"back": back})
    cluster, [report] = ran(fault)
    assert cluster.nodes["n2"].found == found
    assert report.bit == 1
    assert cluster.nodes["n3"].found == 0


def test_a_disk_that_goes_back_twice_goes_on_from_where_it_was():
    cluster, _ = ran(
        Fault("f", "disk-restored", 950 * MS, S, ("n2",), {"back": 4}),
        Fault("g", "disk-restored", 1_950 * MS, 2 * S, ("n2",), {"back": 10}),
    )
    assert cluster.nodes["n2"].found == 5 + 9 - 10


def test_a_disk_on_which_nothing_was_synced_is_the_same():
    _, [report] = ran(Fault("f", "disk-restored", 50 * MS, S, ("n2",), {"back": 1}))
    assert report.bit == 0


def test_links_flap_in_a_period():
    fault = Fault("f", "flap-steady", S, 2 * S, ("n2",), {"period_ns": 500 * MS})
    cluster, [report] = ran(fault)
    lost = [one.time / S for one in cluster.trace.events() if one.kind == "drop"]
    assert report.bit == len(lost) > 10
    assert all(1.0 <= at < 1.25 or 1.5 <= at < 1.75 for at in lost)


# Who meets them.

RARE = {"restart-all", "restart-rolling", "clock-stop", "flap-steady", "disk-restored"}


class Sworn(Clerk):
    tolerates = Tolerates(also=("disk-restored",))


class Named(Clerk):
    tolerates = Tolerates(faults=("kill", "disk-restored"))


class Killed(Clerk):
    tolerates = Tolerates(faults=("kill",))


@pytest.mark.parametrize(
    ("program", "met"),
    [
        (Clerk, RARE - {"disk-restored"}),
        (Sworn, RARE),
        (Named, {"restart-all", "restart-rolling", "disk-restored"}),
        (Killed, {"restart-all", "restart-rolling"}),
        (load_model("raft").node_class, RARE - {"disk-restored", "clock-stop"}),
    ],
)
def test_they_are_drawn_by_name_for_those_that_withstand_them(program, met):
    assert RARE & {*kinds_apart(program)} == met
    assert RARE.isdisjoint(kinds_for(program))


def test_what_a_class_withstands_besides_is_checked():
    with pytest.raises(NodeError, match="'also' of Tolerates can't be used"):
        Tolerates(also="disk-restored")
    assert str(Tolerates(also=("disk-restored",))).endswith("also disk-restored")


@pytest.mark.parametrize("more", [{}, {"swarm": True}, {"allow_inert": True}])
def test_a_restored_disk_is_refused_unless_the_class_withstands_it(more):
    scenario = make_scenario({"model": "raft", "nemesis": ["disk-restored"], **more})
    with pytest.raises(UsageError, match="would break raft, whether it is right or wrong"):
        draw_plan(scenario, 0, load_model("raft"))


@pytest.mark.parametrize("asked", ["clock", "disk", "flap"])
def test_the_name_of_a_family_is_without_them(asked):
    model = load_model("raft")
    options = {"model": "raft", "nemesis": [asked], "nemesis_interval": 0.3, "allow_inert": True}
    plan = draw_plan(make_scenario(options), 1, model)
    assert RARE.isdisjoint(fault.kind for fault in plan.faults)


# What they find.

BROKEN = """
from clew import Node, Tolerates, on


class Base(Node):
    workload = "unique-ids"
    tolerates = Tolerates(also=("disk-restored",))

    @on("generate")
    def generate(self, msg):
        self.reply(msg, {"type": "generate_ok", "id": f"{self.id}-{self.number()}"})


class OnDisk(Base):
    def number(self):
        self.disk["next"] = self.disk.get("next", 0) + 1
        self.disk.fsync()
        return self.disk["next"]


class ByClock(Base):
    def start(self):
        self.last = 0

    def number(self):
        assert self.now() >= self.last, "clocks that go back are another matter"
        self.last = self.now()
        return self.last


class ByFirst(Base):
    # Whoever starts a second time takes the numbers of the first half.
    def start(self):
        self.lives = self.disk["lives"] = self.disk.get("lives", 0) + 1
        self.disk.fsync()
        self.count = 0

    def number(self):
        self.count += 1
        return self.count
"""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("OnDisk", "disk-restored"),
        ("ByClock", "clock-stop"),
        ("ByFirst", "restart-all"),
        ("ByFirst", "restart-rolling"),
    ],
)
def test_each_finds_a_bug_and_is_made_small(name, kind, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(BROKEN)
    model = load_model(f"{path}:{name}")
    options = {"model": f"{path}:{name}", "nemesis": [kind], "time_limit": 4, "rate": 20}
    options["nemesis_interval"] = 1
    for seed in range(10):
        plan = draw_plan(make_scenario({**options, "node_count": 3}), seed, model)
        try:
            small = shrink(plan, runs_max=120).plan
        except UsageError:  # this run is valid
            continue
        assert len(small.faults) == 1
        [fault] = small.faults
        assert fault.kind == ("kill" if kind.startswith("restart") else kind)
        assert len(fault.target) == 1
        return
    pytest.fail("no seed shows it")


def test_a_right_store_of_numbers_stays_right(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(BROKEN)
    model = load_model(f"{path}:OnDisk")
    options = {"model": f"{path}:OnDisk", "time_limit": 10, "rate": 20, "node_count": 3}
    nemesis = ["restart", "clock-stop", "flap-steady"]
    scenario = make_scenario({**options, "nemesis": nemesis, "allow_inert": True})
    plan = draw_plan(scenario, 1, model)
    assert {"restart-all", "restart-rolling"} & {fault.kind for fault in plan.faults}
    assert not simulate(replace(plan), model).findings
