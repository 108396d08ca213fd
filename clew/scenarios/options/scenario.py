"""A scenario: what may happen. Its fields are the one table of the options of a test.

Each declares, in its `Option`, everything that flags and their help, the schema, the bounds of plan
files and the reference need. The options of workloads come on top; see `scenario_class`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from clew.errors import UsageError
from clew.models.registry import MODELS, bugs_of
from clew.scenarios.code.models import load_model, reference_of
from clew.scenarios.code.workload_files import is_file, load_workload
from clew.scenarios.options import clients
from clew.scenarios.options.asserts import known_assert
from clew.scenarios.options.expectation import parse_expect
from clew.scenarios.options.faults import FaultsOption
from clew.scenarios.options.load import check_load
from clew.scenarios.options.network import BandwidthOption
from clew.scenarios.options.regions import LatencyOption, RegionsOption
from clew.scenarios.options.role_counts import NodesOption
from clew.scenarios.options.table import (
    Options,
    declared,
    expected,
    extended,
    fix_of,
    found,
    near_option,
)
from clew.sim.orders.pct import CHANGES_MAX
from clew.sim.orders.schedules import ORDERS, PATTERN, check_schedule
from clew.sim.topology import TOPOLOGIES
from clew.workloads import workloads
from clew.workloads.options import COUNT_MAX, Option, own_options
from clew.workloads.workload import Workload

SEEDS_END = 10**18
"""Seeds and numbers of runs are below it."""

CLIENTS_MAX = 100_000
"""More clients than this are a mistake."""

RATE_MIN = 1e-6

_FILE = {"type": "string", "pattern": r"\.py(:[A-Za-z_]\w*)?$"}
_WAYS = r"invalid:[^\s,;()][^,;()]*(,[^,;()]+)*"
_SCHEDULES = [name for name in ORDERS if re.fullmatch(PATTERN, name)]


def _bugs() -> list[str]:
    return [*dict.fromkeys(bug for model in MODELS for bug in bugs_of(model))]


def _check_asserts(conditions: tuple[str, ...]) -> None:
    for condition in conditions:
        known_assert(condition)


class Scenario(Options):
    """Every option of a test; names and defaults are Maelstrom's if it has the option.

    Times are seconds, latencies milliseconds. `make_scenario` makes one that has the options of
    workloads as well.
    """

    model: Annotated[
        str,
        Option(
            "MODEL",
            "A shipped model, file.py or file.py:Class.",
            flags=None,
            names=MODELS,
            forms=(_FILE,),
            examples=("raft", "my_node.py", "nodes.py:Leader"),
        ),
    ]
    workload: Annotated[
        str | None,
        Option(
            "NAME",
            "What clients ask.",
            default="the model's own",
            flags="-w --workload",
            names=workloads,
            forms=(_FILE,),
            examples=("lin-kv",),
        ),
    ] = None
    node_count: Annotated[
        int | None, Option("N", "How many nodes.", default="5", least=1, most=1000, examples=(5,))
    ] = None
    nodes: NodesOption = ()
    concurrency: clients.Concurrency = "1n"
    client_picks: clients.ClientPicks = None
    rate: clients.Rate = 20.0
    load: clients.LoadShape = None
    think: clients.Think = None
    retries: clients.Retries = 0
    backoff: clients.Backoff = 0.1
    request_timeout: clients.RequestTimeout = None
    retry_budget: clients.RetryBudget = None
    hedge: clients.Hedge = None
    time_limit: Annotated[
        float,
        Option(
            "SECONDS",
            "Virtual seconds of operations and faults.",
            unit="seconds",
            above=0,
            most=1e6,
            examples=(20, 2.5),
        ),
    ] = 20.0
    latency: Annotated[
        float,
        Option(
            "MS",
            "Mean latency of a message, milliseconds.",
            more="The wire's own 20 to 200 us come on top.",
            unit="milliseconds",
            least=0,
            most=1e6,
            examples=(0, 20.5),
        ),
    ] = 0.0
    latency_dist: Annotated[
        Literal["constant", "uniform", "exponential", "long-tailed"],
        Option(
            "NAME",
            "How latencies are distributed: constant, uniform, exponential or long-tailed.",
            examples=("exponential",),
        ),
    ] = "constant"
    regions: RegionsOption = ()
    region_latency: LatencyOption = None
    bandwidth: BandwidthOption = 0
    nemesis: FaultsOption = ()
    nemesis_interval: Annotated[
        float,
        Option(
            "SECONDS",
            "Mean seconds between faults of a kind, and mean length of each.",
            unit="seconds",
            above=0,
            most=1e6,
            examples=(2, 0.5),
        ),
    ] = 2.0
    clock_error: Annotated[
        float | None,
        Option(
            "SECONDS",
            "The most that a node's clock may be off, either way.",
            default="what the class tolerates",
            unit="seconds",
            above=0,
            most=1e6,
            examples=(0.01,),
        ),
    ] = None
    allow_inert: Annotated[
        bool,
        Option(
            "",
            "Allow faults that the nodes can't notice, and runs in which a requested kind did "
            "nothing.",
            examples=(True,),
        ),
    ] = False
    topology: Annotated[
        str,
        Option(
            "NAME",
            "Which nodes are neighbours.",
            names=TOPOLOGIES,
            examples=("tree4",),
        ),
    ] = "grid"
    availability: Annotated[
        str | float | None,
        Option(
            "SHARE",
            "The least fraction of operations that must be answered, or total.",
            default="none",
            forms=(
                {"type": "string", "enum": ["total", "none"]},
                {"type": "number", "minimum": 0, "maximum": 1},
            ),
            examples=("total", 0.99),
        ),
    ] = None
    recovery: Annotated[
        float,
        Option(
            "SECONDS",
            "Seconds after healing within which operations must succeed; the run ends sooner where "
            "all clients were served, unless its figures are wanted (--assert, --availability, "
            "--load, or nodes that work).",
            unit="seconds",
            least=0,
            most=1e6,
            examples=(10, 0),
        ),
    ] = 10.0
    liveness: Annotated[
        Literal["all", "core", "partial", "off"],
        Option(
            "WHO",
            "What heals and must then make progress: all, core (a quorum), partial or off.",
            more="core: a drawn quorum heals, and all other nodes are down. partial: the other "
            "nodes run, but some of their links stay cut, in one direction or both: a node that "
            "can't hear but can be heard, or a leader that reaches only a part of the quorum.",
            examples=("core", "partial"),
        ),
    ] = "all"
    events_max: Annotated[
        int,
        Option(
            "N",
            "Stop a run that has more events, with a finding.",
            default="50 million",
            least=1,
            most=COUNT_MAX,
            examples=(1_000_000,),
        ),
    ] = 50_000_000
    on_finding: Annotated[
        Literal["continue", "stop"],
        Option(
            "WHAT",
            "After a finding, such as an exception: continue or stop.",
            examples=("stop",),
        ),
    ] = "continue"
    strict_replies: Annotated[
        bool,
        Option(
            "",
            "Make a reply that nobody waits for a finding, not a remark.",
            examples=(True,),
        ),
    ] = False
    swarm: Annotated[
        bool,
        Option(
            "",
            "Let each seed draw fault kinds, rates, latency and node count, within what the class "
            "tolerates.",
            examples=(True,),
        ),
    ] = False
    schedule: Annotated[
        str,
        Option(
            "ORDER",
            "The order of messages that are under way at the same time: time, pct or pct:D.",
            more="With time, the first that is due comes first; with pct, the one on the link "
            "with the highest of random priorities, of which three change per second; with pct:D, "
            f"D of them, from 1 to {CHANGES_MAX}.",
            forms=({"type": "string", "enum": _SCHEDULES}, {"type": "string", "pattern": PATTERN}),
            examples=("pct", "pct:3"),
        ),
    ] = "time"
    bug: Annotated[
        str | None,
        Option(
            "NAME",
            "Plant a mistake in a shipped model; its own options are the defaults. See 'clew list "
            "bugs'.",
            names=_bugs,
            examples=("forgets-vote",),
        ),
    ] = None
    asserts: Annotated[
        tuple[str, ...],
        Option(
            "EXPR",
            "A condition on the run's figures, such as 'latency_ms.0.99 < 200'; repeatable.",
            check=_check_asserts,
            repeated=True,
            examples=(["servers.msgs_per_op < 30", "latency_ms.0.99 < 200"],),
        ),
    ] = Field((), alias="assert")
    expect: Annotated[
        str | None,
        Option(
            "WHAT",
            "What the runs must show: valid, unknown, invalid or invalid:KIND.",
            more="KIND is, for example, G-single.",
            default="valid",
            forms=({"type": "string", "pattern": f"^(valid|unknown|invalid|{_WAYS})$"},),
            examples=("valid", "invalid:G-single", "invalid:election-safety,nonlinearizable"),
            use="sweep",
        ),
    ] = None
    seed: Annotated[
        int,
        Option(
            "N",
            "The first seed. The default is fixed, so a command gives the same runs each time.",
            least=0,
            below=SEEDS_END,
            examples=(42,),
            use="sweep",
        ),
    ] = 0
    runs: Annotated[
        int,
        Option(
            "N",
            "How many seeds, one after the other.",
            least=1,
            below=SEEDS_END,
            examples=(200,),
            use="sweep",
        ),
    ] = 1
    description: Annotated[
        str,
        Option(
            "TEXT",
            "What the scenario is for, in a sentence.",
            flags=None,
            examples=("Raft while links break and heal.",),
            use="sweep",
        ),
    ] = ""

    @field_validator("nodes", mode="before")
    @classmethod
    def _nodes(cls, value: Any) -> Any:
        if value in ({}, []):
            raise ValueError("ROLE=N for at least one role, such as controller=3")
        if isinstance(value, Mapping):
            value = tuple(f"{role}={count}" for role, count in value.items())
        return value

    @field_validator("rate")
    @classmethod
    def _rate(cls, value: float) -> float:
        if value < RATE_MIN:  # the time between two operations must be at least a nanosecond
            raise ValueError(f"at least {RATE_MIN:g} operations per second")
        return value

    @field_validator("load")
    @classmethod
    def _load(cls, value: str | None) -> str | None:
        if value is not None:
            check_load(value)
        return value

    @field_validator("schedule")
    @classmethod
    def _schedule(cls, value: str) -> str:
        check_schedule(value)
        return value

    @field_validator("expect")
    @classmethod
    def _expect(cls, value: str | None) -> str | None:
        if value is not None:
            parse_expect(value)
        return value

    @field_validator("workload", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if value == "":
            raise ValueError("the name of a workload")
        return value

    @field_validator("concurrency", mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        text = str(value)
        if not re.fullmatch(r"[1-9][0-9]*n?", text):
            raise ValueError("a number, or a number and n for so many times the nodes, such as 2n")
        if len(text) > len(str(CLIENTS_MAX)) + 1 or int(text.removesuffix("n")) > CLIENTS_MAX:
            raise ValueError(f"at most {CLIENTS_MAX} clients")
        return text

    @field_validator("availability", mode="before")
    @classmethod
    def _availability(cls, value: Any) -> Any:
        if value in {None, "none"}:
            return None
        if value == "total":
            return value
        try:
            fraction = float(value)
        except (TypeError, ValueError):
            fraction = -1.0
        if not 0 <= fraction <= 1:
            raise ValueError("total, none, or a fraction from 0 to 1")
        return fraction

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what was stated: each process makes the class of a scenario again."""
        return make_scenario, (self.model_dump(by_alias=True, exclude_unset=True),)

    def options_for(self, workload: type[Workload]) -> dict[str, Any]:
        """Return the values of a workload's own options, by name."""
        return {
            name: getattr(self, name, each.default) for name, each in own_options(workload).items()
        }

    def client_count(self, node_count: int) -> int:
        """Count the clients that there are for a number of nodes.

        Raises:
            UsageError: they are too many.
        """
        times = node_count if self.concurrency.endswith("n") else 1
        count = int(self.concurrency.removesuffix("n")) * times
        if count > CLIENTS_MAX:
            raise UsageError(
                "--concurrency can't be used",
                expected=f"at most {CLIENTS_MAX} clients",
                found=f"{count} at {node_count} nodes",
            )
        return count


def scenario_class(*own: type[Workload]) -> type[Scenario]:
    """Make the class for the options of a test, of each workload that ships, and of others.

    A suite may give one value to scenarios of several workloads, so each may state them all.

    Raises:
        UsageError: a workload declares what every test has.
    """
    return extended(Scenario, *workloads().values(), *own)


def class_for(options: Mapping[str, Any], folder: Path) -> type[Scenario]:
    """Return the class with the options that can be given beside these.

    A user's file is loaded only if an option is given that no shipped workload has.

    Args:
        options: as for `make_scenario`.
        folder: from which a model's file is seen.
    """
    known = scenario_class()
    if declared(known).keys() >= options.keys():
        return known
    try:
        return scenario_class(*workload_of(options, folder))
    except UsageError:  # what is wrong with a name is reported where names are looked up
        return known


def workload_of(options: Mapping[str, Any], folder: Path) -> list[type[Workload]]:
    """Return the workload that options or their model name, if any."""
    name = str(options.get("model"))
    model = load_model(str(folder / name) if is_file(name) else name)
    reference = reference_of(model, options.get("workload"))
    return [] if reference is None else [load_workload(reference)]


def make_scenario(options: Mapping[str, Any]) -> Scenario:
    """Make the scenario of options from flags or Python.

    Raises:
        UsageError: an option is unknown or its value is wrong.
    """
    kind = class_for(options, Path())
    try:
        return kind.model_validate(options)
    except ValidationError as bad:
        first = bad.errors()[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            raise UsageError(f"there is no option {name!r}", fix=near_option(kind, name)) from None
        raise UsageError(
            f"--{name.replace('_', '-')} can't be used",
            expected=expected(kind, first),
            found=found(first["input"]),
            fix=fix_of(kind, first) or "See 'clew test --help'",
        ) from None


def check_options(scenario: Scenario) -> None:
    """Do nothing if each option holds an allowed value, in checks beyond its type.

    Raises:
        UsageError: one does not.
    """
    for one in declared(type(scenario)).values():
        if one.option.check is not None:
            one.option.check(getattr(scenario, one.name))
