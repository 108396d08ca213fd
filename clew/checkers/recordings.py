"""Recorded histories judged: each by itself, in this process or in several workers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from clew.checkers.recording import Judgement, Question, judged
from clew.errors import ClewError, UsageError
from clew.formats.source import STDIN
from clew.machine import wall


def judge_files(
    paths: Sequence[str | Path],
    model: str | None = None,
    *,
    options: Mapping[str, str] | None = None,
    budget_seconds: float | None = None,
    steps: int | None = None,
    jobs: int | None = None,
    keeps: bool = False,
) -> Iterator[Judgement | ClewError]:
    """Yield the judgement on each file, or the error it gave, in the order of ``paths``.

    Args:
        paths: the files, in any of `clew.formats.FORMATS`; ``-`` for standard input.
        model: as in `Question`; the judgement states one that was inferred.
        options: as in `Question`.
        budget_seconds: as in `Question`; a spent budget is UNKNOWN.
        steps: as in `Question`; the same verdict on every machine.
        jobs: worker processes; None for one a processor, if that pays (`HERE_SECONDS`). With one,
            or for one file, everything happens in this process.
        keeps: as in `Question`.

    Raises:
        UsageError: no such checker or option; before any file is read.
    """
    question = Question(model, dict(options or {}), budget_seconds, steps, keeps)
    question.refuse()
    files = [str(path) for path in paths]
    if files.count(STDIN) > 1:
        raise UsageError(
            "standard input can be read once",
            where="FILE",
            expected=f"{STDIN} once",
            found=f"{files.count(STDIN)} times",
        )
    workers = min(len(files), jobs or os.cpu_count() or 1)
    if workers <= 1 or STDIN in files:  # a worker has another standard input
        return (judged(file, question) for file in files)
    if jobs is None:
        return _if_it_pays(files, question, workers)
    return _by_workers(files, question, workers)


HERE_BYTES = 1 << 20
HERE_SECONDS = 0.5
"""Files as small as the first are judged here for as long as the second: a worker takes as long to
start as a hundred of the smallest take."""


def _if_it_pays(
    files: Sequence[str], question: Question, workers: int
) -> Iterator[Judgement | ClewError]:
    """Yield the judgements, made here while there is little to do, then by workers."""
    started = wall.seconds()
    for rank, file in enumerate(files):
        much = wall.seconds() - started > HERE_SECONDS or _is_large(file)
        if much and rank < len(files) - 1:
            yield from _by_workers(files[rank:], question, workers)
            return
        yield judged(file, question)


def _is_large(file: str) -> bool:
    with suppress(OSError, ValueError):  # who reads it says what is wrong
        return Path(file).stat().st_size > HERE_BYTES
    return False


def _by_workers(
    files: Sequence[str], question: Question, workers: int
) -> Iterator[Judgement | ClewError]:
    from clew.checkers.recording_workers import Pool  # noqa: PLC0415 - few need multiprocessing

    return Pool(files, question, min(workers, len(files))).judgements()
