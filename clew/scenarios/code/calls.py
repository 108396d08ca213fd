"""What the code of a node class mentions, without running it."""

from __future__ import annotations

from types import CodeType
from typing import Any

from clew.node.node import Node


def own_bases(node_class: type[Node]) -> list[type]:
    """Return a class and its bases, without `Node` and what `Node` derives from."""
    return [base for base in node_class.__mro__ if base is not Node and base is not object]


def names_called(node_class: type[Node]) -> frozenset[str]:
    """Return every name that the methods of a class and its bases mention, such as ``work``.

    A method of the class's own that is called work is no call of ours.
    """
    called = {
        name
        for base in own_bases(node_class)
        for member in vars(base).values()
        for code in _codes(member)
        for name in code.co_names
    }
    return frozenset(called - ({"work"} if node_class.work is not Node.work else set()))


def _codes(member: Any) -> list[CodeType]:
    """Return the code objects of a class's member, nested ones too."""
    if isinstance(member, staticmethod | classmethod):
        member = member.__func__
    functions = [member]
    if isinstance(member, property):
        functions = [member.fget, member.fset, member.fdel]
    pending = [f.__code__ for f in functions if isinstance(getattr(f, "__code__", None), CodeType)]
    found: list[CodeType] = []
    while pending:
        code = pending.pop()
        found.append(code)
        pending += [const for const in code.co_consts if isinstance(const, CodeType)]
    return found
