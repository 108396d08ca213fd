"""Chance: a node's random values come from its own stream, which comes from the run's seed.

A file that is being imported draws from a stream that depends on the file's name alone.

``secrets``, ``random.SystemRandom`` and numpy's seeds draw through ``random._urandom``.
"""

from __future__ import annotations

import random  # noqa: TID251 - this is what it guards
import uuid  # noqa: TID251
from hashlib import sha256
from typing import Any, Final
from weakref import WeakKeyDictionary

from clew.sim.guards.caller import Answer, Caller, caller
from clew.sim.guards.clocks import wall_ns
from clew.sim.guards.rows import Property, Row, Value, Virtual, standing

_REAL_SEED = random.Random.seed
_REAL_CALL = type.__call__

_SEED_BITS = 128
_HARDWARE_BITS = 48


def _from_rng(name: str) -> Answer:
    def answer(who: Caller, *args: Any, **named: Any) -> Any:
        return getattr(who.rng(), name)(*args, **named)

    return answer


def _seed_random(who: Caller, self: random.Random, a: Any = None, version: int = 2) -> None:
    """Seed ``Random()`` and ``seed()`` from the caller's randomness if they are given no value."""
    _REAL_SEED(self, who.rng().getrandbits(64) if a is None else a, version)


def _c_random(who: Caller, cls: type, *args: Any, **named: Any) -> Any:
    """Make ``_random.Random()``, the first half of `random.Random`, seeded as above."""
    if named or (args and args[0] is not None):
        return _REAL_CALL(cls, *args, **named)
    return _REAL_CALL(cls, who.rng().getrandbits(64))


def hardware_address(who: Caller) -> int:
    """Return 48 bits that are a machine's own, with the multicast bit of a made-up address."""
    digest = sha256(who.id.encode()).digest()
    return int.from_bytes(digest[: _HARDWARE_BITS // 8]) | 1 << 40


def _uuid1(who: Caller, node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
    # In steps of 100 ns since 15 October 1582, the first day of the Gregorian calendar (RFC 9562,
    # section 5.1).
    ticks = wall_ns(who) // 100 + 0x01B21DD213814000
    low, middle, high = ticks & 0xFFFFFFFF, (ticks >> 32) & 0xFFFF, (ticks >> 48) & 0x0FFF
    sequence = who.rng().getrandbits(14) if clock_seq is None else clock_seq
    node = hardware_address(who) if node is None else node
    fields = (low, middle, high, (sequence >> 8) & 0x3F, sequence & 0xFF, node)
    return uuid.UUID(fields=fields, version=1)


def _uuid4(who: Caller) -> uuid.UUID:
    return uuid.UUID(int=who.rng().getrandbits(128), version=4)


def _bytes(who: Caller, size: int, *_: Any) -> bytes:
    return who.rng().randbytes(size)


RANDOM_FUNCTIONS: Final = tuple(
    name
    for name in dir(random.Random)
    if not name.startswith("_") and name != "VERSION" and hasattr(random, name)
)
"""The functions of the module `random` that are methods of its hidden generator."""


def _everyones(real: random.Random) -> random.Random:
    """Replace `random`'s hidden generator, which libraries take (``random._inst``)."""

    def method(name: str) -> Answer:
        def call(_: Any, *args: Any, **named: Any) -> Any:
            who = caller()
            return getattr(real if who is None else who.rng(), name)(*args, **named)

        return call

    stands = type("Random", (random.Random,), {name: method(name) for name in RANDOM_FUNCTIONS})
    instance: random.Random = random.Random.__new__(stands)
    return instance


# numpy's older functions share a hidden generator as well.

_numpys: WeakKeyDictionary[Caller, Any] = WeakKeyDictionary()


def _numpy_state(who: Caller) -> Any:
    state = _numpys.get(who)
    if state is None:
        from numpy.random import RandomState  # noqa: PLC0415 - who calls this has imported it

        words = [who.rng().getrandbits(32) for _ in range(_SEED_BITS // 32)]
        state = _numpys[who] = RandomState(words)
    return state


class _NumpyState:
    """The replacement of numpy's hidden generator, which libraries take (``mtrand._rand``)."""

    def __init__(self, real: Any) -> None:
        self._real = real

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # libraries check for instances of RandomState
        return type(self._real)

    def __getattr__(self, name: str) -> Any:
        who = caller()
        return getattr(self._real if who is None else _numpy_state(who), name)


def _from_numpy(name: str) -> Row:
    def answer(who: Caller, *args: Any, **named: Any) -> Any:
        return getattr(_numpy_state(who), name)(*args, **named)

    return Virtual(answer)


_NUMPY_FUNCTIONS = (
    "beta", "binomial", "bytes", "chisquare", "choice", "dirichlet", "exponential", "f", "gamma",
    "geometric", "get_state", "gumbel", "hypergeometric", "laplace", "logistic", "lognormal",
    "logseries", "multinomial", "multivariate_normal", "negative_binomial", "noncentral_chisquare",
    "noncentral_f", "normal", "pareto", "permutation", "poisson", "power", "rand", "randint",
    "randn", "random", "random_integers", "random_sample", "rayleigh", "seed", "set_state",
    "shuffle", "standard_cauchy", "standard_exponential", "standard_gamma", "standard_normal",
    "standard_t", "triangular", "uniform", "vonmises", "wald", "weibull", "zipf",
)  # fmt: skip


def _numpy_sample(who: Caller, *args: Any, **named: Any) -> Any:
    return _numpy_state(who).random_sample(*args, **named)


CHANCE: Final[dict[str, Row]] = {
    **{f"random:{name}": Virtual(_from_rng(name)) for name in RANDOM_FUNCTIONS},
    "random:_urandom": Virtual(_bytes),
    "random:Random.seed": Virtual(_seed_random),
    "random:_inst": Value(_everyones),
    "_random:Random": standing(Virtual(_c_random)),
    "os:urandom": Virtual(_bytes),
    "os:getrandom": Virtual(_bytes),
    "ssl:RAND_bytes": Virtual(_bytes),
    "ssl:RAND_pseudo_bytes": Virtual(lambda who, size: (_bytes(who, size), False)),
    "uuid:uuid1": Virtual(_uuid1),
    "uuid:uuid4": Virtual(_uuid4),
    "uuid:getnode": Virtual(hardware_address),
    "uuid:_generate_time_safe": Virtual(lambda who: (_uuid1(who).bytes, None)),
    "_uuid:generate_time_safe": Virtual(lambda who: (_uuid1(who).bytes, None)),
    "tempfile:_RandomNameSequence.rng": Property(lambda who: who.rng()),
    **{f"numpy.random:{name}": _from_numpy(name) for name in _NUMPY_FUNCTIONS},
    "numpy.random:sample": Virtual(_numpy_sample),
    "numpy.random:ranf": Virtual(_numpy_sample),
    "numpy.random.mtrand:_rand": Value(_NumpyState),
}
