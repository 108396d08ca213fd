"""The workloads that ship, as one table; nothing is imported until asked."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

from clew.errors import UsageError
from clew.workloads.workload import Workload

WORKLOADS: dict[str, tuple[str, str]] = {
    # name: (module, class)
    "echo": ("echo", "EchoWorkload"),
    "unique-ids": ("unique_ids", "UniqueIdsWorkload"),
    "broadcast": ("broadcast", "BroadcastWorkload"),
    "g-set": ("g_set", "GSetWorkload"),
    "g-counter": ("counter", "GCounterWorkload"),
    "pn-counter": ("counter", "PNCounterWorkload"),
    "lin-kv": ("lin_kv", "LinKVWorkload"),
    "txn-list-append": ("txn", "ListAppendWorkload"),
    "txn-rw-register": ("txn", "RwRegisterWorkload"),
    "kafka": ("kafka", "KafkaWorkload"),
}


def workload_class(name: str) -> type[Workload]:
    """The class of a workload.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in WORKLOADS:
        near = get_close_matches(name, WORKLOADS, n=1)
        raise UsageError(
            f"there is no workload {name!r}",
            expected=f"one of {', '.join(WORKLOADS)}",
            fix=f"Did you mean {near[0]!r}" if near else "See 'clew list workloads'",
        )
    module, class_name = WORKLOADS[name]
    found: type[Workload] = getattr(import_module(f"clew.workloads.{module}"), class_name)
    return found
