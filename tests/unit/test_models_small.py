"""The small models, request by request, on a quiet network and across crashes."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pytest

from clew.models.abd import ABD, AcknowledgesBeforeDisk
from clew.models.crdt import AddsOnMerge, ForgetsOnRestart, GCounter, GSet, PNCounter
from clew.models.echo import Echo
from clew.models.gossip import Gossip
from clew.models.registry import MODELS, bugs_of
from clew.models.unique_ids import PER_MILLISECOND, TrustsTheClock, UniqueIds
from clew.node.message import Message, is_flat
from clew.node.node import Node
from clew.node.timer import to_ns
from clew.runtimes.simulated import simulated
from clew.sim.cluster import Cluster


@dataclass
class Client:
    """Asks one question at a time and waits in virtual time."""

    cluster: Cluster
    replies: dict[int, dict[str, Any]] = field(default_factory=dict)
    paused: bool = False
    asked: int = 0

    def __post_init__(self) -> None:
        self.endpoint = self.cluster.add_client("c0")
        self.endpoint.process = self

    def receive(self, message: Message) -> None:
        self.replies[message.body["in_reply_to"]] = message.body

    def hold(self, callback: Any, argument: Any) -> None:
        raise AssertionError

    def post(self, dest: str, body: dict[str, Any]) -> int:
        self.asked += 1
        body = {**body, "msg_id": self.asked}
        link = self.cluster.network.link(self.endpoint, dest)
        link.emit(body, is_flat(body))
        return self.asked

    def ask(self, dest: str, seconds: float = 0.05, **body: Any) -> dict[str, Any] | None:
        """The reply, or None where there is none in time."""
        number = self.post(dest, body)
        self.wait(seconds)
        reply = self.replies.get(number)
        return reply and {k: v for k, v in reply.items() if k not in {"in_reply_to", "text"}}

    def wait(self, seconds: float) -> None:
        self.cluster.world.advance(self.cluster.world.now + to_ns(seconds))
        assert self.cluster.findings == []

    def crash(self, name: str) -> None:
        self.cluster.hosts[name].crash("test", "lost")

    def restart(self, name: str) -> None:
        self.crash(name)
        self.cluster.hosts[name].boot()


def run(node_class: type[Node], count: int = 3, seed: int = 1) -> Client:
    cluster = simulated(seed, node_class, [f"n{rank}" for rank in range(1, count + 1)])
    cluster.boot()
    return Client(cluster)


def error(code: int) -> dict[str, Any]:
    return {"type": "error", "code": code}


def test_echo_says_the_value_back() -> None:
    client = run(Echo, 1)
    assert client.ask("n1", type="echo", echo={"a": [1]}) == {"type": "echo_ok", "echo": {"a": [1]}}


# Unique ids.


def ids(client: Client, name: str, count: int) -> list[str]:
    return [client.ask(name, 0.001, type="generate")["id"] for _ in range(count)]


def test_ids_of_all_nodes_differ_at_the_same_instant() -> None:
    client = run(UniqueIds)
    numbers = [client.post(name, {"type": "generate"}) for name in ("n1", "n2", "n3") * 50]
    client.wait(1)
    assert len({client.replies[number]["id"] for number in numbers}) == 150


@pytest.mark.parametrize("back_seconds", [0.001, 5, 86_400])
@pytest.mark.parametrize("restarts", [False, True])
def test_no_id_repeats_when_the_clock_is_set_back(back_seconds: float, *, restarts: bool) -> None:
    client = run(UniqueIds, 1)
    before = ids(client, "n1", 40)
    client.cluster.hosts["n1"].clock.offset_ns -= to_ns(back_seconds)
    if restarts:
        client.restart("n1")
    after = ids(client, "n1", 40)
    assert len({*before, *after}) == 80


def test_a_clock_that_is_trusted_repeats_ids() -> None:
    client = run(TrustsTheClock, 1)
    before = ids(client, "n1", 40)
    client.cluster.hosts["n1"].clock.offset_ns -= client.cluster.world.now
    assert set(before) & set(ids(client, "n1", 40))


def test_a_thousand_ids_cost_one_sync() -> None:
    client = run(UniqueIds, 1)
    ids(client, "n1", 900)
    assert client.cluster.hosts["n1"].disk.syncs == 1
    assert client.cluster.nodes["n1"].reserved > 1_700_000_000_000 * PER_MILLISECOND


# Gossip.

LINE = {"n1": ["n2"], "n2": ["n1", "n3"], "n3": ["n2"]}


def messages(client: Client, name: str) -> list[int]:
    return sorted(client.ask(name, type="read")["messages"])


def gossiping() -> Client:
    client = run(Gossip)
    for name in LINE:
        assert client.ask(name, type="topology", topology=LINE) == {"type": "topology_ok"}
    return client


def test_a_value_goes_down_the_line() -> None:
    client = gossiping()
    assert client.ask("n1", type="broadcast", message=7) == {"type": "broadcast_ok"}
    assert [messages(client, name) for name in LINE] == [[7], [7], [7]]
    assert all(not owed for node in client.cluster.nodes.values() for owed in node.owed.values())


def test_a_value_waits_for_a_neighbour_that_is_down() -> None:
    client = gossiping()
    client.crash("n2")
    client.ask("n1", type="broadcast", message=7)
    client.wait(5)
    client.cluster.hosts["n2"].boot()
    client.wait(2)
    assert [messages(client, name) for name in LINE] == [[7], [7], [7]]


def test_what_was_acknowledged_survives_the_only_holder() -> None:
    client = gossiping()
    client.crash("n2")
    client.ask("n1", type="broadcast", message=7)
    client.restart("n1")
    client.cluster.hosts["n2"].boot()
    client.wait(2)
    assert [messages(client, name) for name in LINE] == [[7], [7], [7]]


def test_the_topology_survives_a_restart() -> None:
    client = gossiping()
    client.restart("n1")
    client.wait(0.1)
    assert list(client.cluster.nodes["n1"].owed) == ["n2"]


# Counters and sets.


@pytest.mark.parametrize("node_class", [GCounter, PNCounter])
def test_counters_converge_to_the_sum(node_class: type[Node]) -> None:
    client = run(node_class)
    for name, delta in [("n1", 3), ("n2", 4), ("n1", 0), ("n3", 5)]:
        assert client.ask(name, type="add", delta=delta) == {"type": "add_ok"}
    client.wait(1)
    for name in ("n1", "n2", "n3"):
        assert client.ask(name, type="read") == {"type": "read_ok", "value": 12}


def test_a_pn_counter_goes_down() -> None:
    client = run(PNCounter)
    client.ask("n1", type="add", delta=5)
    client.ask("n2", type="add", delta=-7)
    client.wait(1)
    assert client.ask("n3", type="read") == {"type": "read_ok", "value": -2}


def test_a_g_counter_refuses_to_go_down() -> None:
    assert run(GCounter).ask("n1", type="add", delta=-1) == error(12)


def test_a_set_holds_any_json_once() -> None:
    client = run(GSet)
    for element in (1, "1", [1], 1):
        client.ask("n1", type="add", element=element)
    client.wait(1)
    assert client.ask("n2", type="read") == {"type": "read_ok", "value": [1, "1", [1]]}


@pytest.mark.parametrize(
    ("node_class", "add", "value"),
    [
        (GCounter, {"delta": 3}, 6),
        (PNCounter, {"delta": -3}, -6),
        (GSet, {"element": "a"}, ["a"]),
    ],
)
def test_additions_survive_a_restart(node_class: type[Node], add: dict, value: Any) -> None:
    client = run(node_class)
    client.ask("n1", type="add", **add)
    client.restart("n1")
    client.ask("n1", type="add", **add)
    client.wait(1)
    assert client.ask("n2", type="read") == {"type": "read_ok", "value": value}


@pytest.mark.parametrize(
    ("node_class", "wrong"), [(AddsOnMerge, lambda v: v > 6), (ForgetsOnRestart, lambda v: v < 6)]
)
def test_planted_counters_count_wrong(node_class: type[Node], wrong: Any) -> None:
    client = run(node_class)
    client.ask("n1", type="add", delta=3)
    client.wait(1)
    client.restart("n1")
    client.ask("n1", type="add", delta=3)
    client.wait(1)
    assert wrong(client.ask("n2", type="read")["value"])


# ABD.


def test_a_write_is_read_at_every_node() -> None:
    client = run(ABD, 5)
    assert client.ask("n1", type="write", key=1, value=7) == {"type": "write_ok"}
    for name in client.cluster.node_ids:
        assert client.ask(name, type="read", key=1) == {"type": "read_ok", "value": 7}


def test_a_key_never_written_is_error_20_and_cas_is_error_10() -> None:
    client = run(ABD)
    assert client.ask("n1", type="read", key=1) == error(20)
    assert client.ask("n1", type="cas", key=1, **{"from": 1, "to": 2}) == error(10)


def test_a_null_is_a_value_like_any_other() -> None:
    client = run(ABD)
    client.ask("n1", type="write", key=1, value=None)
    assert client.ask("n2", type="read", key=1) == {"type": "read_ok", "value": None}


def test_a_minority_may_be_down_and_a_majority_may_not() -> None:
    client = run(ABD)
    client.crash("n3")
    assert client.ask("n1", type="write", key=1, value=7) == {"type": "write_ok"}
    client.crash("n2")
    assert client.ask("n1", type="read", key=1) is None
    client.wait(10)
    assert client.replies[client.asked]["code"] == 0


def test_the_last_answer_comes_as_soon_as_a_majority_is_back() -> None:
    client = run(ABD)
    client.crash("n2")
    client.crash("n3")
    client.post("n1", {"type": "write", "key": 1, "value": 7})
    client.wait(1)
    client.cluster.hosts["n3"].boot()
    client.wait(2)
    assert client.replies[1]["type"] == "write_ok"


def test_writes_survive_a_restart_of_everybody() -> None:
    client = run(ABD)
    client.ask("n1", type="write", key=1, value=7)
    for name in client.cluster.node_ids:
        client.restart(name)
    assert client.ask("n2", type="read", key=1) == {"type": "read_ok", "value": 7}


def test_acknowledged_before_disk_is_lost_in_a_restart_of_everybody() -> None:
    client = run(AcknowledgesBeforeDisk)
    client.ask("n1", type="write", key=1, value=7)
    for name in client.cluster.node_ids:
        client.restart(name)
    assert client.ask("n2", type="read", key=1) == error(20)


def test_two_writes_through_one_node_at_once_get_different_tags() -> None:
    client = run(ABD)
    client.post("n1", {"type": "write", "key": 1, "value": 7})
    client.post("n1", {"type": "write", "key": 1, "value": 8})
    client.wait(1)
    assert client.cluster.nodes["n1"].registers["1"]["tag"] == [2, "n1"]


@pytest.mark.parametrize(("reader", "unheard"), [("n1", "n2"), ("n2", "n3")])
def test_a_reader_writes_back_what_one_node_holds(reader: str, unheard: str) -> None:
    client = run(ABD)
    client.cluster.nodes["n1"].keep("1", {"tag": [1, "n1"], "value": 7})
    client.crash(unheard)
    assert client.ask(reader, type="read", key=1) == {"type": "read_ok", "value": 7}
    assert [node.get("1")["value"] for node in client.cluster.nodes.values()] == [7, 7]


def test_each_planted_bug_stands_beside_one_model_and_changes_its_class():
    owners = {name: bugs_of(name) for name in MODELS}
    assert set(owners["g-counter"]) == {"adds-on-merge", "forgets-on-restart"}
    assert owners["g-set"] == owners["pn-counter"] == owners["echo"] == {}
    planted = [bug for bugs in owners.values() for bug in bugs.values()]
    files = {entry.module: import_module(entry.module) for entry in MODELS.values()}
    listed = [bug for file in files.values() for bug in getattr(file, "BUGS", {}).values()]
    assert sorted(map(id, planted)) == sorted(map(id, listed))
