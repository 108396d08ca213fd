"""Progress after healing: of whom it is asked, what counts, and how clients ask."""

from dataclasses import replace

import pytest
from short_runs import liveness, outcome_of

from clew.cli import main
from clew.errors import NodeError
from clew.node.tolerates import Tolerates
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.client import AWAY_MAX
from clew.scenarios.runs.run import simulate
from clew.workloads import workloads

LEADER_ONLY = """
from clew import Node, RPCError, on{imports}

class Store(Node):
    workload = "lin-kv"
    {line}

    def start(self):
        self.kv = {{}}

    def mine(self, msg):
        if self.id != self.node_ids[0]:
            {refuse}
        return True

    @on("read")
    def read(self, msg):
        if self.mine(msg):
            if str(msg.body["key"]) not in self.kv:
                raise RPCError(20)
            self.reply(msg, {{"type": "read_ok", "value": self.kv[str(msg.body["key"])]}})

    @on("write")
    def write(self, msg):
        if self.mine(msg):
            self.kv[str(msg.body["key"])] = msg.body["value"]
            self.reply(msg, {{"type": "write_ok"}})

    @on("cas")
    def cas(self, msg):
        if self.mine(msg):
            raise RPCError(22)
"""


def store(tmp_path, refuse, line="", imports=""):
    path = tmp_path / "store.py"
    path.write_text(LEADER_ONLY.format(refuse=refuse, line=line, imports=imports))
    return str(path)


REFUSALS = {
    # how a follower says that it does not serve: what comes of it
    "unavailable": ("raise RPCError(11)", "valid"),
    "not supported": ("raise RPCError(10)", "valid"),
    "abort": ("raise RPCError(14)", "valid"),
    "conflict": ("raise RPCError(30)", "valid"),
    "hint": ("raise RPCError(11, leader=self.node_ids[0])", "valid"),
    "own code with a hint": ("raise RPCError(1000, leader=self.node_ids[0])", "valid"),
    "wrong hint": ("raise RPCError(11, leader=self.id)", "valid"),
    "strange hint": ("raise RPCError(11, leader='n77')", "valid"),
    "silence": ("return False", "invalid"),
}


@pytest.mark.parametrize("how", REFUSALS)
@pytest.mark.parametrize("node_count", [1, 3, 5])
def test_followers_that_refuse_are_no_want_of_progress(tmp_path, how, node_count):
    refuse, verdict = REFUSALS[how]
    outcome = outcome_of(store(tmp_path, refuse), node_count=node_count)
    expected = "valid" if node_count == 1 else verdict
    assert outcome.verdict.value == expected, outcome.checks
    assert liveness(outcome).verdict.value == expected


def test_clients_go_to_the_node_that_is_named_and_ask_their_own_again_later(tmp_path):
    outcome = outcome_of(store(tmp_path, *[REFUSALS["hint"][0]]), node_count=5)
    asked = {node: [] for node in outcome.run.plan.node_ids}
    for one in outcome.run.history.operations:
        asked[one.node].append(one)
    refused = [one for node in ("n1", "n2", "n3", "n4") for one in asked[node]]
    assert all(len(asked[node]) > 1 for node in asked)  # not only the first of each client
    assert len(refused) * AWAY_MAX / 2 < len(asked["n0"])
    moves = {one.process for one in outcome.run.history.operations}
    assert len(moves) > 5 + len(refused)  # elsewhere a client is a new session


def test_a_cluster_of_which_nobody_serves_makes_no_progress(tmp_path):
    name = store(tmp_path, "raise RPCError(11)")
    source = (tmp_path / "store.py").read_text()
    (tmp_path / "store.py").write_text(source.replace("if self.id != self.node_ids[0]:", "if 1:"))
    check = liveness(outcome_of(name, node_count=3))
    assert check.verdict.value == "invalid"
    assert check.reason.startswith("3 of 3 nodes (n0, n1, n2) completed none of their clients'")


def test_where_a_core_heals_clients_ask_the_core(tmp_path):
    name = store(tmp_path, "raise RPCError(11)")
    model = load_model(name)
    scenario = make_scenario({"model": name, "time_limit": 3, "liveness": "core"})
    for core, verdict in {("n1", "n2", "n3"): "valid", ("n3", "n4", "n5"): "invalid"}.items():
        plan = replace(draw_plan(scenario, 0, model), core=core)
        outcome = judge(simulate(plan, model), model)
        assert liveness(outcome).verdict.value == verdict, core


@pytest.mark.parametrize("workload", workloads())
def test_who_must_serve(workload):
    every = {"echo", "broadcast", "g-set", "g-counter", "pn-counter"}
    assert workloads()[workload].every_node is (workload in every)


# When they ask.


@pytest.mark.parametrize("name", ["raft", "gossip"])
def test_after_healing_clients_ask_out_of_step_and_each_by_itself(name):
    model = load_model(name)
    plan = draw_plan(make_scenario({"model": name, "time_limit": 5, "rate": 5}), 3, model)
    late = [one for one in plan.operations if one.phase != "main"]
    assert len({one.at_ns for one in late}) > len(late) * 0.99
    # Three of the five clients, each asking as often as before: the others leave no gap.
    options = {"model": name, "time_limit": 5, "concurrency": 3, "rate": 3}
    fewer = draw_plan(make_scenario(options), 3, model)
    kept = [one for one in fewer.operations if one.phase == "recover"]
    assert kept
    assert all(one in late for one in kept)


NO_WAIT = """
from clew import Node, RPCError, RPCTimeout, on

class NoWait(Node):
    '''Writes lock every node, in an order of its own, and give up at the first that is locked.'''

    workload = "lin-kv"
    functions = ("read", "write")

    def start(self):
        self.kv, self.locked = {}, set()

    @on("read")
    async def read(self, msg):
        await self.locking(msg, lambda key: None)
        if msg.body["key"] not in self.kv:
            raise RPCError(20)
        self.reply(msg, {"type": "read_ok", "value": self.kv[msg.body["key"]]})

    @on("write")
    async def write(self, msg):
        await self.locking(msg, msg.body["value"])
        self.reply(msg, {"type": "write_ok"})

    async def locking(self, msg, value):
        key, got = msg.body["key"], []
        try:
            for node in [self.id, *self.peers]:
                await self.ask(node, {"type": "lock", "key": key})
                got.append(node)
            if msg.type == "write":
                for node in got:
                    await self.ask(node, {"type": "put", "key": key, "value": value})
        finally:
            for node in got:
                await self.ask(node, {"type": "unlock", "key": key})

    async def ask(self, node, body):
        if node == self.id:
            return self.serve(body)
        return await self.rpc(node, body, timeout=1)

    def serve(self, body):
        if body["type"] == "lock":
            if body["key"] in self.locked:
                raise RPCError(30, "locked")
            self.locked.add(body["key"])
        elif body["type"] == "unlock":
            self.locked.discard(body["key"])
        else:
            self.kv[body["key"]] = body["value"]

    @on("lock")
    def lock(self, msg):
        self.serve(msg.body)
        self.reply(msg, {"type": "lock_ok"})

    @on("unlock")
    def unlock(self, msg):
        self.serve(msg.body)
        self.reply(msg, {"type": "unlock_ok"})

    @on("put")
    def put(self, msg):
        self.serve(msg.body)
        self.reply(msg, {"type": "put_ok"})
"""


def test_a_correct_commit_without_waiting_is_not_starved(tmp_path):
    path = tmp_path / "no_wait.py"
    path.write_text(NO_WAIT)
    for seed in range(12):
        outcome = outcome_of(str(path), seed, node_count=3, key_count=1)
        assert outcome.verdict.value == "valid", [(c.name, c.reason) for c in outcome.checks]


# What is promised.

SLOW = """
import clew

class Slow(clew.Node):
    '''Asks a peer with a timeout of 100 ms before it answers.'''

    workload = "echo"
    {line}

    @clew.on("echo")
    async def echo(self, msg):
        if self.peers:
            await self.rpc(self.peers[0], {{"type": "ping"}}, timeout=0.1)
        else:
            raise clew.RPCTimeout
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})

    @clew.on("ping")
    def ping(self, msg):
        self.reply(msg, {{"type": "ping_ok"}})
"""


def slow(tmp_path, line=""):
    path = tmp_path / "slow.py"
    path.write_text(SLOW.format(line=line))
    return str(path)


def test_an_unknown_class_gets_a_mild_swarm_and_is_told_how_to_state_more(tmp_path):
    name = slow(tmp_path)
    for seed in range(25):
        outcome = outcome_of(name, seed, swarm=True)
        assert outcome.verdict.value != "invalid"
        [remark] = [text for text in outcome.remarks if "tolerates" in text]
        assert "3 nodes or more, links of at most 20 ms" in remark
    assert outcome_of(name).remarks == ()


def test_progress_is_judged_within_the_promise_only(tmp_path):
    name = slow(tmp_path, "tolerates = clew.Tolerates(nodes=2, latency=0.02)")
    for options, beyond in {
        (("latency", 200),): "links of 200 ms",
        (("node_count", 1),): "1 node",
    }.items():
        outcome = outcome_of(name, **dict(options))
        assert [check.name for check in outcome.checks if check.name == "liveness"] == []
        assert outcome.verdict.value == "unknown"  # nothing succeeded, so nothing was tested
        [remark] = outcome.remarks
        assert remark.startswith(f"No progress was asked for: {beyond}: outside ")
        assert "completed none of their clients' operations" in remark
    assert liveness(outcome_of(name)).verdict.value == "valid"


def test_what_is_asked_of_a_class_that_promises_nothing_is_meant(tmp_path):
    assert liveness(outcome_of(slow(tmp_path), latency=200)).verdict.value == "invalid"


def test_the_default_number_of_nodes_is_one_that_is_promised(tmp_path):
    for nodes, count in {"2": 5, "(2, 3)": 3, "7": 7, "(5, 9)": 5}.items():
        name = slow(tmp_path, f"tolerates = clew.Tolerates(nodes={nodes})")
        model = load_model(name)
        plan = draw_plan(make_scenario({"model": name, "time_limit": 1}), 0, model)
        assert len(plan.node_ids) == count


CLOCKS = """
from clew import Node, Tolerates, on

class Stamps(Node):
    '''Tells how far its clocks are from each other; the wall clock began at 1.7e9.'''

    workload = "echo"
    {line}
    worst = 0.0

    def start(self):
        self.every(0.05, self.look)
        self.beat = self.monotonic()

    def look(self):
        self.log(str(self.now() - 1_700_000_000))

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})
"""


@pytest.mark.parametrize(
    ("line", "options", "most"),
    [
        ("tolerates = Tolerates(clock_error=0.01)", {}, 0.01),
        ("tolerates = Tolerates(clock_error=0.01)", {"clock_error": 0.5}, 0.5),
        ("", {"clock_error": 0.002}, 0.002),
    ],
)
def test_no_clock_is_further_off_than_is_tolerated(tmp_path, line, options, most):
    path = tmp_path / "stamps.py"
    path.write_text(CLOCKS.format(line=line))
    worst = 0.0
    for seed in range(5):
        options = {"nemesis": "clock", "nemesis_interval": 1, **options}
        outcome = outcome_of(str(path), seed, **options)
        assert outcome.verdict.value == "valid", outcome.checks
        for time_ns, kind, *rest in outcome.run.trace.records():
            if kind == "log":
                worst = max(worst, abs(float(rest[1]) - time_ns / 1e9))
    assert most / 10 < worst < most + 1e-6


@pytest.mark.parametrize(
    ("line", "options", "bound_ns"),
    [
        ("tolerates = Tolerates(clock_error=1e-12)", {}, 1),
        ("tolerates = Tolerates(clock_error=0)", {}, None),  # by name: nothing is promised of it
        ("", {"clock_error": 1e-12}, 1),
    ],
)
def test_a_tiny_bound_is_a_bound(tmp_path, line, options, bound_ns):
    path = tmp_path / "stamps.py"
    path.write_text(CLOCKS.format(line=line))
    plan = outcome_of(str(path), 0, nemesis="clock", nemesis_interval=1, **options).run.plan
    assert plan.faults
    assert plan.clock_error_ns == bound_ns


BAD_PROMISES = [
    # a line: what is said of it
    ("tolerates = 3", "'tolerates' can't be used"),
    ("tolerates = Tolerates(nodes=0)", "'nodes' of Tolerates can't be used"),
    ("tolerates = Tolerates(nodes=(5, 3))", "'nodes' of Tolerates can't be used"),
    ("tolerates = Tolerates(nodes=True)", "'nodes' of Tolerates can't be used"),
    ("tolerates = Tolerates(latency=-1)", "'latency' of Tolerates can't be used"),
    ("tolerates = Tolerates(latency=float('nan'))", "'latency' of Tolerates can't be used"),
    ("tolerates = Tolerates(clock_error='1')", "'clock_error' of Tolerates can't be used"),
    ("tolerates = Tolerates(faults='kill')", "'faults' of Tolerates can't be used"),
    ("tolerates = Tolerates(faults=('kil',))", "'faults' of Tolerates can't be used"),
]


@pytest.mark.parametrize(("line", "message"), BAD_PROMISES)
def test_a_promise_that_can_not_be_used_is_told(tmp_path, line, message):
    path = tmp_path / "stamps.py"
    path.write_text(CLOCKS.format(line=line))
    with pytest.raises(NodeError, match=message):
        load_model(str(path))


def test_a_swarm_draws_the_faults_that_are_promised(tmp_path):
    path = tmp_path / "stamps.py"
    path.write_text(CLOCKS.format(line="tolerates = Tolerates(clock_error=0, faults=('pause',))"))
    model = load_model(str(path))
    scenario = make_scenario({"model": str(path), "swarm": True, "time_limit": 5})
    kinds = {f.kind for seed in range(10) for f in draw_plan(scenario, seed, model).faults}
    assert kinds == {"pause"}


def test_a_promise_in_words():
    promise = Tolerates(nodes=(3, 5), latency=0.05, clock_error=0.01, faults=("kill",))
    assert str(promise) == (
        "3 to 5 nodes, links of at most 50 ms, clocks that are off by at most 0.01 s, "
        "of faults kill"
    )


# Replies that nobody waits for.

ACKNOWLEDGING = """
import clew

class Acking(clew.Node):
    workload = "echo"

    @clew.on("echo")
    def echo(self, msg):
        for peer in self.peers:
            self.send(peer, {"type": "told", "echo": msg.body["echo"]})
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})

    @clew.on("told")
    def told(self, msg):
        if msg.src == self.node_ids[0]:
            raise clew.RPCError(22, "not from you")
        self.reply(msg, {"type": "told_ok"})
"""


def test_replies_that_nobody_waits_for_are_remarks(tmp_path):
    path = tmp_path / "acking.py"
    path.write_text(ACKNOWLEDGING)
    outcome = outcome_of(str(path), node_count=3, on_finding="stop")
    assert outcome.verdict.value == "valid"
    assert outcome.signature == ""
    told, refused = outcome.remarks
    assert "replies of type 'told_ok' came to n1, n2, where nothing waits for them" in told
    assert "reply of type 'error' came" in refused or "replies of type 'error' came" in refused
    assert outcome.to_json()["remarks"] == [told, refused]


def test_strict_replies_make_them_findings(tmp_path, capsys):
    path = tmp_path / "acking.py"
    path.write_text(ACKNOWLEDGING)
    command = f"test {path} --node-count 3 --time-limit 2 --strict-replies --out {tmp_path / 'out'}"
    assert main(command.split()) == 1
    assert "has no handler for messages of type" in capsys.readouterr().out


def test_a_request_without_a_handler_stays_a_finding(tmp_path):
    path = tmp_path / "acking.py"
    path.write_text(ACKNOWLEDGING.replace('@clew.on("told")', '@clew.on("tolt")'))
    outcome = outcome_of(str(path), node_count=3)
    assert "unhandled-message" in outcome.signature


def test_a_sweep_tells_remarks_that_say_alike_once(tmp_path, capsys):
    path = tmp_path / "acking.py"
    path.write_text(ACKNOWLEDGING)
    command = f"test {path} --node-count 3 --time-limit 2 --runs 3 --out {tmp_path / 'out'}"
    assert main(command.split()) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert told.count("remark on 3 runs: ") == 2
    assert told.count("of type 'told_ok' came to") == 1
