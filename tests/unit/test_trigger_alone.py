"""Each node alone does the same as in the run, though a fault struck in the middle of its code."""

from dataclasses import replace

import pytest

from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.alone import alone, parts_of
from clew.scenarios.runs.run import simulate
from clew.sim.faults import Fault
from clew.sim.trigger import Trigger

S = 1_000_000_000

CLOCKED = '''
from clew import Node, on


class Clocked(Node):
    """Says the time, twice in one go."""

    workload = "echo"

    def start(self):
        self.every(0.3, self.tick)

    def tick(self):
        for peer in self.peers:
            self.send(peer, {"type": "tick", "at": self.now()})

    @on("tick")
    async def note(self, msg):
        self.disk["at"] = self.now()
        await self.disk.sync()
        self.disk["after"] = self.now()
        self.send(msg.src, {"type": "noted", "at": self.now()})
        self.log(str(self.now()))

    @on("noted")
    def noted(self, msg):
        pass

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
'''


@pytest.mark.parametrize("kind", ["clock-jump", "pause", "kill"])
@pytest.mark.parametrize(
    "when",
    [
        Trigger("send", "tick"), Trigger("send", "noted", count=3), Trigger("deliver", "tick"),
        Trigger("synced"), Trigger("sync", count=2), Trigger("timer", "tick"),
    ],
    ids=lambda when: f"{when.event} {when.name}",
)  # fmt: skip
def test_no_node_is_blamed_for_what_a_fault_changed_in_the_middle_of_its_code(when, kind, tmp_path):
    path = tmp_path / "clocked.py"
    path.write_text(CLOCKED)
    model = load_model(str(path))
    scenario = {"model": str(path), "node_count": 3, "time_limit": 3, "recovery": 1, "rate": 5}
    plan = draw_plan(make_scenario(scenario), 1, model)
    struck = Fault("f", kind, S, 3 * S - 1, "it", {}, replace(when, lasts_ns=S // 4))
    run = simulate(replace(plan, faults=(struck,)), model, lives=True)
    assert run.faults[0].fired
    parts = parts_of(run, model)
    assert len(parts) >= 3
    assert [alone(part, run.plan, model) for part in parts] == [None] * len(parts)
