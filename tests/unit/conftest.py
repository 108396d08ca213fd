"""Fixtures that more than one file of unit tests needs."""

import shutil
from pathlib import Path

import pytest
from browsing import started
from plugin_project import BAD, GOOD
from raft_bench import Bench
from two_kinds_plans import FILE


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium."""
    with started() as browser:
        yield browser


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in an empty folder, and not as on a build server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the file of the system of two kinds of node, where commands run."""
    shutil.copy(FILE, tmp_path / "two_kinds.py")
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
