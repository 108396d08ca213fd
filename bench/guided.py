"""A search guided by what runs did, as fuzzers have it; bench/search.py measures it.

It is not part of Clew, since it finds hardly anything sooner than swarms do. Generations have a
fixed size. A quarter of each is drawn as a swarm draws it. The rest are mutants: a parent is the
best of twenty runs picked so far, by how rare the behaviours are that it showed; one or two things
about its faults, operations or latency change; and it gets a seed of its own, that is, other draws.
"""

from dataclasses import replace
from math import log

from clew.node.node import Node
from clew.scenarios.plans.capabilities import kinds_for
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.nemesis import LATENCIES_NS, draw_faults, magnitude
from clew.search.coverage import counted
from clew.sim.entropy import Entropy
from clew.sim.faults import KINDS
from clew.sim.latency import SHAPES

GENERATION = 16
PICKED = 20
FAULTS_MAX = 40
STEP_NS = 1_000_000

TELLING = {"deliver", "pair", "field", "role", "start", "crash"}
"""The kinds of behaviour that are looked at: what nodes did, not what was done to them."""


class Guide:
    """What a search has seen, and what it tries next."""

    def __init__(self, scenario, model, start):
        self.scenario, self.model, self.start = scenario, model, start
        self.kinds = kinds_for(model.node_class)
        self.leads = model.node_class.server_state is not Node.server_state
        self.entropy = Entropy(start)
        self.made = self.drawn = 0
        self.runs = []
        self.hits = {}

    def plans(self):
        """The next generation, made before the first of it runs."""
        return [self.plan() for _ in range(GENERATION)]

    def plan(self):
        """A seed's plan or a mutant."""
        stream = self.entropy.stream("guide", self.made)
        self.made += 1
        if not self.runs or stream.chance(1, 4):
            self.drawn += 1
            return draw_plan(self.scenario, self.start + self.drawn, self.model)
        plan, other = self.picked(stream), self.picked(stream)
        for _ in range(stream.between(1, 2)):
            plan = stream.pick(MUTATIONS)(self, plan, other, stream)
        return replace(plan, seed=stream.bits64() >> 1)

    def picked(self, stream):
        """The plan of the rarest of some runs."""
        some = [stream.pick(self.runs) for _ in range(PICKED)]
        count = len(self.runs)
        rarest = max(some, key=lambda one: sum(log(count / self.hits[what]) for what in one[1]))
        return rarest[0]

    def learn(self, run):
        """Take in what a run did."""
        shown = [
            (*what, times.bit_length())
            for what, times in counted(run).items()
            if what[0] in TELLING
        ]
        self.runs.append((run.plan, shown))
        for what in shown:
            self.hits[what] = self.hits.get(what, 0) + 1

    def one_changed(self, plan, stream, change):
        """The plan with one of its faults changed, or left out where there is nothing new."""
        if not plan.faults:
            return plan
        rank = stream.below(len(plan.faults))
        new = change(plan.faults[rank])
        return with_faults(plan, [*plan.faults[:rank], *new, *plan.faults[rank + 1 :]])


def with_faults(plan, faults):
    """The plan with other faults, each under an id of its own."""
    named = {}
    for fault in faults[:FAULTS_MAX]:
        name = fault.id
        while name in named:
            name += "+"
        named[name] = replace(fault, id=name)
    return replace(plan, faults=tuple(sorted(named.values(), key=lambda fault: fault.at_ns)))


def shifted(fault, plan, stream):
    """A fault at another time."""
    step_ns = magnitude(stream, STEP_NS, plan.time_limit_ns)
    at_ns = fault.at_ns + (step_ns if stream.chance(1, 2) else -step_ns)
    length_ns = fault.until_ns - fault.at_ns
    at_ns = min(max(at_ns, 0), max(plan.time_limit_ns - 1 - length_ns, 0))
    return replace(fault, at_ns=at_ns, until_ns=at_ns + length_ns)


def shift(guide, plan, _, stream):
    """A fault strikes at another time."""
    return guide.one_changed(plan, stream, lambda fault: [shifted(fault, plan, stream)])


def twice(guide, plan, _, stream):
    """A fault strikes once more, at another time."""
    return guide.one_changed(plan, stream, lambda fault: [fault, shifted(fault, plan, stream)])


def drop(guide, plan, _, stream):
    """A fault is left out."""
    return plan if len(plan.faults) < 2 else guide.one_changed(plan, stream, lambda _: [])


def stretch(guide, plan, _, stream):
    """A fault lasts longer or shorter."""

    def change(fault):
        if fault.at_ns == fault.until_ns:
            return [fault]
        longest_ns = max(plan.time_limit_ns - 1 - fault.at_ns, STEP_NS)
        until_ns = fault.at_ns + magnitude(stream, 10 * STEP_NS, longest_ns)
        return [replace(fault, until_ns=min(until_ns, plan.time_limit_ns - 1))]

    return guide.one_changed(plan, stream, change)


def aim(guide, plan, _, stream):
    """A fault strikes somebody else."""

    def change(fault):
        aims = [one for one in KINDS[fault.kind].aims if one != "leader" or guide.leads]
        aims += [(name,) for name in plan.node_ids] if aims else [None]
        return [replace(fault, target=stream.pick(aims))]

    return guide.one_changed(plan, stream, change)


def add(guide, plan, _, stream):
    """One more fault, as a swarm draws them."""
    fitting = [kind for kind in guide.kinds if KINDS[kind].least_nodes <= len(plan.node_ids)]
    drawn = draw_faults(
        [stream.pick(fitting)],
        entropy=Entropy(stream.bits64()),
        node_ids=plan.node_ids,
        interval_ns=magnitude(stream, STEP_NS, plan.time_limit_ns // 2),
        time_limit_ns=plan.time_limit_ns,
        leads=guide.leads,
    )
    return with_faults(plan, [*plan.faults, stream.pick(drawn)])


def splice(_, plan, other, stream):
    """The faults of one plan up to an instant, and those of another from there on."""
    if other.node_ids != plan.node_ids:
        return plan
    at_ns = stream.below(plan.time_limit_ns)
    early = [fault for fault in plan.faults if fault.at_ns < at_ns]
    return with_faults(plan, early + [fault for fault in other.faults if fault.at_ns >= at_ns])


def crowd(_, plan, __, stream):
    """Some operations come close together, around where a fault begins or ends."""
    edges = [ns for fault in plan.faults for ns in (fault.at_ns, fault.until_ns)] or [0]
    at_ns, width_ns = stream.pick(edges), magnitude(stream, STEP_NS, plan.time_limit_ns // 2)
    main = [rank for rank, one in enumerate(plan.operations) if one.phase == "main"]
    main.sort(key=lambda rank: abs(plan.operations[rank].at_ns - at_ns))
    moved = list(plan.operations)
    for rank in main[: stream.between(1, 16)]:
        near_ns = at_ns - width_ns // 2 + stream.below(width_ns)
        near_ns = min(max(near_ns, 0), plan.time_limit_ns - 1)
        moved[rank] = moved[rank]._replace(at_ns=near_ns)
    moved.sort(key=lambda one: (one.at_ns, one.client, one.number))
    return replace(plan, operations=tuple(moved))


def slow(_, plan, __, stream):
    """Another latency."""
    shape = stream.pick(list(SHAPES))
    return replace(plan, latency_ns=stream.pick(LATENCIES_NS), latency_shape=shape)


def same(_, plan, __, ___):
    """Other draws alone."""
    return plan


MUTATIONS = (same, same, shift, shift, twice, drop, stretch, aim, add, add, splice, crowd, slow)
