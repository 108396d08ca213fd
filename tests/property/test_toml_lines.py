"""The lines of a TOML document's values are where they were written, however they are written."""

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from clew.scenarios.suites.toml_lines import first_table, lines_of

SCALARS = st.sampled_from([
    "1", "-0.5", "true", "1979-05-27T07:32:00Z", '"a # [b] = c"', '"\\"]"', "'it\"s ]'", '""',
    '"""one\n[two]\n  x = 3 \\\n"""', "'''\na = [\n'''", '"""a"b""c"""', "{ a = [1, 2], b = ']' }",
    "[1, [2, 3]]", "[\n[4],\n\n]",
])  # fmt: skip
GAPS = st.sampled_from(["", " ", "\n", " # [x] = ,\n", "\n\n  "])


@st.composite
def documents(draw):
    """A document and the line of each of its keys and elements."""
    text, lines = "", {}
    for number in range(draw(st.integers(0, 5))):
        text += draw(st.sampled_from(["", "\n", "# [c] # d = 1\n", "  "]))
        key = f"key{number}"
        lines[key,] = text.count("\n") + 1
        text += draw(st.sampled_from([key, f'"{key}"', f"'{key}'"])) + " = "
        if draw(st.booleans()):
            text += "{}" if draw(st.booleans()) else "'plain'"
        else:
            text += "["
            for element in range(count := draw(st.integers(0, 3))):
                text += draw(GAPS)
                lines[key, element] = text.count("\n") + 1
                text += draw(SCALARS) + draw(GAPS) + ("," if element < count - 1 else "")
            text += draw(GAPS) + "]"
        text += draw(st.sampled_from(["\n", " # end ]\n", "\r\n"]))
    return text, lines


@settings(deadline=None)
@given(documents())
def test_lines_are_where_values_were_written(document):
    text, lines = document
    assert set(tomllib.loads(text)) == {path[0] for path in lines}
    assert lines_of(text) == lines
    assert first_table(text) is None
    assert first_table(f"{text}\n[table] # ]") == ("[table]", text.count("\n") + 2)
