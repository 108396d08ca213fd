"""The database of sweeps: what it holds, who may write to it, and what it refuses."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from clew.checkers.verdict import Verdict
from clew.errors import UsageError
from clew.scenarios.options.scenario import make_scenario
from clew.search.database import NAME, Database
from clew.search.seeds import SeedResult

ECHO = make_scenario({"model": "echo"})


def result(seed: int, verdict: Verdict = Verdict.VALID, **more: Any) -> SeedResult:
    faults = [{"kind": "kill", "bit": 2}, {"kind": "kill", "bit": 0}, {"kind": "halves", "bit": 1}]
    json = {
        "seed": seed,
        "verdict": verdict.value,
        "digest": f"d{seed}",
        "virtual_seconds": 1.5,
        "wall_seconds": 0.25,
        "events": 10,
        "messages": 7,
        "faults": faults,
    }
    failed = verdict is not Verdict.VALID
    signature, reason = ("nodes: invalid (x)", "It broke.") if failed else ("", "")
    return SeedResult(seed, verdict, json | more, signature, reason, None, None)


def test_a_result_comes_back_as_it_was(tmp_path):
    with Database(tmp_path) as database:
        sweep = database.sweep_of(ECHO, "m1")
        database.record(sweep, result(3, Verdict.INVALID))
    with Database(tmp_path) as database:
        known = database.known(sweep, 3)
        assert known is not None
        assert database.known(sweep, 4) is None
    was = result(3, Verdict.INVALID)
    assert (known.verdict, known.signature, known.reason) == (
        was.verdict,
        was.signature,
        was.reason,
    )
    for name in ("seed", "verdict", "digest", "virtual_seconds", "events", "messages"):
        assert known.json[name] == was.json[name]
    assert known.json["resumed"] is True
    bites = sorted((fault["kind"], fault["bit"] > 0) for fault in known.json["faults"])
    assert bites == [("halves", True), ("kill", False), ("kill", True)]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"seed": 7, "runs": 9, "expect": "valid", "description": "x"}, True),
        ({"rate": 6.0}, False),
        ({"bug": "loses"}, False),
        ({"schedule": "pct"}, False),
    ],
)
def test_what_makes_a_sweep_another_one(tmp_path, other, same):
    with Database(tmp_path) as database:
        one = database.sweep_of(ECHO, "m1")
        assert database.sweep_of(ECHO, "m1") == one
        assert database.sweep_of(ECHO, "m2") != one
        assert (database.sweep_of(ECHO.model_copy(update=other), "m1") == one) is same


def test_a_seed_that_ever_failed_stays_known_as_one(tmp_path):
    with Database(tmp_path) as database:
        old, new = database.sweep_of(ECHO, "m1"), database.sweep_of(ECHO, "m2")
        database.record(old, result(5, Verdict.INVALID))
        database.record(old, result(6))
        database.record(new, result(5))
        database.record(new, result(9, Verdict.INVALID))
        database.commit()
        database.record(new, result(9))
        database.record(new, result(1, Verdict.UNKNOWN))
        database.commit()
        assert not database.perilous(ECHO)
        database.record(new, result(2, Verdict.UNKNOWN, digest=""))
        database.commit()
        assert database.perilous(ECHO)
        assert database.failed(ECHO) == [2, 5, 9]
        assert database.failed(make_scenario({"model": "abd"})) == []
        (recorded,) = database.all_failed()
        assert recorded.seeds == [2, 5, 9]
        assert make_scenario(recorded.scenario) == ECHO
        # A lost worker's seed is to be run again.
        assert database.known(new, 2) is None


def test_two_sweeps_may_write_at_once(tmp_path):
    with Database(tmp_path) as one, Database(tmp_path) as other:
        for seed in range(20):
            one.record(one.sweep_of(ECHO, "m1"), result(seed))
            other.record(other.sweep_of(ECHO, "m1"), result(seed + 10))
            one.commit()
            other.commit()
    with sqlite3.connect(tmp_path / NAME) as file:
        assert file.execute("SELECT count(*) FROM results").fetchone() == (30,)
        assert file.execute("SELECT count(*) FROM sweeps").fetchone() == (1,)
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_texts_that_are_no_unicode_are_stored(tmp_path):
    with Database(tmp_path) as database:
        sweep = database.sweep_of(ECHO, "m1")
        odd = SeedResult(1, Verdict.INVALID, result(1).json, "a\ud800", "b\udfff", None, None)
        database.record(sweep, odd)
        database.commit()
        known = database.known(sweep, 1)
        assert known is not None
        assert (known.signature, known.reason) == (r"a\ud800", r"b\udfff")


def _other_schema(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda path: path.write_text("hello, this is some text of no database at all" * 30),
            "the database of sweeps can't be used: file is not a database",
        ),
        (lambda path: path.mkdir(), "the database of sweeps can't be used: unable to open"),
        (
            _other_schema,
            (
                "this is no database of sweeps that this version reads: expected schema 1, found "
                "schema 99"
            ),
        ),
    ],
)
def test_what_is_no_database_of_ours_is_refused(tmp_path, make, told):
    make(tmp_path / NAME)
    with pytest.raises(UsageError) as refused:
        Database(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / NAME}: {told}")
    assert "Name another folder with --out, or move the file away." in str(refused.value)
