"""Runs every benchmark and writes their tables into docs/benchmarks.md.

Run: ``python bench/write.py [NAME ...]`` on a machine that does nothing else. It takes some
minutes; a name runs that one alone and leaves the other tables as they are.
"""

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
    "memory": "Memory of 1,000,000 trace events",
    "startup": "The command line",
    "linearizability": "Linearizability",
    "transactions": "Transactions",
    "sweep": "Sweeps",
    "shrink": "Shrinking: how small the story of each planted bug gets",
    "search": "Planted bugs: runs that each way to search needs",
    "bugs": "Planted bugs: seeds until the first failure",
}

HEAD = """\
# Benchmarks

Printed by `python bench/write.py`. Machines differ and are noisy: read the ratios, each of which
was measured side by side in one run. No test asserts a time.
"""


def section(name):
    done = subprocess.run(
        [sys.executable, HERE / f"{name}.py"], capture_output=True, text=True, check=True
    )
    table = done.stdout.strip()
    if "|---" not in table:
        table = f"```text\n{table}\n```"
    where = f"CPython {platform.python_version()}, {platform.machine()}"
    return f"## {TABLES[name]}\n\n`python bench/{name}.py`, {where}.\n\n{table}\n"


def main(names):
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    parts = {
        name: found[0].rstrip() + "\n"
        for name, title in TABLES.items()
        if (found := re.findall(rf"## {re.escape(title)}\n.*?(?=\n## |\Z)", old, re.DOTALL))
    }
    for name in names:
        print(f"bench/{name}.py ...", file=sys.stderr, flush=True)
        parts[name] = section(name)
        known = [parts[each] for each in TABLES if each in parts]
        PAGE.write_text("\n".join([HEAD, *known]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or list(TABLES))
