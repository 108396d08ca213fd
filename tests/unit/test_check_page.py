"""The web page of recorded histories that were judged."""

import json

import pytest
from browsing import browsed
from pages import data_of

from clew.cli import main
from clew.report.page import check
from clew.report.page.evidence import OPERATIONS_MAX


def lines(*operations, timed=True):
    """A history in JSON of operations that follow each other: process, f, argument, result."""
    told = []
    for process, f, argument, result in operations:
        for kind, value in (("invoke", argument), ("ok", result)):
            event = {"process": process, "type": kind, "f": f, "value": value}
            told.append(json.dumps(event | ({"time": 1000 * len(told)} if timed else {})))
    return "\n".join(told) + "\n"


REGISTER = [(0, "write", [1, 5], [1, 5]), (1, "read", [1, None], [1, None]),
            (0, "write", [2, 7], [2, 7])]  # fmt: skip
SKEW = [
    '{"process":0,"type":"invoke","f":"txn","value":[["append","x",1],["r","y",null]]}',
    '{"process":1,"type":"invoke","f":"txn","value":[["append","y",1],["r","x",null]]}',
    '{"process":0,"type":"ok","f":"txn","value":[["append","x",1],["r","y",[]]]}',
    '{"process":1,"type":"ok","f":"txn","value":[["append","y",1],["r","x",[]]]}',
    '{"process":0,"type":"invoke","f":"txn","value":[["r","x",null],["r","y",null]]}',
    '{"process":0,"type":"ok","f":"txn","value":[["r","x",[1]],["r","y",[1]]]}',
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("histories")
    (folder / "keyed.jsonl").write_text(lines(*REGISTER))
    (folder / "skew.jsonl").write_text("\n".join(SKEW))
    (folder / "right.jsonl").write_text(lines((0, "write", 1, 1), (1, "read", None, 1)))
    files = [str(folder / f"{name}.jsonl") for name in ("right", "keyed", "skew")]
    assert main(["check", *files, "--jobs", "1", "--report", str(folder / "all.html")]) == 1
    return folder


def test_each_history_has_its_verdict_evidence_and_operations(folder):
    data = data_of((folder / "all.html").read_text())
    assert data["head"]["headline"] == "1 valid and 2 invalid."
    right, keyed, skew = data["parts"]
    assert (right["verdict"], right["anomalies"]) == ("valid", [])
    assert [len(shown) for _, shown, _ in right["keys"]] == [2]
    (wrong,) = keyed["anomalies"]
    assert (wrong["kind"], wrong["key"]) == ("order", "1")
    assert [(key, len(shown)) for key, shown, _ in keyed["keys"]] == [("1", 2), ("2", 1)]
    (cycle,) = skew["anomalies"]
    assert (cycle["kind"], cycle["word"]) == ("cycle", "G2-item")
    assert sorted(edge[2] for edge in cycle["edges"]) == ["rw", "rw"]


def test_operations_without_times_stand_by_place(folder):
    _, _, skew = data_of((folder / "all.html").read_text())["parts"]
    ((_, shown, _),) = skew["keys"]
    assert [(start, end) for *_, start, end, _ in shown] == [(0, 2), (1, 3), (4, 5)]


def test_what_is_left_out_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "KEYS_MAX", 1)
    many = [(0, "write", [1, value], [1, value]) for value in range(OPERATIONS_MAX + 3)]
    (tmp_path / "many.jsonl").write_text(lines((0, "write", [9, 1], [9, 1]), *many))
    page = tmp_path / "many.html"
    assert main(["check", str(tmp_path / "many.jsonl"), "--report", str(page)]) == 0
    (part,) = data_of(page.read_text())["parts"]
    assert (len(part["keys"]), part["keysLeft"]) == (1, 1)
    monkeypatch.setattr(check, "KEYS_MAX", 20)
    assert main(["check", str(tmp_path / "many.jsonl"), "--report", str(page)]) == 0
    (part,) = data_of(page.read_text())["parts"]
    assert [(len(shown), left) for _, shown, left in part["keys"]] == [(1, 0), (OPERATIONS_MAX, 3)]


def test_the_page_takes_no_history_s_place(folder, capsys):
    file = str(folder / "right.jsonl")
    assert main(["check", file, "--report", file]) == 64
    assert "--report can't be used" in capsys.readouterr().err


@pytest.mark.parametrize(("width", "scheme"), [(1600, "dark"), (390, "light")])
def test_it_is_used_by_mouse_and_keys(browser, folder, width, scheme):
    with browsed(browser, folder / "all.html", width, scheme) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        # It opens at the first that is wrong.
        assert tab.locator("#failures svg polyline").count() == 1
        tab.locator("#figures summary").first.click()
        assert tab.locator("#figures svg rect").count() == 2
        tab.locator("#parts button").last.click()
        assert "G2-item" in tab.locator("#failures").inner_text()
        assert tab.locator("#failures svg path").count() == 4
        assert tab.url.endswith("#p2")
