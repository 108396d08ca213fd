"""Which seeds of which scenario run when, and how what they gave is added up and told."""

from __future__ import annotations

import io
import re
from collections.abc import Generator, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from clew.checkers.verdict import Verdict
from clew.report.progress import Progress
from clew.report.screen import Style
from clew.report.sweep import sweep_report
from clew.scenarios.options.scenario import make_scenario
from clew.search.cases import Case, stream
from clew.search.seeds import Job, SeedResult, SeedTask
from clew.search.shards import Shard
from clew.search.summary import Summary

JOB = Job(make_scenario({"model": "echo"}), Path("out"))


def result(seed: int, signature: str = "", verdict: Verdict = Verdict.INVALID) -> SeedResult:
    data = {"seed": seed, "digest": "d", "virtual_seconds": 2.0}
    data["faults"] = [{"kind": "kill", "bit": seed % 2}]
    return SeedResult(
        seed, verdict if signature else Verdict.VALID, data, signature, "why", None, None
    )


def runner(tasks: Iterable[SeedTask]) -> Generator[SeedResult, None, None]:
    for task in tasks:
        yield result(task.seed)


@pytest.mark.parametrize(
    ("case", "seeds"),
    [
        (Case("", JOB), [0]),
        (Case("", JOB, first=3, runs=4), [3, 4, 5, 6]),
        (Case("", JOB, runs=4, before=(9, 2)), [9, 2, 0, 1, 3]),
        (Case("", JOB, runs=0, before=(9, 2)), [9, 2]),
        (Case("", JOB, runs=7, shard=Shard(2, 3)), [1, 4]),
        (Case("", JOB, runs=4, before=(8, 1, 0), shard=Shard(1, 2)), [8, 0, 2]),
    ],
)
def test_the_seeds_of_a_case(case, seeds):
    assert list(case.seeds()) == seeds
    assert case.total == len(seeds)


@pytest.mark.parametrize("alone", [False, True])  # whether each part remembers only its own
def test_the_shards_of_past_failures_and_seeds_are_all_of_them(alone):
    for of in (1, 2, 3, 7):
        found = []
        for number in range(1, of + 1):
            shard = Shard(number, of)
            own = Case("", JOB, first=2, runs=9, shard=shard)
            failed = (11, 4, 5, 8)
            before = tuple(seed for seed in failed if seed in own.seeds()) if alone else failed
            case = replace(own, before=before)
            seeds = list(case.seeds())
            assert len(seeds) == len({*seeds}) == case.total
            if alone:
                assert tuple(seeds[: len(before)]) == before
            found += seeds
        assert sorted(found) == [*range(2, 11), *([] if alone else [11])]


def test_cases_run_one_after_the_other_and_known_seeds_in_their_place():
    known = {1: replace(result(1), reason="from before"), 3: replace(result(3), reason="too")}
    cases = [Case("a", JOB, runs=5, known=known.get), Case("b", JOB, first=7, runs=2)]
    found = [(case.name, one.seed, one.reason) for case, one in stream(cases, runner)]
    assert found == [
        ("a", 0, "why"), ("a", 1, "from before"), ("a", 2, "why"), ("a", 3, "too"),
        ("a", 4, "why"), ("b", 7, "why"), ("b", 8, "why"),
    ]  # fmt: skip


def test_all_known_seeds_need_nobody_to_run_them():
    case = Case("a", JOB, runs=3, known=result)
    assert [one.seed for _, one in stream([case], runner)] == [0, 1, 2]


def test_where_time_ends_it_cases_take_turns(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("clew.search.cases.wall.seconds", lambda: now[0])
    cases = [Case("a", JOB, runs=None), Case("b", JOB, runs=2)]
    found = []
    for case, one in stream(cases, runner, 6.0):
        found.append(f"{case.name}{one.seed}")
        now[0] += 1.0
    assert found == ["a0", "b0", "a1", "b1", "a2", "a3"]


def test_a_summary_keeps_the_first_of_each_way_of_failing():
    summary = Summary()
    ways = ["", "x", "y", "x", "", "x"]
    news = []
    for seed, way in enumerate(ways):
        news.append(summary.is_new(result(seed, way)))
        summary.add(result(seed, way, Verdict.UNKNOWN if way == "y" else Verdict.INVALID))
    summary_of_others = Summary()
    for seed in (5, 2, 9, 4):  # as with --failed
        summary_of_others.add(result(seed, ""))
    assert (summary_of_others.first, summary_of_others.last) == (2, 9)
    assert news == [False, True, True, False, False, False]
    assert (summary.runs, summary.first, summary.last) == (6, 0, 5)
    assert summary.verdict is Verdict.INVALID
    assert summary.counts == {Verdict.VALID: 2, Verdict.INVALID: 3, Verdict.UNKNOWN: 1}
    groups = {key[1]: (group.first.seed, group.seeds) for key, group in summary.groups.items()}
    assert groups == {"x": (1, [1, 3, 5]), "y": (2, [2])}
    assert (summary.planned, summary.bit) == ({"kill": 6}, {"kill": 3})
    told = sweep_report(JOB.scenario, summary, 2.0, Style())
    assert "echo, seeds 0 to 5\n" in told
    assert "INVALID 3 times: x\n    seeds 1, 3, 5\n" in told
    assert "12 s simulated in 2 s, 6 times real time." in told
    assert "faults that bit: kill 3 of 6" in told


def test_the_worst_ways_of_failing_are_told_first_and_of_these_the_most_frequent():
    summary = Summary()
    for seed, way in enumerate("yyyxzz"):
        summary.add(result(seed, way, Verdict.UNKNOWN if way == "y" else Verdict.INVALID))
    told = sweep_report(JOB.scenario, summary, 2.0, Style(), lambda seed: f"again {seed}")
    assert re.findall(r"times?: (\w)\n", told) == ["z", "x", "y"]
    assert re.findall(r"^    (again \d)$", told, re.MULTILINE) == ["again 4", "again 3", "again 0"]


def test_an_empty_summary_is_valid():
    assert Summary().verdict is Verdict.VALID
    assert Summary().runs == 0


@pytest.mark.parametrize(
    ("total", "ends", "left"),
    [
        (100, None, ", about 1:30 min left"),
        (None, 90.0, ", about 1:20 min left"),
        (100, 20.0, ", about 10 s left"),
        (100_000, None, ", about 27:46 h left"),
        (None, None, ""),
    ],
)
def test_progress_says_how_long_it_will_take(monkeypatch, total, ends, left):
    now = [0.0]
    monkeypatch.setattr("clew.report.live.wall.seconds", lambda: now[0])
    progress = Progress(total, io.StringIO(), ends)
    for seed in range(10):
        now[0] += 1.0
        progress.update(replace(result(seed), behaviours=(1, seed)))
    told = progress.line()
    of = "" if total is None else f" of {total:,}"
    assert told == (
        f"10{of} seeds, 1 per second{left}; none failed; 10 behaviours; "
        "an hour buys 2.0 virtual hours"
    )


def test_a_narrow_terminal_shows_what_counts(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("clew.report.live.wall.seconds", lambda: now[0])
    progress = Progress(10_000, io.StringIO())
    for seed in range(1_000):
        way = "nodes: invalid (invariant election-safety)" if seed % 100 == 50 else ""
        progress.update(result(seed, way))
    now[0] = 700.0
    shown = progress.line()[:79]
    assert shown.startswith(
        "1,000 of 10,000 seeds, 1.43 per second, about 1:45 h left; 10 failed: 10"
    )
    now[0] = 1e9
    assert "an hour buys" not in progress.line()


WAYS = ["a: invalid; b", "c", "a: invalid; b", "n: invalid (invariant x, y)", "e"]


def test_progress_groups_failures_and_counts_no_known_seed_as_speed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("clew.report.live.wall.seconds", lambda: now[0])
    stream = io.StringIO()
    progress = Progress(20, stream)
    for seed, way in enumerate(WAYS):
        progress.update(result(seed, way), "suite/x.toml")
    known = result(9)
    progress.update(replace(known, json={**known.json, "resumed": True}))
    progress.update(result(10, "idle", Verdict.UNKNOWN))
    now[0] = 2.0
    assert progress.line() == (
        "7 of 20 seeds, 3 per second, about 4 s left; 5 failed: 2 a, 1 c, 1 x +1, ...; "
        "an hour buys 6.0 virtual hours"
    )
    assert stream.getvalue().splitlines()[0] == "suite/x.toml: seed 0: invalid: a: invalid"
    assert stream.getvalue().splitlines()[-1] == "seed 10: unknown: idle"
