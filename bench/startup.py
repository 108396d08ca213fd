"""How long the command line takes to answer, as a whole process beside a bare interpreter.

Run: ``python bench/startup.py``; prints a table in Markdown.
"""

import statistics
import subprocess
import sys
import time

RUNS = 11
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "clew --help": [sys.executable, "-m", "clew", "--help"],
    "clew test --help": [sys.executable, "-m", "clew", "test", "--help"],
    "clew list models": [sys.executable, "-m", "clew", "list", "models"],
}


def main():
    seconds = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            seconds[name].append(time.perf_counter() - started)
    bare = statistics.median(seconds["python -c pass"])
    print(f"Whole processes, {RUNS} rounds in turn.\n")
    print("| command | best s | median s | median beside a bare interpreter |")
    print("|---|---|---|---|")
    for name, runs in seconds.items():
        median = statistics.median(runs)
        print(f"| `{name}` | {min(runs):.3f} | {median:.3f} | {median / bare:.1f} |")


if __name__ == "__main__":
    main()
