"""Files that are tests of themselves: repro files and scenarios that pytest collects."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from plugin_project import BAD, GOOD, OURS, shown

import clew
import clew.testing.items

# Files that are tests.


@pytest.fixture(scope="module")
def shrunk(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The repro file of the wrong node's shrunk plan."""
    folder = tmp_path_factory.mktemp("shrunk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("bad.py").write_text(BAD)
        small = clew.run("bad.py", time_limit=2).shrink()
        return json.loads(Path(str(small.repro)).read_text())


def keep(project: pytest.Pytester, name: str, content: dict[str, Any]) -> None:
    """A file in tests/clew/."""
    path = project.path / "tests" / "clew" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_a_regression_file_fails_until_the_bug_is_fixed(project: pytest.Pytester, shrunk):
    keep(project, "what.json", shrunk)
    result = project.runpytest("-q")
    result.assert_outcomes(failed=1)
    assert "tests/clew/what.json: the plan is INVALID: echo: invalid (mismatch)." in shown(result)
    assert "clew replay tests/clew/what.json" in shown(result)
    assert not OURS.search(shown(result)), shown(result)
    project.makepyfile(bad=GOOD)
    result = project.runpytest("-q")
    result.assert_outcomes(passed=1)
    assert "clew: 1 run in 1 call" in shown(result).splitlines()


def test_a_regression_file_may_hold_a_bug_that_stays(project: pytest.Pytester, shrunk):
    keep(project, "what.json", shrunk | {"regression": "reproduces"})
    project.runpytest("-q").assert_outcomes(passed=1)
    project.makepyfile(bad=GOOD)
    result = project.runpytest("-q")
    result.assert_outcomes(failed=1)
    assert "It was to be invalid: echo: invalid (mismatch)." in shown(result)


def test_a_regression_file_that_tells_nothing_any_more_is_skipped(project: pytest.Pytester, shrunk):
    keep(project, "what.json", shrunk | {"plan": shrunk["plan"] | {"operations": []}})
    result = project.runpytest("-q", "-rs")
    result.assert_outcomes(skipped=1)
    assert "echo is unknown: No echo was answered." in shown(result)


def test_a_regression_file_without_operations_passes_where_its_invariant_holds(
    project: pytest.Pytester,
):
    small = clew.run("raft", bug="forgets-vote", seed=7, out="found").shrink()
    content = json.loads(Path(str(small.repro)).read_text())
    content["plan"]["operations"] = []
    keep(project, "wrong.json", content)
    content["plan"]["model"]["bug"] = None
    keep(project, "right.json", content)
    project.runpytest("-q").assert_outcomes(passed=1, failed=1)


BAD_FILES = {
    # a file: what it is told
    "no.json": ("{", "no.json:1: this is not JSON"),
    "other.json": ("[]", "other.json: this is no repro file"),
    "bad.toml": ('model = "echo"\nrate = -1\n', "bad.toml:2: "),
    "gone.toml": ('model = "gone.py"\n', "gone.toml:1: option 'model' can't be used"),
}


def test_a_bad_file_is_one_message(project: pytest.Pytester, shrunk):
    keep(project, "perhaps.json", shrunk | {"regression": "perhaps"})
    for name, (text, _) in BAD_FILES.items():
        (project.path / "tests" / "clew" / name).write_text(text)
    result = project.runpytest("-q")
    result.assert_outcomes(failed=1 + len(BAD_FILES))
    for _, message in BAD_FILES.values():
        assert message in shown(result)
    assert "expected fixed or reproduces, found 'perhaps'" in shown(result)
    assert str(project.path) not in shown(result), "a path that can be pasted"
    assert not OURS.search(shown(result)), shown(result)


EXPECTED = {
    # a scenario's lines: whether its test passes
    'model = "../../good.py"\nruns = 3': True,
    'model = "../../bad.py"\nruns = 3': False,
    'model = "../../bad.py"\nexpect = "invalid"': True,
    'model = "../../bad.py"\nexpect = "invalid:mismatch"': True,
    'model = "../../bad.py"\nexpect = "invalid:lost"': False,
    'model = "../../good.py"\nexpect = "invalid"': False,
}


def test_a_scenario_is_a_test(project: pytest.Pytester):
    folder = project.path / "tests" / "clew"
    folder.mkdir(parents=True)
    for rank, lines in enumerate(EXPECTED):
        (folder / f"{rank}.toml").write_text(f"{lines}\ntime_limit = 2\n")
    result = project.runpytest("-v", "--clew-no-shrink")
    assert not OURS.search(shown(result)), shown(result)
    ends = re.findall(r"^tests/clew/\d\.toml::scenario (\w+)", shown(result), re.MULTILINE)
    assert [end == "PASSED" for end in ends] == list(EXPECTED.values())
    assert "lost was expected, and seed 0 fails otherwise: echo: invalid (mismatch)" in shown(
        result
    )
    assert "A failure was expected and not found: 1 valid" in shown(result)


def test_only_files_in_the_paths_or_named_are_collected(project: pytest.Pytester):
    for folder in ("elsewhere", "suite"):
        (project.path / folder).mkdir()
        (project.path / folder / "it.toml").write_text('model = "echo"\ntime_limit = 2\n')
    (project.path / "data.json").write_text("[]")
    assert project.runpytest("-q").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    project.runpytest("-q", "elsewhere/it.toml").assert_outcomes(passed=1)
    project.makeini("[pytest]\nclew_paths = suite")
    project.runpytest("-q").assert_outcomes(passed=1)


def test_a_regression_file_whose_valid_run_does_not_repeat_is_skipped(
    project: pytest.Pytester, shrunk
):
    keep(project, "what.json", shrunk)
    project.makepyfile(
        bad=GOOD.replace("from clew", "import csv\nfrom clew", 1).replace(
            "        self.reply",
            "        csv.register_dialect(f'zz{len(csv.list_dialects())}')\n"
            "        self.log(str(csv.list_dialects()))\n"
            "        self.reply",
        )
    )
    result = project.runpytest("-q", "-rs")
    result.assert_outcomes(skipped=1)
    assert "determinism is unknown: The run did not come out the same again" in shown(result)
    project.runpytest("-q", "--clew-no-verify").assert_outcomes(passed=1)
