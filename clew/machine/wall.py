"""The one door to the machine's real clocks: for reports, budgets, progress and real processes.

Nothing read here may reach a run: a run's time is the world's.
"""

from __future__ import annotations

from time import perf_counter as seconds  # noqa: TID251 - this is the one file that wraps it
from time import time as seconds_since_1970  # noqa: TID251

__all__ = ["seconds", "seconds_since_1970"]
