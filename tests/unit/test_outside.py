"""What nodes see of the machine: it is remarked, or it is the node's own."""

import pytest
from test_remarks import outcome_of, remarks, written

NODE = """import os
import getpass
from pathlib import Path

{top}


class N(Node):
    workload = "echo"

    @on("x")
    def x(self, msg):
        pass

    @on("echo")
    def echo(self, msg):
        self.send(self.peers[0], {{"type": "x", "v": str({value})}})
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})
"""


def said(tmp_path, value, top=""):
    outcome = outcome_of(written(tmp_path, NODE.format(value=value, top=top)), rate=5)
    assert outcome.verdict.value == "valid"
    return outcome, [one.partition(", so that")[0] for one in remarks(outcome, "of this machine")]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("os.path.expanduser(chr(126))", "HOME"),
        ("Path.home()", "HOME"),
        ("os.environ.get('MODE')", "MODE"),
        ("os.getenv('MODE', 1)", "MODE"),
        ("'MODE' in os.environ", "MODE"),
        ("os.getcwd()", "the working folder"),
        ("Path.cwd()", "the working folder"),
        ("os.path.abspath('x')", "the working folder"),
    ],
)
def test_what_a_node_looks_at_is_remarked(tmp_path, monkeypatch, value, what):
    monkeypatch.setenv("HOME", "/somewhere")
    assert said(tmp_path, value)[1] == [f"The nodes looked at {what} of this machine"]


def test_all_of_the_environment_is_remarked_in_short(tmp_path):
    _, [remark] = said(tmp_path, "len(dict(os.environ))")
    assert remark.endswith(", ... of this machine")


def test_what_a_file_looks_at_when_it_is_imported_is_remarked(tmp_path):
    _, found = said(tmp_path, "MODE", "MODE = os.environ.get('CLEW_MODE', 'fast')")
    assert found == ["The nodes looked at CLEW_MODE of this machine"]


@pytest.mark.parametrize("value", ["getpass.getuser()", "os.environ['HOSTNAME']", "1"])
def test_who_and_where_a_node_is_are_its_own(tmp_path, monkeypatch, value):
    digests = set()
    for name in ("one", "two"):
        for variable in ("HOSTNAME", "LOGNAME", "USER"):
            monkeypatch.setenv(variable, name)
            monkeypatch.setitem(outside_started(), variable, name)
        outcome, found = said(tmp_path, value)
        assert not found
        digests.add(outcome.run.digest)
    assert len(digests) == 1


def outside_started():
    from clew.sim.guards import outside  # noqa: PLC0415

    return outside._STARTED


def test_what_a_node_sets_itself_it_reads(tmp_path):
    top = "def own():\n    os.environ['USER'] = 'me'\n    return os.environ['USER']\n"
    outcome, _ = said(tmp_path, "own()", top)
    sent = [e.fields["body"] for e in outcome.run.trace.events() if e.kind == "send"]
    assert {"type": "x", "v": "me"} in sent
