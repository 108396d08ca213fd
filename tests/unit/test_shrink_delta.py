"""Delta debugging on synthetic tests: what is left fails, and no element of it can go."""

from hypothesis import given
from hypothesis import strategies as st

from clew.search.shrink.delta import least, minimised

wanted_sets = st.sets(st.integers(0, 39), max_size=6)


@given(wanted_sets)
def test_what_decides_is_all_that_is_left(wanted):
    assert minimised(range(40), lambda part: wanted <= set(part)) == sorted(wanted)


@given(st.lists(wanted_sets, min_size=1, max_size=4))
def test_the_result_fails_and_is_one_minimal(alternatives):
    def fails(part):
        return any(wanted <= set(part) for wanted in alternatives)

    left = minimised(range(40), fails)
    assert fails(left)
    assert not any(fails([one for one in left if one != gone]) for gone in left)


@given(st.sets(st.integers(0, 19), min_size=1))
def test_a_test_that_is_not_monotone_is_still_minimised(wanted):
    def fails(part):  # an even number of elements passes, whatever they are
        return len(part) % 2 == 1 and bool(wanted & set(part))

    left = minimised(range(21), fails)
    assert fails(left)
    assert left == sorted(left)


def test_few_questions_where_single_elements_decide():
    asked = []

    def fails(part):
        asked.append(tuple(part))
        return 700 in part

    assert minimised(range(1000), fails) == [700]
    assert len(asked) < 30


def test_parts_are_no_smaller_than_asked_for():
    sizes = []

    def fails(part):
        sizes.append(len(part))
        return len(part) == 64

    assert len(minimised(range(64), fails, parts_max=4)) == 64
    assert min(size for size in sizes if size) == 16


def test_nothing_is_asked_of_an_empty_list():
    assert minimised([], lambda _: 1 / 0) == []


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_the_least_number_that_fails(low, more):
    bound = low + more // 3
    assert least(low, low + more, lambda n: n >= bound, tries=20) == min(bound, low + more)
    assert least(low, low + more, lambda n: n >= bound, tries=2) >= min(bound, low + more)
