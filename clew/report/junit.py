"""A JUnit report of scenarios, as CI servers read it: Jenkins, GitLab and others.

Each scenario is a suite. It has one case for each kind of failure, with the first seed that showed
it, and one case for all other runs, if there are: a sweep of ten thousand seeds does not make ten
thousand cases. A run that is invalid is a ``failure``; one that is unknown is an ``error``, because
nothing is known about it and a report must not look green then. A run that was expected to fail and
did is a case that passed. A scenario without any run is ``skipped``.

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
    """Write the report of a command of which only a crash is known."""
    root = Element("testsuites", name="clew")
    root.append(_whole(_tag(verdict), signature, reason))
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
    case = Element("testcase", name="clew itself", classname="clew")
    _add_wrong(case, tag, reason, kind)
    _count(suite, [case], 0.0)
    suite.append(case)
    return suite


def _add_wrong(case: Element, tag: str, reason: str, kind: str, text: str = "") -> None:
    wrong = SubElement(case, tag, message=xml_text(reason), type=xml_text(kind))
    wrong.text = xml_text(text or reason)


def _tag(verdict: Verdict) -> str:
    return "error" if verdict is Verdict.UNKNOWN else "failure"


def _suite(one: Suite) -> Element:
    cases = [_failing(one, failure) for failure in one.failures]
    if sum(failure.runs for failure in one.failures) < one.summary.runs or not cases:
        cases.append(_rest(one, failing=bool(cases)))
    suite = Element("testsuite", name=xml_text(one.name), tests=str(len(cases)))
    _count(suite, cases, one.summary.wall_seconds)
    properties = SubElement(suite, "properties")
    for name, value in _properties(one):
        SubElement(properties, "property", name=name, value=xml_text(value))
    suite.extend(cases)
    return suite


def _count(suite: Element, cases: Sequence[Element], seconds: float) -> None:
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", _seconds(seconds))


def _properties(one: Suite) -> list[tuple[str, str]]:
    scenario, runs = one.scenario, one.summary.runs
    told = [("model", scenario.model), ("seed", str(scenario.seed)), ("runs", str(runs))]
    if scenario.bug:
        told.append(("bug", scenario.bug))
    if scenario.expect:
        told.append(("expect", scenario.expect))
    if one.source:
        told.append(("scenario", Path(one.source).as_posix()))
    return told + [
        (f"replay of seed {failure.first.seed}", failure.again)
        for failure in one.failures
        if failure.first.repro
    ]


def _failing(one: Suite, failure: Failure) -> Element:
    """Make the case of a kind of failure."""
    first, more = failure.first, failure.runs - 1
    case = _case(one, f"{one.name} seed {first.seed}")
    many = f", and so {'is' if more == 1 else 'are'} {more} more" if more else ""
    head = f"Seed {first.seed} is {first.verdict.value}{many}: {first.signature}"
    text = f"{head}\n{first.reason}\n{failure.again}".rstrip()
    _add_wrong(case, _tag(first.verdict), first.reason, first.signature, text)
    if failure.story:
        SubElement(case, "system-out").text = xml_text(failure.story)
    return case


def _rest(one: Suite, *, failing: bool) -> Element:
    """Make the case of all runs that are in no other; it fails only for what no other reports."""
    case, met = _case(one, one.name), one.summary.met
    case.set("time", _seconds(one.summary.wall_seconds))
    if not one.summary.runs:
        SubElement(case, "skipped", message="no run was made")
    elif not failing and met.verdict is not Verdict.VALID:
        _add_wrong(case, _tag(met.verdict), met.reason, "expectation")
    SubElement(case, "system-out").text = xml_text(met.reason)
    return case


def _case(one: Suite, name: str) -> Element:
    return Element("testcase", name=xml_text(name), classname=xml_text(_class(one.source)))


def _class(source: Source | None) -> str:
    """Return the place of a scenario, as servers group cases: its path from here, dotted."""
    if source is None:
        return "clew"
    file = Path(source)
    if file.is_absolute():
        here = Path.cwd()
        file = file.relative_to(here) if file.is_relative_to(here) else Path(file.name)
    return ".".join(part for part in file.with_suffix("").parts if part != "..")


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
