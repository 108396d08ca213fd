"""Long values are cut between two of their parts, and never inside a number."""

import json
import re

import pytest

from clew.checkers.linearizability.specification import show
from clew.checkers.values import shown
from clew.formats.record import shown as shown_of_a_file
from clew.machine.text import first_parts, outer_parts
from clew.node.message import Message
from clew.scenarios.options.table import found
from clew.scenarios.plans.planfile import shortened
from clew.sim.findings import cause_text
from clew.trace.words import short, value

NUMBERS = [1000 * rank + 7 for rank in range(400)]
CUTTERS = {
    "of a trace": short,
    "of a history": value,
    "of a checker": shown,
    "of a specification": show,
    "of a file": shown_of_a_file,
    "of a plan": shortened,
    "of an option": found,
    "of a cause": lambda body: cause_text(Message("c1", "n1", {"type": "x", "values": body})),
}


@pytest.mark.parametrize("cutter", CUTTERS)
@pytest.mark.parametrize("first", range(0, 12, 3))
def test_every_number_that_is_shown_is_one_of_the_value(cutter, first):
    told = CUTTERS[cutter](NUMBERS[first:])
    assert "..." in told
    whole = {str(number) for number in NUMBERS}
    assert set(re.findall(r"\d+", told.removesuffix(" from c1"))) <= whole


@pytest.mark.parametrize("most", range(24, 90))
def test_none_is_longer_than_asked(most):
    text = json.dumps(NUMBERS)
    for one in (first_parts(text, most), outer_parts(text, most)):
        assert len(one) <= most
        assert set(re.findall(r"\d+", one)) <= {str(number) for number in NUMBERS}
    for one in ("a" * 100, "[" + "1" * 100 + "]"):  # there is nothing between
        assert len(first_parts(one, most)) == len(outer_parts(one, most)) == most


def test_both_ends_are_there():
    assert outer_parts(json.dumps(NUMBERS), 40) == "[7, 1007, 2007, 3007, ..., 399007]"
    assert outer_parts(json.dumps("ab" * 40), 20) == '"ababababa ... abab"'
