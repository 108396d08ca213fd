"""What looks like a way out of a simulated node and is none: left alone."""

import pytest
from guarded_nodes import ran, written

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
