"""What happens to bad input: one message, in full, exit status 64, and nothing half-written.

A broken node is no bad input: its run is INVALID, and the finding names the line.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from clew.checkers.table import CHECKERS
from clew.checkers.transactions.consistency_models import MODELS as CONSISTENCY_MODELS
from clew.cli import main
from clew.models.registry import MODELS, bugs_of
from clew.scenarios.code.models import load_model
from clew.scenarios.options.asserts import FIGURES
from clew.scenarios.options.faults import FAULTS
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import ModelReference
from clew.sim.topology import TOPOLOGIES
from clew.workloads import workloads


def _plan_of(model: str, bug: str | None = None) -> str:
    """A repro file of a model that may not be there."""
    plan = draw_plan(make_scenario({"model": "abd", "time_limit": 1}), 0, load_model("abd"))
    plan = replace(plan, model=ModelReference(model, bug, ""))
    return json.dumps({"clew_repro": 1, "plan": plan.to_json(), "expect": {"verdict": "invalid"}})


FILES = {
    "none.py": "x = 1\n",
    "two.py": "from clew import Node\nclass A(Node): pass\nclass B(Node): pass\n",
    "one.py": "from clew import Node\nclass A(Node):\n    workload = 'echo'\n",
    "bare.py": "from clew import Node\nclass A(Node): pass\n",
    "syntax.py": "from clew import Node\nclass A(Node:\n    pass\n",
    "imports.py": "import nothing_of_this_name\n",
    "raises.py": "from clew import Node\nx = 1 / 0\n",
    "bad.toml": 'model = "raft"\nrate = \n',
    "unknown.toml": 'model = "raft"\nnode_cuont = 3\n',
    "negative.toml": 'model = "raft"\n\nrate = -1\n',
    "no_model.toml": "rate = 1\n",
    "type.toml": 'model = "raft"\nnode_count = "many"\n',
    "fine.toml": 'model = "echo"\n',
    "lonely.toml": 'model = "raft"\nnode_count = 1\nnemesis = "partition"\n',
    "gone.toml": 'model = "gone.py"\n',
    "not_json.json": '{"clew_repro": 1,\n "plan": \n',
    "list.json": "[]",
    "schema.json": '{"clew_repro": 2}',
    "later.json": '{"clew_repro": 2, "versions": {"clew": "9.1"}}',
    "stranger.json": _plan_of("rafft"),
    "no_bug.json": _plan_of("abd", "reads-two"),
    "no_plan.json": '{"clew_repro": 1, "plan": {}}',
    "old_plan.json": '{"clew_repro": 1, "plan": {"schema": 0, "operations": []}}',
    "bad_plan.json": '{"clew_repro": 1, "plan": {"schema": 1, "operations": [], "seed": "x"}}',
    "empty.jsonl": "",
    "cut.jsonl": '{"process": 0, "type": "invoke", "f": "read"}\n{"process": 0, "type": "ok", "f',
    "type.jsonl": '{"process": 0, "type": "begin", "f": "read"}\n',
    "process.jsonl": '{"process": [], "type": "invoke", "f": "read"}\n',
    "orphan.jsonl": '{"process": 0, "type": "ok", "f": "read", "value": 1}\n',
    "twice.jsonl": '{"process": 0, "type": "invoke", "f": "read"}\n' * 2,
    "text.log": "hello world\nthis is no history\n",
    "guess.jsonl": '{"process": 0, "type": "invoke", "f": "frob", "value": 1}\n',
    "good.jsonl": (
        '{"process": 0, "type": "invoke", "f": "write", "value": 1}\n'
        '{"process": 0, "type": "ok", "f": "write", "value": 1}\n'
    ),
    "cut.edn": "[{:type :invoke, :f :read, :process 0, :value nil}\n {:type :ok, :f :read, :proc",
    "mine.toml": "",
}

_NAMES = "there is no {what} '{name}': expected one of {known}. {fix}?"
_FIELDS = "Every operation needs process, type and f; value, time, error and node are optional."
_SEE = "See 'clew test --help'."

BAD = {
    # the command line: the message without "clew: "; {here} is the folder of the files
    "test": "missing argument 'MODEL'. " + _SEE,
    "test raft extra": (
        "several models can't be tested at once: expected one model, or scenario files and "
        "folders, found raft, extra. Write a scenario file for each; see 'clew new'."
    ),
    "replay": "missing argument 'FILE'. See 'clew replay --help'.",
    "tset raft": (
        "there is no command 'tset': expected one of test, hunt, replay, shrink, check, list, "
        "schema, new, serve-node. "
        "Did you mean 'clew test'?"
    ),
    "test gone.py": "gone.py: there is no such file. Check the path, or see 'clew list models'.",
    "test none.py": (
        "none.py: there is no Node class in this file: expected a class that derives from "
        "clew.Node. Begin with 'clew new'."
    ),
    "test two.py": (
        "two.py: there are several Node classes in this file: A, B. Name one, as in two.py:A."
    ),
    "test two.py:C": "two.py: there is no Node class 'C': expected one of A, B.",
    "test syntax.py": "{here}/syntax.py:2: syntax error: invalid syntax.",
    "test imports.py": (
        "{here}/imports.py:1: the file can't be imported: ModuleNotFoundError: No module named "
        "'nothing_of_this_name'."
    ),
    "test raises.py": (
        "{here}/raises.py:2: the file can't be imported: ZeroDivisionError: division by zero."
    ),
    "test bare.py": (
        "no workload is named for bare.py: expected --workload NAME, or a 'workload' attribute of "
        "the class. See 'clew list workloads'."
    ),
    "test rafft": (
        f"there is no model 'rafft': expected one of {', '.join(MODELS)}, or file.py, "
        "file.py:Class or scenario.toml. Did you mean 'raft'?"
    ),
    "test raft -w lin-vk": _NAMES.format(
        what="workload",
        name="lin-vk",
        known=", ".join(workloads()) + ", or file.py:Class",
        fix="Did you mean 'lin-kv'",
    ),
    "test raft --bug forgets-votes": (
        f"raft has no planted bug 'forgets-votes': expected one of {', '.join(bugs_of('raft'))}. "
        "Did you mean 'forgets-vote'?"
    ),
    "test one.py --bug forgets-vote": (
        "--bug forgets-vote can't be planted in one.py: expected a shipped model: "
        f"{', '.join(MODELS)}. See 'clew list bugs'."
    ),
    "test raft --nemesis partion": (
        f"--nemesis can't be used: expected one of {', '.join(FAULTS)}, found 'partion'. "
        "Did you mean 'partition'?"
    ),
    "test raft --nemesis partition --node-count 1": (
        "the fault 'partition' can't do anything in so small a cluster: expected at least 2 nodes, "
        "found 1. Run more nodes or leave it out."
    ),
    "test gossip --topology ring": (
        f"no such topology: expected one of {', '.join(TOPOLOGIES)}, found 'ring'. "
        "See 'clew list topologies'."
    ),
    "test raft --rate -5": (
        "--rate can't be used: expected a number of operations per second above 0, found '-5'. "
        f"{_SEE}"
    ),
    "test raft --rate 1e-320": (
        "--rate can't be used: expected at least 1e-06 operations per second, found '1e-320'. "
        f"{_SEE}"
    ),
    "test raft --rate fast": (
        "--rate can't be used: expected a number of operations per second above 0, found 'fast'. "
        f"{_SEE}"
    ),
    "test raft --node-count 0": (
        f"--node-count can't be used: expected a whole number from 1, found '0'. {_SEE}"
    ),
    "test raft --concurrency 3x": (
        "--concurrency can't be used: expected a number, or a number and n for so many times the "
        f"nodes, such as 2n, found '3x'. {_SEE}"
    ),
    "test raft --latency-dist normal": (
        "--latency-dist can't be used: expected 'constant', 'uniform', 'exponential' or "
        f"'long-tailed', found 'normal'. {_SEE}"
    ),
    "test raft --availability most": (
        "--availability can't be used: expected total, none, or a fraction from 0 to 1, found "
        f"'most'. {_SEE}"
    ),
    "test raft --assert 'servers.msgs_per_op << 30'": (
        "--assert can't be used: expected a figure, a comparison and a number, such as "
        "'servers.msgs_per_op < 30', found 'servers.msgs_per_op << 30'. 'clew test MODEL --json' "
        "prints the figures under 'statistics'."
    ),
    "test raft --consistency-models serializible": (
        "unknown consistency model: expected one of "
        f"{', '.join(model.name for model in CONSISTENCY_MODELS)}, found 'serializible'. Perhaps "
        "serializable is meant."
    ),
    "test raft --seed abc": ("--seed can't be used: expected a whole number from 0, found 'abc'."),
    "test raft --runs 0": ("--runs can't be used: expected a whole number from 1, found '0'."),
    "test raft --jobs 0": ("--jobs can't be used: expected a whole number from 1, found '0'."),
    "test raft --out one.py/x": (
        "--out can't be used: expected a folder that can be written, found one.py/x. Name another "
        "folder."
    ),
    "test bad.toml": "bad.toml:2: this is not TOML: Invalid value.",
    "test unknown.toml": (
        "unknown.toml:2: unknown option 'node_cuont'. Did you mean 'node_count'?"
    ),
    "test negative.toml": (
        "negative.toml:3: option 'rate' can't be used: expected a number of operations per second "
        "above 0, found -1."
    ),
    "test no_model.toml": "no_model.toml: the option 'model' is missing.",
    "test type.toml": (
        "type.toml:2: option 'node_count' can't be used: expected a whole number from 1, found "
        "'many'."
    ),
    "test gone.toml": (
        "gone.toml:1: option 'model' can't be used: expected a node file, as seen from the "
        "scenario's folder, found 'gone.py'. Check the path."
    ),
    "test nowhere.toml": "nowhere.toml: there is no such file. Check the path.",
    "replay gone.json": "gone.json: there is no such file. Check the path.",
    "replay folder": (
        "folder: this is a folder: expected a repro.json that 'clew test' wrote. Name the file in "
        "it."
    ),
    "test ''": "the model's name is empty. See 'clew list models'.",
    "test raft ''": "the model's name is empty. See 'clew list models'.",
    **{
        f"test raft --{option} {value}": (
            f"--{option} can't be used: expected a finite number, found '{value}'. {_SEE}"
        )
        for option, value in (("rate", "nan"), ("time-limit", "inf"), ("latency", "nan"))
    },
    "test raft --expect invalid:elction-safety": (
        "--expect can't be used: expected a way to fail, such as nonlinearizable, liveness or "
        "G-single, found 'elction-safety'. Did you mean 'election-safety'?"
    ),
    "test fine.toml lonely.toml": (
        "lonely.toml:3: the fault 'partition' can't do anything in so small a cluster: expected at "
        "least 2 nodes, found 1. Run more nodes or leave it out."
    ),
    **{
        f"test raft --assert '{path} < 3'": (
            f"--assert can't be used: expected a figure of a run: {', '.join(FIGURES)}, found "
            f"'{path}'.{near}"
        )
        for path, near in {
            "msgs_per_op": " Did you mean 'servers.msgs_per_op' or 'servers.msgs_per_ok'?",
            "servers.msgs_pr_op": " Did you mean 'servers.msgs_per_op' or 'servers.msgs_per_ok'?",
            "latency_ms.p99": " Did you mean 'latency_ms.Q' or 'regions.R.latency_ms.Q'?",
            "operations": " Did you mean 'operations.ok' or 'operations.info'?",
            "foo": "",
        }.items()
    },
    "replay not_json.json": "not_json.json:3: this is not JSON: Expecting value.",
    "replay list.json": (
        'list.json: this is no repro file: expected an object with "clew_repro": 1. Name a '
        "repro.json that 'clew test' wrote."
    ),
    "replay schema.json": (
        "schema.json: this repro file has another schema: expected schema 1, found schema 2. "
        "Replay it with the version of Clew that wrote it."
    ),
    "replay later.json": (
        "later.json: this repro file has another schema: expected schema 1, found schema 2. "
        "Replay it with Clew 9.1 that wrote it."
    ),
    "replay stranger.json": (
        "stranger.json: this is no plan: model can't be used: expected one of "
        f"{', '.join(MODELS)} or file.py or file.py:Class, found 'rafft'. Did you mean 'raft'?"
    ),
    "replay no_bug.json": (
        "no_bug.json: this is no plan: bug can't be used: expected one of "
        f"{', '.join(bugs_of('abd'))}, found 'reads-two'. Did you mean 'reads-one'?"
    ),
    "replay no_plan.json": "no_plan.json: this is no plan: expected an object with operations.",
    "replay old_plan.json": (
        "old_plan.json: this plan has another schema: expected schema 1 or 2, found schema 0. "
        "Replay it with the version of Clew that wrote it."
    ),
    "replay bad_plan.json": (
        "bad_plan.json: this is no plan: seed: Input should be a valid integer."
    ),
    "check gone.jsonl": (
        "gone.jsonl: the file can't be read: no such file or directory. Name a file with a "
        "recorded history."
    ),
    "check folder": (
        "folder: the file can't be read: is a directory. Name a file with a recorded history."
    ),
    "check empty.jsonl": (
        "empty.jsonl: the file holds no operation: expected at least one invocation, found none. "
        "Check that the file is the recorded history."
    ),
    "check cut.jsonl": (
        "cut.jsonl:2: the file ends inside an operation: expected one whole JSON object per "
        "operation, found the end of the line. Check that the file is whole."
    ),
    "check type.jsonl": (
        'type.jsonl:1: type is wrong: expected invoke, ok, fail or info, found "begin". ' + _FIELDS
    ),
    "check process.jsonl": (
        "process.jsonl:1: process is wrong: expected a whole number, or a name such as nemesis, "
        "found []. " + _FIELDS
    ),
    "check orphan.jsonl": (
        "orphan.jsonl:1: ok of read by process 0 has no invocation: expected an earlier invoke of "
        "read by process 0, found no open operation. Check that the file is whole and its events "
        "are in order of time."
    ),
    "check twice.jsonl": (
        "twice.jsonl:2: process 0 invokes read while its operation from twice.jsonl:1 is open: "
        "expected the completion of read first, found another invoke of process 0. Give each "
        "concurrent client a process of its own."
    ),
    "check text.log": (
        "text.log:1: the format is not known: expected a history as JSONL, EDN, JSON, a Jepsen "
        'console log or Porcupine\'s text, found "hello world\\nthis is no history". Check that '
        "the file is a recorded history."
    ),
    "check guess.jsonl": (
        "guess.jsonl: the model can't be inferred: expected operations whose functions and values "
        "tell one model from the others, found frob. Name one with --model; clew list checkers "
        "describes them."
    ),
    "check cut.edn": (
        "cut.edn:2: the { of line 2 is not closed: expected }, found the end of the file. Check "
        "that the file is whole and is EDN."
    ),
    "check good.jsonl --model cas-registr": (
        f"--model cas-registr: unknown checker: expected {', '.join(CHECKERS)}, found "
        "'cas-registr'. The nearest is cas-register."
    ),
    "check good.jsonl --model register:initial": (
        "--model register:initial: an option of the model is wrong: expected NAME or "
        "NAME:KEY=VALUE, each key once, found 'initial'."
    ),
    "check good.jsonl --model register:start=1": (
        "--model register: register has no option start: expected initial, nil-reads, keyed, "
        "found start."
    ),
    "check good.jsonl --budget soon": (
        "--budget can't be used: expected a time such as 500ms, 30s, 5m or 1h, found 'soon'."
    ),
    "check good.jsonl --jobs none": (
        "--jobs can't be used: expected a whole number from 1, found 'none'."
    ),
    "list modles": (
        "there is no list of 'modles': expected one of models, bugs, workloads, faults, checkers, "
        "consistency-models, topologies, scenarios, kinds. Did you mean 'models'?"
    ),
    "new mine": (
        "mine.toml: the file is there already. Choose another name, or move the file away."
    ),
    "new 2bad": (
        "'2bad' can't be the name of a node's file: expected letters, digits and underscores, a "
        "letter first, such as my_node."
    ),
    "new ok -w lin-vk": _NAMES.format(
        what="workload",
        name="lin-vk",
        known=", ".join(workloads()) + ", or file.py:Class",
        fix="Did you mean 'lin-kv'",
    ),
    "serve-node gone.py": (
        "gone.py: there is no such file. Check the path, or see 'clew list models'."
    ),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all the files, made the working directory."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", BAD)
def test_bad_input_is_one_message(command: str, here: Path, capsys: pytest.CaptureFixture[str]):
    before = sorted(path.name for path in here.iterdir())

    status = main(shlex.split(command))

    told = capsys.readouterr()
    assert told.err == f"clew: {BAD[command].replace('{here}', str(here))}\n"
    assert told.out == ""
    assert status == 64
    made = {path.name for path in here.iterdir()} - {"__pycache__"}
    assert sorted(made) == before


_HEAD = "from clew import Node, on\n\nclass Broken(Node):\n    workload = 'echo'\n\n"

BROKEN = {
    # the body of the handler of "echo": what the run says of it; line 7 is its only line
    "self.reply(msg, {'type': 'echo_ok', 'echo': {1, 2}})": (
        "malformed-message", "can't",
    ),
    "self.send('n9', {'type': 'hello'})": ("unknown-destination", "sent a message to 'n9'"),
    "msg.body['nothing']": ("exception", "KeyError: 'nothing'"),
    "self.reply(msg, {'type': 'read_ok'})": (
        "malformed-reply", "expected a reply of type 'echo_ok', found 'read_ok'",
    ),
    "import socket; socket.socket()": ("refused", "socket"),
}  # fmt: skip


@pytest.mark.parametrize("body", BROKEN)
def test_a_broken_node_makes_an_invalid_run(
    body: str, here: Path, capsys: pytest.CaptureFixture[str]
):
    kind, reason = BROKEN[body]
    (here / "broken.py").write_text(f"{_HEAD}    @on('echo')\n    def echo(self, msg): {body}\n")

    status = main(["test", "broken.py", "--time-limit", "2", "--node-count", "2", "--no-shrink"])

    told = " ".join(capsys.readouterr().out.split())
    assert status == 1
    assert f"{kind}: " in told
    assert reason in told
    if kind != "malformed-reply":
        assert "broken.py:7" in told or 'broken.py", line 7' in told
