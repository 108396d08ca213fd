"""The services keep exactly what they promise: no less, and visibly no more."""

from functools import cache
from random import Random
from typing import Any

import pytest

from clew.models.services import SERVICES, LwwKV
from clew.node.message import Message, is_flat
from clew.node.node import Node, on
from clew.node.timer import to_ns
from clew.runtimes.simulated import simulated
from clew.sim.cluster import Cluster

STORES = ["lin-kv", "seq-kv", "lww-kv"]


class Asker(Node):
    """Takes orders: sends what it is given and keeps the answers."""

    def start(self) -> None:
        self.answers: list[Any] = []

    @on("ask")
    async def ask(self, msg: Message) -> None:
        self.answers.append(await self.rpc(msg.body["service"], msg.body["body"], timeout=1.0))


class Caller:
    """A receiver that asks a service directly."""

    paused = False

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.count, self.reply = cluster, 0, None
        self.endpoint = cluster.add_client(name)
        self.endpoint.process = self

    def receive(self, message: Message) -> None:
        self.reply = message.body

    def hold(self, callback: Any, argument: Any) -> None:
        raise AssertionError

    def __call__(self, service: str, **body: Any) -> Any:
        """The value read, the timestamp, an error's code, or True."""
        self.count += 1
        body = {**body, "msg_id": self.count}
        self.cluster.network.link(self.endpoint, service).emit(body, is_flat(body))
        self.cluster.world.advance(self.cluster.world.now + to_ns(0.001))
        assert self.cluster.findings == []
        assert self.reply["in_reply_to"] == self.count
        for name in ("value", "ts", "code"):
            if name in self.reply:
                return self.reply[name]
        return True


def callers(count: int = 1, seed: int = 1) -> list[Caller]:
    cluster = simulated(seed, Asker, ["n1"], services=SERVICES)
    return [Caller(cluster, f"c{rank}") for rank in range(count)]


def test_a_node_reaches_a_service_by_its_name() -> None:
    cluster = simulated(1, Asker, ["n1"], services=SERVICES)
    cluster.boot()
    caller = Caller(cluster, "c0")
    link = cluster.network.link(caller.endpoint, "n1")
    ask = {"type": "ask", "service": "lin-tso", "body": {"type": "ts"}}
    link.emit(ask, False)
    cluster.world.advance(to_ns(1))
    assert [answer["ts"] for answer in cluster.nodes["n1"].answers] == [0]


def test_timestamps_are_the_integers_from_zero() -> None:
    first, second = callers(2)
    assert [first("lin-tso", type="ts"), second("lin-tso", type="ts")] == [0, 1]


@pytest.mark.parametrize("service", ["lin-kv", "seq-kv"])
def test_one_client_sees_its_own_operations_in_order(service: str) -> None:
    (call,) = callers()
    assert call(service, type="read", key=1) == 20
    assert call(service, type="cas", key=1, **{"from": 0, "to": 5}) == 20
    created = {"from": 0, "to": 5, "create_if_not_exists": True}
    assert call(service, type="cas", key=1, **created) is True
    assert call(service, type="read", key=1) == 5
    assert call(service, type="cas", key=1, **{"from": 4, "to": 6}) == 22
    assert call(service, type="cas", key=1, **{"from": 5, "to": [6]}) is True
    assert call(service, type="read", key=1) == [6]
    assert call(service, type="write", key="1", value=None) is True
    assert call(service, type="read", key="1") is None
    assert call(service, type="read", key=1) == [6]


@pytest.mark.parametrize("service", STORES)
@pytest.mark.parametrize(
    "body",
    [
        {"type": "read"},
        {"type": "write", "key": 1},
        {"type": "cas", "key": 1, "from": 2},
        {"type": "cas", "key": 1, "to": 2},
        {"type": "read", "key": 10**5000},
        {"type": "write", "key": 1, "value": [10**5000]},
        {"type": "cas", "key": 1, "from": 10**5000, "to": 2},
    ],
)
def test_a_field_that_is_missing_or_too_long_for_text_is_error_12(
    service: str, body: dict[str, Any]
) -> None:
    (call,) = callers()
    assert call(service, **body) == 12


def test_lin_kv_shows_every_write_to_everybody_at_once() -> None:
    first, second = callers(2)
    for value in range(50):
        first("lin-kv", type="write", key=1, value=value)
        assert second("lin-kv", type="read", key=1) == value


def test_seq_kv_never_goes_back_however_far_a_client_lags() -> None:
    writer, reader = callers(2)
    for value in range(2000):
        writer("seq-kv", type="write", key=value % 7, value=value)
    seen = [reader("seq-kv", type="read", key=0) for _ in range(40)]
    numbers = [-1 if value == 20 and place == 0 else value for place, value in enumerate(seen)]
    assert numbers == sorted(numbers)
    assert numbers[0] < 1995
    assert numbers[-1] == 1995


def test_seq_kv_writes_on_top_of_the_newest_state() -> None:
    first, second = callers(2)
    first("seq-kv", type="write", key=1, value=0)
    for value in range(50):
        caller = (first, second)[value % 2]
        assert caller("seq-kv", type="cas", key=1, **{"from": value, "to": value + 1}) is True


def workout(seed: int) -> list[list[tuple[str, int, Any]]]:
    """What each of three clients did to seq-kv and saw, in its own order."""
    clients, draws = callers(3, seed), Random(seed)
    log: list[list[tuple[str, int, Any]]] = [[], [], []]
    for value in range(1, 19):
        who, key = draws.randrange(3), draws.randrange(2)
        if draws.random() < 0.5:
            clients[who]("seq-kv", type="write", key=key, value=100 + value)
            log[who].append(("write", key, 100 + value))
        else:
            log[who].append(("read", key, clients[who]("seq-kv", type="read", key=key)))
    return log


def explained(log: list[list[tuple[str, int, Any]]]) -> bool:
    """Does some interleaving of the clients' orders explain all reads? By trying them all."""

    @cache
    def search(places: tuple[int, ...], state: tuple[int, int]) -> bool:
        if all(place == len(steps) for place, steps in zip(places, log, strict=True)):
            return True
        for who, place in enumerate(places):
            if place == len(log[who]):
                continue
            f, key, value = log[who][place]
            if f == "read" and state[key] != value:
                continue
            after = state if f == "read" else (value, state[1]) if key == 0 else (state[0], value)
            ahead = (*places[:who], place + 1, *places[who + 1 :])
            if search(ahead, after):
                return True
        return False

    return search((0, 0, 0), (20, 20))


def test_seq_kv_is_sequentially_consistent() -> None:
    assert all(explained(workout(seed)) for seed in range(60))


def test_the_search_for_an_interleaving_can_fail() -> None:
    assert not explained([[("write", 0, 1), ("read", 0, 20)], [], []])
    assert not explained([[("write", 0, 1)], [("read", 0, 1), ("read", 0, 20)], []])


def test_seq_kv_shows_the_past() -> None:
    def stale(seed: int) -> bool:
        writer, reader = callers(2, seed)
        writer("seq-kv", type="write", key=1, value=1)
        return reader("seq-kv", type="read", key=1) == 20

    assert 5 < sum(stale(seed) for seed in range(30)) < 25


def test_lww_kv_converges_by_gossip_alone() -> None:
    first, second = callers(2)
    first("lww-kv", type="write", key=1, value="a")
    second("lww-kv", type="write", key=1, value="b")
    world = first.cluster.world
    world.advance(world.now + to_ns(100 * LwwKV.GOSSIP_SECONDS))
    seen = {caller("lww-kv", type="read", key=1) for caller in (first, second) for _ in range(20)}
    assert seen in ({"a"}, {"b"})


def test_lww_kv_replicas_disagree_before_gossip() -> None:
    (call,) = callers()
    call("lww-kv", type="write", key=1, value="a")
    assert {call("lww-kv", type="read", key=1) for _ in range(20)} == {"a", 20}


def test_lww_kv_can_let_two_cas_win() -> None:
    (call,) = callers()
    created = {"from": 0, "to": 1, "create_if_not_exists": True}
    assert [call("lww-kv", type="cas", key=1, **created) for _ in range(9)].count(True) == 3
