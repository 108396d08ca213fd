"""From findings to a result: which models fall, which stand, and what the verdict is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from clew.checkers.transactions.cycles import Cycle, Finding, find_cycles
from clew.checkers.transactions.evidence import Evidence, Recorder
from clew.checkers.transactions.graph import DependencyGraph
from clew.checkers.transactions.lattice import (
    ANOMALIES,
    MODELS,
    Standing,
    standing,
    violates,
    weaker,
)
from clew.checkers.transactions.reading import NEVER
from clew.checkers.transactions.settling import Settled, settle
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
    search: Callable[[Finding], Searcher | None],
) -> Result:
    """The verdict: INVALID where an anomaly breaks a model that was asked for.

    ``search`` gives what completes the order of versions where that is open; None where it is not.
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
    forbidden = tuple(
        anomaly for anomaly in anomalies if any(violates(anomaly.kind, model) for model in models)
    )
    committed = len(operations) - graph.completed.count(NEVER)
    searcher = search(finding)
    open_keys = 0 if searcher is None else searcher.open_keys
    settled = _NOTHING_OPEN
    if whole and committed and searcher is not None and open_keys:
        settled = settle(searcher, models, counts, budget)
    stands = standing(counts, settled.refuted, settled.silent)
    broken = [model for model in models if model in stands.violated]
    forbidden += tuple(settled.evidence.values())
    counts |= {"unexplained-reads": len(settled.evidence)} if settled.evidence else {}
    # A model that anomalies don't decide holds where a stronger one does, and only there.
    proved = frozenset().union(*map(weaker, stands.strongest))
    undecided = [model for model in models if model not in proved and model not in broken]
    others = [anomaly for anomaly in anomalies if anomaly not in forbidden]
    verdict = Verdict.VALID
    if broken:
        verdict = Verdict.INVALID
    elif not whole or not committed or settled.unsettled or undecided:
        verdict = Verdict.UNKNOWN
    statistics: dict[str, Any] = {
        "transactions": len(operations),
        "committed": committed,
        "edges": sum(map(len, graph.successors)),
        "anomalies": dict(sorted(counts.items(), key=lambda item: _RANK[item[0]])),
        "weakest_violated": list(stands.weakest),
        "strongest_standing": list(stands.strongest) if whole else [],
        "open_keys": open_keys,
        "unsettled": settled.unsettled,
        "undecided": undecided,
        "other_anomalies": [{"kind": anomaly.kind, "reason": anomaly.reason} for anomaly in others],
    }
    silent = any(row.decided and row.name in settled.silent for row in MODELS)
    line = _line(stands, open_keys if silent else 0, whole=whole)
    reason = _reason(verdict, models, broken, forbidden, others, statistics, line, whole=whole)
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


_NOTHING_OPEN = Settled({}, [], [], frozenset())
_RANK = {row.name: rank for rank, row in enumerate(ANOMALIES)}


def _gravity(anomaly: Anomaly) -> tuple[int, int]:
    """Graver kinds first, shorter witnesses first."""
    return _RANK[anomaly.kind], anomaly.data.get("length", 0)


def _reason(  # noqa: PLR0911 - a sentence for each case
    verdict: Verdict,
    models: Sequence[str],
    broken: Sequence[str],
    forbidden: Sequence[Anomaly],
    others: Sequence[Anomaly],
    statistics: dict[str, Any],
    line: str,
    *,
    whole: bool,
) -> str:
    """The verdict in words, with the weakest model that falls and the strongest that stands."""
    committed = statistics["committed"]
    if verdict == Verdict.INVALID:
        kinds = listed(list(dict.fromkeys(anomaly.kind for anomaly in forbidden)))
        verb = "does" if len(broken) == 1 else "do"
        return f"{listed(list(broken))} {verb} not hold: {kinds}. {line}"
    if not committed:
        return "No transaction committed, so nothing was tested."
    if not whole:
        return "The budget ended the search for cycles before it was complete."
    if statistics["unsettled"]:
        models = statistics["unsettled"]
        shown = f"no anomaly that {_forbid(models)} shows" if others else "no anomaly shows"
        return (
            f"{_open(statistics['open_keys'])}; {shown} in what is known, and whether some order "
            f"satisfies {listed(list(models))} was not settled."
        )
    if statistics["undecided"]:
        models = statistics["undecided"]
        return (
            f"No anomaly that {_forbid(models)} was found, and no stronger model stands that would "
            f"show that {listed(list(models))} {'holds' if len(models) == 1 else 'hold'}. {line}"
        )
    done = counted(committed, "committed transaction")
    verb = "shows" if committed == 1 else "show"
    text = f"{done} {verb} no anomaly that {_forbid(models)}"
    if statistics["strongest_standing"] == [_STRONGEST] and not others:
        return f"{text}, nor any other."
    kinds = listed(list(dict.fromkeys(anomaly.kind for anomaly in others)))
    return f"{text}, but {kinds}. {line}" if others else f"{text}. {line}"


_STRONGEST = MODELS[-1].name


def _forbid(models: Sequence[str]) -> str:
    return f"{listed(list(models))} {'forbids' if len(models) == 1 else 'forbid'}"


def _open(keys: int) -> str:
    noun = "1 key's" if keys == 1 else f"{keys} keys'"
    return f"The order of {noun} versions is open"


def _line(stands: Standing, open_keys: int, *, whole: bool) -> str:
    """Where the line runs between the models, as far as it was settled, in a sentence or two."""
    strongest = stands.strongest if whole else ()
    if not open_keys:
        return boundary(stands.weakest, strongest)
    known = []
    if stands.weakest:
        noun = "model" if len(stands.weakest) == 1 else "models"
        known.append(f"weakest {noun} known to be violated: {listed(list(stands.weakest))}")
    if strongest:
        known.append(f"strongest known to stand: {listed(list(strongest))}")
    text = f"{_open(open_keys)}, and other models were not settled"
    return f"{text}; {'; '.join(known)}." if known else f"{text}."


def boundary(weakest: Sequence[str], strongest: Sequence[str]) -> str:
    """Where the line runs between the models that fall and those that stand, in a sentence."""
    if not weakest:
        return "No consistency model is ruled out."
    noun = "model" if len(weakest) == 1 else "models"
    text = f"Weakest {noun} violated: {listed(list(weakest))}; "
    if not strongest:
        return f"{text}no known model still stands."
    return f"{text}strongest that still stands: {listed(list(strongest))}."
