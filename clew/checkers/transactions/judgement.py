"""From findings to a result: which models fall, which stand, and what the verdict is.

A history without times or sessions can decide only some models; `without_order` says which.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from clew.checkers.transactions.consistency_models import MODELS, resolve_models
from clew.checkers.transactions.cycles import Cycle, Cycles, find_cycles
from clew.checkers.transactions.extraction import NEVER
from clew.checkers.transactions.graph import DependencyGraph
from clew.checkers.transactions.lattice import (
    ANOMALIES,
    implied_anomalies,
    order_of,
    standing,
    violates,
    weaker,
)
from clew.checkers.transactions.search.models import Settled, settle
from clew.checkers.transactions.search.versions import Searcher
from clew.checkers.transactions.visibility import find_missed
from clew.checkers.transactions.walks import Level
from clew.checkers.transactions.words import Explainer, tell_cycle, tell_finding
from clew.checkers.values import counted, listed
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget, Result, Verdict, advice
from clew.history import History
from clew.machine.garbage import uncollected


class TransactionChecker(ABC):
    """Checks transactions against consistency models.

    Args:
        consistency_models: names of models that must hold; see `consistency_models.MODELS`.

    Raises:
        UsageError: no such model.
    """

    name: ClassVar[str]

    def __init__(self, consistency_models: Sequence[str] = ("strict-serializable",)) -> None:
        self.consistency_models = resolve_models(consistency_models)

    def check(self, history: History, budget: Budget) -> Result:
        """Return INVALID if an anomaly was found that one of the models forbids.

        UNKNOWN if the order of versions is open and none was found in time.

        Raises:
            HistoryError: a transaction is malformed, or a value is written to a key twice.
        """
        with uncollected():
            return self._judge(history, budget)

    @abstractmethod
    def _judge(self, history: History, budget: Budget) -> Result:
        """Judge the history, while `check` keeps the garbage collector off."""


def judge(
    checker: TransactionChecker,
    evidence: Explainer,
    budget: Budget,
    search: Callable[[Cycles], Searcher | None],
    find: Callable[[DependencyGraph, Budget], Cycles] = find_cycles,
    silent: Callable[[Cycles], frozenset[str]] = lambda _: frozenset(),
) -> Result:
    """Return the result: INVALID if an anomaly breaks a model that was asked for.

    ``search`` gives what completes the order of versions where that is open; None if it is not.
    ``silent`` gives the models of which a workload says nothing unless a stronger one stands.
    """
    graph, models = evidence.graph, checker.consistency_models
    finding = find(graph, budget)
    with budget.explaining():
        anomalies, counts = _told(finding, evidence)
    for refined in _refined(finding, evidence, budget):
        missed = tell_cycle(refined, graph.operations, evidence)
        counts[missed.kind] = 1
        if _says_more(missed, anomalies, models):
            anomalies.insert(0, missed)
    shown = Counter(anomaly.kind for anomaly in anomalies)
    counts = {kind: max(counts.get(kind, 0), shown[kind]) for kind in [*counts, *shown]}
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
    return case.result(checker.name, graph)


_CYCLES_HELPS = ("fewer concurrent transactions", "a shorter history")
"""What would end a search for cycles."""


def _told(finding: Cycles, evidence: Explainer) -> tuple[list[Anomaly], dict[str, int]]:
    """Describe all that was found, the graver first, and count each kind that is no cycle."""
    operations, recorder = evidence.graph.operations, evidence.recorder
    anomalies = [tell_finding(found, operations) for found in recorder.findings]
    cycles = [tell_cycle(cycle, operations, evidence) for cycle in finding.cycles]
    lost = "lost-update" in recorder.counts
    anomalies += [cycle for cycle in cycles if not (lost and _same_update(cycle))]
    anomalies.sort(key=_gravity)
    return anomalies, dict(recorder.counts)


def _says_more(missed: Anomaly, anomalies: Sequence[Anomaly], models: Sequence[str]) -> bool:
    """Return whether this rules out a model asked for that nothing else reported rules out."""
    return any(
        violates(missed.kind, model)
        and not any(violates(anomaly.kind, model) for anomaly in anomalies)
        for model in models
    )


class _Case:
    """What was found, weighed against the models that were asked for.

    Attributes:
        broken: the models that were asked for and fall.
        undecided: those of which nothing is known.
        advised: what would decide them, as a sentence; empty if no budget was spent.
        strongest: the strongest models that are known to stand.
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
        self.strongest = self.stands.strongest if whole else ()
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
        """Return the verdict with its reason and figures."""
        figures = {
            "transactions": len(graph.operations),
            "committed": self.committed,
            "edges": sum(map(len, graph.successors)),
            "anomalies": dict(sorted(self.counts.items(), key=lambda item: _RANK[item[0]])),
            "weakest_violated": list(self.stands.weakest),
            "strongest_standing": [*self.strongest],
            "open_keys": self.open_keys,
            "unsettled": self.settled.unsettled,
            "undecided": self.undecided,
            "other_anomalies": [{"kind": one.kind, "reason": one.reason} for one in self.others],
        }
        return Result(
            name, self.verdict, self._reason(), self.forbidden, "dependency cycles", 0.0, figures
        )

    def _reason(self) -> str:  # noqa: PLR0911 - a sentence for each case
        """Write the verdict in words, with the weakest model that falls and the strongest left."""
        others = listed(list(dict.fromkeys(anomaly.kind for anomaly in self.others)))
        forbid = _verb(self.models, "forbid")
        if self.broken:
            kinds = listed(list(dict.fromkeys(anomaly.kind for anomaly in self.forbidden)))
            return f"{_verb(self.broken, 'do', 'does')} not hold: {kinds}. {self._line()}"
        if not self.committed:
            return "No transaction committed, so nothing was tested."
        if not self.whole:
            return f"The budget ended the search for cycles before it was complete.{self.advised}"
        if unsettled := self.settled.unsettled:
            forbid = _verb(unsettled, "forbid")
            shown = f"no anomaly that {forbid} shows" if others else "no anomaly shows"
            return (
                f"{_open(self.open_keys)}; {shown} in what is known, and whether some order "
                f"satisfies {listed(unsettled)} was not settled.{self.advised}"
            )
        if self.undecided:
            return (
                f"No anomaly that {_verb(self.undecided, 'forbid')} was found, and no stronger "
                f"model stands that would show that {_verb(self.undecided, 'hold')}. {self._line()}"
            )
        verb = "shows" if self.committed == 1 else "show"
        done = counted(self.committed, "committed transaction")
        text = f"{done} {verb} no anomaly that {forbid}"
        if self.strongest == (_STRONGEST,) and not others:
            return f"{text}, nor any other."
        return f"{text}, but {others}. {self._line()}" if others else f"{text}. {self._line()}"

    def _line(self) -> str:
        """Say where the line runs between the models, as far as it was settled."""
        weakest, strongest = self.stands.weakest, self.strongest
        silent = any(row.decided and row.name in self.settled.silent for row in MODELS)
        if not self.open_keys or not silent:
            return boundary(weakest, strongest)
        known = []
        if weakest:
            noun = "model" if len(weakest) == 1 else "models"
            known.append(f"weakest {noun} known to be violated: {listed(weakest)}")
        if strongest:
            known.append(f"strongest known to stand: {listed(strongest)}")
        text = f"{_open(self.open_keys)}, and other models were not settled"
        return f"{text}; {'; '.join(known)}." if known else f"{text}."


def _same_update(cycle: Anomaly) -> bool:
    """Return whether this is a pair of rw edges on one key, reported as a lost update."""
    edges = cycle.data["edges"]
    return [edge["type"] for edge in edges] == ["rw", "rw"] and edges[0]["key"] == edges[1]["key"]


def _refined(finding: Cycles, evidence: Explainer, budget: Budget) -> list[Cycle]:
    """Find the kinds that separate the models between read committed and snapshot isolation.

    One without the order of sessions and one with it, where that says more.
    """
    kinds = {cycle.name for cycle in finding.cycles} | set(evidence.recorder.counts)
    found: list[Cycle] = []
    # The narrower level first: what shows without sessions stands for what it implies with them.
    # If the base has fallen, graver kinds say more; the wider level's base has fallen with it.
    for level, base, special in _REFINED:
        if any(violates(kind, base) for kind in kinds) or not finding.whole:
            break
        # What is missed closes a cycle of one of these kinds: without one there is nothing to find.
        if kinds.isdisjoint(special):
            continue
        try:
            missed = find_missed(evidence, finding.core, level, budget)
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
    """Return the key that sorts graver kinds first, and shorter witnesses first among them."""
    return _RANK[anomaly.kind], anomaly.data.get("length", 0)


_STRONGEST = MODELS[-1].name


def _verb(models: Sequence[str], several: str, one: str = "") -> str:
    """Join the models and a verb, in the plural or in the singular."""
    return f"{listed(models)} {several if len(models) > 1 else one or f'{several}s'}"


def _open(keys: int) -> str:
    noun = "1 key's" if keys == 1 else f"{keys} keys'"
    return f"The order of {noun} versions is open"


def boundary(weakest: Sequence[str], strongest: Sequence[str]) -> str:
    """Say in a sentence where the line runs between the models that fall and those that stand."""
    if not weakest:
        return "No consistency model is ruled out."
    noun = "model" if len(weakest) == 1 else "models"
    text = f"Weakest {noun} violated: {listed(weakest)}; "
    if not strongest:
        return f"{text}no known model still stands."
    return f"{text}strongest that still stands: {listed(strongest)}."


NOTE = (
    "The history has no invocations: nothing is said of models with an order of time or sessions."
)


def without_order(result: Result) -> Result:
    """Return the result without models that stand only because the history shows no order."""
    figures = dict(result.statistics)
    said = figures.get("strongest_standing")
    if said is None:
        return result
    free = sorted({each for model in said for each in weaker(model) if order_of(each) == "none"})
    strongest = [
        model
        for model in free
        if not any(model != other and model in weaker(other) for other in free)
    ]
    weakest = figures["weakest_violated"]
    reason = result.reason.replace(boundary(weakest, said), boundary(weakest, strongest))
    figures["strongest_standing"] = strongest
    return replace(result, reason=f"{reason} {NOTE}", statistics=figures)
