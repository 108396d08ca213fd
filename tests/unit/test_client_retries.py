"""Clients that ask again: what the history says of it, hedges, budgets, and who is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from clew.cli import main
from clew.report.page.page import page
from clew.report.story import story
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.retries import BACKOFF_MAX_NS, Policy
from clew.scenarios.runs.run import simulate
from clew.search.shrink.shrinker import shrink
from tests.unit.pages import data_of

NODES = Path(__file__).parent / "retried_nodes.py"
QUICK = {"time_limit": 2, "recovery": 1, "rate": 20, "node_count": 1, "request_timeout": 0.2}


def outcome_of(node, workload=None, **options):
    if workload:
        options["workload"] = f"{NODES}:{workload}"
    model = load_model(f"{NODES}:{node}")
    scenario = make_scenario({"model": model.name, **QUICK, "strict_replies": True, **options})
    return judge(simulate(draw_plan(scenario, 0, model), model), model)


def asked(outcome, f):
    """What was asked while there was time to ask again."""
    limit_ns = outcome.run.plan.time_limit_ns
    operations = outcome.run.history.operations
    return [one for one in operations if one.f == f and one.start < limit_ns]


def added(outcome):
    return asked(outcome, "add")


def requests(outcome):
    return outcome.statistics["requests"]


def test_what_may_happen_twice_is_an_operation_for_each_request():
    outcome = outcome_of("Late", "Blind", retries=2)
    assert outcome.verdict.value == "valid"
    by_id = {}
    for one in [one for one in outcome.run.history.operations if one.f == "add"]:
        by_id.setdefault(one.argument["id"], []).append(one)
    tried = [tries for tries in by_id.values() if len(tries) > 1]
    assert tried
    for *unanswered, last in tried:
        assert [one.type for one in unanswered] == ["info"] * len(unanswered)
        assert len({one.process for one in (*unanswered, last)}) == len(unanswered) + 1
    events = [event for event in outcome.run.history if (event.extra or {}).get("attempt")]
    assert len(events) == sum(len(tries) - 1 for tries in tried)


@pytest.mark.parametrize(("node", "verdict"), [("LateOnce", "valid"), ("Late", "invalid")])
def test_what_is_idempotent_is_one_operation_and_a_node_that_counts_it_twice_is_found(
    node, verdict
):
    outcome = outcome_of(node, retries=2)
    assert outcome.verdict.value == verdict
    assert requests(outcome)["retries"] > 3
    ids = [one.argument["id"] for one in added(outcome)]
    assert len(ids) == len(set(ids))


def test_a_story_shows_what_was_asked_again():
    outcome = outcome_of("Late", retries=2, time_limit=0.6, recovery=0)
    told = " ".join(story(outcome).split())
    assert "Process 0 asks n0 again for" in told
    assert "attempt 2" in told


def test_what_must_be_written_once_is_asked_again_only_if_it_was_surely_refused():
    outcome = outcome_of("Lists", retries=3, rate=60)
    assert outcome.verdict.value == "valid"
    transactions = asked(outcome, "txn")
    assert requests(outcome)["retries"] > 5
    assert requests(outcome)["timeouts"] > 5
    assert {one.type for one in transactions} == {"ok", "info"}
    appended = [part[2] for one in transactions for part in one.argument if part[0] == "append"]
    assert len(appended) == len(set(appended))


def test_a_read_is_one_operation_from_its_first_request_to_its_answer():
    outcome = outcome_of("Late", "Blind", retries=3)
    reads = asked(outcome, "read")
    longer = [one for one in reads if one.type == "ok" and one.end - one.start > 200_000_000]
    assert longer
    assert all(one.type == "ok" for one in reads)


def test_what_was_surely_refused_is_asked_again_as_the_same_operation():
    once, outcome = outcome_of("Busy"), outcome_of("Busy", "Blind", retries=1)
    assert any(one.type == "fail" for one in added(once))
    assert {one.type for one in added(outcome)} == {"ok"}
    assert requests(outcome)["retries"] > 3
    assert requests(outcome)["timeouts"] == 0


def test_figures_count_each_request():
    outcome = outcome_of("Late", "Blind", retries=2)
    sent = [
        event
        for event in outcome.run.trace.events()
        if event.kind == "send" and event.fields["src"].startswith("c")
    ]
    assert requests(outcome)["attempts"] == len(sent)
    assert requests(outcome)["timeouts"] >= requests(outcome)["retries"] > 0
    assert requests(outcome)["hedges"] == requests(outcome)["held_back"] == 0


def test_load_that_is_asked_again_was_offered_once():
    once, again = outcome_of("Late", "Blind"), outcome_of("Late", "Blind", retries=3, backoff=0)
    assert requests(again)["retries"] > 5
    planned = sum(one.phase == "main" for one in once.run.plan.operations)
    seconds = once.run.plan.time_limit_ns / 1e9
    assert again.statistics["load"]["main"]["offered"] * seconds <= planned


@pytest.mark.parametrize("budget", [0, 0.1, 0.2])
def test_a_budget_bounds_what_is_asked_again(budget):
    outcome = outcome_of("Late", "Blind", retries=5, backoff=0, retry_budget=budget)
    sent = requests(outcome)
    first = sent["attempts"] - sent["retries"]
    assert sent["retries"] <= budget * first
    assert sent["held_back"] > 0
    assert (sent["retries"] > 0) == (budget > 0)


def test_a_slow_read_is_asked_of_a_second_node_whose_answer_counts():
    outcome = outcome_of("OneSlow", node_count=3, hedge=0.05, request_timeout=1)
    assert requests(outcome)["hedges"] > 0
    reads = asked(outcome, "read")
    assert "n0" not in {one.node for one in reads}
    assert max(one.end - one.start for one in reads) < 100_000_000
    told = [event for event in outcome.run.trace.events() if event.kind == "hedge"]
    assert len(told) == requests(outcome)["hedges"]
    assert {event.fields["f"] for event in told} == {"read"}
    labels = [text for text in data_of(page(outcome))["texts"] if text.endswith(", hedge")]
    assert any(text.startswith("read") for text in labels)
    assert not outcome.run.again


def test_after_healing_each_node_answers_for_itself():
    outcome = outcome_of("OneSlow", node_count=3, hedge=0.05, request_timeout=1)
    hedged = [event.time for event in outcome.run.trace.events() if event.kind == "hedge"]
    assert max(hedged) < outcome.run.plan.time_limit_ns + 50_000_000
    late = [
        one
        for one in outcome.run.history.operations
        if one.start >= outcome.run.plan.time_limit_ns and one.node == "n0"
    ]
    assert late


def test_processes_of_a_history_with_retries_and_hedges_have_one_operation_open():
    outcome = outcome_of(
        "OneSlow", node_count=3, hedge=0.05, request_timeout=0.1, retries=3, retry_budget=1
    )
    operations = outcome.run.history.operations  # raises where a process has two open
    by_process = {}
    for one in operations:
        by_process.setdefault(one.process, set()).add(one.node)
    assert all(len(nodes) == 1 for nodes in by_process.values())
    assert len(outcome.run.timeline().messages) > len(operations)


def test_an_answer_of_another_node_is_a_session_of_its_own():
    outcome = outcome_of(
        "Ticking", node_count=3, hedge=0.05, retries=3, request_timeout=0.2, rate=60
    )
    assert outcome.verdict.value == "valid"
    assert requests(outcome)["hedges"] > 5
    assert requests(outcome)["retries"] > 5
    nodes = {}
    for one in outcome.run.history.operations:
        nodes.setdefault(one.process, set()).add(one.node)
    assert {len(each) for each in nodes.values()} == {1}
    by_client = {}
    for one in outcome.run.history.operations:
        if one.type == "ok":
            by_client.setdefault(one.process % 6, []).append(one.result)
    assert any(values != sorted(values) for values in by_client.values())


@pytest.mark.parametrize(("timeout", "verdict"), [(0.005, "unknown"), (0.3, "valid")])
def test_who_gives_up_sooner_than_a_message_comes_accuses_nobody(timeout, verdict):
    outcome = outcome_of("Busy", "Blind", latency=10, request_timeout=timeout, retries=2)
    assert outcome.verdict.value == verdict
    if verdict == "unknown":
        [check] = [check for check in outcome.checks if check.name == "liveness"]
        assert "clients gave each request up after 5 ms" in check.reason


def test_who_gives_up_before_a_long_queue_is_worked_off_still_sees_no_progress():
    outcome = outcome_of("Never", "Blind", retries=1)
    assert outcome.signature.startswith("liveness: invalid")


def test_waits_double_up_to_a_bound():
    policy = Policy(retries=500, backoff_ns=100)
    assert [policy.wait_max_ns(attempt) for attempt in (1, 2, 3)] == [100, 200, 400]
    assert policy.wait_max_ns(500) == BACKOFF_MAX_NS
    assert Policy().patience_ns(7) == 7
    assert Policy(retries=2, backoff_ns=100).patience_ns(1000) == 3300


def test_a_plan_without_retries_runs_as_one_that_never_heard_of_them():
    outcome = outcome_of("Late", "Blind")
    again = replace(outcome.run.plan, retry_budget_ppm=5)
    assert simulate(again, outcome.model).digest == outcome.run.digest


BAD = {
    # what can't be used: what is said of it
    "--retries=-1": "a whole number from 0",
    "--retries=two": "a whole number",
    "--backoff=-0.1": "a number of seconds from 0",
    "--request-timeout=0": "a number of seconds above 0",
    "--retry-budget=1.5": "a number up to 1",
    "--retry-budget=-1": "a number from 0",
    "--hedge=0": "a number of seconds above 0",
}


@pytest.mark.parametrize("flag", BAD)
def test_a_bad_value_is_one_clear_message(flag, capsys):
    assert main(["test", "echo", flag]) == 64
    said = capsys.readouterr().err
    assert BAD[flag] in said
    assert len(said.splitlines()) <= 2


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["echo", "--hedge", "0.1"], "each node serves clients of its own"),
        (["raft", "--node-count", "1", "--hedge", "0.1"], "no read goes to one of several nodes"),
        (["abd", "--hedge", "1"], "less than the 1 s after which a request is given up"),
        (["abd", "--hedge", "0.5", "--request-timeout", "0.2"], "less than the 0.2 s"),
        (["raft", "--retry-budget", "0.1"], "--retries or --hedge"),
        (["raft", "--backoff", "0.1"], "--retries"),
    ],
)
def test_what_would_do_nothing_is_refused(args, said, capsys):
    assert main(["test", *args]) == 64
    assert said in capsys.readouterr().err


def test_a_failure_keeps_of_retries_and_load_only_what_it_needs():
    again = {"retries": 4, "backoff": 0.05, "retry_budget": 1, "think": 0.03}
    plan = outcome_of("Late", **again, time_limit=0.8).run.plan
    small = shrink(plan, runs_max=300).plan
    assert small.retries == 1  # what counts twice must be asked twice
    assert (small.backoff_ns, small.retry_budget_ppm) == (0, None)
    assert {one.think_ns for one in small.operations} == {None}
    assert len(small.operations) <= 5


def test_a_failure_that_needs_no_retries_is_shown_without():
    plan = outcome_of("Lies", node_count=2, retries=3, hedge=0.05, time_limit=0.5).run.plan
    small = shrink(plan, runs_max=200).plan
    assert (small.retries, small.hedge_ns, small.request_timeout_ns) == (0, None, None)
    assert len(small.operations) <= 3
