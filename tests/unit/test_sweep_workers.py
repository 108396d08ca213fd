"""Worker processes: no seed is lost, none is reported twice, nobody is left behind."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from ctypes import c_ulonglong
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from clew.checkers.verdict import Verdict
from clew.errors import ClewError
from clew.scenarios.options.scenario import make_scenario
from clew.search import seeds, workers
from clew.search.seeds import Bench, Job, SeedResult, SeedTask, result_in
from clew.search.sweep import run_tasks, sweep
from clew.search.workers import Pool

pytestmark = pytest.mark.long

NODE = """
import os, re
from clew import Node, on
from clew.sim.guards import caller

class Fragile(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        if self.rng.randrange({one_in}) == 0:
            {what}
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})
"""

DIES = "caller._stacks.clear(); os.kill(os.getpid(), 9)"  # as code of C, which nobody guards
LEAVES = "caller._stacks.clear(); os._exit(3)"
HANGS = "re.match('(a|a)*$', 'a' * 60 + 'b')"

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def job(tmp_path: Path, **options: Any) -> Job:
    chosen = {"model": "echo", "node_count": 1, "time_limit": 1, "recovery": 0} | options
    return Job(make_scenario(chosen), tmp_path / "out", keep_failing=False)


def fragile(tmp_path: Path, what: str, one_in: int) -> str:
    path = tmp_path / "fragile.py"
    path.write_text(NODE.format(what=what, one_in=one_in))
    return str(path)


def timeless(result: SeedResult) -> dict[str, Any]:
    return {name: value for name, value in result.json.items() if name != "wall_seconds"}


def test_the_number_of_workers_changes_nothing(tmp_path):
    plan = job(tmp_path, model="abd", bug="reads-one", node_count=3, time_limit=3, latency=10)
    alone, together = (
        [timeless(result) for result in sweep(plan, range(12), jobs)] for jobs in (1, 3)
    )
    assert alone == together
    assert [one["seed"] for one in alone] == list(range(12))


def test_every_invalid_run_is_verified(tmp_path):
    plan = job(tmp_path, **{"assert": "events < 0"})
    for jobs in (1, 2):
        for result in sweep(plan, range(4), jobs):
            assert result.verdict is Verdict.INVALID
            assert result.verification is not None
            assert result.verification.same
            assert result.json["deterministic"] is True


def test_seeds_may_be_without_end(tmp_path):
    results = sweep(job(tmp_path), count(5), 2)
    assert [result.seed for result in islice(results, 30)] == list(range(5, 35))
    results.close()
    assert not multiprocessing.active_children()


def test_what_waits_is_bounded(tmp_path):
    taken = []

    def tasks() -> Iterator[SeedTask]:
        one = job(tmp_path)
        for seed in range(100_000):
            taken.append(seed)
            yield SeedTask(one, seed)

    results = run_tasks(tasks(), 2)
    next(results)
    time.sleep(1.0)  # workers go on while nobody asks
    assert len(taken) <= 2 * workers.WINDOW
    results.close()


@pytest.mark.parametrize(("what", "ending"), [(DIES, "signal 9"), (LEAVES, "status 3")])
def test_a_seed_that_kills_its_worker_is_reported_and_the_others_are_run(tmp_path, what, ending):
    model = fragile(tmp_path, what, 40)
    found = list(sweep(job(tmp_path, model=model), range(24), 2))
    assert [result.seed for result in found] == list(range(24))
    lost = [result for result in found if result.verdict is Verdict.UNKNOWN]
    assert 1 <= len(lost) < 24
    for result in lost:
        assert result.signature == f"worker died ({ending})"
        assert result.digest == ""
        assert result.json["checks"][0]["name"] == "worker"
    assert all(result.digest for result in found if result not in lost)


def test_a_seed_that_hangs_in_c_code_is_reported_and_its_worker_replaced(tmp_path):
    model = fragile(tmp_path, HANGS, 60)
    plan = job(tmp_path, model=model)
    plan = Job(plan.scenario, plan.out, keep_failing=False, seed_seconds=1.5)
    found = list(sweep(plan, range(16), 2))
    assert [result.seed for result in found] == list(range(16))
    hung = [result for result in found if result.signature == "worker hung"]
    assert 1 <= len(hung) < 16
    assert all(result.verdict is Verdict.UNKNOWN for result in hung)
    assert "within 1.5 s" in hung[0].reason
    assert all(result.digest for result in found if result not in hung)


def test_killing_workers_at_random_loses_no_seed(tmp_path):
    plan = job(tmp_path, model="abd", node_count=3, time_limit=3)
    undisturbed = [timeless(result) for result in sweep(plan, range(40), 1)]
    random, found = Random(7), []
    results = sweep(plan, range(40), 2)
    killed = 0
    while killed < 20 and len(found) < len(undisturbed):
        if workers_left := multiprocessing.active_children():
            random.choice(workers_left).kill()
            killed += 1
        # The next look at them starts others.
        wanted = random.randrange(3) if workers_left else 1
        found += [timeless(result) for result in islice(results, wanted)]
    found += [timeless(result) for result in results]
    assert killed
    assert found == undisturbed


def test_workers_that_can_not_start_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_work", os.abort)
    with pytest.raises(ClewError, match="worker processes can't be started"):
        list(sweep(job(tmp_path), range(4), 2))


def test_what_a_seed_refuses_is_told_as_ever(tmp_path):
    plan = job(tmp_path, model=str(tmp_path / "gone.py"))
    told = []
    for jobs in (1, 2):
        with pytest.raises(ClewError) as refused:
            list(sweep(plan, range(3), jobs))
        told.append((type(refused.value), str(refused.value)))
    assert told[0] == told[1]


def test_a_refusal_comes_in_its_turn(tmp_path):
    fine, gone = job(tmp_path), job(tmp_path, model="gone.py")
    tasks = [SeedTask(fine, 0), SeedTask(fine, 1), SeedTask(gone, 2), SeedTask(fine, 3)]
    for jobs in (1, 2):
        results = run_tasks(tasks, jobs)
        assert [next(results).seed, next(results).seed] == [0, 1]
        with pytest.raises(ClewError, match=r"gone.py: there is no such file"):
            next(results)


def test_a_mistake_of_our_own_is_unknown_and_its_report_has_the_traceback(tmp_path):
    broken = Job(job(tmp_path).scenario, tmp_path, handler_seconds="fast")  # type: ignore[arg-type]
    for jobs in (1, 2):
        first, second = run_tasks([SeedTask(broken, 0), SeedTask(job(tmp_path), 1)], jobs)
        assert (first.verdict, first.signature) == (Verdict.UNKNOWN, "clew crashed")
        assert second.verdict is Verdict.VALID
        (report,) = tmp_path.glob("clew-crash-*.txt")
        assert str(report) in first.reason
        assert "Traceback" in report.read_text()
        assert "seed: 0" in report.read_text()
        report.unlink()


def test_nobody_waits_in_silence(tmp_path, monkeypatch):
    ticks = []
    monkeypatch.setattr(workers, "_LOOK_SECONDS", 0.01)
    tasks = [SeedTask(job(tmp_path), 0)]
    assert len(list(Pool(tasks, 2, lambda: ticks.append(1)).results())) == 1
    assert ticks


def test_what_a_killed_worker_had_begun_to_write_is_removed(tmp_path):
    plan = job(tmp_path)
    folder = plan.out / "echo-echo-seed-0"
    folder.mkdir(parents=True)
    for name in (".repro.json.77.part", ".repro.json.78.part", "repro.json"):
        (folder / name).write_text("")
    workers.remove_parts(plan, 77)
    assert sorted(path.name for path in folder.iterdir()) == [".repro.json.78.part", "repro.json"]


def descendants(pid: int) -> list[int]:
    """The processes below one, as far as /proc tells."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(folder.name)] = int(fields[1])
    found, edge = [], {pid}
    while edge:
        edge = {child for child, parent in parents.items() if parent in edge}
        found += edge
    return found


def committed(folder: Path) -> list[int]:
    """The seeds in a folder's database, which somebody may be writing to."""
    with closing(sqlite3.connect(folder / "clew.sqlite")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = database.execute("SELECT seed FROM results ORDER BY seed")
        return [seed for (seed,) in rows]


COMMITTING = """
import sys
from clew.search import database

database.COMMIT_SECONDS = 0.2
from clew.__main__ import main

sys.exit(main())
"""
"""The command line that commits more often, so that less has to be run before something is."""


@linux
@pytest.mark.parametrize("extra", ["", "--assert 'events < 0'"])
def test_killing_the_parent_leaves_nobody_and_nothing_half_written(tmp_path, extra):
    command = [sys.executable, "-c", COMMITTING, "test", "abd", "--runs", "100000", "--jobs", "2"]
    command += ["--json", "--keep"] + (["--assert", "events < 0"] if extra else [])
    sweeping = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )  # fmt: skip
    assert sweeping.stdout is not None
    told = [sweeping.stdout.readline() for _ in range(5)]
    while not committed(tmp_path / "out"):
        told.append(sweeping.stdout.readline())
    assert all(told)
    family = descendants(sweeping.pid)
    assert len(family) >= 2
    sweeping.send_signal(signal.SIGKILL)
    sweeping.communicate(timeout=10)

    alive: list[int] = []
    for _ in range(100):
        alive = [pid for pid in family if Path(f"/proc/{pid}/cmdline").exists()]
        alive = [pid for pid in alive if Path(f"/proc/{pid}/cmdline").read_bytes()]
        if not alive:
            break
        time.sleep(0.1)
    assert not alive
    for path in tmp_path.glob("out/*/repro.json"):
        assert json.loads(path.read_text())["clew_repro"] == 1
    seeds = committed(tmp_path / "out")
    assert seeds
    assert seeds == list(range(len(seeds)))


def test_a_file_named_like_a_module_of_python_is_in_no_workers_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "types.py").write_text("raise RuntimeError('this is no module of Python')")
    path = tmp_path / "random.py"
    path.write_text(NODE.format(what="pass", one_in=40))
    plain = "os.environ.get('PYTHONSAFEPATH') is None or exit()"
    path.write_text(path.read_text().replace("if self", f"{plain}\n        if self"))
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    found = list(sweep(job(tmp_path, model="random.py"), range(4), 2))
    assert [result.verdict for result in found] == [Verdict.VALID] * 4
    assert "PYTHONSAFEPATH" not in os.environ


def test_garbage_is_collected_when_a_run_is_gone_and_not_before(tmp_path, monkeypatch):
    plain, seen = seeds.judge, []

    def judged(run, model):
        seen.append(gc.get_threshold())
        return plain(run, model)

    monkeypatch.setattr(seeds, "judge", judged)
    before = gc.get_threshold()
    scenario = make_scenario({"model": "echo", "time_limit": 1, "recovery": 0})
    with Bench() as bench:
        assert result_in(Job(scenario, tmp_path), 0, bench).verdict is Verdict.VALID
    assert seen[0][0] > 100 * before[0]
    assert gc.get_threshold() == before


def worker_with(held, *, begun=0, answered=0, pace=0.0):
    process, connection = multiprocessing.current_process(), multiprocessing.Pipe()[0]
    return workers._Worker(
        process, connection, c_ulonglong(begun), deque(range(held)), answered, pace=pace
    )


@pytest.mark.parametrize(
    ("pace", "most"),
    [(0, workers.HELD), (60, workers.HELD), (workers.HELD_SECONDS / 10, 10), (1e-9, 32)],
)
def test_a_worker_holds_more_seeds_only_where_they_are_quick(pace, most):
    rooms = [worker_with(held, pace=pace).has_room for held in range(workers.HELD_MOST + 2)]
    assert rooms == [held < most for held in range(len(rooms))]


@pytest.mark.parametrize(
    ("begun", "answered", "rank"), [(0, 0, 0), (1, 0, 0), (3, 0, 2), (7, 5, 1), (5, 5, 0)]
)
def test_the_seed_that_a_worker_ran_last_is_known_though_answers_wait(begun, answered, rank):
    assert worker_with(4, begun=begun, answered=answered).rank == rank


def test_answers_of_quick_seeds_come_together(tmp_path, monkeypatch):
    taken, plain = [], Pool._answered

    def noted(self, worker, batch):
        taken.append(0 if batch is None else len(batch[0]))
        plain(self, worker, batch)

    monkeypatch.setattr(Pool, "_answered", noted)
    seeds_run = [one.seed for one in sweep(job(tmp_path, time_limit=1), range(60), 2)]
    assert seeds_run == list(range(60))
    assert sum(taken) == 60
    assert max(taken) > 1
