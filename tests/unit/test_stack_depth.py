"""A node that sees how deep Python's stack is sees the same from wherever its run was begun."""

import traceback

import pytest

import clew
from clew.machine.depth import at_even_depth
from clew.node.node import Node, on


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def deeper(function, levels):
    return function() if levels == 0 else other(function, levels - 1)


def other(function, levels):
    return function() if levels == 0 else deeper(function, levels - 1)


def depth():
    return len(traceback.format_stack())


@pytest.mark.parametrize("levels", [0, 1, 7, 40, 99, 100, 201])
def test_the_depth_is_the_same_for_any_caller(levels):
    assert deeper(lambda: at_even_depth(depth), levels) % 100 == at_even_depth(depth) % 100


class Counting(Node):
    workload = "echo"

    @on("x")
    def x(self, msg):
        pass

    @on("echo")
    def echo(self, msg):
        self.send(self.peers[0], {"type": "x", "v": len(traceback.format_stack())})
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


def test_a_node_that_sees_its_depth_is_the_same_run():
    def digest():
        return clew.run(
            Counting, workload="echo", time_limit=1, recovery=1, rate=5
        ).outcome.run.digest

    here = -depth() % 100
    assert digest() == deeper(digest, max(0, (here - 60) // 2))
