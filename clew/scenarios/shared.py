"""State that all nodes share: what a run changed in the globals and classes of a user's file.

Real nodes share no memory. Plain data is compared before and after a run: numbers, text,
collections, and objects of the file's own classes. What a cache of the standard library, a
closure or another library's object holds is not seen.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

from clew.scenarios.load import BESIDE, USERS
from clew.sim.node import Node

_DEPTH_MAX = 20
_SCALARS = (int, float, complex, str, bytes, type(None))


def shared_state(node_class: type[Node]) -> dict[str, object]:
    """The plain data of a user's file and of those that it imported beside it, by name.

    It is a copy, to be given to `changed`; empty for a shipped model. Time is linear in the data.
    """
    if not node_class.__module__.startswith(USERS):
        return {}
    return {
        name: _copy(value, 0)
        for module in _modules(node_class.__module__)
        for name, value in _named(module)
    }


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """The names whose data differs, sorted; a name that is new or gone counts."""
    return sorted(
        name
        for name in {**before, **after}
        if name not in before or name not in after or before[name] != after[name]
    )


def _modules(name: str) -> Iterator[ModuleType]:
    module = sys.modules.get(name)
    if module is None:
        return
    yield module
    for beside in vars(module).get(BESIDE, ()):
        if beside in sys.modules:
            yield sys.modules[beside]


def _named(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Globals as ``module.name`` and class attributes as ``Class.name``."""
    title = module.__name__.removeprefix(USERS)
    for name, value in list(vars(module).items()):
        if name.startswith("__"):
            continue
        if not isinstance(value, type):
            yield f"{title}.{name}", value
        elif value.__module__ == module.__name__:
            for own, attribute in list(vars(value).items()):
                if not own.startswith(("__", "_abc_")):
                    yield f"{value.__qualname__}.{own}", attribute


def _copy(value: object, depth: int) -> object:
    """An immutable copy of plain data; of anything else only its type."""
    kind = type(value).__qualname__
    if isinstance(value, _SCALARS):
        return kind, value
    if isinstance(value, bytearray):
        return kind, bytes(value)
    parts = _parts(value)
    if parts is None or depth > _DEPTH_MAX:
        return kind
    copies = (_copy(part, depth + 1) for part in parts)
    return kind, (frozenset(copies) if isinstance(value, set | frozenset) else tuple(copies))


def _parts(value: object) -> Iterable[object] | None:
    """What a collection or an object of the user's holds; None where that is not to be seen."""
    if isinstance(value, list | tuple | deque | set | frozenset):
        return list(value)
    if isinstance(value, dict):
        return list(value.items())
    if type(value).__module__.startswith(USERS) and hasattr(value, "__dict__"):
        return list(vars(value).items())
    return None
