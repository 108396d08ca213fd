"""What is refused in one message before anything runs."""

import os
import socket
from pathlib import Path

import pytest

from clew.cli import main


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_workload_that_the_node_does_not_speak_is_refused_before_it_runs(tmp_path, capsys):
    path = tmp_path / "node.py"
    path.write_text(
        "from clew import Node, on\nclass N(Node):\n    @on('read')\n    def read(self, m): 1 / 0\n"
    )
    assert main(["test", str(path), "-w", "broadcast"]) == 64
    told = capsys.readouterr().err
    assert told.endswith(
        "node.py: class N: this node does not speak the workload broadcast: expected handlers of "
        "topology, broadcast, read, found handlers of read. Write @on('topology'), or say "
        "functions = ('read',) in the class, or choose another workload.\n"
    )
    for words in ("raft -w kafka", "echo -w lin-kv", "gossip -w g-counter"):
        assert main(["test", *words.split()]) == 64
    assert not Path("out").exists()


PROGRAMS = [
    "import sys\nfor line in sys.stdin: print(line)\n",
    "from sys import stdin\nwhile line := stdin.readline(): pass\n",
    "while True: input()\n",
    "import fileinput, os\nos.read(0, 10)\n",
    "from maelstrom import Node\nnode = Node()\n@node.handler\ndef echo(r): ...\nnode.run()\n",
    "import json\nclass Node: pass\nif __name__ == '__main__':\n    for line in open(0): pass\n",
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_maelstroms_is_recognised_and_not_run(program, tmp_path, capsys):
    path = tmp_path / "program.py"
    path.write_text(f"{program}\nraise AssertionError('it was run')\n")
    assert main(["test", str(path)]) == 64
    assert "this is a program that reads messages from stdin" in capsys.readouterr().err


SPECIAL = ("folder", "pipe", "socket", "device", "loop")


@pytest.fixture
def special():
    for ending in ("py", "toml", "json", "jsonl"):
        Path(f"folder.{ending}").mkdir()
        os.mkfifo(f"pipe.{ending}")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"socket.{ending}")
        Path(f"device.{ending}").symlink_to("/dev/zero")
        Path(f"loop.{ending}").symlink_to(f"loop.{ending}")


READ = ["test {}.py", "test {}.toml", "replay {}.json", "shrink {}.json", "check {}.jsonl",
        "serve-node {}.py"]  # fmt: skip
WRITTEN = ["test echo --junit {}.json", "check h.jsonl --dot {}.json"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files")
@pytest.mark.parametrize("command", READ + WRITTEN)
@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_regular_file_is_refused_in_one_line(kind, command, special, capsys):
    if kind == "folder" and command == "test {}.toml":
        pytest.skip("a folder of scenarios")
    if kind == "loop" and command in WRITTEN:
        pytest.skip("a link is replaced")
    assert main(command.format(kind).split()) == 64
    told = capsys.readouterr()
    assert len(told.err.splitlines()) == 1
    assert kind in told.err
    assert not told.out


def test_a_path_that_the_system_refuses_is_no_mistake_of_ours(capsys):
    for command in ("test", "replay", "shrink", "check", "serve-node"):
        assert main([command, "x" * 300]) == 64
        assert main([command, "x" * 300 + ".py"]) == 64
        assert main([command, ""]) == 64
    assert all(line.startswith("clew: ") for line in capsys.readouterr().err.splitlines())
