"""The guards around hooks, and around two runs at once."""

import threading
import time

from guarded_nodes import BORN, S, ran, written

from clew.node.node import Node
from clew.runtimes.simulated import simulated
from clew.scenarios.code.models import load_model
from clew.sim.guards import guarded


def test_runs_in_two_threads_do_not_see_each_other(tmp_path):
    path, _ = written(tmp_path, "import time, random; v = (time.time(), random.random())")
    node_class = load_model(str(path)).node_class
    ready, said = threading.Barrier(2), {}

    def run(seed):
        cluster = simulated(seed, node_class, ["n1"])
        with guarded(cluster):
            cluster.boot()
            ready.wait(60)
            cluster.world.advance(2 * S)
            said[seed] = cluster.hosts["n1"].node.v
            ready.wait(60)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {seed: ran(path, seed)[0] for seed in (1, 2)}


def test_hooks_are_the_nodes_code_too(tmp_path):
    class Telling(Node):
        asked = ()

        def start(self):
            self.after(1, lambda: None)

        def server_state(self):
            Telling.asked = (*Telling.asked, time.time())

    cluster = simulated(1, Telling, ["n1"])
    with guarded(cluster):
        cluster.boot()
        cluster.world.advance(2 * S)
        assert cluster.hosts_in_state("leader") == []
    assert Telling.asked == (BORN, BORN + 1.0, BORN + 2.0)

    class Writing(Node):
        def server_state(self):
            open("x", "w").close()  # noqa: PTH123 - what a person writes

    cluster = simulated(1, Writing, ["n1"])
    with guarded(cluster):
        cluster.boot()
    assert [finding.kind for finding in cluster.findings] == ["refused"]
