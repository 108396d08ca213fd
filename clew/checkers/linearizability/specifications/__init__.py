"""The specifications that Clew ships, by name."""

from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.specifications.collections import (
    FifoQueue,
    PriorityQueue,
    Set,
    Stack,
)
from clew.checkers.linearizability.specifications.counting import (
    AppendLog,
    Counter,
    IdGenerator,
)
from clew.checkers.linearizability.specifications.key_value import KeyValue
from clew.checkers.linearizability.specifications.locks import FencedLock, Mutex
from clew.checkers.linearizability.specifications.registers import (
    CasRegister,
    MultiRegister,
    Register,
)

SPECIFICATIONS: dict[str, type[Specification]] = {
    each.name: each
    for each in (
        Register,
        CasRegister,
        MultiRegister,
        KeyValue,
        Counter,
        Set,
        FifoQueue,
        Stack,
        PriorityQueue,
        Mutex,
        FencedLock,
        AppendLog,
        IdGenerator,
    )
}
"""From the name that ``--model`` takes to the class; every one can be made without arguments."""

__all__ = [
    "SPECIFICATIONS",
    "AppendLog",
    "CasRegister",
    "Counter",
    "FencedLock",
    "FifoQueue",
    "IdGenerator",
    "KeyValue",
    "MultiRegister",
    "Mutex",
    "PriorityQueue",
    "Register",
    "Set",
    "Stack",
]
