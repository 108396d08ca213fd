"""Replies of every wrong type, in each field of each workload: told in words, with the expected.

The nodes are those that ``clew new`` writes, but for one field of one reply; what is wrong may also
stand inside of what the field holds.
"""

import re
from dataclasses import replace

import pytest

from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.workloads import workloads

WRONG = (
    None,
    True,
    -1,
    1.5,
    10**30,
    "",
    "x",
    [],
    [1, 2],
    [None],
    [[1]],
    {},
    {"x": 1},
    {"x": [[1, 2]]},
)
RAW = re.compile(
    r"[A-Z]\w+Error|crashed|not supported between|object is not|object has no|unhashable"
    r"|unsupported operand|not subscriptable|argument of type|can only concatenate"
)


def wholly(_, value):
    """What stands in place of the field."""
    return value


def inside(right, value):
    """The right field, but for the first thing in it."""
    if isinstance(right, list) and right:
        return [value, *right[1:]]
    if isinstance(right, dict) and right:
        key, *_ = right
        return {**right, key: value}
    return value


def deep_inside(right, value):
    """The right field, but for the last thing of the first thing in it."""
    first = right[0] if isinstance(right, list) and right else None
    if isinstance(first, list) and first:
        return [[*first[:-1], value], *right[1:]]
    if isinstance(right, dict) and right:
        key, *_ = right
        return {**right, key: inside(right[key], value)}
    return value


def runs_of(name, path):
    """A run for each field, place in it and wrong value: what it is, and its outcome."""
    path.write_text(workloads()[name].template_text())
    model = load_model(str(path))
    given = {"model": str(path), "workload": name, "time_limit": 1, "recovery": 1, "rate": 20}
    plan = draw_plan(make_scenario({**given, "node_count": 1, "liveness": "off"}), 0, model)
    for f, declared in workloads()[name].operations.items():
        for field in declared.reply:
            for change in (wholly, inside, deep_inside):
                for value in WRONG:
                    wrong = lying(model.node_class, f, field, change, value)
                    outcome = judge(simulate(plan, replace(model, node_class=wrong)), model)
                    yield (f, field, change.__name__, value), outcome


def lying(node_class, f, field, change, value):
    class Lying(node_class):
        def reply(self, msg, body):
            if body["type"] == f"{f}_ok" and msg.src.startswith("c"):
                body = {**body, field: change(body[field], value)}
            super().reply(msg, body)

    return Lying


@pytest.mark.parametrize("name", sorted(workloads()))
def test_each_is_told_in_words(tmp_path, name):
    for what, outcome in runs_of(name, tmp_path / "n.py"):
        reasons = [check.reason for check in outcome.checks]
        reasons += [one.reason for check in outcome.checks for one in check.anomalies]
        for reason in reasons:
            assert not RAW.search(reason), (what, reason)
        for finding in outcome.run.findings:
            if finding.kind == "malformed-reply":
                assert "expected " in finding.reason, what
                assert "found " in finding.reason, what
