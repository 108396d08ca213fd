"""Scenario files: what is wrong with one, by line, and where things stand in it."""

import re
import tomllib
from pathlib import Path

import pytest
from bad_scenarios import BAD

from clew.cli import main
from clew.errors import ScenarioError, UsageError
from clew.models.registry import bugs_of
from clew.scenarios.options.scenario import make_scenario, scenario_class
from clew.scenarios.options.table import declared
from clew.scenarios.suites.files import read_scenario
from clew.scenarios.suites.toml_lines import first_table, lines_of
from clew.sim.orders.schedules import FORMS


def _full(told: str) -> str:
    options = declared(scenario_class())
    names = {name: ", ".join(one.option.known) for name, one in options.items() if one.option.names}
    return told.format(
        **names,
        schedules=FORMS,
        bugs=", ".join(bugs_of("raft")),
        known=f"Known options: {', '.join(options)}",
    )


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_told_with_its_line(text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(text)

    status = main(["test", "mine.toml"])

    told = capsys.readouterr()
    expected = BAD[text] if "{'kill': 1}" in BAD[text] else _full(BAD[text])
    assert told.err == f"clew: mine.toml:{expected}\n"
    assert (told.out, status) == ("", 64)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"model = '\xff'\n")
    with pytest.raises(ScenarioError, match=re.escape(f"{path}: can't be read: ")):
        read_scenario(path)


BAD_OPTIONS = {
    # an option and its value: what is said of them
    ("expect", "invald"): (
        "--expect can't be used: expected valid, invalid, invalid:KIND or unknown, found 'invald'. "
        "Did you mean 'invalid'?"
    ),
    ("schedule", "pct:0"): (
        f"--schedule can't be used: expected {FORMS}, found 'pct:0'. See 'clew test --help'."
    ),
    ("schedule", "fifo"): (
        f"--schedule can't be used: expected {FORMS}, found 'fifo'. See 'clew test --help'."
    ),
    ("node_cuont", 3): "there is no option 'node_cuont'. Did you mean 'node_count'?",
}


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path):
    path = tmp_path / "marked.toml"
    path.write_bytes(b'\xef\xbb\xbfmodel = "echo"\nrate = 0\n')
    with pytest.raises(ScenarioError, match=re.escape(f"{path}:2: option 'rate'")):
        read_scenario(path)
    path.write_bytes(b'\xef\xbb\xbfmodel = "echo"\r\nrate = 5\r\n')
    assert read_scenario(path) == {"model": "echo", "rate": 5}


def test_lists_in_lists_are_called_so(tmp_path, capsys):
    path = tmp_path / "deep.toml"
    path.write_text(f'model = "raft"\nruns = {"[" * 20_000}{"]" * 20_000}\n')
    with pytest.raises(ScenarioError, match=re.escape("values are nested too deeply")):
        read_scenario(path)
    assert main(["test", str(path), "--help"]) == 0


@pytest.mark.parametrize("value", ["1" * 5000, "[" * 20_000 + "]" * 20_000])
def test_a_file_that_python_can_not_hold_is_refused(value, tmp_path):
    path = tmp_path / "huge.toml"
    path.write_text(f'model = "raft"\nruns = {value}\n')
    with pytest.raises(ScenarioError, match=re.escape(f"{path}: can't be read: ")):
        read_scenario(path)


@pytest.mark.parametrize(("option", "value"), BAD_OPTIONS)
def test_what_is_wrong_with_a_flag_or_an_argument(option, value):
    with pytest.raises(UsageError) as told:
        make_scenario({"model": "raft", option: value})
    assert str(told.value) == BAD_OPTIONS[option, value]


@pytest.mark.parametrize("schedule", ["time", "pct", "pct:1", "pct:9", "pct:20"])
def test_the_schedules_there_are(schedule):
    assert make_scenario({"model": "raft", "schedule": schedule}).schedule == schedule


@pytest.mark.parametrize("schedule", ["", "pct:", "pct:-1", "pct:1 ", "time:3", "PCT"])
def test_no_other_schedules(schedule):
    with pytest.raises(UsageError):
        make_scenario({"model": "raft", "schedule": schedule})


# Where things stand in a file


def test_the_lines_of_options_and_of_elements():
    text = (
        "# model = 1\n"
        'description = """a\n[b]\nc = "d"\n"""\n'
        "'quoted' = 1\n"
        "nemesis = [ # [x]\n"
        '  "a#b", [1,\n 2],\n'
        "  'c'\n"
        "]\n"
        "last = {a = [1, 2]} # end\n"
        "dotted.key = 0.5\n"
    )
    assert tomllib.loads(text)
    assert lines_of(text) == {
        ("description",): 2, ("quoted",): 6, ("nemesis",): 7, ("nemesis", 0): 8,
        ("nemesis", 1): 8, ("nemesis", 2): 10, ("last",): 12, ("last", 0): 12, ("dotted",): 13,
    }  # fmt: skip
    assert first_table(text) is None
    assert first_table(f"{text}\n  [ a.b ]\n[c]") == ("[ a.b ]", 15)


def test_the_lines_hold_where_the_file_has_windows_ends(tmp_path):
    path = tmp_path / "w.toml"
    path.write_bytes(b'model = "raft"\r\nnemesis = [\r\n  "kill",\r\n  "x",\r\n]\r\n')
    with pytest.raises(ScenarioError, match=r"w\.toml:4: option 'nemesis'"):
        read_scenario(path)
