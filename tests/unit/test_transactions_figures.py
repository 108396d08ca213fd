"""Each anomaly's example from its paper as a one-line history of lists, named after its figure."""

import pytest
from notation import parse

from clew.checkers.transactions import ListAppend
from clew.checkers.transactions.lattice import ANOMALIES
from clew.checkers.verdict import Budget, Verdict


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
        "Elle's tests: a read that contradicts its own transaction still shows an order (G0)",
        "{x+1 x+2 x+4} {x+3 x=[1 2 3 4]}",
        {"G0", "G1c", "internal"},
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
        ["causal-cerone", "consistent-view", "repeatable-read"],
        "strong-session-read-atomic",
    ),
    (
        "Elle 2020, section 1: read skew in TiDB (G-single)",
        "{x+2} | {x+1} | {x=[2 1] y+5 x+4} {x+5} | {x=[2 1 5 4]}",
        {"G-single", "lost-update"},
        ["cursor-stability"],
        "strong-session-prefix",
    ),
    (
        "Berenson 1995, P4: lost update",
        "{x=[] x+1} {x=[] x+2} | {x=[1 2]}",
        {"G-single", "lost-update"},
        ["cursor-stability"],
        "strong-session-prefix",
    ),
    (
        "Berenson 1995, P4: lost update that nobody saw",
        "{x=[] x+1} {x=[] x+2}",
        {"lost-update"},
        ["cursor-stability"],
        "strong-session-prefix",
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
        {"G-single-process", "fractured-read-process"},
        ["strong-session-read-atomic"],
        "serializable",
    ),
    (
        "Biswas 2019: a write that precedes another in its session is missed",
        "{y=[1] x=[]}> p1{x+1} | p1{y+1}",
        {"G-single-process", "causality-violation-process"},
        ["causal"],
        "serializable",
    ),
    (
        "Terry 1994: a session's reads go back in time",
        "{x+1}> p1{x=[1]} | p1{x=[]}",
        {"G-single-process", "causality-violation-process"},
        ["causal"],
        "strong-session-read-atomic",
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
        {"internal", "fractured-read", "G-single"},
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
        {"G-nonadjacent-process", "prefix-violation-process"},
        ["strong-session-prefix"],
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
ELSEWHERE |= {row.name for row in ANOMALIES if "predicate" in row.name}
ELSEWHERE |= {"G2", "G2-process", "G2-realtime"}


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
