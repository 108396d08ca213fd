"""Figures of load: what was requested, how much of it the cluster did, and how busy it was.

Goodput is the number of operations that ended well, per second; offered load is the number
requested. If nodes state what their work costs, each has a utilisation and a queue. All figures are
also given over time, in windows of whole virtual seconds, of which there are at most `WINDOWS_MAX`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from clew.node.timer import NS_PER_SECOND
from clew.scenarios.runs.run import Run
from clew.sim.load import WINDOW_NS, Load, Window

WINDOWS_MAX = 60


def load_figures(run: Run) -> dict[str, Any]:
    """Return figures of a run by name: ``load``, and if nodes worked ``utilisation`` and so on."""
    plan = run.plan
    healed_ns = min(plan.time_limit_ns, run.virtual_ns)
    end_ns = min(run.recovered_ns, run.virtual_ns)
    asked, done = _moments(run)
    parts = {"main": (0, healed_ns), "recovery": (healed_ns, end_ns)}
    figures: dict[str, Any] = {
        "load": {
            **_rates(asked, done, 0, end_ns),
            **{
                name: _rates(asked, done, *part)
                for name, part in parts.items()
                if part[1] > part[0]
            },
            "over_time": _load_over_time(asked, done, run.virtual_ns),
        }
    }
    if not run.loads:
        return figures
    nodes = {name: _node(load, run.virtual_ns) for name, load in run.loads.items()}
    queues = [node["queue"] for node in nodes.values()]
    shares = [node["utilisation"] for node in nodes.values()]
    return figures | {
        "utilisation": {"mean": _rounded(sum(shares), len(shares)), "max": max(shares)},
        "queue": {
            "mean": _rounded(sum(queue["mean"] for queue in queues), len(queues)),
            "max": max(queue["max"] for queue in queues),
            "refused": sum(queue["refused"] for queue in queues),
        },
        "nodes": nodes,
    }


BUSY = 0.98
"""A node whose workers are busy for this share of the recovery is overloaded in it."""


def overload(run: Run) -> str:
    """Return which nodes worked in vain after all had healed, in a sentence; empty if none did.

    Such a node's workers are busy all the time and it refuses nothing, while clients get less than
    half of what they ask for: it works on what they have given up.
    """
    # Only the windows that lie in the recovery as a whole.
    begin = -(-run.plan.time_limit_ns // WINDOW_NS)
    end_ns = min(run.recovered_ns, run.virtual_ns)
    seconds = end_ns // WINDOW_NS - begin
    if not run.loads or seconds < 1:
        return ""
    rates = _rates(*_moments(run), run.plan.time_limit_ns, end_ns)
    if 2 * rates["goodput"] >= rates["offered"]:
        return ""
    queues = [
        f"{name} (with {_waiting(windows, seconds * WINDOW_NS):,.0f} jobs waiting on average)"
        for name, load in run.loads.items()
        if (windows := load.windows[begin : begin + seconds])
        and _busy(windows, load.workers * seconds * WINDOW_NS) >= BUSY
        and not any(window.refused for window in windows)
    ]
    if not queues:
        return ""
    return (
        f"After healing {', '.join(queues)} worked all the time, and {rates['goodput']:.3g} of "
        f"{rates['offered']:.3g} operations per second were answered in time: what is worked on, "
        "clients have given up. A bound on the queue, such as Capacity(queue=20), ends that, and "
        "so do clients that ask again less often."
    )


def _moments(run: Run) -> tuple[list[int], list[int]]:
    """Return when each operation began, and when each that happened was answered; ns."""
    history, operations = run.history, run.history.operations
    # What a client asks again was offered once, be it an operation of the history by itself.
    asked = [
        one.start
        for one in operations
        if one.start is not None and "attempt" not in (history[one.invoked].extra or ())
    ]
    done = [one.end for one in operations if one.type == "ok" and one.end is not None]
    return asked, done


def _rates(asked: Sequence[int], done: Sequence[int], begin_ns: int, end_ns: int) -> dict[str, Any]:
    """Count what was requested and what ended well between two times, per second."""
    length_ns = end_ns - begin_ns
    return {
        name: _rounded(sum(begin_ns <= ns < end_ns for ns in moments) * NS_PER_SECOND, length_ns)
        for name, moments in (("offered", asked), ("goodput", done))
    }


def _load_over_time(asked: Sequence[int], done: Sequence[int], end_ns: int) -> dict[str, Any]:
    width_ns = window_ns(end_ns)
    lengths = _lengths(end_ns)
    found: dict[str, Any] = {"seconds": width_ns // NS_PER_SECOND}
    for name, moments in (("offered", asked), ("goodput", done)):
        counts = [0] * len(lengths)
        # What happens at the very end belongs to the last window.
        for ns in moments:
            counts[min(ns // width_ns, len(counts) - 1)] += 1
        found[name] = [
            _rounded(count * NS_PER_SECOND, length)
            for count, length in zip(counts, lengths, strict=True)
        ]
    return found


def window_ns(end_ns: int) -> int:
    """Return the length of a run's windows: the fewest whole seconds that make few windows."""
    return -(-end_ns // (WINDOWS_MAX * WINDOW_NS)) * WINDOW_NS or WINDOW_NS


def _lengths(end_ns: int) -> list[int]:
    """Return the lengths of a run's windows, ns; the last may be shorter."""
    width_ns = window_ns(end_ns)
    begins = range(0, max(end_ns, 1), width_ns)
    return [max(min(width_ns, end_ns - begin), 1) for begin in begins]


def _node(load: Load, end_ns: int) -> dict[str, Any]:
    """Return figures of a node that worked."""
    lengths, step = _lengths(end_ns), window_ns(end_ns) // WINDOW_NS
    parts = [load.windows[rank * step : (rank + 1) * step] for rank in range(len(lengths))]
    return {
        "utilisation": _busy(load.windows, load.workers * end_ns),
        "queue": {
            "mean": _waiting(load.windows, end_ns),
            "max": _longest(load.windows),
            "refused": sum(window.refused for window in load.windows),
        },
        "over_time": {
            "utilisation": [
                _busy(part, load.workers * length)
                for part, length in zip(parts, lengths, strict=True)
            ],
            "queue": [_waiting(part, length) for part, length in zip(parts, lengths, strict=True)],
            "longest": [_longest(part) for part in parts],
            "refused": [sum(window.refused for window in part) for part in parts],
        },
    }


def _busy(windows: Iterable[Window], worker_ns: int) -> float:
    return _rounded(sum(window.busy_ns for window in windows), worker_ns)


def _waiting(windows: Iterable[Window], length_ns: int) -> float:
    return _rounded(sum(window.waiting_ns for window in windows), length_ns)


def _longest(windows: Iterable[Window]) -> int:
    return max((window.longest for window in windows), default=0)


def _rounded(numerator: float, denominator: int) -> float:
    return round(numerator / denominator, 4) if denominator else 0.0
