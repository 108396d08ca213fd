"""What a plan says of clients that ask again, from what a scenario says of it."""

from __future__ import annotations

from typing import Any

from clew.errors import UsageError
from clew.node.timer import bound_ns, to_ns
from clew.scenarios.options.scenario import Scenario
from clew.workloads.workload import Workload


def asked_again(
    scenario: Scenario, workload: Workload, node_ids: tuple[str, ...]
) -> dict[str, Any]:
    """The fields of a plan that say when clients ask again, by name.

    Raises:
        UsageError: something is said that would do nothing.
    """
    _check_purpose(scenario)
    budget, timeout = scenario.retry_budget, scenario.request_timeout
    return {
        "retries": scenario.retries,
        "backoff_ns": to_ns(scenario.backoff) if scenario.retries else 0,
        "request_timeout_ns": None if timeout is None else bound_ns(timeout),
        "retry_budget_ppm": None if budget is None else round(budget * 10**6),
        "hedge_ns": _hedge_ns(scenario, workload, node_ids),
    }


def _check_purpose(scenario: Scenario) -> None:
    """Hold what is said of retries to there being any.

    Who says in so many words that there are none may leave the rest of a file as it is.
    """
    stated = scenario.model_fields_set
    if scenario.retries or "retries" in stated:
        return
    for name, owners in {"backoff": "--retries", "retry_budget": "--retries or --hedge"}.items():
        if name in stated and not (name == "retry_budget" and scenario.hedge):
            raise UsageError(
                f"--{name.replace('_', '-')} does nothing here",
                expected=f"{owners} as well: else nothing is asked again",
                found="neither" if "or" in owners else "none",
                fix="Say how often a client asks again, as with --retries 3",
            )


def _hedge_ns(scenario: Scenario, workload: Workload, node_ids: tuple[str, ...]) -> int | None:
    """When reads are asked of a second node, ns; None for never."""
    if scenario.hedge is None:
        return None
    if workload.every_node or len(node_ids) < 2:  # noqa: PLR2004 - a pair
        why = "each node serves clients of its own" if workload.every_node else "there is one node"
        raise UsageError(
            "--hedge can't be used",
            expected="a second node that a client may ask",
            found=f"the workload {workload.name}, where {why}",
            fix="Leave it out",
        )
    return bound_ns(scenario.hedge)
