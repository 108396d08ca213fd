"""Fixtures that more than one folder of tests needs."""

import os
from pathlib import Path

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
