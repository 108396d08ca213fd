"""Digests that pin what a seed means; changing one needs a line in the changelog.

Each is made in a fresh process: under two hash seeds, and by every Python of 3.11 to 3.13 on
this machine.
"""

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

from clew.models.registry import MODELS
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.trace.record import Trace

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = Path(__file__).with_name("digests.json")

WHOLE = ", the whole recovery"
"""A plan that was drawn before recoveries ended when they are over has all of it."""

TRIGGERED = "raft, with triggers"
NAMES = (*MODELS, TRIGGERED, *(name + WHOLE for name in (*MODELS, TRIGGERED)))


def golden_plan(golden):
    """The model and the plan of a golden digest."""
    name = golden.removesuffix(WHOLE)
    options = {"model": name, "swarm": True, "node_count": 5, "time_limit": 10, "rate": 20}
    if name == TRIGGERED:
        options = {"model": "raft", "nemesis": "trigger", "time_limit": 10, "nemesis_interval": 1}
    model = load_model(options["model"])
    plan = draw_plan(make_scenario(options), 1, model)
    return model, plan if name == golden else replace(plan, recovery_least_ns=None)


def interpreters():
    """Every Python of 3.11 to 3.13 that runs here, by version, this one included."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = {}
    for version in ("3.11", "3.12", "3.13"):
        candidates = [Path(folder) / f"python{version}" for folder in os.get_exec_path()]
        candidates += sorted(root.glob(f"versions/{version}*/bin/python{version}"))
        if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
            candidates.insert(0, Path(sys.executable))
        for candidate in candidates:
            if candidate.is_file() and runs(candidate):
                found[version] = candidate
                break
    return found


def runs(python):
    done = subprocess.run([python, "-c", "print(1)"], capture_output=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == b"1"


def fresh_digest(python, plan, folder, hash_seed):
    """The digest of a plan, run by an interpreter of its own.

    The packages of this environment that a run needs are pure Python, so that any version can
    take them from here.
    """
    planned, traced = folder / "plan.json", folder / "trace"
    planned.write_text(json.dumps(plan.to_json()))
    done = subprocess.run(
        [python, "-m", "clew.search.verification", planned, traced],
        env={
            **os.environ,
            "PYTHONHASHSEED": str(hash_seed),
            "PYTHONPATH": os.pathsep.join([str(ROOT), sysconfig.get_paths()["purelib"]]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Trace.load(traced.read_bytes()).close()


@pytest.mark.parametrize("name", NAMES)
def test_the_digest_is_the_golden_one(name):
    model, plan = golden_plan(name)
    digest = simulate(plan, model, keep_trace=False).digest
    assert digest == json.loads(GOLDEN.read_text())[name]


@pytest.mark.parametrize("hash_seed", [0, 12345])
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python_and_hash_seed_gives_the_same_digest(version, hash_seed, tmp_path):
    python = interpreters().get(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    for name in ("raft", "gossip", TRIGGERED):
        _, plan = golden_plan(name)
        digest = fresh_digest(python, plan, tmp_path, hash_seed)
        assert digest == json.loads(GOLDEN.read_text())[name]


if __name__ == "__main__":
    told = {}
    for name in NAMES:
        model, plan = golden_plan(name)
        told[name] = simulate(plan, model, keep_trace=False).digest
    GOLDEN.write_text(json.dumps(told, indent=2) + "\n")
