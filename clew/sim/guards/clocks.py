"""Clocks: a node's are its host's, which may be wrong; the time zone is UTC.

A file that is being imported sees them stopped at the start of virtual time.
"""

from __future__ import annotations

import datetime as dt  # noqa: TID251 - these are what it guards
import os
import time  # noqa: TID251
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from clew.node.timer import NS_PER_SECOND
from clew.sim.clock import EPOCH_NS
from clew.sim.guards.caller import Answer, Caller, Importing, caller, world_now
from clew.sim.guards.rows import (
    Amended,
    Row,
    Standing,
    Value,
    Virtual,
    real_class,
    refused,
    standing,
)

_REAL_GMTIME = time.gmtime
_REAL_STRFTIME = time.strftime
_REAL_ASCTIME = time.asctime
_REAL_DATETIME = dt.datetime
_REAL_DATE = dt.date

_WALL_CLOCKS = {
    number
    for name in ("CLOCK_REALTIME", "CLOCK_TAI", "CLOCK_REALTIME_COARSE", "CLOCK_REALTIME_ALARM")
    if (number := getattr(time, name, None)) is not None
}


def wall_ns(who: Caller) -> int:
    """Return the caller's wall clock, ns since 1970."""
    if isinstance(who, Importing):
        return who.wall_ns()
    clock = who.host.clock
    return clock.wall(world_now())


def monotonic_ns(who: Caller) -> int:
    """Return the caller's monotonic clock, ns."""
    if isinstance(who, Importing):
        return who.monotonic_ns()
    clock = who.host.clock
    return clock.monotonic(world_now())


def _wall(who: Caller) -> float:
    return wall_ns(who) / NS_PER_SECOND


def _monotonic(who: Caller) -> float:
    return monotonic_ns(who) / NS_PER_SECOND


def _gettime_ns(who: Caller, clock: int) -> int:
    return wall_ns(who) if clock in _WALL_CLOCKS else monotonic_ns(who)


def _broken_down(who: Caller, *given: Any) -> time.struct_time:
    """Answer ``gmtime`` and ``localtime``: a simulated node's time zone is UTC."""
    seconds = given[0] if given and given[0] is not None else wall_ns(who) // NS_PER_SECOND
    return _REAL_GMTIME(seconds)


def _strftime(who: Caller, form: str, *given: Any) -> str:
    return _REAL_STRFTIME(form, *(given or (_broken_down(who),)))


def _asctime(who: Caller, *given: Any) -> str:
    return _REAL_ASCTIME(*(given or (_broken_down(who),)))


def _times(who: Caller) -> os.times_result:
    seconds = _monotonic(who)
    return os.times_result((seconds, 0.0, 0.0, 0.0, seconds))


def _getrusage(who: Caller, _: int) -> tuple[float, ...]:
    """Answer that a node computes in no time and no memory, though time passes."""
    import resource  # noqa: PLC0415 - not everywhere; who calls this has it

    return resource.struct_rusage((_monotonic(who), 0.0, *(0 for _ in range(14))))


class _Datetime(dt.datetime, metaclass=Standing):
    """`datetime.datetime` whose present is the running node's."""

    real = _REAL_DATETIME

    def __new__(cls, *args: Any, **named: Any) -> Any:
        return _REAL_DATETIME.__new__(real_class(cls), *args, **named)

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        """Return the node's wall clock; UTC if no zone is given."""
        who = caller()
        if who is None:
            return real_class(cls).now(tz)
        present = _present(wall_ns(who))
        present = present.replace(tzinfo=None) if tz is None else present.astimezone(tz)
        return real_class(cls).combine(present.date(), present.timetz())

    @classmethod
    def utcnow(cls) -> Any:
        """Return the node's wall clock in UTC, without a zone."""
        return cls.now(dt.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        """Return the same as ``now()``."""
        return cls.now()


class _Date(dt.date, metaclass=Standing):
    """`datetime.date` whose today is the running node's."""

    real = _REAL_DATE

    def __new__(cls, *args: Any, **named: Any) -> Any:
        return _REAL_DATE.__new__(real_class(cls), *args, **named)

    @classmethod
    def today(cls) -> Any:
        """Return the day of the node's wall clock, in UTC."""
        who, real = caller(), real_class(cls)
        if who is None:
            return real.today()
        return real.fromordinal(_present(wall_ns(who)).toordinal())


def _present(present_ns: int) -> dt.datetime:
    epoch = _REAL_DATETIME(1970, 1, 1, tzinfo=dt.UTC)
    return epoch + dt.timedelta(microseconds=present_ns // 1000)


def _datetime64(who: Caller, real: Answer, cls: type, *args: Any) -> Any:
    """Answer numpy's ``datetime64("now")`` and ``datetime64("today")``."""
    if args and args[0] in {"now", "today"}:
        present = _present(wall_ns(who)).replace(tzinfo=None)
        day = present.date()
        return real(
            cls, present if args[0] == "now" else day, *(args[1:] or "sD"[args[0] != "now"])
        )
    return real(cls, *args)


def _logging_start(real: float) -> float:
    """Return when logging was imported, in seconds or from Python 3.13 on in ns."""
    return EPOCH_NS if isinstance(real, int) else EPOCH_NS / NS_PER_SECOND


_SETTING = refused("setting a clock", "the clock faults of a scenario")

CLOCKS: Final[dict[str, Row]] = {
    "time:time": Virtual(_wall),
    "time:time_ns": Virtual(wall_ns),
    "time:monotonic": Virtual(_monotonic),
    "time:monotonic_ns": Virtual(monotonic_ns),
    "time:perf_counter": Virtual(_monotonic),
    "time:perf_counter_ns": Virtual(monotonic_ns),
    "time:process_time": Virtual(_monotonic),
    "time:process_time_ns": Virtual(monotonic_ns),
    "time:thread_time": Virtual(_monotonic),
    "time:thread_time_ns": Virtual(monotonic_ns),
    "time:clock_gettime": Virtual(lambda who, clock: _gettime_ns(who, clock) / NS_PER_SECOND),
    "time:clock_gettime_ns": Virtual(_gettime_ns),
    "time:clock_settime": _SETTING,
    "time:clock_settime_ns": _SETTING,
    "time:pthread_getcpuclockid": Virtual(lambda _, __: time.CLOCK_MONOTONIC),
    "time:tzset": refused("setting the time zone", "zoneinfo; a node's time zone is UTC"),
    "time:gmtime": Virtual(_broken_down),
    "time:localtime": Virtual(_broken_down),
    "time:ctime": Virtual(lambda who, *given: _REAL_ASCTIME(_broken_down(who, *given))),
    "time:asctime": Virtual(_asctime),
    "time:strftime": Virtual(_strftime),
    "os:times": Virtual(_times),
    "resource:getrusage": Virtual(_getrusage),
    "datetime:datetime": Value(lambda _: _Datetime),
    "datetime:date": Value(lambda _: _Date),
    "numpy:datetime64": standing(Amended(_datetime64, importing=True)),
    "logging:_startTime": Value(_logging_start),
    "_datetime:datetime": Value(lambda _: _Datetime),
    "_datetime:date": Value(lambda _: _Date),
}  # fmt: skip


@contextmanager
def utc() -> Iterator[None]:
    """Make local time UTC: a machine's time zone is no part of a run."""
    before = os.environ.get("TZ")
    if before == "UTC" or not hasattr(time, "tzset"):
        yield
        return
    _set_zone("UTC")
    try:
        yield
    finally:
        _set_zone(before)


_REAL_TZSET = getattr(time, "tzset", None)


def _set_zone(zone: str | None) -> None:
    if zone is None:
        os.environ.pop("TZ", None)  # a file may have emptied its environment
    else:
        os.environ["TZ"] = zone
    assert _REAL_TZSET is not None
    _REAL_TZSET()
