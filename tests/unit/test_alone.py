"""A node by itself, with the messages that it got, says the same, where it shares no memory."""

from pathlib import Path

import pytest

from clew.checkers.verdict import Verdict
from clew.models.registry import MODELS
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.alone import Difference, alone, parts_of
from clew.scenarios.runs.run import simulate
from clew.search.verification import determinism, verify

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


def run_of(path: Path | str, seed: int = 0, **options: object):
    model = load_model(str(path))
    given = {"model": str(path), "time_limit": 2, "recovery": 1, "allow_inert": True, **options}
    return simulate(draw_plan(make_scenario(given), seed, model), model), model


def first_alone(run, model) -> Difference | None:
    """What the first node says otherwise by itself, in this process."""
    found = (alone(part, run.plan, model) for part in parts_of(run, model))
    return next(filter(None, found), None)


@pytest.mark.parametrize("place", PLACES)
def test_memory_of_a_library_that_each_node_empties_when_it_starts_is_seen(tmp_path, place):
    imports, clear, put, get = PLACES[place]
    path = tmp_path / "n.py"
    path.write_text(GOSSIPING.format(imports=imports, clear=clear, put=put, get=get))
    told = determinism(verify(run_of(path, node_count=3)[0]))
    assert told is not None
    assert told.verdict is Verdict.UNKNOWN


WRITTEN_ONCE = """
import csv
from clew import Node, on

class N(Node):
    workload = "echo"

    def start(self):
        csv.register_dialect(f"zz{self.id}")

    @on("echo")
    def echo(self, msg):
        for each in csv.list_dialects():
            if each.startswith("zz") and each != f"zz{self.id}":
                self.send(each[2:], {"type": "hello"})
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})

    @on("hello")
    def hello(self, msg):
        pass
"""


def test_what_an_earlier_run_has_left_in_a_library_hides_nothing(tmp_path):
    path = tmp_path / "n.py"
    path.write_text(WRITTEN_ONCE)
    run_of(path, node_count=3)
    run, _ = run_of(path, node_count=3)
    found = verify(run)
    assert found.shared
    assert found.difference.startswith("n0: send at ")


ANSWERING = """
import csv
from clew import Node, on

class N(Node):
    workload = "echo"

    def start(self):
        csv.register_dialect(f"zz{{self.id}}")

    @on("echo")
    def echo(self, msg):
        others = len([each for each in csv.list_dialects() if each.startswith("zz")]) > 1
        self.reply(msg, {{"type": "echo_ok", "echo": {answer}}})
"""


@pytest.mark.parametrize("answer", ["True if others else 1", "-0.0 if others else 0.0"])
def test_what_is_equal_and_not_the_same_is_seen(tmp_path, answer):
    path = tmp_path / "n.py"
    path.write_text(ANSWERING.format(answer=answer))
    assert verify(run_of(path, node_count=3)[0]).shared


def test_it_is_told_with_the_first_thing_that_a_node_says_otherwise(tmp_path):
    imports, clear, put, get = PLACES["a private cache of a library"]
    path = tmp_path / "n.py"
    path.write_text(GOSSIPING.format(imports=imports, clear=clear, put=put, get=get))
    run, _ = run_of(path, node_count=3)
    found = verify(run)
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
