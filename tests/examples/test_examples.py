"""Every example does what it says: scripts print their ``.out``, node files get their verdicts,
and tests pass.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from clew.cli import main

sys.path.insert(0, str(Path(__file__).parent))
import guide

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.out"))
TESTS = sorted(path.stem for path in EXAMPLES.glob("test_*.py"))

VERDICTS = {
    # node file: the verdict of each command in its docstring, in order
    "busy_echo": ["valid", "invalid", "valid"],
    "cache_store": ["invalid", "valid", "valid"],
    "copied_register": ["invalid"],
    "echo": ["valid"],
    "first_raft": ["valid", "invalid"],
    "forgetful_register": ["valid", "invalid"],
    "growing_group": ["valid", "invalid"],
    "hasty_bank": ["valid", "invalid"],
    "hopeful_gossip": ["valid", "invalid"],
    "kv_counter": ["valid"],
    "my_counter": ["valid"],
    "patient_gossip": ["valid", "invalid"],
    "quorum_register": ["valid"],
    "sharded_counter": ["valid", "valid", "invalid"],
    "slow_echo": ["invalid"],
    "steady_bank": ["valid"],
    "summing_counter": ["invalid"],
    "three_regions": ["valid", "invalid", "invalid", "valid"],
}
STATUS = {"valid": 0, "invalid": 1, "unknown": 2}

PRINTED = {
    command.line: command.status
    for path in guide.DOCUMENTS
    for command in guide.commands(path.read_text())
    if command.line not in guide.SLOW
}
"""What the pages print too: `test_guide.py` runs it, and holds it to this exit status."""


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_prints_what_stands_beside_it(name: str) -> None:
    script = [sys.executable, f"examples/{name}.py"]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == (EXAMPLES / f"{name}.out").read_text()


@pytest.mark.parametrize("name", TESTS)
def test_a_test_passes(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    options = ["-o", f"clew_out={tmp_path}", f"examples/{name}.py"]
    done = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def commands(name: str) -> list[str]:
    """The commands that a file's docstring offers."""
    text = (EXAMPLES / f"{name}.py").read_text().split('"""')[1]
    return re.findall(r"^\$ (clew .*)$", re.sub(r"\\\n +", "", text), re.MULTILINE)


@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_a_node_file_gets_its_verdicts(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    offered = commands(name)
    assert len(offered) == len(VERDICTS[name])
    for command, verdict in zip(offered, VERDICTS[name], strict=True):
        status = PRINTED.get(command)
        if status is None:
            status = main([*shlex.split(command)[1:], "--out", str(tmp_path)])
        assert status == STATUS[verdict], capsys.readouterr().out


def test_every_example_is_run_and_listed() -> None:
    files = {path.stem for path in EXAMPLES.glob("*.py")}
    assert files == {*SCRIPTS, *VERDICTS, *TESTS}
    listed = re.findall(r"^\| `(\w+)\.py`", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(files)
