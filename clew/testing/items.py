"""Files that are tests: repro files as regression tests, and scenarios.

A regression file keeps a plan that failed once. The test fails while the plan's run is invalid, in
any way. It passes once the check that failed is valid, and is skipped where that check is unknown,
or the run does not repeat, for then the plan shows nothing. The file of a bug that is to stay, such
as a planted one, says so with ``"regression": "reproduces"``: then the run must be invalid in the
way that the file expects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clew.api import repeated
from clew.checkers.verdict import Result, Verdict
from clew.errors import ClewError, ScenarioError
from clew.formats.regular import read_regular
from clew.machine.crash import crash_of
from clew.report.screen import Style, drawn
from clew.report.story import story
from clew.scenarios.judgement.outcome import Outcome, judge
from clew.scenarios.plans.plan import Plan
from clew.scenarios.repros.repro import Repro, model_of, read_repro
from clew.scenarios.repros.trust import is_outside, replay_command
from clew.scenarios.runs.run import simulate
from clew.search.verification import determinism
from clew.testing.runs import located, repeats, runs_of, shown

REGRESSIONS = {
    # what a file may say about its bug: what its test requires
    "fixed": "the run must not be invalid",
    "reproduces": "the run must be invalid as the file expects",
}


class RunsFile(pytest.File):
    """A repro file or a scenario: one test."""

    def collect(self) -> Iterator[pytest.Item]:
        """Give the test."""
        if self.path.suffix == ".toml":
            yield ScenarioItem.from_parent(self, name="scenario")
        else:
            yield RegressionItem.from_parent(self, name="regression")


class ScenarioItem(pytest.Item):
    """A scenario file, with its own number of runs, first seed and expectation."""

    def runtest(self) -> None:
        """Run its seeds."""
        __tracebackhide__ = True
        runs_of(self).run(self.path)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the file, and its name in a report."""
        return self.path, None, f"scenario {shown(self.path)}"


class RegressionItem(pytest.Item):
    """A repro file, whose plan is run again."""

    def runtest(self) -> None:
        """Run its plan."""
        __tracebackhide__ = True
        self.user_properties.append(("clew_runs", 1))
        try:
            repro = read_repro(shown(self.path))
            mode = _mode(self.path)
            plan = self._located(repro.plan)
            self._check_place(plan)
            model = model_of(plan)
            outcome = judge(simulate(plan, model), model)
            text = (
                self._reproduced(repro, outcome) if mode == "reproduces" else self._fixed(outcome)
            )
        except ClewError as bad:
            raise pytest.fail.Exception(str(bad), pytrace=False) from None
        except Exception as mistake:
            raise crash_of(mistake) from mistake
        if text:
            pytest.fail(drawn(text), pytrace=False)
        doubt = _doubt(repro, outcome)
        if doubt is None and outcome.verdict is Verdict.VALID and repeats(self.config):
            doubt = determinism(repeated(outcome))
        if doubt is not None:
            pytest.skip(f"{doubt.name} is unknown: {doubt.reason}")

    def _located(self, plan: Plan) -> Plan:
        """Look for the users' files of a plan here, at the root, and beside the repro file."""
        folders = [Path.cwd(), self.config.rootpath, self.path.parent]
        name = located(plan.model.name, folders)
        assert isinstance(name, str)
        workload = located(plan.workload, folders)
        assert isinstance(workload, str)
        return replace(plan, model=replace(plan.model, name=name), workload=workload)

    def _check_place(self, plan: Plan) -> None:
        """Do nothing if the model's file, which is about to be imported, is in the project.

        Raises:
            ScenarioError: it lies elsewhere.
        """
        if is_outside(self.path, plan.model.name, plan.workload):
            raise ScenarioError(
                "the model's file lies outside the project of this file",
                where=str(shown(self.path)),
                expected=f"a file below {self.config.rootpath}",
                found=plan.model.name,
                fix="Put it into the project, or run it with 'clew replay --allow-outside'",
            )

    def _fixed(self, outcome: Outcome) -> str:
        """Return why the bug is not fixed; empty if the run is not invalid."""
        if outcome.verdict is not Verdict.INVALID:
            return ""
        return f"{self._headline(outcome)}\n\n{story(outcome)}\n\n{self._command(outcome)}"

    def _reproduced(self, repro: Repro, outcome: Outcome) -> str:
        """Return why the bug no longer shows as the file expects; empty if it does."""
        if outcome.verdict is Verdict.INVALID and outcome.signature == repro.signature:
            return ""
        return (
            f"{self._headline(outcome)}\nIt was to be invalid: {repro.signature}.\nIf the bug is "
            f'fixed, take "regression": "reproduces" out of the file.\n\n{self._command(outcome)}'
        )

    def _headline(self, outcome: Outcome) -> str:
        told = f": {outcome.signature}" if outcome.signature else ""
        return f"{shown(self.path)}: the plan is {Style().verdict(outcome.verdict)}{told}."

    def _command(self, outcome: Outcome) -> str:
        plan = outcome.run.plan
        return f"Replay: {replay_command(str(shown(self.path)), plan.model.name, plan.workload)}"

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the file, and its name in a report."""
        return self.path, None, f"regression {shown(self.path)}"


def _doubt(repro: Repro, outcome: Outcome) -> Result | None:
    """Find a check that failed in the file's run, and is unknown in this one.

    Others may well be unknown: a small plan shows little.
    """
    failed = {part.partition(":")[0] for part in repro.signature.split("; ")}
    undecided = [check for check in outcome.checks if check.verdict is Verdict.UNKNOWN]
    return next((check for check in undecided if check.name in failed), None)


def _mode(path: Path) -> str:
    """Read what a repro file says about its bug.

    Raises:
        ScenarioError: it says something else.
    """
    said = json.loads(read_regular(path, ScenarioError)).get("regression", "fixed")
    if said not in REGRESSIONS:
        raise ScenarioError(
            '"regression" can\'t be used',
            where=str(shown(path)),
            expected=" or ".join(REGRESSIONS),
            found=repr(said),
        )
    return str(said)
