"""The guide's page on pytest shows what is printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
CHAPTER = ROOT / "docs" / "guide" / "9-pytest.md"
SUMS = """
def test_sums(clew):
    clew.run("summing_counter.py", node_count=3, nemesis="partition")
"""


_LINES = re.MULTILINE | re.DOTALL


def failure(folder: Path) -> str:
    """What a failing test prints, as the guide shows it."""
    source = (ROOT / "examples" / "summing_counter.py").read_text()
    (folder / "summing_counter.py").write_text(source)
    (folder / "test_sums.py").write_text(SUMS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    told = re.search(r"^summing_counter\.py, workload.*?^Keep it:.*?\n", done.stdout, _LINES)
    assert told is not None, done.stdout
    return told[0]


def test_the_guide_shows_what_is_printed(tmp_path: Path):
    again = f"python {Path(__file__).relative_to(ROOT)} makes it anew"
    assert f"```text\n{failure(tmp_path)}```" in CHAPTER.read_text(), again


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        block = f"```text\n{failure(Path(temporary))}```"
    CHAPTER.write_text(
        re.sub(r"```text\n.*?```", lambda _: block, CHAPTER.read_text(), flags=re.DOTALL)
    )
