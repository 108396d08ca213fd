"""The report of a hunt: what it tried, what took effect, what it reached, what more would show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from clew.checkers.verdict import Verdict
from clew.machine.version import __version__
from clew.report import layout
from clew.report.run import speed
from clew.report.screen import Style
from clew.report.suite import command
from clew.report.sweep import counts, expectation, failures, fault_counts, options_shown, remarks
from clew.scenarios.options.scenario import Scenario
from clew.search.hunt.reach import Findings, failing_at_most
from clew.search.hunt.themes import FAMILIES
from clew.search.summary import Summary

MINUTE = 60.0
_NAMED = 12


class Hunted(NamedTuple):
    """A hunt, for its report.

    Attributes:
        scenario: what was hunted.
        summary: how its runs ended.
        findings: what they tried and reached.
        idle: faults that were asked for by name, and never took effect.
        seconds: wall seconds.
        again: gives the command that runs a seed again.
    """

    scenario: Scenario
    summary: Summary
    findings: Findings
    idle: tuple[str, ...]
    seconds: float
    again: Callable[[int], str]

    @property
    def minute(self) -> int:
        """How many runs a minute has at the rate so far."""
        return round(self.summary.runs * MINUTE / max(self.seconds, 1e-9))

    @property
    def verdict(self) -> Verdict:
        """The verdict on all runs, as far as they were expected to be valid."""
        met = self.summary.met.verdict
        return Verdict.merge([met, Verdict.UNKNOWN]) if self.idle else met


def hunt_report(hunted: Hunted, style: Style) -> str:
    """Write the report of a hunt."""
    summary, scenario = hunted.summary, hunted.scenario
    model = layout.titled(scenario.model, scenario.bug)
    took = speed(summary.virtual_ns, hunted.seconds)
    parts = [
        style.heading(f"Clew {__version__}: a hunt of {model}, seeds {summary.first} to "
                      f"{summary.last}"),
        layout.table(options_shown(scenario)),
        f"{layout.several(summary.runs, 'run')}: {counts(summary, style)}; {took}.",
        expectation(scenario.expect, summary, style),
        failures(summary, style, hunted.again),
        *(layout.hanging("  ", told) for told in [idle_words(hunted)] if told),
        layout.hanging("  ", _tried(hunted.findings)),
        fault_counts(summary),
        layout.hanging("  ", reached_words(hunted)),
        layout.hanging("  ", next_words(hunted)),
        remarks(summary),
    ]  # fmt: skip
    return "\n".join(part for part in parts if part)


def idle_words(hunted: Hunted) -> str:
    """Name the faults that were asked for and never took effect; empty for none."""
    if not hunted.idle:
        return ""
    return (
        f"UNKNOWN: {layout.listed(hunted.idle)} was asked for, and did nothing that a node could "
        "notice in any run."
    )


def _tried(findings: Findings) -> str:
    """Say how many runs each family of themes had."""
    told = []
    for family, each in FAMILIES.items():
        tried = findings.of_family(family)
        themes = sum(theme.family == family for theme in findings.tried)
        if tried.runs:
            of = f" in {themes} themes" if themes > 1 else ""
            failed = f", {tried.invalid:,} invalid" if tried.invalid else ""
            told.append(f"{each.meaning} {tried.runs:,}{of}{failed}")
    return f"runs by theme: {'; '.join(told)}"


def reached_words(hunted: Hunted) -> str:
    """Say what nodes did and which faults met in any of the runs."""
    reach = hunted.findings.reach
    told = [
        layout.several(len(reach.of("deliver")), "type") + " of message by the receiver's state",
        layout.several(len(reach.of("pair")), "pair") + " of them one after the other",
        layout.several(len(reach.of("role")), "change") + " of state",
        layout.several(len(reach.overlaps), "pair") + " of kinds of fault at the same time",
    ]
    newest = f"the nodes last did something new at seed {reach.newest}"
    return f"reached: {', '.join(told)}; {newest}"


def next_words(hunted: Hunted) -> str:
    """Say what another minute would show, as far as anybody can tell."""
    reach, minute = hunted.findings.reach, hunted.minute
    new, unseen = round(reach.expected(minute)), round(reach.unseen)
    told = f"another minute: {layout.several(minute, 'run')} that show "
    if unseen:
        told += f"about {layout.several(new, 'new behaviour')} of {unseen:,} or more unseen ones"
    else:
        told += "probably no new behaviour"
    told += f", beside {len(reach.seen):,} seen (Chao's estimate)"
    most = failing_at_most(hunted.summary.runs)
    if hunted.summary.verdict is Verdict.VALID and most is not None:
        told += f"; at 95 % confidence fewer than 1 in {round(1 / most):,} such runs fail"
    return told


def hunt_json(hunted: Hunted, shrunk: dict[str, str]) -> dict[str, Any]:
    """Describe the hunt as ``clew hunt --json`` prints it.

    Args:
        hunted: the hunt.
        shrunk: by signature, the file of the smallest plan that was found.
    """
    summary, findings, reach = hunted.summary, hunted.findings, hunted.findings.reach
    minute = hunted.minute
    return {
        "model": hunted.scenario.model,
        "bug": hunted.scenario.bug,
        "verdict": hunted.verdict.value,
        "seeds": [summary.first, summary.last],
        "runs": {verdict.value: count for verdict, count in summary.counts.items()},
        "virtual_seconds": summary.virtual_ns / 1e9,
        "wall_seconds": round(hunted.seconds, 3),
        "tried": [
            {"family": theme.family, "theme": str(theme), **tried._asdict()}
            for theme, tried in findings.tried.items()
        ],
        "faults": {
            kind: {"planned": planned, "took_effect": summary.bit[kind]}
            for kind, planned in sorted(summary.planned.items())
        },
        "idle": list(hunted.idle),
        "reached": {
            "deliveries": [list(each[1:]) for each in reach.of("deliver")],
            "changes": [list(each[1:]) for each in reach.of("role")],
            "overlaps": [list(each) for each in sorted(reach.overlaps)],
            "behaviours": len(reach.seen),
            "newest_seed": reach.newest,
        },
        "minute": {
            "runs": minute,
            "new_behaviours": round(reach.expected(minute), 2),
            "unseen_behaviours": round(reach.unseen, 2),
            "failing_at_most": failing_at_most(summary.runs)
            if summary.verdict is Verdict.VALID
            else None,
        },
        "failures": [
            {
                "signature": signature,
                "verdict": verdict.value,
                "seeds": group.seeds,
                "reason": group.first.reason,
                "repro": group.first.repro,
                "shrunk": shrunk.get(signature),
                "command": command(group.first, hunted.again),
            }
            for (verdict, signature), group in summary.groups.items()
        ],
    }
