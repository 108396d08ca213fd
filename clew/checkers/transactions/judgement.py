"""From findings to a result: which models fall, which stand, and what the verdict is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.checkers.transactions.cycles import Cycle, Finding, find_cycles
from clew.checkers.transactions.evidence import Evidence, Recorder
from clew.checkers.transactions.graph import DependencyGraph
from clew.checkers.transactions.lattice import ANOMALIES, standing, violates
from clew.checkers.transactions.reading import NEVER
from clew.checkers.transactions.telling import tell_cycle, tell_finding
from clew.checkers.transactions.version_search import Searcher
from clew.checkers.transactions.visibility import find_missed
from clew.checkers.values import counted, listed
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget, Result, Verdict


def judge(
    name: str,
    models: Sequence[str],
    graph: DependencyGraph,
    evidence: Evidence,
    recorder: Recorder,
    budget: Budget,
    searcher: Searcher | None = None,
) -> Result:
    """The verdict: INVALID where an anomaly breaks a model that was asked for.

    A ``searcher`` completes the order of versions where it is open; None where it never is.
    """
    finding = find_cycles(graph, budget)
    operations = graph.operations
    anomalies = [tell_finding(found, operations) for found in recorder.findings]
    cycles = [tell_cycle(cycle, operations, evidence) for cycle in finding.cycles]
    lost = "lost-update" in recorder.counts
    anomalies += [cycle for cycle in cycles if not (lost and _same_update(cycle))]
    anomalies.sort(key=_gravity)
    counts = dict(recorder.counts)
    whole = finding.whole
    refined = _refine(finding, recorder, graph, evidence, budget)
    if refined is not None:
        # Told only where nothing else says as much of the models that were asked for.
        missed = tell_cycle(refined, operations, evidence)
        counts[missed.kind] = 1
        if any(
            violates(missed.kind, model)
            and not any(violates(anomaly.kind, model) for anomaly in anomalies)
            for model in models
        ):
            anomalies.insert(0, missed)
    for anomaly in anomalies:
        counts.setdefault(anomaly.kind, 0)
    for kind, count in list(counts.items()):
        counts[kind] = max(count, sum(anomaly.kind == kind for anomaly in anomalies))
    broken = [model for model in models if any(violates(kind, model) for kind in counts)]
    forbidden = tuple(
        anomaly for anomaly in anomalies if any(violates(anomaly.kind, model) for model in models)
    )
    committed = len(operations) - graph.completed.count(NEVER)
    refuted: list[str] = []
    unsettled: list[str] = []
    if whole and committed and searcher is not None and searcher.open_keys:
        standing_models = [model for model in models if model not in broken]
        refutations, unsettled = _complete(searcher, standing_models, budget)
        refuted = list(refutations)
        broken += refuted
        forbidden += tuple(refutations.values())
        counts |= {"unexplained-reads": len(refuted)} if refuted else {}
    others = [anomaly for anomaly in anomalies if anomaly not in forbidden]
    verdict = Verdict.VALID
    if broken:
        verdict = Verdict.INVALID
    elif not whole or not committed or unsettled:
        verdict = Verdict.UNKNOWN
    stands = standing(counts, refuted)
    statistics: dict[str, Any] = {
        "transactions": len(operations),
        "committed": committed,
        "edges": sum(map(len, graph.successors)),
        "anomalies": dict(sorted(counts.items(), key=lambda item: _RANK[item[0]])),
        "weakest_violated": list(stands.weakest),
        "strongest_standing": list(stands.strongest) if whole else [],
        "open_keys": 0 if searcher is None else searcher.open_keys,
        "unsettled": unsettled,
        "other_anomalies": [{"kind": anomaly.kind, "reason": anomaly.reason} for anomaly in others],
    }
    reason = _reason(verdict, models, broken, forbidden, others, statistics, whole=whole)
    return Result(name, verdict, reason, forbidden, "dependency cycles", 0.0, statistics)


def _same_update(cycle: Anomaly) -> bool:
    """True for a pair of rw edges on one key, which is told as a lost update."""
    edges = cycle.data["edges"]
    return [edge["type"] for edge in edges] == ["rw", "rw"] and edges[0]["key"] == edges[1]["key"]


def _refine(
    finding: Finding,
    recorder: Recorder,
    graph: DependencyGraph,
    evidence: Evidence,
    budget: Budget,
) -> Cycle | None:
    """The kind that tells the models between read committed and snapshot isolation apart."""
    kinds = {cycle.name for cycle in finding.cycles} | set(recorder.counts)
    if not finding.whole or any(violates(kind, "read-committed") for kind in kinds):
        return None
    if kinds.isdisjoint({"G-single", "G-nonadjacent", "lost-update"}):
        return None
    try:
        return find_missed(graph, evidence, budget)
    except OutOfBudget:
        return None


def _complete(
    searcher: Searcher, models: Sequence[str], budget: Budget
) -> tuple[dict[str, Anomaly], list[str]]:
    """Models that no order of the versions satisfies, and models that could not be settled."""
    refutations: dict[str, Anomaly] = {}
    unsettled: list[str] = []
    for model in models:
        try:
            holds, evidence = searcher.decide(model, budget)
        except OutOfBudget:
            holds, evidence = None, None
        if evidence is not None:
            refutations[model] = evidence
        elif not holds:
            unsettled.append(model)
    return refutations, unsettled


_RANK = {row.name: rank for rank, row in enumerate(ANOMALIES)}


def _gravity(anomaly: Anomaly) -> tuple[int, int]:
    """Graver kinds first, shorter witnesses first."""
    return _RANK[anomaly.kind], anomaly.data.get("length", 0)


def _reason(
    verdict: Verdict,
    models: Sequence[str],
    broken: Sequence[str],
    forbidden: Sequence[Anomaly],
    others: Sequence[Anomaly],
    statistics: dict[str, Any],
    *,
    whole: bool,
) -> str:
    """The verdict in words, with the weakest model that falls and the strongest that stands."""
    committed = statistics["committed"]
    if verdict == Verdict.INVALID:
        kinds = listed(list(dict.fromkeys(anomaly.kind for anomaly in forbidden)))
        verb = "does" if len(broken) == 1 else "do"
        text = f"{listed(list(broken))} {verb} not hold: {kinds}"
        return (
            f"{text}. {boundary(statistics['weakest_violated'], statistics['strongest_standing'])}"
        )
    if not committed:
        return "No transaction committed, so nothing was tested."
    if not whole:
        return "The budget ended the search for cycles before it was complete."
    if statistics["unsettled"]:
        models = statistics["unsettled"]
        return (
            f"The order of {statistics['open_keys']} keys' versions is open; no anomaly shows in "
            f"what is known, and whether some order satisfies {listed(models)} was not settled."
        )
    forbid = "forbids" if len(models) == 1 else "forbid"
    done = counted(committed, "committed transaction")
    verb = "shows" if committed == 1 else "show"
    text = f"{done} {verb} no anomaly that {listed(list(models))} {forbid}"
    if not others:
        return f"{text}, nor any other."
    kinds = listed(list(dict.fromkeys(anomaly.kind for anomaly in others)))
    line = boundary(statistics["weakest_violated"], statistics["strongest_standing"])
    return f"{text}, but {kinds}. {line}"


def boundary(weakest: Sequence[str], strongest: Sequence[str]) -> str:
    """Where the line runs between the models that fall and those that stand, in a sentence."""
    if not weakest:
        return "No consistency model is ruled out."
    noun = "model" if len(weakest) == 1 else "models"
    text = f"Weakest {noun} violated: {listed(list(weakest))}; "
    if not strongest:
        return f"{text}no known model still stands."
    return f"{text}strongest that still stands: {listed(list(strongest))}."
