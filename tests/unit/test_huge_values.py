"""What would be a text of megabytes is never written as one, however often a node raises it."""

import tracemalloc

import pytest

from clew.machine.text import HUGE, TEXT_MAX, said, shown
from clew.sim.finding import users_traceback
from clew.sim.findings import Findings
from clew.sim.world import World
from clew.trace.record import Trace

MANY = 400_000


def tree(depth):
    """A list whose text doubles with each level, in few objects."""
    made = ["x"]
    for _ in range(depth):
        made = [made, made]
    return made


VALUES = {
    "a text": "x" * 4_000_000,
    "bytes": b"\xff" * 4_000_000,
    "a list": ["x" * 10] * MANY,
    "an object": dict.fromkeys(range(MANY), "x" * 10),
    "a text in an object": {"type": "x", "value": "y" * 4_000_000, "z": [1]},
    "an exception": ValueError("x" * 4_000_000),
    "an exception with a list": KeyError(["x" * 10] * MANY, 1),
    "a tree of lists": tree(60),
}


@pytest.mark.parametrize("what", VALUES)
def test_showing_it_takes_little_memory(what):
    tracemalloc.start()
    told = shown(VALUES[what])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(told) < 2 * TEXT_MAX
    assert most < 4_000_000


@pytest.mark.parametrize("value", [["x" * 10] * MANY, {"a": ["x" * 10] * MANY}])
def test_what_an_exception_says_is_bounded_too(value):
    tracemalloc.start()
    told = said(ValueError(value))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told.startswith("ValueError: ")
    assert most < 4_000_000


def test_what_is_not_huge_is_written_as_ever():
    value = {"a": ["x"] * (HUGE // 10), "b": ValueError("no")}
    whole = repr(value)
    told = shown(value)
    assert (told[:1500], told[-500:]) == (whole[:1500], whole[-500:])
    assert shown(ValueError("no")) == "ValueError('no')"


def test_a_traceback_of_many_lines_keeps_both_ends():
    told = users_traceback(ValueError("x\n" * 1_000_000 + "end"))
    assert told.startswith("ValueError: x\nx\n")
    assert told.endswith("end\n")
    assert len(told) < 10 * TEXT_MAX


class CountedError(Exception):
    texts = 0

    def __str__(self):
        CountedError.texts += 1
        return "counted"


def fail():
    raise CountedError


def test_an_exception_that_is_known_already_is_not_written_again():
    findings = Findings(World(), Trace())
    texts = []
    for node in ("n1", "n1", "n1", "n2"):
        with pytest.raises(CountedError) as raised:
            fail()
        findings.raised(node, raised.value, "start")
        texts.append(CountedError.texts)
    assert [finding.node for finding in findings] == ["n1", "n2"]
    assert 0 < texts[0] == texts[1] == texts[2] < texts[3]
