"""The options that place nodes in regions: how their values are written, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from clew.errors import UsageError
from clew.machine.text import meant
from clew.sim.latency import SHAPES, Latency
from clew.sim.regions import ONE_WAY, PRESETS, way
from clew.workloads.options import Option

BOTH_WAYS = "<->"
"""The sign between the names of two regions for both ways."""

NAME = r"[A-Za-z][\w-]*"
"""A region's name: it stands in the paths of figures and between the signs of `ways_of`."""

MS_MAX = 1e6
"""The longest latency, ms."""

_NS_PER_MS = 1_000_000

REGION_FORMS: tuple[dict[str, Any], ...] = (
    {"type": "array", "items": {"type": "string", "pattern": f"^{NAME}$"}, "minItems": 2},
    {
        "type": "object",
        "propertyNames": {"pattern": f"^{NAME}$"},
        "minProperties": 2,
        "additionalProperties": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string"},
        },
    },
)

_MS = {"type": "number", "minimum": 0, "maximum": MS_MAX}

LATENCY_FORMS: tuple[dict[str, Any], ...] = (
    _MS,
    {
        "type": "object",
        "propertyNames": {"pattern": f"^\\s*{NAME}\\s*<?->\\s*{NAME}\\s*$"},
        "additionalProperties": {
            "anyOf": [
                _MS,
                {"type": "array", "items": _MS, "minItems": 2, "maxItems": 2},
                {
                    "type": "object",
                    "properties": {"mean": _MS, "dist": {"type": "string", "enum": [*SHAPES]}},
                    "required": ["mean"],
                    "additionalProperties": False,
                },
            ]
        },
    },
)

_NAMES_WANTED = "at least two names of regions, such as eu,us; none of them twice"
_NAME_WANTED = "names of regions of letters, digits, _ and -, with a letter first"
_TABLE_WANTED = 'a list of node ids for each of at least two regions, such as eu = ["n1", "n2"]'
_LATENCY_WANTED = (
    f"milliseconds from 0 to {MS_MAX:,.0f}, [least, most], or {{mean = 80, dist = NAME}} with one "
    f"of {', '.join(SHAPES)}"
)


def read_regions(value: Any) -> Any:
    """Read names of regions as a tuple, or a dict of tuples of node ids.

    Raises:
        ValueError: it is none of them; its text says what is expected.
    """
    if isinstance(value, Mapping):
        return _placed(value)
    if isinstance(value, str):
        value = () if value == "none" else [word.strip() for word in value.split(",")]
    if not isinstance(value, list | tuple):
        raise ValueError(_NAMES_WANTED)  # noqa: TRY004 - pydantic's own
    names = tuple(value)
    if names == () and isinstance(value, tuple):  # as none is held, and comes back from a process
        return names
    if len(names) < 2 or "" in names:  # noqa: PLR2004 - one alone is no region
        raise ValueError(_NAMES_WANTED)
    for name in names:
        if not _is_name(name):
            raise ValueError(f"{_NAME_WANTED}; {name!r} is none")
    if len({*names}) < len(names):
        raise ValueError(_NAMES_WANTED)
    return names


def _placed(table: Mapping[Any, Any]) -> dict[str, tuple[str, ...]]:
    if len(table) < 2:  # noqa: PLR2004 - one alone is no region
        raise ValueError(_TABLE_WANTED)
    for name, ids in table.items():
        if not _is_name(name):
            raise ValueError(f"{_NAME_WANTED}; {name!r} is none")
        if not isinstance(ids, list | tuple) or not all(isinstance(each, str) for each in ids):
            raise ValueError(f"{_TABLE_WANTED}; {name!r} has none")
        if not ids:
            raise ValueError(f"{_TABLE_WANTED}; {name!r} is empty")
    return {name: tuple(ids) for name, ids in table.items()}


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and re.fullmatch(NAME, name) is not None


def read_latency(value: Any) -> Any:
    """Read latencies between regions, each of which can be read.

    Raises:
        ValueError: one can't; its text says what is expected.
    """
    if value is None or value == "none":
        return None
    if isinstance(value, Mapping):
        _check_table(value)
        return dict(value)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    latency_of(value)
    return value


def _check_table(table: Mapping[Any, Any]) -> None:
    """Check each latency of a table, and that no two say different things of the same ways.

    One of one way beside one of both ways is no contradiction: it is the exception.

    Raises:
        ValueError: one can't be read, or two contradict each other.
    """
    said: dict[Any, tuple[Any, Latency]] = {}
    for key, each in table.items():
        src, dest, one_way = ends_of(key)
        latency = latency_of(each, f" for {key!r}")
        ends = (src, dest) if one_way else frozenset({src, dest})
        other, before = said.setdefault(ends, (key, latency))
        if before != latency:
            raise ValueError(f"one latency for the same ways; {other!r} and {key!r} differ")


def known_latency(value: Any) -> None:
    """Do nothing for what is no name, or that of a preset.

    Raises:
        UsageError: it is another name.
    """
    if isinstance(value, str) and value not in PRESETS:
        raise UsageError(
            "--region-latency can't be used",
            expected=f"one of {', '.join(PRESETS)}, milliseconds, or a table in a file",
            found=repr(value),
            fix=meant(value, PRESETS),
        )


def ends_of(key: Any) -> tuple[str, str, bool]:
    """Return the regions that a key of the table names, and whether it means one way only.

    Raises:
        ValueError: it names no two regions.
    """
    found = re.fullmatch(rf"\s*({NAME})\s*(<->|->)\s*({NAME})\s*", str(key))
    if found is None or found[1] == found[3]:
        raise ValueError(
            f"two regions as 'eu{BOTH_WAYS}us', or 'eu{ONE_WAY}us' for one way; {key!r} is not"
        )
    return found[1], found[3], found[2] == ONE_WAY


def latency_of(value: Any, where: str = "") -> Latency:
    """Return the latency that a value of the table means.

    Raises:
        ValueError: it means none.
    """
    if _is_ms(value):
        return Latency(_ns(value))
    if isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_ms, value)):  # noqa: PLR2004
        low, high = map(_ns, value)
        if low <= high:
            return Latency((high - low) // 2, "uniform", low)
    if isinstance(value, Mapping) and {"mean"} <= {*value} <= {"mean", "dist"}:
        shape = value.get("dist", "constant")
        if _is_ms(value["mean"]) and shape in SHAPES:
            return Latency(_ns(value["mean"]), shape)
    raise ValueError(f"{_LATENCY_WANTED}{where}")


def _is_ms(value: Any) -> bool:
    return type(value) in {int, float} and 0 <= value <= MS_MAX


def _ns(ms: float) -> int:
    return round(ms * _NS_PER_MS)


def stated_latencies(table: Mapping[str, Any]) -> dict[str, Latency]:
    """Return the latency of each way that a table states; that of one way counts before both's."""
    found: dict[str, Latency] = {}
    for key, value in sorted(table.items(), key=lambda item: ends_of(item[0])[2]):
        src, dest, one_way = ends_of(key)
        found[way(src, dest)] = latency_of(value)
        if not one_way:
            found[way(dest, src)] = latency_of(value)
    return found


RegionsOption: TypeAlias = Annotated[
    tuple[str, ...] | dict[str, tuple[str, ...]],
    BeforeValidator(read_regions),
    Option(
        "A,B",
        "Regions to which nodes are assigned in turn, such as eu,us,asia.",
        more="In a file it may be a table of the nodes, or the roles, in each.",
        default="one place",
        forms=REGION_FORMS,
        examples=(["eu", "us"], {"eu": ["n1", "n2"], "us": ["n3", "n4", "n5"]}),
    ),
]
"""The option ``regions``."""

LatencyOption: TypeAlias = Annotated[
    str | float | dict[str, Any] | None,
    BeforeValidator(read_latency),
    Option(
        "NAME|MS",
        f"One-way latency between regions: {', '.join(PRESETS)}, or milliseconds for all.",
        more="In a file it may be a table with a value for each pair of regions: milliseconds, "
        "[least, most] or {mean, dist}; both ways for 'eu<->us', one way for 'eu->us'.",
        default=f"{next(iter(PRESETS))}, where it knows the regions",
        unit="milliseconds",
        names=tuple(PRESETS),
        check=known_latency,
        forms=LATENCY_FORMS,
        examples=(
            "aws",
            80,
            {"eu<->us": 40, "us->asia": [70, 90], "asia->us": {"mean": 75, "dist": "uniform"}},
        ),
    ),
]
"""The option ``region_latency``."""
