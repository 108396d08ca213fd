"""State that decides nothing is no fault, and what stays shared is told."""

from __future__ import annotations

import decimal
import mimetypes
import sys
from pathlib import Path
from textwrap import indent

import pytest
from shared_nodes import ECHOING, outcome_of, plan_of, run_of, written

from clew.checkers.verdict import Verdict
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.runs.run import simulate
from clew.sim import latency

HARMLESS = {
    # what looks like state and decides nothing: (at the top, in the class, in the handler)
    "a cache": (
        "import functools\n@functools.lru_cache\ndef f(n): return n * n", "", "self.log(f(3))",
    ),
    "a table of what was computed": (
        "known = {}\ndef f(n):\n    return known.setdefault(n, n * n)", "", "self.log(f(3))",
    ),
    "a pattern": ("import re\np = re.compile('a')", "", "self.log(bool(p.match('ab')))"),
    "a logger": (
        "import logging\nlog = logging.getLogger('n')", "", "log.debug('x'); log.info('y')",
    ),
    "a thread that never starts": (
        "import threading\nt = threading.Thread(target=print)\nn = []", "", "n.append(1)",
    ),
    "standard streams": ("import sys\nout = sys.stdout\nn = []", "", "n.append(1)"),
    "a lock": ("import threading\nlock = threading.Lock()", "", "lock.locked()"),
    "a dispatcher": (
        ("import functools\n@functools.singledispatch\ndef f(n): return n\n"
        "@f.register\ndef g(n: int): return n + 1"), "", "self.log(f(3))",
    ),
    "an enum's lookup": (
        "import enum\nclass F(enum.Flag):\n    A = 1\n    B = 2", "", "self.log(F(3).name)",
    ),
    "a dataclass and a named tuple": (
        ("import dataclasses, typing\n@dataclasses.dataclass(frozen=True, slots=True)\n"
        "class D:\n    n: int = 0\nclass T(typing.NamedTuple):\n    n: int = 0\nd, t = D(), T()"),
        "", "self.log([d.n, t.n])",
    ),
    "a constant of many kinds": (
        ("import decimal, fractions, datetime, pathlib\nk = (decimal.Decimal(1), "
        "fractions.Fraction(1, 2), datetime.date(2026, 1, 1), pathlib.PurePath('a'), range(3), "
        "slice(1), frozenset('ab'), b'x', 1j, ..., print, list[int], int | None)"),
        "", "self.log(len(k))",
    ),
    "decimal arithmetic": (
        "import decimal", "", "self.log(str(decimal.Decimal(1) / 3))",
    ),
    "decimal arithmetic at the top too": (
        "import decimal\nhalf = decimal.Decimal(1) / 2", "",
        "self.log(str(decimal.Decimal(1) / 3))",
    ),
    "an import in a handler": (
        "", "", "import colorsys; self.log(colorsys.rgb_to_hsv(0, 0, 0)[0])",
    ),
}  # fmt: skip


def echoing(form: str, inside: str = "") -> str:
    before, own, statements = HARMLESS[form]
    return ECHOING.format(
        before=before, inside=f"{own}\n    {inside}", statements=indent(statements, " " * 8)
    )


@pytest.mark.parametrize("inside", ["", "invariants = (lambda nodes: None,)"])
@pytest.mark.parametrize("form", HARMLESS)
def test_what_decides_nothing_is_no_fault(form: str, inside: str, tmp_path: Path):
    outcome = outcome_of(written(tmp_path, echoing(form, inside)))
    assert outcome.verdict is Verdict.VALID
    assert not outcome.run.findings
    assert not outcome.run.shared


REMEMBERING = {
    # what changes and can't be noticed: (at the top, in the class, in the handler)
    "a cache": HARMLESS["a cache"],
    "a dispatcher": HARMLESS["a dispatcher"],
    "an enum's lookup": HARMLESS["an enum's lookup"],
    "a cached property": (
        "import functools", "@functools.cached_property\n    def p(self): return 1",
        "self.log(self.p)",
    ),
    "decimals": ("from decimal import Decimal", "", "self.log(str(Decimal(1) / 3))"),
    "a graph": ("import networkx as nx", "", "self.log(len(nx.path_graph(3)))"),
    "a stream": ("import sys\nout = sys.stdout", "", "out.write('x')"),
}  # fmt: skip


@pytest.mark.parametrize("form", REMEMBERING)
def test_what_makes_no_difference_is_not_remarked(form: str, tmp_path: Path):
    outcome = outcome_of(written(tmp_path, ECHOING.format(
        before=REMEMBERING[form][0],
        inside=REMEMBERING[form][1],
        statements=indent(REMEMBERING[form][2], " " * 8),
    )))  # fmt: skip
    assert outcome.verdict is Verdict.VALID
    assert not outcome.remarks


@pytest.mark.parametrize(
    "form",
    [
        "a pattern", "a logger", "a constant of many kinds", "decimal arithmetic",
        "decimal arithmetic at the top too",
    ],
)  # fmt: skip
def test_what_can_not_change_costs_no_second_run(form: str, tmp_path: Path):
    assert run_of(written(tmp_path, echoing(form))).apart == ()


def test_how_nodes_compute_decides_no_latency():
    usual = latency._exponential_table()
    latency._exponential_table.cache_clear()  # it is made where the first message takes its time
    with decimal.localcontext(prec=3):
        assert latency._exponential_table() == usual
        assert not any(decimal.getcontext().flags.values())


COMPARED = """
import enum
from dataclasses import dataclass
from clew import Invariant, Node, Violation, on

class Role(enum.Enum):
    LEADER = 1

@dataclass
class Entry:
    n: int

{before}

class Same(Invariant):
    name = "same"

    def old(self, node):
        return node.entry != Entry(1)

    def after(self, node):
        for other in self.nodes.values():
            if not isinstance(other, N) or other.role_ is not Role.LEADER or self.old(other):
                return Violation("they differ", (other.id,), {{}})

class N(Node):
    workload = "echo"
    invariants = (Same,)

    def start(self):
        self.role_, self.entry = Role.LEADER, Entry(1)

    @on("echo")
    def echo(self, msg):
        {statement}
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})
"""


@pytest.mark.parametrize(
    ("before", "statement", "verdict"),
    [
        ("", "pass", Verdict.VALID),
        ("known = {}", "known[1] = 1; self.log(len(known))", Verdict.VALID),
        ("seen = []", "seen.append(1)", Verdict.VALID),  # nobody looks at it
        ("seen = []", "seen.append(1); self.log(len(seen))", Verdict.UNKNOWN),
    ],
)
def test_invariants_compare_objects_of_one_memory(
    before: str, statement: str, verdict: Verdict, tmp_path: Path
):
    path = written(tmp_path, COMPARED.format(before=before, statement=statement))
    plan, model = plan_of(path), load_model(path)
    outcomes = [judge(simulate(plan, model), model) for _ in range(3)]
    assert [outcome.verdict for outcome in outcomes] == [verdict] * 3
    assert len({outcome.run.digest for outcome in outcomes}) == 1
    shared = ("n.seen",) if verdict is Verdict.UNKNOWN else ()
    assert [outcome.run.shared for outcome in outcomes] == [shared] * 3


HELD = {
    # what stays shared: (at the top, in the handler, what is named)
    "a library's table": (
        "import mimetypes", "mimetypes.types_map['n'] = 1", "mimetypes.types_map",
    ),
    "a library's table by name": (
        "from mimetypes import types_map", "types_map['n'] = 1", "n.types_map",
    ),
    "a library's table in a tuple": (
        "import mimetypes\nkept = (mimetypes.types_map,)", "kept[0]['n'] = 1", "n.kept",
    ),
    "a library's object": (
        "import logging\nlog = logging.getLogger('n')", "log.n = getattr(log, 'n', 0) + 1", "n.log",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", HELD)
def test_what_a_library_holds_stays_shared_and_is_said(form: str, tmp_path: Path):
    before, statement, name = HELD[form]
    path = written(
        tmp_path, ECHOING.format(before=before, inside="", statements=" " * 8 + statement)
    )
    try:
        outcome = outcome_of(path)
        assert outcome.verdict is Verdict.UNKNOWN
        assert name in outcome.run.shared
        assert judge(run_of(path), load_model(path)).verdict is Verdict.UNKNOWN
    finally:
        mimetypes.types_map.pop("n", None)


def test_what_a_module_draws_at_import_is_each_process_s_own(tmp_path: Path):
    text = ECHOING.format(
        before="import random\nr = random.Random()\nn = []",
        inside="",
        statements=indent("n.append(1)\nself.log(r.random())", " " * 8),
    )
    run = run_of(written(tmp_path, text), node_count=3)
    logged = [event.fields["text"] for event in run.trace.events() if event.kind == "log"]
    assert len(set(logged)) == len(logged)


def test_a_module_that_raises_where_it_is_imported_again_is_a_finding(tmp_path: Path):
    (tmp_path / "once.py").write_text("")
    path = written(
        tmp_path,
        "import sys\n"
        + ECHOING.format(
            before="if hasattr(sys, 'n_was_here'): raise ValueError('again')\nn = []",
            inside="",
            statements=indent("n.append(1)\nself.log('x')", " " * 8),
        ),
    )
    plan, model = plan_of(path), load_model(path)
    sys.n_was_here = True
    try:
        run = simulate(plan, model)
    finally:
        del sys.n_was_here
    assert {(one.kind, one.cause) for one in run.findings} == {("exception", "import")}


@pytest.mark.parametrize("name", ["raft", "g-counter"])
def test_a_shipped_model_is_no_user_s(name: str):
    model = load_model(name)
    run = simulate(plan_of(name), model)
    assert (run.shared, run.apart) == ((), ())
