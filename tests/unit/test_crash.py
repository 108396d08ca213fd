"""A mistake of Clew's own is told apart from a verdict everywhere."""

import json
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest

import clew
from clew import api
from clew.cli import main
from clew.machine import crash
from clew.machine.crash import EXIT_CRASHED, CrashError, crash_of

BROKEN = (
    "clew.search.seeds.judge",
    "clew.commands.single_run.run_report",
    "clew.commands.test.rehearse_source",
)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(crash, "gettempdir", lambda: str(tmp_path / "temporary"))


OURS = str(Path(clew.__file__).parent / "broken.py")
MISTAKE = """
def broken(*_, **__):
    raise KeyError("a mistake\x1b[2J")
"""


def breaking(monkeypatch, where):
    """Let a function of Clew's own raise: what a user's code raises is not our mistake."""
    held = {}
    exec(compile(MISTAKE, OURS, "exec"), held)
    monkeypatch.setattr(where, held["broken"])


UNCHECKED = """(lambda make: make({"model": "echo", "time_limit": 1}).model_copy(
    update={"rate": "fast"}))(__import__(
        "clew.scenarios.options.scenario").scenarios.options.scenario.make_scenario
)"""


def unchecked(scenario):
    """The scenario with a rate that is none, also where a worker has received it."""

    class Unchecked(type(scenario)):
        def __reduce__(self):
            return eval, (UNCHECKED,)

    made = scenario.model_copy(update={"rate": "fast"})
    made.__class__ = Unchecked
    return made


def one_line_of(capsys):
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert "Traceback" not in told.out + told.err
    return line


@pytest.mark.parametrize("where", BROKEN)
def test_a_command_ends_with_a_status_of_its_own_and_one_line(where, monkeypatch, capsys, tmp_path):
    breaking(monkeypatch, where)
    assert main(["test", "echo", "--time-limit", "1", "--seed", "3"]) == EXIT_CRASHED == 70
    line = one_line_of(capsys)
    assert line.startswith("clew: Clew itself went wrong: KeyError: 'a mistake")
    (report,) = tmp_path.glob("*/clew-crash-*.txt")
    assert str(report.relative_to(tmp_path)) in line
    text = report.read_text()
    assert "\x1b" not in text + line
    for part in ("Traceback", "broken.py", f"clew {clew.__version__}, Python", "command: "):
        assert part in text


def test_a_report_names_the_command_and_the_seed(tmp_path):
    made = crash_of(KeyError("x"), tmp_path, seed=7, command=["clew", "test", "a b"])
    assert made.report is not None
    assert made.report.parent == tmp_path
    assert "command: clew test 'a b'\nseed: 7\n" in made.report.read_text()
    assert crash_of(made) is made


def test_where_no_report_can_be_written_the_traceback_is_told(monkeypatch, capsys, tmp_path):
    breaking(monkeypatch, BROKEN[2])
    (tmp_path / "temporary").write_text("a file")
    assert main(["test", "echo"]) == EXIT_CRASHED
    told = capsys.readouterr().err
    assert "No report could be written" in told
    assert "Traceback" in told


def test_in_a_sweep_the_seed_is_unknown(monkeypatch, capsys):
    breaking(monkeypatch, BROKEN[0])
    given = ["test", "echo", "--time-limit", "1", "--runs", "2", "--jobs", "1", "--junit", "j.xml"]
    assert main([*given, "--json"]) == 2
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["signature"] for one in told] == ["clew crashed"] * 2
    assert all("clew-crash-" in one["checks"][0]["reason"] for one in told)
    root = parse("j.xml").getroot()
    assert (root.get("errors"), root.get("failures")) == ("1", "0")


def test_in_junit_a_crash_is_an_error(monkeypatch):
    breaking(monkeypatch, BROKEN[1])
    assert main(["test", "echo", "--time-limit", "1", "--junit", "j.xml"]) == EXIT_CRASHED
    root = parse("j.xml").getroot()
    assert (root.get("errors"), root.get("failures")) == ("1", "0")
    assert "Clew itself went wrong" in root.find(".//error").text


@pytest.mark.parametrize("jobs", [1, 2])
def test_from_python_it_is_an_exception(jobs, monkeypatch, tmp_path):
    # Worker processes know nothing of a patch, so the scenario itself is one that nobody checked.
    broken = unchecked(api.scenario_for("echo", {"time_limit": 1}))
    with pytest.raises(CrashError, match="Clew itself went wrong: TypeError"):
        api.spend(broken, range(2), tmp_path, jobs=jobs)


def test_to_pytest_it_is_an_error_even_where_a_failure_is_expected(pytester):
    pytester.makeconftest(
        """
        import clew.search.seeds
        def broken(*_):
            raise KeyError("a mistake")
        clew.search.seeds.judge = broken
        """
    )
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.clew("echo", time_limit=1)
        def test_marked(): ...
        @pytest.mark.xfail
        def test_expected(clew):
            clew.run("echo", time_limit=1)
        """
    )
    result = pytester.runpytest_subprocess("--junitxml=j.xml", "-p", "no:randomly")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*Clew itself went wrong: KeyError: 'a mistake'*"])
    root = parse(Path(pytester.path) / "j.xml").getroot()
    assert [one.tag for one in root.iter() if one.tag in {"error", "failure"}] == ["error"] * 2
