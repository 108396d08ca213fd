"""Numbers, times and shards, read from the texts of options."""

from __future__ import annotations

import re

from clew.errors import UsageError
from clew.search.shards import Shard

_DIGITS_MAX = 18

_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SHARD = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,8})")


def number(option: str, text: str, least: int) -> int:
    """Read a whole number of at most 18 digits.

    Raises:
        UsageError: it is something else, or too small.
    """
    few = len(text) <= _DIGITS_MAX
    if few and text.isascii() and text.isdecimal() and int(text) >= least:
        return int(text)
    raise UsageError(
        f"--{option} can't be used",
        expected=f"a whole number from {least}"
        + ("" if few else f" of at most {_DIGITS_MAX} digits"),
        found=repr(text) if few else f"{text[:_DIGITS_MAX]!r}...",
    )


def seconds_of(option: str, text: str) -> float:
    """Read a time such as ``500ms``, ``30s``, ``5m`` or ``1h``, in seconds.

    Raises:
        UsageError: it is not a time, or is zero.
    """
    match = _TIME.fullmatch(text)
    if match is None or not float(match[1]):
        raise UsageError(
            f"--{option} can't be used",
            expected="a time such as 500ms, 30s, 5m or 1h",
            found=repr(text),
        )
    return float(match[1]) * _SECONDS[match[2]]


def shard_of(option: str, text: str) -> Shard:
    """Read the part of the seeds that a text such as ``3/10`` names.

    Raises:
        UsageError: it names none.
    """
    match = _SHARD.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        raise UsageError(
            f"--{option} can't be used",
            expected="a part and the number of parts, from 1/N to N/N, such as 3/10",
            found=repr(text),
        )
    return Shard(int(match[1]), int(match[2]))
