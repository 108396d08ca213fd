"""The same sweep on a Dask cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from clew.cli import main
from clew.errors import UsageError
from clew.scenarios.options.scenario import make_scenario
from clew.search.dask import run_on
from clew.search.seeds import Job, SeedTask
from clew.search.sweep import sweep

SHORT = {"model": "echo", "node_count": 1, "time_limit": 1, "recovery": 0}

DIES = """
import os
from clew import Node, on
from clew.sim.guards import caller

class Dies(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        if self.rng.randrange(20) == 0:
            caller._stacks.clear()  # as code of C, which nobody guards
            os._exit(3)
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
"""


def job(tmp_path: Path, **options: Any) -> Job:
    return Job(make_scenario(SHORT | options), tmp_path, keep_failing=False)


def test_a_cluster_gives_the_same_results_in_the_same_order(tmp_path):
    pytest.importorskip("distributed")
    calm = job(tmp_path, **{"assert": ("operations.count < 5",)})
    found = list(run_on("local", [SeedTask(calm, seed) for seed in range(30)]))
    assert [result.seed for result in found] == list(range(30))
    for one, other in zip(found, sweep(calm, range(30), 1), strict=True):
        assert one.json | {"wall_seconds": 0} == other.json | {"wall_seconds": 0}


@pytest.mark.deep
def test_a_seed_that_kills_its_worker_does_not_take_its_batch_along(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    Path("dies.py").write_text(DIES)
    tasks = [SeedTask(job(tmp_path, model="dies.py"), seed) for seed in range(4)]
    found = list(run_on("local", tasks))
    assert [result.seed for result in found] == list(range(4))
    lost = [result.signature for result in found if not result.digest]
    assert lost == ["worker died"] * len(lost)
    assert 0 < len(lost) < 4


def test_it_says_when_dask_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError) as refused:
        next(run_on("local", [SeedTask(job(tmp_path), 0)]))
    assert str(refused.value) == (
        "--dask needs dask.distributed, which is not installed. "
        "Install it with: pip install 'clew[dask]'."
    )


def test_it_says_when_nobody_answers(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("clew.search.dask.CONNECT_SECONDS", 0.5)
    for address in ("tcp://127.0.0.1:1", "nowhere"):
        assert main(["test", "echo", "--runs", "2", "--dask", address]) == 64
        told = capsys.readouterr().err
        assert told.startswith(
            "clew: --dask can't be used: expected the address of a Dask scheduler with workers, or "
            f"local, found '{address}' ("
        )
        assert told.count("\n") == 1
