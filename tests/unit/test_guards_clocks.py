"""Clocks, the machine and chance as a node sees them: each is the simulation's."""

import sqlite3

import pytest
from guarded_nodes import BORN, SQLITE, S, ran, written

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
