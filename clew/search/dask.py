"""The same sweep on a Dask cluster: dask.distributed, an extra of the package.

Seeds go out in small batches, a bounded number at a time, so that memory stays bounded; results
come back in the order of the seeds. A worker runs one seed at a time, however many threads it has:
a simulation guards what its process shares. A user's node file must lie at the same path on every
worker.

Leaves out: a seed that hangs in C code holds its worker; only worker processes of our own are
killed for that.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import chdir, contextmanager
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

from clew.errors import ClewError, UsageError
from clew.machine.processes import without_interrupts
from clew.search.seeds import Bench, SeedResult, SeedTask, lost_result
from clew.search.workers import Answer, answer_of, result_of

LOCAL = "local"
BATCH = 8
BATCHES_A_THREAD = 4
CONNECT_SECONDS = 10.0
LOST_SECONDS = 60.0
LOOK_SECONDS = 5.0

_ALONE = Lock()


def run_on(address: str, tasks: Iterable[SeedTask]) -> Generator[SeedResult, None, None]:
    """Run tasks on a cluster and give their results in order.

    Args:
        address: of a scheduler, such as ``tcp://host:8786``; or ``local`` for one in place.
        tasks: may be without end.

    Raises:
        UsageError: dask.distributed is not installed, or no cluster answers there.
        ClewError: what a seed refused to run with; or the cluster has lost all workers.
    """
    with _client(address) as client:
        threads = sum(client.nthreads().values())
        left = iter(tasks)
        waiting: deque[tuple[list[SeedTask], Any]] = deque()
        # Invariant: `waiting` has the batches that were sent off, in the order of the seeds.
        while True:
            while len(waiting) < BATCHES_A_THREAD * threads:
                batch = list(islice(left, BATCH))
                if not batch:
                    break
                waiting.append((batch, _submit(client, batch)))
            if not waiting:
                return
            yield from _results(client, *waiting.popleft())


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        import distributed  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError(
            "--dask needs dask.distributed, which is not installed",
            fix="Install it with: pip install 'clew[dask]'",
        ) from None
    if address == LOCAL:
        import dask  # noqa: PLC0415 - comes with distributed

        # Otherwise a cluster in place would give up for good on a worker that dies repeatedly.
        patient = {"distributed.deploy.lost-worker-timeout": "1 hour"}
        with (
            dask.config.set(patient),
            without_interrupts(),
            distributed.LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=os.cpu_count(),
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                silence_logs=50,
            ) as cluster,
            distributed.Client(cluster) as client,  # type: ignore[no-untyped-call]
        ):
            client.register_plugin(_deaf(distributed))
            yield client
        return
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError) as bad:
        raise _unreachable(address, str(bad)) from None
    with client:
        try:
            client.wait_for_workers(1, CONNECT_SECONDS)
        except TimeoutError:
            raise _unreachable(address, "a scheduler without workers") from None
        yield client


def _deaf(distributed: Any) -> Any:
    """Make the plugin by which a worker leaves Ctrl-C to the process that the user started."""

    class Deaf(distributed.WorkerPlugin):  # type: ignore[misc]
        def setup(self, worker: Any) -> None:
            del worker
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    return Deaf()


def _unreachable(address: str, found: str) -> UsageError:
    return UsageError(
        "--dask can't be used",
        expected=f"the address of a Dask scheduler with workers, or {LOCAL}",
        found=f"{address!r} ({found.splitlines()[0] if found else 'no answer'})",
    )


def _submit(client: Any, batch: Sequence[SeedTask]) -> Any:
    return client.submit(_work, list(batch), str(Path.cwd()), pure=False)


def _results(client: Any, batch: Sequence[SeedTask], future: Any) -> Iterator[SeedResult]:
    """Give a batch's results; a seed that kills workers does not take the others along."""
    from distributed.scheduler import KilledWorker  # noqa: PLC0415 - an extra

    try:
        answers = _waited(client, future)
    except KilledWorker:
        if len(batch) == 1:
            yield lost_result(
                batch[0], "worker died", "Several workers of the cluster that ran this seed died."
            )
            return
        # One of them kills its workers: each by itself shows which.
        for task in batch:
            yield from _results(client, [task], _submit(client, [task]))
        return
    for answer in answers:
        yield result_of(answer)


def _waited(client: Any, future: Any) -> list[Answer]:
    """Wait for the answers, unless no worker is left to give them."""
    alone = 0.0
    # Only time without any worker counts, and only in a row: one that comes back starts it anew.
    while alone < LOST_SECONDS:
        try:
            answers: list[Answer] = future.result(timeout=LOOK_SECONDS)
        except TimeoutError:
            alone = 0.0 if client.nthreads() else alone + LOOK_SECONDS
        else:
            return answers
    raise ClewError(
        "the Dask cluster has lost all its workers",
        expected=f"one to come back within {LOST_SECONDS:g} s",
        fix="What was found so far is recorded; --resume goes on from there",
    )


def _work(batch: Sequence[SeedTask], folder: str) -> list[Answer]:
    """Run a batch, in the folder where the sweep was started if the worker has it."""
    with _ALONE, chdir(folder if Path(folder).is_dir() else "."), Bench() as bench:
        return [answer_of(task.job, task.seed, bench) for task in batch]
