"""The one door to the machine's real clock: durations for reports, budgets and progress.

Nothing read here may reach a run: a run's time is the world's.
"""

from __future__ import annotations

from time import perf_counter as seconds  # noqa: TID251 - this is the one file that wraps it

__all__ = ["seconds"]
