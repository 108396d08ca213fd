"""What nodes print is printed once, however often their run is repeated."""

from pathlib import Path

import pytest

from clew.cli import main

NODE = """
import sys
from clew import Node, on
SEEN = []

class N(Node):
    workload = "echo"
    invariants = {invariants}

    @on("echo")
    def echo(self, msg):
        {put}
        what = f"{{msg.src}} {{msg.body['msg_id']}}"
        print("PRINTED", what)
        sys.__stderr__.writelines(["WRITTEN ", what, "\\n"])
        self.reply(msg, {{"type": "echo_ok", "echo": {echo}}})
"""
RIGHT = 'msg.body["echo"]'
CASES = {
    # what a handler does before, its answer, its invariants, and the exit status
    "valid": ("pass", RIGHT, "()", 0),
    "with a module's memory": ("SEEN.append(1)", RIGHT, "()", 0),
    "with an invariant": ("SEEN.append(1)", RIGHT, "(lambda nodes: None,)", 0),
    "invalid, and made small": ("pass", '"wrong"', "()", 1),
}


@pytest.mark.parametrize("case", CASES)
def test_a_line_of_a_node_is_shown_once(case, tmp_path, monkeypatch, capfd):
    put, echo, invariants, status = CASES[case]
    monkeypatch.chdir(tmp_path)
    Path("n.py").write_text(NODE.format(put=put, echo=echo, invariants=invariants))
    words = ["test", "n.py", "--node-count", "2", "--time-limit", "1", "--recovery", "1"]
    assert main([*words, "--rate", "5"]) == status
    lines = capfd.readouterr().err.splitlines()
    for word in ("PRINTED", "WRITTEN"):
        said = [line for line in lines if line.startswith(word)]
        assert said
        assert len(said) == len(set(said)), word
