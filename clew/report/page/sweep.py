"""A sweep or a hunt as one web page: how each seed ended, each way of failing with its story."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

from clew.checkers.verdict import Verdict
from clew.report import layout
from clew.report.hunt import Hunted, idle_words, next_words, reached_words
from clew.report.page.account import account
from clew.report.page.headline import headline
from clew.report.page.moments import moments_of
from clew.report.page.template import filled
from clew.report.run import speed
from clew.report.story import story_steps
from clew.report.suite import command
from clew.report.sweep import options_shown, worst_first
from clew.scenarios.judgement.outcome import Outcome
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.repros.trust import replay_command
from clew.search.course import Course
from clew.search.hunt.themes import FAMILIES
from clew.search.shrink.oracle import failure_of
from clew.search.summary import Group, Summary

SEEDS_SHOWN = 1_000
"""Of a way of failing so many seeds are named; the others are counted."""

SLOWEST = 10

GROWTH_POINTS = 400
"""A curve of more points is thinned, since nobody sees more."""


class Told(NamedTuple):
    """What is shown of a failure that was kept.

    Attributes:
        account: its headline, story, evidence and checks, as data.
        plan: the file that brings it back: the smallest plan, or the run as it was found.
        page: the web page of its run.
    """

    account: Mapping[str, Any]
    plan: Path
    page: Path


Way: TypeAlias = tuple[Verdict, str]
"""A way of failing: the verdict and the signature."""


class Part(NamedTuple):
    """One scenario of a sweep, and all that came of it.

    Attributes:
        name: of the scenario.
        scenario: what was run.
        summary: of all its runs.
        course: how they went.
        seconds: wall seconds of the sweep.
        again: gives the command that runs a seed again.
        told: of the failures that were kept, by their way.
        hunted: what a hunt tried and reached; None for a sweep.
    """

    name: str
    scenario: Scenario
    summary: Summary
    course: Course
    seconds: float
    again: Callable[[int], str]
    told: Mapping[Way, Told]
    hunted: Hunted | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether it is as expected; of a hunt, its own verdict."""
        return self.summary.met.verdict if self.hunted is None else self.hunted.verdict


def told_of(outcome: Outcome, plan: Path, page: Path) -> Told:
    """Describe a failure.

    Args:
        outcome: of its run.
        plan: the run's repro file.
        page: where the page of the run is.
    """
    found = failure_of(outcome)
    steps, moments = story_steps(outcome), moments_of(outcome.run.timeline())
    told = account(outcome, found, steps, moments)
    return Told({"headline": headline(found[1] if found else None), **told}, plan, page)


def sweep_page(parts: Sequence[Part], to: Path, *, interrupted: bool = False) -> str:
    """Write the page, as HTML.

    Args:
        parts: the scenarios that have run.
        to: where the page will be, from which its links to other pages lead.
        interrupted: whether the sweep was ended before its time.
    """
    verdict = Verdict.merge(one.verdict for one in parts) if parts else Verdict.UNKNOWN
    worded = {Verdict.VALID: "as expected", Verdict.INVALID: "not as expected"}
    expected = any(one.scenario.expect is not None for one in parts)
    hunt = any(one.hunted is not None for one in parts)
    names = parts[0].name if len(parts) == 1 else layout.several(len(parts), "scenario")
    title = f"{'Hunt' if hunt else 'Sweep'} of {names}"
    head = {
        "verdict": verdict.value,
        "word": worded.get(verdict, "not decided") if expected else verdict.value,
        "title": title,
        "about": _about(parts, interrupted=interrupted),
        "headline": _headline(parts),
        "command": _first_command(parts),
    }
    data = {"head": head, "parts": [_part(one, to) for one in parts]}
    return filled("sweep", f"{head['word'].upper()}: {title}", data)


def _about(parts: Sequence[Part], *, interrupted: bool) -> str:
    runs = sum(one.summary.runs for one in parts)
    virtual_ns = sum(one.summary.virtual_ns for one in parts)
    took = speed(virtual_ns, max((one.seconds for one in parts), default=0.0))
    return f"{layout.several(runs, 'run')}, {took}{'; interrupted' if interrupted else ''}"


def _headline(parts: Sequence[Part]) -> str:
    """Say in one sentence how many runs failed, in how many ways."""
    runs = sum(one.summary.runs for one in parts)
    if not runs:
        return "Nothing was run."
    told = []
    for verdict in (Verdict.INVALID, Verdict.UNKNOWN):
        count = sum(one.summary.counts[verdict] for one in parts)
        ways = sum(way[0] is verdict for one in parts for way in one.summary.groups)
        if count:
            told.append(f"{count:,} {verdict.value} in {layout.several(ways, 'way')}")
    if not told:
        return "The run is valid." if runs == 1 else f"All {runs:,} runs are valid."
    return f"Of {layout.several(runs, 'run')}, {layout.listed(told)}."


def _first_command(parts: Sequence[Part]) -> str:
    """Return what brings the first failure back: made small if it was; empty for none."""
    for one in parts:
        for way, group in worst_first(one.summary):
            return _replay(one.told[way]) if way in one.told else command(group.first, one.again)
    return ""


def _replay(told: Told) -> str:
    return replay_command(str(told.plan))


def _part(part: Part, to: Path) -> dict[str, Any]:
    summary, course = part.summary, part.course
    options = [told for _, told in options_shown(part.scenario)]
    met = summary.met
    return {
        "name": part.name,
        "options": "".join(options),
        "verdict": part.verdict.value,
        "met": [part.scenario.expect, met.reason] if part.scenario.expect is not None else None,
        "counts": {verdict.value: count for verdict, count in summary.counts.items()},
        "seeds": _seeds(course),
        "groups": [_group(way, group, part, to) for way, group in worst_first(summary)],
        "faults": [
            [kind, planned, summary.bit[kind]] for kind, planned in sorted(summary.planned.items())
        ],
        "growth": _thinned(course.growth),
        "slowest": [[str(one.seed), one.seconds, one.verdict.value]
                    for one in course.slowest(SLOWEST)],
        "again": _around(part.again, summary.first),
        "remarks": [[remark, runs] for remark, runs in summary.remarks.values()],
        "hunt": None if part.hunted is None else _hunt(part.hunted),
    }  # fmt: skip


def _seeds(course: Course) -> dict[str, Any]:
    """Return the seeds in columns; each as its difference to the one before, the first in full."""
    seeds = course.seeds
    steps = [seed - before for before, seed in pairwise(seeds)]
    return {
        "first": str(seeds[0]) if seeds else "0",
        "steps": [str(step) if abs(step) >= 1 << 53 else step for step in steps],
        "verdict": list(course.verdicts),
        "milliseconds": [round(1000 * one, 1) for one in course.seconds],
        "left": course.runs - len(seeds),
    }


def _group(way: Way, group: Group, part: Part, to: Path) -> dict[str, Any]:
    verdict, signature = way
    told = part.told.get(way)
    first = group.first
    return {
        "verdict": verdict.value,
        "signature": signature,
        "count": len(group.seeds),
        "seeds": [*map(str, group.seeds[:SEEDS_SHOWN])],
        "reason": first.reason,
        "command": command(first, part.again),
        "small": "" if told is None or str(told.plan) == first.repro else _replay(told),
        "page": "" if told is None else _link(told.page, to),
        "account": None if told is None else told.account,
    }


def _link(page: Path, to: Path) -> str:
    """Return the address of a page as seen from another; it is never one of the network."""
    try:
        return quote(Path(os.path.relpath(page, to.parent)).as_posix())
    except ValueError:  # on another drive
        return ""


def _around(again: Callable[[int], str], seed: int) -> list[str]:
    """Split the command that runs a seed again into what is before and after the seed."""
    head, named, tail = again(seed).rpartition(f"--seed {seed} ")
    return [f"{head}--seed ", f" {tail}"] if named else []


def _thinned(growth: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    step = len(growth) // GROWTH_POINTS + 1
    return [*growth[:-1:step], *growth[-1:]]


def _hunt(hunted: Hunted) -> dict[str, Any]:
    return {
        "tried": list(_tried(hunted)),
        "words": [
            one for one in (idle_words(hunted), reached_words(hunted), next_words(hunted)) if one
        ],
    }


def _tried(hunted: Hunted) -> Iterator[list[Any]]:
    """Yield each family of themes with its runs, and the themes in which a run failed."""
    for family, each in FAMILIES.items():
        runs, invalid = hunted.findings.of_family(family)
        failed = [
            [str(theme), tried.runs, tried.invalid]
            for theme, tried in hunted.findings.tried.items()
            if theme.family == family and tried.invalid
        ]
        if runs:
            yield [each.meaning, runs, invalid, failed]
