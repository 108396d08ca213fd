"""The commands that the documents print, run as a reader would run them, and what they show.

A document's commands are run in order, in a folder like a fresh clone, with the environment's
programs on the path. Every command that is printed is run, or stands in `NOT_RUN` with the reason.
Its exit status is known exactly: from the verdict that the page shows, or from `STATUS`.

Run this file to print the transcripts of the guide again after a change that changes runs:
``python tests/examples/guide.py``. A transcript is the gist of what the command prints: the
verdicts, the first piece of evidence, the digest and how to replay it. What is left out shows as
three dots: wall times are among it, and what is shown of a failure made small, which chapter 7
shows. If a verdict differs from before, the text around it would be wrong: nothing is
rewritten then, and another seed must be chosen by hand.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent.parent
CHAPTERS = sorted((ROOT / "docs" / "guide").glob("[0-9]*.md"))
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs" / "guide").glob("*.md")),
]
OF_A_PROJECT = {"clew test scenarios/", "clew test scenarios/ --failed"}
"""Commands that need a project as chapter 10 describes it; a test makes one."""

IN_A_CLONE = ("examples", "pyproject.toml", "README.md")
"""What the commands need of a clone."""

PROGRAMS = ("clew", "python", "pip", "sqlite3", "gh", "export")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(rf"(?<!`)`((?:{'|'.join(PROGRAMS)}) (?!\w+`)[^`\n]+)`(?!`)")
"""A command within a line; `clew replay` alone names a command and is none."""

TRANSCRIPT = re.compile(
    r"^```console\n\$ (clew .*)\n(\.\.\.\nThe run is .*\n(?:(?!\$ |```).*\n)*)```$", re.MULTILINE
)
"""A block with one command and the gist of what it prints."""

VERDICT = re.compile(r"^The run is (valid|INVALID)\.$", re.MULTILINE)
OF_VERDICT = {"valid": 0, "INVALID": 1}

VOTES = (
    "clew test raft --bug forgets-vote --node-count 3 --time-limit 10 --runs 40 --jobs 2"
    " --out votes"
)
DATABASE = (
    """python -c "import sqlite3; print(*sqlite3.connect('votes/clew.sqlite').execute("""
    """'SELECT count(*), signature FROM results WHERE failed GROUP BY signature'), sep='\\n')\""""
)
"""What chapter 6 asks of a sweep's results."""

STATUS = {
    # command: its exit status, where the page shows no verdict of one run
    "clew check out/raft-stale-reads-lin-kv-seed-66/history.jsonl --model cas-register": 1,
    "clew check out/raft-stale-reads-lin-kv-seed-66/history.jsonl --report check.html": 1,
    "clew list bugs": 0,
    "clew list checkers": 0,
    "clew list models": 0,
    "clew list scenarios": 0,
    "clew list workloads": 0,
    "clew test -w examples/hasty_bank.py --help": 0,
    "clew schema examples/hasty_bank.py": 0,
    "clew test examples/small_bank.toml": 0,
    "clew new my_broadcast --workload broadcast": 0,
    "clew new my_bank -w examples/hasty_bank.py": 0,
    "clew new my_node --workload lin-kv": 0,
    "clew new my_store --roles": 0,
    "clew new store --workload lin-kv": 0,
    "clew replay out/raft-stale-reads-lin-kv-seed-66/shrunk.json --report run.html": 1,
    "clew replay out/raft-stale-reads-lin-kv-seed-66/shrunk.json": 1,
    "clew test gossip --bug never-retries --runs 12 --report sweep.html": 1,
    "clew replay out/three_regions-lin-kv-seed-0/shrunk.json": 1,
    "clew replay out/cache_store-lin-kv-seed-0/shrunk.json": 1,
    "clew serve-node examples/cache_store.py:Store": 0,
    "clew replay out/growing_group-lin-kv-seed-0/shrunk.json": 1,
    "clew serve-node examples/echo.py": 0,
    "clew serve-node examples/my_counter.py": 0,
    "clew shrink out/abd-reads-one-lin-kv-seed-0/repro.json": 0,
    "clew test abd --bug reads-one --seed 0 --no-shrink": 1,
    "clew test gossip --bug never-retries --runs 20": 1,
    "clew test my_node.py --nemesis partition,kill --seed 42": 0,
    "clew test my_node.py --swarm --runs 100": 1,
    VOTES: 1,
    "clew test raft-calm abd-swarm --runs 20": 0,
    "clew hunt raft --seed 17 --runs 1": 0,
    "clew test raft --nemesis trigger --nemesis-interval 1 --runs 100": 0,
    "clew test scenarios/": 0,
    "clew test scenarios/ --failed": 0,
    "clew test --failed --out votes": 1,
    "python -m pytest examples/test_my_counter.py": 0,
    DATABASE: 0,
}

SLOW = {
    # commands that take more than a few seconds, or need what does: the deep profile runs them
    "clew test abd --bug no-write-back --runs 6 --seed 1",
    (
        "clew test examples/first_raft.py --nemesis duplicate --nemesis-interval 1 --time-limit 20"
        " --rate 50 --key-count 1 --runs 4 --seed 1"
    ),
    "clew replay out/cache_store-lin-kv-seed-0/shrunk.json",
    "clew replay out/growing_group-lin-kv-seed-0/shrunk.json",
    "clew replay out/three_regions-lin-kv-seed-0/shrunk.json",
    "clew test --failed --out votes",
    "clew test gossip --bug never-retries --runs 20",
    "clew test my_node.py --swarm --runs 100",
    VOTES,
    "clew test raft --nemesis trigger --nemesis-interval 1 --runs 100",
    "clew test raft-calm abd-swarm --runs 20",
    "python -m pytest examples/test_my_counter.py",
    DATABASE,
}

NOT_RUN = {
    # command: why no test runs it as it stands
    "clew hunt my_node.py --for 2m": "it takes two minutes; tests hunt for some runs",
    "clew hunt my_node.py --for 30s --nemesis kill,partition": "it takes half a minute",
    "clew hunt raft --for 2m": "it takes two minutes; tests hunt for some runs",
    'export PATH="$PWD/.venv/bin:$PATH"': "the tests have their own path",
    "pip install '.[dask]'": "it would change the environment of the tests",
    "pip install '.[report]'": "it would change the environment of the tests",
    "pip install '.[test]'": "it would change the environment of the tests",
    "python docs/reference/generate.py": "the tests of the reference compare what it prints",
    "python tests/golden/test_digests.py": "the tests of the digests compare what it writes",
    "python tests/examples/guide.py": "these tests compare what it prints",
    "python -m pytest -m deep": "that is this test",
    "python3.11 -m venv .venv && .venv/bin/pip install . && .venv/bin/clew test raft"
    " --nemesis partition,kill,clock --runs 20": ".ci/run runs it, from nothing",
    "python3.11 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/python -m pytest"
    " -n auto": ".ci/run runs it, from nothing",
    "gh run download --name clew-2": "it asks a service",
    "clew replay out/scenarios-links-seed-17/repro.json": "the service's file is needed",
    "clew test FILE": "FILE stands for each of the files below it, which test_examples.py runs",
}


@dataclass(frozen=True)
class Command:
    """One printed command.

    Attributes:
        line: what a reader types.
        shown: what the document says that it prints, with three dots for what is left out.
        typed: what it is given to read.
        promised: its exit status, where neither a verdict nor `STATUS` has it.
        gist: whether what is shown is the gist of a run, and not lines of a person's choice.
    """

    line: str
    shown: str = ""
    typed: str = ""
    promised: int | None = None
    gist: bool = False

    @property
    def status(self) -> int:
        """The exit status that the document promises."""
        if self.promised is not None:
            return self.promised
        verdict = VERDICT.search(self.shown)
        return OF_VERDICT[verdict[1]] if verdict and self.line not in STATUS else STATUS[self.line]


def commands(document: str) -> Iterator[Command]:
    """Every command of a document, in order, each once where it shows nothing new."""
    seen = set()
    for found in printed(document):
        if found.line not in {*NOT_RUN, *OF_A_PROJECT} and (found.line not in seen or found.shown):
            seen.add(found.line)
            yield found


def printed(document: str) -> Iterator[Command]:
    """Every command of a document in the order of the text, in blocks and within lines."""
    places = [(match.start(), match) for match in BLOCK.finditer(document)]
    inside = [match.span() for _, match in places]
    places += [
        (match.start(), match)
        for match in INLINE.finditer(document)
        if not any(start <= match.start() < end for start, end in inside)
    ]
    for _, match in sorted(places, key=lambda place: place[0]):
        if match.re is INLINE:
            yield Command(match[1])
        elif match[1] in {"sh", "console"}:
            yield from of_block(match[1], match[2])


def of_block(language: str, text: str) -> Iterator[Command]:
    """The commands of one fenced block."""
    if language == "sh":
        yield from (Command(line) for line in text.splitlines() if line)
        return
    alone = TRANSCRIPT.fullmatch(f"```console\n{text}```") is not None
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        typed = "".join(re.findall(r'^\{"src": "c.*\n', shown, re.MULTILINE))
        answers = re.sub(r'^\{"src": "c.*\n', "", shown, flags=re.MULTILINE)
        yield Command(line, answers, typed, gist=alone)


def clone(folder: Path) -> None:
    """Put what a fresh clone holds into a folder."""
    for name in IN_A_CLONE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)


def run(command: Command, folder: Path) -> str:
    """What a command prints; its exit status must be the one that is promised."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin"
    home = folder / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        ["bash", "-c", command.line],
        cwd=folder, input=command.typed, capture_output=True, text=True, timeout=600, check=False,
        env={"PATH": programs, "HOME": str(home), "LANG": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode == command.status, (
        f"{command.line}\nexit status {done.returncode} instead of {command.status}\n"
        f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done.stdout


def missing(command: Command, output: str) -> list[str]:
    """The lines that a document shows and the command does not print in this order."""
    lines = (untimed(line) for line in output.splitlines())
    shown = [untimed(line) for line in command.shown.splitlines() if line not in {"", "..."}]
    return [line for line in shown if line.strip() != "..." and line not in lines]


def untimed(line: str) -> str:
    """A line without its wall times, which are never the same."""
    return re.sub(r"simulated in [\d.:]+ \w+, [\d,.]+ times", "simulated in -, - times", line)


def gist(output: str) -> str:
    """The lines of a report that the guide shows."""
    assert "The run is " in output, output
    output, *shrunk = re.split(r"\n\nSeed \d+, made small\n", output)
    blocks = output[output.index("The run is ") :].strip().split("\n\n")
    verdicts, last = blocks[0], blocks[-1]
    digest = re.search(r"^ +digest .*$", output, re.MULTILINE)
    assert digest is not None
    evidence = []
    for rank, block in enumerate(blocks):
        if block.startswith("Evidence: "):
            evidence = [block, "", blocks[rank + 1], ""]
            break
    more = ["..."] if shrunk else []
    load = re.search(r"^  node +busy .*\n(?: .*\n)*?    .* busy .*$", output, re.MULTILINE)
    figures = [digest[0]]
    if load is not None:  # what a chapter on load is about
        latency = re.search(r"^  latency .*$", output, re.MULTILINE)
        figures = [*([latency[0], "..."] if latency else []), digest[0], load[0]]
    regions = re.search(r"^  region +asked .*(?:\n  \S+ +\d.*)+$", output, re.MULTILINE)
    if regions is not None:
        figures.append(regions[0])
    return "\n".join(["...", verdicts, "", *evidence, "...", *figures, "", last, *more]) + "\n"


def refreshed(page: str) -> str:
    """A page with its transcripts made anew."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        clone(folder)
        return TRANSCRIPT.sub(lambda shown: again(Command(shown[1], shown[2]), folder), page)


def again(command: Command, folder: Path) -> str:
    """A transcript made anew, with the verdict that it had."""
    fresh = gist(run(command, folder))
    verdict = VERDICT.search(command.shown)
    assert verdict is None or verdict[0] in fresh, f"no longer {verdict[0]!r}: {command.line}"
    return f"```console\n$ {command.line}\n{fresh}```"


if __name__ == "__main__":
    wanted = [path for path in CHAPTERS if not sys.argv[1:] or path.name in sys.argv[1:]]
    pages = {path: refreshed(path.read_text()) for path in wanted}
    for path, page in pages.items():
        path.write_text(page)
