"""How long a message takes: integer distributions, without floating point and without libm.

The exponential and the long-tailed quantiles come from tables and integer square roots, so a
draw is the same on every platform.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context as ContextOfVariables
from decimal import Context, Decimal
from functools import lru_cache
from math import isqrt
from typing import Literal, NamedTuple, TypeAlias

Shape: TypeAlias = Literal["constant", "uniform", "exponential", "long-tailed"]

SHAPES: dict[str, str] = {
    "constant": "always the mean",
    "uniform": "evenly spread over [0, 2 x mean)",
    "exponential": "memoryless, with the mean",
    "long-tailed": "Pareto with exponent 2 from half the mean on: one in a hundred takes 5 x mean",
}

WIRE_LOW_NS = 20_000
WIRE_SPAN_NS = 180_000
"""Every hop takes 20 to 200 us on top of its latency: no network is instant, and events that happen
at one instant would always come in the same order."""

_STEPS = 1024


class Latency(NamedTuple):
    """A latency profile.

    Attributes:
        mean_ns: the mean; 0 leaves the wire's own 20 to 200 us.
        shape: a key of `SHAPES`.
        floor_ns: what every message takes besides, such as the time that light needs.
    """

    mean_ns: int = 0
    shape: Shape = "constant"
    floor_ns: int = 0

    @property
    def whole_mean_ns(self) -> int:
        """The mean of all that a message takes beside the wire's own."""
        return self.floor_ns + self.mean_ns

    def parameters(self) -> tuple[int, int, Callable[[int], int] | None]:
        """Return ``(low, span, shape)``: without a shape a delay is ``low + (r * span >> 32)``.

        `shape` takes r, a 32-bit draw, and gives the delay, ns.
        """
        least_ns = WIRE_LOW_NS + self.floor_ns
        if self.shape in {"constant", "uniform"} or self.mean_ns == 0:
            if self.shape == "uniform":
                return least_ns, WIRE_SPAN_NS + 2 * self.mean_ns, None
            return least_ns + self.mean_ns, WIRE_SPAN_NS, None
        quantile = exponential_ns if self.shape == "exponential" else long_tailed_ns
        mean_ns = self.mean_ns

        def delay(draw: int) -> int:
            return least_ns + (draw * WIRE_SPAN_NS >> 32) + quantile(draw, mean_ns)

        return 0, 0, delay


def exponential_ns(draw: int, mean_ns: int) -> int:
    """Make an exponential delay from a 32-bit draw, by inverting its distribution in a table."""
    # Between two rows of the table the quantile is taken for a straight line.
    step, rest = divmod(draw * _STEPS, 1 << 32)
    table = _exponential_table()
    low, high = table[step], table[step + 1]
    return mean_ns * (low + ((high - low) * rest >> 32)) >> 20


@lru_cache(maxsize=1)
def _exponential_table() -> tuple[int, ...]:
    """Tabulate ``-ln(1 - i / 1024) * 2**20`` for i in 0..1024; the last one stands for the tail."""
    # In a context of its own: decimal arithmetic leaves behind its context variable, which would
    # look like something that the nodes changed.
    logs = ContextOfVariables().run(_logarithms)
    return (*logs, logs[-1] + (1 << 20))


def _logarithms() -> list[int]:
    # By the methods of a context, since operators round as whoever runs has said.
    exact = Context(prec=30)
    shares = [exact.divide(Decimal(_STEPS - step), Decimal(_STEPS)) for step in range(_STEPS)]
    return [int(exact.multiply(exact.ln(share), Decimal(-(1 << 20)))) for share in shares]


def long_tailed_ns(draw: int, mean_ns: int) -> int:
    """Make a Pareto delay (exponent 2, minimum mean / 2) from a 32-bit draw, at most 1000 means."""
    # Inverting 1 - (m / x)^2 with m = mean / 2: x = m / sqrt(u), as one integer square root.
    uniform = max(draw, 1)
    return min(isqrt((mean_ns // 2) ** 2 * (1 << 32) // uniform), 1000 * mean_ns)
