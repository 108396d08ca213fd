"""Whatever is written reads back, and the quick path of EDN agrees with the general reader."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from clew.errors import HistoryError
from clew.formats import detect, jsonl, write_edn, write_jsonl
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


IN_VECTORS = (
    *" ,[]1:a", *("nil", "null", "nilly", ":nil", ":r ", "[:r ", "[:append ", "-0", "01", "+5"),
    *("1.5", "2.", "1e9", "1e999", "1N", "1/2", "NaN", "Infinity", "-Infinity", "true", ", "),
    *('"s"', '"a b"', '"[ :r "', ":a:b", "[1 2]", "[[:r 1 nil] [:append 2 3]]", ":w "),
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(
    st.lists(st.sampled_from(IN_VECTORS), max_size=9).map("".join),
    st.lists(st.sampled_from(IN_VECTORS), max_size=4).map("".join),
)
def test_the_shape_of_an_earlier_line_changes_no_value(first, second):
    """The second line of a shape is read by it; over two lines none is."""
    quick = [f"{{:a [{text}], :b 1}}\n" for text in (first, first, second)]
    general = [f"{{:a [{text}],\n|:b 1}}\n" for text in (first, first, second)]
    read = records_or_none(quick)
    assert read == records_or_none("|".join(general).split("|"))


IN_JSON = (
    *'{}[],:" 1a\\\t\r', *('"a"', '"b":', '"a":1', '{"a":1}', '{"a":1},{', '{"', '"}', "{}"),
    *('"\\ud800"', "NaN", "-0", "1e999", "1.0", "null", "12345678901234567890", "[1,2]", "\n"),
)  # fmt: skip


def objects_or_error(lines, read):
    found = []
    try:
        found.extend(read(lines, "x"))
    except HistoryError as error:
        return repr(found), str(error)
    return repr(found), ""


def read_one_by_one(lines, source):
    for number, line in enumerate(lines, 1):
        if not line.isspace():
            yield number, jsonl._carefully(line, number, source)


@settings(deadline=None, max_examples=400)
@given(
    st.lists(
        st.sampled_from(['{"a":1}', '{"a":{"b":2}}', '{"b":[{"a":1}]}'])
        | st.lists(st.sampled_from(IN_JSON), max_size=6).map("".join),
        max_size=5,
    )
)
def test_lines_of_json_read_at_once_are_what_each_is_by_itself(texts):
    lines = list(io.StringIO("\n".join(texts), newline=None))
    assert objects_or_error(lines, read_jsonl) == objects_or_error(lines, read_one_by_one)


def test_lines_that_are_objects_only_together_are_refused():
    for lines in (
        ['{"a":[{"b":1}\n', '{"c":2}]},{"d":4}\n'],
        ['{"a":1},{"}\n', '{":2}\n'],
        ['{"a":"}\n', '{"}\n', '{},{"y":2}\n'],
        ['{"a":1}\n', '{"b":2}]'],
        ['{"a":1}\n', '{"b":2}]}'],
        ["{" * 300 + "\n", "{}\n"],
        ['{"a":' + "[" * 300 + "]" * 300 + "}\n"],
        ['{"a":' + "[{" * 150 + "}]" * 150 + "}\n"],
        ['{"a":1,"a":2}\n', '{"b":1}\n'],
        ['{"a":1,"a":2}\n', '{"b":":"}\n'],
    ):
        assert objects_or_error(lines, read_jsonl) == objects_or_error(lines, read_one_by_one)
        assert objects_or_error(lines, read_jsonl)[1]
