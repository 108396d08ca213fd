"""What a file may do while it is imported, and what it leaves for the end of the run."""

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from guarded_nodes import BORN, S, ran, written

from clew.errors import NodeError
from clew.node.node import Node
from clew.runtimes.simulated import simulated
from clew.scenarios.code.models import load_model
from clew.sim.guards import guarded, importing
from clew.sim.guards.caller import ASKED

pytestmark = pytest.mark.long

IMPORTED = [
    "import time\nX = time.time()",
    "import time\nX = time.monotonic()",
    "import random\nX = random.random()",
    "import random\nX = random.Random().random()",
    "import uuid\nX = uuid.uuid4().hex",
    "import os\nX = os.urandom(4)",
    "import os\nX = os.getpid()",
    "import socket\nX = socket.gethostname()",
    "import secrets\nX = secrets.token_hex()",
    "from datetime import datetime\nX = datetime.now()",
    "import numpy as np\nX = float(np.random.rand())",
    "import numpy as np\nX = float(np.random.default_rng().random())",
]


@pytest.mark.parametrize("top", IMPORTED)
def test_an_import_is_the_same_each_time(tmp_path, top):
    path, _ = written(tmp_path, "v = X", top)
    first, again = ran(path), ran(path)
    assert first == again
    assert first[1] == []
    assert first[0] is not None
    module = sys.modules[load_model(str(path)).node_class.__module__]
    assert vars(module)[ASKED], "real processes would not all get the same"


def test_a_file_that_asks_for_nothing_is_known_to(tmp_path):
    path, _ = written(tmp_path, "v = 1", "import random, time, os\nX = os.path.exists('x')")
    assert ASKED not in vars(sys.modules[load_model(str(path)).node_class.__module__])


def test_what_a_library_draws_when_imported_shifts_nothing(tmp_path, monkeypatch):
    (tmp_path / "drawing.py").write_text("import random\nY = random.random()\n")
    with_it = "import drawing, random\nX = random.random()"
    without = "import random\nX = random.random()"
    drawn = [ran(written(tmp_path, "v = X", top)[0])[0] for top in (with_it, without)]
    assert drawn[0] == drawn[1]


REFUSED_AT_IMPORT = {
    "import os; os._exit(0)": "os._exit",
    "import posix; posix._exit(0)": "os._exit",
    "import os; os.abort()": "os.abort",
    "import os; os.execv('/bin/true', ['true'])": "starting a process",
    "import os; os.fork()": "os.fork",
    "import os; os.kill(os.getpid(), 9)": "os.kill",
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)": "signal.signal",
    "import threading; threading.Thread(target=print).start()": "starting a thread",
    "import ctypes; L = ctypes.CDLL(None)": "calling C",
    "import sqlite3; D = sqlite3.connect('x.db')": "opening a database",
    "F = open('x', 'w')": "writing a file",
    "X = open('/dev/urandom', 'rb').read(4)": "reading /dev/urandom",
    "X = input()": "reading stdin",
    "import sys; X = sys.stdin.read()": "reading stdin",
    "import os; os.chdir('/')": "changing the working directory",
    "import os; os.umask(0)": "os.umask",
    "import atexit; atexit.register(print)": "atexit.register",
    "import atexit\ndef f(): pass\nf.__module__ = 'weakref'; atexit.register(f)": "atexit.register",
    "import sys; sys.settrace(print)": "sys.settrace",
    "import threading; threading.setprofile(print)": "threading.setprofile",
    "import subprocess; subprocess.run(['true'])": "starting a process",
    "import socket; socket.socket()": "opening a socket",
    "import select; select.select([], [], [], 9)": "waiting for a file or socket",
    "import pathlib; pathlib.Path('x').write_text('')": "writing a file",
    "import multiprocessing; L = multiprocessing.RLock()": "a lock of multiprocessing",
    "import asyncio; asyncio.run(print())": "asyncio.run",
}


@pytest.mark.parametrize("top", REFUSED_AT_IMPORT)
def test_a_file_may_not_end_the_process_or_write_when_imported(tmp_path, monkeypatch, top):
    monkeypatch.chdir(tmp_path)
    path, _ = written(tmp_path, "v = 1", top)
    with pytest.raises(NodeError) as refused:
        load_model(str(path))
    told = str(refused.value)
    assert f"{REFUSED_AT_IMPORT[top]} is not for a file that simulated nodes run; use " in told
    assert f"{path}:{1 + len(top.splitlines())}" in told
    assert not (tmp_path / "x").exists()


LEFT_FOR_THE_END = {
    # at the top: in the class
    "an object's __del__": ("class C:\n    def __del__(self): {does}\nX = C()", ""),
    "the node's __del__": ("", "def __del__(self): {does}"),
    "a finalizer": (
        "import weakref\nclass C: pass\nX = C()\nweakref.finalize(X, lambda: {does})", ""
    ),
    "a finalizer of a node": (
        "import weakref", "def __init__(self): weakref.finalize(self, lambda: {does})"
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", LEFT_FOR_THE_END)
def test_what_runs_after_the_run_writes_no_file_and_no_answer(tmp_path, form):
    does = "(print('BYE'), open('x', 'w'))"
    assert answer_after(tmp_path, does, *LEFT_FOR_THE_END[form])["verdict"] == "valid"
    assert not (tmp_path / "x").exists()


def test_what_a_generator_prints_after_the_run_is_no_answer(tmp_path):
    generator = "def g():\n    try: yield\n    finally: {does}\nG = g()\nnext(G)"
    assert answer_after(tmp_path, "print('BYE')", generator, "")["verdict"] == "valid"


def answer_after(folder, does, top, inside):
    """What the command line answers where a node file does something when all is over."""
    top, inside = (part.replace("{does}", does) for part in (top, inside))
    path = folder / "n.py"
    path.write_text(f"{top}\n{ECHOES.format(inside=inside or 'pass')}")
    return told_of(path)


def test_an_environment_that_is_emptied_is_the_nodes(tmp_path):
    path = tmp_path / "n.py"
    path.write_text(f"import os\n{ECHOES.format(inside='def start(self): os.environ.clear()')}")
    assert told_of(path)["verdict"] == "valid"


ECHOES = """\
from clew import Node, on

class N(Node):
    workload = "echo"
    {inside}

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})
"""


def told_of(path):
    """What the command line answers, in a process of its own."""
    command = ["test", "--node-count", "1", "--time-limit", "1", "--json", path.name]
    ended = subprocess.run(
        [sys.executable, "-m", "clew", *command],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ended.stdout)


def test_a_file_that_is_loaded_for_a_process_is_that_process_s_own(tmp_path):
    path, _ = written(tmp_path, "v = 1", "import random, time\nX = (random.random(), time.time())")

    class Loading(Node):
        def start(self):
            self.after(1, self.load)

        def load(self):
            with importing():
                spec = spec_from_file_location("own_file", path)
                module = module_from_spec(spec)
                spec.loader.exec_module(module)
            self.said = module.X

    def run(seed):
        cluster = simulated(seed, Loading, ["n1", "n2"])
        with guarded(cluster):
            cluster.boot()
            cluster.world.advance(2 * S)
        assert cluster.findings == []
        return [host.node.said for host in cluster.hosts.values()]

    first, second = run(1)
    assert first[1] == second[1] == BORN + 1
    assert first[0] != second[0]
    assert run(1) == [first, second]
    assert run(2) != [first, second]
