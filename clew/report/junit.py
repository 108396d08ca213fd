"""A JUnit report of scenarios, as CI servers read it: Jenkins, GitLab and others.

A suite is a scenario. It has one case for each kind of failure, with the first seed that showed it,
and one case for all other runs, if there are: a sweep of ten thousand seeds does not make ten
thousand cases. A run that is invalid is a ``failure``; one that is unknown is an ``error``, because
nothing can be said of it and a report must not look green then. What was expected to fail and did
is a case that passed. A scenario without any run is ``skipped``.

The elements and their order are those of the Jenkins xunit plugin's schema, ``junit-10.xsd``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from clew.checkers.verdict import Verdict
from clew.machine.text import xml_text
from clew.report.suite import Failure, Suite
from clew.scenarios.suites.suite import Source


def junit_xml(suites: Sequence[Suite], crash: str = "") -> str:
    """Write the report as a document of XML 1.0, with a newline at its end.

    A mistake of Clew's own, described in ``crash``, is an error in a suite of its own.
    """
    root = Element("testsuites", name="clew")
    for one in suites:
        root.append(_suite(one))
    if crash:
        root.append(_whole("error", "crash", crash))
    return _document(root)


def lost_xml(verdict: Verdict, signature: str, reason: str) -> str:
    """Write the report of a command of which nothing but this is known."""
    root = Element("testsuites", name="clew")
    root.append(_whole("error" if verdict is Verdict.UNKNOWN else "failure", signature, reason))
    return _document(root)


def _document(root: Element) -> str:
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", _seconds(sum(float(suite.get("time", "0")) for suite in root)))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _whole(tag: str, kind: str, reason: str) -> Element:
    """Make a suite of one case that stands for the whole command."""
    suite = Element("testsuite", name="clew", tests="1")
    for name, each in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(int(each == tag)))
    suite.set("time", _seconds(0.0))
    case = SubElement(suite, "testcase", name="clew itself", classname="clew")
    wrong = SubElement(case, tag, message=xml_text(reason), type=xml_text(kind))
    wrong.text = xml_text(reason)
    return suite


def _suite(one: Suite) -> Element:
    cases = [_failing(one, failure) for failure in one.failures]
    if sum(failure.runs for failure in one.failures) < one.runs or not cases:
        cases.append(_rest(one, failing=bool(cases)))
    suite = Element("testsuite", name=xml_text(one.name), tests=str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", _seconds(one.seconds))
    properties = SubElement(suite, "properties")
    for name, value in _properties(one):
        SubElement(properties, "property", name=name, value=xml_text(value))
    suite.extend(cases)
    return suite


def _properties(one: Suite) -> list[tuple[str, str]]:
    scenario = one.scenario
    told = [("model", scenario.model), ("seed", str(scenario.seed)), ("runs", str(one.runs))]
    if scenario.bug:
        told.append(("bug", scenario.bug))
    if scenario.expect:
        told.append(("expect", scenario.expect))
    if one.source:
        told.append(("scenario", Path(one.source).as_posix()))
    told += [
        (f"replay of seed {failure.seed}", failure.again)
        for failure in one.failures
        if failure.repro
    ]
    return told


def _failing(one: Suite, failure: Failure) -> Element:
    """Make the case of a kind of failure."""
    case = _case(one, f"{one.name} seed {failure.seed}")
    tag = "error" if failure.verdict is Verdict.UNKNOWN else "failure"
    wrong = SubElement(
        case, tag, message=xml_text(failure.reason), type=xml_text(failure.signature)
    )
    more = failure.runs - 1
    many = f", and so {'is' if more == 1 else 'are'} {more} more" if more else ""
    lines = [f"Seed {failure.seed} is {failure.verdict.value}{many}: {failure.signature}"]
    lines += [failure.reason, failure.again]
    wrong.text = xml_text("\n".join(lines).rstrip())
    if failure.story:
        SubElement(case, "system-out").text = xml_text(failure.story)
    return case


def _rest(one: Suite, *, failing: bool) -> Element:
    """Make the case of all runs that are in no other; it fails only for what no other reports."""
    case = _case(one, one.name)
    case.set("time", _seconds(one.seconds))
    if not one.runs:
        SubElement(case, "skipped", message="no run was made")
    elif not failing and one.met.verdict is not Verdict.VALID:
        tag = "error" if one.met.verdict is Verdict.UNKNOWN else "failure"
        wrong = SubElement(case, tag, message=xml_text(one.met.reason), type="expectation")
        wrong.text = xml_text(one.met.reason)
    SubElement(case, "system-out").text = xml_text(one.met.reason)
    return case


def _case(one: Suite, name: str) -> Element:
    return Element("testcase", name=xml_text(name), classname=xml_text(_class(one.source)))


def _class(source: Source | None) -> str:
    """Name where a scenario stands, as servers group cases: its path from here, dotted."""
    if source is None:
        return "clew"
    file = Path(source)
    if file.is_absolute():
        here = Path.cwd()
        file = file.relative_to(here) if file.is_relative_to(here) else Path(file.name)
    return ".".join(part for part in file.with_suffix("").parts if part != "..")


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
