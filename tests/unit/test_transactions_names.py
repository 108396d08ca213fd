"""The textbooks' names of cycles: each where it is right, and not where only the shape fits."""

import pytest
from notation import parse

from clew.checkers.transactions import ListAppend, RwRegister
from clew.checkers.transactions.words import Link, special_name
from clew.checkers.verdict import Budget

MODEL = "strict-serializable"

# A history, the model it is held to, and the names that its cycles get.
APPEND = [
    ("two that overlap", "{x+1 y=[]} {y+1 x=[]}", MODEL, ["write skew"]),
    ("both seen later", "{x+1 y=[]} {y+1 x=[]} | {x=[1] y=[1]}", MODEL, ["write skew"]),
    ("one lost later", "{x+1 y=[]} {y+1 x=[]} | {x=[]} {y=[1]}", "serializable", ["lost write"]),
    ("one after the other", "{x+1 y=[]} | {y+1 x=[]}", "serializable", ["lost write"]),
    ("after, but not lost", "{x+1 y=[]} | {y+1 x=[]} | {x=[1]}", "serializable", [None]),
    ("a session's own, then gone", "p1{x+1} | p1{x=[]} | {x=[]}", "strong-session-serializable",
     ["lost write"]),
    ("a late read", "{x+1} | {x=[]}", MODEL, ["stale read"]),
    ("a late read, then it is there", "{x+1} | {x=[]} | {x=[1]}", MODEL, ["stale read"]),
    ("gone for good", "{x+1} | {x=[]} | {x=[]}", MODEL, ["lost write"]),
    ("gone behind another", "{x+1} | {x+2} | {x=[2]} | {x=[2]}", MODEL,
     [None, "lost write"]),
    ("half of another", "{x=[] y=[1]} {x+1 y+1}", MODEL, ["read skew"]),
    ("half of another, for good", "{x+1 y+1} | {x=[] y=[1]} | {x=[] y=[1]}", "serializable",
     ["lost write"]),
    ("two orders", "{x+1} {y+1} {x=[1] y=[]} {x=[] y=[1]}", MODEL, ["long fork"]),
    ("read, both append", "{x=[] x+1} {x+2} | {x=[2 1]}", "serializable", ["lost update", None]),
    ("appended before the read", "{x+2} | {x=[] x+1} | {x=[2 1]}", "serializable", [None]),
]  # fmt: skip

REGISTER = [
    ("two that overlap", "{x=nil y:=1} {y=nil x:=1}", MODEL, ["write skew"]),
    ("one after the other", "{x=nil y:=1} | {y=nil x:=1}", "serializable", ["lost write"]),
    ("after, but not lost", "{x=nil y:=1} | {y=nil x:=1} | {y=1}", "serializable", [None]),
    ("a late read", "{x:=1} | {x=nil}", MODEL, ["stale read"]),
    ("gone for good", "{x:=1} | {x=nil} | {x=nil}", MODEL, ["lost write"]),
    ("a late read, then another's write", "{x:=1} | {x=nil} | {x:=2} | {x=2}", MODEL,
     ["stale read"]),
    ("half of another", "{x=nil y=1} {x:=1 y:=1}", MODEL, ["read skew"]),
    ("two orders", "{x:=1} {y:=1} {x=1 y=nil} {x=nil y=1}", MODEL, ["long fork"]),
]  # fmt: skip

CASES = [
    pytest.param(checker, *row[1:], id=f"{checker.__name__}: {row[0]}")
    for checker, rows in ((ListAppend, APPEND), (RwRegister, REGISTER))
    for row in rows
]


@pytest.mark.parametrize(("checker", "line", "model", "names"), CASES)
def test_a_cycle_has_the_name_that_is_right(checker, line, model, names):
    result = checker((model,)).check(parse(line), Budget(None))
    told = [anomaly.data.get("also_known_as") for anomaly in result.anomalies]
    assert list(dict.fromkeys(told)) == names
    for anomaly, name in zip(result.anomalies, told, strict=True):
        assert ("known as" in anomaly.reason) == (name is not None)
        assert name is None or f"known as {name}." in anomaly.reason


def test_a_lost_write_is_named_with_its_key():
    anomalies = ListAppend((MODEL,)).check(parse("{x+1} | {x=[]} | {x=[]}"), Budget(None)).anomalies
    assert anomalies[0].reason.endswith(
        "T2 was told that it is done, yet no later read shows 1 in x."
    )


def test_two_rw_next_to_each_other_are_no_long_fork():
    operations = parse("{x=1} {x=1} {x=1} {x=1}").operations
    links = [
        Link(0, 1, "rw", "x", 1, 2),
        Link(1, 2, "wr", "y", 1, 1),
        Link(2, 3, "wr", "y", 1, 1),
        Link(3, 0, "rw", "x", 1, 2),
    ]
    assert special_name(links, operations) is None


def test_an_order_that_others_make_has_no_name():
    operations = parse("{x=1 x:=3} {x:=2}").operations
    links = [Link(1, 0, "ww", "x", 2, 3), Link(0, 1, "rw", "x", 1, 2)]
    assert special_name(links, operations) == "lost update"
    made = links[0]._replace(seen_by=1, chain=(Link(1, 0, "process"),))
    assert special_name([made, links[1]], operations) is None
