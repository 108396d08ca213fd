"""The result of `clew.run`, and how it prints: in a terminal, a notebook or a failing test."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any

from clew.checkers.verdict import Result, Verdict
from clew.errors import UsageError
from clew.history import History
from clew.machine.text import html_text
from clew.node.timer import NS_PER_SECOND
from clew.report import layout
from clew.report.lanes import lanes
from clew.report.run import not_deterministic, run_report
from clew.report.screen import Style, drawn
from clew.report.shrink import shrunk_report
from clew.report.story import story
from clew.report.sweep import sweep_report
from clew.scenarios.code.models import hold
from clew.scenarios.code.workload_files import IN_MEMORY
from clew.scenarios.judgement.outcome import Outcome
from clew.scenarios.options.expectation import Met
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.plan import Plan
from clew.scenarios.repros.trust import replay_command
from clew.search.seeds import SeedResult, is_long, seed_result
from clew.search.shrink.oracle import whole_figures
from clew.search.shrink.shrinker import RUNS_MAX, SHRUNK, Shrunk, shrink, write_shrunk
from clew.search.summary import Summary
from clew.search.verification import Verification, verify
from clew.sim.finding import Finding


@dataclass(frozen=True)
class RunResult:
    """The runs of a call, and the one of them that is shown.

    That is the first with the worst verdict; of invalid runs, the first that fails in a way that
    was not expected. A result is true if its runs are as expected: all valid, unless something else
    was asked for.

    Attributes:
        runs: the result of each seed, in the order they were run.
        outcome: the run that is shown, in full.
        met: whether the runs are as expected.
        scenario: what was run; None for a plan.
        repro: the file for ``clew replay``; None if there is none.
        verification: whether the run that is shown was the same again; None if not asked.
        seconds: wall seconds of all runs.
        shrunk: how the plan was made small; None if it was not.
    """

    runs: tuple[SeedResult, ...]
    outcome: Outcome
    met: Met
    scenario: Scenario | None = None
    repro: str | None = None
    verification: Verification | None = None
    seconds: float = 0.0
    shrunk: Shrunk | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def ok(self) -> bool:
        """True if the runs are as expected."""
        return self.met.verdict is Verdict.VALID

    @property
    def verdict(self) -> Verdict:
        """The worst of the runs' verdicts."""
        return Verdict.merge([self.outcome.verdict, *(run.verdict for run in self.runs)])

    @property
    def failures(self) -> tuple[SeedResult, ...]:
        """The runs that are invalid."""
        return tuple(run for run in self.runs if run.verdict is Verdict.INVALID)

    @property
    def seed(self) -> int:
        """The seed of the run that is shown."""
        return self.plan.seed

    @property
    def plan(self) -> Plan:
        """The plan of the run that is shown."""
        return self.outcome.run.plan

    @property
    def history(self) -> History:
        """The history that the clients of the run that is shown saw."""
        return self.outcome.run.history

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings inside the nodes of the run that is shown."""
        return self.outcome.run.findings

    @property
    def statistics(self) -> dict[str, Any]:
        """The figures of the run that is shown, nested, as ``--assert`` names them."""
        return self.outcome.statistics

    def report(self) -> str:
        """Return what ``clew test`` prints."""
        one = run_report(self.outcome, self.verification, self.repro, Style())
        parts = [one] if self.shrunk is None else [self.tale()]
        if len(self.runs) > 1 and self.scenario is not None:
            summary = Summary(self.scenario.expect)
            for each in self.runs:
                summary.add(each)
            parts.insert(0, sweep_report(self.scenario, summary, self.seconds, Style()))
        return drawn("\n\n".join([*parts, *self._notes()]))

    def story(self) -> str:
        """Tell the run that is shown in numbered steps, up to what breaks the promise."""
        return drawn(story(self.outcome))

    def shrink(self, runs_max: int = RUNS_MAX) -> RunResult:
        """Find the smallest run that fails in the same way, and write it beside the repro file.

        Args:
            runs_max: the most runs that it may take.

        Raises:
            UsageError: the run that is shown is not invalid.
        """
        if self.verdict is not Verdict.INVALID:
            raise UsageError(
                "there is nothing to shrink", found=f"a run that is {self.verdict.value}"
            )
        return self._smaller if runs_max == RUNS_MAX else self._shrink(runs_max)

    @property
    def shrinkable(self) -> bool:
        """True for an invalid run that is the same each time and has not been made small yet.

        A run that a wall clock had to stop is left as it is, since each further run takes as long;
        so is one whose figures alone are wrong, since they are those of the whole run.
        """
        repeats = self.verification is None or self.verification.same
        invalid = self.verdict is Verdict.INVALID and self.shrunk is None
        left = is_long(self.outcome) or whole_figures(self.outcome)
        return invalid and repeats and not left

    @property
    def interrupted(self) -> bool:
        """True if Ctrl-C has ended the shrinking of this run, with its best so far."""
        small = self.__dict__.get("_smaller")
        return small is not None and small.shrunk.interrupted

    @cached_property
    def _smaller(self) -> RunResult:
        return self._shrink(RUNS_MAX)

    def _shrink(self, runs_max: int) -> RunResult:
        if self.in_memory:
            hold(self.outcome.model.program)
        shrunk = shrink(self.plan, runs_max=runs_max)
        repro = None
        if self.repro is not None:
            path = Path(self.repro).with_name(SHRUNK)
            write_shrunk(shrunk, path)
            repro = str(path)
        return replace(
            self,
            runs=(seed_result(shrunk.outcome),),
            outcome=shrunk.outcome,
            repro=repro,
            verification=None if self.in_memory else verify(shrunk.outcome.run),
            shrunk=shrunk,
        )

    @property
    def in_memory(self) -> bool:
        """True for a class that no other process can load."""
        return self.plan.model.name.endswith(IN_MEMORY)

    def explain(self, *, small: bool = True, runs_max: int = RUNS_MAX) -> str:
        """Explain why the runs are not as expected, as a failing test shows it.

        Args:
            small: shrink an invalid run first, which takes many more runs.
            runs_max: how many at most.
        """
        told = self.shrink(runs_max) if small and self.shrinkable else self
        parts = [self._headline()]
        if self.verdict is not Verdict.VALID:
            parts.append(told.tale())
        doubt = self.verification or told.verification
        if doubt is not None and not doubt.same:
            parts.append(not_deterministic(doubt, Style()))
        return drawn("\n\n".join([*parts, *self._notes(), *told.artefacts(self.repro)]))

    def tale(self) -> str:
        """Report the run that is shown, as it was found or as small as it became."""
        if self.shrunk is None:
            return run_report(self.outcome, None, None, Style())
        return shrunk_report(self.shrunk, None, Style())

    def _headline(self) -> str:
        title, word = self._title(), self._word()
        many = f" in {layout.several(len(self.runs), 'run')}" if len(self.runs) > 1 else ""
        head = f"{title}, seed {self.seed}: {word}{many}."
        expected = self.scenario is not None and self.scenario.expect is not None
        return (
            f"{head}\n{self.met.reason}"
            if expected or self.verdict is not Verdict.INVALID
            else head
        )

    def artefacts(self, first: str | None) -> list[str]:
        """Say where the files are, how to replay the smallest, and how to make a test of it."""
        if self.repro is None or first is None:
            return []
        named = self.plan.model.name, self.plan.workload
        lines = [
            f"Artefacts: {Path(first).parent}",
            f"Replay:    {replay_command(self.repro, *named)}",
        ]
        if self.shrunk is not None:
            lines.append(f"As found:  {replay_command(first, *named)}")
        lines.append(f"Keep it:   cp {quote(self.repro)} tests/clew/A_NAME.json")
        return ["\n".join(lines)]

    def _title(self) -> str:
        plan = self.plan
        model = layout.titled(plan.model.name.removesuffix(IN_MEMORY), plan.model.bug)
        return f"{model}, workload {plan.workload}"

    def _word(self) -> str:
        return Style().verdict(self.verdict)

    def _notes(self) -> list[str]:
        """List the seeds that gave no run, and what can't be done for a class without a file."""
        if not self.in_memory:  # otherwise no worker has run it
            return [layout.indented(line, "") for line in self._lost()]
        return [
            layout.indented(
                f"{self._title_in_memory()}. It was not run in "
                "a fresh process, which would show what depends on hash() or on the order of "
                "a set, its nodes share the memory of this process, and there is no repro file. "
                "For all three, put the class into a file and name that, as in 'my_node.py'.",
                "",
            )
        ]

    def _title_in_memory(self) -> str:
        model = self.outcome.model
        if model.system is None:
            return f"{model.node_class.__name__} was given as a class"
        return "The system was given as an object"

    def _lost(self) -> list[str]:
        """List the seeds that ended their worker process, one line per way of ending."""
        ways: dict[str, list[SeedResult]] = {}
        for run in self.runs:
            if not run.digest:
                ways.setdefault(run.signature, []).append(run)
        return [
            f"{layout.several(len(those), 'seed')} gave no run, the first of them "
            f"{those[0].seed}: {way}. {those[0].reason}"
            for way, those in ways.items()
        ]

    def __repr__(self) -> str:
        runs = (
            "" if len(self.runs) == 1 else f"{len(self.failures)} of {len(self.runs)} runs failed; "
        )
        lines = [f"<clew {self._word()}: {runs}{self._title()}, seed {self.seed}"]
        lines += [
            layout.hanging(f"  {check.name}: ", check.reason)
            for check in self.outcome.checks
            if check.verdict is not Verdict.VALID
        ]
        lines += [layout.hanging("  ", line) for line in self._lost()]
        figures = self.statistics["operations"]
        if self.verdict is Verdict.VALID:
            lines.append(
                f"  {figures['ok']:,} of {layout.several(figures['count'], 'operation')} "
                f"succeeded, {layout.several(len(self.outcome.run.faults), 'fault')}, "
                f"{self.outcome.run.virtual_ns / NS_PER_SECOND:g} virtual seconds"
            )
        return drawn("\n".join(lines)) + ">"

    def _repr_html_(self) -> str:
        """Draw the verdicts as a table, and what happened just before a failure."""
        rows = "".join(map(_row, self.outcome.checks))
        figure = next(
            (text for check in self.outcome.checks for one in check.anomalies[:1]
             if (text := lanes(self.outcome.run, one))), "",
        )  # fmt: skip
        head = repr(self).splitlines()[0].removeprefix("<clew ").removesuffix(">")
        told = f"<pre>{html_text(figure)}</pre>" if figure else ""
        return f"<div><b>{html_text(head)}</b><table>{rows}</table>{told}</div>"


_COLOURS = {Verdict.VALID: "#2a7", Verdict.UNKNOWN: "#b80", Verdict.INVALID: "#c22"}


def _row(check: Result) -> str:
    cell = '<td style="text-align:left;vertical-align:top'
    word = Style().verdict(check.verdict)
    return (
        f'<tr>{cell}">{html_text(check.name)}</td>{cell};color:{_COLOURS[check.verdict]}">{word}</td>'
        f'{cell}">{html_text(check.reason)}</td></tr>'
    )
