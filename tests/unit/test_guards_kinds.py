"""Every way out of a simulated node that is known: virtualised, or refused with the user's line.

A row is a node's code as a person writes it: what stands at the top of its file, what its handler
does, and what comes of it.
"""

import json
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from clew.errors import NodeError
from clew.node.node import Node
from clew.runtimes.simulated import simulated
from clew.scenarios.code.load import load_model
from clew.sim.guards import guarded, importing
from clew.sim.guards.caller import ASKED

S = 1_000_000_000
BORN = 1_700_000_000

NODE = """\
from clew import Node
{top}

class N(Node):
    def start(self):
        self.v = None
        self.after(1, self.call)

    {kind}def call(self, {default}):
{body}
        self.v = v
"""


def written(folder, body, top="", default="*_"):
    """A node's file, and the number of its handler's first line."""
    kind = "async " if "await" in body or "async with" in body else ""
    text = NODE.format(top=top, kind=kind, default=default, body=textwrap.indent(body, " " * 8))
    path = Path(folder) / "node_file.py"
    path.write_text(text)
    first = body.splitlines()[0].strip()
    lines = [line.strip() for line in text.splitlines()]
    return path, len(lines) - lines[::-1].index(first)


def ran(path, seed=1):
    """What its handler gave one second after the start, and the findings."""
    cluster = simulated(seed, load_model(str(path)).node_class, ["n1"])
    with guarded(cluster):
        cluster.boot()
        cluster.world.advance(2 * S)
        said = cluster.hosts["n1"].node.v
    cluster.close()
    return said, cluster.findings


SQLITE = """\
import sqlite3
from contextlib import closing
def of(query):
    with closing(sqlite3.connect(":memory:")) as database:
        return database.execute(query).fetchone()[0]"""

CLOCKS = {
    # what stands at the top: what the handler does, and what it gets at virtual time 1 s
    "import time": [
        ("v = time.clock_gettime(time.CLOCK_REALTIME)", BORN + 1.0),
        ("v = time.clock_gettime(time.CLOCK_MONOTONIC)", 1.0),
        ("v = time.clock_gettime_ns(time.CLOCK_BOOTTIME)", S),
        ("v = time.clock_gettime_ns(time.CLOCK_PROCESS_CPUTIME_ID)", S),
        ("v = time.thread_time()", 1.0),
        ("v = time.thread_time_ns()", S),
        ("v = time.process_time_ns()", S),
        ("v = time.asctime()", "Tue Nov 14 22:13:21 2023"),
        ("v = time.localtime(None).tm_sec", 21),
        ("v = time.tzname[0]", "UTC"),
        ("v = getattr(time, 'time')()", BORN + 1.0),
        ("v = vars(time)['time']()", BORN + 1.0),
    ],
    "import time\nD = {'t': time.time}": [("v = D['t']()", BORN + 1.0)],
    "import time\nL = [time.time]": [("v = L[0]()", BORN + 1.0)],
    "from time import time": [("v = time()", BORN + 1.0)],
    "from time import clock_gettime, CLOCK_REALTIME": [
        ("v = clock_gettime(CLOCK_REALTIME)", BORN + 1.0)
    ],
    "import time, functools\nP = functools.partial(time.time)": [("v = P()", BORN + 1.0)],
    "import time\ndef f(clock=time.time): return clock()": [("v = f()", BORN + 1.0)],
    "import time\ndef f(*, clock=time.time): return clock()": [("v = f()", BORN + 1.0)],
    "import time\nclass C:\n    clock = time.time": [("v = C().clock()", BORN + 1.0)],
    "import time\nclass C:\n    clock = staticmethod(time.time)": [("v = C.clock()", BORN + 1.0)],
    "import time\ndef outer(t=time.time):\n    return lambda: t()\nf = outer()": [
        ("v = f()", BORN + 1.0)
    ],
    "import time, dataclasses\n@dataclasses.dataclass\nclass C:\n"
    "    t: float = dataclasses.field(default_factory=time.time)": [("v = C().t", BORN + 1.0)],
    "import sys": [
        ("v = sys.modules['time'].time()", BORN + 1.0),
        ("import time\ndel sys.modules['time']\nimport time\nv = time.time()", BORN + 1.0),
        ("v = len(sys.argv) <= 1", True),
        ("v = __import__('time').time()", BORN + 1.0),
    ],
    "import importlib": [("v = importlib.import_module('time').time()", BORN + 1.0)],
    "import os": [
        ("v = os.times().elapsed", 1.0),
        ("v = os.stat(__file__).st_mtime", float(BORN)),
        ("v = os.path.getmtime(__file__)", float(BORN)),
        ("v = os.lstat(__file__).st_ctime_ns", BORN * S),
        ("v = os.getppid()", 1),
        ("v = os.cpu_count()", 1),
        ("v = os.getloadavg()", (0.0, 0.0, 0.0)),
        ("v = os.uname().nodename", "n1"),
        ("v = os.isatty(0)", False),
    ],
    "import resource": [
        ("v = resource.getrusage(resource.RUSAGE_SELF).ru_utime", 1.0),
        ("v = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss", 0),
    ],
    "from datetime import datetime, timezone, date": [
        ("v = datetime.now().isoformat()", "2023-11-14T22:13:21"),
        ("v = datetime.now().astimezone().isoformat()", "2023-11-14T22:13:21+00:00"),
        ("v = datetime.now(timezone.utc).timestamp()", BORN + 1.0),
        ("v = datetime.fromtimestamp(0).isoformat()", "1970-01-01T00:00:00"),
        ("v = date.today().isoformat()", "2023-11-14"),
        ("v = datetime.strptime('2020', '%Y').year", 2020),
    ],
    "import email.utils": [
        ("v = email.utils.formatdate()", "Tue, 14 Nov 2023 22:13:21 -0000"),
        ("v = email.utils.localtime().isoformat()", "2023-11-14T22:13:21+00:00"),
    ],
    "import logging": [
        ("v = logging.LogRecord('a', 1, 'b', 1, 'm', None, None).created", BORN + 1.0),
        ("v = round(logging.LogRecord('a', 1, 'b', 1, 'm', None, None).relativeCreated)", 1000),
        ("v = logging.LogRecord('a', 1, 'b', 1, 'm', None, None).thread", 1),
    ],
    "import timeit": [("v = timeit.default_timer()", 1.0), ("v = timeit.timeit(number=1)", 0.0)],
    SQLITE: [
        ("v = of(\"select datetime('now')\")", "2023-11-14 22:13:21"),
        ("v = of('select CURRENT_TIMESTAMP')", "2023-11-14 22:13:21"),
        ("v = of('select current_date')", "2023-11-14"),
        ("v = of(\"select strftime('%s', 'now', '+1 day')\")", str(BORN + 86401)),
        ("v = of(\"select strftime('%f', 'NOW')\")", "21.000"),
        ("v = of('select date()')", "2023-11-14"),
        ("v = of(\"select date('2020-02-03')\")", "2020-02-03"),
    ],
    "import socket": [("v = socket.gethostname()", "n1"), ("v = socket.getfqdn()", "n1")],
    "import platform": [("v = platform.node()", "n1"), ("v = platform.uname().node", "n1")],
    "import threading": [
        ("v = threading.get_ident()", 1),
        ("v = threading.current_thread().ident", 1),
        ("v = threading.active_count()", 1),
        ("v = len(threading.enumerate())", 1),
        ("v = threading.current_thread().name", "MainThread"),
    ],
    "import gc": [("v = gc.collect()", 0), ("v = gc.get_threshold()", (700, 10, 10))],
    "import datetime as d\nclass D(d.datetime): pass\nclass E(d.date): pass": [
        ("v = D.now(); v = (str(v), type(v) is D)", ("2023-11-14 22:13:21", True)),
        ("v = E.today(); v = (str(v), type(v) is E)", ("2023-11-14", True)),
    ],
    "import numpy as np": [
        ("v = str(np.datetime64('now'))", "2023-11-14T22:13:21"),
        ("v = str(np.datetime64('now', 'ms'))", "2023-11-14T22:13:21.000"),
        ("v = str(np.datetime64('today'))", "2023-11-14"),
        ("v = str(np.datetime64('2020-02-03'))", "2020-02-03"),
        ("v = str(np.zeros(1, dtype=np.datetime64).dtype)", "datetime64"),
        ("v = isinstance(np.arange('2020', '2021', dtype='M8[Y]')[0], np.datetime64)", True),
    ],
}

CLOCK_ROWS = [(top, body, value) for top, rows in CLOCKS.items() for body, value in rows]


@pytest.mark.parametrize(("top", "body", "value"), CLOCK_ROWS)
def test_clocks_and_the_machine_are_the_nodes(tmp_path, top, body, value):
    path, _ = written(tmp_path, body, top)
    said, findings = ran(path)
    assert findings == []
    assert said == value


NEWER_SQLITE = [
    ("v = of(\"select datetime('subsec')\")", "2023-11-14 22:13:21.000", (3, 42)),
    ("v = of(\"select timediff('now', '2023-11-14')\")", "+0000-00-00 22:13:21.000", (3, 43)),
    ("v = of(\"select timediff('2023-11-14', 'now')\")", "-0000-00-00 22:13:21.000", (3, 43)),
]


@pytest.mark.parametrize(("body", "value", "since"), NEWER_SQLITE)
def test_the_present_of_a_newer_sqlite_is_the_nodes(tmp_path, body, value, since):
    if sqlite3.sqlite_version_info < since:
        pytest.skip(f"SQLite {sqlite3.sqlite_version} has no such function")
    assert ran(written(tmp_path, body, SQLITE)[0]) == (value, [])


CHANCE = {
    "import random": [
        "random.random()", "random.choice(range(10**9))", "random.Random().random()",
        "random.SystemRandom().random()", "random.SystemRandom().randrange(10**9)",
        "random._inst.random()",
    ],
    "from random import random, shuffle": ["random()"],
    "import random\nR = random.SystemRandom()": ["R.random()"],
    "import random\nD = {'r': random.random}": ["D['r']()"],
    "import _random": ["_random.Random().random()", "_random.Random(None).random()"],
    "import os": ["os.urandom(8)", "os.getrandom(8)"],
    "from os import urandom as u": ["u(8)"],
    "import posix": ["posix.urandom(8)"],
    "import ssl": ["ssl.RAND_bytes(8)"],
    "import _ssl": ["_ssl.RAND_bytes(8)"],
    "import secrets": [
        "secrets.token_hex(8)", "secrets.token_urlsafe(8)", "secrets.randbits(64)",
        "secrets.SystemRandom().random()",
    ],
    "import uuid": ["uuid.uuid4().hex", "uuid.uuid1().hex"],
    "import tempfile": ["tempfile.mktemp()", "next(tempfile._get_candidate_names())"],
    "import email.utils": ["email.utils.make_msgid()"],
    "import numpy as np": [
        "float(np.random.default_rng().random())", "float(np.random.rand())",
        "int(np.random.randint(10**9))", "float(np.random.random())", "float(np.random.normal())",
        "np.random.permutation(100).tolist()", "float(np.random.RandomState().rand())",
        "float(np.random.Generator(np.random.PCG64()).random())", "np.random.bytes(8)",
        "np.random.get_state()[1].tolist()", "float(np.random.mtrand._rand.rand())",
    ],
    "from numpy.random import rand": ["float(rand())"],
    "import networkx as nx": [
        "sorted(nx.gnp_random_graph(12, .5).edges)",
        "sorted(nx.fast_gnp_random_graph(12, .5).edges)",
        "sorted(nx.random_regular_graph(3, 12).edges)",
    ],
    SQLITE: [
        "of('select random()')", "of('select randomblob(8)')",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("top", "body"), [(top, b) for top in CHANCE for b in CHANCE[top]])
def test_chance_is_the_seeds(tmp_path, top, body):
    path, _ = written(tmp_path, f"v = {body}", top)
    (first, findings), (again, _), (other, _) = ran(path), ran(path), ran(path, seed=2)
    assert findings == []
    assert first == again
    assert first != other


def test_a_seeded_generator_of_a_library_is_left_alone(tmp_path):
    for top, body, seeded in (
        ("import random", "v = random.Random(7).random()", 0.32383276483316237),
        ("import _random", "v = _random.Random(7).random()", 0.32383276483316237),
        ("import numpy as np", "np.random.seed(7); v = float(np.random.rand())", 0.076308289373957),
    ):
        path, _ = written(tmp_path, body, top)
        said, findings = ran(path)
        assert findings == []
        assert said == pytest.approx(seeded, abs=1e-12)


REFUSED = {
    # what stands at the top: what the handler does, and how the refusal begins
    "import os": [
        ("os._exit(0)", "os._exit"),
        ("os.abort()", "os.abort"),
        ("os.execv('/bin/true', ['true'])", "starting a process"),
        ("os.execve('/bin/true', ['true'], {})", "starting a process"),
        ("os.execlp('true', 'true')", "starting a process"),
        ("os.execvp('true', ['true'])", "starting a process"),
        ("os.posix_spawn('/bin/true', ['true'], {})", "starting a process"),
        ("os.posix_spawnp('true', ['true'], {})", "starting a process"),
        ("os.spawnlp(os.P_WAIT, 'true', 'true')", "os.fork"),
        ("os.popen('true')", "starting a process"),
        ("os.system('true')", "starting a process"),
        ("os.fork()", "os.fork"),
        ("os.forkpty()", "os.forkpty"),
        ("os.kill(os.getpid(), 0)", "os.kill"),
        ("os.killpg(0, 9)", "os.killpg"),
        ("os.nice(0)", "os.nice"),
        ("os.umask(0)", "os.umask"),
        ("os.wait()", "os.wait"),
        ("os.pipe()", "a pipe or device"),
        ("os.openpty()", "a pipe or device"),
        ("os.memfd_create('x')", "a pipe or device"),
        ("os.write(1, b'HELLO')", "a file's number"),
        ("os.writev(1, [b'HELLO'])", "a file's number"),
        ("os.read(0, 1)", "a file's number"),
        ("os.close(1)", "a file's number"),
        ("os.closerange(0, 3)", "a file's number"),
        ("os.dup2(1, 2)", "a file's number"),
        ("os.fdopen(1, 'w')", "a file's number"),
        ("os.open('x', os.O_CREAT | os.O_WRONLY)", "a file's number"),
        ("os.fsync(1)", "os.fsync"),
        ("os.mkdir('x')", "writing a file"),
        ("os.makedirs('x/y')", "writing a file"),
        ("os.rename('x', 'y')", "writing a file"),
        ("os.replace('x', 'y')", "writing a file"),
        ("os.remove('x')", "writing a file"),
        ("os.unlink('x')", "writing a file"),
        ("os.rmdir('x')", "writing a file"),
        ("os.symlink('x', 'y')", "writing a file"),
        ("os.link('x', 'y')", "writing a file"),
        ("os.truncate('x', 0)", "writing a file"),
        ("os.utime(__file__)", "writing a file"),
        ("os.chmod(__file__, 0o600)", "writing a file"),
        ("os.mkfifo('x')", "writing a file"),
        ("os.chdir('/')", "changing the working directory"),
        ("os.statvfs('/')", "what the machine has free"),
        ("os.sched_yield()", "os.sched_yield"),
    ],
    "from os import _exit, execv": [
        ("_exit(0)", "os._exit"),
        ("execv('/bin/true', ['true'])", "starting a process"),
    ],
    "import posix": [
        ("posix._exit(0)", "os._exit"),
        ("posix.execv('/bin/true', ['true'])", "starting a process"),
        ("posix.fork()", "os.fork"),
        ("posix.open('x', 1)", "a file's number"),
    ],
    "import os\nE = {'e': os._exit}": [("E['e'](0)", "os._exit")],
    "import builtins, io, pathlib, codecs, gzip, zipfile, tarfile": [
        ("open('x', 'w')", "writing a file"),
        ("open('x', 'a')", "writing a file"),
        ("open('x', 'r+')", "writing a file"),
        ("open('x', mode='xb')", "writing a file"),
        ("builtins.open('x', 'w')", "writing a file"),
        ("io.open('x', 'w')", "writing a file"),
        ("io.FileIO('x', 'w')", "writing a file"),
        ("open(1, 'w')", "a file's number"),
        ("open('/dev/urandom', 'rb').read(4)", "reading /dev/urandom"),
        ("open('/proc/uptime').read()", "reading /proc/uptime"),
        ("open('/proc/self/../uptime').read()", "reading /proc/self/../uptime"),
        ("open('/dev/zero', 'rb')", "reading /dev/zero"),
        ("import os; os.listdir('/proc')", "reading /proc"),
        ("import os; os.readlink('/proc/self')", "reading /proc/self"),
        ("import os; os.path.realpath('/proc/self')", "reading /proc"),
        ("import os; os.path.exists('/dev/shm/x')", "reading /dev/shm/x"),
        ("pathlib.Path('x').write_text('1')", "writing a file"),
        ("pathlib.Path('x').open('a')", "writing a file"),
        ("pathlib.Path('x').touch()", "writing a file"),
        ("pathlib.Path('x').mkdir()", "writing a file"),
        ("pathlib.Path('x').mkdir(parents=True, exist_ok=True)", "writing a file"),
        ("pathlib.Path('x').unlink()", "writing a file"),
        ("codecs.open('x', 'w')", "writing a file"),
        ("gzip.open('x', 'w')", "writing a file"),
        ("zipfile.ZipFile('x', 'w')", "writing a file"),
        ("tarfile.open('x', 'w')", "writing a file"),
    ],
    "import shutil, tempfile, shelve, dbm.dumb, logging, numpy as np": [
        ("shutil.copy(__file__, 'x')", "writing a file"),
        ("import os; shutil.rmtree(os.getcwd())", "a file's number"),
        ("shutil.move(__file__, 'x')", "writing a file"),
        ("tempfile.mkstemp()", "writing a file"),
        ("tempfile.mkdtemp()", "writing a file"),
        ("tempfile.TemporaryFile()", "writing a file"),
        ("tempfile.NamedTemporaryFile()", "writing a file"),
        ("tempfile.TemporaryDirectory()", "writing a file"),
        ("shelve.open('x')", "writing a file"),
        ("dbm.dumb.open('x', 'c')", "writing a file"),
        ("logging.FileHandler('x')", "writing a file"),
        ("np.save('x.npy', [1])", "writing a file"),
        ("np.arange(3).tofile('x')", "writing a file"),
    ],
    "import sqlite3": [
        ("sqlite3.connect('x.db')", "opening a database in a file"),
        ("sqlite3.connect(database='x.db')", "opening a database in a file"),
        ("sqlite3.Connection('x.db')", "opening a database in a file"),
        ("sqlite3.dbapi2.connect('x.db')", "opening a database in a file"),
        (
            "sqlite3.connect(':memory:').execute(\"attach 'x.db' as x\")",
            "opening a database in a file",
        ),
        (
            "sqlite3.connect(':memory:').execute(\"vacuum into 'x.db'\")",
            "opening a database in a file",
        ),
    ],
    "import time, threading, queue, select, selectors, sched, concurrent.futures as cf": [
        ("time.sleep(0.1)", "time.sleep"),
        ("time.sleep(0)", "time.sleep"),
        ("threading.Event().wait(0.3)", "threading.Event.wait"),
        ("threading.Event().wait()", "threading.Event.wait"),
        ("c = threading.Condition(); c.acquire(); c.wait(0.3)", "threading.Condition.wait"),
        ("c = threading.Condition(); c.acquire(); c.wait_for(lambda: 0)", "threading.Condition"),
        ("threading.Semaphore(0).acquire()", "waiting for a semaphore"),
        ("threading.Semaphore(0).acquire(timeout=1)", "waiting for a semaphore"),
        ("with threading.Semaphore(0): pass", "waiting for a semaphore"),
        ("threading.BoundedSemaphore(0).acquire()", "waiting for a semaphore"),
        ("threading.Barrier(2).wait()", "threading.Barrier.wait"),
        ("l = threading.Lock(); l.acquire(); l.acquire()", "waiting for a lock"),
        ("l = threading.Lock(); l.acquire(); l.acquire(timeout=0.1)", "waiting for a lock"),
        ("threading.Thread(target=print).start()", "starting a thread"),
        ("threading.Timer(1, print).start()", "starting a thread"),
        ("cf.ThreadPoolExecutor(1).submit(print)", "starting a thread"),
        ("cf.Future().result()", "waiting for a future"),
        ("cf.Future().exception(1)", "waiting for a future"),
        ("cf.wait([cf.Future()])", "threading.Event.wait"),
        ("queue.Queue().get()", "waiting for a queue"),
        ("queue.Queue().get(timeout=0.1)", "waiting for a queue"),
        ("queue.SimpleQueue().get()", "waiting for a queue"),
        ("q = queue.Queue(1); q.put(1); q.put(2)", "waiting for a queue"),
        ("q = queue.LifoQueue(); q.put(1); q.join()", "waiting for a queue"),
        ("select.select([], [], [], 0.05)", "waiting for a file or socket"),
        ("select.poll()", "waiting for a file or socket"),
        ("select.epoll()", "waiting for a file or socket"),
        ("selectors.DefaultSelector()", "waiting for a file or socket"),
        ("sched.scheduler().run()", "sched.scheduler.run"),
    ],
    "from time import sleep": [("sleep(0.1)", "time.sleep")],
    "import threading\nL = threading.Lock()\nL.acquire()": [("L.acquire()", "waiting for a lock")],
    "import threading\nE = threading.Event()": [("E.wait(0.1)", "threading.Event.wait")],
    "import _thread, _queue": [
        ("_thread.start_new_thread(print, ())", "starting a thread"),
        ("_queue.SimpleQueue().get()", "waiting for a queue"),
        ("l = _thread.allocate_lock(); l.acquire(); l.acquire()", "waiting for a lock"),
        ("_thread.interrupt_main()", "_thread.interrupt_main"),
    ],
    "import signal, faulthandler, atexit, gc, sys, tracemalloc, locale, importlib, time": [
        ("signal.alarm(1)", "signal.alarm"),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "signal.signal"),
        ("signal.setitimer(signal.ITIMER_REAL, 1)", "signal.setitimer"),
        ("signal.pause()", "signal.pause"),
        ("signal.sigwait([signal.SIGTERM])", "signal.sigwait"),
        ("signal.sigtimedwait([signal.SIGTERM], 1)", "signal.sigtimedwait"),
        ("signal.raise_signal(signal.SIGTERM)", "signal.raise_signal"),
        ("faulthandler._sigsegv()", "faulthandler._sigsegv"),
        ("atexit.register(print)", "atexit.register"),
        ("gc.get_objects()", "what the interpreter counts"),
        ("gc.get_count()", "what the interpreter counts"),
        ("sys.getrefcount(None)", "what the interpreter counts"),
        ("sys.getallocatedblocks()", "what the interpreter counts"),
        ("sys.settrace(None)", "sys.settrace"),
        ("import gc; gc.set_threshold(1)", "gc.set_threshold"),
        ("import readline; readline.write_history_file('x')", "writing a file"),
        ("import readline; readline.append_history_file(1, 'x')", "writing a file"),
        ("import curses; curses.initscr()", "a terminal"),
        ("sys.setrecursionlimit(50)", "sys.setrecursionlimit"),
        ("sys.addaudithook(print)", "sys.addaudithook"),
        ("tracemalloc.start()", "what the interpreter counts"),
        ("locale.setlocale(locale.LC_ALL, 'C')", "locale.setlocale"),
        ("importlib.reload(time)", "importlib.reload"),
        ("input()", "reading stdin"),
        ("sys.stdin.readline()", "reading stdin"),
        ("sys.__stdin__.read()", "reading stdin"),
        ("next(iter(sys.stdin))", "reading stdin"),
    ],
    "import socket, _socket, urllib.request, http.client, webbrowser, ssl": [
        ("socket.socket()", "opening a socket"),
        ("_socket.socket()", "opening a socket"),
        ("_socket.SocketType()", "opening a socket"),
        ("socket.socketpair()", "opening a socket"),
        ("socket.create_connection(('127.0.0.1', 9))", "opening a socket"),
        ("socket.create_server(('', 0))", "opening a socket"),
        ("socket.getaddrinfo('localhost', 80)", "looking up a host"),
        ("socket.gethostbyname('localhost')", "looking up a host"),
        ("urllib.request.urlopen('http://127.0.0.1:9/')", "opening a socket"),
        ("http.client.HTTPConnection('127.0.0.1').connect()", "opening a socket"),
        ("webbrowser.open('http://x')", "starting a process"),
    ],
    "import subprocess, multiprocessing, pty, fcntl, _posixsubprocess": [
        ("subprocess.run(['true'])", "starting a process"),
        ("subprocess.Popen('true', shell=True)", "starting a process"),
        ("subprocess.check_output(['true'])", "starting a process"),
        ("multiprocessing.Process(target=print).start()", "starting a process"),
        ("multiprocessing.Queue()", ""),
        ("multiprocessing.Lock()", "a lock of multiprocessing"),
        ("multiprocessing.Pool(1)", ""),
        ("multiprocessing.Pipe()", ""),
        ("multiprocessing.Value('i')", ""),
        ("pty.spawn('true')", "starting a process"),
        ("fcntl.flock(0, 0)", "fcntl.flock"),
    ],
    "from concurrent.futures import ProcessPoolExecutor": [
        ("ProcessPoolExecutor(1).submit(abs, 1)", ""),
    ],
    "from multiprocessing.shared_memory import SharedMemory": [
        ("SharedMemory(create=True, size=8)", "shared memory"),
    ],
    "import ctypes": [
        ("ctypes.CDLL(None).time(None)", "calling C"),
        ("ctypes.pythonapi.Py_Exit(0)", "calling C"),
        ("ctypes.cdll.LoadLibrary(None)", "calling C"),
        ("ctypes.string_at(0)", "calling C"),
    ],
    "import asyncio": [
        ("await asyncio.sleep(0)", "asyncio.sleep"),
        ("await asyncio.Event().wait()", "asyncio.Event.wait"),
        ("await asyncio.Queue().get()", "waiting for a queue"),
        ("await asyncio.wait_for(self.sleep(1), 1)", "asyncio.wait_for"),
        ("await asyncio.gather(self.sleep(1))", "asyncio.gather"),
        ("await asyncio.wait([])", "asyncio.wait"),
        ("await asyncio.shield(self.sleep(1))", "asyncio.shield"),
        ("await asyncio.to_thread(print)", "asyncio.to_thread"),
        ("await asyncio.open_connection('x', 1)", "asyncio.open_connection"),
        ("await asyncio.create_subprocess_exec('true')", "asyncio.create_subprocess_exec"),
        ("await asyncio.Future()", "asyncio's loop"),
        ("asyncio.get_running_loop().call_later(1, print)", "asyncio.get_running_loop"),
        ("asyncio.get_event_loop().call_soon(print)", "asyncio.get_event_loop"),
        ("async with asyncio.timeout(1): pass", "asyncio.timeout"),
        ("async with asyncio.TaskGroup(): pass", "asyncio.TaskGroup"),
        ("l = asyncio.Lock(); await l.acquire(); await l.acquire()", "waiting for an asyncio.Lock"),
        ("await asyncio.Semaphore(0).acquire()", "waiting for an asyncio.Semaphore"),
        ("asyncio.all_tasks()", "asyncio.all_tasks"),
    ],
    "from asyncio import sleep": [("await sleep(0.1)", "asyncio.sleep")],
}

REFUSED_ROWS = [(top, body, what) for top, rows in REFUSED.items() for body, what in rows]


@pytest.mark.parametrize(("top", "body", "what"), REFUSED_ROWS)
def test_the_real_world_is_refused_with_the_users_line(tmp_path, monkeypatch, top, body, what):
    path, line = written(tmp_path, f"{body}\nv = 1", top)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    said, findings = ran(path)
    assert said is None
    assert [finding.kind for finding in findings] == ["refused"]
    assert findings[0].place == f"{path}:{line}"
    assert findings[0].reason.startswith(what)
    assert " is not for a simulated node; use " in findings[0].reason
    assert [p for p in sorted(tmp_path.iterdir()) if p.name != "__pycache__"] == before


HARMLESS = """\
json.dumps({"a": [1, 2.5]})
logging.getLogger("x").debug("hello %s", 1)
statistics.NormalDist(0, 1).samples(3)
inspect.getsource(inspect.getsource)
traceback.format_stack()
hashlib.sha256(b"x").hexdigest()
hashlib.file_digest(open("data.csv", "rb"), "sha256").hexdigest()
list(csv.reader(open("data.csv")))
configparser.ConfigParser().read("nope.ini")
copy.deepcopy(pickle.loads(pickle.dumps({"a": {1, 2}})))
argparse.ArgumentParser().format_help()
locale.getpreferredencoding(), locale.getlocale()
pathlib.Path("data.csv").read_text()
sorted(pathlib.Path(".").iterdir()), list(pathlib.Path(".").glob("*.csv"))
[names for _, _, names in os.walk(".")]
os.path.getsize("data.csv"), os.path.exists("nope"), os.path.isfile("data.csv")
[entry.name for entry in os.scandir(".")], os.listdir(".")
os.environ.get("X"), os.getcwd(), os.path.abspath("x"), os.access("x", 4)
glob.glob("*.csv")
importlib.import_module("colorsys")
zoneinfo.ZoneInfo("UTC")
uuid.uuid5(uuid.NAMESPACE_DNS, "x")
(q := queue.Queue()).put(1), q.get()
(q := queue.PriorityQueue()).put(1), q.get(timeout=1)
(q := queue.SimpleQueue()).put(1), q.get()
(l := threading.Lock()).acquire(), l.release(), l.acquire(timeout=1), l.acquire(blocking=False)
(l := threading.RLock()).acquire(), l.acquire()
(e := threading.Event()).set(), e.wait(1), e.wait()
threading.Event().wait(0)
(c := threading.Condition()).acquire(), c.notify_all(), c.release()
(s := threading.Semaphore(1)).acquire(), s.acquire(blocking=False)
(f := concurrent.futures.Future()).set_result(1), f.result()
weakref.finalize(Node, print).detach()
platform.system(), platform.platform(), platform.python_version()
socket.inet_aton("1.2.3.4"), socket.htons(1)
print("x", flush=True), sys.stdout.flush(), sys.stderr.write("y"), sys.stdout.isatty()
io.StringIO("x").read(), io.TextIOWrapper(io.BytesIO()).write("x")
gzip.decompress(gzip.compress(b"x"))
zipfile.ZipFile(io.BytesIO(), "w").writestr("a", "b")
(q := asyncio.Queue()).put_nowait(1), q.get_nowait()
tempfile.gettempdir(), tempfile.SpooledTemporaryFile().write(b"x")
time.strptime("2020", "%Y"), time.mktime((2020, 1, 1, 0, 0, 0, 0, 0, 0))
gc.disable(), gc.enable()
ctypes.create_string_buffer(5), ctypes.sizeof(ctypes.c_int)
mmap.mmap(-1, 100).write(b"x")
linecache.getline("data.csv", 1), linecache.checkcache()
signal.Signals(9).name, shutil.get_terminal_size(), getpass.getuser
open(os.devnull, "w").write("x")
sqlite3.connect("file:data.csv?mode=ro", uri=True).close()
np.loadtxt("data.csv", delimiter=",", skiprows=1).sum()
nx.shortest_path(nx.path_graph(5), 0, 4)
sys.stdout.close(), sys.__stdout__.close(), print("still there")
"""

TOP = """\
import argparse, asyncio, concurrent.futures, configparser, copy, csv, ctypes, gc, getpass, glob
import gzip, hashlib, importlib, inspect, io, json, linecache, locale, logging, mmap, os, pathlib
import pickle, platform, queue, shutil, signal, socket, sqlite3, statistics, sys, tempfile, time
import threading, traceback, uuid, weakref, zipfile, zoneinfo
import numpy as np, networkx as nx
"""


@pytest.mark.parametrize("body", HARMLESS.splitlines())
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_does_no_harm_is_left_alone(tmp_path, monkeypatch, body):
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    path, _ = written(tmp_path, f"{body}\nv = 1", TOP)
    assert ran(path) == (1, [])


async_lock = "async with asyncio.Lock(): v = 1"


def test_an_uncontended_lock_of_asyncio_simply_works(tmp_path):
    path, _ = written(tmp_path, async_lock, "import asyncio")
    assert ran(path) == (1, [])


def test_a_folder_is_listed_in_one_order(tmp_path):
    for name in "dbca":
        (tmp_path / name).write_text("")
    body = f"import os; v = os.listdir({str(tmp_path)!r})[:4]"
    assert ran(written(tmp_path, body)[0])[0] == ["a", "b", "c", "d"]
    body = f"import os; v = [e.name for e in os.scandir({str(tmp_path)!r})][:4]"
    assert ran(written(tmp_path, body)[0])[0] == ["a", "b", "c", "d"]


# While a file is imported.

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
def test_what_runs_after_the_run_touches_nothing(tmp_path, form):
    top, inside = (part.format(does="open('x', 'w')") for part in LEFT_FOR_THE_END[form])
    path = tmp_path / "n.py"
    path.write_text(f"{top}\n{ECHOES.format(inside=inside or 'pass')}")
    assert told_of(path)["verdict"] == "valid"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("form", [*LEFT_FOR_THE_END, "a generator"])
def test_what_is_printed_after_the_run_is_no_answer(tmp_path, form):
    generator = "def g():\n    try: yield\n    finally: {does}\nG = g()\nnext(G)"
    top, inside = LEFT_FOR_THE_END.get(form, (generator, ""))
    path = tmp_path / "n.py"
    top, inside = (part.replace("{does}", "print('BYE')") for part in (top, inside))
    path.write_text(f"{top}\n{ECHOES.format(inside=inside or 'pass')}")
    assert told_of(path)["verdict"] == "valid"


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


def test_runs_in_two_threads_do_not_see_each_other(tmp_path):
    path, _ = written(tmp_path, "import time, random; v = (time.time(), random.random())")
    node_class = load_model(str(path)).node_class
    ready, said = threading.Barrier(2), {}

    def run(seed):
        cluster = simulated(seed, node_class, ["n1"])
        with guarded(cluster):
            cluster.boot()
            ready.wait(60)
            cluster.world.advance(2 * S)
            said[seed] = cluster.hosts["n1"].node.v
            ready.wait(60)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {seed: ran(path, seed)[0] for seed in (1, 2)}


def test_hooks_are_the_nodes_code_too(tmp_path):
    class Telling(Node):
        asked = ()

        def start(self):
            self.after(1, lambda: None)

        def role(self):
            Telling.asked = (*Telling.asked, time.time())

    cluster = simulated(1, Telling, ["n1"])
    with guarded(cluster):
        cluster.boot()
        cluster.world.advance(2 * S)
        assert cluster.hosts_in_role("leader") == []
    assert Telling.asked == (BORN, BORN + 1.0, BORN + 2.0)

    class Writing(Node):
        def role(self):
            open("x", "w").close()  # noqa: PTH123 - what a person writes

    cluster = simulated(1, Writing, ["n1"])
    with guarded(cluster):
        cluster.boot()
    assert [finding.kind for finding in cluster.findings] == ["refused"]
