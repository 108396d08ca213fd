"""The kernel's speed, as ratios measured side by side in one run.

A ping-pong over three nodes, eight messages under way at any time:

- through the full Node API, with the network model, faults compiled in and the trace digest on;
- as a bare heapq callback loop doing the same exchange;
- written with SimPy processes and Stores.

Run: ``python bench/kernel.py [MESSAGES]``; prints a table in Markdown.
"""

import random
import sys
import time
from heapq import heappop, heappush

import simpy

from clew.node.node import Node, on
from clew.runtimes.simulated import simulated

UNDER_WAY = 8  # more would be followed as a message loop, which they are: see clew/sim/loops.py
ROUNDS = 5
LOW_NS, SPAN_NS = 20_000, 180_000


class Pong(Node):
    """Passes a counter round the ring."""

    def start(self):
        place = self.node_ids.index(self.id)
        self.next = self.node_ids[(place + 1) % len(self.node_ids)]
        if place == 0:
            for _ in range(UNDER_WAY):
                self.send(self.next, {"type": "ping", "n": 0})

    @on("ping")
    def ping(self, msg):
        self.send(self.next, {"type": "ping", "n": msg.body["n"] + 1})


def through_clew(messages):
    cluster = simulated(1, Pong, ["n1", "n2", "n3"], keep_trace=False)
    cluster.boot()
    started = time.process_time()
    while cluster.network.messages < messages:
        cluster.world.advance(cluster.world.now + 100_000_000)
    cluster.trace.close()
    return (time.process_time() - started) / cluster.network.messages


def bare_heapq(messages):
    bits = random.Random(1).getrandbits
    queue, sequence, sent = [], 0, 0

    def arrive(now, dest, body):
        nonlocal sequence, sent
        sent += 1
        sequence += 1
        delay = LOW_NS + (bits(32) * SPAN_NS >> 32)
        body = {"type": "ping", "n": body["n"] + 1}
        heappush(queue, (now + delay, sequence, arrive, (dest + 1) % 3, body))

    started = time.process_time()
    for _ in range(UNDER_WAY):
        arrive(0, 0, {"type": "ping", "n": 0})
    while sent < messages:
        now, _, callback, dest, body = heappop(queue)
        callback(now, dest, body)
    return (time.process_time() - started) / sent


def simpy_stores(messages):
    env = simpy.Environment()
    bits = random.Random(1).getrandbits
    stores = [simpy.Store(env) for _ in range(3)]
    sent = 0

    def carry(dest, body):
        yield env.timeout(LOW_NS + (bits(32) * SPAN_NS >> 32))
        yield stores[dest].put(body)

    def node(place):
        nonlocal sent
        while True:
            body = yield stores[place].get()
            sent += 1
            env.process(carry((place + 1) % 3, {"type": "ping", "n": body["n"] + 1}))

    for place in range(3):
        env.process(node(place))
    for _ in range(UNDER_WAY):
        env.process(carry(0, {"type": "ping", "n": 0}))
    started = time.process_time()
    while sent < messages:
        env.step()
    return (time.process_time() - started) / sent


def main(messages):
    contestants = {
        "Clew, full Node API": through_clew,
        "bare heapq loop": bare_heapq,
        "SimPy processes and Stores": simpy_stores,
    }
    rounds = [
        {name: run(messages // ROUNDS) for name, run in contestants.items()} for _ in range(ROUNDS)
    ]
    median = {name: sorted(one[name] for one in rounds)[ROUNDS // 2] for name in contestants}
    ours = median["Clew, full Node API"]
    print(f"{messages:,} messages in {ROUNDS} rounds, the three in turn; medians.\n")
    print("| exchange | us per message | Clew / it |")
    print("|---|---|---|")
    for name, seconds in median.items():
        print(f"| {name} | {seconds * 1e6:.2f} | {ours / seconds:.2f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
