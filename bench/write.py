"""Runs every benchmark and writes their tables into docs/benchmarks.md.

Run: ``python bench/write.py [NAME ...]`` on a machine that does nothing else. It takes some
minutes; with names, only those run, and the rest of the page stays as it is. Each table names the
commit at which it was measured.
"""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"

TABLES = {
    # script: what its table shows
    "kernel": "The kernel: a ping-pong of 1,000,000 messages",
    "raft": "A Raft cluster, checking included",
    "work": "Work: two workers that always have a queue",
    "memory": "Memory of 1,000,000 trace events",
    "startup": "The command line",
    "linearizability": "Linearizability",
    "porcupine": "Linearizability beside Porcupine",
    "transactions": "Transactions",
    "sweep": "Sweeps",
    "shrink": "Shrinking: how small the story of each planted bug gets",
    "search": "Planted bugs: runs that each way to search needs",
    "bugs": "Planted bugs: seeds until the first failure",
}

HEAD = """\
# Benchmarks

Printed by `python bench/write.py`. Machines differ and are noisy: read the ratios, each of which
was measured side by side in one run. A ratio to something else is Clew's time or memory / the
other's: below 1 Clew takes less. A table holds for the commit that it names; later ones may differ.
No test asserts a time.
"""


def commit():
    """The commit of the working tree, short."""
    asked = ["git", "-C", HERE, "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def section(name):
    """A benchmark's section of the page, measured now; None if this machine lacks what it needs."""
    done = subprocess.run(
        [sys.executable, HERE / f"{name}.py"], capture_output=True, text=True, check=True
    )
    table = done.stdout.strip()
    if table.startswith("Skipped"):
        print(table, file=sys.stderr)
        return None
    if "|---" not in table:
        table = f"```text\n{table}\n```"
    load = f"load {os.getloadavg()[1]:.1f} on {os.cpu_count()} CPUs"
    where = f"CPython {platform.python_version()}, {platform.machine()}, {load}, at {commit()}"
    return f"## {TABLES[name]}\n\n`python bench/{name}.py`, {where}.\n\n{table}\n"


def page(old, parts):
    """The page with these sections, by title; new ones come last, all others stay as they are."""
    kept = {
        found.partition("\n")[0].removeprefix("## "): found.rstrip() + "\n"
        for found in re.findall(r"^## .*?(?=\n## |\Z)", old, re.DOTALL | re.MULTILINE)
    }
    return "\n".join([HEAD, *(kept | parts).values()])


def main(names):
    for name in names:
        print(f"bench/{name}.py ...", file=sys.stderr, flush=True)
        measured = section(name)
        if measured is not None:
            old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
            PAGE.write_text(page(old, {TABLES[name]: measured}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or list(TABLES))
