"""Virtual time: SimPy's environment in integer nanoseconds, with bare callbacks beside events.

A SimPy event with a callback costs twice a bare heap entry, and a SimPy process with a Store
nineteen times; so deliveries and timers are bare entries of the same queue (`clew.sim.entry`), and
what a reader should follow top to bottom (clients, faults) is a SimPy process.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import simpy
from simpy.events import NORMAL

from clew.machine.text import Unwinding
from clew.sim.entry import QueueEntry
from clew.sim.orders.order import OrderPolicy
from clew.sim.orders.time import TimeOrder


class EndlessLoop(Unwinding):
    """Unwinds a node's code that does not end; the run is then over."""


LOOKS_MAX = 50_000
"""The number of clock readings in one event that is a loop waiting for time to pass."""


class World(simpy.Environment):
    """The clock and the queue of a run.

    Attributes:
        now: virtual time, ns; an attribute and not a property, since every event reads it.
        events: how many have happened.
        current: the process whose code is running, or None; the guards read it.
        when_abandoned: called when an event was stopped in the middle.
        when_stuck: called when the code of one event reads clocks without end, to report it.
        when_interrupted: True if a node raised KeyboardInterrupt and the user did not press Ctrl-C.
    """

    now: int = 0  # SimPy's own is a property

    def __init__(self, order: OrderPolicy | None = None) -> None:
        super().__init__(0)
        self.order = order or TimeOrder()
        self.order.attach(lambda: self.now)
        self._queue = self.order.pending
        self.push = self.order.push
        self.sequence: Callable[[], int] = count().__next__
        self.events = 0
        self.current: Any = None
        self._stopped = False
        self._looked = (0, 0)
        self.when_stuck: Callable[[], None] | None = None
        self.when_abandoned: Callable[[], None] | None = None
        self.when_interrupted: Callable[[KeyboardInterrupt], bool] | None = None

    def schedule(self, event: simpy.Event, priority: int = NORMAL, delay: float = 0) -> None:
        """Queue a SimPy event; SimPy calls this."""
        self.push((self.now + delay, priority, self.sequence(), _happen, event))

    def call_at(self, time_ns: int, callback: Callable[[Any], None], argument: Any) -> None:
        """Call ``callback(argument)`` at a virtual time that is not in the past."""
        self.push((time_ns, NORMAL, self.sequence(), call, callback, argument))

    def look(self) -> int:
        """Return the virtual time, for a reading of a node's clock.

        Raises:
            EndlessLoop: this event's code has read clocks so often that it must be waiting for
                them.
        """
        event, looks = self._looked
        looks = looks + 1 if event == self.events else 1
        self._looked = self.events, looks
        if looks > LOOKS_MAX:
            self.stop()
            if self.when_stuck is not None:
                self.when_stuck()
            raise EndlessLoop
        return self.now

    @property
    def stopped(self) -> bool:
        """True once it is over: `advance` does nothing any more."""
        return self._stopped

    def stop(self) -> None:
        """End `advance` after the current event."""
        self._stopped = True

    def advance(self, until_ns: int) -> None:
        """Let everything happen up to and including a virtual time; then time is `until_ns`."""
        try:
            self._advance(until_ns)
        except EndlessLoop:
            self.abandon()
        except KeyboardInterrupt as error:
            if self.when_interrupted is None or not self.when_interrupted(error):
                self.current = None  # what cleans up is not a node's code
                raise
            self.abandon()
        except Unwinding:
            self.current = None
            raise

    def abandon(self) -> None:
        """Stop in the middle of an event that does not end."""
        self._stopped = True
        self.current = None
        if self.when_abandoned is not None:
            self.when_abandoned()

    def _advance(self, until_ns: int) -> None:
        pending, pop = self._queue, self.order.pop
        # Entry by entry, in the policy's order. `now` only grows: a policy may give an entry late,
        # and then it happens now. An entry beyond the end is given back, so that the next call
        # finds it. The positions TIME and HAPPEN are literals: this is the hottest loop.
        while pending and not self._stopped:
            entry = pop()
            if entry[0] > until_ns:
                self.push(entry)
                break
            time = entry[0]
            if time > self.now:  # noqa: PLR1730 - max() costs a call an event
                self.now = time
            self.events += 1
            entry[3](entry)
        if not self._stopped:
            self.now = until_ns


def call(entry: QueueEntry) -> None:
    """Make the call that `World.call_at` queued."""
    entry[4](entry[5])


def _happen(entry: QueueEntry) -> None:
    """Run a SimPy event's callbacks, as `simpy.Environment.step` does."""
    event: simpy.Event = entry[4]
    callbacks = event.callbacks
    event.callbacks = None  # type: ignore[assignment] # SimPy marks a processed event so
    # An event that failed and that nobody was told of is a mistake of Clew's own: SimPy raises it
    # here.
    for callback in callbacks:
        callback(event)
    if not event._ok and not hasattr(event, "_defused"):  # noqa: SLF001 - SimPy's own protocol
        raise event._value  # noqa: SLF001
