"""The plan of each seed of a hunt: a function of the scenario, the seed and the model alone.

No single setting is best for all bugs, so whatever the scenario leaves open is drawn: how many
nodes, how many operations per second, for how long, how late messages come, in which order, and
one theme of faults. The seed is its rank: the first ones are short, later ones may be longer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from clew.scenarios.code.models import Model
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.capabilities import capabilities, promised, withstands
from clew.scenarios.plans.draw import QUORUM_OF, draw_plan
from clew.scenarios.plans.ground import Ground
from clew.scenarios.plans.nemesis import node_counts
from clew.scenarios.plans.plan import Liveness, Plan
from clew.search.hunt.acquaintance import profile_seen
from clew.search.hunt.themes import BLOCK, FAMILIES, Range, Rota, Theme, range_of, rota_of
from clew.sim.entropy import Entropy, Stream
from clew.sim.faults import Fault
from clew.sim.latency import SHAPES

RATES: tuple[float, ...] = (10.0, 20.0, 50.0)
"""Operations per second."""

ALONE_RATES: tuple[float, ...] = (50.0, 200.0, 500.0)
"""The same if nodes send each other nothing, so that an operation costs next to nothing."""

CLIENTS: tuple[str, ...] = ("1n", "2n", "5n")
"""Clients: one that waits for a node that was down asks nothing for seconds, and others go on."""

LATENCIES_MS: tuple[float, ...] = (0.0, 0.0, 1.0, 5.0)
"""Mean latencies: with long ones little happens in the time that there is."""

SCHEDULES: tuple[str, ...] = ("time", "pct")

LIVENESS: tuple[Liveness, ...] = ("all", *("all",) * 6, "partial")
"""What heals at the end, where the nodes say that they go on under a partial partition."""

COUNTS: tuple[int, ...] = (3, 5, 3, 4)
"""Numbers of nodes, as far as the nodes tolerate them."""

LENGTHS: tuple[tuple[int, float], ...] = ((0, 5.0), (60, 10.0), (240, 15.0), (600, 20.0))
"""From which seed on a run may be how long, virtual seconds; half of the runs are short."""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What a hunt draws, which it sends to its workers.

    Attributes:
        within: what faults it may draw.
        rota: which seed has which theme.
    """

    within: Range
    rota: Rota

    def theme(self, seed: int) -> Theme:
        """Return the theme of a seed."""
        return self.rota.theme(seed)

    def __call__(self, scenario: Scenario, seed: int, model: Model) -> Plan:
        """Draw the plan of a seed."""
        theme = self.theme(seed)

        def faults(ground: Ground) -> list[Fault]:
            stream = ground.entropy.stream("hunt", "faults")
            return [*FAMILIES[theme.family].draw(theme, self.within, ground, stream)]

        return draw_plan(drawn_scenario(scenario, seed, model), seed, model, faults)


def portfolio_of(scenario: Scenario, model: Model) -> Portfolio:
    """Make the portfolio of a scenario's hunt; run the model twice to see what it does."""
    within = range_of(scenario, model.program)
    if within.acts:
        seen = profile_seen(scenario, model, within.acts)
        within = replace(within, profile=seen)
    return Portfolio(within, rota_of(within))


def drawn_scenario(scenario: Scenario, seed: int, model: Model) -> Scenario:
    """Draw a value for each option that varies and that the scenario leaves open."""
    stated = scenario.model_fields_set
    entropy = Entropy(seed)

    def stream(name: str) -> Stream:
        return entropy.stream("hunt", name)

    promise = promised(model.program)
    late = [ms for ms in LATENCIES_MS if ms * 1_000_000 <= promise.latency_ns]
    known = node_counts(promise)
    counts = [count for count in COUNTS if count in known] or known
    drawn: dict[str, Any] = {"swarm": True}
    if not stated & {"node_count", "regions"} and model.system is None:
        drawn["node_count"] = stream("nodes").pick(counts)
    if not stated & {"rate", "load"}:
        talks = "peers" in capabilities(model.program)
        drawn["rate"] = stream("rate").pick(RATES if talks else ALONE_RATES)
    if "concurrency" not in stated:
        drawn["concurrency"] = stream("clients").pick(CLIENTS)
    if "time_limit" not in stated:
        drawn["time_limit"] = _length(seed, stream("length"))
    if not stated & {"latency", "regions", "region_latency"}:
        drawn["latency"] = stream("latency").pick(late)
        if "latency_dist" not in stated:
            drawn["latency_dist"] = stream("shape").pick(list(SHAPES))
    if not stated & {"liveness", "nemesis"} and _goes_on(scenario, drawn, model):
        drawn["liveness"] = stream("liveness").pick(LIVENESS)
    if "schedule" not in stated:
        drawn["schedule"] = stream("order").pick(SCHEDULES)
    return scenario.model_copy(update=drawn)


def _goes_on(scenario: Scenario, drawn: dict[str, Any], model: Model) -> bool:
    """Return whether the nodes promise progress while a partial partition stands among them."""
    sized = "node_count" in drawn or "node_count" in scenario.model_fields_set
    count = drawn.get("node_count", scenario.node_count)
    able = capabilities(model.program)
    return (
        sized
        and count is not None
        and count >= QUORUM_OF
        and model.system is None
        and "peers" in able
        and "members" not in able
        and withstands(promised(model.program), "partition-standing")
    )


def _length(seed: int, stream: Stream) -> float:
    lengths = [length for first, length in LENGTHS if first <= seed % BLOCK]
    return lengths[0] if stream.chance(1, 2) else stream.pick(lengths)
