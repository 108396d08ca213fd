"""Runs of Clew as tests of pytest: a marker, a fixture, and files that are collected.

    @pytest.mark.clew("raft", nemesis="partition,kill", runs=200)
    def test_raft(): ...

    def test_counter(clew):
        result = clew.run("my_counter.py", workload="g-counter", runs=50)
        assert result.statistics["servers"]["msgs_per_op"] < 10

Under the folders of the ini option ``clew_paths``, or named on the command line, a repro file
(``*.json``) is a regression test and a scenario (``*.toml``) a test of its own.

This module is loaded with pytest whether a project uses it or not: the modules that run anything
are imported when a test needs them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clew.search.valid_runs import listening

if TYPE_CHECKING:
    from collections.abc import Generator

    import pluggy

    from clew.testing.items import RunsFile
    from clew.testing.runs import Runs

MARKER = "clew(model, **options): run a cluster of the model before the test, with the options \
of a scenario, such as workload, nemesis and runs; the test fails if the runs are not valid"

OPTIONS = {
    # options of the command line that have a value: its name, and their meaning
    "seed": ("N", "The first seed of every clew test."),
    "runs": ("N", "How many seeds every clew test runs."),
    "for": ("TIME", "Run seeds for this long in every clew test, such as 30s."),
    "shard": ("I/N", "Run the I-th of N parts of the seeds, such as 3/10."),
}

PATHS = ["tests/clew"]
"""Where repro files and scenarios are collected, unless the ini option says otherwise."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command line's options, for every test that runs seeds, and the ini file's."""
    group = parser.getgroup("clew", "Clew")
    for name, (metavar, meaning) in OPTIONS.items():
        group.addoption(f"--clew-{name}", metavar=metavar, help=meaning)
    group.addoption(
        "--clew-no-shrink", action="store_true", help="Report a failing run as it was found."
    )
    group.addoption(
        "--clew-no-verify",
        action="store_true",
        help="Do not repeat a valid run of each test to compare, which takes three more runs.",
    )
    parser.addini("clew_paths", "Folders whose repro files and scenarios are tests.", "args", PATHS)
    parser.addini("clew_out", "The folder for artefacts of failing runs.", default="out")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, also for ``--strict-markers``; check the command line's options.

    Raises:
        pytest.UsageError: one of them is wrong.
    """
    config.addinivalue_line("markers", MARKER)
    if any(config.getoption(f"clew_{name}") is not None for name in OPTIONS):
        from clew.testing.runs import check_options  # noqa: PLC0415 - this module must load quickly

        check_options(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> RunsFile | None:
    """Collect repro files and scenarios as tests."""
    if file_path.suffix not in {".json", ".toml"}:
        return None
    config = parent.config
    folders = [config.rootpath / folder for folder in config.getini("clew_paths")]
    named = parent.session.isinitpath(file_path)
    if not named and not any(folder in file_path.parents for folder in folders):
        return None
    from clew.testing.items import RunsFile  # noqa: PLC0415 - this module must load quickly

    return RunsFile.from_parent(parent, path=file_path)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run what a test's markers ask for, then its body, then one of its valid runs once more."""
    markers = list(item.iter_markers("clew"))
    if markers:
        from clew.testing.runs import runs_of  # noqa: PLC0415 - this module must load quickly

        for marker in reversed(markers):
            runs_of(item).run_marked(marker)
    with listening() as largest:
        done = yield
    if largest.outcome is not None and not item.config.getoption("clew_no_verify"):
        from clew.testing.runs import check_repeated  # noqa: PLC0415 - as above

        check_repeated(largest.outcome)
    return done


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pluggy.Result[pytest.TestReport], None]:
    """Report a mistake of Clew's own as an error, whatever the test expects to fail."""
    made = yield
    crash = sys.modules.get("clew.machine.crash")  # this module must load quickly
    if crash and call.excinfo is not None and isinstance(call.excinfo.value, crash.CrashError):
        report = made.get_result()
        report.outcome, report.longrepr = "failed", str(call.excinfo.value)
        vars(report).pop("wasxfail", None)
        if report.when == "call":
            report.when = "setup"  # a failure there is an error to pytest, in all its reports


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report how many runs there were: with a time or a shard nobody knows it beforehand."""
    counts = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == "clew_runs"  # as `Runs.run` and a regression test leave it
    ]
    if counts:
        from clew.report.layout import several  # noqa: PLC0415 - only where it was used

        told = f"clew: {several(sum(counts), 'run')} in {several(len(counts), 'call')}"
        terminalreporter.write_line(told)


@pytest.fixture
def clew(request: pytest.FixtureRequest) -> Runs:
    """Runs seeds, ``clew.run(model, **options)``, and fails the test if they are not valid.

    What the markers of the test ran is in ``clew.results``, the last of it in ``clew.result``.
    """
    from clew.testing.runs import runs_of  # noqa: PLC0415 - this module must load quickly

    return runs_of(request.node)
