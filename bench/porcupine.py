"""Clew beside Porcupine on histories that leave little choice, which are the easy half.

Run: ``python bench/porcupine.py [--quick] [PROGRAM]``; prints a table in Markdown. The environment
variable PORCUPINE may name the program instead. Without one there is nothing to compare with.

The program is a small one around the Go library https://github.com/anishathalye/porcupine, of which
nothing is part of this project. ``PROGRAM MODEL --rounds=N FILE`` reads the file, checks it N times
with ``CheckEvents``, each time with all memory collected before, and prints one line of JSON:
``verdict`` ("valid" or "invalid") and ``check_ms``, the median time of the processor. MODEL is
``cas-register`` (integers; nil before the first write) or ``key-value`` (strings; "" for a missing
key), each split by key with ``PartitionEvent``; what was never answered returns at the end. FILE is
one that Clew reads too: JSON lines, a console log of Jepsen, or Porcupine's own EDN.

All times are of the processor, since other work on the machine matters less for them, and of both
programs in turn. The verdict alone is of events in memory, paired already on our side; the whole is
that of a process, which starts, reads, pairs and judges. Explanations are no part of it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from linearizability import corpus, line, recorded
from startup import spent

from clew.checkers.linearizability import Linearizability, Specification
from clew.checkers.linearizability.specifications import CasRegister, KeyValue, Register
from clew.checkers.verdict import Budget
from clew.formats import read_history, write_jsonl

ROUNDS = 9
LONG = 50_000
ROUNDS_LONG = 3
MINUTE = 60
"""What the other may take, of which the rest of a second is more than any row here needs."""


class Row(NamedTuple):
    """A history that both read."""

    name: str
    specification: type[Specification]
    path: Path


SHAPES = [
    # what, specification, operations per key (at least 10 keys), other words of `recorded`
    ("register, unique values", Register, 1_000, {"unique": True}),
    ("register, unique values", Register, 20, {"unique": True}),
    ("cas-register", CasRegister, 1_000, {}),
    ("cas-register, 4 clients", CasRegister, 0, {"clients": 4}),
    ("key-value, 10 clients", KeyValue, 1_000, {"store": True}),
    ("key-value, 10 clients", KeyValue, 100, {"store": True}),
]
"""Histories on which Porcupine seldom turns back; none with 100,000 operations on a key, for which
it takes more than this machine has."""


def generated(longest: int) -> Iterator[tuple[str, type[Specification], int, dict[str, object]]]:
    """What a history is, by name once, and what makes it."""
    names = set()
    for count in (100, 1_000, 10_000, 100_000):
        for what, specification, each, shape in SHAPES:
            keys = max(10, count // each) if each else 0
            name = f"{what}, {count:,}" + (f" over {keys:,} keys" if keys else "")
            if count <= longest and (keys or count <= 10_000) and name not in names:
                names.add(name)
                yield name, specification, count, {**shape, "keys": keys}


def rows(folder: Path, *, quick: bool) -> Iterator[Row]:
    for name, specification, count, shape in generated(1_000 if quick else 100_000):
        path = folder / f"{len(list(folder.iterdir()))}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            write_jsonl(recorded(count, **shape), file)
        yield Row(name, specification, path)
    for name in ("c01-ok", "c01-bad", "c10-ok", "c10-bad", "c50-ok", "c50-bad"):
        path = corpus() / "porcupine" / "kv" / f"{name}.txt"
        if path.exists():
            yield Row(f"recorded: {path.name}", KeyValue, path)


class Times(NamedTuple):
    """Milliseconds of the processor: of the verdict alone, and of the whole process."""

    verdict: str
    alone: float
    whole: float


def ours(row: Row, environment: dict[str, str]) -> Times:
    history = read_history(row.path)
    rounds = ROUNDS_LONG if len(history.operations) > LONG else ROUNDS
    checker = Linearizability(row.specification(), explained=False)
    took = []
    for _ in range(rounds):
        started = time.process_time()
        result = checker.check(history, Budget())
        took.append(time.process_time() - started)
    command = [sys.executable, "-m", "clew", "check", "--model", row.specification.name]
    return Times(
        result.verdict.value,
        median(took) * 1e3,
        whole([*command, str(row.path)], rounds // 2, environment),
    )


def theirs(program: str, row: Row) -> Times | None:
    """None if the program takes more than a minute."""
    model = "key-value" if row.specification is KeyValue else "cas-register"
    rounds = ROUNDS_LONG if row.path.stat().st_size > LONG * 100 else ROUNDS
    asked = [program, model, f"--rounds={rounds}", str(row.path)]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=MINUTE)
    except subprocess.TimeoutExpired:
        return None
    found = json.loads(done.stdout)
    once = [program, model, "--rounds=1", str(row.path)]
    return Times(found["verdict"], found["check_ms"], whole(once, rounds // 2, dict(os.environ)))


def whole(command: list[str], rounds: int, environment: dict[str, str]) -> float:
    """Milliseconds of a process, after one run that fills caches."""
    took = []
    for _ in range(1 + rounds):
        started = spent()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False, env=environment)
        took.append(spent() - started)
    return median(took[1:]) * 1e3


def compared(row: Row, mine: Times, other: Times | None) -> str:
    cells = [row.name, f"{mine.alone:,.2f}"]
    if other is None:
        return line(*cells, "over a minute", "", f"{mine.whole:,.0f}", "", "")
    assert mine.verdict == other.verdict, row.name
    return line(
        *cells, f"{other.alone:,.2f}", f"{mine.alone / other.alone:.2g}",
        f"{mine.whole:,.0f}", f"{other.whole:,.0f}", f"{mine.whole / other.whole:.2g}",
    )  # fmt: skip


def recorded_logs(program: str, environment: dict[str, str]) -> None:
    """One row for the recorded etcd histories: the median file."""
    paths = sorted((corpus() / "porcupine" / "etcd").glob("*.log"))[::5]
    measured = []
    for path in paths:
        row = Row(path.name, CasRegister, path)
        other = theirs(program, row)
        if other is not None:
            measured.append((ours(row, environment), other))
    if not measured:
        return
    mine, other = (
        Times("", median(each.alone for each in side), median(each.whole for each in side))
        for side in zip(*measured, strict=True)
    )
    name = f"recorded: the median of {len(measured)} etcd logs"
    print(compared(Row(name, CasRegister, corpus()), mine, other), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", nargs="?", default=os.environ.get("PORCUPINE"))
    parser.add_argument("--quick", action="store_true", help="leave out the long histories")
    options = parser.parse_args()
    if not options.program:
        print("Skipped: no program that calls Porcupine is given; see bench/porcupine.py.")
        return
    print(
        "Milliseconds of the processor. The verdict alone is of events in memory, paired already; "
        "the whole is that of a process, which starts, reads and judges. Most of Clew's on a short "
        "history is the start of the interpreter; Porcupine's is a compiled program.\n"
    )
    print(
        "| history | the verdict alone, Clew | Porcupine | Clew / it | the whole process, Clew "
        "| Porcupine | Clew / it |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(Path(folder, "compiled"))}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        histories = Path(folder, "histories")
        histories.mkdir()
        for row in rows(histories, quick=options.quick):
            print(compared(row, ours(row, environment), theirs(options.program, row)), flush=True)
        recorded_logs(options.program, environment)


if __name__ == "__main__":
    main()
