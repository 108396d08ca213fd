"""Who is whose neighbour."""

import networkx as nx
import pytest

from clew.errors import UsageError
from clew.sim.entropy import Entropy
from clew.sim.topology import TOPOLOGIES, topology


def names(count):
    return [f"n{rank + 1}" for rank in range(count)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("line", {"n1": "n2", "n2": "n1 n3", "n3": "n2 n4", "n4": "n3 n5", "n5": "n4"}),
        ("grid", {"n1": "n2 n4", "n2": "n1 n3 n5", "n3": "n2", "n4": "n1 n5", "n5": "n2 n4"}),
        ("tree", {"n1": "n2 n3", "n2": "n1 n4 n5", "n3": "n1", "n4": "n2", "n5": "n2"}),
        ("tree2", {"n1": "n2 n3", "n2": "n1 n4 n5", "n3": "n1", "n4": "n2", "n5": "n2"}),
        ("tree3", {"n1": "n2 n3 n4", "n2": "n1 n5", "n3": "n1", "n4": "n1", "n5": "n2"}),
        ("tree4", {"n1": "n2 n3 n4 n5", "n2": "n1", "n3": "n1", "n4": "n1", "n5": "n1"}),
        (
            "total",
            {
                "n1": "n2 n3 n4 n5", "n2": "n1 n3 n4 n5", "n3": "n1 n2 n4 n5", "n4": "n1 n2 n3 n5",
                "n5": "n1 n2 n3 n4",
            },
        ),
        (
            "random-tree",
            {"n1": "n2 n3", "n2": "n1 n4 n5", "n3": "n1", "n4": "n2", "n5": "n2"},
        ),
    ],
)  # fmt: skip
def test_five_nodes(name, expected):
    found = topology(name, names(5), Entropy(5))
    assert found == {node: others.split() for node, others in expected.items()}


@pytest.mark.parametrize("name", TOPOLOGIES)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 10, 25])
def test_every_topology_is_symmetric_and_connected(name, count):
    for seed in range(5):
        found = topology(name, names(count), Entropy(seed))
        assert list(found) == names(count)
        for node, others in found.items():
            assert node not in others
            assert len(set(others)) == len(others)
            assert all(node in found[other] for other in others)
        graph = nx.Graph()
        graph.add_nodes_from(found)
        graph.add_edges_from((node, other) for node in found for other in found[node])
        assert nx.is_connected(graph)
        if name == "random-regular" and count >= 4:
            assert {len(others) for others in found.values()} <= {3, 4}


def test_random_ones_are_the_seeds():
    for name in ("random", "random-tree", "random-regular"):
        drawn = [topology(name, names(9), Entropy(seed)) for seed in (1, 1, 2)]
        assert drawn[0] == drawn[1] != drawn[2]


def test_unknown_topology():
    with pytest.raises(UsageError) as caught:
        topology("donut", names(3), Entropy(1))
    assert str(caught.value) == (
        f"no such topology: expected one of {', '.join(TOPOLOGIES)}, found 'donut'. "
        "See 'clew list topologies'."
    )
