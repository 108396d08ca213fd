"""Regions go every way that a run goes: sweeps, fresh processes, files, suites, pytest, Python."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugin_project import SMALL, run

import clew
from clew.cli import main
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.runs.run import simulate
from clew.search.verification import verify
from clew.sim.faults import GROUPS
from clew.testing.strategies import plans

pytestmark = pytest.mark.long

BASE = {"time_limit": 2, "recovery": 2, "regions": "eu,us", "region_latency": 20}
FAR = {**BASE, "region_latency": {"eu<->us": [30, 50]}, "nemesis": "region"}

WRONG = """
from clew import Node, on


class Wrong(Node):
    workload = "lin-kv"
    functions = ("read", "write")

    def start(self):
        self.values = {}

    @on("write")
    def write(self, msg):
        self.values[str(msg.body["key"])] = msg.body["value"]
        self.reply(msg, {"type": "write_ok", "region": self.region})

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": self.values.get(str(msg.body["key"]))})
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.py").write_text(WRONG)
    return tmp_path


def digest_of(model, seed, **options):
    loaded = load_model(model)
    plan = draw_plan(make_scenario({"model": model, **options}), seed, loaded)
    return simulate(plan, loaded, keep_trace=False).digest


def test_workers_find_the_same_runs():
    near = {**BASE, "nemesis": "region-kill", "time_limit": 1}
    swept = clew.run("echo", runs=2, jobs=2, **near)
    assert [each.digest for each in swept.runs] == [
        digest_of("echo", seed, **near) for seed in range(2)
    ]


def test_a_fresh_process_sees_the_same_run():
    model = load_model("raft")
    plan = draw_plan(make_scenario({"model": "raft", **FAR}), 1, model)
    found = verify(simulate(plan, model))
    assert found.same
    assert not found.failure


def test_a_run_with_regions_comes_again_from_its_file(here, capsys):
    command = ["test", "wrong.py", "--regions", "eu,us", "--region-latency", "ibm-cloud"]
    limits = ["--time-limit", "1", "--recovery", "0", "--nemesis", "region-kill"]
    assert main([*command, *limits]) == 1
    assert "regions" in capsys.readouterr().out
    [folder] = (here / "out").iterdir()
    repro = json.loads((folder / "repro.json").read_text())
    assert repro["plan"]["regions"]["nodes"] == {"eu": ["n1", "n3", "n5"], "us": ["n2", "n4"]}
    assert main(["replay", str(folder / "repro.json")]) == 1
    assert "The same run as the file's" in capsys.readouterr().out
    shrunk = json.loads((folder / "shrunk.json").read_text())
    assert "regions" not in shrunk["plan"], "it needs none"
    assert main(["replay", str(folder / "shrunk.json")]) == 1


def test_a_suite_may_have_regions(here, capsys):
    folder = here / "scenarios"
    folder.mkdir()
    text = 'model = "echo"\ntime_limit = 1\nrecovery = 1\nexpect = "valid"\n'
    (folder / "near.toml").write_text(text)
    (folder / "far.toml").write_text(
        f'{text}assert = ["regions.us.ok > 1"]\n[regions]\neu = ["n1", "n2"]\n'
        'us = ["n3", "n4", "n5"]\n[region_latency]\n"eu<->us" = 12\n'
    )
    assert main(["test", "scenarios/"]) == 0
    (folder / "far.toml").write_text(f'{text}[regions]\neu = ["n1"]\nus = ["n9"]\n')
    assert main(["test", "scenarios/"]) == 64
    assert "there is no node 'n9'" in capsys.readouterr().err


def test_a_marked_test_may_have_regions(project):
    result = run(
        project,
        f"""
@pytest.mark.clew("good.py", regions=["eu", "us"], region_latency=15, {SMALL})
def test_it(clew):
    assert clew.result.statistics["regions"]["us"]["ok"] > 0
""",
    )
    result.assert_outcomes(passed=1)


class Local(clew.Node):
    """Echoes with its region."""

    workload = "echo"

    @clew.on("echo")
    def echo(self, msg):
        """Answer, and log the region."""
        self.log(f"{self.id} of {self.region}, with {self.regions[self.region]}")
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


def test_python_may_ask_for_regions():
    result = clew.run(Local, node_count=3, **{**BASE, "regions": ["a", "b"]})
    assert result.ok
    assert [*result.statistics["regions"]] == ["a", "b"]


@settings(max_examples=20)
@given(data=st.data())
def test_hypothesis_draws_faults_of_regions(data):
    plan = data.draw(plans("gossip", **FAR))
    assert {fault.kind for fault in plan.faults} <= {*GROUPS["region"]}
    assert plan_from_json(json.loads(json.dumps(plan.to_json())), "drawn") == plan


@settings(max_examples=5)
@given(data=st.data())
def test_a_right_model_is_right_in_regions(data):
    plan = data.draw(plans("abd", **FAR))
    model = load_model("abd")
    assert judge(simulate(plan, model), model).verdict.value != "invalid"
