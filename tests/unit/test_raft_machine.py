"""The replicated store: its answers, and its sessions."""

import json

import pytest

from clew.models.raft.machine import KVMachine

MISSING = {"type": "error", "code": 20, "text": "key-does-not-exist"}
MISMATCH = {"type": "error", "code": 22, "text": "precondition-failed"}


@pytest.mark.parametrize(
    ("operation", "answer", "value"),
    [
        (["write", 1, 5], {"type": "write_ok"}, 5),
        (["cas", 1, 3, 4, False], {"type": "cas_ok"}, 4),
        (["cas", 1, 9, 4, False], MISMATCH, 3),
        (["cas", 1, 9, 4, True], MISMATCH, 3),
        (["cas", 2, 9, 4, False], MISSING, 3),
        (["cas", 2, 9, 4, True], {"type": "cas_ok"}, 3),
    ],
)
def test_operations(operation, answer, value):
    machine = KVMachine()
    machine.apply("c0", 1, ["write", 1, 3])
    assert machine.apply("c1", 1, operation) == answer
    assert machine.read(1) == {"type": "read_ok", "value": value}


def test_a_missing_key_reads_as_an_error():
    assert KVMachine().read("nothing") == MISSING


def test_a_retried_command_applies_once_and_says_the_same():
    machine = KVMachine()
    machine.apply("c0", 1, ["write", 1, 3])
    assert machine.apply("c0", 2, ["cas", 1, 3, 4, False]) == {"type": "cas_ok"}
    assert machine.apply("c0", 2, ["cas", 1, 3, 4, False]) == {"type": "cas_ok"}
    assert machine.recall("c0", 2) == {"type": "cas_ok"}
    assert machine.values == {1: 4}


def test_a_command_that_its_client_has_left_behind_does_nothing():
    machine = KVMachine()
    machine.apply("c0", 7, ["write", 1, 3])
    assert machine.apply("c0", 6, ["write", 1, 9]) is None
    assert machine.recall("c0", 6) is None
    assert machine.values == {1: 3}


def test_an_image_holds_values_and_sessions():
    machine = KVMachine()
    machine.apply("c0", 1, ["write", 1, 3])
    machine.apply("c0", 2, ["cas", "1", 0, 0, False])
    again = KVMachine()
    again.restore(json.loads(json.dumps(machine.image())))
    assert again.values == {1: 3}
    assert again.recall("c0", 2) == MISSING
    assert again.apply("c0", 1, ["write", 1, 8]) is None
