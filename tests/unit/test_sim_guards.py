"""Inside a simulated node clocks and chance are the run's, and the real world is closed."""

# The calls under test, as a user writes them: naive, and each in a lambda that looks its name up
# late, when the guards stand.
# ruff: noqa: DTZ001, DTZ002, DTZ003, DTZ005, DTZ006, DTZ007, DTZ011, PLW0108, ICN001, N812

import asyncio
import datetime
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from datetime import datetime as DateTime
from random import choice, randint
from time import monotonic, sleep
from time import time as wall
from uuid import uuid4

import pytest

from clew.node.node import Node
from clew.runtimes.simulated import simulated
from clew.sim.faults import Fault, Injector
from clew.sim.guards import GUARDED, guarded, importing

S = 1_000_000_000
BORN = "2023-11-14 22:13:20"


class Probe(Node):
    """Calls what it is told, a second after its start."""

    act = staticmethod(lambda: None)
    clock = time.time

    def start(self):
        self.said = None
        self.after(1, self.call)

    def call(self):
        self.said = self.act()


def probe(act, *, seed=1, faults=()):
    """What a call gives inside a node at 1 s, and the run's findings."""
    node_class = type("Probing", (Probe,), {"act": staticmethod(act)})
    cluster = simulated(seed, node_class, ["n1"])
    Injector(cluster, faults)
    with guarded(cluster):
        cluster.boot()
        cluster.world.advance(2 * S)
    return cluster.hosts["n1"].node.said, cluster.findings


CLOCKS = {
    # what a node calls: what it gets at virtual time 1 s
    "time.time": (lambda: time.time(), 1_700_000_001.0),
    "time imported by name": (lambda: wall(), 1_700_000_001.0),
    "time.time_ns": (lambda: time.time_ns(), 1_700_000_001 * S),
    "time.monotonic": (lambda: time.monotonic(), 1.0),
    "monotonic imported by name": (lambda: monotonic(), 1.0),
    "time.monotonic_ns": (lambda: time.monotonic_ns(), S),
    "time.perf_counter": (lambda: time.perf_counter(), 1.0),
    "time.perf_counter_ns": (lambda: time.perf_counter_ns(), S),
    "time.process_time": (lambda: time.process_time(), 1.0),
    "time.gmtime": (lambda: time.gmtime().tm_sec, 21),
    "time.localtime": (lambda: time.localtime().tm_hour, 22),
    "time.ctime": (lambda: time.ctime(), "Tue Nov 14 22:13:21 2023"),
    "time.strftime": (lambda: time.strftime("%H:%M:%S"), "22:13:21"),
    "datetime.now": (lambda: str(datetime.datetime.now()), "2023-11-14 22:13:21"),
    "datetime by name": (lambda: str(DateTime.now()), "2023-11-14 22:13:21"),
    "datetime.now(UTC)": (
        lambda: str(DateTime.now(datetime.UTC)), "2023-11-14 22:13:21+00:00",
    ),
    "datetime.utcnow": (lambda: str(DateTime.utcnow()), "2023-11-14 22:13:21"),
    "datetime.today": (lambda: str(DateTime.today()), "2023-11-14 22:13:21"),
    "datetime round trip": (lambda: DateTime.now().timestamp(), 1_700_000_001.0),
    "fromtimestamp": (lambda: str(DateTime.fromtimestamp(1_700_000_000)), BORN),
    "date.today": (lambda: str(datetime.date.today()), "2023-11-14"),
    "date by name": (lambda: str(date.today()), "2023-11-14"),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOCKS)
def test_clocks_are_the_nodes(name):
    act, expected = CLOCKS[name]
    assert probe(act) == (expected, [])
    slept = wall()
    assert abs(slept - 1_700_000_001) > 1e6


def test_clocks_are_wrong_when_the_nodes_are():
    skew = Fault("a", "clock-offset", 0, 3 * S, "n1", {"offset_ns": 3600 * S})
    assert probe(lambda: str(DateTime.now()), faults=[skew])[0] == "2023-11-14 23:13:21"
    assert probe(lambda: time.monotonic(), faults=[skew])[0] == 1.0


def shuffled(items):
    random.shuffle(items)
    return items


CHANCE = {
    "random.random": lambda: random.random(),
    "random.choice": lambda: random.choice(range(10**9)),
    "choice by name": lambda: choice(range(10**9)),
    "randint by name": lambda: randint(0, 10**9),
    "random.sample": lambda: random.sample(range(10**9), 2),
    "random.shuffle": lambda: shuffled(list(range(30))),
    "random.getrandbits": lambda: random.getrandbits(64),
    "random.Random()": lambda: random.Random().random(),
    "random.SystemRandom": lambda: random.SystemRandom().random(),
    "uuid.uuid1": lambda: uuid.uuid1(),
    "uuid.uuid4": lambda: uuid.uuid4(),
    "uuid4 by name": lambda: uuid4(),
    "os.urandom": lambda: os.urandom(16),
    "secrets.token_hex": lambda: secrets.token_hex(16),
    "secrets.randbelow": lambda: secrets.randbelow(10**9),
    "secrets.choice": lambda: secrets.choice(range(10**9)),
}


@pytest.mark.parametrize("name", CHANCE)
def test_chance_is_the_seeds(name):
    act = CHANCE[name]
    first, again, other = probe(act), probe(act), probe(act, seed=2)
    assert first == again
    assert first[0] != other[0]
    assert first[1] == []
    assert act() != act()


def test_seeded_generators_are_left_alone():
    assert probe(lambda: random.Random(7).random())[0] == random.Random(7).random()


def test_seeding_the_module_reaches_the_node_only():
    random.seed(5)
    expected = random.random()
    random.seed(5)
    probe(lambda: random.seed(99))
    assert random.random() == expected
    seeded = probe(lambda: (random.seed(5), random.random())[1])
    assert seeded[0] == expected


async def a_coroutine():
    """Nothing."""


def _asyncio_run():
    coroutine = a_coroutine()
    try:
        asyncio.run(coroutine)
    finally:
        coroutine.close()


REFUSALS = {
    "time.sleep": (lambda: time.sleep(1), "time.sleep"),
    "sleep by name": (lambda: sleep(1), "time.sleep"),
    "thread": (lambda: threading.Thread(target=print).start(), "starting a thread"),
    "executor": (lambda: ThreadPoolExecutor(1).submit(print), "starting a thread"),
    "timer": (lambda: threading.Timer(1, print).start(), "starting a thread"),
    "socket": (lambda: socket.socket(), "opening a socket"),
    "connection": (lambda: socket.create_connection(("localhost", 9)), "opening a socket"),
    "subprocess": (lambda: subprocess.run(["true"], check=False), "starting a process"),
    "os.system": (lambda: os.system("true"), "starting a process"),
    "os.fork": (lambda: os.fork(), "os.fork"),
    "asyncio.run": (_asyncio_run, "asyncio.run"),
    "asyncio.sleep": (lambda: asyncio.sleep(1), "asyncio.sleep"),
    "asyncio.new_event_loop": (lambda: asyncio.new_event_loop(), "asyncio.new_event_loop"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_the_real_world_is_refused_with_the_users_line(name):
    act, what = REFUSALS[name]
    said, [finding] = probe(act)
    assert said is None
    assert finding.kind == "refused"
    assert finding.node == "n1"
    assert finding.time_ns == S
    assert finding.reason.startswith(f"{what} is not for a simulated node; use ")
    path, _, line = finding.place.rpartition(":")
    assert path == __file__
    code = act.__code__
    assert int(line) in {number for _, _, number in code.co_lines()}


def test_the_whole_refusal():
    _, [finding] = probe(lambda: time.sleep(0.1))
    assert finding.reason == (
        "time.sleep is not for a simulated node; use await self.sleep(seconds) or "
        "self.after(seconds, callback)"
    )


def test_a_refusal_in_a_coroutine_is_told_once():
    class Sleeper(Node):
        async def start(self):
            await asyncio.sleep(1)

    cluster = simulated(1, Sleeper, ["n1"])
    with guarded(cluster):
        cluster.boot()
    assert [finding.kind for finding in cluster.findings] == ["refused"]


def test_a_clock_kept_as_a_class_attribute_binds_nothing(tmp_path):
    path = tmp_path / "kept.py"
    path.write_text(
        "from time import time\nfrom clew.node.node import Node\n"
        "class Kept(Node):\n    clock = time\n    def start(self): self.said = self.clock()\n"
    )
    names = {"__name__": "kept"}
    with importing():
        exec(compile(path.read_text(), path, "exec"), names)
    cluster = simulated(1, names["Kept"], ["n1"])
    with guarded(cluster):
        cluster.boot()
    assert cluster.findings == []
    assert cluster.hosts["n1"].node.said == 1_700_000_000.0
    assert abs(names["time"]() - time.time()) < 60


def test_dates_stay_dates():
    def act():
        now = DateTime.now()
        return [
            isinstance(now, DateTime),
            isinstance(now, date),
            isinstance(date.today(), date),
            isinstance("x", DateTime),
            issubclass(DateTime, date),
            type(DateTime(2020, 1, 1) + datetime.timedelta(1)).__name__,
            str(DateTime.strptime("2020-02-03", "%Y-%m-%d")),
            now - DateTime(2023, 11, 14) > datetime.timedelta(hours=22),
        ]

    assert probe(act) == (
        [True, True, True, False, True, "datetime", "2020-02-03 00:00:00", True], [],
    )  # fmt: skip


def everything():
    """All that is guarded, by its name, as it is now."""
    found = {}
    for key in GUARDED:
        module, _, name = key.partition(":")
        *classes, attribute = name.split(".")
        owner = sys.modules.get(module)
        for part in classes:
            owner = getattr(owner, part, None)
        found[key] = vars(owner).get(attribute) if owner is not None else None
    return found


def test_all_is_as_before_afterwards_also_on_errors():
    before, names, zone = everything(), dict(globals()), os.environ.get("TZ")
    cluster = simulated(1, Probe, ["n1"])

    def fail():
        with guarded(cluster):
            assert everything() != before
            assert os.environ["TZ"] == "UTC"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with importing(), importing():
        pass
    assert everything() == before
    assert dict(globals()) == names
    assert wall is time.time
    assert DateTime is datetime.datetime
    assert os.environ.get("TZ") == zone


def test_runs_nest():
    inner_said = []

    class Outer(Probe):
        def call(self):
            self.said = time.time()

    cluster = simulated(1, Outer, ["n1"])
    with guarded(cluster):
        cluster.boot()
        inner_said.append(probe(lambda: time.monotonic()))
        cluster.world.advance(2 * S)
    assert inner_said == [(1.0, [])]
    assert cluster.hosts["n1"].node.said == 1_700_000_001.0


def test_other_code_and_other_threads_see_the_real_world():
    class Slow(Node):
        def start(self):
            ask.set()
            answered.wait(10)

    ask, answered, said = threading.Event(), threading.Event(), []

    def outside():
        ask.wait(10)
        said.append(time.time())
        answered.set()

    cluster = simulated(1, Slow, ["n1"])
    thread = threading.Thread(target=outside)
    with guarded(cluster):
        thread.start()
        said.append(time.time())
        time.sleep(0)
        cluster.boot()
    thread.join()
    assert all(abs(seen - time.time()) < 600 for seen in said)
    assert len(said) == 2


@pytest.mark.parametrize("name", ["_exit", "abort"])
def test_a_node_cannot_end_the_process(name):
    _, findings = probe(lambda: getattr(os, name)(*(() if name == "abort" else (3,))))
    assert [finding.kind for finding in findings] == ["refused"]
    assert findings[0].reason == f"os.{name} is not for a simulated node; use an exception"


def test_what_a_node_prints_goes_to_stderr(capsys):
    print("before")
    probe(lambda: print("from the node"))
    with importing():
        print("from the file")
    print("after")
    told = capsys.readouterr()
    assert told.out == "before\nafter\n"
    assert told.err == "from the node\nfrom the file\n"
