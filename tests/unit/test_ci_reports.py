"""Reports for machines that run tests: JUnit's XML and GitHub's annotations."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from clew.checkers.verdict import Verdict
from clew.cli import main
from clew.report.annotations import annotations
from clew.report.junit import junit_xml
from clew.report.suite import suite_of
from clew.scenarios.options.scenario import make_scenario
from clew.search.seeds import SeedResult
from clew.search.summary import Summary

LINEAR = "linearizable: invalid (nonlinearizable)"
RAISED = "nodes: invalid (KeyError at node.py:12)"
OPEN = "faults: unknown"

# The Jenkins xunit plugin's junit-10.xsd: attributes (those that must be there first) and children.
SHAPE = {
    "testsuites": ((), ("name", "time", "tests", "failures", "errors"), {"testsuite"}),
    "testsuite": (
        ("name", "tests", "failures", "errors"),
        ("time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"),
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": ((), (), {"property"}),
    "property": (("name", "value"), (), set()),
    "testcase": (
        ("name",),
        ("classname", "time", "group"),
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ((), ("type", "message"), set()),
    "error": ((), ("type", "message"), set()),
    "skipped": ((), ("type", "message"), set()),
    "system-out": ((), (), set()),
}


def result(seed, signature="", reason="", repro=None):
    unknown = "unknown" in signature
    verdict = (
        Verdict.VALID if not signature else Verdict.UNKNOWN if unknown else Verdict.INVALID
    )  # fmt: skip
    return SeedResult(seed, verdict, {"seed": seed}, signature, reason, repro, None)


def made(results, *, file=None, stories=None, **options):
    scenario = make_scenario({"model": "raft", **options})
    summary = Summary(scenario.expect)
    for one in results:
        summary.add(one)
    summary.wall_seconds = 1.5
    return suite_of(scenario, file, summary, stories or {})


def parsed(suites):
    text = junit_xml(suites)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    assert text.endswith("\n")
    root = ET.fromstring(text)
    for element in root.iter():
        required, optional, children = SHAPE[element.tag]
        assert set(required) <= set(element.attrib) <= {*required, *optional}, element.tag
        assert {child.tag for child in element} <= children
    for suite in root.iter("testsuite"):
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("tests", "testcase")):
            assert int(suite.attrib[attribute]) == len(list(suite.iter(tag)))
    for attribute in ("tests", "failures", "errors"):
        total = sum(int(suite.attrib[attribute]) for suite in root)
        assert int(root.attrib[attribute]) == total
    return root


def told(case):
    """A case in short: its name and what became of it."""
    tags = [child.tag for child in case if child.tag != "system-out"]
    return case.attrib["name"], *tags


def test_a_sweep_without_failures_is_one_case():
    many = made([result(seed) for seed in range(10_000)], file=Path("suite/calm.toml"))
    root = parsed([many])
    (case,) = root.iter("testcase")
    assert told(case) == ("calm",)
    assert case.attrib["classname"] == "suite.calm"
    assert case.find("system-out").text == "Every run was to be valid: 10000 valid."


@pytest.mark.parametrize(
    ("file", "name"),
    [("suite/calm.toml", "suite.calm"), ("../a/b.toml", "a.b"), ("/elsewhere/x/c.toml", "c")],
)
def test_cases_are_grouped_by_the_folders_of_their_scenarios(file, name):
    (case,) = parsed([made([result(0)], file=Path(file))]).iter("testcase")
    assert case.attrib["classname"] == name
    (case,) = parsed([made([result(0)], file=Path.cwd() / "s" / "calm.toml")]).iter("testcase")
    assert case.attrib["classname"] == "s.calm"


def test_each_kind_of_failure_is_a_case_and_the_rest_another():
    runs = [
        result(0), result(1, LINEAR, "no order.", "out/a b/repro.json"), result(2, OPEN, "idle."),
        result(3, LINEAR, "no order.", "out/3/repro.json"), result(4, RAISED, "KeyError: 'x'."),
    ]  # fmt: skip
    suite = made(
        runs,
        stories={"out/a b/repro.json": "1. It began.\n2. It ended."},
        bug="forgets-vote",
        runs=5,
    )
    root = parsed([suite, made([result(0)])])
    first = root[0]
    assert [told(case) for case in first.iter("testcase")] == [
        ("raft seed 1", "failure"), ("raft seed 2", "error"), ("raft seed 4", "failure"),
        ("raft",),
    ]  # fmt: skip
    (only,) = parsed([made([result(0, LINEAR), result(1, LINEAR)])]).iter("testcase")
    assert told(only) == ("raft seed 0", "failure")
    failure = first.find("testcase/failure")
    assert failure.attrib == {"message": "no order.", "type": LINEAR}
    assert failure.text == (
        f"Seed 1 is invalid, and so is 1 more: {LINEAR}\nno order.\n"
        "clew replay 'out/a b/repro.json'"
    )
    assert first.find("testcase/system-out").text == "1. It began.\n2. It ended."
    properties = {p.attrib["name"]: p.attrib["value"] for p in first.iter("property")}
    assert properties == {
        "model": "raft", "seed": "0", "runs": "5", "bug": "forgets-vote",
        "replay of seed 1": "clew replay 'out/a b/repro.json'",
    }  # fmt: skip
    assert root.attrib["time"] == "3.000"


def test_a_failure_that_is_expected_is_no_failure():
    root = parsed([made([result(0), result(1, LINEAR)], expect="invalid:nonlinearizable")])
    (case,) = root.iter("testcase")
    assert told(case) == ("raft",)


@pytest.mark.parametrize(
    ("expect", "runs", "tag"),
    [
        ("invalid:G0", [result(0)], "failure"),
        ("invalid:G0", [result(0), result(1, OPEN)], "error"),
        ("unknown", [result(0)], "failure"),
        ("valid", [], "skipped"),
    ],
)
def test_what_was_expected_and_did_not_come_fails_the_scenarios_own_case(expect, runs, tag):
    root = parsed([made(runs, expect=expect)])
    assert [told(case) for case in root.iter("testcase")] == [("raft", tag)]


def test_what_xml_can_not_hold_is_escaped():
    nasty = 'a\x00b\x1b[31m\ud800\ufffe<&>"]]>\tc\r\n'
    root = parsed([made([result(0, LINEAR, nasty, "r.json")], stories={"r.json": nasty})])
    assert 'a\\x00b\\x1b[31m\\ud800\\ufffe<&>"]]>\tc' in root.find(".//system-out").text
    assert root.find(".//failure").attrib["message"].startswith("a\\x00b\\x1b[31m\\ud800\\ufffe<&>")


def test_the_report_is_the_same_each_time():
    suite = made([result(1, LINEAR), result(0, RAISED)])
    assert junit_xml([suite]) == junit_xml([suite])
    assert [failure.first.seed for failure in suite.failures] == [0, 1]


# GitHub


def test_an_exception_is_shown_at_its_line(tmp_path):
    (tmp_path / "node.py").write_text("")
    file = tmp_path / "calm.toml"
    suite = made(
        [result(3, RAISED, "KeyError: 'x'.", "out/3/repro.json"), result(4, RAISED)],
        file=file, model=f"{tmp_path}/node.py:Mine",
    )  # fmt: skip
    assert annotations([suite]) == [
        (
            f"::error file={tmp_path}/node.py,line=12,title=calm%2C seed 3%3A nodes%3A invalid "
            "(KeyError at node.py%3A12)::KeyError: 'x'.%0A2 runs ended so.%0Aclew replay "
            "out/3/repro.json"
        )
    ]


def test_what_has_no_line_is_shown_at_the_scenario():
    suite = made(
        [result(0, RAISED, "100 % wrong\r\n"), result(1, OPEN, "idle.")], file=Path("s/a,b.toml")
    )
    assert annotations([suite]) == [
        (
            "::error file=s/a%2Cb.toml,title=a%2Cb%2C seed 0%3A nodes%3A invalid (KeyError at "
            "node.py%3A12)::100 %25 wrong%0D%0A"
        ),
        "::warning file=s/a%2Cb.toml,title=a%2Cb%2C seed 1%3A faults%3A unknown::idle.",
    ]


def test_what_was_expected_and_did_not_come_is_shown():
    missing = made([result(0)], expect="invalid:G0", file=Path("s.toml"))
    assert annotations([missing, made([result(0)])]) == [
        "::error file=s.toml,title=s::G0 was expected and not found: 1 valid."
    ]
    assert annotations([made([result(0, OPEN, "idle.")])]) == [
        "::warning title=raft%2C seed 0%3A faults%3A unknown::idle."
    ]


def test_a_scenario_that_ships_goes_by_its_name_and_has_no_file():
    one = made([result(0, RAISED, "wrong")], file="raft-calm")
    (case,) = parsed([one]).iter("testcase")
    assert case.get("classname") == "raft-calm"
    assert all("file=" not in line for line in annotations([one]))


def test_an_annotation_begins_a_line_whatever_a_node_printed_last(tmp_path, monkeypatch, capfd):
    path = tmp_path / "loud.py"
    path.write_text(
        "import sys\n"
        "from clew import Node, on\n\n"
        "class Loud(Node):\n"
        '    workload = "echo"\n\n'
        '    @on("echo")\n'
        "    def echo(self, msg):\n"
        '        sys.stderr.write("half a line")\n'
        '        raise KeyError("x")\n'
    )
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    more = ["--no-shrink", "--time-limit", "1", "--out", str(tmp_path / "out")]
    assert main(["test", str(path), *more]) == 1
    said = capfd.readouterr().err
    assert "half a line" in said
    assert "::error" in said
    assert all(line.startswith("::error") for line in said.splitlines() if "::error" in line)
