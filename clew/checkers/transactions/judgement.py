"""From findings to a result: which models fall, which stand, and what the verdict is.

A history without times or sessions can speak of some models only; `without_order` says of which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from clew.checkers.transactions.consistency_models import MODELS, OF_SESSIONS
from clew.checkers.transactions.cycles import Cycle, Cycles, find_cycles
from clew.checkers.transactions.extraction import NEVER
from clew.checkers.transactions.graph import DependencyGraph
from clew.checkers.transactions.lattice import (
    ANOMALIES,
    Standing,
    implied_anomalies,
    standing,
    violates,
    weaker,
)
from clew.checkers.transactions.search.models import Settled, settle
from clew.checkers.transactions.search.versions import Searcher
from clew.checkers.transactions.visibility import find_missed
from clew.checkers.transactions.walks import Level
from clew.checkers.transactions.words import Explainer, Phenomena, tell_cycle, tell_finding
from clew.checkers.values import counted, listed
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget, Result, Verdict, advice


def judge(
    name: str,
    models: Sequence[str],
    graph: DependencyGraph,
    evidence: Explainer,
    recorder: Phenomena,
    budget: Budget,
    search: Callable[[Cycles], Searcher | None],
    find: Callable[[DependencyGraph, Budget], Cycles] = find_cycles,
    silent: Callable[[Cycles], frozenset[str]] = lambda _: frozenset(),
) -> Result:
    """The verdict: INVALID where an anomaly breaks a model that was asked for.

    ``search`` gives what completes the order of versions where that is open; None where it is not.
    ``silent`` gives the models of which a workload says nothing unless a stronger one stands.
    """
    finding = find(graph, budget)
    anomalies, counts = _told(finding, graph, evidence, recorder)
    for refined in _refined(finding, recorder, graph, evidence, budget):
        missed = tell_cycle(refined, graph.operations, evidence)
        counts[missed.kind] = 1
        if _says_more(missed, anomalies, models):
            anomalies.insert(0, missed)
    counts = _counted(counts, anomalies)
    committed = len(graph.operations) - graph.completed.count(NEVER)
    searcher = search(finding)
    open_keys = 0 if searcher is None else searcher.open_keys
    settled = _NOTHING_OPEN._replace(silent=silent(finding))
    if finding.whole and committed and searcher is not None and open_keys:
        settled = settle(searcher, models, counts, budget)
    helps = _CYCLES_HELPS if searcher is None or not finding.whole else searcher.helps
    advised = f" {advice(budget.more, *helps)}" if budget.more else ""
    case = _Case(
        models, anomalies, counts, committed, open_keys, settled, advised, whole=finding.whole
    )
    return case.result(name, graph)


_CYCLES_HELPS = ("fewer concurrent transactions", "a shorter history")
"""What would end a search for cycles."""


def _told(
    finding: Cycles, graph: DependencyGraph, evidence: Explainer, recorder: Phenomena
) -> tuple[list[Anomaly], dict[str, int]]:
    """All that was found, the graver first, and how often each kind of what is no cycle was."""
    operations = graph.operations
    anomalies = [tell_finding(found, operations) for found in recorder.findings]
    cycles = [tell_cycle(cycle, operations, evidence) for cycle in finding.cycles]
    lost = "lost-update" in recorder.counts
    anomalies += [cycle for cycle in cycles if not (lost and _same_update(cycle))]
    anomalies.sort(key=_gravity)
    return anomalies, dict(recorder.counts)


def _says_more(missed: Anomaly, anomalies: Sequence[Anomaly], models: Sequence[str]) -> bool:
    """True where nothing else that is reported says as much of some model that was asked for."""
    return any(
        violates(missed.kind, model)
        and not any(violates(anomaly.kind, model) for anomaly in anomalies)
        for model in models
    )


def _counted(counts: dict[str, int], anomalies: Sequence[Anomaly]) -> dict[str, int]:
    """How often each kind was found, reported ones at least."""
    shown = Counter(anomaly.kind for anomaly in anomalies)
    return {kind: max(counts.get(kind, 0), shown[kind]) for kind in [*counts, *shown]}


class _Case:
    """What was found, weighed against the models that were asked for.

    Attributes:
        broken: the models that were asked for and fall.
        undecided: those of which nothing is known.
        advised: what would decide them, as a sentence; empty where no budget was spent.
        forbidden: the anomalies because of which models fall.
        others: the anomalies that all of them allow.
    """

    def __init__(
        self,
        models: Sequence[str],
        anomalies: Sequence[Anomaly],
        counts: dict[str, int],
        committed: int,
        open_keys: int,
        settled: Settled,
        advised: str,
        *,
        whole: bool,
    ) -> None:
        self.models = models
        self.committed = committed
        self.open_keys = open_keys
        self.settled = settled
        self.advised = advised
        self.whole = whole
        self.stands = standing(counts, settled.refuted, settled.silent)
        self.broken = [model for model in models if model in self.stands.violated]
        # A model that anomalies don't decide holds where a stronger one does, and only there.
        proved = frozenset().union(*map(weaker, self.stands.strongest))
        self.undecided = [m for m in models if m not in proved and m not in self.broken]
        found = [one for one in anomalies if any(violates(one.kind, model) for model in models)]
        self.others = [one for one in anomalies if one not in found]
        self.forbidden = (*found, *settled.evidence.values())
        self.counts = counts | Counter(why.kind for why in settled.evidence.values())

    @property
    def verdict(self) -> Verdict:
        if self.broken:
            return Verdict.INVALID
        if self.whole and self.committed and not self.settled.unsettled and not self.undecided:
            return Verdict.VALID
        return Verdict.UNKNOWN

    def result(self, name: str, graph: DependencyGraph) -> Result:
        """The verdict with its reason and figures."""
        statistics = self._statistics(graph)
        silent = any(row.decided and row.name in self.settled.silent for row in MODELS)
        line = _line(self.stands, self.open_keys if silent else 0, whole=self.whole)
        reason = _reason(
            self.verdict, self.models, self.broken, self.forbidden, self.others, statistics, line,
            self.advised, whole=self.whole,
        )  # fmt: skip
        return Result(
            name, self.verdict, reason, self.forbidden, "dependency cycles", 0.0, statistics
        )

    def _statistics(self, graph: DependencyGraph) -> dict[str, Any]:
        return {
            "transactions": len(graph.operations),
            "committed": self.committed,
            "edges": sum(map(len, graph.successors)),
            "anomalies": dict(sorted(self.counts.items(), key=lambda item: _RANK[item[0]])),
            "weakest_violated": list(self.stands.weakest),
            "strongest_standing": list(self.stands.strongest) if self.whole else [],
            "open_keys": self.open_keys,
            "unsettled": self.settled.unsettled,
            "undecided": self.undecided,
            "other_anomalies": [{"kind": one.kind, "reason": one.reason} for one in self.others],
        }


def _same_update(cycle: Anomaly) -> bool:
    """True for a pair of rw edges on one key, which is reported as a lost update."""
    edges = cycle.data["edges"]
    return [edge["type"] for edge in edges] == ["rw", "rw"] and edges[0]["key"] == edges[1]["key"]


def _refined(
    finding: Cycles,
    recorder: Phenomena,
    graph: DependencyGraph,
    evidence: Explainer,
    budget: Budget,
) -> list[Cycle]:
    """The kinds that separate the models between read committed and snapshot isolation.

    One without the order of sessions and one with it, where that says more.
    """
    kinds = {cycle.name for cycle in finding.cycles} | set(recorder.counts)
    found: list[Cycle] = []
    for level, base, special in _REFINED:
        if any(violates(kind, base) for kind in kinds) or not finding.whole:
            break
        if kinds.isdisjoint(special):
            continue
        try:
            missed = find_missed(graph, evidence, finding.core, level, budget)
        except OutOfBudget:
            break
        if missed is not None and missed.name not in implied_anomalies(one.name for one in found):
            found.append(missed)
    return found


_SPECIAL = ("G-single", "G-nonadjacent", "lost-update")
_REFINED = (
    (Level.PLAIN, "read-committed", _SPECIAL),
    (
        Level.PROCESS,
        "strong-session-read-committed",
        (*_SPECIAL, "G-single-process", "G-nonadjacent-process"),
    ),
)


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
    advised: str,
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
        return f"The budget ended the search for cycles before it was complete.{advised}"
    if statistics["unsettled"]:
        models = statistics["unsettled"]
        shown = f"no anomaly that {_forbid(models)} shows" if others else "no anomaly shows"
        return (
            f"{_open(statistics['open_keys'])}; {shown} in what is known, and whether some order "
            f"satisfies {listed(list(models))} was not settled.{advised}"
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


NOTE = (
    "The history has no invocations: nothing is said of models with an order of time or sessions."
)


def needs_order(model: str) -> bool:
    """Whether a model promises anything of the order of real time or of sessions."""
    return not weaker(model).isdisjoint(OF_SESSIONS) or any(
        violates(row.name, model)
        for row in ANOMALIES
        if row.name.endswith(("-process", "-realtime"))
    )


def without_order(result: Result) -> Result:
    """The result without models that only stand because the history shows no order."""
    figures = dict(result.statistics)
    said = figures.get("strongest_standing")
    if said is None:
        return result
    free = sorted(
        {each for model in said for each in (model, *weaker(model)) if not needs_order(each)}
    )
    strongest = [
        model
        for model in free
        if not any(model != other and model in weaker(other) for other in free)
    ]
    weakest = figures["weakest_violated"]
    reason = result.reason.replace(boundary(weakest, said), boundary(weakest, strongest))
    figures["strongest_standing"] = strongest
    return replace(result, reason=f"{reason} {NOTE}", statistics=figures)
