"""What the command line costs to answer, as whole processes beside a bare interpreter.

It counts seconds of the processor, of all processes that a command starts, so that other work on
the machine matters little. Python has compiled Clew already, as pip does when it installs it.
Run: ``python bench/startup.py``; prints a table in Markdown.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 11
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "clew --help": [sys.executable, "-m", "clew", "--help"],
    "clew test --help": [sys.executable, "-m", "clew", "test", "--help"],
    "clew list models": [sys.executable, "-m", "clew", "list", "models"],
    "clew check small.edn": [sys.executable, "-m", "clew", "check", "small.edn"],
}
SMALL = """\
{:process 0, :type :invoke, :f :write, :value 1}
{:process 1, :type :invoke, :f :cas, :value [1 2]}
{:process 0, :type :ok, :f :write, :value 1}
{:process 1, :type :ok, :f :cas, :value [1 2]}
{:process 0, :type :invoke, :f :read, :value nil}
{:process 0, :type :ok, :f :read, :value 2}
"""


def spent():
    """Seconds of the processor that children which ended have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(folder):
    """Seconds of each run of each command, in turn, after one that compiles what it imports."""
    Path(folder, "small.edn").write_text(SMALL, encoding="utf-8")
    compiled = {**os.environ, "PYTHONPYCACHEPREFIX": str(Path(folder, "compiled"))}
    compiled.pop("PYTHONDONTWRITEBYTECODE", None)
    seconds = {name: [] for name in COMMANDS}
    for _ in range(1 + RUNS):
        for name, command in COMMANDS.items():
            started = spent()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=folder, env=compiled)
            seconds[name].append(spent() - started)
    return {name: runs[1:] for name, runs in seconds.items()}


def main():
    with tempfile.TemporaryDirectory() as folder:
        seconds = measured(folder)
    bare = statistics.median(seconds["python -c pass"])
    print(f"Whole processes, {RUNS} rounds in turn; seconds of the processor.\n")
    print("| command | best CPU s | median CPU s | median beside a bare interpreter |")
    print("|---|---|---|---|")
    for name, runs in seconds.items():
        median = statistics.median(runs)
        print(f"| `{name}` | {min(runs):.3f} | {median:.3f} | {median / bare:.1f} |")


if __name__ == "__main__":
    main()
