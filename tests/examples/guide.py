"""The guide's transcripts: what stands in a page after each ``$ clew`` line, made anew.

Run it to rewrite the pages after a change that changes runs: ``python tests/examples/guide.py``.
A transcript is the gist of what the command prints: the verdicts, the first piece of evidence, the
digest and how to replay it. What is left out shows as three dots: wall times are among it, and what
is told of a failure made small, which chapter 7 shows. Where a
verdict is another than before, the text around it would be wrong: nothing is rewritten then, and
another seed must be chosen by hand.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted((ROOT / "docs" / "guide").glob("[0-9]*.md"))
TRANSCRIPT = re.compile(r"```console\n\$ (clew [^\n]*)\n(.*?)```", re.DOTALL)


def run(command: str) -> str:
    """What a command prints, run where only the examples are."""
    program, *arguments = shlex.split(command)
    assert program == "clew"
    with TemporaryDirectory() as folder:
        (Path(folder) / "examples").symlink_to(ROOT / "examples")
        done = subprocess.run(
            [sys.executable, "-m", "clew", *arguments],
            cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def gist(printed: str) -> str:
    """The lines of a report that the guide shows."""
    assert "The run is " in printed, printed
    printed, *shrunk = re.split(r"\n\nSeed \d+, made small\n", printed)
    blocks = printed[printed.index("The run is ") :].strip().split("\n\n")
    verdicts, last = blocks[0], blocks[-1]
    digest = re.search(r"^ +digest .*$", printed, re.MULTILINE)
    assert digest is not None
    evidence = []
    for rank, block in enumerate(blocks):
        if block.startswith("Evidence: "):
            evidence = [block, "", blocks[rank + 1], ""]
            break
    more = ["..."] if shrunk else []
    return "\n".join(["...", verdicts, "", *evidence, "...", digest[0], "", last, *more])


def refreshed(page: str) -> str:
    """A page with its transcripts made anew."""
    return TRANSCRIPT.sub(again, page)


def again(shown: re.Match[str]) -> str:
    """A transcript made anew, with the verdict that it had."""
    fresh = transcript(shown[1])
    verdict = re.search(r"^The run is .*$", shown[0], re.MULTILINE)
    assert verdict is None or verdict[0] in fresh, f"no longer {verdict[0]!r}: {shown[1]}"
    return fresh


def transcript(command: str) -> str:
    """A command and the gist of what it prints, as a fenced block."""
    return f"```console\n$ {command}\n{gist(run(command))}\n```"


if __name__ == "__main__":
    pages = {path: refreshed(path.read_text()) for path in PAGES}
    for path, page in pages.items():
        path.write_text(page)
