"""Nodes share no memory: what hangs on their module or the interpreter is each process's own."""

from __future__ import annotations

import decimal
import fractions
import logging
import os
import string
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import indent

import pytest
from shared_nodes import outcome_of, plan_of, written

from clew.checkers.verdict import Verdict
from clew.scenarios.code.models import load_model
from clew.scenarios.runs.run import simulate
from clew.sim.faults import Fault

pytestmark = pytest.mark.long

COUNTING = """
{before}
from clew import Node, on

class N(Node):
    workload = "unique-ids"
    {inside}

    @on("generate")
    def generate(self, msg):
{statements}
        self.reply(msg, {{"type": "generate_ok", "id": value}})
"""

FORMS = {
    # what counts: (at the top, in the class, in the handler, what is named)
    "a global": ("n = 0", "", "global n; n += 1; value = n", "n.n"),
    "a list": ("seen = []", "", "seen.append(1); value = len(seen)", "n.seen"),
    "a list in a tuple": ("kept = ([], 1)", "", "kept[0].append(1); value = len(kept[0])",
                          "n.kept"),
    "a deque": (
        "from collections import deque\nd = deque([0], maxlen=1)", "",
        "d.append(d[0] + 1); value = d[0]", "n.d",
    ),
    "a bytearray": ("b = bytearray(1)", "", "b[0] += 1; value = b[0]", "n.b"),
    "an attribute of the class": ("", "n = 0", "type(self).n += 1; value = self.n", "N.n"),
    "a new attribute of the class": (
        "", "", "N.fresh = getattr(N, 'fresh', 0) + 1; value = N.fresh", "N.fresh",
    ),
    "a list of the class": ("", "n = []", "self.n.append(1); value = len(self.n)", "N.n"),
    "a default": ("def f(n=[]):\n    n.append(1)\n    return len(n)", "", "value = f()", "n.f"),
    "a keyword's default": (
        "def f(*, n=[]):\n    n.append(1)\n    return len(n)", "", "value = f()", "n.f",
    ),
    "a method's default": (
        "", "def f(self, n=[]):\n        n.append(1)\n        return len(n)", "value = self.f()",
        "N.f",
    ),
    "an __init__'s default": (
        "class C:\n    def __init__(self, n=[]):\n        n.append(1)\n        self.n = len(n)", "",
        "value = C().n", "C.__init__",
    ),
    "an attribute of a function": ("def f(): pass\nf.n = 0", "", "f.n += 1; value = f.n", "n.f"),
    "a closure": (
        ("def make():\n    n = 0\n    def f():\n        nonlocal n\n        n += 1\n"
        "        return n\n"
        "    return f\nf = make()"), "", "value = f()", "n.f",
    ),
    "a decorator's closure": (
        ("import functools\ndef counted(g):\n    calls = []\n    @functools.wraps(g)\n"
        "    def f(*a):\n        calls.append(1)\n        return len(calls)\n    return f\n"),
        "@counted\n    def f(self): pass", "value = self.f()", "N.f",
    ),
    "an iterator": ("import itertools\nids = itertools.count()", "", "value = next(ids)", "n.ids"),
    "an iterator's method": (
        "import itertools\nf = itertools.count().__next__", "", "value = f()", "n.f",
    ),
    "an iterator in a partial": (
        "import itertools, functools\nf = functools.partial(next, itertools.count())", "",
        "value = f()", "n.f",
    ),
    "an iterator over a list": ("ids = iter(list(range(500)))", "", "value = next(ids)", "n.ids"),
    "a generator": (
        "def g():\n    n = 0\n    while True:\n        yield n\n        n += 1\nids = g()", "",
        "value = next(ids)", "n.ids",
    ),
    "a class's iterator": (
        "import itertools", "ids = itertools.count()", "value = next(self.ids)", "N.ids",
    ),
    "a seeded generator of chance": (
        "import random\nr = random.Random(7)", "", "value = r.getrandbits(60)", "n.r",
    ),
    "a class's generator of chance": (
        "import random", "r = random.Random(7)", "value = self.r.getrandbits(60)", "N.r",
    ),
    "an object": (
        "class C: n = 0\nc = C()", "", "c.n += 1; value = c.n", "n.c",
    ),
    "an object with slots": (
        "class C:\n    __slots__ = ('n',)\nc = C()\nc.n = 0", "", "c.n += 1; value = c.n", "n.c",
    ),
    "an object of a library": (
        "from types import SimpleNamespace\nc = SimpleNamespace(n=0)", "",
        "c.n += 1; value = c.n", "n.c",
    ),
    "a counter of a library": (
        "from collections import Counter\nc = Counter()", "", "c['n'] += 1; value = c['n']", "n.c",
    ),
    "a subclass of dict": (
        "class D(dict): pass\nd = D()\nd.n = 0", "", "d.n += 1; value = d.n", "n.d",
    ),
    "a queue": (
        "from queue import SimpleQueue\nq = SimpleQueue()", "",
        "q.put(1); value = q.qsize()", "n.q",
    ),
    "text in memory": (
        "import io\nf = io.StringIO()", "", "f.write('x'); value = f.tell()", "n.f",
    ),
    "a bound method": ("f = [].append", "", "f(1); value = len(f.__self__)", "n.f"),
    "a cache": (
        "import functools, random\n@functools.lru_cache\ndef f(n): return [0]", "",
        "f(0)[0] += 1; value = f(0)[0]", "n.f",
    ),
    "an enum's member": (
        "import enum\nclass E(enum.Enum):\n    A = 1\nE.A.n = 0", "", "E.A.n += 1; value = E.A.n",
        "E._member_map_",
    ),
    "a context variable": (
        "import contextvars\nv = contextvars.ContextVar('v', default=0)", "",
        "v.set(v.get() + 1); value = v.get()", "the context variable v",
    ),
    "a context variable's value": (
        "import contextvars\nv = contextvars.ContextVar('v')\nv.set([])", "",
        "v.get().append(1); value = len(v.get())", "the context variable v",
    ),
    "a context variable's default": (
        "import contextvars\nv = contextvars.ContextVar('v', default=[])", "",
        "v.get().append(1); value = len(v.get())", "n.v",
    ),
    "a thread-local": (
        "import threading\nt = threading.local()", "",
        "t.n = getattr(t, 'n', 0) + 1; value = t.n", "n.t",
    ),
    "the environment": (
        "import os", "", "value = int(os.environ.get('N', 0)) + 1; os.environ['N'] = str(value)",
        "os.environ['N']",
    ),
    "an attribute of a library's module": (
        "import string", "", "value = getattr(string, 'n', 0) + 1; string.n = value", "string.n",
    ),
    "an attribute of a library's class": (
        "from fractions import Fraction", "",
        "value = getattr(Fraction, 'n', 0) + 1; Fraction.n = value", "Fraction.n",
    ),
    "an attribute of a module named in a handler": (
        "import fractions", "",
        "import fractions as f; value = getattr(f, 'n', 0) + 1; f.n = value", "fractions.n",
    ),
    "an attribute of a library's function": (
        "import textwrap", "",
        "f = textwrap.dedent; f.n = getattr(f, 'n', 0) + 1; value = f.n", "dedent.n",
    ),
    "an attribute of a module in a module": (
        "import os", "", "os.path.n = getattr(os.path, 'n', 0) + 1; value = os.path.n",
        f"{os.path.__name__}.n",
    ),
    "an attribute of a module that is imported by its name": (
        "import importlib", "",
        "m = importlib.import_module('stringprep'); m.n = getattr(m, 'n', 0) + 1; value = m.n",
        "stringprep.n",
    ),
    "a builtin": (
        "import builtins", "", "value = getattr(builtins, 'n', 0) + 1; builtins.n = value",
        "builtins.n",
    ),
    "Clew's own class": ("", "", "value = getattr(Node, 'n', 0) + 1; Node.n = value", "Node.n"),
    "the class of messages": (
        "",
        "",
        "value = getattr(type(msg), 'n', 0) + 1; type(msg).n = value",
        "Message.n",
    ),
    "the decimal context": (
        "import decimal", "",
        "c = decimal.getcontext(); c.prec += 1; value = c.prec",
        "the context variable decimal_context",
    ),
    "a decimal context that the module has used": (
        "import decimal\nhalf = decimal.Decimal(1) / 2", "",
        "c = decimal.getcontext(); c.prec += 1; value = c.prec",
        "the context variable decimal_context",
    ),
    "a handler of a logger": (
        ("import logging\nclass H(logging.Handler):\n    n = 0\n"
        "    def emit(self, _): self.n += 1\n"
        "h = H()\nlog = logging.getLogger('apart')\nlog.addHandler(h)"), "",
        "log.error('x'); value = h.n", "n.h",
    ),
    "a filter of the root logger": (
        ("import logging\nclass F(logging.Filter):\n    n = 0\n    def filter(self, _):\n"
        "        self.n += 1\n        return True\nf = F()\nlogging.root.addFilter(f)"), "",
        "logging.error('x'); value = f.n", "n.f",
    ),
    "what is attached to a logger": (
        "import logging\nlog = logging.getLogger('attached')", "",
        "log.addHandler(logging.NullHandler()); value = len(log.handlers)", "n.log",
    ),
    "a module made by hand": (
        "import types\nm = types.ModuleType('m'); m.n = 0", "", "m.n += 1; value = m.n", "n.m",
    ),
    "a module made by hand among the imported ones": (
        "import sys, types\nm = types.ModuleType('made'); m.n = 0\nsys.modules['made'] = m", "",
        "import made; made.n += 1; value = made.n", "made.n",
    ),
    "what such a module holds": (
        "import sys, types\nm = types.ModuleType('made'); m.n = [0]\nsys.modules['made'] = m", "",
        "from made import n; n[0] += 1; value = n[0]", "made.n",
    ),
    "a module made by hand in a handler": (
        "import sys, types", "",
        ("m = sys.modules.setdefault('made', types.ModuleType('made'))\n"
        "m.n = getattr(m, 'n', 0) + 1; value = m.n"), "made",
    ),
    "an object among the modules": (
        "import sys\nclass Made:\n    n = 0\nsys.modules['made'] = Made()", "",
        "import made; made.n += 1; value = made.n", "made",
    ),
    "an object of a class of modules": (
        ("import sys, types\nclass Made(types.ModuleType):\n    n = 0\n"
        "sys.modules['made'] = Made('made')"), "",
        "import made; made.n += 1; value = made.n", "made.n",
    ),
    "an object that hides its state": (
        ("class C:\n    __slots__ = ('n',)\n    def __reduce__(self): return C, ()\nc = C()\n"
        "c.n = 0"), "", "c.n += 1; value = c.n", "n.c",
    ),
    "a handler of log records": (
        ("import logging\nclass H(logging.Handler):\n    n = 0\n"
        "    def emit(self, _): self.n += 1\nh = H()"), "",
        "h.handle(logging.makeLogRecord({})); value = h.n", "n.h",
    ),
    "a module beside it that a handler imports": (
        "", "", "import beside; beside.n += 1; value = beside.n", "beside",
    ),
    "a module beside it": ("import beside", "", "beside.n += 1; value = beside.n", "beside.n"),
    "a list from a module beside it": (
        "from beside import seen", "", "seen.append(1); value = len(seen)", "n.seen",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_stays_attached():
    """What a file attaches to a logger when it is imported stays there."""
    yield
    for logger in (logging.getLogger("apart"), logging.getLogger("attached"), logging.root):
        for made in (logger.handlers, logger.filters):
            made[:] = [each for each in made if type(each).__module__ != "clew_user_n"]


def counting(form: str) -> str:
    before, inside, statements, _ = FORMS[form]
    return COUNTING.format(before=before, inside=inside, statements=indent(statements, " " * 8))


@pytest.mark.parametrize("form", FORMS)
def test_each_node_counts_for_itself_as_processes_do(form: str, tmp_path: Path):
    """Every node begins at the same number, so ids that look unique in one memory are not."""
    outcome = outcome_of(written(tmp_path, counting(form)))
    assert FORMS[form][3] in outcome.run.apart
    assert outcome.run.shared == ()
    assert outcome.verdict is Verdict.INVALID
    assert outcome.signature == "unique-ids: invalid (duplicate)"
    assert any("Each process had its own" in remark for remark in outcome.remarks)


@pytest.mark.parametrize("form", FORMS)
def test_a_run_leaves_nothing_behind(form: str, tmp_path: Path):
    """The same plan gives the same run again and again, of one loaded model and of another."""
    environ, names = dict(os.environ), set(sys.modules)
    path = written(tmp_path, counting(form))
    plan, model = plan_of(path), load_model(path)
    digests = {simulate(plan, model).digest for _ in range(2)}
    digests.add(simulate(plan, load_model(path)).digest)
    assert len(digests) == 1
    assert dict(os.environ) == environ
    left = {name for name in set(sys.modules) - names if not name.startswith("clew.")}
    assert left <= {
        "clew_user_n",
        "beside",
        "made",
        "stringprep",
    }  # the last by a form, if nobody had
    assert names - {"beside", "made"} <= set(sys.modules)
    for owner in (string, fractions, fractions.Fraction):
        assert not hasattr(owner, "n")
    assert decimal.getcontext().prec == 28


@pytest.mark.parametrize("form", FORMS)
def test_a_restart_is_a_new_process(form: str, tmp_path: Path):
    path = written(tmp_path, counting(form))
    plan = plan_of(path, node_count=1, rate=5)  # nothing is under way when it dies
    kill = Fault(
        "f1", "kill", plan.time_limit_ns // 2, plan.time_limit_ns // 2 + 10**8, ("n0",), {}
    )
    run = simulate(replace(plan, faults=(kill,)), load_model(path))
    values = [one.result for one in run.history.operations if one.type == "ok"]
    assert values.count(values[0]) == 2
