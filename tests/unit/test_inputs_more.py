"""Wrong input of the rarer kinds: node files, edited repro files, values of absurd size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clew.cli import main
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.planfile import plan_from_json
from clew.sim.entropy import Entropy
from clew.workloads import workloads
from clew.workloads.workload import Draw

_CLASS = "from clew import Node, on\nclass A(Node):\n"

NODES = {
    # a node file: what the message says
    "import sys\nsys.exit(3)\n": ("the file can't be imported", "SystemExit: 3"),
    "x = 1\0\n": ("n.py:", "null bytes"),
    f"{_CLASS}    workload = 5\n": ("n.py: class A: 'workload'", "found 5"),
    f"{_CLASS}    workload = 'echoo'\n": ("there is no workload 'echoo'", "'echo'"),
    f"{_CLASS}    workload = 'lin-kv'\n    functions = 'read'\n": ("'functions'", "found 'read'"),
    f"{_CLASS}    workload = 'lin-kv'\n    functions = ()\n": ("'functions'", "found ()"),
    f"{_CLASS}    workload = 'lin-kv'\n    functions = ('frob',)\n": (
        "n.py: class A: 'functions'", "expected some of read, write, cas, found 'frob'",
    ),
    f"{_CLASS}    workload = 'lin-kv'\n    functions = ('read', 'wirte')\n": ("found 'wirte'",),
}  # fmt: skip


def refused(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one message that a command line is refused with."""
    status = main(command)
    told = capsys.readouterr()
    assert (status, told.out) == (64, "")
    assert told.err.startswith("clew: ")
    assert told.err.count("\n") == 1
    assert len(told.err) < 2500
    return told.err


@pytest.mark.parametrize("text", NODES)
def test_a_wrong_node_file_is_one_message(
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n.py").write_text(text)

    told = refused(["test", "n.py"], capsys)

    assert "None" not in told.replace("or None", "")
    for part in NODES[text]:
        assert part in told


_DIGITS = "9" * 5000

OPTIONS = {
    # options of `clew test raft`: what the message says
    ("--seed", _DIGITS): "--seed can't be used: expected a whole number from 0 of at most 18",
    ("--runs", _DIGITS): "--runs can't be used",
    ("--jobs", _DIGITS): "--jobs can't be used",
    ("--concurrency", _DIGITS): "--concurrency can't be used: expected at most 100000 clients",
    ("--concurrency", "100000n"): "found 500000 at 5 nodes",
    ("--rate", _DIGITS): "--rate can't be used",
    ("--out", "/proc/x"): "--out can't be used: expected a folder that can be written",
    ("--out", "x" * 300): "--out can't be used",
    ("--nemesis", ""): "--nemesis can't be used: expected names with commas between them",
    ("--nemesis", ","): "--nemesis can't be used",
    ("--nemesis", "kill,,"): "--nemesis can't be used",
    ("--consistency-models", ""): "--consistency-models can't be used",
    ("-w", ""): "--workload can't be used: expected the name of a workload, found ''",
    ("--topology", "gird"): "Did you mean 'grid'",
}


@pytest.mark.parametrize("options", OPTIONS, ids=lambda pair: " ".join(pair)[:30])
def test_an_absurd_or_empty_option_is_one_message(
    options: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    assert OPTIONS[options] in refused(["test", "raft", *options], capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_graph_can_not_take_the_place_of_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    history = tmp_path / "one.jsonl"
    history.write_text('{"process": 0, "type": "invoke", "f": "read", "value": null}\n')
    told = refused(["check", str(history), "--model", "register", "--dot", str(tmp_path)], capsys)
    assert "--dot can't be used: expected a file, found the folder" in told


def drawn(**more: object) -> dict:
    """A plan as JSON, with some of its fields replaced."""
    scenario = make_scenario(
        {"model": "raft", "time_limit": 2, "node_count": 3, "nemesis": ("kill",)}
    )
    plan = draw_plan(scenario, 0, load_model("raft"))
    return json.loads(json.dumps({**plan.to_json(), **more}))


def operation(**more: object) -> dict:
    """A plan whose only operation has some of its fields replaced."""
    fields = {"client": 0, "number": 0, "at_ns": 0, "f": "read", "value": [0, None]}
    return {"operations": [[*{**fields, **more}.values(), "main"]]}


def fault(**more: object) -> dict:
    """A plan of one fault."""
    return {"faults": [{"id": "a", "kind": "kill", "at_ns": 0, "until_ns": 1, **more}]}


PLANS = [
    # fields of a plan in the place of its own, and what the message names
    ({"node_ids": []}, "node_ids"),
    ({"node_ids": ["n1", "n1"]}, "node_ids"),
    ({"node_ids": ["n1", "c0"]}, "node_ids"),
    ({"core": ["n99"]}, 'core can\'t be used: expected some of node_ids, found "n99"'),
    ({"nodeids": []}, "unknown field 'nodeids'. Did you mean 'node_ids'"),
    ({"faults": None}, "faults"),
    ({"faults": [None]}, "bad fault"),
    (fault(at_ns=-1), "bad times"),
    (fault(target=["n99"]), "the target of fault 'a'"),
    ({"operations": None}, "operations"),
    ({"operations": [None]}, "operations.0"),
    ({"operations": [[0]]}, "operations.0"),
    (operation(f="frob"), "operations.0.f can't be used: expected one of read, write, cas"),
    (operation(value=None), "operations.0.value"),
    (operation(f="cas", value=[0, 1]), "operations.0.value"),
    (operation(at_ns=-5), "operations.0.at_ns"),
    (operation(client=-1), "operations.0.client"),
    (operation(client=10**9), "operations.0.client"),
    (operation(client="0"), "operations.0.client"),
    ({"availability": "most"}, "availability"),
    ({"asserts": ["x"]}, "asserts"),
    ({"nemesis": ["partion"]}, "nemesis"),
    ({"consistency_models": ["serializible"]}, "consistency_models"),
    ({"workload": "lin-vk"}, "workload"),
    ({"topology": "ring"}, "topology"),
    ({"key_count": 0}, "key_count"),
    ({"clients": 0}, "clients"),
    ({"clients": 10**9}, "clients"),
    ({"time_limit_ns": -1}, "time_limit_ns"),
    ({"latency_ns": -1}, "latency_ns"),
    ({"seed": "0"}, "seed"),
    ({"seed": 1.5}, "seed"),
    ({"model": "raft"}, "model"),
    ({"model": {"name": "raft", "bgu": None}}, "model"),
]


@pytest.mark.parametrize(("fields", "named"), PLANS, ids=[named[:30] for _, named in PLANS])
def test_an_edited_plan_is_refused_by_the_field(
    fields: dict, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "repro.json"
    expect = {"verdict": "valid", "signature": "", "digest": ""}
    path.write_text(json.dumps({"clew_repro": 1, "expect": expect, "plan": drawn(**fields)}))
    assert named in refused(["replay", str(path)], capsys)


REPROS = {
    "expect": ({"expect": 3}, "expect can't be used"),
    "verdict": ({"expect": {"verdict": "good"}}, "expect.verdict can't be used"),
    "versions": ({"versions": 3}, "versions can't be used"),
}


@pytest.mark.parametrize("name", REPROS)
def test_what_a_repro_file_expects_is_checked(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    fields, named = REPROS[name]
    path = tmp_path / "repro.json"
    data = {"clew_repro": 1, "expect": {"verdict": "valid"}, "plan": drawn(), **fields}
    path.write_text(json.dumps(data))
    assert named in refused(["replay", str(path)], capsys)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"clew_repro": ' + _DIGITS + "}"])
def test_json_that_python_can_not_hold_is_one_message(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "repro.json"
    path.write_text(text)
    assert "repro.json: can't be read" in refused(["replay", str(path)], capsys)


@pytest.mark.parametrize("depth", [100, 600, 900])
@pytest.mark.parametrize("name", ["operations", "asserts", "faults", "model"])
def test_a_deeply_nested_field_is_one_message(
    name: str, depth: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "repro.json"
    deep = "[" * depth + "]" * depth
    value = {
        "operations": f'[[0, 0, 0, "read", {deep}, "main"]]',
        "faults": f'[{{"id": "a", "kind": "kill", "at_ns": 0, "until_ns": 1, "target": {deep}}}]',
    }.get(name, deep)
    text = json.dumps({"clew_repro": 1, "expect": {"verdict": "valid"}, "plan": drawn(**{name: 7})})
    path.write_text(text.replace(f'"{name}": 7', f'"{name}": {value}'))
    assert "repro.json: " in refused(["replay", str(path)], capsys)


@pytest.mark.parametrize("name", workloads())
def test_what_a_workload_draws_can_stand_in_a_file(name: str):
    workload = workloads()[name]()
    asked = [workload.drawn(Draw(Entropy(seed).stream("operation"), 0, seed)) for seed in range(50)]
    asked += workload.final() if workload.final_reads else ()
    operations = [[0, rank, rank, one.f, one.value, "main"] for rank, one in enumerate(asked)]
    plan = plan_from_json(drawn(workload=name, options={}, operations=operations), "here")
    assert len(plan.operations) == len(asked)
    assert set(workload.operations) == set(workload.functions)


def test_text_that_can_not_be_printed_is_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n.py").write_text(
        f"{_CLASS}    workload = 'echo'\n    @on('echo')\n    def echo(self, msg):\n"
        "        self.reply(msg, {'type': 'echo_ok', 'echo': '\\ud800'})\n"
    )
    assert main(["test", "n.py", "--time-limit", "2", "--node-count", "1"]) == 1
    assert "\\ud800" in capsys.readouterr().out
