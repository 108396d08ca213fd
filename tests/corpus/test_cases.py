"""Small histories that once went wrong, collected outside this repository, come out as listed.

They lie where CLEW_CASES says, or beside the checkout: ``histories/verdicts.tsv`` names for each a
model with its options and what must come out.
"""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from judging import judge_file

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "cases"
HISTORIES = Path(os.environ.get("CLEW_CASES", BESIDE)) / "histories"


def rows():
    table = HISTORIES / "verdicts.tsv"
    if not table.is_file():
        return []
    with table.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


REFUSED = "(refused:"
"""What another version refused: now a reading is offered, which decides."""


@pytest.mark.skipif(not rows(), reason=f"no table of verdicts in {HISTORIES}; set CLEW_CASES")
def test_every_row_comes_out_as_listed():
    found, listed = {}, {}
    for row in rows():
        said, expected = row["model and options"], row["expected"]
        if expected.endswith("(initial 0)") and "initial" not in said:
            said += ":initial=0"
        verdict = judge_file(HISTORIES / row["file"], said).result.verdict.value
        word = expected.split(" ")[0]
        found[row["file"], said] = verdict
        listed[row["file"], said] = verdict if word == REFUSED and verdict != "unknown" else word
    assert found == listed


NODES = HISTORIES.parent / "nodes"
STATUSES = {"leader_only": 0}
"""What is right comes out valid; every other node of the folder has something wrong with it."""


@pytest.mark.deep
@pytest.mark.skipif(not NODES.is_dir(), reason=f"no nodes in {NODES}; set CLEW_CASES")
def test_every_node_comes_out_as_its_first_line_says(tmp_path):
    found, listed = {}, {}
    for file in sorted(NODES.glob("*.py")):
        command = [sys.executable, "-m", "clew", "test", file, "--node-count", "3"]
        command += ["--time-limit", "3", "--no-shrink"]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        found[file.stem] = ended.returncode
        listed[file.stem] = STATUSES.get(file.stem, 1)
    assert found == listed
    assert found
