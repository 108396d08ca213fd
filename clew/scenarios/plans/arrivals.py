"""When clients send: in an open loop at their own times, in a closed loop after the last answer.

In an open loop requests come regardless of the system, as from users who know nothing of each
other; in a closed loop a slow system gets fewer (Schroeder, Wierman, Harchol-Balter, "Open Versus
Closed: A Cautionary Tale", NSDI 2006). Both are drawn in full when the plan is drawn. An operation
of a closed loop has its think time, and as its time the sum of the think times up to it: it can't
come earlier. More operations are drawn than will be sent; those that don't begin in time are left
out.

Load that changes is drawn in one integral: a client's operations are as far apart in load as they
would be in time under a steady one. If the rate doubles, they come twice as often.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, count

from clew.errors import UsageError
from clew.node.timer import NS_PER_SECOND, to_ns
from clew.scenarios.options.load import Pieces, micro, pieces_of
from clew.scenarios.options.scenario import Scenario
from clew.sim.entropy import Entropy
from clew.sim.latency import exponential_ns

_OPERATION = NS_PER_SECOND * 10**6
"""One operation, where a rate in millionths per second is multiplied with nanoseconds."""


class Arrivals:
    """When the clients of a scenario send requests, up to the time limit.

    Attributes:
        gap_ns: the mean time between two operations of a client, at the end of the time limit.

    Raises:
        UsageError: the scenario's load and its think time can't be together, or a surge never
            comes.
    """

    def __init__(self, scenario: Scenario, entropy: Entropy, clients: int) -> None:
        self._entropy = entropy
        self._clients = clients
        self._limit_ns = to_ns(scenario.time_limit)
        self._think_ns = None if scenario.think is None else to_ns(scenario.think)
        self._pieces = _pieces(scenario)
        self.gap_ns = to_ns(clients / scenario.rate)
        if self._think_ns is not None:
            self.gap_ns = self._think_ns
        elif self._pieces:
            last = self._pieces[-1].rate
            self.gap_ns = clients * _OPERATION // last if last else self._limit_ns

    def times(self, client: int) -> Iterator[tuple[int, int | None]]:
        """Return when a client sends, ns, in order, each with its think time in a closed loop."""
        if self._think_ns is not None:
            return self._thinking(client)
        if self._pieces:
            return self._shaped(client, self._pieces)
        return self._steady(client)

    def think_ns(self, client: int, number: int) -> int | None:
        """Draw how long a client waits after an answer before its next operation, ns.

        None in an open loop. Exponential, as where many people think.
        """
        if self._think_ns is None:
            return None
        draw = self._entropy.stream("think", client, number).bits64() >> 32
        return exponential_ns(draw, self._think_ns)

    def _steady(self, client: int) -> Iterator[tuple[int, None]]:
        timing, bound = self._entropy.stream("timing", client), 2 * self.gap_ns + 1
        at_ns = timing.below(bound)
        # Gaps are even over [1, 2 * mean + 1]: two operations of a client never begin at one
        # instant.
        while at_ns < self._limit_ns:
            yield at_ns, None
            at_ns += timing.below(bound) + 1

    def _thinking(self, client: int) -> Iterator[tuple[int, int | None]]:
        at_ns = 0
        # Invariant: `at_ns` is the sum of the think times before that of `number`.
        for number in count():
            think_ns = self.think_ns(client, number)
            at_ns += think_ns or 0
            if at_ns >= self._limit_ns:
                return
            yield at_ns, think_ns

    def _shaped(self, client: int, pieces: Pieces) -> Iterator[tuple[int, None]]:
        timing = self._entropy.stream("timing", client)
        areas = [(piece.until_ns - piece.from_ns) * piece.rate for piece in pieces]
        edges = [0, *accumulate(areas)]
        gap = self._clients * _OPERATION
        load = timing.below(2 * gap + 1)
        # Invariant: `load` is the integral of the rate up to the next operation. It lies in the
        # last piece that does not begin beyond it, which has a rate then.
        while load < edges[-1]:
            rank = bisect_right(edges, load) - 1
            yield pieces[rank].from_ns + (load - edges[rank]) // pieces[rank].rate, None
            load += timing.below(2 * gap + 1) + 1


def _pieces(scenario: Scenario) -> Pieces:
    """Return the pieces of a load that changes; none for a steady one."""
    if scenario.load is None:
        return []
    if scenario.think is not None:
        raise UsageError(
            "--load can't be used with --think",
            expected="one of them: in a closed loop clients ask as soon as they have thought",
            found=f"--load {scenario.load} and --think {scenario.think:g}",
        )
    limit_ns = to_ns(scenario.time_limit)
    begin = scenario.load.partition("@")[2].partition("+")[0]
    if begin and to_ns(float(begin)) >= limit_ns:
        raise UsageError(
            "--load can't be used",
            expected=f"a surge that begins before the time limit of {scenario.time_limit:g} s",
            found=scenario.load,
            fix="Let it begin earlier, or give a longer --time-limit",
        )
    return pieces_of(scenario.load, limit_ns, micro(scenario.rate))
