"""Every example does what it says: scripts print their ``.out``, node files get their verdicts."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.out"))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_prints_what_stands_beside_it(name: str) -> None:
    done = run(f"examples/{name}.py")
    assert done.stderr == ""
    assert done.stdout == (EXAMPLES / f"{name}.out").read_text()
