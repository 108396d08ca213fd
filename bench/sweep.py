"""Sweeps of a 3-node ABD cluster over 5 virtual seconds: memory, scaling and speed.

Run: ``python bench/sweep.py``; prints tables in Markdown. Memory is the sum over the sweep's
processes of what each has for itself and its part of what they share (PSS of Linux), looked at
four times a second. Scaling is measured in pairs, one worker process and two in turn, because
machines get slower and faster; the time counts from the first result to the last, so that starting
Python is not in it. ``python bench/sweep.py 1000`` measures fewer runs.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread

RUNS = 10_000
PAIRS = 5
PAIR_RUNS = 600
OPTIONS = ["abd", "--node-count", "3", "--time-limit", "5"]


def family(pid):
    """A process and all below it."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
        except OSError:
            continue
    found, edge = [pid], {pid}
    while edge:
        edge = {child for child, parent in parents.items() if parent in edge}
        found += edge
    return found


def pss_mib(pids):
    """Their proportional memory, MiB; a process that has just ended counts nothing."""
    total = 0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(
            int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")
        )
    return total / 1024


class Watch(Thread):
    """Looks at the memory of a sweep until it is over."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.over = pid, Event()
        self.samples = []

    def run(self):
        while not self.over.wait(0.25):
            pids = family(self.pid)
            self.samples.append((pss_mib(pids), len(pids)))


def sweep(runs, jobs, *more, watched=False):
    """Runs a sweep; (seconds from the first result to the last, failures, memory samples)."""
    with tempfile.TemporaryDirectory() as out:
        command = [
            sys.executable, "-m", "clew", "test", *OPTIONS, *more, "--runs", str(runs), "--json",
            "--jobs", str(jobs), "--out", out,
        ]  # fmt: skip
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        watch = Watch(process.pid)
        if watched:
            watch.start()
        first, count, failed, line = None, 0, 0, "{}"
        for line in process.stdout:
            first = first or time.perf_counter()
            count += 1
            failed += '"verdict": "invalid"' in line
        seconds = time.perf_counter() - first
        process.wait()
        if watched:
            watch.over.set()
            watch.join()
        assert count == runs, process.returncode
    return seconds, failed, watch.samples


def memory(runs):
    print(f"Memory of {runs:,} runs with 2 worker processes:\n")
    print(
        "| model | failures | processes | peak, MiB | a tenth of the way, MiB | runs per second |"
    )
    print("|---|---|---|---|---|---|")
    for name, more in (("abd", []), ("abd, bug reads-one, latency 10 ms", ["--bug", "reads-one"])):
        slow = ["--latency", "10"] if more else []
        seconds, failed, samples = sweep(runs, 2, *more, *slow, watched=True)
        peak, early = max(samples)[0], max(samples[: len(samples) // 10 + 1])[0]
        processes = max(count for _, count in samples)
        figures = f"{processes} | {peak:.0f} | {early:.0f} | {runs / seconds:.0f}"
        print(f"| {name} | {failed:,} | {figures} |", flush=True)


def scaling(runs):
    print(f"\nScaling, {runs:,} runs each, on {os.cpu_count()} CPUs:\n")
    print("| pair | 1 worker, runs per second | 2 workers, runs per second | times |")
    print("|---|---|---|---|")
    times = []
    for pair in range(1, PAIRS + 1):
        one, two = sweep(runs, 1)[0], sweep(runs, 2)[0]
        times.append(one / two)
        print(f"| {pair} | {runs / one:.0f} | {runs / two:.0f} | {one / two:.2f} |", flush=True)
    print(f"| median | | | {statistics.median(times):.2f} |")


def verification(runs):
    """What it costs to run every run again, in the same process and in a fresh one."""
    print("\nRunning every run again (`--verify`), 1 worker:\n")
    print("| | ms per run |")
    print("|---|---|")
    for name, more in (("once", []), ("three times, once in a fresh process", ["--verify"])):
        print(f"| {name} | {1000 * sweep(runs, 1, *more)[0] / runs:.1f} |", flush=True)


def main(runs=RUNS):
    memory(runs)
    scaling(min(runs, PAIR_RUNS))
    verification(min(runs, PAIR_RUNS) // 4)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
