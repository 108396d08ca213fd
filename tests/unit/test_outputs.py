"""Where output goes: streams that are closed or full, and files that would replace another."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clew.cli import main
from clew.errors import NodeError
from clew.runtimes.journal import JournalDisk

CLEW = [sys.executable, "-m", "clew"]
FULL = Path("/dev/full")
NODE = """from clew import Node, on
class N(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
"""
BROKEN = NODE.replace("self.reply", "raise ValueError")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    events = [
        {"process": 0, "type": "invoke", "f": "write", "value": 1},
        {"process": 0, "type": "ok", "f": "write", "value": 1},
        {"process": 1, "type": "invoke", "f": "read"},
        {"process": 1, "type": "ok", "f": "read", "value": 2},
    ]
    Path("h.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events))
    Path("n.py").write_text(NODE)
    Path("s.toml").write_text('model = "echo"\ntime_limit = 1\n')
    Path("scenarios").mkdir()
    Path("scenarios/s.toml").write_text('model = "echo"\ntime_limit = 1\n')
    return tmp_path


def _shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TMPDIR": str(folder)}  # where a report of a crash would go
    line = line.replace("clew", f"{sys.executable} -m clew", 1)
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=60, env=env, check=False
    )


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_no_status(closed, here):
    done = _shell(f"clew check h.jsonl --model register --dot g.dot {closed}", here)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == ("" if "2>" in closed else "clew: wrote g.dot\n")
    # A file opened later has no standard stream's number, which would put the verdict into it.
    assert Path("g.dot").read_text().startswith("digraph")
    assert Path("g.dot").read_text().endswith("}\n")


FULL_TOLD = (
    "clew: the output can't be written: No space left on device. Make room, or let it go "
    "elsewhere.\n"
)


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
def test_a_full_stdout_leaves_no_report(here):
    before = sorted(here.iterdir())
    done = _shell("clew --help >/dev/full", here)
    assert (done.returncode, done.stderr) == (64, FULL_TOLD)
    assert sorted(here.iterdir()) == before


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "command", ["--version", "test --help", "list models", "schema", "check h.jsonl"]
)
def test_a_full_stdout_is_one_line_and_no_mistake_of_ours(command, monkeypatch, capsys):
    with FULL.open("wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(full, write_through=True))
        assert main(command.split()) == 64
    assert capsys.readouterr().err == FULL_TOLD


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
def test_a_full_stderr_changes_no_status(here):
    assert _shell("clew check nowhere.jsonl 2>/dev/full", here).returncode == 64


def test_a_reader_who_has_left_is_nobodys_mistake(here):
    # Gone before the first byte comes: Python has to start first.
    line = "clew test --help 2>err | true; echo ${PIPESTATUS[0]}"
    assert _shell(line, here).stdout == "0\n"
    assert Path("err").read_text() == ""
    assert _shell("clew check h.jsonl 2> >(true)", here).returncode == 1


def _repro() -> None:
    main(["test", "broken.py", "--time-limit", "1", "--seed", "0", "--no-shrink"])
    Path(next(Path("out").glob("*/repro.json"))).rename("r.json")


REPLACED = {
    "test s.toml --junit s.toml": "s.toml",
    "test ./s.toml --junit scenarios/../s.toml": "s.toml",
    "test s.toml --junit link.toml": "s.toml",
    "test s.toml --junit hard.toml": "hard.toml",
    "test s.toml --trace s.toml": "s.toml",
    "test scenarios --junit scenarios/s.toml": "scenarios/s.toml",
    "test n.py --junit n.py": "n.py",
    "test n.py:N --trace n.py": "n.py",
    "test echo --junit n.py": "n.py",
    "test echo --time-limit 1 --junit out/clew.sqlite": "out/clew.sqlite",
    "test echo --time-limit 1 --seed 0 --junit x.out --trace x.out": None,
    "test echo --time-limit 1 --seed 0 --junit x.out --trace ./x.out": None,
    "check h.jsonl --dot h.jsonl": "h.jsonl",
    "check h.jsonl --dot ./h.jsonl": "h.jsonl",
    "check h.jsonl.gz --dot h.jsonl.gz": "h.jsonl.gz",
    "check n.py h.jsonl --dot link.jsonl": "h.jsonl",
    "replay r.json --trace r.json": "r.json",
    "replay r.json --report n.py": "n.py",
    "replay r.json --report x.html --trace x.html": None,
    "shrink r.json --out n.py": "n.py",
    "shrink r.json --out passing.json": None,
    "shrink passing.json": "passing.json",
    "shrink passing.json --out small.json": "passing.json",
    "new n --directory .": "n.py",
}


@pytest.mark.parametrize("command", REPLACED)
def test_no_output_replaces_an_input_source_or_another_output(command, capsys):
    Path("broken.py").write_text(BROKEN)
    if command.startswith(("replay", "shrink")):
        _repro()
        Path("passing.json").write_bytes(Path("r.json").read_bytes())
    Path("link.toml").symlink_to("s.toml")
    Path("link.jsonl").symlink_to("h.jsonl")
    os.link("s.toml", "hard.toml")
    Path("h.jsonl.gz").write_bytes(Path("h.jsonl").read_bytes())
    if not Path("out").exists():
        Path("out").mkdir()
        Path("out/clew.sqlite").write_bytes(b"somebody's")
    kept = REPLACED[command]
    before = None if kept is None else Path(kept).read_bytes()
    names = sorted(Path().rglob("*"))
    capsys.readouterr()
    assert main(command.split()) == 64
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("clew: ")
    assert told.err.count("\n") == 1
    assert kept is None or Path(kept).read_bytes() == before
    assert sorted(one for one in Path().rglob("*") if "__pycache__" not in one.parts) == [
        one for one in names if "__pycache__" not in one.parts
    ]


def test_a_code_that_ends_the_process_does_not_open_the_way(here):
    Path("ends.py").write_text("import os\nos._exit(0)\n" + NODE)
    Path("e.toml").write_text('model = "ends.py"\n')
    before = Path("e.toml").read_text()
    assert _shell("clew test e.toml --junit e.toml", here).returncode == 64
    assert Path("e.toml").read_text() == before


def test_a_repro_file_may_be_shrunk_in_its_place(here, capsys):
    Path("broken.py").write_text(BROKEN)
    _repro()
    assert main(["shrink", "r.json", "--out", "r.json", "--max-runs", "3"]) == 0
    assert json.loads(Path("r.json").read_text())["shrunk_from"]


def _serve(name: str) -> str:
    """What a node on the folder ``disk`` says on stderr when it is given a name."""
    body = {"type": "init", "msg_id": 1, "node_id": name, "node_ids": [name]}
    done = subprocess.run(
        [*CLEW, "serve-node", "n.py", "--disk", "disk"],
        input=json.dumps({"src": "c", "dest": name, "body": body}) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr


@pytest.mark.parametrize("disk", ["no journal", '{"process": 0}', "{}\n"])
def test_no_journal_replaces_what_is_none(disk):
    Path("disk").mkdir()
    Path("disk/n1.jsonl").write_text(disk)
    with pytest.raises(NodeError, match="not a line of a disk's journal"):
        JournalDisk(Path("disk/n1.jsonl"))
    assert Path("disk/n1.jsonl").read_text() == disk


def test_a_journal_stays_in_its_folder_and_takes_no_name_of_anybodys():
    Path("disk").mkdir()
    Path("out.jsonl").write_text("")
    Path("disk/n1.new").write_text("somebody's")
    assert "a node_id that a file can be named after" in _serve("../out")
    assert [each.name for each in Path("disk").iterdir()] == ["n1.new"]
    JournalDisk(Path("disk/n1.jsonl")).close()
    assert Path("disk/n1.new").read_text() == "somebody's"
    assert sorted(each.name for each in Path("disk").iterdir()) == ["n1.jsonl", "n1.new"]
