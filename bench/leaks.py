"""What becomes of nodes that let something of the real world in: a table, one file a row.

    python bench/leaks.py FOLDER [WORD ...]

Every node file of the folder (whose name has one of the words) is run twice, each time in a fresh
process in an empty folder, under two hash seeds. A row tells the exit statuses, the verdict,
whether both digests are the same, what went wrong besides (a hang, files left behind, other text
on stdout than the answer), and the finding with its line.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS = 60
COMMAND = ("test", "--node-count", "3", "--time-limit", "3", "--json", "--no-shrink")


def run(file, hash_seed):
    """The exit status, the answer as a dict, and complaints."""
    folder = Path(tempfile.gettempdir()) / "clew-leaks"  # one path for all: getcwd shows it
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-m", "clew", *COMMAND, str(file)],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = child.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return None, {}, ["HANGS"]
    complaints = []
    left = sorted(p.name for p in folder.iterdir() if p.name not in {"out", "__pycache__"})
    if left:
        complaints.append(f"LEAVES {' '.join(left)}")
    try:
        answer = json.loads(out)
    except ValueError:
        answer = {"verdict": "refused" if child.returncode == 64 else "NO ANSWER"}
        if child.returncode != 64:
            complaints.append(f"STDOUT {out[:60]!r}")
    if "Traceback" in err and child.returncode != 64:
        complaints.append("TRACEBACK")
    answer["stderr"] = err
    return child.returncode, answer, complaints


def told(answer):
    """The first thing that an answer says is wrong."""
    checks = answer.get("checks", ())
    for check in sorted(checks, key=lambda check: check["name"] != "nodes"):
        if check["verdict"] != "valid":
            return f"{check['name']}: {check['reason']}"
    if answer.get("remarks"):
        return f"remark: {answer['remarks'][0]}"
    lines = [line.strip() for line in answer.get("stderr", "").splitlines() if line.strip()]
    return " / ".join(lines[-3:])


def main(folder, *words):
    """Print the table."""
    for file in sorted(Path(folder).glob("*.py")):
        if words and not any(word in file.name for word in words):
            continue
        (status, first, odd), (status2, second, odd2) = (run(file.resolve(), s) for s in "12")
        same = "same" if first.get("digest") == second.get("digest") else "DIFFERS"
        verdict = first.get("verdict", "-")
        print(
            f"{file.stem:28}{status!s:>5}{status2!s:>5}  {verdict:8}{same:8}"
            f"{'; '.join([*odd, *odd2])} {told(first)[:150]}",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
