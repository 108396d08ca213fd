"""Fixtures that more than one file of unit tests needs."""

import pytest
from plugin_project import BAD, GOOD
from raft_bench import Bench


@pytest.fixture
def bench() -> Bench:
    """Three nodes of Raft after two seconds: one of them leads."""
    bench = Bench(3)
    bench.advance(2)
    return bench


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with a right node and a wrong one."""
    pytester.makepyfile(good=GOOD, bad=BAD)
    return pytester
