"""Nodes that go wrong where a test says, and what they go wrong with."""

from clew.node.node import Node, on

S = 1_000_000_000
QUICK = {"node_count": 3, "time_limit": 2}


class Echo(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        self.bad(msg)
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})

    def bad(self, msg):
        raise NotImplementedError


class Custom(BaseException):
    pass


class Unspeakable(Exception):  # noqa: N818 - it has no words
    def __str__(self):
        raise ValueError

    __repr__ = __str__


class UnspeakableBase(BaseException):
    def __str__(self):
        raise Custom

    __repr__ = __str__


class Hooks(Echo):
    """Whose hooks go wrong instead of its handlers."""

    def bad(self, msg):
        pass

    def server_state(self):
        raise Custom

    def observe(self):
        raise Custom
