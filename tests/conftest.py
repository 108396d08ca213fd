"""Fixtures that more than one folder of tests needs."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", parent=settings.get_profile("ci"), max_examples=2000)
settings.load_profile(os.environ.get("CLEW_HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of recorded histories, or a skip where this machine has none."""
    named = os.environ.get("CLEW_CORPUS")
    beside = Path(__file__).resolve().parent.parent.parent / "shared" / "corpus"
    folder = Path(named) if named else beside
    if not folder.is_dir():
        pytest.skip(f"no recorded histories at {folder}; set CLEW_CORPUS to their folder")
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """With ``-n auto``: two workers per processor, since many tests wait for other processes."""
    del config
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``-n``: a worker that has nothing left takes tests from one that has.

    Else a worker may end with a row of long tests while the other waits for it.
    """
    from xdist.scheduler import WorkStealingScheduling  # noqa: PLC0415 - without xdist no call

    return WorkStealingScheduling(config, log) if config.getvalue("dist") == "load" else None
