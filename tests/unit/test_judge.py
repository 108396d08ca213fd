"""Files judged one by one and several at once."""

import json
import multiprocessing
import os
import signal
from contextlib import suppress
from itertools import product

import pytest
from judging import judge_file

from clew.checkers.infer import infer
from clew.checkers.recordings import judge_files
from clew.checkers.verdict import Verdict
from clew.cli import main
from clew.errors import HistoryError, UsageError
from clew.history import Event, History
from clew.machine import wall

WRITE = "{:process 0, :type :invoke, :f :write, :value 1}\n{:process 0, :type :ok, :f :write}\n"
READ = "{:process 1, :type :invoke, :f :read}\n{:process 1, :type :ok, :f :read, :value %s}\n"
VALID = WRITE + READ % 1
INVALID = WRITE + READ % 2
BANK = "{:process 1, :type :invoke, :f :write}{:process 0, :type :ok, :f :read, :value {1 2}}"


def put(folder, **texts):
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in texts]


def test_one_file(tmp_path):
    (path,) = put(tmp_path, a=INVALID)
    judgement = judge_file(path)
    assert judgement.inferred == "The history has read and write."
    shown = judgement.to_json()
    assert shown == json.loads(json.dumps(shown))
    assert list(shown) == [
        "file", "model", "inferred", "verdict", "reason", "engine", "seconds", "operations",
        "statistics", "anomalies",
    ]  # fmt: skip
    assert (shown["file"], shown["model"], shown["verdict"]) == (str(path), "register", "invalid")
    assert shown["engine"]
    assert list(shown["seconds"]) == ["read", "pair", "verdict", "explain"]
    assert min(shown["seconds"].values()) >= 0
    assert sum(judgement.seconds) == pytest.approx(sum(shown["seconds"].values()))
    assert shown["operations"] == 2
    (anomaly,) = shown["anomalies"]
    assert list(anomaly) == ["kind", "reason", "operations", "data"]
    assert anomaly["data"]["response"]["words"] == "read -> 2 by process 1"
    assert {
        "process": 1, "f": "read", "type": "ok", "argument": None, "result": 2,
    }.items() <= anomaly["operations"][-1].items()  # fmt: skip


def test_the_time_of_an_explanation_is_not_the_verdicts(tmp_path, monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(wall, "seconds", lambda: next(clock))
    invalid, valid = put(tmp_path, a=INVALID, b=VALID)
    assert judge_file(invalid).seconds.explain > 0
    assert judge_file(valid).seconds.verdict > 0


def test_a_named_model_is_no_guess(tmp_path):
    (path,) = put(tmp_path, a=READ % 5)
    judgement = judge_file(path, "register:initial=5")
    assert (judgement.model, judgement.inferred) == ("register:initial=5", None)
    assert judgement.result.verdict is Verdict.VALID
    assert judge_file(path, "register", options={"initial": "5"}).result.verdict is Verdict.VALID
    assert judge_file(path, "register").result.verdict is Verdict.INVALID


def test_consistency_models_reach_the_checker(tmp_path):
    """T2 begins after T1 and misses its append: wrong in real time only."""
    (path,) = put(
        tmp_path,
        a="{:process 0, :type :invoke, :f :txn, :value [[:append 1 1]]}\n"
        "{:process 0, :type :ok, :f :txn, :value [[:append 1 1]]}\n"
        "{:process 1, :type :invoke, :f :txn, :value [[:r 1 nil]]}\n"
        "{:process 1, :type :ok, :f :txn, :value [[:r 1 []]]}\n"
        "{:process 2, :type :invoke, :f :txn, :value [[:r 1 nil]]}\n"
        "{:process 2, :type :ok, :f :txn, :value [[:r 1 [1]]]}\n",
    )
    assert judge_file(path).result.verdict is Verdict.INVALID
    weaker = judge_file(path, consistency_models=["serializable"])
    assert weaker.model == "list-append"
    assert weaker.result.verdict is Verdict.VALID


EDN = "{{{}:type :{}, :f :txn, :value [[{}]]}}\n"
JSON = '{{{}"index": 0, "type": "{}", "f": "txn", "value": [[{}]]}}\n'
SWAPPED = [
    # Each of two clients reads nil, writes its own value, and then reads the other's.
    (1, "r x", "r x nil"),
    (2, "r x", "r x nil"),
    (1, "w x 100", "w x 100"),
    (2, "w x 200", "w x 200"),
    (1, "r x", "r x 200"),
    (2, "r x", "r x 100"),
]
MISSED = [
    # A second transaction begins after the first was acknowledged, and misses what it appended.
    ("append x 1", "append x 1"),
    ("r x", "r x []"),
]


def in_edn(process, kind, micro):
    """An event, its micro-operation such as ``r x 5``."""
    return EDN.format(f":process {process}, " if process else "", kind, f":{micro}")


def in_json(process, kind, micro):
    """The same in JSON."""
    f, key, *value = micro.replace("nil", "null").split()
    parts = [f'"{f}"', f'"{key}"', *value]
    return JSON.format(f'"process": {process}, ' if process else "", kind, ", ".join(parts))


@pytest.mark.parametrize("event", [in_edn, in_json])
def test_a_request_to_read_may_leave_out_the_value(tmp_path, event):
    text = "".join(
        event(process, "invoke", asked) + event(process, "ok", answered)
        for process, asked, answered in SWAPPED
    )
    (path,) = put(tmp_path, a=text)
    judgement = judge_file(path)
    assert judgement.model == "rw-register"
    assert judgement.inferred == "The history has transactions of r and w."
    assert judgement.result.verdict is Verdict.INVALID


@pytest.mark.parametrize("event", [in_edn, in_json])
@pytest.mark.parametrize(
    ("model", "process", "expected"),
    [
        ("strict-serializable", None, "invalid"),
        ("strong-session-serializable", None, "valid"),
        ("strong-session-serializable", 1, "invalid"),
        ("serializable", 1, "valid"),
    ],
)
def test_who_is_not_named_has_no_session(tmp_path, event, model, process, expected):
    """Real time is the file's; that one client ran both is not made up."""
    text = "".join(
        event(process, "invoke", asked) + event(process, "ok", answered)
        for asked, answered in MISSED
    )
    (path,) = put(tmp_path, a=text)
    judgement = judge_file(path, consistency_models=[model])
    assert judgement.model == "list-append"
    assert judgement.result.verdict is Verdict(expected)


KEYED_SET = [
    ("add", "[7 1]", "[7 1]"),
    ("add", "[7 2]", "[7 2]"),
    ("add", "[8 2]", "[8 2]"),
    ("read", "[7 nil]", "[7 #{1 2}]"),
]
GUESSES = [
    (
        "causal-reverse",
        "invalid",
        [("write", "1", "1"), ("write", "2", "2"), ("read", "nil", "#{2}")],
    ),
    ("causal-reverse", "valid", [("write", "1", "1"), ("write", "2", "2"), ("read", "nil", "[1]")]),
    ("register", "valid", [("write", "[1]", "[1]"), ("read", "nil", "[1]")]),
    ("bank", "valid", [("read", "nil", "{0 5, 1 5}"), ("read", "nil", "{0 10, 1 0}")]),
    ("bank", "invalid", [("read", "nil", "{0 5, 1 5}"), ("read", "nil", "{0 11, 1 -1}")]),
    ("register", "invalid", [("read", "nil", '{0 "a"}')]),
    (
        "kafka",
        "valid",
        [
            ("assign", "[a]", "[a]"),
            ("txn", "[[:send a 1] [:send a 2]]", "[[:send a [0 1]] [:send a [1 2]]]"),
            ("txn", "[[:poll]]", "[[:poll {a [[0 1] [1 2]]}]]"),
        ],
    ),
    ("set", "valid", KEYED_SET),
    ("set", "invalid", [*KEYED_SET, ("read", "[8 nil]", "[8 #{}]")]),
    ("set-full", "valid", [("add", "[7 1]", "[7 1]"), ("read", "nil", "[[7 1]]")]),
]


@pytest.mark.parametrize(("model", "expected", "operations"), GUESSES)
def test_the_model_is_told_from_the_answers(tmp_path, model, expected, operations):
    text = "".join(
        f"{{:process 0, :type :invoke, :f :{f}, :value {asked}}}\n"
        f"{{:process 0, :type :ok, :f :{f}, :value {answered}}}\n"
        for f, asked, answered in operations
    )
    (path,) = put(tmp_path, a=text)
    judgement = judge_file(path)
    assert (judgement.model, judgement.result.verdict) == (model, Verdict(expected))


@pytest.mark.parametrize("value", ["[[[1] 2 3]]", "[[]]", "[[:w x]]", "[[{:r 1} 2]]"])
def test_what_is_no_micro_operation_infers_nothing(tmp_path, value):
    (path,) = put(tmp_path, a=f"{{:process 0, :type :invoke, :f :txn, :value {value}}}")
    with pytest.raises(HistoryError, match="the model can't be inferred"):
        judge_file(path)


FUNCTIONS = (
    "read", "write", "txn", "cas", "send", "poll", "add", "insert", "transfer", "generate",
    "acquire", "enqueue", "get", "append", "increment", "broadcast",
)  # fmt: skip
ODD = (
    None, True, 1, "", "a", [], [1], [1, 2], [[]], [[1], 2], [None, None], {}, {"a": []},
    [["r", "x", None]], [["w", "x", 1]], [["r"]], [["w", "x"]], [["send"]], [["poll"]], [["rp"]],
)  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS)
def test_whatever_the_values_are_there_is_a_guess_or_a_message(f):
    for first, second in product(ODD, repeat=2):
        for other in ("read", "write", "txn"):
            events = [Event(0, "invoke", f, first), Event(1, "invoke", other, second)]
            answers = [Event(0, "ok", f, second), Event(1, "ok", other, first)]
            with suppress(HistoryError):
                assert infer(History([*events, *answers])).model


def test_a_spent_budget_is_unknown(tmp_path):
    concurrent = "".join(
        f"{{:process {n}, :type :invoke, :f :write, :value {n % 3}}}\n" for n in range(40)
    )
    reads = "".join(
        f"{{:process {n}, :type :invoke, :f :read}}\n{{:process {n}, :type :ok, :f :read, "
        f":value {n * 7 % 3}}}\n"
        for n in range(100, 200)
    )
    (path,) = put(tmp_path, a=concurrent + reads)
    assert judge_file(path, budget_seconds=0.0).result.verdict is Verdict.UNKNOWN


def test_only_the_nemesis(tmp_path):
    (path,) = put(tmp_path, a="{:process :nemesis, :type :info, :f :start}")
    with pytest.raises(HistoryError) as caught:
        judge_file(path, "register")
    assert str(caught.value) == (
        f"{path}: the history holds no operation of a client: expected operations whose process "
        "is a number, found only others, such as the nemesis."
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_several_in_order(tmp_path, jobs):
    paths = put(tmp_path, a=VALID, b=INVALID, c="{", d=VALID, e=BANK)
    first, second, third, fourth, fifth, sixth = judge_files([*paths, tmp_path / "none"], jobs=jobs)
    assert [first.file, second.file, fourth.file] == [str(paths[at]) for at in (0, 1, 3)]
    assert [each.result.verdict.value for each in (first, second, fourth)] == [
        "valid", "invalid", "valid",
    ]  # fmt: skip
    assert str(third) == (
        f"{paths[2]}:1: the {{ of line 1 is not closed: expected }}, found the end of the file. "
        "Check that the file is whole and is EDN."
    )
    assert isinstance(fifth, HistoryError)
    assert str(fifth).startswith(f"{paths[4]}:1: ok of read by process 0 has no invocation: ")
    assert str(sixth) == (
        f"{tmp_path / 'none'}: the file can't be read: no such file or directory. "
        "Name a file with a recorded history."
    )


def test_a_wrong_model_is_refused_before_any_file(tmp_path):
    with pytest.raises(UsageError, match="unknown checker"):
        judge_files([tmp_path / "none"], "regster")


def test_no_file():
    assert list(judge_files([])) == []


def test_a_worker_that_dies_takes_only_its_file(tmp_path):
    before, after = put(tmp_path, a=VALID, b=INVALID)
    stuck = tmp_path / "stuck"
    stuck.write_text(VALID * 200_000)  # a worker reads it for seconds
    known = set(multiprocessing.active_children())
    answers = judge_files([before, stuck, after], "register", jobs=2)
    first = next(answers)
    for process in set(multiprocessing.active_children()) - known:
        os.kill(process.pid, signal.SIGKILL)
    second, third = answers
    assert first.result.verdict is Verdict.VALID
    assert second.result.verdict is Verdict.UNKNOWN
    assert second.result.reason == (
        "The process that judged the file ended with signal 9; it may have lacked memory."
    )
    assert third.file == str(after)
    assert not set(multiprocessing.active_children()) - known


def test_a_file_of_the_users_does_not_stand_for_a_module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "socket.py").write_text("raise SystemExit(7)")
    told = judge_files(put(tmp_path, a=VALID, b=VALID), jobs=2)
    assert [each.result.verdict for each in told] == [Verdict.VALID] * 2


def test_a_change_that_was_answered_with_another_value_is_told(tmp_path, capsys):
    lines = [(0, "invoke", "write", 1), (0, "ok", "write", 2), (1, "invoke", "read", None)]
    path = tmp_path / "h.jsonl"
    for shown, status in ((1, 0), (2, 1)):
        events = [*lines, (1, "ok", "read", shown)]
        records = [
            dict(zip(("process", "type", "f", "value"), each, strict=True)) for each in events
        ]
        path.write_text("\n".join(map(json.dumps, records)))
        assert main(["check", str(path), "--model", "register"]) == status
        told = " ".join(capsys.readouterr().out.split())
        assert "What was asked counts, not the value of the answer, which is another one" in told


def test_what_nobody_answered_is_unknown(tmp_path, capsys):
    path = tmp_path / "h.jsonl"
    for model, f, value in (
        ("list-append", "txn", [["append", 1, 1]]),
        ("rw-register", "txn", [["w", 1, 1]]),
        ("set-full", "add", 1),
    ):
        events = [
            {"process": 0, "type": kind, "f": f, "value": value} for kind in ("invoke", "info")
        ]
        path.write_text("\n".join(map(json.dumps, events)))
        assert main(["check", str(path), "--model", model]) == 2
        assert "nothing was" in capsys.readouterr().out
