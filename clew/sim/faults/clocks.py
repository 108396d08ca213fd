"""Clocks that are wrong: off, fast or slow, jumping, or jumping to and fro.

Offsets and jumps move the wall clock only; the monotonic clock may run fast or slow but never
goes back. What several faults do to one clock adds up. Healing steps every wall clock back to
true time at once, as a time service would, and lets the monotonic clocks go on from where they
are at the true rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from clew.sim.clock import Clock
from clew.sim.faults.injection import Injection, Need, Parameter, names, seconds, several
from clew.sim.host import Host

DRIFT_LEAST_PPM = -900_000
"""Drifts that add up to less are cut off here: a clock never stands still or goes back."""

_DAY_NS = 86_400_000_000_000


def repeat_change(clock: Clock, true_ns: int, told: str) -> None:
    """Do to a clock what a record of the kind ``clock`` says: the last word is the unit."""
    if told in {_STOPS, _GOES_ON}:
        (clock.stop if told == _STOPS else clock.go_on)(true_ns)
        return
    what, amount, _ = told.split()
    if what == "rate":
        clock.set_drift(true_ns, int(amount))
    else:
        clock.offset_ns += int(amount)


_STOPS, _GOES_ON = "wall stands still", "wall goes on"


class ClockFault(Injection):
    """Base of the clock faults; they take effect in readings of clocks that were wrong for them.

    The first parameter, if there is any, says how far, or how fast; if it is 0, no clock is wrong.
    """

    group: ClassVar[str] = "clock"
    bites: ClassVar[str] = "readings of a clock that was wrong"
    needs: ClassVar[Need] = "clock"
    aims: ClassVar[tuple[str, ...]] = ("one", "leader", "minority", "all")

    _reads = 0

    def shift(self, offset_ns: int) -> None:
        """Move the targets' wall clocks."""
        for host in self.targets:
            host.clock.offset_ns += offset_ns
            self.cluster.trace.add(self.now, "clock", host.id, f"wall {offset_ns:+} ns")

    def felt(self) -> int:
        """Count how often the nodes have so far done something that shows them a wrong clock."""
        return sum(host.clock.wall_reads for host in self.targets)

    def mark(self) -> None:
        """Note that the clocks are wrong from here on."""
        self._reads = self.felt()

    def count(self) -> None:
        """Note that they were wrong up to here."""
        before = self._reads
        self.mark()
        if self.goes_wrong:
            self.bit += self._reads - before

    @property
    def goes_wrong(self) -> bool:
        """False if its first parameter leaves every clock right."""
        return not self.parameters or bool(self.param(self.parameters[0].name))

    def told(self) -> str:
        """Say how often the clocks were read while they were wrong."""
        if not self.goes_wrong:
            return "no clock was wrong for that"
        return f"they were read {several(self.bit, 'time')} meanwhile"


def _offset(name: str, default_ns: int, summary: str) -> Parameter:
    return Parameter(
        name, "ns", default_ns, summary, -_DAY_NS, _DAY_NS, (1_000_000, 60_000_000_000)
    )


class Offset(ClockFault):
    """The wall clock is off, and set right at the end."""

    summary: ClassVar[str] = "the target's wall clock is off by a constant until the end"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        _offset("offset_ns", 1_000_000_000, "how far it is ahead; negative: behind"),
    )

    def begin(self) -> str:
        """Set the clocks wrong."""
        self.mark()
        self.shift(self.param("offset_ns"))
        return (
            f"moved the wall clocks of {names(self.targets)} by {seconds(self.param('offset_ns'))}"
        )

    def end(self) -> str:
        """Set them right again."""
        self.count()
        self.shift(-int(self.param("offset_ns")))
        return f"moved {names(self.targets)} back; {self.told()}"


class Jump(ClockFault):
    """The wall clock jumps once, and stays there until all heals."""

    summary: ClassVar[str] = "the target's wall clock jumps and stays so until all heals"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        _offset("jump_ns", -1_000_000_000, "how far it jumps; negative: back"),
    )
    instant: ClassVar[bool] = True

    def begin(self) -> str:
        """Jump."""
        self.mark()
        self.shift(self.param("jump_ns"))
        return (
            f"made the wall clocks of {names(self.targets)} jump {seconds(self.param('jump_ns'))}"
        )

    def end(self) -> str:
        """Do nothing: the clocks stay where they are."""
        return f"the wall clocks of {names(self.targets)} stay off"

    def settle(self) -> str:
        """Count up to now, since they were off until now."""
        self.count()
        return self.told()


class Strobe(ClockFault):
    """The wall clock jumps to and fro."""

    summary: ClassVar[str] = "the target's wall clock jumps ahead and back, again and again"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "amplitude_ns", "ns", 200_000_000, "how far it jumps",
            1, _DAY_NS, (1_000_000, 10_000_000_000),
        ),
        Parameter(
            "period_ns", "ns", 100_000_000, "the time between two jumps",
            100_000, _DAY_NS, (2_000_000, 500_000_000),
        ),
    )  # fmt: skip

    _ahead = 0
    _times = 0

    def begin(self) -> str:
        """Report how."""
        amplitude, period = self.param("amplitude_ns"), self.param("period_ns")
        return (
            f"made the wall clocks of {names(self.targets)} jump by {seconds(amplitude)} "
            f"every {seconds(period)}"
        )

    def steps(self) -> Iterator[int]:
        """Move the clocks ahead, back, ahead, back."""
        amplitude, period = int(self.param("amplitude_ns")), int(self.param("period_ns"))
        while True:
            step = -amplitude if self._ahead else amplitude
            self._ahead += step
            if self._ahead:
                self.mark()
            else:
                self.count()
            self.shift(step)
            self._times += 1
            yield period

    def end(self) -> str:
        """Leave the clocks where they were before."""
        if self._ahead:
            self.count()
            self.shift(-self._ahead)
        moved = several(self._times, "time")
        return (
            f"moved the clocks of {names(self.targets)} {moved}; "
            f"they were read {several(self.bit, 'time')} while ahead"
        )


class Stop(ClockFault):
    """The wall clock stands still, and goes on from there at the end: it is then behind."""

    apart: ClassVar[bool] = True
    like: ClassVar[tuple[str, ...]] = ("clock-offset", "clock-drift")
    summary: ClassVar[str] = (
        "the target's wall clock stands still, and goes on from there at the end; its timers go on"
    )
    aims: ClassVar[tuple[str, ...]] = ("one", "leader", "minority", "all")
    lingers: ClassVar[bool] = True

    def begin(self) -> str:
        """Stop the clocks."""
        self.mark()
        for host in self.targets:
            self.ledger.stopped.setdefault(host.id, []).append(self.fault.id)
            host.clock.stop(self.now)
            self.cluster.trace.add(self.now, "clock", host.id, _STOPS)
        return f"stopped the wall clocks of {names(self.targets)}"

    def end(self) -> str:
        """Let those go on that no other fault stops."""
        self.count()
        for host in self.targets:
            stopped = self.ledger.stopped[host.id]
            stopped.remove(self.fault.id)
            if not stopped:
                host.clock.go_on(self.now)
                self.cluster.trace.add(self.now, "clock", host.id, _GOES_ON)
        return f"let the clocks of {names(self.targets)} go on; {self.told()}"


class Drift(ClockFault):
    """Both clocks run fast or slow, and so do the timers."""

    summary: ClassVar[str] = "the target's clocks and timers run fast or slow"
    bites: ClassVar[str] = "readings of a clock that was wrong, and timers set by it"
    needs: ClassVar[Need] = "timers"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "drift_ppm", "ppm", 50_000, "how much faster than true time; negative: slower",
            -500_000, 500_000, (100, 200_000),
        ),
    )  # fmt: skip

    def begin(self) -> str:
        """Set the rate."""
        self.mark()
        for host in self.targets:
            self.ledger.drifts.setdefault(host.id, {})[self.fault.id] = self.param("drift_ppm")
            self._set(host)
        return f"made the clocks of {names(self.targets)} run {self.param('drift_ppm'):+} ppm"

    def end(self) -> str:
        """Take its part of the rate away."""
        self.count()
        for host in self.targets:
            self.ledger.drifts[host.id].pop(self.fault.id, None)
            self._set(host)
        return f"set the rates of {names(self.targets)} back; {self.told()}"

    def told(self) -> str:
        """Say how often the clocks were read, and timers set, while they were wrong."""
        told = super().told()
        return told.replace("they were read", "clocks were read and timers set")

    def felt(self) -> int:
        """Count the readings of both clocks, and the timers."""
        return super().felt() + sum(
            host.clock.monotonic_reads + host.clock.timers for host in self.targets
        )

    def _set(self, host: Host) -> None:
        # What several faults add is added up anew each time, so that they may end in any order.
        total = max(sum(self.ledger.drifts[host.id].values()), DRIFT_LEAST_PPM)
        host.clock.set_drift(self.now, total)
        self.cluster.trace.add(self.now, "clock", host.id, f"rate {total:+} ppm")
