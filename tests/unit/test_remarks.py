"""What is worth knowing of a valid run: steady loops of messages, functions refused for ever."""

import pytest

from clew.models.registry import MODELS
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate

pytestmark = pytest.mark.long


def outcome_of(name, *, keep_trace=True, **options):
    model = load_model(str(name))
    given = {"model": str(name), "time_limit": 2, "recovery": 2, **options}
    plan = draw_plan(make_scenario(given), 0, model)
    return judge(simulate(plan, model, keep_trace=keep_trace), model)


def remarks(outcome, word):
    return [one for one in outcome.remarks if word in one]


def written(tmp_path, text):
    path = tmp_path / "node.py"
    path.write_text(f"from clew import Node, RPCError, on\n\n{text}")
    return path


# A steady loop.

ECHO = """
    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
"""
LEAK = f"""class N(Node):
    workload = "echo"

    def start(self):
        self.send(self.peers[0], {{"type": "leak"}})

    @on("leak")
    def again(self, msg):
        self.send(msg.src, {{"type": "leak"}})
{ECHO}"""
TWO = LEAK.replace(
    'self.send(msg.src, {"type": "leak"})',
    'self.send(msg.src, {"type": "ack"})\n\n'
    '    @on("ack")\n'
    "    def heard(self, msg):\n"
    '        self.send(msg.src, {"type": "leak"})',
)
LATER = """class N(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
        for peer in self.peers:
            self.send(peer, {"type": "hi"})

    @on("hi")
    async def hi(self, msg):
        await self.sleep(0.01)
        self.send(msg.src, {"type": "hi"})
"""


def check_of(outcome):
    return next(one for one in outcome.checks if one.name == "message-loop")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LEAK, "100 % of them of type 'leak': leak (N.again) -> leak."),
        (TWO, ": ack (N.heard) -> leak (N.again) -> ack."),
        (LATER, "100 % of them of type 'hi': hi (N.hi) -> hi."),
    ],
)
def test_a_steady_loop_beyond_any_sensible_range_is_unknown(tmp_path, text, said):
    outcome = outcome_of(written(tmp_path, text), rate=20)
    assert outcome.verdict.value == "unknown"
    told = check_of(outcome).reason
    assert said in told
    servers = outcome.statistics["servers"]
    assert told.startswith(f"Servers sent {servers['msgs_per_op']:,.0f} messages per operation, ")
    per_second = servers["messages"] / outcome.statistics["virtual_seconds"]
    assert f" {per_second:,.0f} per virtual second" in told


def test_a_loop_that_waits_a_little_is_remarked(tmp_path):
    slow = LEAK.replace("self.send(msg.src,", "self.after(0.001, self.send, msg.src,")
    outcome = outcome_of(written(tmp_path, slow), rate=20)
    assert outcome.verdict.value == "valid"
    [remark] = remarks(outcome, "messages per operation")
    assert "100 % of them of type 'leak'" in remark


def test_the_verdict_is_the_same_where_no_trace_is_kept(tmp_path):
    outcome = outcome_of(written(tmp_path, LEAK), keep_trace=False)
    assert outcome.verdict.value == "unknown"
    assert "per virtual second. Is an answer answered" in check_of(outcome).reason


def test_a_token_that_waits_is_not_remarked(tmp_path):
    slow = LEAK.replace("self.send(msg.src,", "self.after(0.05, self.send, msg.src,")
    assert not remarks(outcome_of(written(tmp_path, slow)), "messages per operation")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("latency", [0, 20])
def test_no_shipped_model_is_remarked_on(name, latency):
    options = {"swarm": True, "node_count": 5, "rate": 5, "time_limit": 5, "recovery": 5}
    outcome = outcome_of(name, keep_trace=False, latency=latency, **options)
    assert not remarks(outcome, "messages per operation")
    assert all(one.name != "message-loop" for one in outcome.checks)
    assert not remarks(outcome, "never again")


# Refused for ever.

STUCK = """class N(Node):
    workload = "g-set"

    def start(self):
        self.kept = set()
        self.every(0.2, self.tell)

    @on("add")
    def add(self, msg):
        if self.monotonic() > {since} and {when}:
            raise RPCError({code})
        self.kept.add(msg.body["element"])
        self.reply(msg, {{"type": "add_ok"}})

    @on("read")
    def read(self, msg):
        self.reply(msg, {{"type": "read_ok", "value": sorted(self.kept)}})

    def tell(self):
        for peer in self.peers:
            self.send(peer, {{"type": "tell", "kept": sorted(self.kept)}})

    @on("tell")
    def told(self, msg):
        self.kept |= set(msg.body["kept"])
"""


def stuck(tmp_path, *, since=1, when="True", code=11, **options):
    path = written(tmp_path, STUCK.format(since=since, when=when, code=code))
    return outcome_of(path, **{"recovery": 4, "rate": 50, **options})


def test_a_function_that_is_refused_for_ever_is_remarked(tmp_path):
    outcome = stuck(tmp_path)
    assert outcome.verdict.value == "valid"
    adds = [one for one in outcome.run.history.operations if one.f == "add"]
    done = [one for one in adds if one.type == "ok"]
    late = [one for one in adds if one.start >= 2_000_000_000]
    last = max(one.end for one in done) / 1e9
    [remark] = remarks(outcome, "never again")
    assert remark.startswith(f"add succeeded {len(done)} times at ")
    assert f", last at {last:.3f} s, and never again: all {len(late)} requests after 2 s" in remark
    assert "were refused with error 11 (temporarily-unavailable)." in remark


@pytest.mark.parametrize("reads", [True, False])
def test_what_is_refused_for_ever_is_called_no_failure_only_where_progress_goes_on(tmp_path, reads):
    text = STUCK.format(since=1, when="True", code=30)
    if not reads:
        refused = "if self.monotonic() > 1:\n            raise RPCError(30)\n        self.reply"
        text = text.replace(
            'self.reply(msg, {"type": "read_ok"', f'{refused}(msg, {{"type": "read_ok"'
        )
    outcome = outcome_of(written(tmp_path, text), recovery=4, rate=50)
    [liveness] = [one for one in outcome.checks if one.name == "liveness"]
    assert liveness.verdict.value == ("valid" if reads else "invalid")
    told = remarks(outcome, "never again")
    assert len(told) == (1 if reads else 2)
    for one in told:
        assert ("Clients had answers, so that is no failure; where add should" in one) == reads
        assert (". Where " in one) == (not reads)


def test_the_nodes_that_refuse_are_named(tmp_path):
    [remark] = remarks(stuck(tmp_path, when="self.id == 'n2'"), "never again")
    assert " times at n2, last at " in remark


CALM = {
    "it is answered again": {"when": "self.monotonic() < 2.2"},
    "the object refuses": {"code": 22},
    "nobody asks": {"recovery": 0},
    "few ask": {"rate": 1, "when": "self.id == 'n2'"},
    "it never worked": {"since": -1},
}


@pytest.mark.parametrize("case", CALM)
def test_what_is_no_refusal_for_ever_is_not_remarked(tmp_path, case):
    assert not remarks(stuck(tmp_path, **CALM[case]), "never again")


# Dates that numpy reads by itself.

DATED = """import numpy as np

class N(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        {statement}
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})
"""


@pytest.mark.parametrize(
    "statement",
    [
        'np.array("today", "M8[D]")',
        'np.array(["now"]).astype("datetime64[s]")',
        'np.arange("today", 3, dtype="<M8[D]")',
        'np.zeros(1, dtype=np.datetime64)[0] = "now"',
    ],
)
def test_a_date_that_numpy_reads_by_itself_is_said_with_its_line(tmp_path, statement):
    pytest.importorskip("numpy")
    path = written(tmp_path, DATED.format(statement=statement))
    assert f"{path}:10" in remarks(outcome_of(path), "real clock")[0]


@pytest.mark.parametrize(
    "statement",
    [
        'np.datetime64("now")',
        'np.datetime64("today", "D")',
        'np.array(["then"]).shape',
        'msg.body.get("now")',
    ],
)
def test_other_dates_and_words_are_not_remarked(tmp_path, statement):
    pytest.importorskip("numpy")
    path = written(tmp_path, DATED.format(statement=statement))
    assert remarks(outcome_of(path), "real clock") == []
