"""One run as one object graph: the world, the network, the hosts, the trace and the findings.

A cluster is built from values alone and holds no module state; two of them can live side by side.
What happens in it is decided by its arguments and by the calls that faults and clients make.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from inspect import iscoroutine
from itertools import count
from opcode import opmap
from types import FrameType
from typing import Any

from clew.machine.text import TEXT_MAX, Unwinding, cut, said, shown
from clew.node.life import Refused, yielding
from clew.node.message import Message, is_answer
from clew.node.node import Node
from clew.node.task import Future, Task
from clew.node.timer import NS_PER_SECOND, NodeTimer
from clew.sim.entropy import Entropy
from clew.sim.entry import BODY, MESSAGE, PRIORITY
from clew.sim.finding import Finding, is_users, users_place, users_traceback
from clew.sim.invariants import Invariant, make_invariant
from clew.sim.latency import Latency
from clew.sim.loops import LoopWatch, in_words
from clew.sim.network import Endpoint, Network
from clew.sim.orders.order import Order
from clew.sim.process import Host, Process
from clew.sim.world import EndlessLoop, World, call
from clew.trace.record import BATCH, Record, Trace

LIVELOCK_RECORDS = 500_000
"""So many trace records without time advancing are a livelock."""

STORM_ENTRIES = 300_000
"""So many pending messages and timers are a storm that only ends with the memory."""

FINDINGS_MAX = 100

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"\d+")


class Cluster:
    """Nodes, the network between them, and all that was seen.

    Args:
        seed: every draw of the run comes from it.
        node_class: what runs on each host.
        node_ids: the hosts' names, in order.
        latency: of every link.
        services: classes of further endpoints by name, started when first sent to.
        order: which pending event happens next; time order where None.
        keep_trace: False keeps the trace's digest only.
        stop_on_finding: end the run at the first finding.
        events_max: a run of more events is stopped with a finding; None for no bound.
        make_process: makes an incarnation of a node; see `clew.sim.isolation`.
        invariants: False leaves the class's out.
        strict_replies: a reply that nobody waits for is a finding.
        clock_error_ns: how far a node's clock may be off; None for no bound.

    Attributes:
        hosts: by name, in the order of `node_ids`.
        nodes: the live instances by name.
        findings: what went wrong, in order, each kind of thing once.
        effects: rank of the first effect mark of a request, by (client, msg_id).
        talked: True once a node has sent something to another.
        unawaited: how many replies came that nobody waited for, by type and receiver.
    """

    def __init__(
        self,
        seed: int,
        node_class: type[Node],
        node_ids: Sequence[str],
        *,
        latency: Latency | None = None,
        services: Mapping[str, type[Node]] | None = None,
        order: Order | None = None,
        keep_trace: bool = True,
        stop_on_finding: bool = False,
        events_max: int | None = None,
        make_process: Callable[[Cluster, Host], Process] = Process,
        invariants: bool = True,
        strict_replies: bool = False,
        clock_error_ns: int | None = None,
    ) -> None:
        self.world = World(order)
        self.entropy = Entropy(seed)
        self.trace = Trace(keep=keep_trace, on_batch=self._check_progress)
        self.make_process = make_process
        self.network = Network(
            self.world, self.entropy, self.trace, latency or Latency(), self.endpoint
        )
        self.world.when_abandoned = self._cut
        self.world.when_interrupted = self._interrupted
        self.node_ids = list(node_ids)
        self.clock_error_ns = clock_error_ns
        self.talked = False
        self.hosts = {name: Host(self, name, node_class) for name in self.node_ids}
        self.nodes: dict[str, Node] = {}
        self.clients: dict[str, Endpoint] = {}
        self.services: dict[str, Host] = {}
        self._service_classes = dict(services or {})
        self.findings: list[Finding] = []
        self._seen: set[tuple[str, str, str]] = set()
        self.effects: dict[tuple[str, int], int] = {}
        self.stop_on_finding = stop_on_finding
        self._events_max = events_max
        self._strict_replies = strict_replies
        self.unawaited: dict[str, Counter[str]] = {}
        self.next_request_id: Callable[[], int] = count(1).__next__
        self._sync_bits: dict[str, Callable[[int], int]] = {}
        self._invariants: list[Invariant] = [
            make_invariant(declared, self.nodes)
            for declared in (node_class.invariants if invariants else ())
        ]
        tells_role = node_class.role is not Node.role
        self._roles: dict[str, str | None] = {}
        self.watch: Callable[[Node], None] | None = None
        if self._invariants or tells_role:
            self.watch = self._watch_roles if tells_role else self._watch
        self._progress = (0, 0)
        self._storm_told = False
        self._loops = LoopWatch(self.network, len(self.node_ids), self._tap)

    # Who is there.

    def boot(self) -> None:
        """Start every node."""
        self.restart(list(self.hosts.values()))

    def restart(self, hosts: Sequence[Host]) -> None:
        """Start a process on each of some hosts that are down."""
        # All are there before the first begins: what it sends at once finds its receiver.
        try:
            for process in [host.load() for host in hosts]:
                process.boot()
        except EndlessLoop:
            self.world.abandon()
        except KeyboardInterrupt as error:
            if not self._interrupted(error):
                self.world.current = None
                raise
            self.world.abandon()
        except Unwinding:
            self.world.current = None
            raise

    def endpoint(self, name: str) -> Endpoint | None:
        """The node, client or service of a name; None where there is none."""
        found = self.hosts.get(name) or self.clients.get(name) or self.services.get(name)
        if found is None and name in self._service_classes:
            found = host = Host(self, name, self._service_classes[name], is_node=False)
            self.services[name] = host
            host.boot()
        return found

    def add_client(self, name: str) -> Endpoint:
        """A new endpoint outside the cluster; its owner sets `Endpoint.process`."""
        self.clients[name] = endpoint = Endpoint(name, is_node=False)
        return endpoint

    def live_hosts(self) -> list[Host]:
        """The hosts whose process runs and is not paused, in order."""
        return [
            host
            for host in self.hosts.values()
            if host.process is not None and not host.process.paused
        ]

    def hosts_in_role(self, role: str) -> list[Host]:
        """The live hosts whose node tells this role, in order."""
        before, found = self.world.current, []
        for host in self.live_hosts():
            self.world.current = host.process  # the hook is the node's code
            if host.node is not None and self._role(host.node) == role:
                found.append(host)
        self.world.current = before
        return found

    def _role(self, node: Node) -> str | None:
        try:
            role: Any = node.role()
        except (Unwinding, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - a user's hook
            self._report_exception(node.id, error, "role()")
            return None
        if role is None or type(role) is str:
            return role
        # What else a node shows may hold addresses and sets: it must not reach the digest.
        return str.__str__(role) if isinstance(role, str) else type(role).__name__

    def forget(self, host: Host) -> None:
        """A host's process is gone; invariants no longer see its node."""
        self.nodes.pop(host.id, None)
        self._roles.pop(host.id, None)

    def sync_bits(self, name: str) -> Callable[[int], int]:
        """The stream that says how long a host's syncs take."""
        if name not in self._sync_bits:
            self._sync_bits[name] = self.entropy.bits("sync", name)
        return self._sync_bits[name]

    def close(self) -> str:
        """End every process and the trace; its digest. What a node does while it ends is nothing.

        Without this the coroutines that are still open would run their ``finally`` blocks when
        the collector finds them, in the middle of something else.
        """
        digest = self.trace.close()
        for host in [*self.hosts.values(), *self.services.values()]:
            if host.process is not None:
                host.process.end()
        return digest

    # What is wrong.

    def find(self, finding: Finding) -> None:
        """Keep a finding; the same one at the same place only once."""
        finding = replace(finding, reason=_ADDRESS.sub("", cut(finding.reason, 2 * TEXT_MAX)))
        key = (finding.kind, finding.place or _NUMBER.sub("#", finding.reason), finding.node)
        if key in self._seen or len(self.findings) >= FINDINGS_MAX:
            return
        self._seen.add(key)
        self.findings.append(finding)
        self.trace.add(self.world.now, "finding", finding.kind, finding.node, finding.reason)
        if self.stop_on_finding:
            self.world.stop()

    def _report(self, kind: str, node: str, reason: str, cause: str = "", place: str = "") -> None:
        self.find(Finding(kind, reason, node, self.world.now, self.world.events, cause, place))

    def raised(self, process: Process, error: BaseException, cause: Message | str) -> None:
        """A node's code raised."""
        self._report_exception(process.id, error, told(cause))

    def _report_exception(self, node: str, error: BaseException, cause: str) -> None:
        if isinstance(error, Refused):
            return  # told already
        place, text = users_traceback(error)
        self.find(
            Finding(
                "exception", said(error), node, self.world.now,
                self.world.events, cause, place, text,
            )
        )  # fmt: skip

    def _interrupted(self, error: KeyboardInterrupt) -> bool:
        """Tell of a ``raise KeyboardInterrupt`` in a node's code; False for a person's Ctrl-C."""
        process: Process | None = self.world.current
        if process is None or not is_raised(error):
            return False
        self.raised(process, error, process.cause)
        return True

    def refused(self, node: str, reason: str) -> None:
        """A node's code tried what a simulated node may not."""
        self._report("refused", node, reason, place=users_place())

    def malformed(self, process: Process, reason: str) -> None:
        """A node's code sent what is no message."""
        self._report("malformed-message", process.id, reason, place=users_place())

    def unknown_destination(self, process: Process, dest: str) -> None:
        """A node's code sent to nobody."""
        known = ", ".join([*self.hosts, *self._service_classes])
        reason = f"sent a message to {dest!r}, which nobody is called: there are {known}"
        self._report("unknown-destination", process.id, reason, place=users_place())

    def unhandled(self, process: Process, message: Message) -> bool:
        """A message came that the node's class has no handler for; False where that is no fault.

        A reply to nothing that waits is none: whoever replied could not know.
        """
        kind = message.type
        if not self._strict_replies and is_answer(kind):
            self.unawaited.setdefault(kind, Counter())[process.id] += 1
            return False
        reason = f"has no handler for messages of type {kind!r}"
        self._report("unhandled-message", process.id, reason, cause=told(message))
        return True

    def never_awaited(self, process: Process, name: str, place: str) -> None:
        """A node's code called a coroutine, and that was all."""
        reason = (
            f"{name}() was called without await, so nothing of it has run; "
            f"write await self.{name}(...) or self.spawn(self.{name}(...))"
        )
        self._report("never-awaited", process.id, reason, told(process.cause), place)

    def not_run(self, process: Process, name: str, place: str) -> None:
        """A node's handler is a generator, and nobody asks it for anything."""
        self._report("never-awaited", process.id, yielding(name), told(process.cause), place)

    def took_effect(self, process: Process, message: Message) -> None:
        """A node marked where a request takes effect; the first mark counts."""
        msg_id = message.body.get("msg_id")
        if type(msg_id) is int:
            self.effects.setdefault((message.src, msg_id), len(self.effects))
            self.trace.add(self.world.now, "effect", process.id, message.src, msg_id)

    # What is watched.

    def _watch_roles(self, node: Node) -> None:
        """As `_watch`, and a change of role is traced."""
        role = self._role(node)
        if role != self._roles.get(node.id):
            self._roles[node.id] = role
            self.trace.add(self.world.now, "state", node.id, {"role": role})
        self._watch(node)

    def _watch(self, node: Node) -> None:
        for invariant in self._invariants:
            try:
                violation = invariant.after(node)
            except (Unwinding, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - a user's predicate
                self._report_exception(node.id, error, f"invariant {invariant.name}")
                self._invariants.remove(invariant)
                return
            if violation is not None:
                told_values = {name: _plain(value) for name, value in violation.values.items()}
                shown = {
                    name: observed(self.nodes[name])
                    for name in violation.nodes
                    if name in self.nodes
                }
                values = tuple({**told_values, **shown}.items())
                self._invariants.remove(invariant)
                self.find(
                    Finding(
                        "invariant", f"{invariant.name}: {violation.reason}", node.id,
                        self.world.now, self.world.events, nodes=violation.nodes, values=values,
                    )
                )  # fmt: skip
                return

    def _check_progress(self) -> None:
        """Called once a batch of trace records: is virtual time advancing?"""
        since, at = self._progress
        if self.world.now != at:
            self._progress = (len(self.trace), self.world.now)
        elif len(self.trace) - since > LIVELOCK_RECORDS:
            self._livelocked(at / NS_PER_SECOND)
        if self.storms() and not self._storm_told:
            self.find(self.storm())
            self.world.stop()
        loop = self._loops.check(self.world.now)
        if loop is not None:
            reason, place = in_words(loop, next(iter(self.hosts.values())).node_class)
            self._report("message-loop", "", reason, place=place)
            self.world.stop()
        if self._events_max is not None and self.world.events > self._events_max:
            self._report(
                "endless-loop", "", f"the run passed its budget of {self._events_max} events"
            )
            self.world.stop()

    def _tap(self, tap: Callable[[Sequence[Record | int]], None] | None) -> None:
        """Let somebody see the records as they come, or nobody any more."""
        self.trace.tap = tap

    def _cut(self) -> None:
        """How much a call had sent when it was stopped is chance: the digest tells a part."""
        del self.trace.batch[BATCH:]

    def storms(self) -> bool:
        """True where more is under way than any cluster needs."""
        return len(self.world.order.pending) > STORM_ENTRIES

    def storm(self, place: str = "") -> Finding:
        """What is under way; at ``place`` a call that makes it was stopped.

        The watchdog's thread asks too, so nothing in it depends on how far that call had come.
        """
        self._storm_told = True
        kinds: Counter[str] = Counter()
        for entry in self.world.order.pending[:STORM_ENTRIES]:
            if entry[PRIORITY] >= MESSAGE:
                kinds[str(entry[BODY].get("type"))] += 1
        most = ", ".join(repr(kind) for kind, _ in kinds.most_common(3))
        reason = (
            f"more than {STORM_ENTRIES} messages and timers are under way at once "
            f"({f'mostly of type {most}' if most else 'timers'})"
        )
        process: Process | None = self.world.current
        world = self.world
        if process is None:
            reason += "; does every message lead to several more?"
            return Finding("message-storm", reason, "", world.now, world.events)
        reason += "; this call was stopped" if place else ""
        return Finding(
            "message-storm", reason, process.id, world.now, world.events, told(process.cause),
            place or users_place(),
        )  # fmt: skip

    def _livelocked(self, seconds: float) -> None:
        reason = f"{LIVELOCK_RECORDS} things happened at {seconds:.6f} s and time did not advance"
        process: Process | None = self.world.current
        self.world.stop()
        if process is None:
            node, cause, place = _repeating()
            self._report("livelock", node, reason, cause, place)
            return
        # One call of a node's code did all that: it may never end, so it ends here.
        self._report("endless-loop", process.id, reason, told(process.cause), users_place())
        raise EndlessLoop


def _repeating() -> tuple[str, str, str]:
    """The node, cause and place of the timer that fires right now; empty where none does.

    Where timers stop time the world is calling one of them.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the documented way to walk frames
    while frame is not None and frame.f_code is not call.__code__:
        frame = frame.f_back
    if frame is None:
        return "", "", ""
    *_, due, timer = frame.f_locals["entry"]
    if not isinstance(timer, NodeTimer):
        return "", "", ""
    return due.__self__.id, f"timer {timer.name}", _place_of(timer.callback)


def _place_of(callback: Callable[..., Any]) -> str:
    """``file:line`` of what a timer calls: a function, or the coroutine that it wakes."""
    future = getattr(callback, "__self__", None)
    if not isinstance(future, Future):
        code = getattr(callback, "__code__", None)
        return "" if code is None else f"{code.co_filename}:{code.co_firstlineno}"
    place = ""
    for waiting in future._callbacks:  # noqa: SLF001 - once a run that failed
        task = getattr(waiting, "__self__", None)
        step = task._coroutine if isinstance(task, Task) else None  # noqa: SLF001
        while iscoroutine(step) and step.cr_frame is not None:
            if is_users(step.cr_frame.f_code.co_filename):
                place = f"{step.cr_frame.f_code.co_filename}:{step.cr_frame.f_lineno}"
            step = step.cr_await
    return place


def is_raised(error: BaseException) -> bool:
    """True where a ``raise`` of the user's code made an exception, and no signal's handler."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    if step is None:
        return False
    code = step.tb_frame.f_code
    return is_users(code.co_filename) and code.co_code[step.tb_lasti] == opmap["RAISE_VARARGS"]


def told(cause: Message | str) -> str:
    """A message or timer in words, short."""
    if isinstance(cause, str):
        return cause
    return _short(f"{shown(cause.body)} from {cause.src}")


def _short(text: str) -> str:
    """At most what fits a line or two of a screen."""
    return text if len(text) <= 200 else f"{text[:197]}..."  # noqa: PLR2004


def observed(node: Node) -> str:
    """What a node shows of itself, each value short; empty where its hook fails."""
    try:
        shown = dict(node.observe())
    except (Unwinding, KeyboardInterrupt):
        raise
    except BaseException:  # noqa: BLE001 - a user's hook, and only for show
        return ""
    return ", ".join(f"{name} {_short(_plain(value))}" for name, value in shown.items())


def _plain(value: Any) -> str:
    """A value as the story tells it: as JSON where it is that."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return shown(value)
