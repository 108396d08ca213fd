"""What ``clew new`` writes, what it refuses, and what it says of the test."""

from pathlib import Path

import pytest

from clew.cli import main
from clew.errors import UsageError
from clew.scenarios.options.scenario import scenario_class
from clew.scenarios.options.table import declared
from clew.scenarios.suites import scaffold as module
from clew.scenarios.suites.scaffold import pytest_command, scaffold


@pytest.mark.parametrize("name", ["random", "types", "json", "asyncio"])
def test_a_name_of_pythons_own_modules_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="Python has a module of this name"):
        scaffold(name, "echo", tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_scenario_says_what_its_options_mean(tmp_path):
    scaffold("my_node", "lin-kv", tmp_path)
    text = (tmp_path / "my_node.toml").read_text()
    meaning = declared(scenario_class())["node_count"].option.meaning
    assert f"# {meaning}\nnode_count = 3\n" in text


def test_the_tests_command_says_what_is_missing(monkeypatch):
    assert pytest_command(Path("test_x.py")) == "python -m pytest test_x.py"
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    assert pytest_command(Path("test_x.py")) == (
        "python -m pytest test_x.py   (needs: pip install pytest)"
    )


def test_a_system_of_two_roles_is_written_and_works(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my_store", "--roles"]) == 0
    text = (tmp_path / "my_store.toml").read_text()
    meaning = declared(scenario_class())["nodes"].option.meaning
    assert f"# {meaning}\nnodes = {{ router = 3, shard = 2 }}\n" in text
    assert main(["test", "my_store.toml", "--time-limit", "5", "--runs", "3"]) == 0
    assert "3 valid" in capsys.readouterr().out
    assert "def test_my_store" in (tmp_path / "test_my_store.py").read_text()


def test_a_system_is_written_for_one_workload(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my_store", "--roles", "-w", "echo"]) == 64
    assert "expected --workload lin-kv, or none, found echo" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
