"""What a node class declares and can't be used is refused before anything runs."""

from __future__ import annotations

import pytest

import clew
from clew import Capacity, Node, Role, System, operation
from clew.cli import main
from clew.errors import NodeError
from clew.scenarios.code.models import load_model

WORKING = """
from clew import Capacity, Node, on

class Base(Node):
    @on("echo")
    async def echo(self, msg):
        await self.work(0.01)
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})

class A(Base):
    workload = "echo"
    {}
"""

REFUSED = {
    # a line of the class: what the message says
    "capacity = 5": "'capacity' can't be used: expected what a node can work on, such as Capacity"
    "(workers=2, queue=100), found 5. Begin with: from clew import Capacity",
    "capacity = Capacity": "queue=100), found the class Capacity",
    "capacity = (1, 2)": "found a tuple",
    "capacity = None": "found None",
    "def capacity(self): return 2": "found a function",
    "members_changed = True": "'members_changed' can't be used: expected a method, "
    "def members_changed(self, members), found True",
    "def members_changed(self): pass": "found def members_changed(self) in line 12",
    "def members_changed(self, old, new): pass": "found def members_changed(self, old, new)",
    "def members_changed(self, members, *, at): pass": "(self, members, at) in line 12",
    "members_changed = staticmethod(lambda: None)": "found def <lambda>() in line 12",
    "may_leave = 3": "'may_leave' can't be used: expected a method, def may_leave(self), found 3",
    "may_leave = property(lambda self: True)": "found a property",
    "def may_leave(self, when): pass": "found def may_leave(self, when) in line 12",
    "async def may_leave(self): return True": "found async def may_leave(self) in line 12",
    "start = None": "'start' can't be used: expected a method, def start(self), found None",
    "def start(): pass": "found def start() in line 12",
    "server_state = 'leader'": "def server_state(self), found 'leader'",
    "observe = {}": "def observe(self), found {}",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_can_not_be_used_is_one_message_before_the_run(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text(WORKING.format(line))
    assert main(["test", "a.py"]) == 64
    told = capsys.readouterr()
    assert told.out == ""
    [said] = told.err.splitlines()
    assert said.startswith("clew: a.py: class A: ")
    assert REFUSED[line] in said


ACCEPTED = [
    "capacity = Capacity(queue=3)",
    "def members_changed(self, *members): pass",
    "def members_changed(self, members, at=0): pass",
    "async def members_changed(self, members): pass",
    "may_leave = staticmethod(lambda: True)",
    "may_leave = classmethod(lambda cls: True)",
    "def start(self, again=False): pass",
]


@pytest.mark.parametrize("line", ACCEPTED)
def test_what_can_be_called_as_it_will_be_is_accepted(line, tmp_path):
    (tmp_path / "a.py").write_text(WORKING.format(line))
    assert load_model(str(tmp_path / "a.py")).node_class.__name__ == "A"


def test_a_class_that_never_works_may_call_something_else_its_capacity(tmp_path):
    idle = WORKING.format("capacity = 5").replace("await self.work(0.01)", "pass")
    (tmp_path / "a.py").write_text(idle)
    result = clew.run(str(tmp_path / "a.py"), time_limit=1, recovery=1, out=tmp_path)
    assert result.verdict.value == "valid"


def test_a_class_in_memory_and_one_of_a_system_are_held_to_the_same():
    class Wrong(Node):
        may_leave = False

    class Fine(Node):
        capacity = Capacity(2)

    for program in (Wrong, System({"fine": Role(Fine, 1), "wrong": Role(Wrong, 1)})):
        with pytest.raises(NodeError, match="class Wrong: 'may_leave' can't be used"):
            clew.run(program, workload="echo", time_limit=1)


@pytest.mark.parametrize("bare", [lambda self, draw: None, 5, ["read"]])
def test_an_operation_without_parentheses_says_to_write_them(bare):
    with pytest.raises(TypeError, match=r"@operation stands with parentheses, as in @operation"):
        operation(bare)


def test_a_file_with_such_an_operation_is_one_message(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.py").write_text(
        "from clew import Node, Workload, operation\nclass A(Node):\n    workload = 'w'\n"
        "class W(Workload):\n    name = 'w'\n    @operation\n    def read(self, draw): pass\n"
    )
    assert main(["test", "w.py"]) == 64
    [said] = capsys.readouterr().err.splitlines()
    assert "w.py:6" in said
    assert "@operation stands with parentheses" in said
