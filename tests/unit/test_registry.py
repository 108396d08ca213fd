"""The table of checkers, the models on the command line, and the guess where none is named."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import clew.checkers
from clew.checkers import signs
from clew.checkers.entry import CheckerEntry
from clew.checkers.infer import infer
from clew.checkers.registry import find, parse_model
from clew.checkers.table import CHECKERS
from clew.checkers.verdict import Verdict, run_checker
from clew.errors import HistoryError, UsageError
from clew.history import Event, History


@pytest.mark.parametrize("name", CHECKERS)
def test_every_row_makes_its_checker(name):
    entry = find(name)
    assert entry.make().name == name
    assert entry.summary
    assert entry.complexity
    assert entry.source


ROW = {
    "summary": "all is well", "complexity": "O(n)", "source": "a paper", "kinds": {"bad": "x"},
    "at": "gauges:Gauge",
}  # fmt: skip
WORDS = {**{name: name for name in ROW}, "at": "class"}


@pytest.mark.parametrize("lacking", ROW)
def test_a_row_that_lacks_something_is_refused_by_name(lacking):
    CheckerEntry("gauge", **ROW)
    with pytest.raises(AssertionError, match=f"the checker gauge lacks .*{WORDS[lacking]}"):
        CheckerEntry("gauge", **{**ROW, lacking: None})


def named_kinds(path):
    """The kinds of anomalies that a file names as it makes them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            given = [node.args[0]] if node.func.id == "Anomaly" else []
            given += [each.value for each in node.keywords if each.arg == "kind"]
            for one in given:
                found = [one.body, one.orelse] if isinstance(one, ast.IfExp) else [one]
                yield from (each.value for each in found if isinstance(each, ast.Constant))


def test_every_kind_that_a_checker_makes_stands_in_a_row():
    files = sorted(Path(clew.checkers.__file__).parent.rglob("*.py"))
    made = {kind for file in files for kind in named_kinds(file)}
    assert {"nonlinearizable", "stale", "G1c-realtime", "two-holders"} <= made
    known = {kind for entry in CHECKERS.values() for kind in entry.meanings}
    assert made - known == set()


@pytest.mark.parametrize("name", CHECKERS)
def test_every_kind_of_a_row_has_a_meaning(name):
    assert all(kind and meaning for kind, meaning in find(name).meanings.items())


def test_listing_loads_no_checker():
    code = (
        "import sys; from clew.checkers.registry import CHECKERS; "
        "print([name for name in sys.modules if name.startswith('clew.checkers.')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    rows = ("rows", "rows.elements", "rows.objects", "rows.registers", "rows.transactions")
    names = ("verdict", "entry", *rows, "table", "registry")
    assert eval(loaded) == [f"clew.checkers.{name}" for name in names]


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("register", ("register", {})),
        ("register:initial=0", ("register", {"initial": "0"})),
        (
            "cas-register:initial=0:nil-reads=any",
            ("cas-register", {"initial": "0", "nil-reads": "any"}),
        ),
    ],
)
def test_parse_model(text, parsed):
    assert parse_model(text) == parsed


def history(*events):
    return History(Event(*event) for event in events)


STALE_INITIAL = history((0, "invoke", "read"), (0, "ok", "read", 7))
NIL_LATER = history(
    (0, "invoke", "write", 1), (0, "ok", "write", 1), (0, "invoke", "read"), (0, "ok", "read")
)


@pytest.mark.parametrize(
    ("model", "events", "verdict"),
    [
        ("register", STALE_INITIAL, Verdict.INVALID),
        ("register:initial=7", STALE_INITIAL, Verdict.VALID),
        ("cas-register", NIL_LATER, Verdict.INVALID),
        ("cas-register:nil-reads=any", NIL_LATER, Verdict.VALID),
    ],
)
def test_options_reach_the_checker(model, events, verdict):
    assert run_checker(made(model), events).verdict is verdict


ALL = ", ".join(CHECKERS)
WRONG = [
    (
        "regster",
        (
            f"--model regster: unknown checker: expected {ALL}, found 'regster'. "
            "The nearest is register."
        ),
    ),
    (
        "xyzzy",
        (
            f"--model xyzzy: unknown checker: expected {ALL}, found 'xyzzy'. "
            "clew list checkers describes each."
        ),
    ),
    (
        "Serializable",
        (
            f"--model Serializable: unknown checker: expected {ALL}, found 'Serializable'. "
            "serializable is a consistency model: say --model "
            "list-append:consistency-models=serializable or, of registers, --model "
            "rw-register:consistency-models=serializable."
        ),
    ),
    (
        "snapshot-isolaton",
        (
            f"--model snapshot-isolaton: unknown checker: expected {ALL}, found "
            "'snapshot-isolaton'. snapshot-isolation is a consistency model: say --model "
            "list-append:consistency-models=snapshot-isolation or, of registers, --model "
            "rw-register:consistency-models=snapshot-isolation."
        ),
    ),
    (
        "linearizable",
        (
            f"--model linearizable: unknown checker: expected {ALL}, found 'linearizable'. "
            "linearizable is a consistency model: say --model register, cas-register, key-value "
            "or another specification."
        ),
    ),
    (
        "read-your-writes",
        (
            f"--model read-your-writes: unknown checker: expected {ALL}, found "
            "'read-your-writes'. read-your-writes is a consistency model: say --model "
            "sessions:guarantees=read-your-writes."
        ),
    ),
    (
        "list-append:serializable",
        (
            "--model list-append:serializable: an option of the model is wrong: expected NAME or "
            "NAME:KEY=VALUE, each key once, found 'serializable'. Say "
            "consistency-models=serializable."
        ),
    ),
    (
        "register:consistency-models=serializable",
        (
            "--model register: register has no option consistency-models: expected initial, "
            "nil-reads, keyed, found consistency-models. Consistency models are what list-append "
            "and rw-register hold transactions to."
        ),
    ),
    (
        "register:initial",
        (
            "--model register:initial: an option of the model is wrong: expected NAME or "
            "NAME:KEY=VALUE, each key once, found 'initial'."
        ),
    ),
    (
        "register:initial=1:initial=2",
        (
            "--model register:initial=1:initial=2: an option of the model is wrong: "
            "expected NAME or "
            "NAME:KEY=VALUE, each key once, found 'initial=2'."
        ),
    ),
    (
        "register:colour=red",
        (
            "--model register: register has no option colour: expected initial, nil-reads, keyed, "
            "found colour."
        ),
    ),
    (
        "echo:colour=red",
        "--model echo: echo has no option colour: expected no option, found colour.",
    ),
    ("counter:initial=x", "--model counter: initial is wrong: expected a whole number, found 'x'."),
    (
        "register:nil-reads=maybe",
        "--model register: nil-reads is wrong: expected value or any, found 'maybe'.",
    ),
    (
        "g-set:monotonic=yes",
        "--model g-set: monotonic is wrong: expected true or false, found 'yes'.",
    ),
    (
        "availability:required=most",
        (
            "--model availability: required is wrong: expected total, or a fraction from 0 to 1, "
            "found 'most'."
        ),
    ),
    (
        "list-append:consistency-models=,",
        (
            "--model list-append: consistency-models is wrong: expected words parted by commas, "
            "found ','."
        ),
    ),
]


def made(text):
    name, options = parse_model(text)
    return find(name).make(options)


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_wrong_models(text, message):
    with pytest.raises(UsageError) as caught:
        made(text)
    assert str(caught.value) == message


def calls(*operations):
    """A history of completed operations: (f, argument, result)."""
    return history(
        *(
            event
            for process, (f, argument, result) in enumerate(operations)
            for event in ((process, "invoke", f, argument), (process, "ok", f, result))
        )
    )


GUESSES = [
    ("register", calls(("write", 1, 1), ("read", None, 1))),
    ("register", calls(("read", None, None))),
    ("register", calls(("write", {"a": 1}, None), ("read", None, [["a", 1]]))),
    ("causal-reverse", calls(("write", 1, 1), ("read", None, [1]))),
    ("cas-register", calls(("cas", [1, 2], [1, 2]), ("read", None, 1))),
    ("cas-register", calls(("cas", [1, 2], [1, 2]))),
    ("register", calls(("write", [7, 1], [7, 1]), ("read", [7, None], [7, 1]))),
    ("cas-register", calls(("cas", [7, [1, 2]], [7, [1, 2]]), ("read", [7, None], [7, 1]))),
    ("multi-register", calls(("write", [["w", 1, 2]], None), ("read", [["r", 1, None]], None))),
    ("key-value", calls(("append", ["0", "x"], ["0", "x"]), ("get", ["0", None], ["0", "x"]))),
    ("key-value", calls(("put", ["0", "x"], ["0", "x"]))),
    ("list-append", calls(("txn", [["append", 1, 2], ["r", 1, None]], None))),
    ("rw-register", calls(("txn", [["w", 1, 2], ["r", 1, None]], None))),
    ("set-full", calls(("add", 1, 1), ("read", None, [1]))),
    ("set-full", calls(("add", 1, 1), ("read", None, []))),
    ("counter", calls(("add", 1, 1), ("read", None, 1))),
    ("counter", calls(("add", 1, 1), ("add", 1, 1))),
    ("counter", calls(("increment", None, None), ("read", None, 1))),
    ("append-log", calls(("append", 1, None), ("read", None, [1]))),
    ("fifo-queue", calls(("enqueue", 1, 1), ("dequeue", None, 1))),
    ("total-queue", calls(("enqueue", 1, 1), ("drain", None, [1]))),
    ("stack", calls(("push", 1, 1), ("pop", None, 1))),
    ("priority-queue", calls(("insert", 1, 1), ("remove", None, 1))),
    ("adya-g2", calls(("insert", [1, [3, None]], None), ("insert", [1, [None, 4]], None))),
    ("set", calls(("add", [1, 5], None), ("read", [1, None], [1, [5]]))),
    ("mutex", calls(("acquire", None, None), ("release", None, None))),
    ("fenced-lock", calls(("acquire", None, 33), ("release", None, None))),
    ("unique-ids", calls(("generate", None, 3))),
    ("echo", calls(("echo", "a", "a"))),
    ("broadcast", calls(("broadcast", 1, None), ("read", None, [1]))),
    ("bank", calls(("transfer", {"from": 1, "to": 2, "amount": 3}, None), ("read", None, {}))),
    ("kafka", calls(("send", ["send", 1, 2], None), ("poll", None, {}))),
]


@pytest.mark.parametrize(("model", "events"), GUESSES)
def test_inference(model, events):
    guess = infer(events)
    assert guess.model == model
    assert guess.reason.startswith("The history has ")
    find(guess.model)


def test_the_reason_is_a_sentence():
    reason = infer(calls(("write", 1, 1))).reason
    assert reason == "The history has read and write."


@pytest.mark.parametrize(
    ("events", "found"),
    [
        (calls(("add", 1, 1), ("add", 2, 2)), "add"),
        (calls(("add", 1, 1), ("read", None, None)), "add, read"),
        (calls(("add", 1, 1), ("read", None, [1]), ("read", None, 1)), "add, read"),
        (calls(("frobnicate", 1, 1), ("read", None, 1)), "frobnicate, read"),
        (calls(("txn", [["append", 1, 2], ["w", 1, 3]], None)), "txn"),
        (calls(("txn", "x", None)), "txn"),
        (calls(("get", 1, 1)), "get"),
        (history(("nemesis", "info", "start")), "no operation of a client"),
    ],
)
def test_no_guess(events, found):
    with pytest.raises(HistoryError) as caught:
        infer(events)
    assert str(caught.value) == (
        "the model can't be inferred: expected operations whose functions and values tell one "
        f"model from the others, found {found}. "
        "Name one with --model; clew list checkers describes them."
    )


def test_every_sign_of_a_checker_names_a_test_of_values():
    named = {sign.test for entry in CHECKERS.values() for sign in entry.signs if sign.test}
    assert "pairs" in named
    assert [test for test in named if not callable(getattr(signs, test, None))] == []
