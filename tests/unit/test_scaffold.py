"""What ``clew new`` writes, what it refuses, and what it says of the test."""

from pathlib import Path

import pytest

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
