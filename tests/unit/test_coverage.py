"""What a run did, as numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from clew.models.registry import MODELS
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.search.coverage import KINDS, behaviours, counted
from clew.trace.record import Trace

LINK = (0, "link", 1, "a", "b")


def run_of(*records):
    """A run with these records, after a link from a to b."""
    trace = Trace()
    for record in (LINK, *records):
        trace.add(*record)
    return SimpleNamespace(trace=trace)


def message(number, time, **body):
    """A message from a to b: its two records, as they are stored."""
    body = {"type": "m", **body}
    return [(time, 0, number, 1, body), (time + 1, "deliver", number)]


def seen(*records):
    """The behaviours of some records, without how often each was."""
    return set(counted(run_of(*records)))


SHOWN = {
    # what happens: a behaviour that shows it
    "a delivery": (message(1, 0), ("deliver", "m", None)),
    "the first message": (message(1, 0), ("pair", None, "m", None)),
    "one after another": (
        [*message(1, 0), *message(2, 5, type="k")], ("pair", "m", "k", None),
    ),
    "a server state": (
        [(0, "state", "b", {"role": "leader"}), *message(1, 0)], ("deliver", "m", "leader"),
    ),
    "a change of server state": (
        [(0, "state", "b", {"role": "x"}), *message(1, 0), (9, "state", "b", {"role": "y"})],
        ("role", "x", "y", "m"),
    ),
    "a larger number": ([*message(1, 0, n=1), *message(2, 5, n=2)], ("field", "m", "n", ">", None)),
    "the same number": ([*message(1, 0, n=1), *message(2, 5, n=1)], ("field", "m", "n", "=", None)),
    "a smaller number": (
        [*message(1, 0, n=3), *message(2, 5, n=2)], ("field", "m", "n", "<", None),
    ),
    "a flag": (message(1, 0, ok=True), ("field", "m", "ok", "True", None)),
    "an empty list": (message(1, 0, log=[]), ("field", "m", "log", "[]", None)),
    "a copy": (
        [message(1, 0)[0], (0, "duplicate", 1, 2), message(1, 0)[1], (3, "deliver", 2)],
        ("pair", "m", "m", None),
    ),
    "a loss": ([message(1, 0)[0], (0, "drop", 1, "partition")], ("drop", "m", "partition", None)),
    "a start": ([(0, "start", "b", 1)], ("start", False, None)),
    "a restart": ([*message(1, 0), (9, "start", "b", 2)], ("start", True, "m")),
    "a timer": ([(0, "timer", "b", "tick")], ("timer", "tick", None, None)),
    "a crash": (
        [*message(1, 0), (9, "crash", "b", "kill", ["lost", 2, 0])],
        ("crash", None, "m", "lost", True, False),
    ),
    "a fault beside another": (
        [(0, "fault", "x-1", "kill", ""), (1, "fault", "y-1", "loss", "")],
        ("fault", "loss", "kill"),
    ),
    "a fault after another": (
        [
            (0, "fault", "x", "kill", ""), (1, "heal", "x", "kill", ""),
            (2, "fault", "y", "loss", ""),
        ],
        ("fault", "loss", None),
    ),
    "an answer": (
        [(0, "invoke", 0, "read", None, "b"), (1, "ok", 0, "read", 3, None)],
        ("answer", "read", "ok", None, 0),
    ),
    "a refusal": (
        [(0, "invoke", 0, "cas", None, "b"), (1, "fail", 0, "cas", 3, {"code": 22})],
        ("answer", "cas", "fail", 22, 0),
    ),
    "a finding": ([(0, "finding", "exception", "b", "x")], ("finding", "exception")),
}  # fmt: skip


@pytest.mark.parametrize("what", SHOWN)
def test_what_happens_shows(what: str):
    records, shown = SHOWN[what]
    assert shown in seen(*records)


def test_every_kind_of_behaviour_is_in_the_table():
    assert {shown[0] for _, shown in SHOWN.values()} == set(KINDS)


def test_a_fault_that_stands_alone_is_beside_none():
    records, _ = SHOWN["a fault after another"]
    assert ("fault", "loss", "kill") not in seen(*records)


def test_a_restarted_node_has_seen_no_number():
    once = [*message(1, 0, n=3), (3, "start", "b", 2), *message(2, 5, n=2)]
    assert ("field", "m", "n", "<", None) not in seen(*once)


def test_numbers_of_requests_are_no_behaviour():
    assert not [what for what in seen(*message(1, 0, msg_id=3, in_reply_to=4)) if "field" in what]


def test_names_and_times_do_not_count():
    renamed = run_of((0, "link", 1, "n8", "n9"), *message(7, 900))
    assert behaviours(renamed) == behaviours(run_of(*message(1, 0)))


@pytest.mark.parametrize(("few", "many", "alike"), [(4, 7, True), (3, 4, False), (1, 2, False)])
def test_how_often_counts_by_powers_of_two(few, many, alike):
    def lost(times):
        return [row for n in range(times) for row in (message(n, n)[0], (n, "drop", n, "loss"))]

    assert (behaviours(run_of(*lost(few))) == behaviours(run_of(*lost(many)))) == alike


def covered(name, seed=3):
    scenario = make_scenario({"model": name, "swarm": True, "time_limit": 3, "rate": 20})
    model = load_model(name)
    return behaviours(simulate(draw_plan(scenario, seed, model), model))


@pytest.mark.parametrize("name", MODELS)
def test_a_run_covers_something_and_the_same_each_time(name: str):
    found = covered(name)
    assert found == covered(name)
    assert list(found) == sorted(set(found))
    assert all(0 <= number < 2**64 for number in found)
    assert len(found) > 10
    assert found != covered(name, 4)


SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from test_coverage import covered
print(json.dumps(covered("raft")))
"""


@pytest.mark.parametrize("hash_seed", ["0", "7"])
def test_another_process_and_hash_seed_gives_the_same(hash_seed: str):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, Path(__file__).parent],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert tuple(json.loads(done.stdout)) == covered("raft")
