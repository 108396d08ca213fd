"""The end of a run: all has healed, clients go on for a while, and nodes are read once more.

Most of a recovery shows nothing new: once every client has been served again, its rest is calm. So
the recovery of a plan that says `recovery_least_ns` ends when it is over. It is over when nothing
that follows could change what `check_liveness` says:

- every function that is requested after healing has made progress since, at each node if each must
  serve its clients;
- every client was answered something that it requested after healing, and it went to its own node
  for that: so each node answered that has clients;
- each node that is up has acknowledged what comes before the first operation;
- no node keeps a coroutine that it has yet to begin, see `clew.sim.unawaited`.

If nodes are read at the end, clients then stop, and their last answers are awaited. The final
reads come early, and count if the checkers are content with them. Otherwise replicas have yet to
converge: those reads are ordinary ones, and the next come after a pause that doubles. The reads at
the end of the whole recovery count in any case, so that no replica is accused sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from clew.checkers.verdict import Verdict, run_checker
from clew.history import History
from clew.node.node import role_of_name
from clew.node.timer import NS_PER_SECOND
from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.plans.plan import Phase, Plan, PlannedOperation, recover_margin_ns
from clew.scenarios.runs.answers import is_answered, is_progress
from clew.scenarios.runs.client import Client
from clew.scenarios.runs.clientele import patience_ns
from clew.scenarios.runs.recorder import Recorder
from clew.sim.cluster import Cluster
from clew.sim.unawaited import Kept
from clew.workloads.workload import Workload

SETTLE_NS = 6 * NS_PER_SECOND
"""How long last answers are awaited, after the recovery and after final reads."""

STEP_NS = NS_PER_SECOND // 10
"""How often it is asked whether the recovery is over."""

PAUSE_NS = NS_PER_SECOND // 2
"""How long replicas are given to converge after the first final reads that did not count."""


def healed_nodes(plan: Plan, members: Iterable[str]) -> tuple[str, ...]:
    """Return the members that are up after healing: their progress and final reads are due.

    Of a system, those of them that clients ask.
    """
    healed, asked = plan.core or tuple(members), plan.homes.asked
    return tuple(name for name in healed if _is_of(name, asked, plan))


def final_nodes(plan: Plan, members: Iterable[str]) -> tuple[str, ...]:
    """Return the nodes whose final reads are due: of a system, those that are asked them."""
    asked = {plan.asks[one.f] for one in plan.operations if one.phase == "final" and plan.asks}
    healed = healed_nodes(plan, members)
    return tuple(name for name in healed if _is_of(name, asked or {None}, plan))


def _is_of(name: str, roles: Collection[str | None], plan: Plan) -> bool:
    return None in roles or role_of_name(name, plan.roles) in roles


def owed(history: History, plan: Plan) -> History:
    """Return the part of the history that the replicas that healed owe to their clients.

    If only a core heals, what another node acknowledged may be on no disk but that node's: for what
    replicas converge to, it counts as unknown.
    """
    core = plan.core
    if not core:
        return history
    events = [
        event._replace(type="info") if event.type == "ok" and event.node not in core else event
        for event in history
    ]
    return History(events, source=history.source, marks_final=True)


def closing_ns(plan: Plan) -> dict[Phase, int]:
    """Return when it is too late to begin an operation, for each phase."""
    healed_ns = plan.time_limit_ns + plan.recovery_ns
    converging_ns = 0
    if load_workload(plan.workload).final_reads:
        converging_ns = recover_margin_ns(plan.recovery_ns)
    return {
        "main": plan.time_limit_ns,
        "recover": healed_ns - converging_ns,
        "final": healed_ns + SETTLE_NS,
    }


@dataclass
class Recovery:
    """The recovery of a run, and its final reads.

    Args:
        cluster: all of it has healed just now.
        plan: the run's.
        recorder: what clients record.
        clients: by rank.
        closing_ns: when it is too late to begin an operation; the clients look at it.
        workload_for: makes the workload that judges the final reads of some nodes.

    Attributes:
        ended_ns: when it was over, and the final reads that count began.
    """

    cluster: Cluster
    plan: Plan
    recorder: Recorder
    clients: Mapping[int, Client]
    closing_ns: dict[Phase, int]
    workload_for: Callable[[tuple[str, ...]], Workload]
    ended_ns: int = 0
    _read: int = 0
    """How many events of the history were looked at."""
    _asked: set[int] = field(default_factory=set)
    """The clients whose open operation was requested after healing."""

    def __post_init__(self) -> None:
        world, plan = self.cluster.world, self.plan
        self._end_ns = plan.time_limit_ns + plan.recovery_ns
        self._kept = Kept(self.cluster, plan.recovery_ns)
        self._read = len(self.recorder.events)
        self._stride = plan.stride
        self._each = load_workload(plan.workload).every_node
        late = self._late()
        self._unheard = {client for client, _ in late}
        self._due = {(client if self._each else None, f) for client, f in late}
        self.cluster.trace.add(world.now, "phase", "recover")

    def go(self) -> None:
        """Let the recovery and the final reads happen."""
        world, least_ns = self.cluster.world, self.plan.recovery_least_ns
        if least_ns is None:
            world.advance(self._end_ns)
            self.ended_ns = world.now
            self._end()
        else:
            for client in self.clients.values():
                client.recall()
            self._recover(least_ns)
            self._read_early()
        self._kept.report()

    # The recovery.

    def _recover(self, least_ns: int) -> None:
        """Advance until it is over and last answers have come, or to its end."""
        world, closing_ns = self.cluster.world, self.closing_ns
        self._advance(lambda: world.now >= self.plan.time_limit_ns + least_ns and self._is_over())
        closing_ns["recover"] = min(closing_ns["recover"], world.now)
        if load_workload(self.plan.workload).final_reads:
            self._advance(self._is_quiet)

    def _advance(self, is_enough: Callable[[], bool]) -> None:
        """Let time go on in steps until something is so, or the whole recovery is over."""
        world = self.cluster.world
        # Each step looks at what is new in the history alone, so the whole costs O(events).
        for at_ns in range(world.now + STEP_NS, self._end_ns + STEP_NS, STEP_NS):
            if is_enough():
                return
            world.advance(min(at_ns, self._end_ns))

    def _is_quiet(self) -> bool:
        return not any(client.waiting for client in self.clients.values())

    def _late(self) -> list[tuple[int, str]]:
        """List by client and function what is asked of nodes that are up, or of any instead."""
        homes, up = self.plan.homes, self.plan.core or self.cluster.members
        late = [one for one in self.plan.operations if one.phase == "recover"]
        asked = {(one.node, one.client, one.f) for one in late}
        return [(client, f) for node, client, f in asked if (node or homes.home(client, f)) in up]

    def _is_over(self) -> bool:
        """Return whether nothing that follows could change what is said about progress."""
        self._note()
        unready = self.recorder.unready
        return (
            not self._unheard
            and not self._due
            and not any(name in unready for name in healed_nodes(self.plan, self.cluster.members))
            and not self._kept.some
        )

    def _note(self) -> None:
        """Take what is new in the history off what is still due."""
        for event in self.recorder.events[self._read :]:
            client = int(event.process) % self._stride
            if event.type == "invoke":
                self._asked.add(client)
                continue
            if client in self._asked and is_answered(event):
                self._unheard.discard(client)
            if is_progress(event):
                self._due.discard((client if self._each else None, event.f))
        self._read = len(self.recorder.events)

    # Final reads.

    def _end(self) -> None:
        """Await the final reads of a whole recovery, and last answers."""
        world = self.cluster.world
        self.cluster.trace.add(world.now, "phase", "final")
        last_ns = max((one.at_ns for one in self.plan.operations), default=0)
        # A second at a time until the last answers are in, and no longer than any client waits.
        for _ in range(self._patience_ns // NS_PER_SECOND):
            if world.now > last_ns and self._is_quiet():
                break
            world.advance(world.now + NS_PER_SECOND)

    def _read_early(self) -> None:
        """Make the final reads again and again, until they count."""
        world, pause_ns = self.cluster.world, PAUSE_NS
        finals = [one for one in self.plan.operations if one.phase == "final"]
        # Those that begin once the whole recovery is over count in any case, so this ends.
        while True:
            self.ended_ns, rank = world.now, len(self.recorder.events)
            self._make(finals)
            if self.ended_ns >= self._end_ns or not finals or world.stopped or self._converged():
                return
            self._unmark(rank)
            world.advance(max(min(world.now + pause_ns, self._end_ns), world.now))
            pause_ns *= 2

    def _make(self, finals: Sequence[PlannedOperation]) -> None:
        """Make final reads, which come as long from now as from the end of a whole recovery."""
        world, clients = self.cluster.world, self.clients
        self.cluster.trace.add(world.now, "phase", "final")
        # Without final reads only last answers are awaited, if there are any.
        earlier_ns, last_ns = self._end_ns - world.now, world.now - (not finals)
        by_client: dict[int, list[PlannedOperation]] = {}
        for one in finals:
            last_ns = max(last_ns, one.at_ns - earlier_ns)
            by_client.setdefault(one.client, []).append(one._replace(at_ns=one.at_ns - earlier_ns))
        for client, own in by_client.items():
            if not clients[client].waiting:  # otherwise its node has acknowledged nothing yet
                clients[client].forget()
                world.process(clients[client].work(None, own, self.closing_ns))
        for _ in range(self._patience_ns // STEP_NS):
            if world.now > last_ns and self._is_quiet():
                break
            world.advance(world.now + STEP_NS)

    @property
    def _patience_ns(self) -> int:
        return max(SETTLE_NS, 2 * patience_ns(self.plan))

    def _converged(self) -> bool:
        """Return whether the checkers are content with these final reads.

        A user's own checker is called only once the run is over.
        """
        workload = self.workload_for(final_nodes(self.plan, self.cluster.members))
        history = owed(History(self.recorder.events, marks_final=True), self.plan)
        return all(
            type(checker).__module__.startswith("clew.")
            and run_checker(checker, history).verdict is Verdict.VALID
            for checker in workload.checkers()
        )

    def _unmark(self, rank: int) -> None:
        """Make the final reads from an event on ordinary ones."""
        events = self.recorder.events
        for at in range(rank, len(events)):
            extra = events[at].extra
            if extra is not None and "final" in extra:
                left = {name: value for name, value in extra.items() if name != "final"}
                events[at] = events[at]._replace(extra=left or None)
