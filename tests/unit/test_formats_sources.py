"""Where histories come from: archives, standard input, completions alone, times of operations."""

import gzip
import io
import json
import sys

import pytest

from clew.cli import main
from clew.errors import HistoryError
from clew.formats import FORMATS, edn, read_history, source
from clew.history import Event

JSONL = (
    '{"process": 0, "type": "invoke", "f": "write", "value": 1}\n'
    '{"process": 0, "type": "ok", "f": "write", "value": 1}\n'
)
SAME = {
    "jsonl": JSONL,
    "edn": "{:process 0 :type :invoke :f :write :value 1}\n"
    "{:process 0 :type :ok :f :write :value 1}",
    "console": "INFO jepsen.util - 0\t:invoke\t:write\t1\nINFO jepsen.util - 0\t:ok\t:write\t1\n",
    "porcupine": '{:process 0 :type :invoke :f :put :key "k" :value 1}\n'
    '{:process 0 :type :ok :f :put :key "k" :value 1}',
    "json": f"[{','.join(JSONL.splitlines())}]",
    "operations": '{"client": 0, "op": "write", "value": 1, "call": 3, "return": 5}',
}


class Standard:
    """Standard input of these bytes."""

    def __init__(self, data):
        self.buffer = io.BytesIO(data)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_out_of_an_archive_and_from_standard_input(name, tmp_path, monkeypatch):
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_text(SAME[name])
    packed.write_bytes(gzip.compress(SAME[name].encode()))
    history = read_history(plain)
    assert history.format == name
    assert [event.type for event in history] == ["invoke", "ok"]
    assert read_history(packed) == history
    for data in (plain.read_bytes(), packed.read_bytes()):
        monkeypatch.setattr(sys, "stdin", Standard(data))
        again = read_history("-")
        assert again == history
        assert again.source == "standard input"


BROKEN = {
    "cut": (gzip.compress(JSONL.encode())[:-9], "the archive is cut"),
    "cut in its head": (b"\x1f\x8b\x08\x00", "the archive is cut"),
    "with a wrong sum": (gzip.compress(JSONL.encode())[:-8] + b"12345678", "the archive is broken"),
    "garbage": (b"\x1f\x8b\x08\x00" + b"\xff" * 60, "the archive is broken"),
    "of another archive": (gzip.compress(gzip.compress(b"x" * 99)), "the file is not text"),
    "of binary": (gzip.compress(bytes(range(256))), "the file is not text"),
    "of nothing": (gzip.compress(b""), "the file holds no operation"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_archive_is_one_message(case, tmp_path):
    data, problem = BROKEN[case]
    path = tmp_path / "history.gz"
    path.write_bytes(data)
    with pytest.raises(HistoryError) as caught:
        read_history(path)
    assert problem in str(caught.value)


def test_an_archive_that_unpacks_to_far_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "UNPACKED_FREE", 1 << 20)
    path = tmp_path / "history.gz"
    path.write_bytes(gzip.compress(JSONL.encode() + b" " * (64 << 20)))
    with pytest.raises(HistoryError) as caught:
        read_history(path)
    assert "unpacks to far more than a history does" in str(caught.value)


class Endless(io.RawIOBase):
    """A text that goes on with one byte for ever; whoever reads too much of it fails the test."""

    def __init__(self, start, byte):
        self._start = start
        self._byte = byte
        self._left = 4 << 20

    def readable(self):
        return True

    def readinto(self, buffer):
        self._left -= len(buffer)
        assert self._left > 0, "the text is read on, though its start is no history"
        data = (self._start + self._byte * len(buffer))[: len(buffer)]
        self._start = b""
        buffer[:] = data
        return len(buffer)


ENDLESS = {
    "zeros": (b"", b"\0", "the file is not text: expected a history in UTF-8, found the byte 0x00"),
    "zeros after events": (JSONL.encode(), b"\0", "standard input:3: the file is not text"),
    "two bytes a letter": (JSONL.encode("utf-16-le"), b"\0", "the file is not text"),
    "letters": (b"", b"a", "the format is not known"),
    "quotes": (b"", b'"', "the format is not known"),
    "arrays": (b"", b"[", "values are nested too deeply: expected at most 200 levels"),
    "objects that are no events": (b'[{"a": 1}, "', b"a", "the operation has no type"),
    "broken JSON": (b'[{"a": 1 1', b"1", "broken JSON at column 10"),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_what_is_no_history_is_refused_by_its_start(case, monkeypatch):
    start, byte, problem = ENDLESS[case]
    standard = Standard(b"")
    standard.buffer = io.BufferedReader(Endless(start, byte))
    monkeypatch.setattr(sys, "stdin", standard)
    with pytest.raises(HistoryError) as caught:
        read_history("-")
    assert problem in str(caught.value)


@pytest.mark.parametrize("letters", range((1 << 18) - 40, (1 << 18) + 40, 7))
def test_a_first_line_longer_than_the_start_is_read_whole(letters, tmp_path):
    value = "a" * letters
    events = [
        {"process": 0, "type": kind, "f": "write", "value": value} for kind in ("invoke", "ok")
    ]
    path = tmp_path / "history"
    for text in (json.dumps(events), "\n".join(map(json.dumps, events))):
        path.write_text(text)
        assert [event.value for event in read_history(path)] == [value, value]


class Counting:
    """A pattern that counts the characters it is given."""

    def __init__(self, pattern):
        self._pattern = pattern
        self.count = 0

    def findall(self, text):
        self.count += len(text)
        return self._pattern.findall(text)

    def finditer(self, text):
        self.count += len(text)
        return self._pattern.finditer(text)


@pytest.mark.parametrize("inside", ['a \\" b\n', "\\\\\n", '\\\\\\"\n', "\\\n"])
def test_a_string_of_many_lines_is_read_once(inside, tmp_path, monkeypatch):
    tokens = Counting(edn._TOKEN)
    monkeypatch.setattr(edn, "_TOKEN", tokens)
    path = tmp_path / "history.edn"
    event = '{{:process 0 :type {} :f :write :value "{}"}}\n'
    text = "".join(event.format(kind, inside * 300) for kind in (":invoke", ":ok"))
    path.write_text(text)
    asked, answered = read_history(path)
    assert asked.value == answered.value
    assert asked.value.count("\n") == 300
    assert tokens.count <= 5 * len(text)


def test_standard_input_is_read_once(capsys):
    assert main(["check", "-", "-"]) == 64
    assert "standard input can be read once" in capsys.readouterr().err


ELLE = """[{:type :ok, :value [[:append :x 1] [:r :y [1]]]}
 {:type :ok, :value [[:append :x 2] [:append :y 1]]}
 {:type :ok, :value [[:r :x [1 2]]]}]"""
FINE = """{:type :ok, :value [[:append :x 1]]}
{:type :fail, :value [[:append :x 3]]}
{:type :info, :value [[:append :x 2]]}
{:type :ok, :value [[:r :x [1 2]]]}"""
# The read comes first in the file: real time would be against it.
BACKWARDS = """{:process 0 :type :ok, :value [[:r :x [1]]]}
{:process 0 :type :ok, :value [[:append :x 1]]}"""
ABORTED = """{:type :fail, :value [[:append :x 1]]}
{:type :ok, :value [[:r :x [1]]]}"""
ALONE = {
    "a cycle": (ELLE, "list-append:consistency-models=serializable", 1),
    "nothing wrong": (FINE, "list-append:consistency-models=serializable", 0),
    "no order of a session": (BACKWARDS, "list-append:consistency-models=serializable", 0),
    "an aborted read": (ABORTED, "list-append:consistency-models=read-committed", 1),
    "real time is asked for": (FINE, "list-append", 64),
    "sessions are asked for": (FINE, "list-append:consistency-models=session-serializable", 64),
    "one of two": (FINE, "list-append:consistency-models=serializable,strong-SI", 64),
    "linearizable": ("{:process 0 :type :ok :f :read :value 1}", "register", 64),
    "sets": ("{:process 0 :type :ok :f :read :value [1]}", "set-full", 64),
    "ids": ("{:process 0 :type :ok :f :generate :value 1}" * 2, "unique-ids", 1),
}  # fmt: skip


@pytest.mark.parametrize("case", ALONE)
def test_completions_alone(case, tmp_path, capsys):
    text, model, status = ALONE[case]
    path = tmp_path / "history.edn"
    path.write_text(text)
    assert main(["check", str(path), "--model", model]) == status
    told = capsys.readouterr()
    assert ("needs the order of operations" in told.err) == (status == 64)


def test_completions_alone_say_nothing_of_models_with_an_order(tmp_path, capsys):
    path = tmp_path / "history.edn"
    path.write_text(ELLE)
    main(["check", str(path), "--model", ALONE["a cycle"][1], "--json"])
    judged = json.loads(capsys.readouterr().out)
    assert judged["statistics"]["strongest_standing"] == ["read-uncommitted"]
    assert "still stands: read-uncommitted." in judged["reason"].replace("\n", " ")


TIMED = {
    "Porcupine's names": (
        (
            '[{"ClientId": 3, "Input": {"Op": "get", "Key": "x"}, "Call": 1,'
            ' "Output": {"Value": "a"}, "Return": 2}]'
        ),
        [(3, "invoke", "get", ["x", None], 1), (3, "ok", "get", ["x", "a"], 2)],
    ),
    "its numbers": (
        '{"input": {"op": 1, "key": "x", "value": "a"}, "call": 1, "output": null, "return": 2}',
        [(0, "invoke", "put", ["x", "a"], 1), (0, "ok", "put", ["x", "a"], 2)],
    ),
    "flat, and no client": (
        (
            '{"f": "read", "result": 1, "call": 1, "return": 2}\n'
            '{"f": "write", "value": 1, "call": 0, "return": 9}'
        ),
        [
            (1, "invoke", "write", 1, 0),
            (0, "invoke", "read", None, 1),
            (0, "ok", "read", 1, 2),
            (1, "ok", "write", 1, 9),
        ],
    ),
    "a cas that failed": (
        (
            '{"client": 0, "input": {"op": "cas", "from": 1, "to": 2}, "output": {"ok": false},'
            ' "call": 1, "return": 2}'
        ),
        [(0, "invoke", "cas", [1, 2], 1), (0, "fail", "cas", [1, 2], 2)],
    ),
    "one never answered, and its client goes on": (
        (
            '{"client": 0, "op": "write", "value": 1, "call": 1}\n'
            '{"client": 0, "op": "write", "value": 2, "call": 5, "return": 6}'
        ),
        [
            (0, "invoke", "write", 1, 1),
            (0, "info", "write", 1, 5),
            (0, "invoke", "write", 2, 5),
            (0, "ok", "write", 2, 6),
        ],
    ),
    "calls before returns at one moment, also of one client": (
        (
            '{"client": 0, "op": "write", "value": 1, "call": 1, "return": 5}\n'
            '{"client": 0, "op": "write", "value": 2, "call": 5, "return": 6}'
        ),
        [
            (0, "invoke", "write", 1, 1),
            (1, "invoke", "write", 2, 5),
            (0, "ok", "write", 1, 5),
            (1, "ok", "write", 2, 6),
        ],
    ),
}


@pytest.mark.parametrize("case", TIMED)
def test_operations_with_their_times(case, tmp_path):
    text, events = TIMED[case]
    path = tmp_path / "history.json"
    path.write_text(text)
    history = read_history(path)
    assert history.format == "operations"
    assert list(history) == [Event(*event) for event in events]
    assert history.operations


NOT_TIMED = {
    "a return before its call": '{"f": "read", "call": 5, "return": 2}',
    "no function": '{"call": 1, "return": 2}',
    "a time that is none": '{"f": "read", "call": 1, "return": "later"}',
    "a client without a name": '{"client": 0, "f": "read", "call": 1, "return": 2}\n'
    '{"f": "read", "call": 1, "return": 2}',
    "a named client": '{"client": "a", "f": "read", "call": 1, "return": 2}',
    "a list among them": '[{"f": "read", "call": 1, "return": 2}, []]',
}


@pytest.mark.parametrize("case", NOT_TIMED)
def test_what_is_no_timed_operation_is_one_message(case, tmp_path, capsys):
    path = tmp_path / "history.json"
    path.write_text(NOT_TIMED[case])
    assert main(["check", str(path)]) == 64
    assert f"{path}:" in capsys.readouterr().err
