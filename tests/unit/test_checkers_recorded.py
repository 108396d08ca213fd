"""What these checkers say of the recorded histories that are theirs."""

import pytest

from clew.checkers.collections.set_full import SetFull
from clew.checkers.replicated.convergence import Convergence
from clew.checkers.replicated.counters import IntervalCounter
from clew.checkers.simple.statistics import statistics
from clew.checkers.verdict import Verdict, run_checker
from clew.formats.reader import read_history

RECORDED = [
    # The run of the counter has 287 adds and not one read: nothing was shown.
    ("jepsen/counter.edn", IntervalCounter(), Verdict.UNKNOWN),
    ("jepsen/set.edn", SetFull(), Verdict.VALID),
    ("jepsen/set.edn", SetFull(linearizable=True), Verdict.VALID),
    ("jepsen/set.edn", Convergence(f_add="add"), Verdict.VALID),
]


@pytest.mark.parametrize(("file", "checker", "verdict"), RECORDED)
def test_recorded_histories(corpus, file, checker, verdict):
    result = run_checker(checker, read_history(corpus / file))
    assert result.verdict is verdict
    assert "crashed" not in result.reason


def test_the_recorded_counter_only_adds(corpus):
    figures = statistics(read_history(corpus / "jepsen" / "counter.edn"))
    assert (figures["ok"], list(figures["by_f"])) == (287, ["add"])
