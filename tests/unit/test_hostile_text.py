"""Text that is not ours moves no cursor, runs in no page and breaks no grammar."""

import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from clew.api import run
from clew.checkers.verdict import Anomaly
from clew.cli import main
from clew.formats import read_history, write_edn, write_jsonl
from clew.history import Event, History
from clew.machine.text import (
    dot_text,
    github_message,
    github_property,
    html_text,
    json_text,
    one_line,
    printable,
    script_json,
    xml_text,
)
from clew.report.dot import anomaly_dot
from clew.report.live import LiveLine
from clew.report.page.page import page
from clew.report.screen import COMMAND as OURS
from clew.report.screen import Screen, drawn, sgr
from tests.unit.pages import data_of

HOSTILE = [
    "<img src=x onerror=alert(1)>", "<!--<script>", "</script><script>alert(1)</script>", "]]>",
    "@DATA@ @REASON@ @TITLE@", "\x1b]0;title\x07", "\x1b[2J\x1b[31m", "\x9b31m \x85", "\u202eevil",
    "\u2066\u2069\u061c", "\x00\x01\x7f\x08", "\r\noverwritten", "\ud800", "\u2028\u2029\ufeff",
    "\n::error::x", "\n \u2003::stop-commands::x", "##[error]x", "##vso[task.x]", "%0A::error::x",
    "'\"`$(x)&;", "\ufdd0[31m", "\U000e0041", "a\tb\nc",
]  # fmt: skip

BAD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff]"
)

NODE = """
from clew import Node, on, RPCError

HOSTILE = {hostile!r}
TEXT = " ".join(HOSTILE)

class N(Node):
    workload = "echo"
    def start(self):
        print(TEXT)
        self.log(TEXT)
        for peer in self.peers:
            self.send(peer, {{"type": "x" + TEXT, "v": HOSTILE}})
            self.send(peer, {{"type": "x", "v": HOSTILE}})
    def server_state(self):
        return TEXT
    def observe(self):
        return {{TEXT: TEXT}}
    @on("x")
    def x(self, msg):
        raise ValueError("@DATA@ " + TEXT)
    @on("echo")
    def echo(self, msg):
        raise RPCError(11, TEXT)
"""


COMMAND = re.compile(r"(?m)^\s*::|##\w*\[")
"""What a CI server takes for its own in a log."""


def _no_json(word):
    raise AssertionError(word)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "node.py"
    path.write_text(NODE.format(hostile=HOSTILE))
    return path


class Tags(HTMLParser):
    """The tags of a page, and the texts of its scripts, read as a browser does."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.scripts, self._inside = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag == "script"

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.scripts.append(data)


@pytest.mark.parametrize("text", HOSTILE)
def test_each_kind_of_output_has_its_own_escape(text):
    for shown in (printable(text), html_text(text), xml_text(text), one_line(text)):
        assert not BAD.search(shown)
    assert "\n" not in one_line(text) + github_message(text) + github_property(text)
    assert set(":,") & set(github_property(text)) == set()
    assert json.loads(json_text(text)) == json.loads(script_json(text)) == text
    assert json_text(text).isascii()
    assert not COMMAND.search(json_text([text], indent=1) + drawn(text))
    assert json.loads(drawn(json_text(text))) == text
    assert json_text(text).isprintable()
    assert not set("<>&") & set(script_json(text))
    assert fromstring(f"<a>{html_text(text)}</a>").text == printable(text)
    assert Tags(f"<p title='{html_text(text)}'>{html_text(text)}</p>").tags[0][0] == "p"
    quoted = dot_text(text)
    assert re.fullmatch(r'"(?:[^"\\\n]|\\.)*"', quoted)


def test_what_people_write_stays_as_it_is():
    for text in ("naïve Ünïcödé", "日本語", "👩‍👩‍👧", "a\tb\nc", "עברית"):
        assert printable(text) == text


def test_no_number_of_json_is_none():
    nan = float("nan")
    value = {"a": nan, "b": [float("inf"), -float("inf")], "c": 10**5000}
    told = json.loads(json_text(value), parse_constant=_no_json)
    assert told == {"a": "NaN", "b": ["Infinity", "-Infinity"], "c": hex(10**5000)}


def test_a_screen_draws_our_own_colours_and_no_others():
    stream = io.StringIO()
    Screen(stream).write(f"{sgr('1')}\x1b[1m{sgr('0')}")
    assert stream.getvalue() == "\x1b[1m\\x1b[1m\x1b[0m"
    for text in HOSTILE:
        assert not BAD.search(drawn(text))


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["::error::x"], "\\x3a:error::x"),
        (["a ::error::x\n", " \t::x"], "a ::error::x\n \t\\x3a:x"),
        ([":", ":error::x"], ":\\x3aerror::x"),
        (["a\n", "  ", ":", ":x\n", "::y"], "a\n  :\\x3ax\n\\x3a:y"),
        (["a", "::x", "::y"], "a::x::y"),
        (["##[error]", "a ##vso[x]"], "\\x23#[error]a \\x23#vso[x]"),
        (["a#", "#[error]"], "a#\\x23[error]"),
        (["##", "[error]"], "##\\x5berror]"),
        (["##v", "so[x] ##", "[y]"], "##v\\x73o[x] ##\\x5by]"),
        (["C#", "\n", "## [x] :: y", "\n:", "\n"], "C#\n## [x] :: y\n:\n"),
        (["x" * 40, "::y", "\n" + " " * 50, "::y"], "x" * 40 + "::y\n" + " " * 50 + "\\x3a:y"),
    ],
)
def test_no_text_is_a_command_to_a_ci_server_in_pieces_either(pieces, shown):
    stream = io.StringIO()
    screen = Screen(stream)
    for piece in pieces:
        screen.write(piece)
    assert stream.getvalue() == shown
    assert "".join(map(drawn, ["".join(pieces)])).count("\n") == shown.count("\n")
    assert not COMMAND.search(drawn("".join(pieces)))


def test_our_own_command_to_a_ci_server_is_one():
    stream = io.StringIO()
    Screen(stream).write(f"x\n{OURS}::error title=::x ##[y]\n::error::z\n")
    assert stream.getvalue() == "x\n::error title=::x ##[y]\n::error::z\n"


def test_a_live_line_moves_its_own_cursor_only():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    with LiveLine(stream) as line:
        line.tell(" ".join(HOSTILE))
        line._shown = float("-inf")
        line.show(lambda: " ".join(HOSTILE))
    assert not BAD.search(stream.getvalue().replace("\r", ""))


def test_the_page_runs_nothing_but_its_own_script(node):
    result = run(node, node_count=3, time_limit=1)
    hostile = page(result.outcome)
    plain = page(run("echo", node_count=3, time_limit=1).outcome)
    assert [tag for tag, _ in Tags(hostile).tags] == [tag for tag, _ in Tags(plain).tags]
    *_, script = Tags(hostile).scripts
    assert data_of(hostile)["failure"] >= 0
    assert script == Tags(plain).scripts[-1]
    assert not BAD.search(hostile)


def test_what_python_shows_is_escaped_too(node):
    result = run(node, node_count=3, time_limit=1)
    for text in (repr(result), result.report(), result.story()):
        assert not COMMAND.search(text)
        assert not BAD.search(text)
    assert not BAD.search(result._repr_html_())
    assert {tag for tag, _ in Tags(result._repr_html_()).tags} <= {"div", "b", "table", "tr", "td",
                                                                    "pre"}  # fmt: skip


def test_a_graph_is_one_graph():
    said = " ".join(HOSTILE)
    events = [Event(0, "invoke", said, said), Event(0, "ok", said, said)]
    operations = tuple(History(events, source="x").operations)
    graph = anomaly_dot(Anomaly(said, said, operations))
    assert not BAD.search(graph)
    assert re.sub(r'"(?:[^"\\]|\\.)*"', "Q", graph) == (
        "digraph Q {\n  node [shape=box];\n  o0 [label=Q];\n}\n"
    )


COMMANDS = [
    "test NODE --node-count 3 --time-limit 1 --log --junit j.xml",
    "test NODE --node-count 3 --time-limit 1 --json --no-shrink",
    "test NODE --node-count 3 --time-limit 1 --runs 3 --jobs 1 --no-shrink",
    "replay REPRO --log --verify", "replay REPRO --json", "shrink REPRO --max-runs 5",
    "test HOSTILE", "test echo -w HOSTILE", "test echo --rate HOSTILE", "test HOSTILE.toml",
    "test HOSTILE.py", "replay HOSTILE", "check HOSTILE", "check NODE", "list HOSTILE", "HOSTILE",
    "new HOSTILE", "check hostile.jsonl", "check hostile.jsonl --json",
    "check hostile.jsonl --model HOSTILE", "test echo HOSTILE", "--HOSTILE",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_writes_a_control(command, node, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    said = " ".join(HOSTILE).replace("\x00", "").replace("/", "")
    lines = [{"process": 0, "type": kind, "f": "read", "value": said} for kind in ("invoke", "ok")]
    Path("hostile.jsonl").write_text("\n".join(map(json.dumps, lines)))
    repro = ""
    if "REPRO" in command:
        main(["test", str(node), "--node-count", "3", "--time-limit", "1", "--no-shrink"])
        repro = str(next(Path("out").glob("*/repro.json")))
        capsys.readouterr()
    words = [
        word.replace("NODE", str(node)).replace("REPRO", repro).replace("HOSTILE", said)
        for word in command.split()
    ]
    assert main(words) in {0, 1, 2, 64}
    told = capsys.readouterr()
    assert told.out + told.err
    assert not BAD.search(told.out + told.err)
    ours = re.sub(r"(?m)^::(?:error|warning|notice) (?:file|title)=", "", told.err)
    assert not COMMAND.search(told.out + ours)
    assert ("\n::error " in told.err) == command.startswith("test NODE")
    if "--json" in words:
        for line in told.out.splitlines():
            json.loads(line, parse_constant=_no_json)
    for path in Path().rglob("*"):
        if path.suffix in {".xml", ".html", ".dot"}:
            assert not BAD.search(path.read_text())


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals")
def test_a_terminal_gets_our_own_sequences_only(node, tmp_path):
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "clew", "test", str(node), "--node-count", "3",
               "--time-limit", "1", "--log"]  # fmt: skip
    env = {**os.environ, "TERM": "xterm"} | {"NO_COLOR": ""}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, cwd=tmp_path, env=env) as process:
        os.close(theirs)
        told = b""
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:
                break
            if not part:
                break
            told += part
        process.wait()
    os.close(ours)
    text = re.sub(r"\x1b\[(?:0|1|2|1;31|32|33)m", "", told.decode()).replace("\r", "")
    assert "INVALID" in text
    assert not BAD.search(text)
    assert all(unicodedata.category(letter) != "Cc" or letter in "\n\t" for letter in text)


LINED = "x\n@@ y"
"""A name that would begin a line of its own."""


def _lined(tmp_path, *events):
    path = tmp_path / f"h{LINED}.jsonl"
    keys = ("process", "type", "f", "value", "node")
    lines = [json.dumps(dict(zip(keys, (*event, LINED), strict=True))) for event in events]
    path.write_text("\n".join(lines))
    return str(path)


@pytest.mark.parametrize(
    ("model", "events"),
    [
        ("register", [(0, "invoke", "read", None), (0, "ok", "read", LINED)]),
        (
            "rw-register",
            [(0, kind, "txn", [["r", LINED, value]]) for kind, value in
             (("invoke", None), ("ok", 2))],
        ),
        (
            "list-append",
            [(0, kind, "txn", [["r", LINED, value]]) for kind, value in
             (("invoke", None), ("ok", [LINED]))],
        ),
        ("unique-ids", [(0, "invoke", "generate", None), (0, "ok", "generate", LINED)] * 2),
        ("set-full", [(0, "invoke", "read", None), (0, "ok", "read", [LINED])]),
        ("kafka", [(0, "invoke", "poll", None), (0, "ok", "poll", [["poll", {LINED: [[0, 1]]}]])]),
        ("mutex", [(p, kind, "acquire", None) for p in (0, 1) for kind in ("invoke", "ok")]),
    ],
)  # fmt: skip
def test_a_name_or_key_begins_no_line(model, events, tmp_path, capsys):
    assert main(["check", _lined(tmp_path, *events), "--model", model]) == 1
    told = capsys.readouterr().out
    assert "hx\\n@@ y.jsonl: INVALID" in told
    assert "@@" in told.partition("\n")[2]
    assert not re.search(r"(?m)^\s*@@", told)


def test_a_message_a_state_or_a_field_begins_no_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = NODE.format(hostile=[LINED]).replace("print(TEXT)", "pass")
    Path("node.py").write_text(text.replace('ValueError("@DATA@ " + TEXT)', "ValueError()"))
    main(["test", "node.py", "--node-count", "3", "--time-limit", "1", "--no-shrink"])
    main(["replay", str(next(Path("out").glob("*/repro.json")))])
    told = capsys.readouterr().out
    assert "\\n@@ y" in told
    assert not re.search(r"(?m)^\s*@@", told)


@pytest.mark.parametrize("write", [write_jsonl, write_edn])
def test_a_history_that_is_written_holds_no_control_and_comes_back(write, tmp_path):
    said = [*HOSTILE, "\x7f\x85\x9b\u202e\u2028", "naïve"]
    events = [
        Event(rank, "invoke", f"f {one}", {one: [one]}, 1, one, one, {"z": one})
        for rank, one in enumerate(said)
    ]
    path = tmp_path / "h"
    with path.open("w") as stream:
        write(events, stream)
    assert not BAD.search(path.read_text())
    if write is write_jsonl:
        assert path.read_bytes().isascii()
        assert not COMMAND.search(path.read_text())
    assert list(read_history(path)) == events
