"""The exit status of each verdict."""

from __future__ import annotations

from clew.checkers.verdict import Verdict
from clew.errors import EXIT_INVALID, EXIT_UNKNOWN, EXIT_VALID

STATUS: dict[Verdict, int] = {
    Verdict.VALID: EXIT_VALID,
    Verdict.INVALID: EXIT_INVALID,
    Verdict.UNKNOWN: EXIT_UNKNOWN,
}
