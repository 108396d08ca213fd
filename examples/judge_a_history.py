"""Judge a history that was not made here: a register's reads and writes, written down by hand.

A history is a list of events; a checker looks for an order of the operations that explains it.
"""

from clew.checkers.linearizability import Linearizability
from clew.checkers.linearizability.specifications import SPECIFICATIONS
from clew.checkers.verdict import run_checker
from clew.history import Event, History


def history(*lines):
    return History([Event(*line) for line in lines], source="by hand")


OVERLAPPING = history(
    (0, "invoke", "write", 1),
    (1, "invoke", "read", None),
    (1, "ok", "read", 1),  # the write is not over, but it may have happened
    (0, "ok", "write", 1),
)

BACK_IN_TIME = history(
    (0, "invoke", "write", 1),
    (0, "ok", "write", 1),
    (0, "invoke", "write", 2),
    (1, "invoke", "read", None),
    (1, "ok", "read", 2),  # so the second write has happened
    (2, "invoke", "read", None),
    (2, "ok", "read", 1),  # and now it has not
    (0, "ok", "write", 2),
)

checker = Linearizability(SPECIFICATIONS["register"]())
for name, recorded in [("overlapping", OVERLAPPING), ("back in time", BACK_IN_TIME)]:
    result = run_checker(checker, recorded)
    print(f"{name}: {result.verdict.value}")
    for anomaly in result.anomalies:
        for operation in anomaly.operations:
            value = operation.result if operation.f == "read" else operation.argument
            print(f"  process {operation.process}: {operation.f} {value}")
