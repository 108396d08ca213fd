"""A retry storm: a server is slow for ten seconds, and its clients keep it down for good.

The server can do 50 requests per second and is asked for 25. From the fifth to the fifteenth second
each takes it ten times as long. A client gives a request up after half a second, and asks again.
That makes a metastable failure (Bronson and others, HotOS 2021): its cause is over, and its effects
keep each other going. A budget for retries ends it, and so does a server that refuses what it can't
do in time.
"""

from dataclasses import replace

from clew.report.load import spark
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.sim.faults import Fault

S = 1_000_000_000
SLOW = Fault("slow-1", "slow", 5 * S, 15 * S - 1, "n0", {"times": 10})
OPTIONS = {
    "node_count": 1, "concurrency": 50, "rate": 25, "time_limit": 15, "recovery": 30,
    "request_timeout": 0.5, "assert": ("load.recovery.goodput > 10",),
}  # fmt: skip


def tried(server, **how):
    """What comes of the same load and the same fault, for a server and a way to ask again."""
    model = load_model(f"examples/busy_echo.py:{server}")
    scenario = make_scenario({"model": model.name, **OPTIONS, **how})
    plan = replace(draw_plan(scenario, 1, model), faults=(SLOW,))
    return judge(simulate(plan, model), model)


def show(title, outcome):
    """Print the verdict, and how it went, a sign for each second."""
    figures = outcome.statistics
    (node,), requests = figures["nodes"].values(), figures["requests"]
    print(f"{title}: {outcome.verdict.value}, {requests['retries']:,} retries")
    print(f"  answered  {spark(figures['load']['over_time']['goodput'])}")
    print(f"  queue     {spark(node['over_time']['queue'])}  at most {node['queue']['max']:,}")
    print(f"  busy      {spark(node['over_time']['utilisation'])}")
    for check in outcome.checks:
        if check.verdict.value != "valid":
            print(f"  {check.name}: {check.reason}")


show("no retries", tried("BusyEcho"))
show("at most ten retries each", tried("BusyEcho", retries=10, backoff=0))
show("the same with a budget", tried("BusyEcho", retries=10, backoff=0, retry_budget=0.2))
show("the same with a bounded queue", tried("BoundedEcho", retries=10, backoff=0))
