"""The base of every kind of fault: a class with a description, whose instances work in one run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeAlias

from clew.node.timer import NS_PER_SECOND
from clew.sim.entropy import Stream
from clew.sim.faults.fault import Fault
from clew.sim.host import Host, Process

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster

Need: TypeAlias = Literal["nothing", "peers", "disk", "clock", "timers", "work", "members"]

NEEDS: dict[str, str] = {
    "nothing": "noticed on every node",
    "peers": "noticed only where nodes send something to each other",
    "disk": "noticed only where nodes write to their disks",
    "clock": "noticed only where nodes read their wall clocks",
    "timers": "noticed only where nodes have timers or read their clocks",
    "work": "noticed only where nodes call work()",
    "members": "noticed only where the class has the hook members_changed",
}


class Form(NamedTuple):
    """The form of a parameter that names nodes.

    Attributes:
        expected: in words, for messages.
        holds: True for a value of this form.
        nodes: every node that a value names, in order.
        among: the part of a value that concerns some nodes.
    """

    expected: str
    holds: Callable[[Any], bool]
    nodes: Callable[[Any], list[str]]
    among: Callable[[Any, Collection[str]], Any]


class Parameter(NamedTuple):
    """One parameter of a kind of fault.

    Attributes:
        name: its key in `Fault.params`.
        unit: ``ns``, ``ppm``, ``1/1000``, or empty.
        default: its value if a fault does not name it.
        summary: what it means.
        low: the least value allowed.
        high: the greatest value allowed.
        typical: the range that a generator draws from, by magnitude; if `low` is negative the sign
            is drawn too.
        choices: the words allowed, for a parameter that is not a number.
        form: of a parameter that names nodes.
        region: it is the name of a region of the plan; empty for one that the fault draws.
        client: it is the name of a client of the plan; empty for one that the fault draws.
    """

    name: str
    unit: str
    default: Any
    summary: str
    low: int = 0
    high: int = 0
    typical: tuple[int, int] = (0, 0)
    choices: tuple[str, ...] = ()
    form: Form | None = None
    region: bool = False
    client: bool = False


class Ledger:
    """The state that overlapping faults of one run share, so that they compose.

    Attributes:
        drifts: what each fault adds to a node's clock rate, ppm, by node and fault.
        pauses: the faults that hold a process still, by the process.
        stopped: the faults that let a node's wall clock stand still, by node.
        slowed: how many times as long each fault makes a node's work, by node and fault.
        armed: the disk faults that wait at a node, in order, by node.
        healed: True once all faults are over; after that nothing restarts by itself.
    """

    def __init__(self) -> None:
        self.drifts: dict[str, dict[str, int]] = {}
        self.pauses: dict[Process, list[str]] = {}
        self.stopped: dict[str, list[str]] = {}
        self.slowed: dict[str, dict[str, int]] = {}
        self.armed: dict[str, list[Callable[[Host], bool]]] = {}
        self.healed = False


Late: TypeAlias = tuple[str, str, int, int]
"""A message that came late: its sender, its receiver, its rank on that link since the fault began,
and how long after it was sent it came, ns."""

STRUCK_MAX = 201
"""More messages are not noted one by one."""


class Injection:
    """A fault at work in one run: its injection. Each kind is a subclass.

    Class attributes describe the kind: `group` is its family on the command line, `aims` the
    symbolic targets a generator may draw (the first is the default; without any the fault
    concerns all nodes), `least_nodes` the smallest cluster it can harm, `least_regions` how many
    regions there must be, `instant` True if it
    has no duration, `does` what it does to links, as a verb before the detail that names them,
    `lingers` True if a short one would mostly strike nothing. `needs` is what
    a node must do to notice it. `runs_nodes` is True if nodes' code runs when it strikes, so that
    it can't strike in the middle of such code. `apart` is True if it is drawn only if it is
    asked for by name, so that `all` and swarms are without it; `stands` if half of those that are
    drawn last until healing. `hears` has the events at nodes that it must hear of, keys of
    `clew.sim.trigger.EVENTS`. `like` names the kinds that a node withstands which withstands it;
    none if only its own name says so. `sworn` is True if only who names it in its promise is taken
    to withstand it; `outlasts` if healing does not end it.

    Attributes:
        fault: the plan's data; of one that waited, with the times between which it is active.
        targets: whom it strikes, in the cluster's order; none before it begins.
        bit: how much of its effect a node could notice so far, in the unit that `bites` names.
        drawn: parameters that the plan left open and that it has drawn since.
        struck: the messages that came late, as the kinds ``hold`` and ``copy`` name them; only the
            first `STRUCK_MAX`.
        parts: the single faults that it came to: those that would have done the same.
    """

    group: ClassVar[str]
    summary: ClassVar[str]
    bites: ClassVar[str]
    needs: ClassVar[Need] = "nothing"
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    aims: ClassVar[tuple[str, ...]] = ()
    least_nodes: ClassVar[int] = 1
    least_regions: ClassVar[int] = 0
    instant: ClassVar[bool] = False
    lingers: ClassVar[bool] = False
    runs_nodes: ClassVar[bool] = False
    does: ClassVar[str] = ""
    apart: ClassVar[bool] = False
    stands: ClassVar[bool] = False
    hears: ClassVar[frozenset[str]] = frozenset()
    like: ClassVar[tuple[str, ...]] = ()
    sworn: ClassVar[bool] = False
    outlasts: ClassVar[bool] = False

    def __init__(self, fault: Fault, cluster: Cluster, ledger: Ledger) -> None:
        self.fault = fault
        self.cluster = cluster
        self.ledger = ledger
        # A plan may leave a parameter out, and then means its default.
        self._params = {known.name: known.default for known in self.parameters} | fault.params
        self.targets: Sequence[Host] = ()
        self.bit = 0
        self.drawn: dict[str, Any] = {}
        self.struck: list[Late] = []
        self.parts: list[Fault] = []

    def begin(self) -> str:
        """Strike; return what was done, in words."""
        raise NotImplementedError

    def steps(self) -> Iterator[int]:
        """Act between beginning and end: each value yielded is the wait until the next step, ns."""
        return iter(())

    def end(self) -> str:
        """Stop; return what it did in all, in words."""
        raise NotImplementedError

    def settle(self) -> str:
        """Count what it did up to now; return what it did after its end, in words, if anything."""
        return ""

    @property
    def now(self) -> int:
        """Virtual time, ns."""
        return self.cluster.world.now

    def param(self, name: str) -> Any:
        """Return a parameter's value, or its default."""
        return self._params[name]

    def stream(self, *key: str | int) -> Stream:
        """Return a stream of draws that is this fault's own."""
        return self.cluster.entropy.stream("fault", self.fault.id, *key)

    def note(self, detail: str) -> None:
        """Write what it did to the trace."""
        self.cluster.trace.add(self.now, "fault", self.fault.id, self.fault.kind, detail)


def seconds(ns: int) -> str:
    """Write a time or duration as a person reads it, such as ``1.5 s``."""
    return f"{ns / NS_PER_SECOND:.6g} s"


def names(hosts: Sequence[Host]) -> str:
    """Write nodes for a sentence, such as ``n1, n4``."""
    return ", ".join(host.id for host in hosts)


def several(count: int, noun: str) -> str:
    """Write a count with its noun, such as ``1 message`` or ``2 messages``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
