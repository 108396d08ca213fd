"""What the command line costs to answer, as whole processes beside a bare interpreter.

It counts seconds of the processor, of all processes that a command starts, so that other work on
the machine matters little. Run: ``python bench/startup.py``; prints a table in Markdown.
"""

import resource
import statistics
import subprocess
import sys

RUNS = 11
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "clew --help": [sys.executable, "-m", "clew", "--help"],
    "clew test --help": [sys.executable, "-m", "clew", "test", "--help"],
    "clew list models": [sys.executable, "-m", "clew", "list", "models"],
}


def spent():
    """Seconds of the processor that children which ended have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    seconds = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            started = spent()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            seconds[name].append(spent() - started)
    bare = statistics.median(seconds["python -c pass"])
    print(f"Whole processes, {RUNS} rounds in turn; seconds of the processor.\n")
    print("| command | best CPU s | median CPU s | median beside a bare interpreter |")
    print("|---|---|---|---|")
    for name, runs in seconds.items():
        median = statistics.median(runs)
        print(f"| `{name}` | {min(runs):.3f} | {median:.3f} | {median / bare:.1f} |")


if __name__ == "__main__":
    main()
