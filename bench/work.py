"""Work and its queue, beside SimPy's Resource, as ratios measured side by side in one run.

Clients in a closed loop keep a machine of two workers busy, so that a queue stands all the time:

- through `Workers`, as nodes' work goes, without and with the figures that are kept of it;
- with SimPy processes that take a Resource, on the same queue of events.

Run: ``python bench/work.py [JOBS]``; prints a table in Markdown.
"""

import sys
import time

import simpy

from clew.node.capacity import Capacity
from clew.node.workers import Workers
from clew.sim.load import Load
from clew.sim.world import World

ROUNDS = 5
WORKERS, CLIENTS = 2, 8
JOB_NS = 1_000_000
FOR_EVER_NS = 1 << 62


def through_workers(jobs, *, counted):
    world = World()

    def later(delay_ns, callback, argument):
        world.call_at(world.now + delay_ns, callback, argument)

    load = Load(WORKERS) if counted else None
    workers = Workers(Capacity(WORKERS), lambda: world.now, later, load)
    done = 0

    def again(_):
        nonlocal done
        done += 1
        if done < jobs:
            workers.take(JOB_NS, again)

    started = time.process_time()
    for _ in range(CLIENTS):
        workers.take(JOB_NS, again)
    world.advance(FOR_EVER_NS)
    return (time.process_time() - started) / done, world.events / done


def through_resource(jobs):
    world = World()
    resource = simpy.Resource(world, WORKERS)
    done = 0

    def client():
        nonlocal done
        while done < jobs:
            with resource.request() as request:
                yield request
                yield world.timeout(JOB_NS)
            done += 1

    started = time.process_time()
    for _ in range(CLIENTS):
        world.process(client())
    world.advance(FOR_EVER_NS)
    return (time.process_time() - started) / done, world.events / done


def main(jobs):
    contestants = {
        "workers": lambda count: through_workers(count, counted=False),
        "workers, with figures": lambda count: through_workers(count, counted=True),
        "SimPy's Resource": through_resource,
    }
    rounds = [
        {name: run(jobs // ROUNDS) for name, run in contestants.items()} for _ in range(ROUNDS)
    ]
    median = {name: sorted(one[name] for one in rounds)[ROUNDS // 2] for name in contestants}
    ours, _ = median["workers, with figures"]
    print(f"{jobs:,} jobs in {ROUNDS} rounds, the three in turn; medians.\n")
    print("| queue | us per job | events per job | with figures / it |")
    print("|---|---|---|---|")
    for name, (seconds, events) in median.items():
        print(f"| {name} | {seconds * 1e6:.2f} | {events:.1f} | {ours / seconds:.2f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500_000)
