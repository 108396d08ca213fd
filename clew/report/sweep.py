"""The report at the end of many runs: how many failed and how, each way of failing once."""

from __future__ import annotations

from collections.abc import Callable

from clew.checkers.verdict import Verdict
from clew.machine.version import __version__
from clew.report import layout
from clew.report.run import speed
from clew.report.screen import Style
from clew.report.suite import command
from clew.scenarios.options.scenario import Scenario
from clew.search.summary import Group, Summary

SEEDS_SHOWN = 8

BESIDE_A_RUN = frozenset({"model", "bug", "runs", "seed", "expect", "description"})
"""The options of a scenario that are not shown with the others."""


def sweep_report(
    scenario: Scenario,
    summary: Summary,
    seconds: float,
    style: Style,
    again: Callable[[int], str] | None = None,
) -> str:
    """Report how many seeds gave which verdict, how they failed, and what faults did.

    Args:
        scenario: what was run.
        summary: all of its runs.
        seconds: wall seconds.
        style: colour or none.
        again: gives the command that runs a seed again; None if there is none.
    """
    model = layout.titled(scenario.model, scenario.bug)
    seeds = (
        f"seed {summary.first}"
        if summary.first == summary.last
        else f"seeds {summary.first} to {summary.last}"
    )
    seen = len(summary.behaviours)  # none if they were not counted
    took = speed(summary.virtual_ns, seconds)
    parts = [
        style.heading(f"Clew {__version__}: {model}, {seeds}"),
        layout.table(options_shown(scenario)),
        f"{layout.several(summary.runs, 'run')}: {counts(summary, style)}; {took}.",
        expectation(scenario.expect, summary, style),
        failures(summary, style, again),
        fault_counts(summary),
        remarks(summary),
        f"  {seen:,} behaviours, the last new one at seed {summary.newest}" if seen else "",
    ]
    return "\n".join(part for part in parts if part)


def counts(summary: Summary, style: Style) -> str:
    """Count the runs of each verdict."""
    return ", ".join(
        f"{count:,} {style.verdict(verdict)}" for verdict, count in summary.counts.items() if count
    )


def expectation(expect: str | None, summary: Summary, style: Style) -> str:
    """Report whether the runs showed what was expected; empty without an expectation."""
    if expect is None:
        return ""
    met = summary.met
    head = f"Expected {expect}, found {summary.verdict.value}: "
    if met.verdict is Verdict.VALID:
        return head + style.paint("as expected", "green") + "."
    return layout.hanging("", head + met.reason)


def options_shown(scenario: Scenario) -> list[tuple[str, str]]:
    """List the options that are not the defaults."""
    named = scenario.model_dump(exclude=set(BESIDE_A_RUN), exclude_defaults=True)
    told = ", ".join(f"{name.replace('_', '-')}{_shown(option)}" for name, option in named.items())
    return [("options", told)] if told else []


def _shown(option: object) -> str:
    """Write an option's value as it follows its name; a flag needs none."""
    if option is True:
        return ""
    return " " + (",".join(map(str, option)) if isinstance(option, tuple) else str(option))


def failures(summary: Summary, style: Style, again: Callable[[int], str] | None = None) -> str:
    """List each way of failing with its seeds: the worst first, then the most frequent."""
    lines = []
    for (verdict, signature), group in worst_first(summary):
        seeds = ", ".join(str(seed) for seed in group.seeds[:SEEDS_SHOWN])
        more = " ..." if len(group.seeds) > SEEDS_SHOWN else ""
        lines += [
            f"  {style.verdict(verdict)} {layout.several(len(group.seeds), 'time')}: {signature}",
            f"    seeds {seeds}{more}",
            layout.hanging("    ", f"first: {group.first.reason}"),
        ]
        known = command(group.first, again)
        lines += [f"    {known}"] if known else []
    return "\n".join(lines)


def worst_first(summary: Summary) -> list[tuple[tuple[Verdict, str], Group]]:
    """Order the ways of failing: the worst first, then the most frequent."""
    return sorted(
        summary.groups.items(), key=lambda item: (_WORST.index(item[0][0]), -len(item[1].seeds))
    )


_WORST = (Verdict.INVALID, Verdict.UNKNOWN, Verdict.VALID)


def fault_counts(summary: Summary) -> str:
    """Report how often each kind of fault was planned and took effect, over all runs."""
    told = ", ".join(
        f"{kind} {summary.bit[kind]:,} of {planned:,}"
        for kind, planned in sorted(summary.planned.items())
    )
    return layout.hanging("  ", f"faults that bit: {told}") if told else ""


def remarks(summary: Summary) -> str:
    """List what is worth knowing and changes no verdict; the first of similar remarks."""
    told = [
        layout.hanging("  ", f"remark on {layout.several(runs, 'run')}: {remark}")
        for remark, runs in summary.remarks.values()
    ]
    return "\n".join(told)


def case_line(name: str, summary: Summary, style: Style) -> str:
    """Report on one scenario of several: whether it gave what was expected."""
    met = summary.met
    runs = f"{layout.several(summary.runs, 'run')}, {counts(summary, style)}"
    if met.verdict is Verdict.VALID:
        return f"{style.paint('as expected', 'green')}  {name}: {runs}"
    word = "NOT as expected" if met.verdict is Verdict.INVALID else "not decided"
    return f"{style.paint(word, 'red')}  {name}: {runs}\n{layout.hanging('    ', met.reason)}"
