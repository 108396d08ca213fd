"""A command whose process is stuck, or ends without a word, says so and has an exit status."""

import json
import os
import signal
import subprocess
import sys
import time
from xml.etree.ElementTree import parse

import pytest

from clew.machine import supervisor

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is nobody to wait"),
]

HEAD = "from clew import Node, on\nclass N(Node):\n    workload = 'echo'\n    @on('echo')\n"
ECHO = HEAD + "    def echo(self, msg): "
ANSWER = "self.reply(msg, {'type': 'echo_ok', 'echo': msg.body['echo']})"

CASES = {
    # name: (the file, exit status, what is said, where)
    "a loop of C in a handler": (ECHO + "sum(iter(int, 1))", 1, "could not be interrupted", "out"),
    "a loop of C that lets other threads run": (
        "import sqlite3\n" + ECHO + "sqlite3.connect(':memory:').execute('with recursive c(x) as "
        "(select 1 union all select x from c) select count(*) from c').fetchone()",
        1, "could not be interrupted", "out"),
    "a crash of the interpreter": (
        "import ctypes\n" + ECHO + "ctypes.cast(8, ctypes.POINTER(ctypes.c_int))[0]",
        2, "ended with signal 11 while it ran a node's code", "err"),
    "an exit where Clew looks at the class": (
        "class M(type):\n    def __getattribute__(cls, name):\n        if name == 'tolerates': "
        "raise SystemExit(0)\n        return super().__getattribute__(name)\n"
        + ECHO.replace("(Node)", "(Node, metaclass=M)") + ANSWER,
        64, "node.py:3: the code raises where Clew looks at a class or an object", "err"),
    "what breaks the interpreter at import": (
        "import builtins\nbuiltins.isinstance = None\n" + ECHO + ANSWER,
        2, "ended with status 1", "err"),
    "a loop at import": ("while True: pass\n" + ECHO + "pass", 64, "that does not end", "err"),
    "a wait at import": (
        "import queue\nqueue.Queue().get()\n" + ECHO + "pass", 64, "that does not end", "err"),
    "a loop of C at import": (
        "sum(iter(int, 1))\n" + ECHO + "pass", 64, "that does not end", "err"),
    "fine": (ECHO + ANSWER, 0, "The run is valid", "out"),
}  # fmt: skip


HURRIED = """
import sys
from functools import partial
from clew.commands import test
from clew.machine import supervisor
from clew.sim import watchdog

test.Job = partial(test.Job, handler_seconds=0.5)
watchdog.IMPORT_SECONDS, watchdog.STRIKE_SECONDS, watchdog.SAY_SECONDS = 0.5, 0.2, 0.3
supervisor.LOOK_SECONDS, supervisor.STUCK_LOOKS = 0.2, 2

from clew.__main__ import main
sys.exit(main())
"""
"""The command line with limits that are a fraction of its own: for what takes them to the end."""


def command(*words, hurried=False):
    start = ["-c", HURRIED] if hurried else ["-m", "clew"]
    return [sys.executable, *start, "test", "node.py", "--no-shrink", *words]


def ended(folder, *words, hurried):
    return subprocess.run(
        command("--time-limit", "1", *words, hurried=hurried),
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | ({"PYTHONHASHSEED": "0"} if hurried else {}),  # else it starts anew
    )  # fmt: skip


ENDLESS = [name for name in CASES if name.startswith(("a loop", "a wait"))]


@pytest.mark.parametrize("name", CASES)
def test_every_run_ends(name, tmp_path):
    ends(name, tmp_path, hurried=name in ENDLESS)


@pytest.mark.deep
@pytest.mark.parametrize("name", ENDLESS)
def test_every_run_ends_within_its_own_limits(name, tmp_path):
    ends(name, tmp_path, hurried=False)


def ends(name, tmp_path, *, hurried):
    text, status, told, where = CASES[name]
    (tmp_path / "node.py").write_text(text)
    done = ended(tmp_path, "--node-count", "1", hurried=hurried)
    assert told in " ".join((done.stdout if where == "out" else done.stderr).split())
    assert done.returncode == status
    assert "Traceback" not in done.stdout + done.stderr or "breaks" in name  # it broke Python's own
    if status == 64:
        assert len(done.stderr.splitlines()) == 1
        assert "node.py:" in done.stderr


def test_a_stuck_run_is_told_to_machines_too(tmp_path):
    (tmp_path / "node.py").write_text(CASES["a loop of C in a handler"][0])
    done = ended(tmp_path, "--json", "--junit", "j.xml", hurried=True)
    told = json.loads(done.stdout)
    assert (told["verdict"], told["signature"]) == (
        "invalid", "nodes: invalid (endless-loop at node.py:5)",
    )  # fmt: skip
    assert parse(tmp_path / "j.xml").getroot().get("failures") == "1"


LONG = (
    ECHO
    + ANSWER
    + """
    def start(self): self.every(0.00002, self.tick)
    def tick(self): print("begun")
"""
)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("group", [False, True])
def test_the_first_signal_ends_a_run(sent, status, group, tmp_path):
    (tmp_path / "node.py").write_text(LONG)
    with subprocess.Popen(
        command(), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert "begun" in process.stderr.readline()
        (os.killpg if group else os.kill)(process.pid, sent)
        said = process.stderr.read()
    assert process.returncode == status
    assert said.endswith("clew: interrupted\n")


def test_a_node_that_catches_everything_is_ended_all_the_same(monkeypatch):
    """The other process does not end by itself: it is given up."""
    monkeypatch.setattr(supervisor, "END_SECONDS", 0.2)
    ready, begun = os.pipe()
    watcher = os.fork()
    if watcher == 0:
        ended = supervisor.supervise()
        if ended is None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(begun, b"x")
            time.sleep(60)
            os._exit(9)
        ended_by_term = isinstance(ended, supervisor.Lost) and ended.ended == signal.SIGTERM
        os._exit(7 if ended_by_term else 8)
    os.read(ready, 1)
    os.kill(watcher, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(watcher, 0)[1]) == 7


ENDS = {
    # how a process ends: what its supervisor says of it
    "silently": (lambda: os._exit(0), 0),
    "killed": (lambda: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL),
    "done": (lambda: (supervisor.done(), os._exit(1)), None),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_process_that_ends_without_a_word_is_lost(name):
    """In a fork: a node's code is kept from most of this, a library it calls is not."""
    end, status = ENDS[name]
    watcher = os.fork()
    if watcher == 0:
        ended = supervisor.supervise()
        if ended is None:
            with supervisor.during("run"):
                end()
        if status is None:
            os._exit(0 if ended == 1 else 8)
        lost = isinstance(ended, supervisor.Lost) and (ended.status, ended.doing) == (status, "run")
        os._exit(0 if lost else 8)
    assert os.waitstatus_to_exitcode(os.waitpid(watcher, 0)[1]) == 0
