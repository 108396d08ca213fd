"""Strategies of hypothesis for plans, faults, operations and histories.

hypothesis draws what a plan lists: the seed, the shape of a swarm's cluster, each operation and
each fault; a few hundred draws at most. It never draws a message: what a run does is a function of
its plan. So ``@given(plans("raft"))`` finds, shrinks, and keeps failing plans in hypothesis's
database, and `clew.assert_valid` reports the failure after the plan shrinker has finished the job.

Draws shrink towards what is simple: fewer operations and faults, earlier, shorter and smaller ones.

hypothesis is imported here and nowhere else; it comes with ``clew[test]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from os import PathLike
from typing import Any, NamedTuple

from clew.api import scenario_for
from clew.errors import UsageError
from clew.history import Event, History
from clew.node.system import Program, tells_state
from clew.node.tolerates import Tolerates
from clew.scenarios.code.models import Model, load_model
from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.options.role_counts import parse_counts
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.aims import SERVER_STATES
from clew.scenarios.plans.capabilities import kinds_for, promised
from clew.scenarios.plans.draw import QUORUM_OF, draw_plan
from clew.scenarios.plans.members import settled
from clew.scenarios.plans.nemesis import latencies_ns, node_counts
from clew.scenarios.plans.picks import with_picks
from clew.scenarios.plans.plan import Plan, PlannedOperation
from clew.scenarios.plans.roles import role_sizes
from clew.scenarios.plans.suitability import check_sworn
from clew.scenarios.runs.run import make_workload
from clew.sim.entropy import Entropy, Stream
from clew.sim.faults import GROUPS, KINDS, Fault, joiners_of
from clew.sim.faults.injection import Injection, Parameter
from clew.sim.faults.targets import asked_of
from clew.sim.latency import SHAPES
from clew.workloads.workload import Draw, Workload

try:
    from hypothesis import Phase
    from hypothesis import strategies as st
    from hypothesis.strategies import DrawFn, SearchStrategy
except ImportError:
    raise ImportError(
        "clew.testing.strategies needs hypothesis: pip install 'clew[test]'"
    ) from None

__all__ = ["PHASES", "faults", "histories", "operations", "plans"]

PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
"""Phases for `hypothesis.settings` that suit plans: all but the one that traces which lines of code
a failure runs. They would be lines of the simulation, and tracing them takes most of the time."""

SEED_END = 2**32
"""Seeds are drawn below this."""

_NS_PER_MS = 1_000_000
_NS_PER_SECOND = 1_000_000_000
_NEVER_HZ = 1e-6
_SIZES = (1, 8, 20)
"""The least numbers of operations, which are drawn first: drawn lists alone are mostly short."""

_PARTS = (16, 4, 1)
"""Everything drawn happens in such a part of the time before healing: much at once, or spread
out."""


def plans(
    scenario: Scenario | str | PathLike[str] | Program,
    *,
    operations_max: int = 40,
    faults_max: int = 4,
    **options: Any,
) -> SearchStrategy[Plan]:
    """Draw plans of a scenario, each of them valid.

    hypothesis draws the seed, the operations under faults and the faults; if the scenario is a
    swarm, also the nodes and the latency, unless they are stated. Operations after healing come
    from the seed. No kind of fault has to take effect: a plan without any is as good as another.
    Conditions on figures, and a share of operations that must be answered, are left out: they apply
    to a scenario's load, and not to each plan.

    Args:
        scenario: a scenario, or a model, a file or a class as `clew.run` takes them.
        operations_max: under faults, at most.
        faults_max: at most.
        options: of the scenario, as for `clew.run`.

    Raises:
        ClewError: an option, the file or the model is wrong.
    """
    if not isinstance(scenario, Scenario):
        scenario = scenario_for(scenario, options)
    elif options:
        raise UsageError("a scenario is complete", found=f"further options: {', '.join(options)}")
    return _plans(scenario, operations_max, faults_max)


@st.composite
def _plans(draw: DrawFn, scenario: Scenario, operations_max: int, faults_max: int) -> Plan:
    model = load_model(scenario.model, scenario.bug)
    check_sworn(scenario, model)
    base = _base(draw, scenario, model)
    leads = tells_state(model.program)
    kinds = [asked_of(name).kind for name in _kinds(scenario, model)]
    span_ns = draw(st.sampled_from([base.time_limit_ns // part for part in _PARTS]))
    struck = faults(
        kinds,
        base.node_ids,
        time_limit=span_ns / _NS_PER_SECOND,
        leads=leads,
        max_size=faults_max,
        regions=() if base.regions is None else base.regions.names,
    )
    span_ms = max(span_ns // _NS_PER_MS, 1)
    calls = _calls(make_workload(base, model), base.clients, span_ms, operations_max)
    # What the seed draws comes after healing; each client has its own numbers, which continue here.
    late = tuple(each for each in base.operations if each.phase != "main")
    first: dict[int, int] = {}
    for each in late:
        first[each.client] = max(first.get(each.client, 0), each.number + 1)
    early = _numbered(draw(calls), make_workload(base, model), first)
    struck_now = settled(draw(struck), base.node_ids, model.program, base.roles)
    regions = base.regions and base.regions.with_more(joiners_of(struck_now))
    asked = with_picks(
        (*early, *late), base.picks, entropy=Entropy(base.seed), homes=base.homes,
        regions=regions, faults=struck_now,
    )  # fmt: skip
    # The base holds what stands after healing alone.
    struck_now = (*struck_now, *base.faults)
    return replace(base, faults=struck_now, operations=asked, regions=regions)


def _base(draw: DrawFn, scenario: Scenario, model: Model) -> Plan:
    """Draw a plan without faults, and only with the clients' operations after healing."""
    shape: dict[str, Any] = {}
    stated, promise = scenario.model_fields_set, promised(model.program)
    if scenario.swarm and model.system is not None:
        counts = {
            name: draw(st.sampled_from(sorted({*role_sizes(role)})))
            for name, role in model.system.roles.items()
        } | parse_counts(scenario.nodes)
        shape["nodes"] = tuple(f"{name}={count}" for name, count in counts.items())
    elif scenario.swarm and "node_count" not in stated:
        shape["node_count"] = draw(st.sampled_from(sorted(set(_counts(scenario, promise)))))
    if scenario.swarm and "latency" not in stated:
        shape["latency"] = draw(st.sampled_from(sorted(set(latencies_ns(promise))))) / _NS_PER_MS
        shape["latency_dist"] = draw(st.sampled_from(list(SHAPES)))
    quiet: dict[str, Any] = {"rate": _NEVER_HZ, "nemesis": (), "swarm": False, "asserts": ()}
    if scenario.availability != "total":
        quiet["availability"] = None
    seed = draw(st.integers(0, SEED_END - 1))
    return draw_plan(scenario.model_copy(update={**shape, **quiet}), seed, model)


def _counts(scenario: Scenario, promise: Tolerates) -> Sequence[int]:
    """Return the numbers of nodes that may be drawn; of a partial partition a quorum is a part."""
    counts = node_counts(promise)
    if scenario.liveness != "partial":
        return counts
    return [count for count in counts if count >= QUORUM_OF] or counts


def _kinds(scenario: Scenario, model: Model) -> tuple[str, ...]:
    """List the kinds of fault that a scenario means; all that the model can feel for ``all``."""
    asked = scenario.nemesis
    if "all" in asked or (scenario.swarm and not asked):
        return tuple(kinds_for(model.program))
    return asked


def faults(
    kinds: Sequence[str],
    node_ids: Sequence[str],
    *,
    time_limit: float = 20.0,
    leads: bool = False,
    max_size: int = 4,
    regions: Sequence[str] = (),
) -> SearchStrategy[tuple[Fault, ...]]:
    """Draw the faults of a plan, by the time they begin; all end before the time limit.

    Args:
        kinds: kinds or groups of them; those that need more nodes are left out.
        node_ids: the cluster.
        time_limit: virtual seconds.
        leads: whether the nodes report who leads, so that faults may aim at the leader.
        max_size: how many there are at most.
        regions: the names of the regions; none for one place.

    Raises:
        UsageError: there is no such kind.
    """
    unknown = [name for name in kinds if name not in GROUPS and name not in KINDS]
    if unknown:
        raise UsageError("no such fault", found=repr(unknown[0]), fix="See 'clew list faults'")
    named = [kind for name in kinds for kind in GROUPS.get(name, (name,))]
    fitting = [
        name
        for name, kind in KINDS.items()
        if name in named
        and kind.least_nodes <= len(node_ids)
        and kind.least_regions <= len(regions)
    ]
    limit_ms = max(round(time_limit * 1000), 1)
    one = _faults(fitting, tuple(node_ids), limit_ms, leads, tuple(regions))
    return st.lists(one, max_size=max_size if fitting else 0).map(_named)


def _named(drawn: list[Fault]) -> tuple[Fault, ...]:
    """Sort the faults, and give each an id of its own."""
    ranks: dict[str, Iterator[int]] = {}
    return tuple(
        replace(fault, id=f"{fault.kind}-{next(ranks.setdefault(fault.kind, count(1)))}")
        for fault in sorted(drawn, key=lambda fault: fault.at_ns)
    )


@st.composite
def _faults(
    draw: DrawFn,
    fitting: list[str],
    node_ids: tuple[str, ...],
    limit_ms: int,
    leads: bool,  # noqa: FBT001 - of `faults`
    regions: tuple[str, ...],
) -> Fault:
    name = draw(st.sampled_from(fitting))
    kind = KINDS[name]
    at_ms = draw(st.integers(0, limit_ms - 1))
    until_ms = min(at_ms + draw(st.integers(1, limit_ms)), limit_ms - 1)
    target = draw(_targets(kind, len(node_ids), leads=leads))
    # Two parameters of one fault that name regions name different ones.
    places = iter(draw(st.permutations(regions)) if kind.least_regions else ())
    params = {
        parameter.name: next(places) if parameter.region else draw(_values(parameter, node_ids))
        for parameter in kind.parameters
    }
    if kind.instant and target not in SERVER_STATES:
        until_ms = at_ms
    return Fault("", name, at_ms * _NS_PER_MS, until_ms * _NS_PER_MS, target, params)


def _targets(kind: type[Injection], node_count: int, *, leads: bool) -> SearchStrategy[str | None]:
    """Draw a symbol that some node of this cluster fits."""
    least = {"minority": 3}
    aims = [
        aim
        for aim in kind.aims
        if (leads or aim not in SERVER_STATES) and node_count >= least.get(aim, 1)
    ]
    return st.sampled_from(aims) if aims else st.none()


def _values(parameter: Parameter, node_ids: tuple[str, ...]) -> SearchStrategy[Any]:
    """Draw a value of a parameter, as the table of kinds has them."""
    if parameter.name == "groups":
        sides = st.lists(st.booleans(), min_size=len(node_ids), max_size=len(node_ids))
        return sides.map(lambda sides: _two_groups(node_ids, sides))
    if parameter.choices:
        return st.sampled_from(parameter.choices)
    if parameter.form is not None or parameter.client:
        return st.just(parameter.default)
    sizes = st.integers(*parameter.typical)
    if parameter.low < 0:
        return st.tuples(sizes, st.sampled_from((1, -1))).map(lambda pair: pair[0] * pair[1])
    return sizes


def _two_groups(node_ids: tuple[str, ...], sides: list[bool]) -> list[list[str]]:
    """Make two groups, none of them empty: if all are on one side, the first node is alone."""
    if len(set(sides)) == 1:
        sides = [True, *[False] * (len(sides) - 1)]
    left = [name for name, side in zip(node_ids, sides, strict=True) if side]
    return [left, [name for name in node_ids if name not in left]]


def operations(
    workload: str,
    *,
    clients: int = 3,
    time_limit: float = 20.0,
    options: Mapping[str, Any] | None = None,
    max_size: int = 40,
) -> SearchStrategy[tuple[PlannedOperation, ...]]:
    """Draw the operations of a plan under faults, by time: at least one.

    Args:
        workload: the workload, whose own generator makes each operation from hypothesis's draws.
        clients: how many there may be.
        time_limit: virtual seconds; all are invoked before.
        options: those that the workload declares, by name; the others have their defaults.
        max_size: how many there are at most.

    Raises:
        UsageError: there is no such workload.
    """
    made = load_workload(workload)(options)
    limit_ms = max(round(time_limit * 1000), 1)
    calls = _calls(made, clients, limit_ms, max_size)
    return calls.map(lambda drawn: _numbered(drawn, made, {}))


class _Call(NamedTuple):
    """An operation without its number, on which its value depends.

    Attributes:
        tape: what its generator drew.
    """

    at_ms: int
    client: int
    tape: tuple[int, ...]


class _Bounded(Stream):
    """A stream of which a subclass writes only `below`."""

    def bits64(self) -> int:
        """Draw an integer in [0, 2**64)."""
        return self.below(1 << 64)


class _Drawn(_Bounded):
    """A stream whose draws are hypothesis's; it remembers them."""

    def __init__(self, draw: DrawFn) -> None:
        super().__init__(0)
        self._draw = draw
        self.tape: list[int] = []

    def below(self, bound: int) -> int:
        """Draw an integer in [0, bound)."""
        self.tape.append(self._draw(st.integers(0, bound - 1)))
        return self.tape[-1]


class _Played(_Bounded):
    """A stream that repeats recorded draws."""

    def __init__(self, tape: Sequence[int]) -> None:
        super().__init__(0)
        self._tape = iter(tape)

    def below(self, bound: int) -> int:
        """Draw an integer in [0, bound)."""
        # With another number the operation's generator may ask for more, or within other bounds.
        return min(next(self._tape, 0), bound - 1)


def _calls(
    workload: Workload, clients: int, limit_ms: int, max_size: int
) -> SearchStrategy[list[_Call]]:
    one = _call(workload, clients, limit_ms)
    sizes = st.sampled_from([size for size in _SIZES if size <= max_size] or [max_size])
    return sizes.flatmap(lambda least: st.lists(one, min_size=least, max_size=max_size))


@st.composite
def _call(draw: DrawFn, workload: Workload, clients: int, limit_ms: int) -> _Call:
    at_ms = draw(st.integers(0, limit_ms - 1))
    client = draw(st.integers(0, clients - 1))
    stream = _Drawn(draw)
    # The number is not known before all are sorted: the operation made here is thrown away, and
    # `_numbered` makes it again from the same draws.
    workload.drawn(Draw(stream, client, 0))
    return _Call(at_ms, client, tuple(stream.tape))


def _numbered(
    calls: list[_Call], workload: Workload, first: dict[int, int]
) -> tuple[PlannedOperation, ...]:
    """Number the operations in order; ``first`` is the first free number of each client."""
    numbers = {client: count(number) for client, number in first.items()}
    made = []
    for at_ms, client, tape in sorted(calls):
        number = next(numbers.setdefault(client, count()))
        asked = workload.drawn(Draw(_Played(tape), client, number))
        made.append(PlannedOperation(client, number, at_ms * _NS_PER_MS, asked.f, asked.value))
    return tuple(made)


def histories(
    calls: SearchStrategy[tuple[str, Any, Any]], *, processes: int = 3, max_size: int = 10
) -> SearchStrategy[History]:
    """Draw histories that are well formed, and right or wrong by chance: to try checkers on.

    Each process has one operation open at a time; an operation of unknown outcome is its last.

    Args:
        calls: one operation as ``(f, argument, result)``; the result is used if it is ``ok``.
        processes: how many work at a time.
        max_size: how many operations there are at most.
    """
    return _histories(calls, processes, max_size)


@st.composite
def _histories(
    draw: DrawFn, calls: SearchStrategy[tuple[str, Any, Any]], processes: int, max_size: int
) -> History:
    events: list[Event] = []
    open_calls: dict[int, tuple[str, Any, Any]] = {}
    working = list(range(processes))
    # A step lets one process go on: it invokes an operation, or its operation ends.
    steps = st.tuples(st.integers(0, processes - 1), st.sampled_from(("ok", "fail", "info")), calls)
    for place, ending, call in draw(st.lists(steps, max_size=2 * max_size)):
        process = working[place]
        if process not in open_calls:
            open_calls[process] = call
            events.append(Event(process, "invoke", call[0], call[1], len(events)))
            continue
        f, argument, result = open_calls.pop(process)
        value = result if ending == "ok" else argument
        events.append(Event(process, ending, f, value, len(events)))
        # Another process takes its place, with a number that no other place will ever have.
        if ending == "info":
            working[place] += processes
    return History(events, source="hypothesis")
