"""Each anomaly's example from its paper as a one-line history, and how it is told."""

import gc

import pytest

from clew.checkers.transactions import ListAppend, to_dot
from clew.checkers.transactions.lattice import ANOMALIES
from clew.checkers.transactions.notation import parse
from clew.checkers.verdict import Budget, Verdict, run_checker
from clew.errors import HistoryError
from clew.history import Event, History


def check(line, *models):
    return ListAppend(models or ("strict-serializable",)).check(parse(line), Budget(None))


# name, history, anomalies, weakest violated, one model that still stands
EXAMPLES = [
    (
        "Adya 1999, H-phenomenon P0: dirty write (G0)",
        "{x+1 y+2} {x+2 y+1} | {x=[1 2] y=[1 2]}",
        {"G0"},
        ["read-uncommitted"],
        None,
    ),
    (
        "Adya 1999, H-wcycle: writes of two keys in opposite orders (G0)",
        "{x+2 y+5} {x+5 y+8} | {x=[2 5] y=[8 5]}",
        {"G0"},
        ["read-uncommitted"],
        None,
    ),
    (
        "Adya 1999, aborted read (G1a)",
        "{x+1}! | {x=[1]}",
        {"G1a"},
        ["read-committed"],
        "strong-read-uncommitted",
    ),
    (
        "Adya 1999, intermediate read (G1b)",
        "{x+1 x+2} {x=[1]} | {x=[1 2]}",
        {"G1b", "G-single"},
        ["read-committed"],
        "strong-read-uncommitted",
    ),
    (
        "Adya 1999, circular information flow (G1c)",
        "{x+1 y=[1]} {y+1 x=[1]}",
        {"G1c"},
        ["read-committed"],
        "strong-read-uncommitted",
    ),
    (
        "Berenson 1995, A5A: read skew (G-single)",
        "{x=[] y=[1]} {x+1 y+1} | {x=[1]}",
        {"G-single", "fractured-read"},
        ["read-atomic", "consistent-view", "repeatable-read"],
        "strong-read-committed",
    ),
    (
        "Cerone 2015, figure 2: causality violation",
        "{x+1} {x=[1] y+1} {y=[1] x=[]}",
        {"G-single", "causality-violation"},
        ["causal", "consistent-view", "repeatable-read"],
        "read-atomic",
    ),
    (
        "Berenson 1995, P4: lost update",
        "{x=[] x+1} {x=[] x+2} | {x=[1 2]}",
        {"G-single", "lost-update"},
        ["cursor-stability"],
        "prefix",
    ),
    (
        "Berenson 1995, P4: lost update that nobody saw",
        "{x=[] x+1} {x=[] x+2}",
        {"lost-update"},
        ["cursor-stability"],
        "prefix",
    ),
    (
        "Cerone 2015, figure 2: long fork (G-nonadjacent)",
        "{x+1} {y+1} {x=[1] y=[]} {x=[] y=[1]}",
        {"G-nonadjacent", "prefix-violation"},
        ["prefix", "repeatable-read"],
        "strong-consistent-view",
    ),
    (
        "Berenson 1995, A5B: write skew (G2-item)",
        "{x+1 y=[]} {y+1 x=[]} | {x=[1] y=[1]}",
        {"G2-item"},
        ["repeatable-read"],
        "strong-snapshot-isolation",
    ),
    (
        "Fekete 2004: read-only transaction anomaly (G2-item)",
        "{x=[] y=[] x+1} {y=[] y+1} {x=[] y=[1]}",
        {"G2-item"},
        ["repeatable-read"],
        "strong-snapshot-isolation",
    ),
    (
        "stale read (G-single-realtime)",
        "{x+1} | {x=[]}",
        {"G-single-realtime"},
        ["strong-consistent-view"],
        "strong-session-serializable",
    ),
    (
        "a session that does not read its own write (G-single-process)",
        "p1{x+1} | p1{x=[]}",
        {"G-single-process"},
        ["strong-session-consistent-view"],
        "serializable",
    ),
    (
        "writes against the order of a session (G0-process)",
        "p1{x+1} | p1{x+2} | {x=[2 1]}",
        {"G0-process"},
        ["strong-session-read-uncommitted"],
        "serializable",
    ),
    (
        "writes against real time (G0-realtime)",
        "{x+1} | {x+2} | {x=[2 1]}",
        {"G0-realtime"},
        ["strong-read-uncommitted"],
        "strong-session-serializable",
    ),
    (
        "Cerone 2015, axiom INT: a transaction that misses its own append",
        "{x+1 x=[]}",
        {"internal"},
        ["read-atomic", "consistent-view", "repeatable-read"],
        "strong-read-committed",
    ),
    (
        "two reads of one transaction that differ",
        "{x+1} {x=[] x=[1]}",
        {"internal"},
        ["read-atomic", "consistent-view", "repeatable-read"],
        "strong-read-committed",
    ),
    (
        "a read of its own future",
        "{x=[1] x+1}",
        {"future-read"},
        ["read-committed"],
        "strong-read-uncommitted",
    ),
    (
        "Elle 2020: dirty update",
        "{x+1}! | {x+2} | {x=[1 2]}",
        {"G1a", "dirty-update"},
        ["read-committed"],
        "strong-read-uncommitted",
    ),
    (
        "Elle 2020: incompatible orders",
        "{x+1} {x+2} | {x=[1 2]} {x=[2 1]}",
        {"incompatible-order"},
        ["read-committed"],
        "strong-read-uncommitted",
    ),
    (
        "a transaction's second append without its first",
        "{x+1 x+2} | {x=[2]}",
        {"incompatible-order", "G-single"},
        ["read-committed"],
        "strong-read-uncommitted",
    ),
    (
        "Elle 2020: duplicate elements",
        "{x+1} {x=[1 1]}",
        {"duplicate-elements"},
        ["read-uncommitted"],
        None,
    ),
    (
        "Elle 2020: garbage read",
        "{x+1} {x=[7]}",
        {"garbage-read"},
        ["read-uncommitted"],
        None,
    ),
    (
        "Elle 2020: information flows back in a session (G1c-process)",
        "p1{x=[1]} | p1{x+1}",
        {"G1c-process"},
        ["strong-session-read-committed"],
        "serializable",
    ),
    (
        "a read of what is only written later (G1c-realtime)",
        "{x=[1]} | {x+1}",
        {"G1c-realtime"},
        ["strong-read-committed"],
        "strong-session-serializable",
    ),
    (
        "a long fork closed by a session (G-nonadjacent-process)",
        "{x=[] z=[1]}> p1{x+1} {z+1}> | p1{z=[]}",
        {"G-nonadjacent-process"},
        ["strong-session-snapshot-isolation"],
        "strong-consistent-view",
    ),
    (
        "a long fork closed by real time (G-nonadjacent-realtime)",
        "{x=[] z=[1]}> {x+1} {z+1}> | {z=[]}",
        {"G-nonadjacent-realtime"},
        ["strong-snapshot-isolation"],
        "strong-session-serializable",
    ),
    (
        "write skew closed by a session (G2-item-process)",
        "p1{y+1} {x+1 y=[]}> | p1{x=[]}",
        {"G2-item-process"},
        ["strong-session-serializable"],
        "strong-snapshot-isolation",
    ),
    (
        "write skew closed by real time (G2-item-realtime)",
        "{y+1} {x+1 y=[]}> | {x=[]}",
        {"G2-item-realtime"},
        ["strict-serializable"],
        "strong-snapshot-isolation",
    ),
    (
        "Elle 2020: dirty update through one of unknown outcome",
        "{x+1}! | {x+2}? | {x+3} | {x=[1 2 3]}",
        {"G1a", "dirty-update"},
        ["read-committed"],
        "strong-read-uncommitted",
    ),
    (
        "Elle 2020: an append that only one of two reads shows is ordered after it",
        "{x+1 y+1} {x+2 y+2} {x+3 y+3} {x=[1 2]} {y=[2]}",
        {"G0", "G-single"},
        ["read-uncommitted"],
        None,
    ),
]  # fmt: skip

# Only of orders that are open, or of other checkers; and what no line can show.
ELSEWHERE = {"cyclic-versions", "unexplained-reads", "long-fork", "mismatch"}


def test_every_anomaly_has_its_example():
    shown = {kind for example in EXAMPLES for kind in example[2]}
    assert shown | ELSEWHERE == {row.name for row in ANOMALIES}
    assert not shown & ELSEWHERE


@pytest.mark.parametrize(
    ("line", "kinds", "weakest", "stands"),
    [example[1:] for example in EXAMPLES],
    ids=[example[0] for example in EXAMPLES],
)
def test_the_textbook_example_shows_its_anomaly(line, kinds, weakest, stands):
    result = check(line)
    assert result.verdict is Verdict.INVALID
    found = set(result.statistics["anomalies"])
    assert found == kinds
    assert result.statistics["weakest_violated"] == weakest
    standing = result.statistics["strongest_standing"]
    assert (stands in standing) if stands else not standing
    for model in weakest:
        assert check(line, model).verdict is Verdict.INVALID
    for model in standing:
        assert check(line, model).verdict is Verdict.VALID


def test_the_read_only_transaction_anomaly_needs_its_reader():
    assert check("{x=[] y=[] x+1} {y=[] y+1}").verdict is Verdict.VALID


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


def txn(*micros):
    return [list(micro) for micro in micros]


def history(*pairs):
    events = []
    for process, (asked, answered) in enumerate(pairs):
        events.append(Event(process, "invoke", "txn", asked))
        events.append(Event(process, "ok", "txn", answered))
    return History(events, source="h.jsonl", lines=range(1, 1 + len(events)))


@pytest.mark.parametrize(
    ("pair", "place", "words"),
    [
        ((None, None), "h.jsonl:2", "no transaction"),
        (([["r", 1, None]], [["r", 1, 5]]), "h.jsonl:2", "malformed"),
        (([["r", 1]], [["r", 1]]), "h.jsonl:2", "malformed"),
        (([7], [7]), "h.jsonl:2", "malformed"),
        (([{"r": 1}], [["r", 1, []]]), "h.jsonl:1", "malformed"),
        (([["cas", 1, 2]], [["cas", 1, 2]]), "h.jsonl:2", "malformed"),
        (
            ([["append", 1, 2], ["append", 1, 2]], [["append", 1, 2], ["append", 1, 2]]),
            "h.jsonl:1",
            "more than once",
        ),
    ],
)
def test_a_malformed_transaction_is_an_error_with_its_place(pair, place, words):
    with pytest.raises(HistoryError, match=words) as caught:
        ListAppend().check(history(pair), Budget(None))
    assert str(caught.value).startswith(place)


APPEND = ["append", "x", 1]


@pytest.mark.parametrize(
    ("asked", "answered", "words"),
    [
        ([APPEND], [], "was asked for 1 micro-operation, [[append x 1]], and answered with 0, []"),
        ([APPEND], [["append", "x", 2]], "was asked for [append x 1] and answered with [append x"),
        ([APPEND], [["append", "y", 1]], "and answered with [append y 1]"),
        ([APPEND], [["r", "x", []]], "and answered with [r x []]"),
        (
            [["r", "x", None]],
            [["r", "y", []]],
            "was asked for [r x nil] and answered with [r y []]",
        ),
        ([7], [APPEND], "was asked for 7"),
    ],
)
def test_an_answer_to_something_else_is_a_mismatch(asked, answered, words):
    for model in ("strict-serializable", "read-uncommitted"):
        result = ListAppend((model,)).check(history((asked, answered)), Budget(None))
        assert result.verdict is Verdict.INVALID
        (anomaly,) = result.anomalies
        assert anomaly.kind == "mismatch"
        assert words in anomaly.reason
    assert result.statistics["strongest_standing"] == []


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ([APPEND], [APPEND]),
        ([tuple(APPEND)], [APPEND]),
        ([["append", "x", 1.0]], [APPEND]),
        ([["r", "x"], APPEND], [["r", "x", []], APPEND]),
        ([["r", "x", [5]]], [["r", "x", []]]),
        (None, [APPEND]),
    ],
)
def test_an_answer_to_its_request_is_no_mismatch(asked, answered):
    result = ListAppend().check(history((asked, answered)), Budget(None))
    assert result.verdict is Verdict.VALID
    assert result.statistics["anomalies"] == {}


def test_what_an_unanswered_transaction_read_may_be_left_out():
    asked = [["r", "y"], ["append", "x", 1]]
    events = [Event(0, "invoke", "txn", asked), Event(0, "info", "txn", asked)]
    events += _pair(
        1, txn(["r", "x", None], ["r", "y", None]), txn(["r", "x", [1]], ["r", "y", []])
    )
    events += _pair(2, txn(["r", "x", None]), txn(["r", "x", []]))
    result = ListAppend().check(History(events), Budget(None))
    assert set(result.statistics["anomalies"]) == {"G-single-realtime"}
    assert "outcome unknown" in result.anomalies[0].reason
    assert "[r y, append x 1]" in result.anomalies[0].reason


def test_values_of_any_json_type_are_kept_apart():
    one = txn(["append", "k", 1], ["append", "k", True], ["append", "k", [1]], ["append", "k", "1"])
    read = txn(["r", "k", [1, True, [1], "1"]])
    good = History([*_pair(0, one, one), *_pair(1, txn(["r", "k", None]), read)])
    assert ListAppend().check(good, Budget(None)).verdict is Verdict.VALID
    swapped = txn(["r", "k", [True, 1, [1], "1"]])
    bad = History([*_pair(0, one, one), *_pair(1, txn(["r", "k", None]), swapped)])
    assert ListAppend().check(bad, Budget(None)).verdict is Verdict.INVALID


def _pair(process, asked, answered):
    return [Event(process, "invoke", "txn", asked), Event(process, "ok", "txn", answered)]


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
    result = run_checker(ListAppend(), parse(skew), Budget(None, configurations=10))
    assert result.verdict is Verdict.UNKNOWN
    result = run_checker(ListAppend(), parse("{x=[9]} " + skew), Budget(None, configurations=10))
    assert result.verdict is Verdict.INVALID


# What nobody saw was installed in some order. Each of these pairs missed a write of the other, so
# neither came first; yet both wrote x, so one must have.
UNSEEN = [
    (
        "two that overlap",
        "{z=[] y+1 x+1} {y=[] z+1 x+2}",
        ["consistent-view", "repeatable-read"],
        ["prefix", "strong-read-committed"],
    ),
    (
        "two of one session, and a third writer of the key",
        "p0{x+1 y+1 z=[]} p1{y=[1]}> | p0{z+1 x+2 y=[]} p2{y=[] z=[] x+3}",
        ["consistent-view", "repeatable-read"],
        ["prefix", "strong-read-committed"],
    ),
]


@pytest.mark.parametrize(
    ("line", "weakest", "standing"), [row[1:] for row in UNSEEN], ids=[row[0] for row in UNSEEN]
)
def test_appends_that_nobody_saw_need_some_order(line, weakest, standing):
    for model in ("consistent-view", "snapshot-isolation", "forward-consistent-view"):
        result = check(line, model)
        assert result.verdict is Verdict.INVALID
        assert "unexplained-reads" in {anomaly.kind for anomaly in result.anomalies}
        assert result.statistics["weakest_violated"] == weakest
        assert result.statistics["strongest_standing"] == standing
    for model in standing:
        assert check(line, model).verdict is Verdict.VALID
    reason = check(line, "snapshot-isolation").anomalies[0].reason
    assert "with 1 before 2 in key x" in reason
    assert "with 2 before 1 in key x" in reason


def test_an_order_of_unseen_appends_that_fits_is_found():
    result = check("{z=[] y+1} {y=[] z+1} {x+1} {x+2}", "snapshot-isolation")
    assert result.verdict is Verdict.VALID
    assert result.statistics["open_keys"] == 0
    # T3 must come after T1 and T2 before it, or the other way round; one of the two fits.
    result = check("{z=[] y+1 x+1} {y=[] w+1 x+2} {w=[] z+1}", "snapshot-isolation")
    assert result.verdict is Verdict.VALID
    assert result.statistics["open_keys"] == 1
    assert result.statistics["strongest_standing"][-1] == "strong-snapshot-isolation"


def test_a_search_for_the_order_of_unseen_appends_may_run_out_of_budget():
    history = parse("{z=[] y+1 x+1} {y=[] z+1 x+2}")
    steps = Budget(None)
    ListAppend(("read-committed",)).check(history, steps)
    result = ListAppend(("snapshot-isolation",)).check(history, Budget(None, 1 + steps.spent))
    assert result.verdict is Verdict.UNKNOWN
    assert result.statistics["unsettled"] == ["snapshot-isolation"]
    assert "snapshot-isolation" not in result.statistics["strongest_standing"]
    assert "consistent-view" not in result.statistics["strongest_standing"]


def test_a_model_that_anomalies_do_not_decide_holds_only_with_a_stronger_one():
    # Either order of x gives the first a lost update or the second a cycle of information flow.
    assert check("{x=[] x+1 y=[1]} {y+1 x+2}", "cursor-stability").verdict is Verdict.UNKNOWN
    assert check("{x=[] x+1} | {x=[1]}", "cursor-stability").verdict is Verdict.VALID
