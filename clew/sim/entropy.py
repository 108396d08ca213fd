"""Every random choice of a run, keyed: a value depends on the seed and its key alone.

A key names what the draw is for, such as ``("link", "n1", "n2")`` or ``("client", 3, 9)``.
Removing one fault or one operation from a plan leaves every other draw as it was; that is what
lets a failing plan shrink. Draws are integers: no floating point, no libm, no ``hash()``, so a
seed means the same on every platform and Python version.

Streams step by SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014). The one stream that is drawn from once per message uses the Mersenne Twister of the
standard library, whose ``getrandbits`` is C and the same in every version.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence
from hashlib import blake2b
from random import Random  # noqa: TID251 - this is the one file that wraps it
from typing import NamedTuple, TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


class Stream:
    """A sequence of integer draws that begins at a 64-bit state."""

    __slots__ = ("_state",)

    def __init__(self, state: int) -> None:
        self._state = state & _MASK

    def begin(self, state: int) -> None:
        """Begin anew, at another state."""
        self._state = state & _MASK

    def bits64(self) -> int:
        """Draw an integer in [0, 2**64)."""
        # SplitMix64: the state walks by the golden ratio's odd number through all 64-bit values,
        # and the mix makes each step's value look unrelated to the last.
        self._state = z = (self._state + _GOLDEN) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def below(self, bound: int) -> int:
        """Draw an integer in [0, bound); its bias is below bound / 2**64."""
        return (self.bits64() * bound) >> 64

    def between(self, low: int, high: int) -> int:
        """Draw an integer in the closed range [low, high]."""
        return low + self.below(high - low + 1)

    def chance(self, numerator: int, denominator: int) -> bool:
        """Draw True with probability numerator / denominator."""
        return self.below(denominator) < numerator

    def pick(self, choices: Sequence[T]) -> T:
        """Draw one element; `choices` must have an order of its own (no set)."""
        return choices[self.below(len(choices))]

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Permute in place (Fisher and Yates)."""
        # Invariant: places behind `last` are settled, each by an even draw among all that were
        # left.
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]

    def sample(self, choices: Sequence[T], size: int) -> list[T]:
        """Draw `size` different elements, in drawn order."""
        items = list(choices)
        self.shuffle(items)
        return items[:size]


class Entropy:
    """All streams of one seed."""

    __slots__ = ("_key", "seed")

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._key = str(seed).encode()[:64]

    def state(self, *key: str | int) -> int:
        """Return the 64-bit value that belongs to a key."""
        text = ascii(key).encode()
        return int.from_bytes(blake2b(text, digest_size=8, key=self._key).digest())

    def stream(self, *key: str | int) -> Stream:
        """Begin the stream that belongs to a key."""
        return Stream(self.state(*key))

    def bits(self, *key: str | int) -> Callable[[int], int]:
        """Return a fast source of k-bit integers, for what draws once per message."""
        return Random(self.state(*key)).getrandbits  # noqa: S311 - simulation, not secrets

    def random(self, *key: str | int) -> Random:
        """Make a `random.Random` for a user's node, with stable integer draws and ``random()``."""
        return Random(self.state(*key))  # noqa: S311 - simulation, not secrets


class Fork(NamedTuple):
    """Where another future begins: from then on every draw is that of another seed.

    Attributes:
        at_ns: virtual ns.
        seed: the other seed.
    """

    at_ns: int
    seed: int


class ForkingEntropy(Entropy):
    """An entropy whose streams can all be drawn anew, those that are in use among them."""

    __slots__ = ("_made",)

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._made: list[tuple[tuple[str | int, ...], Stream | Random]] = []

    def stream(self, *key: str | int) -> Stream:
        """See `Entropy.stream`."""
        made = super().stream(*key)
        self._made.append((key, made))
        return made

    def bits(self, *key: str | int) -> Callable[[int], int]:
        """See `Entropy.bits`."""
        return self.random(*key).getrandbits

    def random(self, *key: str | int) -> Random:
        """See `Entropy.random`."""
        made = super().random(*key)
        self._made.append((key, made))
        return made

    def turn(self, seed: int) -> None:
        """Draw from another seed from here on."""
        super().__init__(seed)
        for key, made in self._made:
            if isinstance(made, Stream):
                made.begin(self.state(*key))
            else:
                made.seed(self.state(*key))
