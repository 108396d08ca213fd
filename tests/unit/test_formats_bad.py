"""Files that are no history: one message each, in full."""

import pytest

from clew.cli import main
from clew.errors import HistoryError
from clew.formats import read_history

OP = "{:process 0, :type :invoke, :f :read}"
TXN = "{:type :invoke, :value [[:r 1]]}"
FIELDS = "Every operation needs process, type and f; value, time, error and node are optional."
TOO_DEEP = (
    "HERE:1: values are nested too deeply: expected at most 200 levels, found more. Record what "
    "tells one value from another, and leave the rest out."
)
WHOLE = "Check that the file is whole and is EDN."
UNKNOWN = (
    "HERE:1: the format is not known: expected a history as JSONL, EDN, JSON, a Jepsen console "
    "log or Porcupine's text, found {}. Check that the file is a recorded history."
)
NO_OPERATION = (
    "HERE: the file holds no operation: expected at least one invocation, found none. "
    "Check that the file is the recorded history."
)
BROKEN = [
    ("", NO_OPERATION),
    (" \n\n", NO_OPERATION),
    ("; nothing\n", UNKNOWN.format('"; nothing"')),
    (
        OP.replace(":f", f":value {'9' * 5000} :f"),
        (
            "HERE:1: a number can't be read: expected a smaller number, found a number of more "
            f"than 4300 digits. {WHOLE}"
        ),
    ),
    (
        '{"process": 0, "type": "invoke", "f": "write", "value": ' + "9" * 5000 + "}",
        (
            "HERE:1: broken JSON at column 1: expected one whole JSON object per operation, found "
            'a number of more than 4300 digits, in "{\\"process\\": 0, \\"type\\": \\"invoke\\", '
            '\\"f\\": \\"write\\",.... Check that the file is whole.'
        ),
    ),
    ("[]", NO_OPERATION),
    ("()", NO_OPERATION),
    ("hello world", UNKNOWN.format('"hello world"')),
    (
        "<html>" + "x" * 100,
        UNKNOWN.format('"<html>' + "x" * 50 + "..."),
    ),
    (
        OP + "\n{:process 0, :type :ok",
        f"HERE:2: the {{ of line 2 is not closed: expected }}, found the end of the file. {WHOLE}",
    ),
    (
        "[" + OP + "\n",
        f"HERE:1: the [ of line 1 is not closed: expected ], found the end of the file. {WHOLE}",
    ),
    (
        OP + '\n{:process 0, :type :ok, :f :read, :value "ab\n\n',
        (
            'HERE:3: the file ends inside a string: expected its closing ", found the end of the '
            f"file. {WHOLE}"
        ),
    ),
    (
        "[" + OP + ")",
        f"HERE:1: ) closes nothing: expected the end of [, found ). {WHOLE}",
    ),
    (OP + "\n}", f"HERE:2: }} closes nothing: expected an open collection, found }}. {WHOLE}"),
    (
        OP + "\n[1 2]",
        (
            "HERE:2: this is not an operation: expected a map with :process, :type and :f, found "
            "1. Give Clew a history: one map per invocation and completion."
        ),
    ),
    (
        "{:process 0, :type :invoke, :f}",
        (
            "HERE:1: a map has a key without a value: expected keys and values in "
            "pairs, found an odd "
            f"one. {WHOLE}"
        ),
    ),
    (
        "{:process 0, :type :ok, :type :fail, :f :read}",
        (
            "HERE:1: a key appears twice in one map: expected each key once, found "
            f'["process", "type", "type", "f"]. {WHOLE}'
        ),
    ),
    (
        "{:process 0, :type :ok, :f :read, :value {1 2 1 3}}",
        f"HERE:1: a key appears twice in one map: expected each key once, found [1, 1]. {WHOLE}",
    ),
    (
        "{:process 0, :type :ok, :f :read, :value " + "[" * 300,
        TOO_DEEP,
    ),
    (
        OP + "\n{:process 0, :type :okay, :f :read}",
        'HERE:2: type is wrong: expected invoke, ok, fail or info, found "okay". ' + FIELDS,
    ),
    (
        "{:process 0, :f :read}",
        "HERE:1: the operation has no type: expected invoke, ok, fail or info, found nothing. "
        + FIELDS,
    ),
    (
        "{:type :ok, :f :acquire}",
        "HERE:1: the operation has no process: expected a whole number, or a name such as nemesis, "
        "found nothing. " + FIELDS,
    ),
    (
        "{:type :invoke, :value [[:append 1 1] [:cas 1 2]]}",
        "HERE:1: the operation has no f: expected the name of a function, such as read, found "
        "nothing. " + FIELDS,
    ),
    (
        f"{TXN}\n{{:process 1, :type :ok, :f :txn, :value []}}",
        "HERE:1: the operation has no process: expected a whole number, or a name such as nemesis, "
        "found nothing. " + FIELDS,
    ),
    (
        f"{TXN}\n{OP}",
        "HERE:1: the operation has no process: expected a whole number, or a name such as nemesis, "
        "found nothing. " + FIELDS,
    ),
    (
        f"{TXN}\n{TXN}\n{{:type :ok, :value [[:r 1 2]]}}",
        (
            "HERE:3: nobody knows whose ok of txn without a process this is: expected one open "
            "txn, found 2 of them. Give each operation the process that ran it."
        ),
    ),
    (
        "{:type :invoke, :f :read} {:type :ok, :value [[:r 1 2]]}",
        (
            "HERE:1: ok of txn without a process has no invocation: expected an earlier invoke "
            "of txn, found none that is open. Give each operation the process that ran it."
        ),
    ),
    (
        "{:type :ok, :process 0, :f 3}",
        "HERE:1: f is wrong: expected the name of a function, such as read, found 3. " + FIELDS,
    ),
    (
        "{:type :ok, :process 0, :f :read, :time 1.5}",
        "HERE:1: time is wrong: expected a whole number of nanoseconds, found 1.5. " + FIELDS,
    ),
    (
        '{"type": "ok", "process": "0", "f": "read"}',
        'HERE:1: process is wrong: expected a whole number, or a name such as nemesis, found "0". '
        + FIELDS,
    ),
    (
        '{"type": "ok", "process": true, "f": "read"}',
        "HERE:1: process is wrong: expected a whole number, or a name such as nemesis, found true. "
        + FIELDS,
    ),
    (
        '{"type": "ok", "process": 0, "f": "read", "node": 4}',
        "HERE:1: node is wrong: expected a name, found 4. " + FIELDS,
    ),
    (
        '{"type": "invoke", "process": 0, "f": "read"}\n{"type": "ok", "proc',
        (
            "HERE:2: the file ends inside an operation: expected one whole JSON object "
            "per operation, "
            "found the end of the line. Check that the file is whole."
        ),
    ),
    (
        '{"type": "invoke", "process": 0, "f": "read"}\n[1]',
        (
            "HERE:2: this is not an operation: expected an object with process, type and f, found "
            "[1]. Give Clew a history: one event per invocation and completion."
        ),
    ),
    (
        '{"type": "ok", "value": NaN}',
        (
            "HERE:1: broken JSON at column 1: expected one whole JSON object per "
            "operation, found NaN "
            'is not JSON, in "{\\"type\\": \\"ok\\", \\"value\\": NaN}". Check that the '
            "file is whole."
        ),
    ),
    (
        '{"name": "clew", "version": 1}',
        "HERE:1: the operation has no type: expected invoke, ok, fail or info, found nothing. "
        + FIELDS,
    ),
    (
        "[1, 2, 3]",
        (
            "HERE:1: this is not an operation: expected an object with process, type and f, found "
            "1. Give Clew a history: one event per invocation and completion."
        ),
    ),
    (
        '[{"type": "invoke", "process": 0, "f": "read"},\n',
        (
            "HERE:2: the file ends inside its array: expected ], found the end of the file. "
            "Check that the file is whole."
        ),
    ),
    (
        '[{"type": "invoke", "process": 0, "f": "read"},\n {"type": "o',
        (
            "HERE:2: the file ends inside an operation: expected one whole JSON object "
            "per operation, "
            "found the end of the line. Check that the file is whole."
        ),
    ),
    (
        '[{"type": "invoke", "process": 0, "f": "read"}] 5',
        'HERE:1: more text follows the array: expected the end of the file, found "5".',
    ),
    (
        "INFO  jepsen.util - 4\t:invoke\t:read\tnil\nINFO  jepsen.util - 4\t:maybe\t:read\tnil\n",
        (
            "HERE:2: this line starts like an event but is not one: expected process, :type, :f "
            'and value, where type is invoke, ok, fail or info, found "INFO  jepsen.util - '
            '4\\t:maybe\\t:read\\tnil". Check that the file is whole.'
        ),
    ),
    (
        "jepsen.util - 4\t:invoke\t:read\tnil\njepsen.util - 4\t:ok\t:read",
        (
            "HERE:2: the file ends inside an operation: expected a value, as the operations before "
            'it have, found "jepsen.util - 4\\t:ok\\t:read". Check that the file is whole.'
        ),
    ),
    (
        '{"process": 0, "type": "invoke", "f": "write", "value": 1e400}\n',
        (
            "HERE:1: broken JSON at column 1: expected one whole JSON object per operation, found "
            '1e400 is too large for a number, in "{\\"process\\": 0, \\"type\\": '
            '\\"invoke\\", \\"f\\": \\"write\\",.... Check that the file is whole.'
        ),
    ),
    (
        "{:process 0, :type :invoke, :f :write, :value -1e400}",
        (
            "HERE:1: a number can't be read: expected a smaller number, found -1e400, too large "
            f"for a number. {WHOLE}"
        ),
    ),
    (
        "INFO  jepsen.util - 4\t:invoke\t:cas\t[1 2\n",
        f"HERE:1: the [ of line 1 is not closed: expected ], found the end of the file. {WHOLE}",
    ),
    (
        '{:process 0, :type :invoke, :f :get, :key "0"}\n{:process 0, :type :ok, :f :get}\n',
        (
            "HERE:2: the operation has no key: expected :key, as the operations before "
            "it have, found "
            '{"process": 0, "type": "ok", "f": "get"}.'
        ),
    ),
]


@pytest.mark.parametrize(("text", "message"), BROKEN, ids=range(len(BROKEN)))
def test_message(tmp_path, text, message):
    path = tmp_path / "history"
    path.write_text(text)
    with pytest.raises(HistoryError) as caught:
        read_history(path)
    assert str(caught.value) == message.replace("HERE", str(path))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"{:process 0, :type :ok, :f \xff\xfe}", "the byte 0xff"),
        (bytes(range(256)), "the byte 0x80"),
    ],
)
def test_no_text(tmp_path, data, found):
    path = tmp_path / "history"
    path.write_bytes(data)
    with pytest.raises(HistoryError) as caught:
        read_history(path)
    assert str(caught.value).startswith(
        f"{path}:1: the file is not text: expected a history in UTF-8, found {found}. "
    )


EVENTS = {
    "jsonl": '{"process": 0, "type": "invoke", "f": "txn", "value": DEEP}',
    "json": '[{"process": 0,\n "type": "invoke", "f": "txn", "value": DEEP}]',
    "operations": '[{"clientId": 0, "input": DEEP, "call": 0, "output": null, "return": 1}]',
    "edn": "{:process 0, :type :invoke, :f :txn, :value DEEP}",
    "edn in a vector": "[{:process 0, :type :invoke, :f :txn, :value DEEP}]",
}


@pytest.mark.parametrize("levels", [201, 700, 100_000])
@pytest.mark.parametrize("name", EVENTS)
def test_lists_in_lists_are_one_message_in_every_format(name, levels, tmp_path):
    path = tmp_path / "history"
    deep = "[" * (levels - 1) + "]" * (levels - 1)  # an operation is one level
    path.write_text(EVENTS[name].replace("DEEP", deep))
    with pytest.raises(HistoryError) as caught:
        read_history(path)
    assert str(caught.value) == TOO_DEEP.replace("HERE", str(path))


DEEP = "[" * 195 + "]" * 195
DECIDED = {
    "list-append": ("txn", f'[["append", 1, {DEEP}], ["r", 1, [{DEEP}]]]'),
    "rw-register": ("txn", f'[["w", 1, {DEEP}], ["r", 1, {DEEP}]]'),
    "register": ("write", DEEP),
    "set": ("add", DEEP),
    "fifo-queue": ("enqueue", DEEP),
}


@pytest.mark.parametrize("checker", DECIDED)
def test_what_is_read_is_decided(checker, tmp_path, capsys):
    f, value = DECIDED[checker]
    path = tmp_path / "history"
    path.write_text(
        "".join(
            f'{{"process": 0, "type": "{kind}", "f": "{f}", "value": {value}}}\n'
            for kind in ("invoke", "ok")
        )
    )
    assert main(["check", str(path), "--model", checker, "--json"]) == 0
    assert main(["check", str(path), "--model", checker, "--explain"]) == 0
    assert "valid" in capsys.readouterr().out


def test_a_missing_file(tmp_path):
    with pytest.raises(HistoryError) as caught:
        read_history(tmp_path / "none")
    assert str(caught.value) == (
        f"{tmp_path / 'none'}: the file can't be read: no such file or directory. "
        "Name a file with a recorded history."
    )


def test_a_folder(tmp_path):
    with pytest.raises(HistoryError) as caught:
        read_history(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: the file can't be read: is a directory. Name a file with a recorded history."
    )


def test_absurd_but_readable(tmp_path):
    """A gap of a billion years and a process that never answers are no error."""
    path = tmp_path / "history"
    path.write_text(
        "{:process 0, :type :invoke, :f :read, :time 0, :index 7}\n"
        "{:process 1, :type :invoke, :f :read, :time 31557600000000000000000000, :index 7}\n"
        "{:process 1, :type :ok, :f :read, :time -5, :index 3}\n"
    )
    operations = read_history(path).operations
    assert [(op.process, op.type) for op in operations] == [(0, "info"), (1, "ok")]


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        ("{:process 0, :type :invoke, :f :read}", "process 0 invokes read while its operation"),
        ("{:process 1, :type :ok, :f :read}", "ok of read by process 1 has no invocation"),
        ("{:process 0, :type :ok, :f :write}", "ok of write by process 0 has no invocation"),
    ],
)
def test_events_that_do_not_pair(tmp_path, second, problem):
    path = tmp_path / "history"
    path.write_text(f"{OP}\n{second}\n")
    with pytest.raises(HistoryError, match=f"^{path}:2: {problem}"):
        _ = read_history(path).operations
