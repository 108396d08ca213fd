"""Every workload, shipped or from outside: fails, is verified, made small, told and replayed."""

import json
import re
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import clew
from clew import plugins
from clew.checkers.verdict import Verdict
from clew.cli import main
from clew.errors import UsageError, WorkloadError
from clew.scenarios.code.models import load_model
from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.repros.repro import read_repro
from clew.scenarios.runs.run import simulate
from clew.sim.entropy import Entropy
from clew.workloads import workloads
from clew.workloads.workload import Draw

BANK = Path(__file__).parent / "bank_outside.py"

WRONG = {int: 10**6, str: "wrong", list: [], dict: {}}
"""What a node answers that keeps no promise, by the shape of the field; 777 for any other."""

ANSWERS = {
    # a workload that needs more than that: what is answered, by function
    "broadcast": {"topology": {}, "broadcast": {}, "read": {"messages": []}},
    "kafka": {
        "send": {"offset": 0},
        "poll": {"msgs": {"0": [[0, 777]]}},
        "commit_offsets": {},
        "list_committed_offsets": {"offsets": {}},
    },
}

TRANSACTIONS = """
from clew import Node, on


class Wrong(Node):
    workload = "{name}"

    @on("txn")
    def txn(self, msg):
        done = [[f, key, {read} if f == "r" else value] for f, key, value in msg.body["txn"]]
        self.reply(msg, {{"type": "txn_ok", "txn": done}})
"""


def wrong_node(name: str) -> str:
    """The source of a node that speaks a shipped workload and breaks its promise."""
    if name.startswith("txn-"):
        return TRANSACTIONS.format(name=name, read="[777]" if "append" in name else 777)
    answers = ANSWERS.get(name) or {
        f: {field: WRONG.get(shape, 777) for field, shape in one.reply.items()}
        for f, one in workloads()[name].operations.items()
    }
    handlers = [
        f"    @on({f!r})\n    def {f}(self, msg):\n"
        f"        self.reply(msg, { ({'type': f'{f}_ok'} | fields)!r})\n"
        for f, fields in answers.items()
    ]
    head = f"from clew import Node, on\n\n\nclass Wrong(Node):\n    workload = {name!r}\n\n"
    return head + "\n".join(handlers)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bank.py").write_text(BANK.read_text(encoding="utf-8"))
    return tmp_path


def told(args: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = main(args)
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    return status, output.out + output.err


SHORT = ["--time-limit", "2", "--recovery", "2", "--rate", "10", "--node-count", "2"]


@pytest.mark.parametrize("name", [*workloads(), "bank"])
def test_a_workload_fails_is_verified_made_small_told_and_replayed(name, here, capsys):
    options, expected = SHORT, name
    if name == "bank":
        options = ["--nemesis", "kill"]
    else:
        (here / "wrong.py").write_text(wrong_node(name))
    status, text = told(["test", "bank.py" if name == "bank" else "wrong.py", *options], capsys)
    assert status == 1, text
    assert "event for event" in text, "verified in a fresh process"
    assert "The shortest story found" in text
    assert (
        f"The promise: {load_workload(name if name != 'bank' else 'bank.py').summary}."
        in " ".join(text.split())
    )
    (shrunk,) = (here / "out").glob(f"*-{expected}-seed-0/shrunk.json")
    as_found = read_repro(shrunk.with_name("repro.json"))
    repro = read_repro(shrunk)
    assert len(repro.plan.operations) < len(as_found.plan.operations)
    assert repro.signature.partition(" (")[0] == as_found.signature.partition(" (")[0]
    status, text = told(["replay", str(shrunk)], capsys)
    assert status == 1
    assert "The same run as the file's" in text


@pytest.mark.parametrize("name", workloads())
def test_a_shipped_workload_declares_all_there_is(name):
    workload = load_workload(name)
    assert workload.name == name
    assert workload.template_text(), "what clew new writes"
    assert [one.name for one in workload().checkers()]
    assert all(check.broken for check in workload.judged_by())
    draws = [Draw(Entropy(7).stream(number), 1, number) for number in range(200)]
    drawn = [*map(workload().drawn, draws)]
    assert {request.f for request in drawn} == set(workload.functions)
    for request in [*drawn, *(workload().final() if workload.final_reads else ())]:
        assert workload.operations[request.f].is_argument(request.value)


# A workload from outside.


def test_workers_sweep_a_workload_from_outside(capsys):
    args = ["test", "bank.py", "--nemesis", "kill", "--runs", "4", "--jobs", "2", "--no-shrink"]
    status, text = told([*args, "--json"], capsys)
    assert status == 1
    rows = [json.loads(line) for line in text.splitlines() if line.startswith('{"model"')]
    assert {row["workload"] for row in rows} == {"bank.py:Bank"}
    assert len(rows) == 4


def test_a_workload_may_have_a_file_of_its_own(here, capsys):
    text = BANK.read_text(encoding="utf-8")
    node, workload = text.split("def no_account_is_lost")
    (here / "rules").mkdir()
    (here / "rules" / "shared_names.py").write_text('ACCOUNTS = ["0", "1", "2", "3"]\n')
    (here / "rules" / "money.py").write_text(
        "from clew import Anomaly, Check, Workload, operation\n"
        "from shared_names import ACCOUNTS\n\n\ndef no_account_is_lost" + workload
    )
    (here / "node.py").write_text(
        node.replace("import Anomaly, Check, ", "import ")
        .replace("Workload, on, operation", "on")
        .replace('workload = "bank"', 'workload = "rules/money.py:Bank"')
    )
    status, text = told(["test", "node.py", "--nemesis", "kill", "--no-shrink"], capsys)
    assert status == 1, text
    (path,) = (here / "out").glob("node-bank-seed-0/repro.json")
    assert set(read_repro(path).sources) == {
        "node.py", "workload: money.py", "workload: shared_names.py",
    }  # fmt: skip
    assert told(["replay", str(path)], capsys)[0] == 1
    (here / "rules" / "shared_names.py").write_text('ACCOUNTS = ["0", "1", "2", "3"]  # new\n')
    status, text = told(["replay", str(path)], capsys)
    assert status == 64
    assert "workload: shared_names.py" in text
    status, text = told(["test", "node.py", "-w", "rules/money.py", "--node-count", "1"], capsys)
    assert "workload rules/money.py:Bank" in text


def test_a_repro_file_does_not_bring_in_a_workload_from_elsewhere(here, tmp_path_factory, capsys):
    other = tmp_path_factory.mktemp("elsewhere") / "evil.py"
    other.write_text("raise SystemExit('imported')\n")
    told(["test", "bank.py", "--nemesis", "kill", "--no-shrink"], capsys)
    path = here / "out" / "bank-bank-seed-0" / "repro.json"
    data = json.loads(path.read_text())
    data["plan"]["workload"] = f"{other}:Bank"
    path.write_text(json.dumps(data))
    status, text = told(["replay", str(path)], capsys)
    assert status == 64
    assert "the workload's file lies outside the project" in text


def test_an_operation_of_a_plan_is_held_to_the_workload_of_its_file(here, capsys):
    told(["test", "bank.py", "--nemesis", "kill", "--no-shrink"], capsys)
    path = here / "out" / "bank-bank-seed-0" / "repro.json"
    data = json.loads(path.read_text())
    data["plan"]["operations"][0][3:5] = ["transfer", {"from": "0", "to": "1", "amount": "all"}]
    path.write_text(json.dumps(data))
    status, text = told(["replay", str(path)], capsys)
    assert status == 64
    assert "operations.0.value" in text
    assert "amount: an integer" in text


def test_a_scenario_file_and_pytest_know_a_workload_from_outside(here, capsys):
    (here / "s").mkdir()
    (here / "s" / "kills.toml").write_text(
        'model = "../bank.py"\nworkload = "../bank.py:Bank"\nnemesis = ["kill"]\n'
        'expect = "invalid:wrong-total"\n'
    )
    assert told(["test", "s/kills.toml", "--no-shrink"], capsys)[0] == 0
    result = clew.run("bank.py", workload="bank.py:Bank", nemesis=["kill"], expect="invalid")
    assert result
    assert "hasty" not in result.explain()
    found = load_model("bank.py").node_class
    assert clew.run(found, workload=None, nemesis=["kill"], expect="invalid")


def test_new_writes_a_node_for_it(here, capsys):
    assert told(["new", "mine", "-w", "bank.py"], capsys)[0] == 0
    assert '@on("transfer")' in (here / "mine.py").read_text()
    assert 'workload = "bank.py:Bank"' in (here / "mine.toml").read_text()
    status, text = told(["test", "mine.toml", "--no-shrink"], capsys)
    assert status == 1
    assert "expected 'accounts' of a read_ok to be an object" in " ".join(text.split())


def test_an_installed_package_brings_models_workloads_and_checkers(here, monkeypatch, capsys):
    package = here / "installed"
    (package / "money-1.0.dist-info").mkdir(parents=True)
    (package / "money-1.0.dist-info" / "METADATA").write_text("Name: money\nVersion: 1.0\n")
    (package / "money-1.0.dist-info" / "entry_points.txt").write_text(
        "[clew.workloads]\nmoney = money_rules:Bank\n[clew.models]\nhasty = money_rules:HastyBank\n"
        "[clew.checkers]\nnothing = money_rules:Nothing\n"
    )
    checker = """

class Nothing:
    \"\"\"No history has an operation.\"\"\"

    name = "nothing"

    def check(self, history, budget):
        from clew.checkers.verdict import Result, Verdict

        return Result("nothing", Verdict.INVALID if history.operations else Verdict.VALID, "So.")
"""
    source = BANK.read_text(encoding="utf-8").replace('workload = "bank"', 'workload = "money"')
    declared = '    amount_max: Annotated[int, Option("N", "How much is moved.", least=1)] = 5'
    source = source.replace('name = "bank"', f'name = "bank"\n{declared}', 1)
    source = source.replace(
        "from clew import ", "from typing import Annotated\nfrom clew import Option, "
    )
    (package / "money_rules.py").write_text(source + checker)
    monkeypatch.syspath_prepend(str(package))
    plugins.installed.cache_clear()
    try:
        assert "money" in told(["list", "workloads"], capsys)[1]
        schema = json.loads(told(["schema"], capsys)[1])["properties"]
        assert schema["amount_max"]["minimum"] == 1
        assert "--amount-max N" in told(["test", "-w", "money", "--help"], capsys)[1]
        assert "hasty" in told(["list", "models"], capsys)[1]
        assert "nothing" in told(["list", "checkers"], capsys)[1]
        status, text = told(["test", "hasty", "--nemesis", "kill", "--no-shrink"], capsys)
        assert status == 1
        assert "workload money" in text
        assert "event for event" in text
        history = next((here / "out").glob("hasty-*/history.jsonl"))
        assert told(["replay", str(history.with_name("repro.json"))], capsys)[0] == 1
        assert told(["check", "--model", "nothing", str(history)], capsys)[0] == 1
    finally:
        sys.modules.pop("money_rules", None)
        plugins.installed.cache_clear()


def test_it_has_options_of_its_own(here, capsys):
    declared = 'amount_max: Annotated[int, Option("N", "How much is moved.", least=1)] = 5'
    mistaken(here, 'name = "bank"', f'name = "bank"\n    {declared}')
    mistaken(here, "between(1, 5)", "between(1, self.amount_max)")
    mistaken(here, "from clew import ", "from typing import Annotated\n\nfrom clew import Option, ")
    (here / "s.toml").write_text('model = "bank.py"\nnemesis = ["kill"]\namount_max = 1\n')
    assert told(["test", "s.toml", "--no-shrink", "--keep"], capsys)[0] in {0, 1}
    (path,) = (here / "out").glob("*/repro.json")
    plan = read_repro(path).plan
    assert plan.options == {"amount_max": 1}
    amounts = {one.value["amount"] for one in plan.operations if one.f == "transfer"}
    assert amounts == {1}
    assert told(["replay", str(path)], capsys)[0] in {0, 1}
    (here / "s.toml").write_text('model = "bank.py"\namount_max = 0\n')
    status, text = told(["test", "s.toml"], capsys)
    assert status == 64
    assert "s.toml:2: option 'amount_max' can't be used" in text


# The client's state.

LOCK = """
from clew import Node, Workload, on, operation


class Lock(Node):
    def start(self):
        self.holder = None

    @on("acquire")
    def acquire(self, msg):
        if self.holder is not None:
            return self.reply(msg, {"type": "error", "code": 22, "text": "taken"})
        self.holder = msg.src
        self.reply(msg, {"type": "acquire_ok"})

    @on("release")
    def release(self, msg):
        self.holder = None
        self.reply(msg, {"type": "release_ok"})


class Locking(Workload):
    name = "lock"
    summary = "one client at a time has the lock"
    checks = ("mutex",)

    @operation()
    def acquire(self, draw):
        return None

    @operation()
    def release(self, draw):
        return None

    def resolve(self, asked, client):
        held = self.memory[client].get("held", False)
        return None if held == (asked.f == "acquire") else asked

    def heard(self, asked, kind, value, client):
        self.memory[client]["held"] = asked.f == "acquire" and kind == "ok"
"""


def test_a_client_that_does_not_hold_a_lock_does_not_release_it(here):
    (here / "lock.py").write_text(LOCK)
    model = load_model("lock.py")
    scenario = make_scenario({"model": "lock.py", "node_count": 1, "concurrency": "3"})
    plan = draw_plan(scenario, 0, model)
    outcome = judge(simulate(plan, model), model)
    assert outcome.verdict is Verdict.VALID, "a client that failed to acquire never releases"
    asked = [one.f for one in outcome.run.history.operations if one.type == "ok"]
    assert asked[:2] == ["acquire", "release"]
    assert len(outcome.run.history.operations) < len(plan.operations), "some were left out"


def test_a_plan_with_operations_that_were_left_out_is_made_small(here, capsys):
    broken = LOCK.replace("if self.holder is not None:", "if False:")
    (here / "lock.py").write_text(broken)
    status, text = told(["test", "lock.py", "--node-count", "1", "--concurrency", "3"], capsys)
    assert status == 1
    assert re.search(r"operations +[0-9]+ +-> +2\n", text)


# Mistakes in a user's workload.


def mistaken(here: Path, old: str, new: str) -> None:
    text = (here / "bank.py").read_text(encoding="utf-8")
    assert old in text
    (here / "bank.py").write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("return None", "return 1 / 0", "the workload bank.py:Bank raised: ZeroDivisionError"),
        ("return None", "return 7", "the operation 'read' of Bank draws what it can't be"),
        ('"amount": int}', '"amount": set}', "the field 'amount' of the operation 'transfer'"),
        ("    @operation", "    checks = None\n\n    @operation", "'checks' of the workload Bank"),
        ("bank:total=100", "bonk", "unknown checker"),
        ("bank:total=100", "bank:total=x", "total is wrong"),
        ('    summary = "every', '    summary = b"every', "'summary' of the workload Bank"),
        (
            "    @operation(reply",
            "    def resolve(self, asked, client):\n        return [][1]\n\n    @operation(reply",
            "the workload bank.py:Bank raised: IndexError",
        ),
        (
            "    @operation(reply",
            "    def checkers(self):\n        return 1 / 0\n\n    @operation(reply",
            "the workload bank.py:Bank raised: ZeroDivisionError",
        ),
        (
            "    @operation(reply",
            "    def resolve(self, asked, client):\n        return 7\n\n    @operation(reply",
            "'resolve' of the workload Bank returns what it can't",
        ),
        (
            "    @operation(reply",
            "    def setup(self, node, topology):\n        return 7\n\n    @operation(reply",
            "'setup' of the workload Bank returns what it can't",
        ),
        (
            "    @operation(reply",
            "    def result(self, *_):\n        return {1, 2}\n\n    @operation(reply",
            "'result' of the workload Bank returns what it can't",
        ),
        (
            "    @operation(reply",
            "    def checkers(self):\n        return [7]\n\n    @operation(reply",
            "'checkers' of the workload Bank returns what it can't",
        ),
        (
            "    @operation(reply",
            "    final_reads = True\n    final = lambda self: [7]\n\n    @operation(reply",
            "'final' of the workload Bank returns what it can't",
        ),
        ("yield Anomaly(", "yield ('x', ", "Nothing is wrong"),
        ("for one in history.operations:", "for one in [1]:", "The checker crashed: "),
        (
            "!= ACCOUNTS:",
            "== ACCOUNTS:\n            yield 7",
            "gives what it can't",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_a_workload_is_one_message(old, new, message, here, capsys):
    mistaken(here, old, new)
    status, text = told(["test", "bank.py", "--no-shrink", "--node-count", "1"], capsys)
    assert dedent(message) in " ".join(text.split())
    if "raised" in message:
        assert "bank.py:" in text.partition("clew: ")[2].partition(" the ")[0], "with its line"
    assert status == (64 if text.startswith("clew: ") else 2 if "crashed" in message else 0)


def test_what_a_workload_says_of_itself_is_checked(here):
    mistaken(here, 'name = "bank"', "name = None")
    with pytest.raises(WorkloadError, match="'name' of the workload Bank can't be used"):
        load_workload("bank.py:Bank")
    with pytest.raises(WorkloadError, match="there is no Workload class 'Bonk'"):
        load_workload("bank.py:Bonk")


def test_a_shipped_name_stays_what_it_is_where_a_file_has_none_of_it():
    with pytest.raises(UsageError, match="there is no workload 'bonk'"):
        load_workload("bonk")


@pytest.mark.parametrize("method", ["resolve", "result", "heard"])
def test_a_workload_that_does_not_end_is_the_workloads_mistake(method, here):
    loop = f"    def {method}(self, *_):\n        while True: pass\n\n    @operation(reply"
    mistaken(here, "    @operation(reply", loop)
    model = load_model("bank.py")
    plan = draw_plan(make_scenario({"model": "bank.py", "node_count": 1}), 0, model)
    with pytest.raises(
        WorkloadError, match=r"bank\.py:\d+: the workload bank\.py:Bank does not end"
    ):
        simulate(plan, model, handler_seconds=0.2)
