"""Faults that a node can't notice: refused before the run, or told after it with what to do."""

from dataclasses import replace

import pytest
from wide import wide

from clew.cli import main
from clew.errors import UsageError
from clew.models.registry import MODELS
from clew.node.node import Node, on
from clew.runtimes.simulated import simulated
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.capabilities import unfelt
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.sim.faults import GROUPS, KINDS, Fault, Injector
from clew.sim.faults.kinds import PLANNED

S = 1_000_000_000

SILENT = """
{imports}
from clew import Node, Tolerates, on

class Ids(Node):
    workload = "unique-ids"
    tolerates = Tolerates(also=("disk-restored",))

    def start(self):
        self.count = 0
        {start}

    @on("generate")
    def generate(self, msg):
        self.count += 1
        self.reply(msg, {{"type": "generate_ok", "id": [self.id, self.rng.random(), self.count]}})
"""


def write(tmp_path, start="pass", imports=""):
    path = tmp_path / "ids.py"
    path.write_text(SILENT.format(start=start, imports=imports))
    return str(path)


def outcome_of(name, **options):
    model = load_model(name)
    scenario = make_scenario({"model": name, "time_limit": 3, "recovery": 2, **options})
    return judge(simulate(draw_plan(scenario, 0, model), model), model)


def faults_check(outcome):
    [check] = [check for check in outcome.checks if check.name == "faults"]
    return check


@pytest.mark.parametrize("asked", [*GROUPS, *KINDS])
def test_what_no_node_can_notice_is_refused_before_anything_runs(tmp_path, asked):
    name = write(tmp_path)
    places = {"regions": "eu,us"} if asked.startswith("region") else {}
    felt = {"kill", "pause", "freeze", "region", "region-kill", "region-move"}
    felt |= {"restart", "restart-all", "restart-rolling"}
    if asked in felt:
        outcome = outcome_of(name, nemesis=asked, **places)
        assert faults_check(outcome).verdict.value == "valid"
        return
    with pytest.raises(UsageError) as caught:
        outcome_of(name, nemesis=asked, **places)
    assert str(caught.value).startswith(f"the fault {asked!r} can't do anything to {name}: ")
    assert "expected what they can notice: kill, pause" in str(caught.value)
    assert "--allow-inert" in str(caught.value)
    taken = faults_check(outcome_of(name, nemesis=asked, allow_inert=True, **places))
    assert taken.verdict.value == "valid"
    assert taken.reason.endswith(f"Nobody noticed {asked}, which --allow-inert takes.")


DOUBTFUL = {
    # what may do more than can be read: its code
    "getattr": {"start": 'getattr(self, "se" + "nd")("n1", {"type": "x"}) if 0 else 0'},
    "a package": {"imports": "import simpy"},
    "a text": {"start": 'self.call = "send"'},
}


@pytest.mark.parametrize("doubt", DOUBTFUL)
def test_where_there_is_doubt_the_run_tells(tmp_path, doubt):
    name = write(tmp_path, **DOUBTFUL[doubt])
    check = faults_check(outcome_of(name, nemesis="partition"))
    assert check.verdict.value == "unknown"
    assert "0 messages lost to the cut" in check.reason
    assert "The nodes sent each other nothing in the whole run" in check.reason
    assert "kill, pause" in check.reason
    assert check.reason.endswith("or take the run as it is with --allow-inert.")


def test_a_helper_beside_the_file_is_read_too(tmp_path):
    (tmp_path / "telling.py").write_text("def tell(node, dest):\n    node.send(dest, {})\n")
    name = write(tmp_path, imports="import telling")
    assert unfelt(load_model(name).node_class).isdisjoint(GROUPS["partition"])


def test_the_command_line_and_a_file_know_the_way(tmp_path, capsys):
    options = "unique-ids --nemesis partition --time-limit 2 --recovery 1"
    assert main(f"test {options}".split()) == 64
    told = capsys.readouterr().err
    assert "the fault 'partition' can't do anything to unique-ids" in told
    assert "kill, pause, clock, disk" in told
    assert main([*f"test {options} --allow-inert --out".split(), str(tmp_path / "out")]) == 0
    file = tmp_path / "ids.toml"
    lines = ['model = "unique-ids"', 'nemesis = ["partition"]', "time_limit = 2"]
    file.write_text("\n".join([*lines, "allow_inert = true"]))
    assert main(["test", str(file), "--out", str(tmp_path / "out")]) == 0
    file.write_text("\n".join(lines))
    assert main(["test", str(file), "--out", str(tmp_path / "out")]) == 64


def test_a_sweep_that_is_unknown_says_what_to_do(tmp_path, capsys):
    name = write(tmp_path, **DOUBTFUL["a package"])
    command = f"test {name} --nemesis partition --time-limit 2 --runs 3 --out {tmp_path / 'out'}"
    assert main(command.split()) == 2
    assert "--allow-inert" in " ".join(capsys.readouterr().out.split())


def test_a_kind_that_might_have_struck_gets_other_advice(tmp_path):
    name = write(tmp_path, start='self.count = self.disk.get("count", 0)')
    check = faults_check(outcome_of(name, nemesis="disk"))
    assert check.verdict.value == "unknown"
    assert "synced nothing meanwhile" in check.reason
    assert "a shorter --nemesis-interval" in check.reason


@pytest.mark.parametrize("name", MODELS)
def test_what_is_drawn_for_a_shipped_model_is_not_unfelt(name):
    able = {"stateless": set(), "alone": {"clock", "disk"}}.get(MODELS[name].nature)
    groups = {KINDS[kind].needs for kind in KINDS} - {
        KINDS[kind].needs for kind in unfelt(load_model(name).node_class)
    }
    if able is not None:
        assert groups == {"nothing", *able}
    else:
        assert "peers" in groups


def test_a_seed_of_a_swarm_that_nobody_noticed_is_a_calm_one(tmp_path):
    name = write(tmp_path, **DOUBTFUL["a package"])
    model = load_model(name)
    scenario = make_scenario({"model": name, "swarm": True, "time_limit": 3, "recovery": 2})
    inert = (Fault("f", "partition-halves", S, 2 * S),)
    plan = replace(draw_plan(scenario, 0, model), faults=inert)
    assert faults_check(judge(simulate(plan, model), model)).verdict.value == "valid"
    asked = replace(plan, swarm=False)
    assert faults_check(judge(simulate(asked, model), model)).verdict.value == "unknown"


class Quiet(Node):
    """Does nothing by itself."""

    def start(self):
        self.kept = 0

    @on("go")
    def go(self, msg):
        pass


NODES = ["n1", "n2", "n3", "n4"]
INERT = [kind for kind in KINDS if KINDS[kind].bites != "processes killed"]


@pytest.mark.parametrize("kind", INERT)
def test_a_fault_that_nobody_notices_did_nothing(kind):
    params = {"groups": [["n1"], ["n2", "n3", "n4"]]} if kind == "partition-groups" else {}
    struck = Fault("f", kind, S, 2 * S, None, params)
    cluster = simulated(1, Quiet, NODES, regions=wide(NODES))
    injector = Injector(cluster, [struck])
    cluster.boot()
    cluster.world.advance(3 * S)
    injector.heal()
    [report] = injector.reports()
    assert report.bit == 0, report.detail


class Pinger(Node):
    """n1 sends something to n2 ten times a second."""

    def start(self):
        if self.id == "n1":
            self.every(0.1, self.ping)

    def ping(self):
        self.send("n2", {"type": "go"})

    @on("go")
    def go(self, msg):
        pass


def lossy(kind):
    return kind.startswith("partition") or KINDS[kind].group in {
        "loss", "duplicate", "delay", "reorder", "flap",
    } or kind in {"region-cut", "region-one-way", "region-slow"}  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in KINDS if lossy(kind)])
def test_what_happens_to_messages_for_a_dead_node_is_noticed_by_nobody(kind):
    params = {"groups": [["n1"], ["n2", "n3", "n4"]]} if kind == "partition-groups" else {}
    if any(parameter.name == "per_thousand" for parameter in KINDS[kind].parameters):
        params = {"per_thousand": 1000}
    dead = Fault("k", "kill", S // 2, 4 * S, ("n2",), {})
    struck = Fault("f", kind, S, 2 * S, None, params)
    cluster = simulated(1, Pinger, NODES, regions=wide(NODES))
    injector = Injector(cluster, [dead, struck])
    cluster.boot()
    cluster.world.advance(3 * S)
    assert {report.id: report.bit for report in injector.reports()} == {"k": 1, "f": 0}


class Busy(Pinger):
    """Reads its clocks, sets timers, sends and writes, ten times a second."""

    def start(self):
        self.every(0.1, self.ping)

    def ping(self):
        self.now(), self.monotonic()
        self.disk["a"] = 1
        self.disk.sync()
        self.send("n2" if self.id == "n1" else "n1", {"type": "go"})


NOTHING = {
    # of a kind with a parameter that may be nothing: that parameter, and whether it is felt
    "partition-groups": ("groups", [], False),
    "partition-standing": ("links", [], False),
    "duplicate": ("gap_ns", 0, True),
    "clock-offset": ("offset_ns", 0, False),
    "clock-jump": ("jump_ns", 0, False),
    "clock-drift": ("drift_ppm", 0, False),
    "disk-lost": ("down_ns", 0, True),
    "disk-torn": ("down_ns", 0, True),
    "drop": ("messages", [], False),
    "hold": ("messages", [], False),
    "copy": ("messages", [], False),
    "join": ("spread_ns", 0, False),
    "leave": ("spread_ns", 0, False),
}
IDLE = S + S // 20
"""A moment at which no node does anything."""

NO_DURATION = {"kill", "region-kill", "clock-jump", "restart-all", "restart-rolling"}
"""What a fault of no duration does all the same: a process that dies at once comes back empty."""


def bit(kind, duration_ns, params):
    cluster = simulated(1, Busy, NODES, regions=wide(NODES))
    injector = Injector(cluster, [Fault("f", kind, IDLE, IDLE + duration_ns, None, params)])
    cluster.boot()
    cluster.world.advance(3 * S)
    injector.heal()
    [report] = injector.reports()
    return report.bit


@pytest.mark.parametrize("kind", NOTHING)
def test_a_fault_whose_parameter_is_nothing_did_nothing(kind):
    name, nothing, felt = NOTHING[kind]
    rate = {"per_thousand": 1000} if kind == "duplicate" else {}
    assert (bit(kind, S, {name: nothing, **rate}) > 0) == felt


def test_every_parameter_that_may_be_nothing_is_in_that_table():
    may = {
        kind
        for kind, of in {**KINDS, **PLANNED}.items()
        for known in of.parameters
        if not known.choices and known.low <= 0 and known.default != "" and known.name != "node"
    }
    assert may == NOTHING.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_of_no_duration_did_nothing_unless_it_strikes_at_an_instant(kind):
    params = {"groups": [["n1"], ["n2", "n3", "n4"]]} if kind == "partition-groups" else {}
    assert (bit(kind, 0, params) > 0) == (kind in NO_DURATION)


def test_a_class_that_does_not_stand_in_its_file_is_not_judged_by_it(tmp_path):
    (tmp_path / "plain.py").write_text(
        "from clew import Node\n"
        "Other = type('Mad' + 'e', (Node,), {'workload': 'echo', '__module__': __name__})\n"
    )
    assert unfelt(load_model(str(tmp_path / "plain.py")).node_class) == frozenset()
