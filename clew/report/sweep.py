"""The end of many runs: how many failed and how, each way of failing once."""

from __future__ import annotations

from collections.abc import Sequence

import clew
from clew.checkers.verdict import Verdict
from clew.report import words
from clew.report.run import speed
from clew.report.style import Style
from clew.scenarios.scenario import Scenario
from clew.search.sweep import SeedResult
from clew.sim.world import NS_PER_SECOND

SEEDS_SHOWN = 8


def sweep_report(
    scenario: Scenario, results: Sequence[SeedResult], seconds: float, style: Style
) -> str:
    """How many seeds gave which verdict, the ways in which they failed, and what faults did."""
    counts = {verdict: sum(r.verdict is verdict for r in results) for verdict in Verdict}
    bug = f" with the bug {scenario.bug}" if scenario.bug else ""
    first, last = results[0].seed, results[-1].seed
    head = f"Clew {clew.__version__}: {scenario.model}{bug}, seeds {first} to {last}"
    told = ", ".join(
        f"{count:,} {style.verdict(verdict)}" for verdict, count in counts.items() if count
    )
    virtual = sum(result.json.get("virtual_seconds", 0.0) for result in results)
    took = speed(round(virtual * NS_PER_SECOND), seconds)
    parts = [
        style.heading(head),
        words.table(_options(scenario)),
        f"{words.several(len(results), 'run')}: {told}; {took}.",
        _failures(results, style),
        _faults(results),
    ]
    return "\n".join(part for part in parts if part)


def _options(scenario: Scenario) -> list[tuple[str, str]]:
    """The options that are not the defaults."""
    named = scenario.model_dump(exclude={"model", "bug"}, exclude_defaults=True)
    told = ", ".join(f"{name.replace('_', '-')}{_shown(option)}" for name, option in named.items())
    return [("options", told)] if told else []


def _shown(option: object) -> str:
    """An option's value as it follows its name; a flag says enough by itself."""
    if option is True:
        return ""
    return " " + (",".join(map(str, option)) if isinstance(option, tuple) else str(option))


def _failures(results: Sequence[SeedResult], style: Style) -> str:
    """Each way of failing with its seeds, the most frequent first."""
    groups: dict[tuple[Verdict, str], list[SeedResult]] = {}
    for result in results:
        if result.verdict is not Verdict.VALID:
            groups.setdefault((result.verdict, result.signature), []).append(result)
    lines = []
    for (verdict, signature), members in sorted(groups.items(), key=lambda item: -len(item[1])):
        seeds = ", ".join(str(member.seed) for member in members[:SEEDS_SHOWN])
        more = " ..." if len(members) > SEEDS_SHOWN else ""
        lines += [
            f"  {style.verdict(verdict)} {words.several(len(members), 'time')}: {signature}",
            f"    seeds {seeds}{more}",
            words.hanging("    ", f"first: {members[0].reason}"),
        ]
        if members[0].repro:
            lines.append(f"    clew replay {members[0].repro}")
    return "\n".join(lines)


def _faults(results: Sequence[SeedResult]) -> str:
    """How often each kind of fault struck and really bit, over all runs."""
    planned: dict[str, int] = {}
    bit: dict[str, int] = {}
    for result in results:
        for fault in result.json.get("faults", ()):
            planned[fault["kind"]] = planned.get(fault["kind"], 0) + 1
            bit[fault["kind"]] = bit.get(fault["kind"], 0) + (fault["bit"] > 0)
    told = ", ".join(f"{kind} {bit[kind]:,} of {count:,}" for kind, count in planned.items())
    return words.hanging("  ", f"faults that bit: {told}") if told else ""
