"""Small histories that once went wrong, collected outside this repository, come out as listed.

They lie where CLEW_CASES says, or beside the checkout: ``histories/verdicts.tsv`` names for each a
model with its options and what must come out.
"""

import csv
import os
from pathlib import Path

import pytest

from clew.search.judge import judge_file

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
