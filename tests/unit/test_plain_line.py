"""``clew check`` starts at once: what it imports, and command lines that are read without typer."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from clew import cli
from clew.cli import app
from clew.commands.plain_line import OPTIONS, plain_check, read

CHECK = get_command(app).commands["check"]

PLAIN = [
    "a.jsonl",
    "-",
    "a.edn b.edn --json",
    "--json a.edn",
    "a.log --model cas-register",
    "a.log --model=register:initial=0 --explain",
    "--consistency-models serializable a.edn --budget 10s --steps 5",
    "a.edn --dot out.dot --jobs 2",
    "a.edn --steps=5 --budget=1.5m b.edn",
]

NOT_PLAIN = [
    "",
    "--help",
    "-h a.edn",
    "--json",
    "a.edn --model",
    "a.edn --model --json",
    "a.edn --model=",
    "a.edn --mod register",
    "a.edn --json --json",
    "a.edn --json=yes",
    "a.edn --model a --model b",
    "-- a.edn",
    "a.edn --no-json",
    "a.edn --jobs -1",
]


@pytest.fixture
def typed(monkeypatch):
    """What the command is given of words that typer reads, without what was not said."""
    runs = []
    monkeypatch.setattr(cli, "_run", lambda name, given: runs.append(given))

    def read_by_typer(words):
        CHECK.main(list(words), standalone_mode=False)
        return {name: value for name, value in runs.pop().items() if value is not None}

    return read_by_typer


def test_the_options_are_those_that_are_declared():
    declared = {each.opts[0]: each.is_flag for each in CHECK.params if each.opts[0] != "files"}
    assert declared.pop("--help", None) in {None, True}
    assert {flag: kind is bool for flag, kind in OPTIONS.items()} == declared


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_line_is_read_as_typer_reads_it(line, typed):
    assert read(line.split()) == typed(line.split())


@pytest.mark.parametrize("line", NOT_PLAIN)
def test_any_other_line_is_left_to_typer(line):
    assert read(line.split()) is None


def test_a_word_without_letters_is_left_to_typer():
    assert read(["a.edn", ""]) is None
    assert plain_check(["test", "raft"]) is None
    assert plain_check([]) is None


def test_a_plain_line_ends_as_any_other(capsys, tmp_path):
    assert plain_check(["check", str(tmp_path / "missing.edn")]) == 64
    assert "can't be read" in capsys.readouterr().err


# Imported by no check of a small history of registers, whatever it shows.
HEAVY = {
    "typer", "click", "rich", "pydantic", "pydantic_core", "networkx", "simpy", "numpy",
    "multiprocessing", "concurrent", "asyncio", "importlib.metadata", "email", "tempfile",
    "subprocess", "hashlib", "shutil", "html", "difflib", "ctypes", "sqlite3",
    "clew.sim", "clew.node.node", "clew.models", "clew.workloads", "clew.scenarios.plans",
    "clew.cli", "clew.report.dot", "clew.trace.timeline", "clew.trace.record",
    "clew.checkers.recording_workers", "clew.checkers.transactions.judgement",
    "clew.checkers.transactions.words", "clew.checkers.linearizability.collections",
    "clew.checkers.kafka", "clew.checkers.replicated", "clew.formats.operations",
}  # fmt: skip

JSONL = """\
{"process": 0, "type": "invoke", "f": "write", "value": 1}
{"process": 0, "type": "ok", "f": "write", "value": 1}
{"process": 1, "type": "invoke", "f": "read", "value": null}
{"process": 1, "type": "ok", "f": "read", "value": %s}
"""
EDN = """\
{:process 0, :type :invoke, :f :cas, :value [1 2]}
{:process 0, :type :info, :f :cas, :value [1 2]}
{:process 1, :type :invoke, :f :read, :value nil}
{:process 1, :type :ok, :f :read, :value %s}
"""
LOG = "INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - 0\t:ok\t:read\t%s\n"

SMALL = {
    "a valid history in JSON": (JSONL % 1, (), 0),
    "an invalid one": (JSONL % 2, (), 1),
    "in EDN": (EDN % 5, (), 1),
    "a log, whose model is named": (LOG % "nil", ("--model", "cas-register"), 0),
    "several files": (JSONL % 1, ("again.jsonl", "--json"), 0),
    "a broken file": ("{:process 0,", (), 64),
}

SCRIPT = """\
import sys
from clew.__main__ import main
status = main()
heavy = sorted(
    name for name in sys.modules for each in HEAVY if name == each or name.startswith(each + ".")
)
sys.stderr.write(" ".join(heavy))
sys.exit(status)
"""


@pytest.mark.parametrize("name", SMALL)
def test_the_check_of_a_small_file_imports_nothing_heavy(name, tmp_path):
    text, more, status = SMALL[name]
    for file in ("small.history", "again.jsonl"):
        Path(tmp_path / file).write_text(text)
    script = tmp_path / "script.py"
    script.write_text(f"HEAVY = {HEAVY!r}\n{SCRIPT}")
    ended = subprocess.run(
        [sys.executable, script, "check", "small.history", *more],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == status, ended.stderr
    assert ended.stderr.splitlines()[-1:] == [] or status == 64
    assert ended.stdout or status == 64
    if status == 64:
        assert ended.stderr.count("\n") == 1
        assert ended.stderr.endswith("\n"), ended.stderr
