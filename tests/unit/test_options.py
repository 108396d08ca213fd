"""One declaration makes an option: its flag, its help, its schema, its place in files and plans."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from clew.cli import main
from clew.commands import scenario_flags
from clew.errors import ScenarioError, UsageError
from clew.scenarios.code.models import load_model
from clew.scenarios.options import scenario
from clew.scenarios.options.scenario import Scenario, make_scenario, scenario_class
from clew.scenarios.options.schema import scenario_schema
from clew.scenarios.options.table import declared
from clew.scenarios.plans import planfile
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import Plan
from clew.scenarios.plans.planfile import bounds, check_arguments, plan_from_json
from clew.scenarios.suites.suite import options_of, scenario_from
from clew.search.database import scenario_text
from clew.workloads import workloads
from clew.workloads.options import Option, own_options

NODE = """
from typing import Annotated

from clew import Node, Option, Workload, on, operation


class Says(Workload):
    name = "says"
    summary = "nothing is promised but an answer"
    checks = ("echo",)
    word_count: Annotated[
        int, Option("N", "How many words there are.", least=1, most=50, examples=(3,))
    ] = 7
    words: Annotated[tuple[str, ...], Option("A,B", "The words.", names=("a", "b", "c"))] = ("a",)
    loud: Annotated[bool, Option("", "Words are capitals.")] = False

    @operation(request={"echo": str}, reply={"echo": str}, value="echo", result="echo")
    def echo(self, draw):
        word = draw.stream.pick(self.words) + str(draw.stream.below(self.word_count))
        return word.upper() if self.loud else word


class Parrot(Node):
    workload = "says"

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "says.py").write_text(NODE)
    return tmp_path


class Wider(Scenario):
    """A scenario with an option more."""

    spare_count: Annotated[
        int, Option("N", "How many spares there are.", unit="spares", least=1, most=9)
    ] = 3


@dataclass(frozen=True, slots=True)
class WiderPlan(Plan):
    """A plan with what that option becomes."""

    spare_count: int = 3


@pytest.fixture
def wider(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (scenario, planfile, scenario_flags):
        monkeypatch.setattr(module, "Scenario", Wider)
    monkeypatch.setattr(planfile, "Plan", WiderPlan)


@pytest.mark.usefixtures("wider")
def test_a_field_is_all_that_an_option_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["test", "--help"]) == 0
    assert "--spare-count N" in capsys.readouterr().out
    assert scenario_schema()["properties"]["spare_count"] == {
        "description": "How many spares there are.",
        "maximum": 9,
        "minimum": 1,
        "type": "integer",
        "default": 3,
        "examples": [3],
    }
    path = tmp_path / "wide.toml"
    path.write_text('model = "echo"\nspare_count = 5\n')
    made: Any = scenario_from(options_of(path))
    assert made.spare_count == 5
    path.write_text('model = "echo"\nspare_count = 10\n')
    with pytest.raises(ScenarioError, match=r"wide.toml:2: .*a whole number of spares up to 9"):
        options_of(path)
    assert bounds()["spare_count"] == (1, 9)


def test_each_option_says_what_it_needs():
    """What an option lacks is named here."""
    for name, row in declared(scenario_class()).items():
        said = row.option
        text = row.kind in {str, str | None}
        assert said.meaning.endswith("."), name
        assert said.metavar or row.kind is bool or said.flags is None, name
        assert said.examples or row.default not in {None, "", ()}, name
        assert row.kind not in {int, float} or said.most or said.below, name
        assert not text or said.names or said.forms or name == "description", name
        assert said.most is None or said.below is None, name


def test_every_field_of_a_scenario_is_an_option():
    assert [row.name for row in declared(Scenario).values()] == list(Scenario.model_fields)


def test_workloads_that_ship_give_one_name_to_one_thing():
    rows: dict[str, object] = {}
    for workload in workloads().values():
        for name, row in own_options(workload).items():
            assert rows.setdefault(name, row) == row, name


# The options of a workload


def test_a_named_workloads_options_are_in_the_help_and_no_others(
    capsys: pytest.CaptureFixture[str],
):
    main(["test", "-w", "lin-kv", "--help"])
    told = capsys.readouterr().out
    assert "--key-count N" in told
    assert "--max-txn-length" not in told
    main(["test", "--help"])
    assert "--max-txn-length N" in capsys.readouterr().out


def test_a_suites_flag_may_be_one_that_a_scenario_has_no_use_for(
    here: Path, capsys: pytest.CaptureFixture[str]
):
    (here / "one.toml").write_text('model = "echo"\ntime_limit = 1\n')
    assert main(["test", "one.toml", "--max-txn-length", "2"]) == 0
    assert main(["test", "one.toml", "--max-txn-length", "0"]) == 64
    assert "expected a whole number from 1, found '0'" in capsys.readouterr().err


def test_a_workload_from_outside_has_its_options_everywhere(
    here: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["test", "says.py", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "--word-count N How many words there are. [default: 7]" in told
    assert "--loud Words are capitals." in told
    assert "--key-count" not in told

    command = "test says.py --time-limit 1 --word-count 2 --words b,c --loud --runs 2 --jobs 2"
    assert main([*command.split(), "--expect", "invalid"]) == 1
    assert "word-count" in capsys.readouterr().out

    flags = {"model": "says.py", "word_count": "2", "words": "b,c", "loud": True}
    plan = draw_plan(make_scenario(flags), 0, load_model("says.py"))
    assert plan.options == {"word_count": 2, "words": ("b", "c"), "loud": True}
    assert {one.value for one in plan.operations} == {"B0", "B1", "C0", "C1"}
    again = plan_from_json(json.loads(json.dumps(plan.to_json())), "x.json")
    assert again == plan
    check_arguments(again, "x.json")


WRONG = {
    # flags: what is said of them
    "--word-count 51": "--word-count can't be used: expected a whole number up to 50, found '51'.",
    "--words a,x": "--words can't be used: expected one of a, b, c, found 'x'.",
    "--word-cuont 3": "no such option: --word-cuont",
}


@pytest.mark.parametrize("flags", WRONG)
def test_what_is_wrong_with_an_option_from_outside_is_one_message(
    flags: str, here: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["test", "says.py", *flags.split()]) == 64
    assert WRONG[flags] in capsys.readouterr().err


def test_a_file_states_the_options_of_a_workload_beside_it(here: Path):
    path = here / "one.toml"
    path.write_text('model = "says.py"\nword_count = 4\nwords = ["c"]\n')
    made: Any = scenario_from(options_of(path))
    assert (made.word_count, made.words, made.loud) == (4, ("c",), False)
    path.write_text('model = "says.py"\nword_count = 0\n')
    with pytest.raises(ScenarioError, match=r"one\.toml:2: option 'word_count' can't be used"):
        options_of(path)
    path.write_text('model = "says.py"\nwrod_count = 1\n')
    with pytest.raises(ScenarioError, match="Did you mean 'word_count'"):
        options_of(path)


def test_a_plan_of_a_workload_from_outside_is_held_to_its_options(here: Path):
    plan = draw_plan(make_scenario({"model": "says.py"}), 0, load_model("says.py"))
    data = {**json.loads(json.dumps(plan.to_json())), "options": {"word_count": 99}}
    with pytest.raises(ScenarioError, match="word_count can't be used: expected a whole number up"):
        check_arguments(plan_from_json(data, "x.json"), "x.json")


@pytest.mark.parametrize("name", ["rate", "copy", "jobs"])
def test_an_option_can_not_have_a_name_that_is_taken(
    name: str, here: Path, capsys: pytest.CaptureFixture[str]
):
    (here / "says.py").write_text(NODE.replace("word_count", name))
    assert main(["test", "says.py", "--loud"]) == 64
    assert f"the workload says can't declare the option '{name}'" in capsys.readouterr().err


def test_a_scenario_with_options_from_outside_goes_to_another_process(here: Path):
    from pickle import dumps, loads  # noqa: PLC0415

    made: Any = make_scenario({"model": "says.py", "word_count": 5})
    assert dict(loads(dumps(made))) == dict(made)
    assert json.loads(scenario_text(made))["word_count"] == 5
    with pytest.raises(UsageError, match="there is no option 'word_count'"):
        make_scenario({"model": "echo", "word_count": 5})
