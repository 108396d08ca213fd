"""Many seeds of one scenario, over worker processes; results come in the order of the seeds."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

from clew.search.seeds import Bench, Job, SeedResult, SeedTask, result_in


def sweep(job: Job, seeds: Iterable[int], jobs: int) -> Generator[SeedResult, None, None]:
    """Run many seeds; the results come in their order, whatever the number of workers.

    With one job everything happens in this process. The seeds may be without end: they are taken as
    there is room. See `clew.search.workers` for what happens to a worker that dies or hangs.
    """
    return run_tasks((SeedTask(job, seed) for seed in seeds), jobs)


def run_tasks(
    tasks: Iterable[SeedTask], jobs: int, tick: Callable[[], None] | None = None
) -> Generator[SeedResult, None, None]:
    """Run seeds of several jobs; the results come in the order of the tasks, as in `sweep`.

    Args:
        tasks: may be without end.
        jobs: worker processes.
        tick: called now and then while workers have nothing to report.
    """
    if jobs > 1:
        from clew.search.workers import Pool  # noqa: PLC0415 - one job needs none

        yield from Pool(tasks, jobs, tick).results()
        return
    with Bench() as bench:
        for task in tasks:
            yield result_in(task.job, task.seed, bench)
