"""Work: workers and their queue, in the simulation and in a real process; the fault `slow`."""

import json
import math
import re
from io import StringIO
from queue import Queue
from threading import Thread

import pytest

import clew
from clew.checkers.verdict import Verdict
from clew.errors import NodeError, UsageError
from clew.node.capacity import Capacity
from clew.node.node import Node, RPCError, on
from clew.report.story import story
from clew.runtimes.simulated import simulated
from clew.runtimes.stdio import serve
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.alone import alone, parts_of
from clew.scenarios.runs.run import simulate
from clew.sim.faults import Fault, Injector
from clew.trace.words import told, way

S = 1_000_000_000


class Worker(Node):
    """Works off jobs of some seconds, all asked for as it starts, and notes when each is over."""

    jobs = (1.0, 1.0, 1.0)

    def start(self):
        self.over = []
        self.refused = []
        for rank, seconds in enumerate(self.jobs):
            self.spawn(self.one(rank, seconds))

    async def one(self, rank, seconds):
        try:
            await self.work(seconds)
        except RPCError as error:
            self.refused.append((rank, error.code, self.monotonic()))
        else:
            self.over.append((rank, self.monotonic()))


class Pair(Worker):
    capacity = Capacity(workers=2)


class Bounded(Worker):
    capacity = Capacity(workers=1, queue=1)


class Unqueued(Worker):
    capacity = Capacity(queue=0)


def lived(node_class, *faults, seconds=20):
    """A node after some seconds, its cluster, and the injector."""
    cluster = simulated(1, node_class, ["n1"])
    injector = Injector(cluster, faults)
    cluster.boot()
    cluster.world.advance(seconds * S)
    return cluster.nodes["n1"], cluster, injector


def fault(kind, begin, end, **params):
    return Fault(f"{kind}-{begin}", kind, round(begin * S), round(end * S), "n1", params)


@pytest.mark.parametrize(
    ("node_class", "over", "refused"),
    [
        (Worker, [(0, 1.0), (1, 2.0), (2, 3.0)], []),
        (Pair, [(0, 1.0), (1, 1.0), (2, 2.0)], []),
        (Bounded, [(0, 1.0), (1, 2.0)], [(2, 11, 0.0)]),
        (Unqueued, [(0, 1.0)], [(1, 11, 0.0), (2, 11, 0.0)]),
    ],
)
def test_work_occupies_a_worker_and_waits_in_order(node_class, over, refused):
    node, cluster, _ = lived(node_class)
    assert node.over == over
    assert node.refused == refused
    assert not cluster.findings


def test_whoever_waits_comes_before_what_the_last_one_asks_for_next():
    class Twice(Worker):
        async def one(self, rank, seconds):
            await super().one(rank, seconds)
            await super().one(rank + 10, seconds)

    assert [rank for rank, _ in lived(Twice)[0].over] == [0, 1, 2, 10, 11, 12]


def test_no_time_is_work_too():
    class Idle(Worker):
        jobs = (0, 1, 0)

    assert lived(Idle)[0].over == [(0, 0.0), (1, 1.0), (2, 1.0)]


def test_a_crash_loses_what_is_under_way_and_what_waits():
    node, _, injector = lived(Worker, fault("kill", 1.5, 2))
    assert node.over == [(0, 3.0), (1, 4.0), (2, 5.0)]  # the new life's own, from 2 s on
    assert injector.reports()[0].bit == 1


def test_a_pause_holds_work_and_no_work_is_done_in_it():
    node, _, _ = lived(Worker, fault("pause", 0.25, 5.25))
    assert node.over == [(0, 6.0), (1, 7.0), (2, 8.0)]


def test_a_slow_node_takes_longer_also_for_what_is_under_way():
    node, cluster, injector = lived(Worker, fault("slow", 0.5, 3.5, times=10))
    # Half a second at full speed, three at a tenth of it, and the rest at full speed.
    assert [seconds for _, seconds in node.over] == [3.7, 4.7, 5.7]
    report = injector.reports()[0]
    assert report.bit == 2700
    assert report.detail.endswith("made n1 work 10 times as slowly; work there took 2.7 s longer")
    changes = [event for event in cluster.trace.events() if event.kind == "slow"]
    assert [told(event) for event in changes] == [
        "n1 works 10 times as slowly", "n1 works at full speed",
    ]  # fmt: skip


def test_slowness_outlives_a_crash_and_several_multiply():
    slow = fault("slow", 0, 19, times=2)
    assert lived(Worker, slow, fault("kill", 0.5, 1))[0].over == [(0, 3.0), (1, 5.0), (2, 7.0)]
    both = lived(Worker, slow, fault("slow", 0.0000001, 19, times=3))[0].over
    assert [round(seconds, 5) for _, seconds in both] == [6.0, 12.0, 18.0]


def test_slowness_under_which_nothing_is_worked_did_nothing():
    _, _, injector = lived(Worker, fault("slow", 5, 10))
    report = injector.reports()[0]
    assert (report.bit, report.detail.endswith("n1 did no work meanwhile")) == (0, True)


@pytest.mark.parametrize(
    ("seconds", "kind", "words"),
    [
        (-1, "ValueError", "seconds from 0, not -1"),
        (math.nan, "ValueError", "seconds from 0, not nan"),
        (math.inf, "ValueError", "seconds from 0, not inf"),
        ("1", "TypeError", "seconds, not '1'"),
        (None, "TypeError", "seconds, not None"),
        ([1], "TypeError", "seconds, not a list"),
    ],
)
def test_what_is_no_time_is_the_nodes_mistake(seconds, kind, words):
    class Wrong(Worker):
        jobs = (seconds,)

    _, cluster, _ = lived(Wrong)
    (finding,) = cluster.findings
    assert finding.kind == "exception"
    assert kind in finding.reason
    assert f"work() takes {words}" in finding.reason.replace('"', "'")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1e300, "ValueError: expected a number of seconds below 1e+290, found 1e+300"),
        (10**300, "ValueError: expected a number of seconds below 1e+290, found 1000"),
        (math.inf, "ValueError: expected a number of seconds below 1e+290, found inf"),
        (math.nan, "ValueError: expected a number of seconds below 1e+290, found nan"),
        ("1", "TypeError: expected a number of seconds, found '1'"),
        ([1], "TypeError: expected a number of seconds, found a list"),
        (None, "TypeError: expected a number of seconds, found None"),
    ],
)
@pytest.mark.parametrize("call", ["sleep", "after", "every", "rpc"])
def test_what_is_no_time_is_said_to_be_none_whoever_takes_it(call, seconds, words):
    class Wrong(Node):
        def start(self):
            given = {"after": [print], "every": [print]}.get(call, [])
            if call == "rpc":
                self.rpc(self.id, {"type": "x"}, seconds)
            getattr(self, call)(seconds, *given)

    (finding,) = lived(Wrong)[1].findings
    assert words in finding.reason


def test_work_beyond_counting_is_said_to_be_so():
    class Endless(Worker):
        jobs = (1e300,)

    (finding,) = lived(Endless)[1].findings
    assert "expected a number of seconds below 1e+290, found 1e+300" in finding.reason


def test_work_that_nothing_waits_for_is_found_with_its_line():
    class Careless(Node):
        def start(self):
            self.work(1)

    (finding,) = lived(Careless)[1].findings
    assert finding.kind == "never-awaited"
    assert finding.reason.startswith("work() was called without await")
    assert __file__ in finding.place


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"workers": 0}, "workers"),
        ({"workers": True}, "workers"),
        ({"workers": 1.5}, "workers"),
        ({"workers": 10**7}, "workers"),
        ({"queue": -1}, "queue"),
        ({"queue": "many"}, "queue"),
    ],
)
def test_a_capacity_that_is_none_is_refused_in_one_message(given, name):
    with pytest.raises(NodeError, match=f"'{name}' of Capacity can't be used") as caught:
        Capacity(**given)
    assert "expected a whole number from" in str(caught.value)


def test_an_attribute_of_that_name_is_only_a_mistake_where_the_node_works():
    class Full(Worker):
        capacity = 7

    class Other(Node):
        capacity = 7

    (finding,) = lived(Full)[1].findings
    assert "'capacity' can't be used" in finding.reason
    assert not lived(Other)[1].findings


NODE = """
from clew import Capacity, Node, on

seen = []

class Counted(Node):
    workload = "echo"
    capacity = Capacity(workers=1, queue=2)

    @on("echo")
    async def echo(self, msg):
        seen.append(msg.src)
        await self.work(0.05)
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
"""


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "counted.py"
    path.write_text(NODE)
    model = load_model(str(path))

    def plan_of(**options):
        options = {"model": str(path), "node_count": 1, "concurrency": 10, "time_limit": 5,
                   "rate": 60, "recovery": 2} | options  # fmt: skip
        return draw_plan(make_scenario(options), 1, model), model

    return plan_of


@pytest.mark.parametrize("schedule", ["time", "pct"])
def test_a_run_of_working_nodes_is_a_function_of_its_plan(made, schedule):
    plan, model = made(schedule=schedule, nemesis="slow,kill,pause")
    run = simulate(plan, model)
    assert simulate(plan, model).digest == run.digest
    assert not run.findings
    refused = [event.error for event in run.history if event.type == "fail"]
    assert {(error["code"], error["text"]) for error in refused} >= {
        (11, "the queue of n0 is full")
    }


@pytest.mark.parametrize("nemesis", ["none", "slow", "slow,kill,pause"])
def test_a_node_by_itself_works_as_in_the_run(made, nemesis):
    plan, model = made(nemesis=nemesis)
    parts = parts_of(simulate(plan, model, lives=True), model)
    assert sum(len(part.sent) for part in parts) > 50
    assert [alone(part, plan, model) for part in parts] == [None] * len(parts)


BROKEN = """
from clew import Node, on

class Losing(Node):
    workload = "lin-kv"

    def start(self):
        self.values = {}

    @on("write")
    async def write(self, msg):
        await self.work(0.05)
        if not self.values:
            self.values[msg.body["key"]] = msg.body["value"]
        self.reply(msg, {"type": "write_ok"})

    @on("read")
    async def read(self, msg):
        await self.work(0.02)
        value = self.values.get(msg.body["key"])
        if value is None:
            raise __import__("clew").RPCError(20)
        self.reply(msg, {"type": "read_ok", "value": value})

    @on("cas")
    def cas(self, msg):
        raise __import__("clew").RPCError(22)
"""


def test_a_failing_run_of_nodes_that_work_shrinks_and_replays(tmp_path):
    path = tmp_path / "losing.py"
    path.write_text(BROKEN)
    result = clew.run(path, node_count=1, time_limit=1, recovery=0, nemesis="slow", rate=40,
                      concurrency=5, out=str(tmp_path))  # fmt: skip
    assert result.verdict is Verdict.INVALID
    assert "work" in {event.kind for event in result.outcome.run.trace.events()}
    small = result.shrink()
    assert small.outcome.verdict is Verdict.INVALID
    assert len(small.plan.operations) <= 6
    assert not small.plan.faults
    again = simulate(small.plan, load_model(str(path)))
    assert again.digest == small.outcome.run.digest


class Shouting(Node):
    """Answers its third request in another voice."""

    workload = "echo"
    answers = 0

    @on("echo")
    async def echo(self, msg):
        await self.work(0.1)
        self.answers += 1
        said = msg.body["echo"].upper() if self.answers == 3 else msg.body["echo"]
        self.reply(msg, {"type": "echo_ok", "echo": said})


def test_a_story_says_who_waited_for_a_worker_longer_than_for_the_work():
    result = clew.run(Shouting, node_count=1, concurrency=6, rate=100, time_limit=0.06, recovery=0)
    told = story(result.outcome)
    assert re.findall(r"n0 has worked .*", told) == [
        "n0 has worked 0.1 s, having waited 0.183589 s."
    ]


def test_an_answer_after_work_is_due_to_its_request(made):
    plan, model = made(rate=10)
    timeline = simulate(plan, model).timeline()
    answers = [one for one in timeline.messages.values() if one.type == "echo_ok"]
    assert len(answers) > 20
    for answer in answers:
        assert answer.cause is not None
        assert answer.cause.body["msg_id"] == answer.body["in_reply_to"]
    works = list(timeline.events("work"))
    assert "n0 has worked 0.05 s" in {told(event) for event in works}
    assert way(timeline.cause(works[0])) == ""


def test_who_never_works_is_never_slow():
    with pytest.raises(UsageError, match="its nodes never call work"):
        clew.run("echo", nemesis="slow")

    class Named(Node):
        """Has a method of that name."""

        workload = "echo"

        def work(self):
            """Nothing of ours."""

        @on("echo")
        def echo(self, msg):
            self.work()
            self.reply(msg, {**msg.body, "type": "echo_ok"})

    swarm = {"nemesis": "all", "time_limit": 2, "recovery": 1, "allow_inert": True}
    plan = clew.run(Named, **swarm).plan
    assert plan.faults
    assert not [one for one in plan.faults if one.kind == "slow"]


class Server(Node):
    capacity = Capacity(workers=1, queue=1)

    @on("do")
    async def do(self, msg):
        await self.work(0.02)
        self.reply(msg, {"type": "do_ok"})


def test_a_real_process_queues_and_refuses_alike():
    lines: Queue[str] = Queue()
    stdout, stderr = StringIO(), StringIO()
    bodies = [{"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": ["n1"]}]
    bodies += [{"type": "do", "msg_id": number} for number in (2, 3, 4)]
    for body in bodies:
        lines.put(json.dumps({"src": "c1", "dest": "n1", "body": body}) + "\n")

    class Out(StringIO):
        def write(self, text):
            written = stdout.write(text)
            if stdout.getvalue().count("\n") == len(bodies):
                lines.put(None)
            return written

    thread = Thread(target=serve, args=(Server, iter(lines.get, None), Out(), stderr))
    thread.start()
    thread.join(30)
    sent = [json.loads(text)["body"] for text in stdout.getvalue().splitlines()]
    assert [(body["in_reply_to"], body["type"]) for body in sent] == [
        (1, "init_ok"), (4, "error"), (2, "do_ok"), (3, "do_ok"),
    ]  # fmt: skip
    assert sent[1]["code"] == 11
    assert not stderr.getvalue()
