"""What is asked of whom, so that nothing wrong is passed over: followers, functions, setup."""

import pytest
from short_runs import liveness, outcome_of

FOLLOWERS = {
    # what is wrong at those that do not lead
    "stale reads": """
    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": self.kv.get(str(msg.body["key"]))})

    @on("write")
    def write(self, msg):
        self.mine()
        self.kv[str(msg.body["key"])] = msg.body["value"]
        for peer in self.peers:
            self.send(peer, {"type": "copy", "body": msg.body})
        self.reply(msg, {"type": "write_ok"})

    @on("copy")
    def copy(self, msg):
        self.kv[str(msg.body["body"]["key"])] = msg.body["body"]["value"]
""",
    "a second leader": """
    @on("read")
    def read(self, msg):
        self.mine()
        self.reply(msg, {"type": "read_ok", "value": self.kv.get(str(msg.body["key"]))})

    @on("write")
    def write(self, msg):
        self.mine()
        self.kv[str(msg.body["key"])] = msg.body["value"]
        self.reply(msg, {"type": "write_ok"})
""",
}


@pytest.mark.parametrize("hint", [", leader=self.node_ids[0]", ""])
@pytest.mark.parametrize("wrong", FOLLOWERS)
def test_what_followers_do_wrong_is_seen_though_they_send_clients_on(tmp_path, wrong, hint):
    path = tmp_path / "store.py"
    path.write_text(f"""
from clew import Node, RPCError, on

class Store(Node):
    workload = "lin-kv"
    functions = ("read", "write")

    def start(self):
        self.kv = {{}}
        self.heard = self.monotonic()
        self.every(0.1, self.tell)

    def tell(self):
        for peer in self.peers:
            self.send(peer, {{"type": "beat"}})

    @on("beat")
    def beat(self, msg):
        if msg.src == self.node_ids[0]:
            self.heard = self.monotonic()

    def mine(self):
        late = self.monotonic() - self.heard > 0.5
        if self.id != self.node_ids[0] and not ({wrong == "a second leader"} and late):
            raise RPCError(11, "not the leader"{hint})
{FOLLOWERS[wrong]}""")
    options = {"nemesis": ["partition"], "time_limit": 10, "rate": 40, "node_count": 3}
    verdicts = [outcome_of(str(path), seed, **options).verdict.value for seed in range(4)]
    assert "invalid" in verdicts


STUCK = {
    # what a node no longer does, and what is said of it
    "writes": (
        "lin-kv",
        """
    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": None})

    @on("write")
    def write(self, msg):
        pass
""",
        "The cluster answered none of ",
    ),
    "one node's broadcasts": (
        "broadcast",
        """
    @on("topology")
    def topology(self, msg):
        self.reply(msg, {"type": "topology_ok"})

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "messages": []})

    @on("broadcast")
    def broadcast(self, msg):
        pass
""",
        " answered none of ",
    ),
    "topology": (
        "broadcast",
        """
    @on("topology")
    def topology(self, msg):
        pass

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "messages": []})
""",
        "n0, n1, n2 did not acknowledge 'topology' in the ",
    ),
}


@pytest.mark.parametrize("stuck", STUCK)
def test_what_is_never_answered_is_no_progress_whatever_else_is(tmp_path, stuck):
    workload, body, said = STUCK[stuck]
    path = tmp_path / "stuck.py"
    path.write_text(f"""
from clew import Node, on

class Stuck(Node):
    workload = "{workload}"
    functions = ("read", "write") if workload == "lin-kv" else ("read", "broadcast")
{body}""")
    outcome = outcome_of(str(path), node_count=3, recovery=40)
    check = liveness(outcome)
    assert check.verdict.value == "invalid"
    assert said in check.reason
    assert [anomaly.kind for anomaly in check.anomalies] == ["no-progress"]
    short = liveness(outcome_of(str(path), node_count=3, recovery=0.5))
    assert "requests to" not in short.reason  # nobody had time for a second one
    assert stuck != "topology" or short.verdict.value == "unknown"


@pytest.mark.parametrize(
    ("workload", "answers"),
    [
        ("lin-kv", {"read": "raise RPCError(20)", "write": "raise RPCError(14)"}),
        ("g-set", {"add": "raise RPCError(10)", "read": "self.reply(msg, NOTHING)"}),
    ],
)
def test_a_run_in_which_nothing_was_changed_is_no_test(tmp_path, workload, answers):
    path = tmp_path / "refusing.py"
    handlers = "".join(
        f"    @on({f!r})\n    def {f}(self, msg): {does}\n" for f, does in answers.items()
    )
    path.write_text(f"""
from clew import Node, RPCError, on

NOTHING = {{"type": "read_ok", "value": []}}

class Refusing(Node):
    workload = "{workload}"
    functions = {tuple(answers)}
{handlers}""")
    outcome = outcome_of(str(path), node_count=3)
    assert outcome.verdict.value == "unknown"
    [check] = [check for check in outcome.checks if check.name == "activity"]
    assert "that change something" in check.reason
