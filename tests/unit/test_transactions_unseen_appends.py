"""List-append: orders of appends that no read shows, which the search completes."""

import pytest
from notation import parse

from clew.checkers.transactions import ListAppend
from clew.checkers.verdict import Budget, Verdict


def check(line, *models):
    return ListAppend(models or ("strict-serializable",)).check(parse(line), Budget(None))


# What nobody saw was installed in some order. Each of these pairs missed a write of the other, so
# neither came first; yet both wrote x, so one must have.
UNSEEN = [
    (
        "two that overlap",
        "{z=[] y+1 x+1} {y=[] z+1 x+2}",
        ["consistent-view", "repeatable-read"],
        ["strong-session-prefix", "strong-read-committed"],
    ),
    (
        "two of one session, and a third writer of the key",
        "p0{x+1 y+1 z=[]} p1{y=[1]}> | p0{z+1 x+2 y=[]} p2{y=[] z=[] x+3}",
        ["consistent-view", "repeatable-read", "strong-session-read-atomic"],
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
