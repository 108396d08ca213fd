"""The memory of a run of 1,000,000 trace events, with the whole trace kept and digest only.

Run: ``python bench/memory.py``; prints a table in Markdown. Each figure is of a fresh process.
"""

import resource
import subprocess
import sys

from kernel import Pong

from clew.runtimes.simulated import simulated

EVENTS = 1_000_000


def one(keep):
    cluster = simulated(1, Pong, ["n1", "n2", "n3"], keep_trace=keep)
    cluster.boot()
    while len(cluster.trace) < EVENTS:
        cluster.world.advance(cluster.world.now + 100_000_000)
    digest = cluster.trace.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(cluster.trace)} {peak:.0f} {digest[:16]}")


def main():
    print("| trace | records | peak resident memory, MiB | digest |")
    print("|---|---|---|---|")
    for name in ("kept", "digest only"):
        told = subprocess.run(
            [sys.executable, __file__, name], capture_output=True, text=True, check=True
        ).stdout.split()
        print(f"| {name} | {int(told[0]):,} | {told[1]} | {told[2]} |")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one(sys.argv[1] == "kept")
    else:
        main()
