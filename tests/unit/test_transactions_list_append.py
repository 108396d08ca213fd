"""List-append: correct histories, how anomalies are told, and what a check costs."""

import gc

import pytest
from notation import parse

from clew.checkers.transactions import ListAppend, to_dot
from clew.checkers.verdict import Budget, Verdict, run_checker
from clew.history import Event, History


def check(line, *models):
    return ListAppend(models or ("strict-serializable",)).check(parse(line), Budget(None))


VALID = [
    "{x+1 y+1} | {x=[1] y=[1]}",
    "{x+1} {x=[]}",
    "{x+1}? | {x=[]} | {x=[1]}",
    "{x+1}? | {x=[]}",
    "{x+1}! | {x=[]}",
    "{x+1 x=[1] x+2 x=[1 2]} | {x=[1 2]}",
    "{x=[1] x+2} {x+1}? {x=[1 2]}",
    "{x=nil} | {x+1}",
    "{x+a} | {x=[a]}",
]


@pytest.mark.parametrize("line", VALID)
def test_a_correct_history_is_valid(line):
    result = check(line)
    assert result.verdict is Verdict.VALID, result
    assert result.statistics["anomalies"] == {}


@pytest.mark.parametrize("line", ["", "{x+1}!", "{x+1}?"])
def test_nothing_committed_is_unknown(line):
    assert check(line).verdict is Verdict.UNKNOWN


def test_an_unseen_write_of_a_transaction_that_was_seen_elsewhere_has_committed():
    result = check("{x+1 y+1}? {x=[] y=[1]}")
    assert result.statistics["anomalies"] == {"fractured-read": 1, "G-single": 1}


def test_the_story_names_the_transactions_values_and_who_saw_them():
    anomaly = check("{x+4 y=[]} {x+5 y+1} | {x=[5 4] y=[1]}").anomalies[0]
    assert anomaly.kind == "G-single"
    assert "T1 appended 5 to x before T2 appended 4 (T3 saw [5 4])" in anomaly.reason
    assert "yet T2 read y as [], without 1, which T1 appended" in anomaly.reason
    assert [edge["type"] for edge in anomaly.data["edges"]] == ["ww", "rw"]
    assert anomaly.data["edges"][0] == {
        "from": "T1", "to": "T2", "type": "ww", "key": "x", "value": 5, "next_value": 4,
        "seen_by": "T3",
    }  # fmt: skip
    assert [operation.number for operation in anomaly.operations] == [1, 0, 2]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{x+1} | {x=[]}", "known as stale read"),
        ("{x+1 y=[]} {y+1 x=[]}", "known as write skew"),
        ("{x+1} {y+1} {x=[1] y=[]} {x=[] y=[1]}", "known as long fork"),
        ("{x=[] y=[1]} {x+1 y+1}", "known as read skew"),
        ("p1{x+1} | p1{x=[]}", "process 1 ran T2 before T1"),
        ("{x+1} | {x=[]}", "T2 ended before T1 began"),
    ],
)
def test_well_known_shapes_are_called_by_their_names(line, words):
    assert words in check(line).anomalies[0].reason


def test_the_result_says_which_models_fall_and_which_stand():
    result = check("{x+1 y=[]} {y+1 x=[]}", "serializable", "snapshot-isolation")
    assert result.reason == (
        "serializable does not hold: G2-item. Weakest model violated: repeatable-read; strongest "
        "that still stands: strong-snapshot-isolation."
    )


def test_an_anomaly_that_no_asked_model_forbids_is_told_but_does_not_decide():
    result = check("{x+1 y=[]} {y+1 x=[]}", "snapshot-isolation")
    assert result.verdict is Verdict.VALID
    assert result.anomalies == ()
    assert result.statistics["other_anomalies"][0]["kind"] == "G2-item"
    assert result.reason.startswith(
        "2 committed transactions show no anomaly that snapshot-isolation forbids, but G2-item. "
    )


def test_the_graph_as_dot():
    text = to_dot(check("{x+1} | {x=[]}").anomalies[0])
    assert text.startswith('digraph "G-single-realtime" {')
    assert 'T1 -> T2 [label="rw x", color=darkorange];' in text
    assert 'T2 -> T1 [label="realtime", color=gray60];' in text
    assert 'T1 [label="T1: [r x []]"];' in text


def test_a_cycle_witness_is_a_shortest_one():
    # A ring of four, and a pair inside the same component.
    ring = "{a+1 b=[]} {b+1 c=[]} {c+1 d=[]} {d+1 a=[] e=[]} {e+1 d=[]}"
    result = check(ring)
    assert [anomaly.data["length"] for anomaly in result.anomalies] == [2]


def test_a_failed_attempt_may_be_repeated_with_the_same_value():
    assert check("{x+1}! | {x+1} | {x=[1]}").verdict is Verdict.VALID


def test_the_nemesis_is_no_client():
    events = [*parse("{x+1} | {x=[1]}"), Event("nemesis", "info", "partition", "start")]
    assert ListAppend().check(History(events), Budget(None)).verdict is Verdict.VALID


def test_many_readers_and_many_unseen_writers_cost_a_sum_of_edges():
    readers = " ".join("{x=[]}" for _ in range(500))
    writers = " ".join(f"{{x+{value}}}" for value in range(500))
    result = check(f"{writers} | {readers}")
    assert result.verdict is Verdict.INVALID
    assert result.statistics["edges"] < 2000
    assert result.anomalies[0].data["length"] == 2


def test_the_collector_is_left_as_it_was():
    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        try:
            check("{x+1} | {x=[1]}")
            assert gc.isenabled() is enabled
        finally:
            gc.enable()


def test_a_spent_budget_is_unknown_unless_a_violation_is_already_certain():
    skew = " ".join(f"{{a{i}+1 b{i}=[]}} {{b{i}+1 a{i}=[]}}" for i in range(40))
    result = run_checker(ListAppend(), parse(skew), Budget(None, steps=10))
    assert result.verdict is Verdict.UNKNOWN
    result = run_checker(ListAppend(), parse("{x=[9]} " + skew), Budget(None, steps=10))
    assert result.verdict is Verdict.INVALID


def test_a_model_that_anomalies_do_not_decide_holds_only_with_a_stronger_one():
    # Either order of x gives the first a lost update or the second a cycle of information flow.
    assert check("{x=[] x+1 y=[1]} {y+1 x+2}", "cursor-stability").verdict is Verdict.UNKNOWN
    assert check("{x=[] x+1} | {x=[1]}", "cursor-stability").verdict is Verdict.VALID


# A read that contradicts its own transaction is a read all the same: history, kinds besides
# internal, the weakest model that falls.
REREADS = [
    ("{x=[] x=[2]}", {"garbage-read"}, "read-uncommitted"),
    ("{x+2}! {x=[] x=[2]}", {"G1a"}, "read-committed"),
    ("{x+2 x+3} {x=[] x=[2]}", {"G1b"}, "read-committed"),
    ("{x+2 x+3} {x+1 x=[2]} {x=[2 3]}", {"G1b"}, "read-committed"),
    ("{x+1 y=[] y=[1]} {x=[] x=[1] y+1}", {"G1c"}, "read-committed"),
    ("{x+1 z+1 y=[1]} {y+1 z=[] z=[1]}", {"G1c"}, "read-committed"),
    ("{x=[] x=[1] x+1}", {"future-read"}, "read-committed"),
    ("{x=[1] x=[] x+1}", {"future-read"}, "read-committed"),
    ("{x=[] x=[1] x=[] x+1}", {"future-read"}, "read-committed"),
    ("{x+1 x=[1 2] x+2}", {"future-read"}, "read-committed"),
    ("p1{x=[] x=[1]} | p1{x+1}", {"G1c-process"}, "strong-session-read-committed"),
    ("{x=[] x=[1]} | {x+1}", {"G1c-realtime"}, "strong-read-committed"),
    ("{x=[] x+2 x=[1 2] x+3} {x+1} | {x=[1 2 3]}", {"lost-update"}, "cursor-stability"),
    ("{x+1} {x=[] x=[1] x+2} | {x=[1 2]}", set(), "repeatable-read"),
    ("{x+2 x=[1] x+3} {x+1} | {x=[1 2 3]}", set(), "repeatable-read"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "kinds", "model"), REREADS)
def test_every_read_counts(line, kinds, model):
    result = check(line, model)
    assert result.verdict is Verdict.INVALID
    told = set(result.statistics["anomalies"])
    assert kinds | {"internal"} <= told
    assert model in result.statistics["weakest_violated"]
    # What rules out less than `internal` does may come on top.
    assert told - kinds <= {"internal", "G-single", "fractured-read", "G2-item"}


def test_an_append_before_a_read_that_contradicts_it_stays_intermediate():
    result = check("{x+1 x=[] x+2} {x=[1]} | {x=[1 2]}")
    assert result.statistics["anomalies"].keys() >= {"internal", "G1b"}


@pytest.mark.parametrize(
    ("line", "kind", "model"),
    [
        ("{x+1} {x=[1]} {x=[7]}", "garbage-read", "read-uncommitted"),
        ("{x+1} {x+2}! {x=[1]} {x=[2]}", "G1a", "read-committed"),
        ("{x+1} {x=[1 7]} {x=[8]}", "garbage-read", "read-uncommitted"),
    ],
)
def test_reads_that_disagree_are_explained_too(line, kind, model):
    result = check(line, model)
    assert result.verdict is Verdict.INVALID
    assert kind in {anomaly.kind for anomaly in result.anomalies}


TRUE_STORIES = [
    # what the story must say, what it must not say
    ("{x+1 x+2} {x+3} {x=[1 3]}", "appended 3 to x before T1 appended 2", "before T1 appended 1"),
    ("{x+1 x+2} {x+3} {x=[1 3]}", "read x as [1 3], without 2,", "without 1,"),
    ("{x+1}! {x+2 x=[1 2]}", "T1 read key x as [1 2], which holds 1", "as [1]"),
    ("{x+2 x=[9 2]}", "T1 read key x as [9 2], but nobody", "as [9],"),
    ("{x+3} {x+1 x=[1] x+2 x=[1 3 2]}", "append of 3 to x (it read [1 3 2])", "read [1 3])"),
    ("{x+1 x+4} {x+3 x=[1 3]}", "as [1 3], which ends in 1, below its own", "as [1],"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "said", "unsaid"), TRUE_STORIES)
def test_a_story_tells_reads_as_they_were_and_appends_that_are_meant(line, said, unsaid):
    stories = " ".join(anomaly.reason for anomaly in check(line).anomalies)
    assert said in stories, stories
    assert unsaid not in stories, stories


@pytest.mark.parametrize(
    ("line", "future"),
    [
        ("{x+1 x=[1 1]}", False),
        ("{x+1 x=[1 1] x=[]}", False),
        ("{x+1} {x+2 x=[1 2 2]}", False),
        ("{x+1 x=[2 1] x+2}", True),
        ("{x+1 x=[2 1] x+2 x=[2]}", True),
    ],
)
def test_an_append_made_before_the_read_is_no_future_however_often_it_shows(line, future):
    assert ("future-read" in check(line).statistics["anomalies"]) is future


def test_a_search_for_cycles_that_runs_out_of_budget_says_what_would_decide_it():
    history = parse("{x+1 y=[]} {y+1 x=[]} {x=[1] y=[1]}")
    result = ListAppend(("serializable",)).check(history, Budget(None, 5))
    assert result.reason == (
        "The budget ended the search for cycles before it was complete. What would decide it: "
        "more steps, fewer concurrent transactions or a shorter history."
    )
    assert ListAppend(("serializable",)).check(history, Budget(None)).verdict is Verdict.INVALID
