"""What a plan says of clients that ask again, from what a scenario says of it."""

from __future__ import annotations

from typing import Any

from clew.errors import UsageError
from clew.node.timer import NS_PER_SECOND, bound_ns, to_ns
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.homes import Homes
from clew.workloads.workload import Workload


def asked_again(
    scenario: Scenario, workload: Workload, homes: Homes, slowest_ns: int
) -> dict[str, Any]:
    """Return the fields of a plan that say when clients ask again, by name.

    Args:
        scenario: what says it.
        workload: what clients ask.
        homes: which nodes are asked for what.
        slowest_ns: the greatest mean latency of a link.

    Raises:
        UsageError: something is said that would do nothing.
    """
    _check_purpose(scenario)
    budget, timeout = scenario.retry_budget, scenario.request_timeout
    timeout_ns = workload.timeout_ns(slowest_ns) if timeout is None else bound_ns(timeout)
    return {
        "retries": scenario.retries,
        "backoff_ns": to_ns(scenario.backoff) if scenario.retries else 0,
        "request_timeout_ns": None if timeout is None else timeout_ns,
        "retry_budget_ppm": None if budget is None else round(budget * 10**6),
        "hedge_ns": _hedge_ns(scenario, workload, homes, timeout_ns),
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


def _hedge_ns(scenario: Scenario, workload: Workload, homes: Homes, timeout_ns: int) -> int | None:
    """Return when reads are asked of a second node, ns; None for never."""
    if scenario.hedge is None:
        return None
    counts = [len(homes.for_function(f)) for f in workload.readonly if workload.asks(f)]
    alone = max(counts, default=0) < 2 and not scenario.swarm  # noqa: PLR2004 - a pair
    if workload.every_node or alone:
        why = "no read goes to one of several nodes"
        if workload.every_node:
            why = "each node serves clients of its own"
        raise UsageError(
            "--hedge can't be used",
            expected="a second node that a client may ask",
            found=f"the workload {workload.name}, where {why}",
            fix="Leave it out",
        )
    if bound_ns(scenario.hedge) >= timeout_ns:
        raise UsageError(
            "--hedge does nothing here",
            expected=f"less than the {timeout_ns / NS_PER_SECOND:g} s after which a request is "
            "given up",
            found=f"{scenario.hedge:g} s",
            fix="Hedge earlier, or give a longer --request-timeout",
        )
    return bound_ns(scenario.hedge)
