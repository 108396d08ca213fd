"""Systems of several kinds of node outside of one run: made small, kept apart, in several files."""

import json
import re
from io import StringIO

from hypothesis import given, settings
from two_kinds import Front, HastyFront, system_of
from two_kinds_plans import FILE, QUICK

import clew
from clew.cli import main
from clew.report.lanes import _short
from clew.runtimes.stdio import serve
from clew.scenarios.code.models import load_model
from clew.scenarios.code.sources import sources_of
from clew.scenarios.code.userfiles import home_of
from clew.testing import strategies


def test_a_wrong_system_is_found_made_small_and_replayed(folder, capsys):
    text = (folder / "two_kinds.py").read_text()
    (folder / "two_kinds.py").write_text(
        text.replace("system = system_of()", "system = system_of(HastyFront)")
    )
    status = main(["test", "two_kinds.py", "--runs", "1", "--time-limit", "3", "--recovery", "1"])
    told = capsys.readouterr().out
    assert status == 1
    assert re.search(r"nodes +4  -> +3\n", told)  # the system wants two fronts
    assert "at front" in told
    [shrunk] = folder.glob("out/*/shrunk.json")
    assert json.loads(shrunk.read_text())["plan"]["roles"]["store"] == ["store1"]
    assert main(["replay", str(shrunk)]) == 1
    assert "The same run as the file's" in capsys.readouterr().out


def test_a_system_in_memory_is_made_small(tmp_path):
    result = clew.run(system_of(HastyFront), **QUICK, out=tmp_path)
    assert result.verdict.value == "invalid"
    small = result.shrink(300)
    assert {*small.plan.roles} == {"front", "store"}
    assert small.plan.model.name == "front+store:in-memory"


SHARED = """
from clew import Node, Role, System, on

SEEN = {}


class Left(Node):
    @on("echo")
    def echo(self, msg):
        SEEN[self.id] = SEEN.get(self.id, 0) + 1
        self.send(self.roles["right"][0], {"type": "note"})
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


class Right(Node):
    @on("note")
    def note(self, msg):
        self.log(str(sorted(SEEN)))


both = System(
    roles={"left": Role(Left, 2), "right": Role(Right, 1)}, workload="echo", asks="left"
)
"""


def test_nodes_of_different_classes_share_no_memory(tmp_path):
    path = tmp_path / "shared.py"
    path.write_text(SHARED)
    result = clew.run(str(path), **QUICK, out=tmp_path)
    assert result.verdict.value == "valid"
    assert any("SEEN" in remark for remark in result.outcome.remarks)
    logged = {
        record[3] for record in result.outcome.run.trace.whole_records() if record[1] == "log"
    }
    assert logged == {"[]"}


APART = """
from clew import Role, System
from lefts import Left
from rights import Right

both = System(
    roles={"left": Role(Left, 2), "right": Role(Right, 1)}, workload="echo", asks="left"
)
"""


def test_the_classes_of_a_system_may_stand_in_files_of_their_own(tmp_path):
    left, right = (
        SHARED.split("class Right", maxsplit=1)[0],
        "class Right" + SHARED.split("class Right")[1],
    )
    head = "from clew import Node, on\nfrom lefts import SEEN\n"
    (tmp_path / "lefts.py").write_text(left)
    (tmp_path / "rights.py").write_text(head + right.split("both =")[0])
    path = tmp_path / "apart.py"
    path.write_text(APART)
    result = clew.run(str(path), **QUICK, out=tmp_path)
    assert result.verdict.value == "valid"
    assert any("SEEN" in remark for remark in result.outcome.remarks)
    assert [*sources_of(result.outcome.model)] == ["apart.py", "lefts.py", "rights.py"]
    digest = load_model(str(path)).digest
    (tmp_path / "rights.py").write_text(head + right.split("both =")[0] + "# changed\n")
    assert load_model(str(path)).digest != digest


MIXED = """
from clew import Node, Role, System, on
from clew.models.echo import Echo


class Front(Node):
    @on("echo")
    async def echo(self, msg):
        answer = await self.rpc(self.roles["back"][0], {"type": "echo", "echo": msg.body["echo"]})
        self.reply(msg, {"type": "echo_ok", "echo": answer["echo"]})


mixed = System(
    roles={"back": Role(Echo, 1), "front": Role(Front, 2)}, workload="echo", asks="front"
)
"""


def test_a_system_may_have_a_class_that_ships(tmp_path):
    path = tmp_path / "mixed.py"
    path.write_text(MIXED)
    result = clew.run(str(path), **QUICK, out=tmp_path)
    assert result.verdict.value == "valid"
    assert result.outcome.model.node_class.__name__ == "Front"
    shipped = load_model("echo")
    assert home_of(shipped.node_class) is None
    assert "mixed.py" not in sources_of(shipped)
    assert [*sources_of(result.outcome.model)] == ["mixed.py"]


def test_names_of_nodes_fit_into_a_diagram():
    assert [_short(name, 7) for name in ("n1", "shard10", "controller12")] == [
        "n1", "shard10", "cont~12",
    ]  # fmt: skip


def test_a_real_process_is_told_the_roles():
    lines = [
        {"type": "init", "msg_id": 1, "node_id": "front1", "node_ids": ["front1", "store1"],
         "roles": {"front": ["front1"], "store": ["store1"]}},
        {"type": "read", "msg_id": 2, "key": 7},
    ]  # fmt: skip
    sent = "".join(
        json.dumps({"src": "c0", "dest": "front1", "body": body}) + "\n" for body in lines
    )
    out, errors = StringIO(), StringIO()
    serve(Front, StringIO(sent), out, errors)
    asked = json.loads(out.getvalue().splitlines()[1])
    assert (asked["dest"], asked["body"]["type"]) == ("store1", "fetch")
    wrong = sent.replace('["store1"]}', '["store2"]}')
    serve(Front, StringIO(wrong), out, errors)
    assert "expected the roles of an init" in errors.getvalue()


def test_a_system_is_no_process(capsys):
    assert main(["serve-node", str(FILE)]) == 64
    told = " ".join(capsys.readouterr().err.split())
    assert "a process is one node: expected one of its classes, found the roles front" in told


@settings(max_examples=5)
@given(plan=strategies.plans(str(FILE), swarm=True, nodes="store=1", **QUICK))
def test_plans_of_a_swarm_have_counts_within_the_bounds(plan):
    assert 2 <= len(plan.roles["front"]) <= 5
    assert plan.roles["store"] == ("store1",)


@settings(max_examples=5)
@given(plan=strategies.plans(str(FILE), nemesis=["kill:front"], **QUICK))
def test_plans_of_a_system_can_be_drawn_by_hypothesis(plan):
    assert [*plan.roles] == ["front", "store"]
    assert clew.assert_valid(plan).plan == plan
