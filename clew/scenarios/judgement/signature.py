"""The kind of a failure, as one short text: runs with the same text fail the same way.

Only the checks that are as bad as the run count: a check that is merely unknown says nothing about
a failure. A finding inside a node names the invariant that broke, or the exception with the line
that raised it; folders are left out, so the text is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from clew.checkers.verdict import Anomaly, Result, Verdict
from clew.sim.finding import Finding


def signature_of(checks: Iterable[Result]) -> str:
    """Write the worst checks as ``name: verdict (kinds)``, joined by ``; ``; empty if valid.

    The kinds of a check are sorted, each once.
    """
    checks = tuple(checks)
    worst = Verdict.merge(check.verdict for check in checks)
    if worst is Verdict.VALID:
        return ""
    return "; ".join(_told(check) for check in checks if check.verdict is worst)


def _told(check: Result) -> str:
    kinds = sorted({kind_of(anomaly) for anomaly in check.anomalies})
    return f"{check.name}: {check.verdict.value}" + (f" ({', '.join(kinds)})" if kinds else "")


def kind_of(anomaly: Anomaly) -> str:
    """Return an anomaly's kind; for a finding in a node also what and where: `finding_kind`."""
    return str(anomaly.data.get("signature", anomaly.kind))


def finding_kind(finding: Finding) -> str:
    """Write a finding as ``invariant NAME``, ``ERROR at FILE:LINE``, or its kind and place."""
    head = finding.reason.partition(":")[0]
    if finding.kind == "invariant":
        return f"invariant {head}"
    name = head if finding.kind == "exception" else finding.kind
    place = PurePath(finding.place).name
    return f"{name} at {place}" if place else name
