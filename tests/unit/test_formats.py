"""What each format reads, and how a format is recognised."""

import io
import os
import threading
from pathlib import Path

import pytest

from clew.errors import HistoryError, UsageError
from clew.formats import detect, read_history, write_edn, write_jsonl, write_text
from clew.formats.edn import read_value
from clew.history import Event, History


def read(tmp_path: Path, text: str, name: str | None = None) -> History:
    path = tmp_path / "history"
    path.write_text(text, encoding="utf-8")
    return read_history(path, name)


EDN_VALUES = [
    ("nil", None),
    ("true", True),
    ("false", False),
    (":read", "read"),
    (":ns/read", "ns/read"),
    ("symbol/x", "symbol/x"),
    ("12", 12),
    ("-12", -12),
    ("+12", 12),
    ("12N", 12),
    ("1.5", 1.5),
    ("-1.5e3", -1500.0),
    ("2.5M", 2.5),
    ("1/2", 0.5),
    ("0x1f", "0x1f"),
    ('"a b"', "a b"),
    (r'"a\"b\\c\n\t\u0041"', 'a"b\\c\n\tA'),
    ('"a\nb"', "a\nb"),
    (r"\a", "a"),
    (r"\newline", "\n"),
    (r"\u0041", "A"),
    (r"\(", "("),
    ("[]", []),
    ("[1, 2 [3 nil]]", [1, 2, [3, None]]),
    ("(1 2)", [1, 2]),
    ("#{3 1 2}", [3, 1, 2]),
    ("{}", {}),
    ('{:a 1, "b" [2], 3 nil, [4 5] :c}', {"a": 1, "b": [2], 3: None, (4, 5): "c"}),
    ("#jepsen.independent.MapEntry [1 [2 3]]", [1, [2, 3]]),
    ("#clojure.lang.MapEntry[1 2]", [1, 2]),
    ('#inst "2020-01-01"', "2020-01-01"),
    ('#uuid "f81d"', "f81d"),
    ('#object[java.lang.Object 0x3e5 "x"]', ["java.lang.Object", "0x3e5", "x"]),
    ("#a #b 1", 1),
    ("[1 #_ 2 3]", [1, 3]),
    ("[1 #_ #_ 2 3 4]", [1, 4]),
    ("[1 #_ #tag [2] 3]", [1, 3]),
    ("#tag #_ 1 2", 2),
    ("[1 ; two\n 3]", [1, 3]),
    ("^{:m 1} [1]", [1]),
    ('#"re"', "re"),
    ("##Inf", float("inf")),
]


@pytest.mark.parametrize(("text", "value"), EDN_VALUES)
def test_edn_value(text, value):
    read_back, rest = read_value(text + " ", "here", 1)
    assert read_back == value
    assert type(read_back) is type(value)
    assert rest == " "


@pytest.mark.parametrize(("text", "value"), EDN_VALUES)
@pytest.mark.parametrize("tag", ["", "#jepsen.history.Op"])
def test_a_value_inside_an_operation_is_read_alike(tmp_path, text, value, tag):
    """The quick path for flat maps and the general reader give one answer."""
    line = f"{tag}{{:process 0, :type :ok, :f :x, :value {text} \n, :time 5}}\n"
    history = read(tmp_path, line)
    assert history[0] == Event(0, "ok", "x", value, 5)
    if "\n" not in text:
        assert read(tmp_path, line.replace("\n,", ",")) == history


READ = [
    Event(0, "invoke", "read"),
    Event("nemesis", "info", "start", "majority"),
    Event(0, "ok", "read", [1, 2], 7),
]
MAPS = (
    "{:process 0, :type :invoke, :f :read, :value nil}",
    '{:process :nemesis, :type :info, :f :start, :value "majority"}',
    "{:process 0, :type :ok, :f :read, :value [1 2], :time 7}",
)
TEXTS = {
    "edn: a map a line": ("edn", "\n".join(MAPS)),
    "edn: without line ends": ("edn", " ".join(MAPS)),
    "edn: a vector": ("edn", "[" + "\n ".join(MAPS) + "]\n"),
    "edn: a list, with commas": ("edn", "(" + ",\n ".join(MAPS) + "\n)"),
    "edn: comments first": ("edn", "; one\n\n;; two\n[\n" + "\n; three\n".join(MAPS) + "]"),
    "edn: one field a line": ("edn", "\n".join(MAPS).replace(", ", "\n")),
    "edn: Op records": ("edn", "\n".join("#jepsen.history.Op" + text for text in MAPS)),
    "edn: a vector of Op records": (
        "edn",
        "[" + "\n".join("#jepsen.history.Op " + text for text in MAPS) + "]",
    ),
    "edn: a tagged vector": ("edn", "#history [" + "\n".join(MAPS) + "]"),
    "edn: indices out of order and twice": (
        "edn",
        "\n".join(f"{text[:-1]}, :index {n}}}" for text, n in zip(MAPS, (9, 2, 2), strict=True)),
    ),
    "edn: a string over two lines": (
        "edn",
        "\n".join(MAPS).replace("}", ' #_ "a } \n [ b"}'),
    ),
    "jsonl": (
        "jsonl",
        (
            '{"process": 0, "type": "invoke", "f": "read", "value": null}\n'
            '{"process": "nemesis", "type": "info", "f": "start", "value": "majority"}\n\n'
            '{"type": "ok", "process": 0, "f": "read", "value": [1, 2], "time": 7}'
        ),
    ),
    "json: an array": (
        "json",
        (
            '[\n {"process": 0, "type": "invoke", "f": "read", "value": null, "index": 0},\n'
            ' {"process": "nemesis", "type": "info", "f": "start", "value": "majority"},\n'
            ' {"process": 0, "type": "ok", "f": "read",\n  "value": [1, 2], "time": 7}]\n'
        ),
    ),
    "json: an object a line": (
        "json",
        (
            '{"index": 4, "process": 0, "type": "invoke", "f": "read", "value": null}\n'
            '{"index": 4, "process": "nemesis", "type": "info", "f": "start", "value": '
            '"majority"}\n'
            '{"index": 1, "process": 0, "type": "ok", "f": "read", "value": [1, 2], "time": 7}\n'
        ),
    ),
    "json: colons": (
        "json",
        (
            '{":process": 0, ":type": ":invoke", ":f": ":read"}\n'
            '{":process": ":nemesis", ":type": ":info", ":f": ":start", ":value": ":majority"}\n'
            '{":process": 0, ":type": ":ok", ":f": ":read", ":value": [1, 2], ":time": 7}\n'
        ),
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_one_history_in_every_shape(tmp_path, name):
    expected, text = TEXTS[name]
    assert detect(text) == expected
    history = read(tmp_path, text)
    assert history.events == READ
    assert read(tmp_path, "\ufeff" + text.replace("\n", "\r\n")).events == READ


def test_lines_are_those_of_the_file(tmp_path):
    history = read(tmp_path, TEXTS["edn: one field a line"][1])
    assert list(history.lines) == [1, 5, 9]
    assert history.place(1) == f"{tmp_path / 'history'}:5"
    assert list(read(tmp_path, TEXTS["json: an array"][1]).lines) == [2, 3, 4]
    assert list(read(tmp_path, TEXTS["jsonl"][1]).lines) == [1, 2, 4]


@pytest.mark.parametrize("name", TEXTS)
def test_a_pipe_reads_like_a_file(name):
    """What recognises the format need not be read twice; a shell makes such pipes."""
    reading, writing = os.pipe()
    writer = threading.Thread(target=wrote, args=(writing, TEXTS[name][1]))
    writer.start()
    try:
        assert read_history(f"/dev/fd/{reading}").events == READ
    finally:
        writer.join()
        os.close(reading)


def wrote(descriptor, text):
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def test_a_pipe_that_nobody_may_write_to_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HistoryError, match="found a pipe"):
        read_history(tmp_path / "pipe")


CONSOLE_LINES = [
    ("INFO  jepsen.util - 4\t:invoke\t:read\tnil", Event(4, "invoke", "read")),
    ("INFO  jepsen.util - 4\t:ok\t:cas\t[3 4]", Event(4, "ok", "cas", [3, 4])),
    (
        "INFO  jepsen.util - 4\t:info\t:write\t:timed-out",
        Event(4, "info", "write", error="timed-out"),
    ),
    (
        "INFO  jepsen.util - 4\t:fail\t:read\t:timed-out",
        Event(4, "fail", "read", error="timed-out"),
    ),
    ("INFO  jepsen.util - :nemesis\t:info\t:start\tnil", Event("nemesis", "info", "start")),
    (
        'INFO  jepsen.util - :nemesis :info :start "Cut off [:n1]"',
        Event("nemesis", "info", "start", "Cut off [:n1]"),
    ),
    (
        "INFO [2020-01-01 10:00:00,123] jepsen worker 3 - jepsen.util 3\t:fail\t:write\t2\t:busy",
        Event(3, "fail", "write", 2, error=":busy"),
    ),
    (
        "2020-01-01 10:00:00,123{GMT}\tINFO\t[jepsen worker 1] jepsen.util: 1  :ok  :read  7\r",
        Event(1, "ok", "read", 7),
    ),
    ("12\t:invoke\t:txn\t[[:r 1 nil] [:append 1 2]]",
     Event(12, "invoke", "txn", [["r", 1, None], ["append", 1, 2]])),
    ("4\t:invoke\t:generate", Event(4, "invoke", "generate")),
]  # fmt: skip


@pytest.mark.parametrize(("line", "event"), CONSOLE_LINES)
def test_console_line(tmp_path, line, event):
    text = f"INFO  jepsen.core - Running 3 workers\n{line}\nWARN  jepsen.util - done\n"
    assert detect(text) == "console"
    history = read(tmp_path, text)
    assert history.events == [event]
    assert list(history.lines) == [2]


def test_porcupine_keys_become_pairs(tmp_path):
    text = (
        '{:process 0, :type :invoke, :f :append, :key "0", :value "x 0 0 y"}\n'
        '{:process 0, :type :ok, :f :append, :key "0", :value "x 0 0 y"}\n'
        '{:process 1, :type :invoke, :f :get, :key "7", :value nil}\n'
    )
    assert detect(text) == "porcupine"
    assert [(event.f, event.value) for event in read(tmp_path, text)] == [
        ("append", ["0", "x 0 0 y"]),
        ("append", ["0", "x 0 0 y"]),
        ("get", ["7", None]),
    ]


def test_a_file_longer_than_what_recognises_it(tmp_path):
    count = 6000
    text = "".join(f"{{:process {n}, :type :invoke, :f :read, :time 0}}\n" for n in range(count))
    assert len(text) > 1 << 18 > len(text) - (1 << 18)
    history = read(tmp_path, text)
    assert [event.process for event in history] == list(range(count))
    assert list(history.lines) == list(range(1, count + 1))


def test_other_fields_are_kept(tmp_path):
    history = read(
        tmp_path, '{:process 0 :type :info :f :read :error [:timeout 5] :node "n1" :op-index 3}'
    )
    assert history[0] == Event(
        0, "info", "read", error=["timeout", 5], node="n1", extra={"op-index": 3}
    )


ASKED = [["append", "x", 1], ["r", "y"]]
ANSWERED = [["append", "x", 1], ["r", "y", [1]]]
BARE = {
    # the invocation and completion of a transaction without :f, in each format that has names
    "edn": (
        "{%s:type :invoke :value [[:append :x 1] [:r :y]]}",
        "{%s:type :ok :value [[:append :x 1] [:r :y [1]]]}",
        ":process {} ",
    ),
    "json": (
        '{%s"index": 0, "type": "invoke", "value": [["append", "x", 1], ["r", "y"]]}',
        '{%s"index": 1, "type": "ok", "value": [["append", "x", 1], ["r", "y", [1]]]}',
        '"process": {}, ',
    ),
    "jsonl": (
        '{%s"type": "invoke", "value": [["append", "x", 1], ["r", "y"]]}',
        '{%s"type": "ok", "value": [["append", "x", 1], ["r", "y", [1]]]}',
        '"process": {}, ',
    ),
}
NIL = {"edn": ":process nil :f nil ", "json": '"process": null, "f": null, '}


@pytest.mark.parametrize("name", BARE)
def test_a_transaction_needs_no_name(tmp_path, name):
    invoke, ok, process = BARE[name]
    text = f"{invoke % process.format(7)}\n{ok % process.format(7)}\n"
    assert detect(text) == name
    assert read(tmp_path, text).events == [
        Event(7, "invoke", "txn", ASKED),
        Event(7, "ok", "txn", ANSWERED),
    ]


@pytest.mark.parametrize("name", BARE)
def test_transactions_without_a_process_are_of_a_client_each(tmp_path, name):
    invoke, ok, _ = BARE[name]
    head = NIL.get(name, "")
    for there in ("", head):
        text = f"{invoke % there}\n{ok % there}\n" * 2 + invoke % there
        history = read(tmp_path, text)
        assert [event.process for event in history] == [0, 0, 1, 1, 2]
        assert [one.type for one in history.operations] == ["ok", "ok", "info"]
        assert {event.f for event in history} == {"txn"}


def test_without_a_process_a_completion_is_that_of_its_function(tmp_path):
    """A read spans two writes, as in the histories of Jepsen's causal-reverse."""
    types = [
        *[("invoke", "read"), ("invoke", "write"), ("ok", "write")],
        *[("invoke", "write"), ("info", "write"), ("fail", "read"), ("invoke", "read")],
    ]
    history = read(tmp_path, "".join(f"{{:type :{type_}, :f :{f}}}\n" for type_, f in types))
    assert [event.process for event in history] == [0, 1, 1, 2, 2, 0, 3]
    assert [one.type for one in history.operations] == ["fail", "ok", "info", "info"]


def test_the_nemesis_may_stand_among_transactions_without_a_process(tmp_path):
    invoke, ok, _ = BARE["edn"]
    nemesis = "{:process :nemesis :type :info :f :start}"
    history = read(tmp_path, "\n".join([nemesis, invoke % "", nemesis, ok % ""]))
    assert [event.process for event in history] == ["nemesis", 0, "nemesis", 0]


WRITTEN = History(
    [
        Event(0, "invoke", "txn", [["r", 1, None], ["append", 1, 2]], 5, node="n1"),
        Event("nemesis", "info", "start", {"n1": ["n2"], "a b": None}),
        Event(0, "ok", "txn", [["r", 1, [2]], ["append", 1, 2]], 6, extra={"op-index": 3}),
        Event(1, "invoke", "put", 'a "b"\n\\ \t é'),
        Event(1, "fail", "put", 1.5, error="net-timeout"),
        Event(2, "invoke", "read", {"x": {"y": [True, False, -1e30]}}),
        Event(3, "info", "two words", [], error=["a", 1]),
    ]
)


@pytest.mark.parametrize(("write", "name"), [(write_jsonl, "jsonl"), (write_edn, "edn")])
def test_what_is_written_reads_back(tmp_path, write, name):
    stream = io.StringIO()
    write(WRITTEN, stream)
    assert detect(stream.getvalue()) == name
    assert read(tmp_path, stream.getvalue()) == WRITTEN


def test_edn_has_keywords_where_jepsen_reads_them():
    stream = io.StringIO()
    write_edn(WRITTEN.events[:2], stream)
    assert stream.getvalue() == (
        "{:index 0, :process 0, :type :invoke, :f :txn, "
        ':value [[:r 1 nil] [:append 1 2]], :time 5, :node "n1"}\n'
        "{:index 1, :process :nemesis, :type :info, :f :start, "
        ':value {:n1 ["n2"], "a b" nil}}\n'
    )


def test_an_unknown_format_is_named(tmp_path):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, "[]", "xml")
    assert str(caught.value) == (
        "format: unknown format: expected jsonl, edn, console, porcupine, json, operations, "
        'found "xml".'
    )


def test_a_file_is_written_whole(tmp_path):
    path = tmp_path / "a" / "b.txt"
    write_text(path, "one\n")
    write_text(path, "two\n")
    assert path.read_text() == "two\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["b.txt"]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        write_text(tmp_path / "file" / "b.txt", "one")
    assert str(caught.value).startswith(f"{tmp_path / 'file' / 'b.txt'}: can't write the file: ")
