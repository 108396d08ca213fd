"""Clients: each has one operation at a time, and records requests and answers.

A client is a SimPy process. It talks to one node, matches replies on ``in_reply_to``, ignores
late and duplicate ones, and gives up after a timeout: then nobody knows whether the operation
happened, and the client goes on under a new process number, as Jepsen's do.

If any node may serve, a client whose node refuses for now goes to another: to the one that the
field ``leader`` of the error names, or to the next. There it begins a new session, under a new
process number. A client whose node does not answer stays: this is how stale nodes are found.

It does not stay away for good: a few operations later it returns to its own node. Otherwise all
clients would sit at the leader, and none would see what other nodes answer, such as a second
leader.

So much for the default. A workload or a scenario may say that clients pick nodes otherwise, see
`clew.workloads.picks`. A client keeps a position for each role that it asks and way to pick.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from types import MappingProxyType, NoneType
from typing import Any, NamedTuple

import simpy

from clew.history import EventType
from clew.machine.text import DIGITS_MAX, cut, shown
from clew.node.message import ERROR_MAX, Message, has_long_integer, sealed
from clew.node.node import ERROR_CODES, is_definite
from clew.scenarios.plans.homes import Station
from clew.scenarios.plans.plan import Phase, PlannedOperation
from clew.scenarios.runs.recorder import Recorder
from clew.sim.cluster import Cluster
from clew.sim.finding import Finding
from clew.sim.network import Link
from clew.workloads.picks import DRAWN
from clew.workloads.workload import Malformed, Request, Workload, held

ELSEWHERE = frozenset({1, 10, 11})
"""Codes of errors after which another node may do better: the operation itself is not refused."""

AWAY_MAX = 8
"""The number of operations at other nodes after which a client returns to its own."""


class Post(NamedTuple):
    """A client's position among the nodes of one station, and the link to one of them.

    Attributes:
        node: the node it talks to.
        home: the node where it begins, and to which it returns.
        away: how many operations ago it left its home.
        others: where it may go, in order; empty if it stays.
        core: after healing the nodes that are up, of `others`; empty for all.
        link: to `node`.
        native: the node where it began first.
        near: the nodes of a region that it has come to, until it sends a request there.
        around: the nodes of the region where it is, if it has been moved; None if it never was.
    """

    node: str
    home: str
    away: int
    others: tuple[str, ...]
    core: tuple[str, ...]
    link: Link | None
    native: str
    near: Sequence[str] | None = None
    around: Sequence[str] | None = None


class Client:
    """One client: an endpoint of the network, and the process that performs its operations.

    Args:
        cluster: where it lives.
        recorder: where it writes.
        workload: what it speaks.
        rank: its number; its process numbers are ``rank`` plus multiples of `stride`.
        stride: how many clients there are.
        node: the node it talks to first.
        others: where it may go, in order; empty if it stays.
        timeout_ns: when it gives up.
        core: after healing the nodes that are up, of `others`; empty for all.
        travels: whether a fault may move it to another region.
        station: why it talks to that node.
        stations: the station of each function; empty if all have the same.
    """

    paused = False

    def __init__(
        self,
        cluster: Cluster,
        recorder: Recorder,
        workload: Workload,
        rank: int,
        stride: int,
        node: str,
        timeout_ns: int,
        *,
        others: tuple[str, ...] = (),
        core: tuple[str, ...] = (),
        travels: bool = False,
        station: Station = Station(),  # noqa: B008 - immutable
        stations: Mapping[str, Station] = MappingProxyType({}),
    ) -> None:
        # What all methods share. `node` and `_link`: whom it talks to; `_home`, to which it
        # returns; `_near` until it has arrived in another region. `_process`: the number under
        # which the next operation is invoked, `_latest` the highest that it had. `_msg_id`: of the
        # last request; `_reply`: the event that its answer completes, None while nothing is
        # awaited; `_late`: what was given up. `_posts`: where it stands among the nodes of its
        # other roles.
        self.id = f"c{rank}"
        self.rank = rank
        self._cluster = cluster
        self._world = cluster.world
        self._recorder = recorder
        self._workload = workload
        self._ours = type(workload).__module__.startswith("clew.")
        self._process = self._latest = rank
        self._stride = stride
        self.node = self._home = self._native = node
        self._near: Sequence[str] | None = None
        self._away = 0
        self._others = others
        self._members = [*cluster.members]
        self._core = core
        self._timeout_ns = timeout_ns
        self._msg_id = 0
        self._reply: simpy.Event | None = None
        self._late: dict[int, int | None] = {}
        """When each request that was given up was sent, by number; None for a hedge's loser."""
        self._endpoint = cluster.add_client(self.id, node, self._moved if travels else None)
        self._endpoint.process = self
        self._link = self._link_to(node)  # none while it has not joined
        self._around: Sequence[str] | None = None
        self._stations = stations
        self._station = station
        self._posts: dict[Station, Post] = {}

    def serve_at(
        self, station: Station, node: str, others: tuple[str, ...], core: tuple[str, ...]
    ) -> None:
        """Set where operations of another station go; the arguments are as for `Client`."""
        self._posts[station] = Post(node, node, 0, others, core, self._link_to(node), node)

    def _turn_to(self, station: Station) -> None:
        """Move to the position for a station's operations; remember the present one."""
        self._posts[self._station] = Post(
            self.node, self._home, self._away, self._others, self._core, self._link,
            self._native, self._near, self._around,
        )  # fmt: skip
        (
            self.node, self._home, self._away, self._others, self._core, self._link,
            self._native, self._near, self._around,
        ) = self._posts[station]  # fmt: skip
        self._station = station

    def _link_to(self, node: str) -> Link | None:
        """Return the link to a node; None if it has not joined yet."""
        return self._cluster.network.link(self._endpoint, node)

    @property
    def waiting(self) -> bool:
        """True while a request is open."""
        return self._reply is not None

    def receive(self, message: Message) -> None:
        """Take a reply; only the one that is awaited counts."""
        self._recorder.client_messages += 1
        if self._reply is not None and message.body.get("in_reply_to") == self._msg_id:
            reply, self._reply = self._reply, None
            reply.succeed(message.body)
        else:
            self._unasked(message)

    def _unasked(self, message: Message) -> None:
        """Handle an unawaited reply: late, a copy of the network's, or a node's mistake."""
        number = message.body.get("in_reply_to")
        if type(number) is not int or not 0 < number <= self._msg_id:
            self._cluster.findings.stray(self.id, message, number)
        elif number in self._late:
            sent_ns = self._late.pop(number)
            if sent_ns is not None:
                self._recorder.attempts.late.append((sent_ns, self._world.now))
        elif not self._cluster.network.duplicated:
            self._cluster.findings.answered_again(message)

    def recall(self) -> None:
        """Begin at its own node again, with its next operation there."""
        self._away = AWAY_MAX
        self._posts = {role: post._replace(away=AWAY_MAX) for role, post in self._posts.items()}

    def forget(self) -> None:
        """Forget what it has learnt, as if it had sent nothing."""
        self._workload.memory.pop(self.rank, None)

    def hold(self, callback: Callable[[Any], None], argument: Any) -> None:
        """Do nothing: clients are never paused."""
        raise AssertionError(callback, argument)

    def _expire(self, msg_id: int) -> None:
        if self._reply is not None and msg_id == self._msg_id:
            reply, self._reply = self._reply, None
            self._late[msg_id] = self._world.now - self._timeout_ns
            self._recorder.attempts.timeouts += 1
            reply.succeed(None)

    def ask(self, body: dict[str, Any]) -> simpy.Event:
        """Send a request; the event's value is the reply's body, or None when time is up."""
        self._recorder.client_messages += 1
        self._msg_id += 1
        body["msg_id"] = self._msg_id
        self._reply = reply = self._world.event()
        assert self._link is not None
        self._link.emit(*sealed(body))
        self._world.call_at(self._world.now + self._timeout_ns, self._expire, self._msg_id)
        return reply

    def work(
        self,
        setup: dict[str, Any] | None,
        operations: Iterable[PlannedOperation],
        closing_ns: Mapping[Phase, int],
    ) -> Generator[simpy.Event, Any, None]:
        """Perform operations, each at its time or when the one before is over.

        In a closed loop each comes its think time after that.

        Args:
            setup: a request that the node must acknowledge first; it is repeated until then.
            operations: in order of time.
            closing_ns: an operation that could not begin before its phase closed is left out.
        """
        world = self._world
        if setup is not None:
            self._recorder.unready.add(self.node)
            # Until it is acknowledged nothing else can be asked of the node.
            while (yield self.ask(dict(setup))) is None:
                pass
            self._recorder.unready.discard(self.node)
        for planned in operations:
            begins_ns = planned.at_ns
            if planned.think_ns is not None:
                begins_ns = max(begins_ns, world.now + planned.think_ns)
                if begins_ns >= closing_ns[planned.phase]:
                    continue  # no need to wait for what can no longer begin
            if begins_ns > world.now:
                yield world.timeout(begins_ns - world.now)
            if world.now < closing_ns[planned.phase]:
                yield from self._operate(planned)

    def _asked(self, planned: PlannedOperation) -> Request | None:
        """Return the request to send now, if the client may; it has then moved to its node."""
        if self._posts and self._stations[planned.f] != self._station:
            self._turn_to(self._stations[planned.f])
        if self._near is not None:
            self._arrive(self._near)
        named = planned.node
        drawn = named and planned.phase == "main" and self._station.pick in DRAWN
        if named is not None and drawn:
            self._visit(named, planned.number)
        elif named is not None and named not in self._cluster.members:
            return None  # its fault is gone, or it has left again
        if not self._at_member(planned.phase):
            return None
        if planned.phase == "recover" and self._core and self.node not in self._core:
            self._go(self._next(self._core))
        elif self.node != self._home and planned.phase != "final" and not drawn:
            self._return(planned.phase)
        asked = self._workload.resolve(Request(planned.f, planned.value), self.rank)
        if isinstance(asked, Request):
            return asked
        held(self._workload, "resolve", asked, NoneType, "a Request, or None")
        return None

    def _operate(self, planned: PlannedOperation) -> Generator[simpy.Event, Any, None]:
        """Send the request of an operation, and record what came of it."""
        asked = self._asked(planned)
        if asked is None:
            return
        process = self._process
        body = self._workload.request(asked)
        request = (self.id, self._msg_id + 1)
        extra = {"final": True} if planned.phase == "final" else None
        self._recorder.invoke(process, asked, self.node, request, extra)
        reply = yield self.ask(body)
        kind, value, error = self._read(asked, reply)
        self._recorder.complete(process, kind, asked, value, error, self.node)
        self._workload.heard(asked, kind, value, self.rank)
        if kind == "info":
            self._process = self._another()
        self._heed(planned.phase, reply, kind)

    def _visit(self, node: str, number: int) -> None:
        """Be at a node that was drawn for one operation; for good only if none is drawn later.

        Who has been moved to another region since picks by the operation's number there.
        """
        if self._station.pick == "region" and self._around is not None and self._others:
            there = [each for each in self._around if each in self._others]
            if there and node not in there:
                node = there[number % len(there)]
        self._go(node)
        self._away = AWAY_MAX

    def _heed(self, phase: Phase, reply: dict[str, Any] | None, kind: EventType) -> None:
        """Be where the next request should go, after what became of the last."""
        if phase == "final":
            return
        if reply is not None:
            if reply.get("type") == "error":
                self._follow(reply, kind)
        elif self._station.pick == "redirected" and self._has_home(phase):
            self._go(self._home)

    def _at_member(self, phase: Phase) -> bool:
        """Be at a node that is a member, and find a new home if its own is none any more.

        False if nothing is to be asked: of who has left nobody reads, and a client that stays
        has gone with its node.
        """
        members = self._cluster.members
        if self._members != members and self._others:
            left = [node for node in self._others if node in members]
            role = self._station.role
            own = members if role is None else self._cluster.roles[role]
            self._others = (*left, *(node for node in own if node in members and node not in left))
        if self.node in members:
            self._link = self._link or self._link_to(self.node)
            return True
        if phase == "final" or not self._others:
            return False
        if self._home not in members:
            self._home = self._native = self._others[self.rank % len(self._others)]
        self._away = 0
        self._go(self._home)
        return True

    def _follow(self, reply: dict[str, Any], kind: EventType) -> None:
        """Go where an error reply says, or to the next node if it says: not here."""
        leader = reply.get("leader")
        if isinstance(leader, str) and leader in self._others and leader != self.node:
            self._go(leader)
        elif kind == "fail" and reply.get("code") in ELSEWHERE and self._others:
            self._go(self._next(self._others))

    def _return(self, phase: Phase) -> None:
        """Go home after a while, unless it is to stay where it was redirected to.

        After healing nobody stays, so that each node is held to its answers.
        """
        self._away += 1
        stays = self._station.pick == "redirected" and phase == "main"
        if self._away > AWAY_MAX and self._has_home(phase) and not stays:
            self._away = 0
            self._go(self._home)

    def _has_home(self, phase: Phase) -> bool:
        """Return False if its own node is down for good."""
        return phase == "main" or not self._core or self._home in self._core

    def _moved(self, near: Sequence[str]) -> None:
        """Note that it is in another region, of these nodes; its open operation goes on first."""
        self._near = near
        self._posts = {one: post._replace(near=near) for one, post in self._posts.items()}

    def _arrive(self, near: Sequence[str]) -> None:
        """Turn to the nodes of its present region; a client that stays at its node keeps it."""
        self._near, self._around = None, near
        fitting = [node for node in near if node in self._others] or [self._native]
        self._home = self._native if self._native in fitting else fitting[self.rank % len(fitting)]
        self._others = tuple(sorted(self._others, key=lambda node: node not in fitting))
        self._away = 0
        self._go(self._home)

    def _next(self, nodes: Sequence[str]) -> str:
        """Return the node after the client's own; if it has none here, one by the client's rank."""
        if self.node in nodes:
            return nodes[(nodes.index(self.node) + 1) % len(nodes)]
        return nodes[self.rank % len(nodes)]

    def _go(self, node: str) -> None:
        if node != self.node:
            self.node = node
            self._link = self._link_to(node)
            self._process = self._another()

    def _another(self) -> int:
        """Return a process number that this client never had."""
        self._latest += self._stride
        return self._latest

    def _read(self, asked: Request, reply: dict[str, Any] | None) -> tuple[EventType, Any, Any]:
        """Read the outcome of an operation from its reply: type, value and error."""
        unsure: EventType = "fail" if asked.f in self._workload.readonly else "info"
        if reply is None:
            return unsure, asked.value, {"code": 0, "text": "no reply in time"}
        if has_long_integer(reply):  # no history file could hold it, and no message could quote it
            wanted = f"expected integers of at most {DIGITS_MAX:,} digits in {reply['type']}"
            return self._misread(asked, unsure, f"{wanted}, found {shown(reply, 200)}")
        try:
            if reply.get("type") == "error":
                return self._refusal(asked, reply, unsure)
            result = self._workload.result(asked, reply, self.rank)
            return "ok", result if self._ours else self._told(result), None
        except Malformed as bad:
            return self._misread(asked, unsure, str(bad))

    def _misread(self, asked: Request, unsure: EventType, why: str) -> tuple[EventType, Any, Any]:
        """Read the outcome of a malformed reply: unknown, and a finding."""
        reason = cut(why, ERROR_MAX)
        self._malformed(reason)
        return unsure, asked.value, {"code": 12, "text": f"malformed reply: {reason}"}

    def _told(self, result: Any) -> Any:
        """Return a result that a history can hold: a user's workload may return anything."""
        try:
            json.dumps(result)
        except (TypeError, ValueError, RecursionError):
            held(self._workload, "result", result, NoneType, "what JSON can say")
        return result

    def _refusal(
        self, asked: Request, reply: dict[str, Any], unsure: EventType
    ) -> tuple[EventType, Any, Any]:
        code = reply.get("code")
        if type(code) is not int:
            self._malformed(f"expected an integer 'code' in an error, found {shown(reply)}")
            code = 13
        answer = self._workload.answer_of(asked, code)
        if answer is not None:
            return "ok", answer, None
        name = ERROR_CODES.get(code, ("", False))[0]
        text = reply.get("text", "")
        text = text if isinstance(text, str) else shown(text, ERROR_MAX)
        error = {"code": code, "name": name, "text": cut(text, ERROR_MAX)}
        leader = reply.get("leader")
        if isinstance(leader, str) and leader in self._others:
            error["leader"] = leader
        return ("fail" if is_definite(code) else unsure), asked.value, error

    def _malformed(self, reason: str) -> None:
        world = self._world
        self._cluster.findings.add(
            Finding("malformed-reply", reason, self.node, world.now, world.events)
        )
