"""Recorded histories judged by several worker processes at once.

A worker that dies takes only its own file with it, whose verdict is then UNKNOWN.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from clew.checkers.recording import Judgement, Question, judged, undecided
from clew.errors import ClewError
from clew.machine.processes import ending, safe_path


def _work(connection: Connection, question: Question) -> None:
    """Take a file's name and send its judgement, again until the other end is closed."""
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        while True:
            connection.send(judged(connection.recv(), question))


class Pool:
    """Workers that each judge one file at a time."""

    def __init__(self, files: Sequence[str], question: Question, workers: int) -> None:
        self.files = files
        self.question = question
        self.workers = workers
        self.waiting = iter(range(len(files)))
        self.busy: dict[Connection, tuple[BaseProcess, int]] = {}
        self.done: dict[int, Judgement | ClewError] = {}

    def judgements(self) -> Iterator[Judgement | ClewError]:
        """Yield the judgements in the order of the files; the workers end with the iterator."""
        try:
            for _ in range(self.workers):
                self._start()
            # Invariant: `done` has what was judged out of turn.
            for position in range(len(self.files)):
                while position not in self.done:
                    self._collect()
                yield self.done.pop(position)
        finally:
            for connection, (process, _) in self.busy.items():
                connection.close()
                process.terminate()
                process.join()

    def _start(self) -> None:
        position = next(self.waiting, None)
        if position is None:
            return
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self.question), daemon=True)
        with safe_path():
            process.start()
        theirs.close()
        self._give(ours, process, position)

    def _give(self, connection: Connection, process: BaseProcess, position: int) -> None:
        self.busy[connection] = (process, position)
        with suppress(BrokenPipeError):  # then the answer is the end of the pipe
            connection.send(self.files[position])

    def _collect(self) -> None:
        for ready in wait(list(self.busy)):
            assert isinstance(ready, Connection)
            process, position = self.busy.pop(ready)
            try:
                answer: Judgement | ClewError = ready.recv()
            except (EOFError, ConnectionError):
                process.join()
                reason = (
                    f"The process that judged the file ended with {ending(process.exitcode)}; it "
                    "may have lacked memory."
                )
                self.done[position] = undecided(self.files[position], self.question, reason)
                ready.close()
                self._start()
                continue
            self.done[position] = answer
            following = next(self.waiting, None)
            if following is not None:
                self._give(ready, process, following)
            else:
                ready.close()
                process.join()
