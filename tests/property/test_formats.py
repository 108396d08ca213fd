"""Whatever is written reads back, and the quick path of EDN agrees with the general reader."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from clew.errors import HistoryError
from clew.formats import detect, write_edn, write_jsonl
from clew.formats.edn import read_edn, read_value
from clew.formats.json_array import read_json
from clew.formats.jsonl import read_jsonl
from clew.formats.record import event_from
from clew.history import EVENT_TYPES, Event

words = st.text(max_size=8)
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)
processes = st.integers(0, 9) | st.sampled_from(["nemesis", "the clock"])
events = st.builds(
    Event,
    process=processes,
    type=st.sampled_from(EVENT_TYPES),
    f=st.sampled_from(["read", "cas", "two words", "a/b", 'q"']),
    value=values,
    time=st.none() | st.integers(0, 10**15),
    error=values,
    node=st.none() | st.sampled_from(["n1", "n 2"]),
    extra=st.none() | st.just({"op-index": 1, "two words": [None]}),
)
histories = st.lists(events, min_size=1, max_size=6)


def events_of(read, lines, source="x"):
    return (event_from(record, source, line) for line, record in read(lines, source))


@settings(deadline=None)
@given(histories)
def test_jsonl(history):
    stream = io.StringIO()
    write_jsonl(history, stream)
    text = stream.getvalue()
    assert detect(text) == "jsonl"
    lines = io.StringIO(text, newline="\n")
    assert [*events_of(read_jsonl, lines)] == history


@settings(deadline=None)
@given(histories)
def test_json_array(history):
    stream = io.StringIO()
    write_jsonl(history, stream)
    text = "[" + ",\n".join(stream.getvalue().rstrip("\n").split("\n")) + "]"
    assert detect(text) == "json"
    assert [*events_of(read_json, [text])] == history


@settings(deadline=None)
@given(histories)
def test_edn(history):
    stream = io.StringIO()
    write_edn(history, stream)
    text = stream.getvalue()
    assert detect(text) == "edn"
    whole = [*events_of(read_edn, io.StringIO(text, newline="\n"))]
    assert whole == history
    inside = f"[#_ a\n{text}]"
    assert [*events_of(read_edn, inside.splitlines(keepends=True))] == history


@settings(deadline=None)
@given(histories)
def test_quick_path_agrees_with_the_general_reader(history):
    """Line by line, the map read as a value has the fields that the event has."""
    stream = io.StringIO()
    write_edn(history, stream)
    for line, event in zip(
        stream.getvalue().split("\n"),
        events_of(read_edn, io.StringIO(stream.getvalue(), newline="\n")),
        strict=False,
    ):
        form, rest = read_value(line, "x", 1)
        assert rest == ""
        assert (form["process"], form["f"], form["value"]) == (event.process, event.f, event.value)


@settings(deadline=None)
@given(histories, st.data())
def test_a_cut_file_is_an_error_or_whole_events(history, data):
    """Cutting the text anywhere never changes an event that is still read."""
    stream = io.StringIO()
    write_edn(history, stream)
    text = stream.getvalue()
    cut = text[: data.draw(st.integers(0, len(text)))]
    read = []
    try:
        read.extend(events_of(read_edn, io.StringIO(cut, newline="\n")))
    except HistoryError:
        return
    assert read == history[: len(read)]


@settings(deadline=None)
@given(st.text(alphabet='{}[]()#_:"\\;^ \n,ab1-/.N', max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        list(events_of(read_edn, io.StringIO(text, newline="\n"), "here"))
    except HistoryError as error:
        assert str(error).startswith("here:")  # noqa: PT017 - most texts raise, some do not


PIECES = (
    *'{}[]()#_:"\\^ ,a12-/.N+e\t',
    *("nil", ":k", "#{", "#_", "#t ", "[1 2]", "{:a 1}", '"s"', "[[1] [2 3]]", "true"),
)


def records_or_none(lines):
    try:
        return repr([record for _, record in read_edn(lines, "x")])
    except HistoryError:
        return None


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_quick_path_decides_as_the_general_reader(text):
    """A map on one line may take the quick path; over two lines it never does."""
    one_line = records_or_none([f"{{:a {text}}}"])
    two_lines = records_or_none(["{\n", f":a {text}}}"])
    assert one_line == two_lines
