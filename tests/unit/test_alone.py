"""A node by itself, with the messages that it got, says the same, where it shares no memory."""

import csv
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from clew.checkers.verdict import Verdict
from clew.models.registry import MODELS
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs import alone as alone_module
from clew.scenarios.runs.alone import Difference, alone, parts_of
from clew.scenarios.runs.run import simulate
from clew.search.forks import FreshRuns
from clew.search.verification import determinism, verify
from clew.sim import limits, timer_loops
from clew.sim.faults.fault import Fault

pytestmark = pytest.mark.long

GOSSIPING = """
{imports}
from clew import Node, on

class N(Node):
    workload = "g-set"

    def start(self):
        {clear}

    @on("add")
    def add(self, msg):
        value = msg.body["element"]
        {put}
        self.reply(msg, {{"type": "add_ok"}})

    @on("read")
    def read(self, msg):
        self.reply(msg, {{"type": "read_ok", "value": sorted({get})}})
"""

PLACES = {
    # what all nodes find: the imports, how it is emptied, filled and read
    "the handlers of a logger that a handler gets": (
        "import logging", "logging.getLogger('zz').handlers.clear()",
        "logging.getLogger('zz').handlers.append(value)", "logging.getLogger('zz').handlers",
    ),
    "the defaults of a library's function": (
        "import textwrap", "textwrap.dedent.__kwdefaults__ = {'s': []}",
        "textwrap.dedent.__kwdefaults__['s'].append(value)",
        "textwrap.dedent.__kwdefaults__['s']",
    ),
    "the registry of a library": (
        "import csv", "[csv.unregister_dialect(n) for n in csv.list_dialects() if n[0] == 'z']",
        "csv.register_dialect(f'z{value}')",
        "[int(n[1:]) for n in csv.list_dialects() if n[0] == 'z']",
    ),
    "a private cache of a library": (
        "import re", "re._cache.pop('z', None)", "re._cache.setdefault('z', []).append(value)",
        "re._cache.get('z', [])",
    ),
    "a class of Clew's own": (
        "from clew.node.disk import Disk", "Disk.__doc__ = ''", "Disk.__doc__ += f' {value}'",
        "map(int, Disk.__doc__.split())",
    ),
    "what calls a handler": (
        "import sys",
        "sys._getframe(1).f_globals['zz'] = []",
        "sys.modules['clew.node.life'].zz.append(value)", "sys.modules['clew.node.life'].zz",
    ),
    "the buffer of a standard stream": (
        "import sys", "sys.stderr.buffer.zz = []", "sys.stderr.buffer.zz.append(value)",
        "sys.stderr.buffer.zz",
    ),
}  # fmt: skip


def run_of(path: Path | str, seed: int = 0, faults: tuple[Fault, ...] = (), **options: object):
    model = load_model(str(path))
    given = {"model": str(path), "time_limit": 2, "recovery": 1, "allow_inert": True, **options}
    plan = draw_plan(make_scenario(given), seed, model)
    plan = replace(plan, faults=faults) if faults else plan
    return simulate(plan, model, lives=True), model


@pytest.fixture(scope="module")
def fresh():
    with FreshRuns() as runs:
        yield runs


@pytest.fixture(autouse=True)
def _no_dialects():
    """Nothing that another test has left in a library."""
    for name in csv.list_dialects():
        if name not in {"excel", "excel-tab", "unix"}:
            csv.unregister_dialect(name)


def first_alone(run, model) -> Difference | None:
    """What the first node says otherwise by itself, in this process."""
    found = (alone(part, run.plan, model) for part in parts_of(run, model))
    return next(filter(None, found), None)


@pytest.mark.parametrize("place", PLACES)
def test_memory_of_a_library_that_each_node_empties_when_it_starts_is_seen(tmp_path, place, fresh):
    imports, clear, put, get = PLACES[place]
    path = tmp_path / "n.py"
    path.write_text(GOSSIPING.format(imports=imports, clear=clear, put=put, get=get))
    told = determinism(verify(run_of(path, node_count=3)[0], fresh))
    assert told is not None
    assert told.verdict is Verdict.UNKNOWN


REGISTERED = """
import csv
from clew import Node, on

class N(Node):
    workload = "echo"

    def start(self):
        csv.register_dialect(f"zz{{self.id}}")
        {start}

    @on("echo")
    def echo(self, msg):
        others = [each[2:] for each in csv.list_dialects() if each.startswith("zz")]
        others.remove(self.id)
        {echo}

    @on("hello")
    def hello(self, msg):
        pass
"""

RIGHT = 'self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})'


def registered(tmp_path, echo: str, start: str = "") -> Path:
    """Write a node that sees in a library's memory who else has begun."""
    path = tmp_path / "n.py"
    path.write_text(REGISTERED.format(echo=echo.replace("\n", "\n        "), start=start))
    return path


def test_what_an_earlier_run_has_left_in_a_library_hides_nothing(tmp_path, fresh):
    hello = 'for each in others:\n    self.send(each, {"type": "hello"})\n'
    path = registered(tmp_path, hello + RIGHT)
    run_of(path, node_count=3)
    run, _ = run_of(path, node_count=3)
    found = verify(run, fresh)
    assert found.shared
    assert found.difference.startswith("n0: send at ")


@pytest.mark.parametrize("answer", ["True if others else 1", "-0.0 if others else 0.0"])
def test_what_is_equal_and_not_the_same_is_seen(tmp_path, answer, fresh):
    path = registered(tmp_path, f'self.reply(msg, {{"type": "echo_ok", "echo": {answer}}})')
    assert verify(run_of(path, node_count=3)[0], fresh).shared


WRITTEN = {
    "a write": 'self.disk["others"] = others',
    "a file": 'self.disk.append("others", str(others).encode())',
    "several entries": "self.disk.update(one=1, others=others)",
    "a sync": "self.disk['one'] = 1\nif others:\n    self.disk.fsync()",
    "a line of a log": "self.log(str(others))",
    "a mark of an effect": "if others:\n    self.effect(msg)",
    "a message to a service": (
        'if not others:\n    self.send("lin-kv", {"type": "read", "key": 1, "msg_id": 1})'
    ),
}


@pytest.mark.parametrize("what", WRITTEN)
def test_all_that_a_node_does_is_compared(tmp_path, what, fresh):
    path = registered(tmp_path, f"{WRITTEN[what]}\n{RIGHT}")
    assert verify(run_of(path, node_count=3)[0], fresh).shared


AFTER = {
    "a kill": "kill",
    "a pause": "pause",
    "a wrong clock": "clock-offset",
    "a fast clock": "clock-drift",
    "a slow machine": "slow",
}


@pytest.mark.parametrize("what", AFTER)
def test_a_node_is_looked_at_after_a_fault_of_its_own(tmp_path, what, fresh):
    path = registered(
        tmp_path, RIGHT, "self.every(1.6, lambda: self.log(str(csv.list_dialects())))"
    )
    fault = Fault("f", AFTER[what], 1_000_000_000, 1_400_000_000, ("n0", "n1"))
    found = verify(run_of(path, node_count=2, faults=(fault,))[0], fresh)
    assert found.shared
    assert found.difference.startswith("n0: log at ")


def test_what_an_earlier_life_of_a_node_left_in_a_library_is_seen(tmp_path, fresh):
    first = "csv.list_dialects().count('zzn0') and csv.unregister_dialect('zzn0')"
    path = tmp_path / "n.py"
    path.write_text(
        GOSSIPING.format(
            imports="import csv",
            clear=f"self.disk.get('begun') or {first}\n"
            "        self.log(str(csv.list_dialects()))\n"
            "        csv.register_dialect('zzn0')\n"
            "        self.disk['begun'] = True\n"
            "        self.disk.fsync()",
            put="pass", get="[]",
        )
    )  # fmt: skip
    fault = Fault("f", "kill", 1_000_000_000, 1_400_000_000, ("n0",))
    found = verify(run_of(path, node_count=1, faults=(fault,))[0], fresh)
    assert found.difference == "n0: log at 1.400000 s, by itself another log at 1.400000 s"


def test_each_life_begins_on_the_disk_and_under_the_clock_that_it_had(tmp_path):
    path = tmp_path / "n.py"
    path.write_text(COUNTING)
    faults = tuple(
        Fault(f"{kind}-{at}", kind, at * 100_000_000, at * 100_000_000 + 50_000_000, ("n0",), given)
        for at, kind, given in [
            (0, "slow", {"times": 3}),
            (1, "clock-jump", {"jump_ns": 7_000_000_000}),
            (2, "kill", {"unsynced": "kept"}),
            (3, "clock-drift", {"drift_ppm": 100_000}),
            (4, "kill", {"unsynced": "torn"}),
            (5, "disk-lost", {}),
            (6, "slow", {"times": 5}),
            (7, "pause", {}),
        ]
    )
    run, model = run_of(path, node_count=1, faults=faults)
    parts = parts_of(run, model)
    assert [part.incarnation for part in parts] == [1, 2, 3, 4]
    assert parts[-1].until_ns == run.virtual_ns
    assert parts[2].stored != parts[1].stored
    assert first_alone(run, model) is None


def test_a_sync_that_a_pause_holds_ends_after_it(tmp_path):
    path = tmp_path / "n.py"
    path.write_text(COUNTING.replace("0.03", "0.01").replace("await self.work(0.008)", "pass"))
    fault = Fault("f", "pause", 500_050_000, 503_000_000, ("n0",))  # no sync is shorter than that
    run, model = run_of(path, node_count=1, faults=(fault,))
    assert not run.findings
    assert first_alone(run, model) is None


COUNTING = """
from clew import Node, on

class N(Node):
    workload = "echo"

    def start(self):
        self.log(f"{dict(self.disk)} {self.disk.files()} {self.now()} {self.rng.random()}")
        self.disk["starts"] = self.disk.get("starts", 0) + 1
        self.every(0.03, self.count)

    async def count(self):
        try:
            await self.counted()
        finally:
            self.disk["ends"] = self.disk.get("ends", 0) + 1
            self.log("a coroutine ends, also because its life does")

    async def counted(self):
        await self.work(0.008)
        self.disk.append("all", b"ab")
        await self.disk.sync()
        self.disk.append("all", b"cd")
        self.log(f"{self.disk.read('all')} {self.now()} {self.rng.random()}")

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
"""


def test_it_is_told_with_the_first_thing_that_a_node_says_otherwise(tmp_path, fresh):
    imports, clear, put, get = PLACES["a private cache of a library"]
    path = tmp_path / "n.py"
    path.write_text(GOSSIPING.format(imports=imports, clear=clear, put=put, get=get))
    run, _ = run_of(path, node_count=3)
    found = verify(run, fresh)
    assert found.shared
    assert found.difference.startswith("n0: send at ")
    assert ", by itself send at " in found.difference


def test_what_each_node_keeps_to_itself_is_not_shared(tmp_path):
    path = tmp_path / "n.py"
    path.write_text(
        GOSSIPING.format(imports="", clear="self.s = []", put="self.s.append(value)", get="self.s")
    )
    assert first_alone(*run_of(path, node_count=3)) is None


SETTINGS = {
    "plain": {},
    "everything": {"nemesis": "all"},
    "a swarm": {"swarm": True},
    "faults of its own": {"nemesis": "kill,pause,clock,disk"},
    "a core": {"liveness": "core", "nemesis": "partition"},
    "random priorities": {"schedule": "pct"},
    "at the same instants": {
        "latency": 10,
        "latency_dist": "constant",
        "nemesis": "kill,duplicate",
    },
    "without latency": {"latency": 0, "latency_dist": "constant", "nemesis": "pause,loss"},
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_right_node_says_the_same_by_itself(tmp_path, name, setting):
    """The shipped models, as classes of a user's file: they share nothing."""
    shipped = load_model(name).node_class
    path = tmp_path / "n.py"
    path.write_text(
        f"from {shipped.__module__} import {shipped.__name__} as Shipped\n\n"
        "class N(Shipped):\n    pass\n"
    )
    for seed in range(2):
        run, model = run_of(path, seed, time_limit=5, rate=20, **SETTINGS[setting])
        assert first_alone(run, model) is None


def test_a_life_that_a_wall_clock_stops_shows_nothing(tmp_path, monkeypatch):
    slow = "for _ in range(10 ** (2 if others else 7)):\n    pass"
    path = registered(tmp_path, f"{slow}\n{RIGHT}")
    run, model = run_of(path, node_count=2)
    csv.unregister_dialect("zzn0")
    csv.unregister_dialect("zzn1")
    short = partial(alone_module.surroundings, handler_seconds=0.01)
    monkeypatch.setattr(alone_module, "surroundings", short)
    part = parts_of(run, model)[0]
    assert alone(part, run.plan, model) is None


TALKING = """
from clew import Node, on

class N(Node):
    workload = "echo"

    def start(self):
        self.every({period}, self.tick)

    def tick(self):
        self.log("now")
        {each}

    @on("gossip")
    def gossip(self, msg):
        self.log("heard")

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})
"""


def test_all_messages_of_a_life_are_no_storm(tmp_path, monkeypatch):
    """They are under way one after the other, by itself as in the run."""
    monkeypatch.setattr(limits, "STORM_ENTRIES", 1000)
    path = tmp_path / "n.py"
    each = "[self.send(peer, {'type': 'gossip'}) for peer in self.peers]"
    path.write_text(TALKING.format(period=0.002, each=each))
    run, model = run_of(path, node_count=2)
    assert not run.findings
    parts = parts_of(run, model)
    assert min(len(part.got) for part in parts) > limits.STORM_ENTRIES
    assert [alone(part, run.plan, model) for part in parts] == [None, None]


@pytest.mark.parametrize("late", [0.3, 0.6, 0.9])
def test_timers_without_end_end_a_life_by_itself_too(tmp_path, monkeypatch, late):
    """It may be found there sooner or later than in the run."""
    for name, value in {"BEFORE": 2000, "PROBE": 500, "FIRED": 4000}.items():
        monkeypatch.setattr(timer_loops, name, value)
    path = tmp_path / "n.py"
    fast = f"self.id == 'n0' and self.monotonic() > {late}"
    each = f"if {fast}: self.after(0.000001, self.tick)"
    path.write_text(TALKING.format(period=0.001, each=each))
    run, model = run_of(path, node_count=2)
    assert [finding.kind for finding in run.findings] == ["timer-loop"]
    assert first_alone(run, model) is None
