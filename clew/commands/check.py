"""``clew check``: recorded histories judged."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from clew.checkers.recording import Judgement
from clew.checkers.recordings import judge_files
from clew.checkers.verdict import Verdict
from clew.commands.exits import STATUS
from clew.commands.numbers import number, seconds_of
from clew.errors import EXIT_USAGE, ClewError
from clew.formats.atomic import write_text
from clew.formats.places import check_outputs
from clew.machine.text import json_text
from clew.report.judgement import judgement_line, judgement_story
from clew.report.live import LiveLine
from clew.report.screen import Style, echo


def run(options: Mapping[str, Any]) -> int:
    """Judge the files; return the exit status of the worst."""
    check_outputs({name: options.get(name) for name in ("dot", "report")}, options["files"])
    jobs = options.get("jobs")
    models = options.get("consistency_models")
    answers = judge_files(
        options["files"],
        options.get("model"),
        options={} if models is None else {"consistency-models": models},
        budget_seconds=seconds_of("budget", options["budget"]) if "budget" in options else None,
        steps=number("steps", options["steps"], 1) if "steps" in options else None,
        jobs=None if jobs is None else number("jobs", jobs, 1),
        keeps="report" in options,
    )
    judgements: list[Judgement] = []
    refused = False
    for answer in _with_progress(answers, len(options["files"])):
        if isinstance(answer, ClewError):
            refused = True
            echo(f"clew: {answer}", err=True)
            continue
        judgements.append(answer)
        if "json" in options:
            echo(json_text(answer.to_json()))
        else:
            _tell(answer, alone=len(options["files"]) == 1 or "explain" in options)
    if "dot" in options and judgements:
        _write_dot(judgements, options["dot"])
    if "report" in options:
        _write_page(judgements, options["report"])
    if len(options["files"]) > 1 and "json" not in options:
        _total(judgements, len(options["files"]) - len(judgements))
    return EXIT_USAGE if refused else STATUS[Verdict.merge(j.result.verdict for j in judgements)]


def _with_progress(
    answers: Iterable[Judgement | ClewError], count: int
) -> Iterator[Judgement | ClewError]:
    """Yield the answers; with several files, show on stderr how many there are so far."""
    with LiveLine(sys.stderr) as line:
        for rank, answer in enumerate(answers, 1):
            line.clear()
            yield answer
            if rank < count:
                line.show(f"{rank} of {count} files".format)


def _tell(answer: Judgement, *, alone: bool) -> None:
    style = Style.of(sys.stdout)
    echo(judgement_line(answer, style))
    if alone:
        story = judgement_story(answer)
        if story:
            echo(story)


def _total(judgements: list[Judgement], refused: int) -> None:
    counts = {verdict: sum(j.result.verdict is verdict for j in judgements) for verdict in Verdict}
    told = [f"{count} {verdict.value}" for verdict, count in counts.items() if count]
    told += [f"{refused} not read"] if refused else []
    echo(f"{len(judgements) + refused} files: {', '.join(told)}.")


def _write_dot(judgements: list[Judgement], path: Path) -> None:
    from clew.report.dot import anomaly_dot  # noqa: PLC0415 - imports much

    for judgement in judgements:
        if judgement.result.anomalies:
            write_text(path, anomaly_dot(judgement.result.anomalies[0]))
            echo(f"clew: wrote {path}", err=True)
            return
    echo("clew: no anomaly was found, so there is no graph", err=True)


def _write_page(judgements: list[Judgement], path: Path) -> None:
    from clew.report.page.check import check_page  # noqa: PLC0415 - imports much

    write_text(path, check_page(judgements))
