"""What a scenario expects, and whether its runs are that."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import clew
from clew.checkers.verdict import Verdict
from clew.scenarios.options.expectation import kinds_of, met, parse_expect
from clew.scenarios.options.kinds import INSIDE, checks, failures
from clew.sim.finding import Finding
from clew.workloads import workloads
from clew.workloads.workload import Surroundings


@dataclass
class Ran:
    seed: int
    signature: str = ""

    @property
    def verdict(self):
        return (
            Verdict.VALID if not self.signature
            else Verdict.UNKNOWN if "unknown" in self.signature
            else Verdict.INVALID
        )  # fmt: skip


ELECTION = "nodes: invalid (invariant election-safety, invariant log-matching)"
LINEAR = "linearizable: invalid (nonlinearizable); liveness: invalid (no-progress)"
RAISED = "nodes: invalid (KeyError at my-node.py:12, refused at x.py:3)"
OPEN = "faults: unknown"

MET = [
    # expect, the runs' signatures: verdict and the reason
    (None, ["", ""], "valid", "Every run was to be valid: 2 valid."),
    ("valid", [], "valid", "Every run was to be valid: there was no run."),
    ("valid", ["", OPEN], "unknown",
     "Every run was to be valid: 1 unknown (first at seed 1), 1 valid."),
    ("valid", [OPEN, LINEAR, LINEAR], "invalid",
     "Every run was to be valid: 2 invalid (first at seed 1), 1 unknown (first at seed 0)."),
    ("unknown", ["", OPEN], "valid",
     "The worst run was to be unknown: 1 unknown (first at seed 1), 1 valid."),
    ("unknown", [""], "invalid", "The worst run was to be unknown: 1 valid."),
    ("unknown", [OPEN, LINEAR], "invalid",
     "The worst run was to be unknown: 1 invalid (first at seed 1), 1 unknown (first at seed 0)."),
    ("invalid", ["", LINEAR, ELECTION], "valid",
     "A failure was expected and found: 2 of 3 runs, first at seed 1."),
    ("invalid", ["", ""], "invalid", "A failure was expected and not found: 2 valid."),
    ("invalid", ["", OPEN], "unknown",
     "A failure was expected and not found: 1 unknown (first at seed 1), 1 valid."),
    ("invalid:nonlinearizable", [LINEAR], "valid",
     "nonlinearizable was expected and found: 1 of 1 run, first at seed 0."),
    ("invalid:nonlinearizable", ["", OPEN, LINEAR], "valid",
     "nonlinearizable was expected and found: 1 of 3 runs, first at seed 2."),
    ("invalid:nonlinearizable", [ELECTION, "", LINEAR, ELECTION], "invalid",
     f"nonlinearizable was expected, and seed 0 fails otherwise: {ELECTION}."),
    ("invalid:nonlinearizable,election-safety", [ELECTION, "", LINEAR], "valid",
     "nonlinearizable or election-safety was expected and found: 2 of 3 runs, first at seed 0."),
    ("invalid:G0", ["", ""], "invalid", "G0 was expected and not found: 2 valid."),
]  # fmt: skip


@pytest.mark.parametrize(("expect", "signatures", "verdict", "reason"), MET)
def test_whether_an_expectation_is_met(expect, signatures, verdict, reason):
    runs = [Ran(seed, signature) for seed, signature in enumerate(signatures)]
    forwards, backwards = met(expect, runs), met(expect, reversed(runs))
    assert (forwards.verdict.value, forwards.reason) == (verdict, reason)
    assert backwards == forwards


@pytest.mark.parametrize(
    ("signature", "names"),
    [
        ("", set()),
        (ELECTION, {"nodes", "invariant", "election-safety", "log-matching",
                    "invariant election-safety", "invariant log-matching"}),
        (LINEAR, {"linearizable", "nonlinearizable", "liveness", "no-progress"}),
        (RAISED, {"nodes", "KeyError", "exception", "KeyError at my-node.py:12", "refused",
                  "refused at x.py:3"}),
        ("liveness: invalid", {"liveness"}),
        (OPEN, set()),
    ],
)  # fmt: skip
def test_the_names_of_a_failure(signature, names):
    assert kinds_of(signature) == names


def _kinds_in(source):
    """The kinds of anomaly that a module names where it makes one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Anomaly":
            for part in ast.walk(node.args[0]):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def test_every_way_to_fail_has_a_name_that_can_be_expected():
    package = Path(clew.__file__).parent
    setting = Surroundings(nodes=("n1",))
    made = [one for name in workloads() for one in workloads()[name](None, setting).checkers()]
    modules = {package / f"{type(one).__module__.replace('.', '/')[5:]}.py" for one in made}
    modules |= {*(package / "checkers" / "linearizability").glob("*.py")}
    modules |= {*(package / "scenarios").rglob("*.py")}
    kinds = {kind for path in modules for kind in _kinds_in(path.read_text(encoding="utf-8"))}
    inside = re.findall(r"``([a-z-]+)``", Finding.__doc__.partition("reason:")[0])

    assert "nonlinearizable" in kinds
    assert kinds - set(failures()) == set()
    assert set(inside) == set(INSIDE)
    assert {one.name for one in made} <= set(checks())


def test_an_expectation_is_parsed():
    assert parse_expect("invalid:G0, invariant x") == (Verdict.INVALID, ("G0", "invariant x"))
    for wrong in ("", "Valid", "invalid:a,,b", "invalid:a;b", "unknown:x", "invalid(G0)"):
        with pytest.raises(ValueError, match="invalid"):
            parse_expect(wrong)
