"""A log that keeps its committed offsets in memory alone is found; one that syncs them is right."""

import pytest

from clew.checkers.verdict import Verdict
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate

LOG = """
from clew import Node, on

class Log(Node):
    workload = "kafka"

    def start(self):
        self.logs = {key: list(log) for key, log in self.disk.get("logs", {}).items()}
        self.committed = dict(self.disk.get("committed", {}))

    def save(self):
        self.disk["logs"] = self.logs
        self.disk["committed"] = self.committed
        self.disk.sync()

    @on("send")
    def append(self, msg):
        log = self.logs.setdefault(msg.body["key"], [])
        log.append(msg.body["msg"])
        self.save()
        self.reply(msg, {"type": "send_ok", "offset": len(log) - 1})

    @on("poll")
    def poll(self, msg):
        found = {
            key: [[at, message] for at, message in enumerate(self.logs.get(key, []))][offset:]
            for key, offset in msg.body["offsets"].items()
        }
        self.reply(msg, {"type": "poll_ok", "msgs": found})

    @on("commit_offsets")
    def commit(self, msg):
        self.committed.update(msg.body["offsets"])
        self.save()
        self.reply(msg, {"type": "commit_offsets_ok"})

    @on("list_committed_offsets")
    def show(self, msg):
        known = {key: self.committed[key] for key in msg.body["keys"] if key in self.committed}
        self.reply(msg, {"type": "list_committed_offsets_ok", "offsets": known})
"""
MUTANTS = {
    "in memory alone": ('self.disk["committed"] = self.committed', "pass", "forgotten-commit"),
    "of another key": (
        "key: self.committed[key] for", "key: 1 + self.committed[key] for", "phantom-commit"
    ),
}  # fmt: skip


def outcomes(tmp_path, text, seeds):
    path = tmp_path / "log.py"
    path.write_text(text)
    model = load_model(str(path))
    options = {"model": str(path), "node_count": 1, "nemesis": ("kill",), "time_limit": 20}
    for seed in seeds:
        plan = draw_plan(make_scenario(options), seed, model)
        yield judge(simulate(plan, model, keep_trace=False), model)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_committed_offsets_are_found(tmp_path, mutant):
    old, new, kind = MUTANTS[mutant]
    assert old in LOG
    found = outcomes(tmp_path, LOG.replace(old, new), range(10))
    kinds = {
        anomaly.kind for outcome in found for check in outcome.checks for anomaly in check.anomalies
    }
    assert kinds == {kind}


def test_a_log_that_keeps_all_is_valid(tmp_path):
    verdicts = [outcome.verdict for outcome in outcomes(tmp_path, LOG, range(20))]
    assert Verdict.INVALID not in verdicts
    assert Verdict.VALID in verdicts
