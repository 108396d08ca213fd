"""The verdict of a run: each rule of `judge` alone, on runs that differ from a valid one in it."""

from dataclasses import replace

import pytest

from clew.checkers.verdict import Verdict
from clew.history import Event, History
from clew.node.tolerates import MILD
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement import outcome as room
from clew.scenarios.judgement.outcome import judge, run_statistics
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.sim.faults import Fault, FaultReport
from clew.sim.finding import Finding

S = 1_000_000_000


def simulated(name, **options):
    model = load_model(name)
    scenario = make_scenario({"model": name, "time_limit": 2, "recovery": 2, **options})
    return simulate(draw_plan(scenario, 0, model), model), model


@pytest.fixture(scope="module")
def calm():
    """A run of a register store without faults, and its model."""
    return simulated("abd", node_count=3)


@pytest.fixture(scope="module")
def grown():
    """A run of a grow-only set, whose replicas are read at the end, and its model."""
    return simulated("g-set", node_count=3)


def ran(run, *, plan=None, **changes):
    """The run with some of its values, and of its plan's, replaced."""
    return replace(run, plan=replace(run.plan, **(plan or {})), **changes)


def completed(run, **kinds):
    """The history in which every operation of a function ends as told."""
    return History(
        [
            event if event.type == "invoke" else event._replace(type=kinds.get(event.f, event.type))
            for event in run.history
        ]
    )


def asked(*calls):
    """The history of calls after each other: function, value, how it ended, with what."""
    events = []
    for number, (f, value, ended, result) in enumerate(calls):
        events.append(Event(0, "invoke", f, value, 2 * number, None, "n0"))
        events.append(Event(0, ended, f, result, 2 * number + 1, None, "n0"))
    return History(events)


def checks_of(outcome):
    return {check.name: check for check in outcome.checks}


def report(kind, bit, group="partition", detail="0 messages lost to the cut"):
    return FaultReport("f", kind, group, S, 2 * S, ("n0",), bit, detail)


FAULTS = (Fault("f", "partition-halves", S, 2 * S),)
CUT, UNFELT = report("partition-halves", 3), report("partition-halves", 0)
KILLED = report("kill", 1, "process", "killed n0")


def test_a_run_in_which_nothing_is_wrong_is_valid(calm):
    outcome = judge(*calm)
    assert outcome.verdict is Verdict.VALID
    assert {name: check.verdict.value for name, check in checks_of(outcome).items()} == {
        "linearizable": "valid",
        "nodes": "valid",
        "liveness": "valid",
        "activity": "valid",
    }
    assert (outcome.signature, outcome.remarks) == ("", ())


# What the clients saw.


def test_a_history_that_breaks_the_promise_is_invalid(calm):
    run, model = calm
    stale = asked(
        ("write", [0, 1], "ok", [0, 1]), ("write", [0, 2], "ok", [0, 2]),
        ("read", [0, None], "ok", [0, 1]),
    )  # fmt: skip
    outcome = judge(ran(run, plan={"liveness": "off"}, history=stale), model)
    assert outcome.verdict is Verdict.INVALID
    assert outcome.signature.startswith("linearizable: invalid")


def test_the_marks_of_the_run_reach_the_check(calm, monkeypatch):
    run, model = calm
    seen = []

    def make(plan, model, nodes, effects):
        seen.append((nodes, effects))
        return make_workload(plan, model, nodes, effects)

    make_workload = room.make_workload
    monkeypatch.setattr(room, "make_workload", make)
    judge(ran(run, effects={0: 1}), model)
    judge(ran(run, plan={"core": ("n1", "n2")}), model)
    assert seen == [(("n0", "n1", "n2"), {0: 1}), (("n1", "n2"), run.effects)]


def lost_by(run, node):
    """The history in which one element, acknowledged by a node, shows in no read."""
    element = next(
        e.value for e in run.history if e.node == node and (e.f, e.type) == ("add", "ok")
    )
    return History(
        [
            event._replace(value=[each for each in event.value if each != element])
            if (event.f, event.type) == ("read", "ok")
            else event
            for event in run.history
        ]
    )


@pytest.mark.parametrize(
    ("core", "node", "verdict"),
    [((), "n0", "invalid"), (("n0", "n1"), "n0", "invalid"), (("n1", "n2"), "n0", "valid")],
)
def test_what_only_a_node_outside_the_core_acknowledged_is_owed_by_nobody(
    grown, core, node, verdict
):
    run, model = grown
    outcome = judge(ran(run, plan={"core": core}, history=lost_by(run, node)), model)
    assert checks_of(outcome)["convergence"].verdict.value == verdict


def test_where_no_final_reads_are_due_the_core_makes_no_answer_doubtful(calm):
    run, model = calm
    read_nothing = asked(("write", [0, 1], "ok", [0, 1]), ("read", [0, None], "ok", [0, None]))
    plan = {"core": ("n1", "n2"), "liveness": "off"}
    outcome = judge(ran(run, plan=plan, history=read_nothing), model)
    assert checks_of(outcome)["linearizable"].verdict is Verdict.INVALID


# What happened inside.


def test_a_finding_inside_a_node_is_invalid_with_all_that_is_known_of_it(calm):
    run, model = calm
    first = Finding(
        "exception", "KeyError: 'x'", "n1", 1_500_000_000, 42, "a read", "/home/me/abd.py:7",
        "Traceback", ("n2",), (("term", "3"),),
    )  # fmt: skip
    outcome = judge(ran(run, findings=(first,)), model)
    check = checks_of(outcome)["nodes"]
    assert (outcome.verdict, check.verdict) == (Verdict.INVALID, Verdict.INVALID)
    assert check.reason == "n1 at 1.500000 s: KeyError: 'x'"
    assert [(each.kind, each.data) for each in check.anomalies] == [
        (
            "exception",
            {
                "signature": "KeyError at abd.py:7",
                "node": "n1",
                "time_ns": 1_500_000_000,
                "event": 42,
                "cause": "a read",
                "place": "/home/me/abd.py:7",
                "traceback": "Traceback",
                "nodes": ["n2"],
                "values": {"term": "3"},
            },
        )
    ]
    assert outcome.signature == "nodes: invalid (KeyError at abd.py:7)"
    second = Finding("invariant", "election-safety: two leaders", "", 2 * S, 50)
    more = checks_of(judge(ran(run, findings=(first, second, second)), model))["nodes"]
    assert more.reason == "n1 at 1.500000 s: KeyError: 'x' (2 more)"
    assert more.anomalies[1].reason == "the cluster at 2.000000 s: election-safety: two leaders"


def test_nodes_that_share_memory_are_unknown(calm):
    run, model = calm
    outcome = judge(ran(run, shared=("abd.CACHE", "abd.SEEN")), model)
    assert outcome.verdict is Verdict.UNKNOWN
    reason = checks_of(outcome)["shared-state"].reason
    assert reason.startswith("The run changed abd.CACHE, abd.SEEN, which all nodes")


# What is worth knowing and counts in no verdict.

REMARKS = {
    "kept apart": ({"apart": ("abd.CACHE",)}, "The nodes changed abd.CACHE, outside of"),
    "unawaited": ({"unawaited": (("x_ok", ("n1",), 1),)}, "1 reply of type 'x_ok' came to n1"),
    "unsynced": ({"unsynced": ("a.py:3",)}, "disk.sync() was called without await at a.py:3"),
    "answered again": ({"again": (("x_ok", ("n1",), 2),)}, "2 replies of type 'x_ok' from n1"),
}


@pytest.mark.parametrize("remark", REMARKS)
def test_a_remark_leaves_the_verdict(calm, remark):
    run, model = calm
    changes, start = REMARKS[remark]
    outcome = judge(ran(run, **changes), model)
    assert outcome.verdict is Verdict.VALID
    [said] = outcome.remarks
    assert said.startswith(start)


def test_a_swarm_of_a_class_that_promises_nothing_was_drawn_mildly(calm):
    run, model = calm
    silent = replace(model, node_class=type("Silent", (model.node_class,), {"tolerates": None}))
    [said] = judge(ran(run, plan={"swarm": True}), silent).remarks
    assert str(MILD) in said
    assert judge(ran(run, plan={"swarm": True}), model).remarks == ()


# Progress.


def stuck(run, *nodes):
    """The history in which nothing succeeds from the healing on, at these nodes or at any."""
    return History(
        [
            event._replace(type="info")
            if event.type == "ok"
            and event.time >= run.plan.time_limit_ns
            and event.node in (nodes or run.plan.node_ids)
            else event
            for event in run.history
        ]
    )


def test_no_progress_after_healing_is_invalid_where_progress_was_due(calm):
    run, model = calm
    outcome = judge(ran(run, history=stuck(run)), model)
    assert outcome.signature == "liveness: invalid (no-progress)"
    off = judge(ran(run, plan={"liveness": "off"}, history=stuck(run)), model)
    assert (off.verdict, off.remarks) == (Verdict.VALID, ())
    assert "liveness" not in checks_of(off)


@pytest.mark.parametrize(("system", "did"), [("calm", "answered"), ("grown", "completed")])
def test_what_is_due_of_each_node_is_the_workloads_to_say(request, system, did):
    run, model = request.getfixturevalue(system)
    events = [
        event._replace(type="fail", error={"code": 11})
        if did == "completed" and event.type == "info"
        else event
        for event in stuck(run, "n1")
    ]
    outcome = judge(ran(run, history=History(events)), model)
    assert f"1 of 3 nodes (n1) {did} none of" in checks_of(outcome)["liveness"].reason


def test_no_progress_beyond_what_the_class_tolerates_is_a_remark(calm):
    run, model = calm
    slow = {"latency_ns": 100 * S}
    beyond = judge(ran(run, plan=slow, history=stuck(run)), model)
    assert beyond.verdict is Verdict.VALID
    assert "liveness" not in checks_of(beyond)
    [said] = beyond.remarks
    assert said.startswith("No progress was asked for: links of 100000 ms: outside what the class")
    assert "liveness" in checks_of(judge(ran(run, plan=slow), model))


# What was asked for with the run.


def test_availability_counts_where_it_is_asked_for(calm):
    run, model = calm
    half = completed(run, write="info", cas="info")
    for wanted, verdict in {"total": "invalid", "0.99": "invalid", "0.1": "valid"}.items():
        outcome = judge(
            ran(run, plan={"availability": wanted, "liveness": "off"}, history=half), model
        )
        assert checks_of(outcome)["availability"].verdict.value == verdict, wanted
    assert "availability" not in checks_of(judge(run, model))


def test_conditions_count_where_they_are_asked_for(calm):
    run, model = calm
    conditions = {"events > 1": "valid", "events < 1": "invalid", "latency_ms.0.3 > 1": "unknown"}
    for condition, verdict in conditions.items():
        outcome = judge(ran(run, plan={"asserts": (condition,)}), model)
        assert checks_of(outcome)["assert"].verdict.value == verdict, condition
        assert outcome.verdict.value == verdict


# Whether anything was tested.


def test_a_run_in_which_nothing_succeeded_is_unknown(calm):
    run, model = calm
    nothing = completed(run, read="fail", write="fail", cas="fail")
    outcome = judge(ran(run, plan={"liveness": "off"}, history=nothing), model)
    assert outcome.verdict is Verdict.UNKNOWN
    count = len(run.history.operations)
    reason = f"None of {count} operations succeeded, so nothing was tested."
    assert checks_of(outcome)["activity"].reason == reason


@pytest.mark.parametrize(
    ("tries", "succeeded", "verdict"), [(9, 0, "valid"), (10, 0, "unknown"), (10, 1, "valid")]
)
def test_a_run_in_which_nothing_changed_is_unknown(calm, tries, succeeded, verdict):
    run, model = calm
    writes = [("write", [0, n], "fail", [0, n]) for n in range(tries)]
    writes += [("write", [0, 99], "ok", [0, 99])] * succeeded
    history = asked(("read", [1, None], "ok", [1, None]), *writes)
    outcome = judge(ran(run, plan={"liveness": "off"}, history=history), model)
    check = checks_of(outcome)["activity"]
    assert (check.verdict.value, outcome.verdict.value) == (verdict, verdict)
    if verdict == "unknown":
        assert check.reason == (
            "1 of 11 operations succeeded, and none of 10 that change something (write): "
            "that is no test."
        )


FAULT_RULES = {
    # the plan beside its faults, what they did: the verdict, and how its reason begins
    "no fault, none asked for": ({"faults": ()}, (), None, ""),
    "it took effect": ({}, (CUT,), "valid", "What each kind of fault did: partition-halves 3."),
    "none took effect": ({}, (UNFELT,), "unknown", "None of the plan's faults did anything"),
    "a kind took effect": ({"nemesis": ("partition-halves",)}, (CUT,), "valid", "What each kind"),
    "a group took effect": ({"nemesis": ("partition",)}, (UNFELT, CUT), "valid", "What each kind"),
    "one asked for did not": (
        {"nemesis": ("partition",)}, (UNFELT,), "unknown",
        "A fault that was asked for did nothing that a node could notice: partition: 0 messages",
    ),
    "one of two did not": (
        {"nemesis": ("partition", "kill")}, (UNFELT, KILLED), "unknown",
        "A fault that was asked for did nothing that a node could notice: partition: 0 messages",
    ),
    "what the last of them did is told": (
        {"nemesis": ("partition",)},
        (UNFELT, report("partition-bridge", 0, detail="no node to cut")),
        "unknown",
        "A fault that was asked for did nothing that a node could notice: partition: no node to",
    ),
    "the plan holds none": (
        {"nemesis": ("kill",), "faults": ()}, (), "unknown",
        "A fault that was asked for did nothing that a node could notice: kill: the plan holds",
    ),
    "one of two did not, and may": (
        {"nemesis": ("partition", "kill"), "allow_inert": True}, (UNFELT, KILLED), "valid",
        "What each kind of fault did: kill 1, partition-halves 0. Nobody noticed partition, which",
    ),
    "both did, and need not": (
        {"nemesis": ("partition", "kill"), "allow_inert": True}, (CUT, KILLED), "valid",
        "What each kind of fault did: kill 1, partition-halves 3.",
    ),
    "a swarm owes nothing": (
        {"swarm": True}, (UNFELT,), "valid", "None of the faults that this seed drew did anything",
    ),
    "a swarm that took effect": ({"swarm": True}, (CUT,), "valid", "What each kind of fault did"),
    "a swarm owes what is asked for": (
        {"swarm": True, "nemesis": ("partition",)}, (UNFELT, KILLED), "unknown", "A fault that was",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", FAULT_RULES)
def test_a_fault_that_was_asked_for_and_did_nothing_makes_a_valid_run_unknown(calm, rule):
    run, model = calm
    plan, reports, verdict, start = FAULT_RULES[rule]
    outcome = judge(ran(run, plan={"faults": FAULTS, **plan}, faults=reports), model)
    if verdict is None:
        assert "faults" not in checks_of(outcome)
        return
    check = checks_of(outcome)["faults"]
    assert (check.verdict.value, outcome.verdict.value) == (verdict, verdict)
    assert check.reason.startswith(start)
    assert ("which --allow-inert takes." in check.reason) == (rule == "one of two did not, and may")


def test_of_several_checks_the_worst_counts(calm):
    run, model = calm
    finding = Finding("exception", "KeyError: 'x'", "n1", S, 42)
    unknown = {"shared": ("abd.CACHE",)}
    assert judge(ran(run, **unknown), model).verdict is Verdict.UNKNOWN
    both = judge(ran(run, findings=(finding,), **unknown), model)
    assert both.verdict is Verdict.INVALID
    assert both.signature == "nodes: invalid (KeyError)"


# Figures.


def test_the_figures_of_a_run(calm):
    run, _ = calm
    history = History(
        [
            Event(0, "invoke", "read", [0, None], 0), Event(1, "invoke", "write", [0, 1], 0),
            Event(0, "ok", "read", [0, None], 4_000_000), Event(1, "info", "write", [0, 1], S),
            Event(0, "invoke", "read", [0, None], S),
        ]
    )  # fmt: skip
    changed = ran(
        run, history=history, server_messages=6, messages=20, events=100, virtual_ns=3 * S,
        dropped={"loss": 1, "cut": 2},
    )  # fmt: skip
    figures = run_statistics(changed)
    assert figures.pop("load")["over_time"]["goodput"] == [1.0, 0.0, 0.0]
    assert figures == {
        "operations": {
            "count": 3, "ok": 1, "fail": 0, "info": 2,
            "by_f": {
                "read": {"count": 2, "ok": 1, "fail": 0, "info": 1},
                "write": {"count": 1, "ok": 0, "fail": 0, "info": 1},
            },
        },
        "requests": {"attempts": 3, "retries": 0, "hedges": 0, "timeouts": 0, "held_back": 0},
        "latency_ms": dict.fromkeys(("0", "0.5", "0.95", "0.99", "1"), 4.0),
        "servers": {"messages": 6, "msgs_per_op": 2.0, "msgs_per_ok": 6.0},
        "network": {"messages": 20, "dropped": {"cut": 2, "loss": 1}},
        "events": 100,
        "virtual_seconds": 3.0,
    }  # fmt: skip
    empty = run_statistics(ran(run, history=History([])))
    assert (empty["servers"]["msgs_per_op"], empty["latency_ms"]) == (0.0, {})


def test_an_outcome_as_json(calm):
    run, model = calm
    reported = judge(
        ran(run, plan={"faults": FAULTS}, faults=(CUT,), wall_seconds=0.1234567), model
    )
    told = reported.to_json("some/repro.json")
    assert list(told) == [
        "model", "bug", "workload", "seed", "verdict", "digest", "virtual_seconds", "wall_seconds",
        "events", "messages", "checks", "faults", "remarks", "statistics", "repro",
    ]  # fmt: skip
    assert (told["model"], told["bug"], told["workload"], told["seed"]) == (
        "abd",
        None,
        "lin-kv",
        0,
    )
    assert (told["verdict"], told["digest"], told["repro"]) == (
        "valid", run.digest, "some/repro.json"
    )  # fmt: skip
    assert (told["wall_seconds"], told["virtual_seconds"]) == (0.123457, run.virtual_ns / S)
    assert (told["events"], told["messages"]) == (run.events, run.messages)
    assert [each["name"] for each in told["checks"]] == [each.name for each in reported.checks]
    assert told["faults"] == [CUT.to_json()]
    assert (told["statistics"], told["remarks"]) == (reported.statistics, [])
    assert reported.to_json()["repro"] is None
