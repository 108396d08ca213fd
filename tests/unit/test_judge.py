"""Files judged one by one and several at once."""

import json
import multiprocessing
import os
import signal
import threading

import pytest

from clew.checkers.verdict import Verdict
from clew.errors import HistoryError, UsageError
from clew.search.judge import judge_file, judge_files

WRITE = "{:process 0, :type :invoke, :f :write, :value 1}\n{:process 0, :type :ok, :f :write}\n"
READ = "{:process 1, :type :invoke, :f :read}\n{:process 1, :type :ok, :f :read, :value %s}\n"
VALID = WRITE + READ % 1
INVALID = WRITE + READ % 2
BANK = "{:process 0, :type :ok, :f :read, :value {1 2}}"


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
        "file", "model", "verdict", "engine", "seconds", "operations", "anomalies",
    ]  # fmt: skip
    assert (shown["file"], shown["model"], shown["verdict"]) == (str(path), "register", "invalid")
    assert shown["engine"]
    assert shown["operations"] == 2
    (anomaly,) = shown["anomalies"]
    assert list(anomaly) == ["kind", "reason", "operations"]
    assert {
        "process": 1, "f": "read", "type": "ok", "argument": None, "result": 2,
    }.items() <= anomaly["operations"][-1].items()  # fmt: skip


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
    os.mkfifo(stuck)
    known = set(multiprocessing.active_children())

    def kill_the_reader():
        # Opening the pipe for writing waits until the worker reads it.
        descriptor = os.open(stuck, os.O_WRONLY)
        for process in set(multiprocessing.active_children()) - known:
            os.kill(process.pid, signal.SIGKILL)
        os.close(descriptor)

    killer = threading.Thread(target=kill_the_reader)
    answers = judge_files([before, stuck, after], "register", jobs=2)
    first = next(answers)
    killer.start()
    second, third = answers
    killer.join()
    assert first.result.verdict is Verdict.VALID
    assert second.result.verdict is Verdict.UNKNOWN
    assert second.result.reason == (
        "The process that judged the file ended with signal 9; it may have lacked memory."
    )
    assert third.file == str(after)
    assert not set(multiprocessing.active_children()) - known
