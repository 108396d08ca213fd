"""Clients that retry: with backoff, hedged reads, and a budget for both.

**What a retry means for the history.** A request that was not answered may have taken effect, may
yet do so, or never will. If it is repeated, it may take effect twice. So:

- An operation that changes nothing (`readonly`), or that the workload declares to be the same when
  requested twice (`idempotent`: its argument carries an id, or it adds to a set), stays *one
  operation*, from its first request to the answer that counts. A node that lets it happen twice
  breaks its promise, and the history shows that.
- An operation of which every earlier request was surely refused, as with error 11, stays one
  operation too: it has happened at most once.
- Anything else is an operation *for each request*. The one without an answer ends as ``info`` and
  its process with it, as Jepsen's do; the next is invoked under a new process. Both may have taken
  effect, and no checker learns otherwise: a counter that shows both increments is right, because
  two were requested. To write it down as one would accuse correct nodes (a write of which a late
  first copy arrives after another client's write undoes that); to leave the first out would hide
  what the client did.
- An operation whose values must be written once for its checker (``repeatable=False``: appends to
  lists, messages of a log) is never repeated after a request that may have taken effect.

One operation that was answered by another node than it began at counts as that node's, in a
session of its own: session guarantees do not span nodes.

**Backoff** is exponential with full jitter: a time drawn evenly from 0 to the base, which doubles
with each retry, up to `BACKOFF_MAX_NS` (Brooker, "Exponential Backoff And Jitter", AWS Architecture
Blog, 2015). Draws are keyed by client, operation and attempt.

**Hedging**: a read that is unanswered after a while is also sent to a second node, and the first
answer counts (Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013). A refusal does not count
while the other node may still answer. After healing nobody hedges: then each node must answer for
itself.

**The budget** is a token bucket of each client: each operation puts a fraction of a retry into
it, each retry and each hedge takes a whole one out (gRPC's proposal A6, "Retry Throttling";
Finagle's `RetryBudget`; "Handling Overload" in Site Reliability Engineering, 2016). It begins
empty, so retries and hedges are never more than that fraction of the operations.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from itertools import count
from typing import Any, NamedTuple, TypeAlias

import simpy

from clew.history import EventType
from clew.node.message import Message, sealed
from clew.node.node import is_definite
from clew.scenarios.plans.plan import Phase, Plan, PlannedOperation
from clew.scenarios.runs.client import ELSEWHERE, Client
from clew.workloads.workload import Request

BACKOFF_MAX_NS = 20_000_000_000
"""No wait before a retry is longer, as in the AWS SDKs' standard mode."""

TEMPORARY = frozenset({11, 30})
"""Codes of definite errors after which the same may succeed: unavailable for now, a conflict."""

_Steps: TypeAlias = Generator[simpy.Event, Any, None]

_WHOLE = 1_000_000
_SAVED_MAX = 10 * _WHOLE
"""At most ten retries are saved up, or a long calm would pay for a storm."""


class Policy(NamedTuple):
    """When a client retries.

    Attributes:
        retries: how often at most, per operation.
        backoff_ns: the longest wait before the first retry.
        hedge_ns: after how long a read is also sent to a second node; None for never.
        budget_ppm: how many retries and hedges per million operations; None for any number.
    """

    retries: int = 0
    backoff_ns: int = 0
    hedge_ns: int | None = None
    budget_ppm: int | None = None

    @classmethod
    def of(cls, plan: Plan) -> Policy:
        """Return the policy of a plan."""
        return cls(plan.retries, plan.backoff_ns, plan.hedge_ns, plan.retry_budget_ppm)

    @property
    def asks_again(self) -> bool:
        """False if each operation is one request."""
        return self.retries > 0 or self.hedge_ns is not None

    def wait_max_ns(self, attempt: int) -> int:
        """Return the longest wait after the attempt of this rank, from 1."""
        # A rank in the thousands must make no number of thousands of bits.
        return min(self.backoff_ns << min(attempt - 1, 40), BACKOFF_MAX_NS)

    def patience_ns(self, timeout_ns: int) -> int:
        """Return the longest that an operation takes if each request may take `timeout_ns`."""
        waits = sum(self.wait_max_ns(attempt) for attempt in range(1, self.retries + 1))
        return timeout_ns * (self.retries + 1) + waits


class _Asked(NamedTuple):
    """A request under way: its process and its node."""

    process: int
    node: str


class RetryingClient(Client):
    """A client that retries as its policy says; otherwise like `Client`.

    What its methods share of the operation that is open: `_open` holds the requests whose answer
    may count, by number; the first of them was sent as number `_first`, and `_refused` is what was
    refused to it while a hedge was under way. `_counted` is the one whose answer counted.
    """

    def __init__(self, policy: Policy, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._policy = policy
        self._entropy = self._cluster.entropy
        self._closing_ns: Mapping[Phase, int] = {}
        self._open: dict[int, _Asked] = {}
        self._first = self._saved = 0
        self._refused: dict[str, Any] | None = None
        self._counted = 0, _Asked(self._process, self.node)
        self._hedged: Request | None = None
        self._busy = False

    @property
    def waiting(self) -> bool:
        """True while an operation is open."""
        return self._busy or self._reply is not None

    def work(
        self,
        setup: dict[str, Any] | None,
        operations: Iterable[PlannedOperation],
        closing_ns: Mapping[Phase, int],
    ) -> _Steps:
        """Do as `Client.work`; no request is repeated after its phase closed."""
        self._closing_ns = closing_ns
        yield from super().work(setup, operations, closing_ns)

    # One request, perhaps hedged.

    def ask(self, body: dict[str, Any]) -> simpy.Event:
        """Send a request, as `Client.ask`."""
        reply = super().ask(body)
        self._first, self._refused = self._msg_id, None
        self._open = {self._msg_id: _Asked(self._process, self.node)}
        return reply

    def receive(self, message: Message) -> None:
        """Take a reply; the first that is not a refusal counts, or else the last."""
        number = message.body.get("in_reply_to")
        if self._reply is None or type(number) is not int or number not in self._open:
            self._recorder.client_messages += 1
            self._unasked(message)
            return
        self._recorder.client_messages += 1
        asked, body = self._open.pop(number), message.body
        if not self._is_refusal(body):
            self._end(body, number, asked)
            return
        if number == self._first:
            self._refused, self._counted = body, (number, asked)
        if not self._open:
            self._end(self._refused, *self._counted)

    def _is_refusal(self, body: dict[str, Any]) -> bool:
        """Return whether a reply says only that this node does not answer now."""
        code = body.get("code")
        if body.get("type") != "error" or type(code) is not int:
            return False
        if self._hedged is not None and self._workload.answer_of(self._hedged, code) is not None:
            return False
        return code in TEMPORARY | ELSEWHERE or not is_definite(code)

    def _end(self, body: dict[str, Any] | None, number: int, asked: _Asked) -> None:
        """End the wait; what is still open may be answered late."""
        assert self._reply is not None
        self._counted = number, asked
        self._late.update(dict.fromkeys(self._open))
        self._open.clear()
        reply, self._reply = self._reply, None
        reply.succeed(body)

    def _expire(self, msg_id: int) -> None:
        if self._reply is not None and msg_id == self._first:
            if self._refused is None:
                self._recorder.attempts.timeouts += 1
                self._counted = msg_id, self._open.pop(msg_id)
                self._late[msg_id] = self._world.now - self._timeout_ns
            self._end(self._refused, *self._counted)

    def _hedge(self, msg_id: int) -> None:
        """Send to a second node too, if the request of this number is still unanswered."""
        if self._reply is None or msg_id not in self._open or self._hedged is None:
            return
        node = self._next(self._others or (self.node,))
        if node == self.node or not self._affords():
            return
        recorder, wanted = self._recorder, self._hedged
        recorder.attempts.hedges += 1
        recorder.client_messages += 1
        self._msg_id += 1
        asked = _Asked(self._another(), node)
        self._open[self._msg_id] = asked
        now = self._world.now
        recorder.trace.add(now, "hedge", self._process, asked.process, wanted.f, node)
        body = {**self._workload.request(wanted), "msg_id": self._msg_id}
        link = self._link_to(node)
        assert link is not None  # it is a member
        link.emit(*sealed(body))

    # The budget.

    def _affords(self) -> bool:
        """Take a retry out of the budget; False if it holds none."""
        if self._policy.budget_ppm is None:
            return True
        if self._saved < _WHOLE:
            self._recorder.attempts.held_back += 1
            return False
        self._saved -= _WHOLE
        return True

    # One operation.

    def _operate(self, planned: PlannedOperation) -> _Steps:
        """Send the request of an operation, repeat it if due, and record what came of it."""
        asked = self._asked(planned)
        if asked is None:
            return
        self._saved = min(self._saved + (self._policy.budget_ppm or 0), _SAVED_MAX)
        self._busy = True
        yield from self._tried(planned, asked)
        self._busy = False

    def _tried(self, planned: PlannedOperation, first: Request) -> _Steps:
        """Try an operation until it is answered or given up.

        Invariant: `unsure` says whether a request of the operation that is open in the history may
        have taken effect unseen. Only what is idempotent stays open while it is true.
        """
        once = self._workload.operations[first.f].idempotent
        said = {"final": True} if planned.phase == "final" else {}
        place = self._begin(first, said)
        unsure = False
        for attempt in count(1):
            reply = yield self._send(planned, first)
            number, (process, node) = self._counted
            if number != self._first:  # it was the second node that answered
                self._recorder.moved(*place, process, node, (self.id, number))
            kind, value, error = self._read(first, reply)
            unsure = unsure or kind == "info"
            self._heed(planned.phase, reply, kind)
            wait_ns = (
                None if kind == "ok" else self._wait_ns(planned, reply, attempt, unsure=unsure)
            )
            closed = wait_ns is None or (unsure and not once)
            if closed:
                kind = "info" if unsure and kind == "fail" else kind
                self._close(first, kind, value, error)
            if wait_ns is None:
                return
            yield self._world.timeout(wait_ns)
            self._note_retry(process, first.f, attempt + 1, apart=closed)
            if closed:
                unsure = False
                place = self._begin(first, {**said, "attempt": attempt + 1})
            else:
                again = self.id, self._msg_id + 1
                self._recorder.moved(*place, self._process, self.node, again)

    def _close(self, asked: Request, kind: EventType, value: Any, error: Any) -> None:
        """Record how the open operation ended; if unknown, the next is another process's."""
        process, node = self._counted[1]
        self._recorder.complete(process, kind, asked, value, error, node)
        self._workload.heard(asked, kind, value, self.rank)
        if kind == "info" and process == self._process:
            self._process = self._another()

    def _note_retry(self, process: int, f: str, attempt: int, *, apart: bool) -> None:
        """Count a retry of an operation of `process`, and put it into the trace."""
        recorder = self._recorder
        recorder.attempts.retries += 1
        recorder.attempts.apart += apart
        now = self._world.now
        recorder.trace.add(now, "retry", process, self._process, f, self.node, attempt)

    def _begin(self, asked: Request, extra: dict[str, Any]) -> tuple[int, int]:
        """Invoke an operation; the place of its event in the history, and its number."""
        recorder = self._recorder
        place = len(recorder.events), len(recorder.requests)
        request = (self.id, self._msg_id + 1)
        recorder.invoke(self._process, asked, self.node, request, extra or None)
        return place

    def _send(self, planned: PlannedOperation, asked: Request) -> simpy.Event:
        """Send a request; a read that stays unanswered is hedged, until all is healed."""
        reply = self.ask(self._workload.request(asked))
        hedge_ns = self._policy.hedge_ns
        self._hedged = None
        if hedge_ns is not None and planned.phase == "main" and asked.f in self._workload.readonly:
            self._hedged = asked
            self._world.call_at(self._world.now + hedge_ns, self._hedge, self._msg_id)
        return reply

    def _wait_ns(
        self, planned: PlannedOperation, reply: dict[str, Any] | None, attempt: int, *, unsure: bool
    ) -> int | None:
        """Return how long to wait before an operation is repeated, ns; None if it is not."""
        declared = self._workload.operations[planned.f]
        if unsure and not (declared.idempotent or declared.repeatable):
            return None
        if attempt > self._policy.retries or not self._may_help(reply):
            return None
        stream = self._entropy.stream("backoff", self.rank, planned.number, attempt)
        wait_ns = stream.below(self._policy.wait_max_ns(attempt) + 1)
        closing: Phase = "final" if planned.phase == "final" else "recover"
        if self._world.now + wait_ns >= self._closing_ns[closing] or not self._affords():
            return None
        return wait_ns

    def _may_help(self, reply: dict[str, Any] | None) -> bool:
        """Return whether a retry may succeed after a missing or an unhelpful reply."""
        if reply is None:
            return True
        moved = self.node != self._counted[1].node
        return self._is_refusal(reply) and (moved or reply["code"] not in ELSEWHERE - TEMPORARY)
