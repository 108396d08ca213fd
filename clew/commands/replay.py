"""``clew replay``: run a repro file's plan again, and report whether it is the same run.

Nothing that a file names is imported before `clew.scenarios.repros.trust` has looked at it. If the
model's source has changed since the file was written, a different run is to be expected, and
nothing is run without ``--changed-model``: with it a difference is shown, and does not count
against the run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from clew.checkers.verdict import Verdict
from clew.commands.exits import STATUS
from clew.formats.places import check_outputs
from clew.machine.hashing import pin_to
from clew.machine.text import json_text
from clew.report.page.artefact import write_page
from clew.report.run import node_logs, run_report, verified
from clew.report.screen import Style, echo
from clew.scenarios.code.models import Model
from clew.scenarios.judgement.outcome import Outcome, judge
from clew.scenarios.repros.repro import Repro, differences, read_repro
from clew.scenarios.repros.trust import trusted_model
from clew.scenarios.runs.run import simulate
from clew.search.forks import fresh_runs_of
from clew.search.verification import Verification, verify
from clew.trace.jsonl import write_trace


def run(options: Mapping[str, Any]) -> int:
    """Replay a file; return the exit status."""
    path = Path(options["file"])
    check_outputs({name: options.get(name) for name in ("report", "trace")}, [path])
    repro = read_repro(path)
    pin_to(repro.plan.hash_seed)
    asked = "verify" in options
    verification = None
    with trusted(repro, path, options) as (model, changed):
        outcome = judge(simulate(repro.plan, model), model)
        told = differences(repro, outcome)
        if asked or outcome.verdict is Verdict.VALID:
            found = verify(outcome.run, fresh_runs_of(os.getpid()))
            # A valid run that is the same again needs no word that nobody requested.
            verification = found if asked or found.hash_order or not found.same else None
    if "report" in options:
        write_page(options["report"], outcome, path, whole=True)
    if "trace" in options:
        write_trace(outcome.run.trace, options["trace"])
    if "json" in options:
        data = _as_json(verified(outcome, verification), str(path), told, verification)
        echo(json_text(data | {"changed": changed}))
    else:
        style = Style.of(sys.stdout)
        if "log" in options:
            echo(node_logs(outcome.run))
        echo(run_report(outcome, verification, str(path), style))
        echo(comparison(repro, told, style, changed))
    differs = (bool(told) and not changed) or (verification is not None and not verification.same)
    return STATUS[Verdict.UNKNOWN if differs else outcome.verdict]


def trusted(
    repro: Repro, path: Path, options: Mapping[str, Any]
) -> AbstractContextManager[tuple[Model, list[str]]]:
    """Trust the file's model as `trusted_model` does, as far as the options allow it."""
    return trusted_model(
        repro,
        path,
        announce,
        changed_model="changed_model" in options,
        allow_outside="allow_outside" in options,
    )


def announce(line: str) -> None:
    """Print a line on stderr, so that stdout holds the result alone."""
    echo(f"clew: {line}", err=True)


def comparison(repro: Repro, told: Sequence[str], style: Style, changed: Sequence[str]) -> str:
    """Print whether the run is the one that the file expects, and what differs.

    ``told`` says what differs, ``changed`` which source files of the model have changed since.
    """
    if not told:
        same = f"The same run as the file's: digest {repro.digest[:16]}..., {repro.verdict}."
        return same + (f" It is so although {', '.join(changed)} changed." if changed else "")
    head = (
        f"Another run than the file's, with a changed model ({', '.join(changed)})"
        if changed
        else style.paint("NOT THE RUN THAT THE FILE EXPECTS", "red")
    )
    return "\n".join([f"{head}:", *(f"  {line}" for line in told)])


def _as_json(
    outcome: Outcome, path: str, told: Sequence[str], verification: Verification | None
) -> dict[str, Any]:
    data = outcome.to_json(path) | {"signature": outcome.signature}
    data |= {"same": not told, "differences": list(told)}
    return data if verification is None else data | {"deterministic": verification.same}
