"""``clew test``: one seed or many, told as they end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from typer import echo

from clew.checkers.transactions.lattice import resolve_models
from clew.checkers.verdict import Verdict
from clew.commands.exits import STATUS
from clew.commands.places import check_folder, number
from clew.models.registry import bugs_of
from clew.report.logs import node_logs
from clew.report.progress import Progress
from clew.report.run import determinism, run_report
from clew.report.style import Style
from clew.report.sweep import sweep_report
from clew.scenarios.asserts import parse_assert
from clew.scenarios.draw import draw_plan
from clew.scenarios.load import check_functions, load_model
from clew.scenarios.outcome import Outcome, judge
from clew.scenarios.repro import model_of, read_repro
from clew.scenarios.run import simulate
from clew.scenarios.scenario import Scenario, make_scenario, read_scenario
from clew.search.sweep import Job, SeedResult, run_seed, sweep
from clew.search.verify import Verification, verify
from clew.sim.entropy import Entropy
from clew.sim.topology import topology

_OF_THE_COMMAND = (
    "seed", "runs", "jobs", "until_failure", "out", "keep", "verify", "json", "log",
)  # fmt: skip

ONE_PROCESS_RUNS = 20
"""Below so many runs starting worker processes costs more than they save."""


def run(options: Mapping[str, Any]) -> int:
    """Run the seeds that the options name; the exit status."""
    given = dict(options)
    own = {name: given.pop(name) for name in _OF_THE_COMMAND if name in given}
    scenario = scenario_of(given)
    first, runs = number("seed", own.get("seed", "0"), 0), number("runs", own.get("runs", "1"), 1)
    out = Path(own.get("out", "out"))
    check_folder(out)
    rehearse(scenario, first)
    job = Job(scenario, out, keep_all="keep" in own, verify_all="verify" in own)
    default_jobs = 1 if runs < ONE_PROCESS_RUNS else os.cpu_count() or 1
    jobs = number("jobs", own.get("jobs", str(default_jobs)), 1)
    if runs == 1:
        return _one(job, first, own)
    return _many(job, range(first, first + runs), min(jobs, runs), own)


def scenario_of(options: Mapping[str, Any]) -> Scenario:
    """The scenario of a command line: flags over a file over a planted bug's own options.

    Raises:
        ClewError: an option, the file or the model is wrong.
    """
    chosen = {name: value for name, value in options.items() if name != "asserts"}
    if "asserts" in options:
        chosen["assert"] = list(options["asserts"])
    if str(chosen["model"]).endswith(".toml"):
        path = Path(chosen.pop("model"))
        chosen = {**_from_file(path), **chosen}
    bug = chosen.get("bug")
    planted = bugs_of(str(chosen["model"])).get(str(bug)) if bug else None
    return make_scenario({**(planted.scenario if planted else {}), **chosen})


def rehearse(scenario: Scenario, seed: int) -> None:
    """Do all of a run that needs no simulation, so that what is wrong is told before any runs.

    Raises:
        ClewError: a name or a condition of the scenario is wrong.
    """
    resolve_models(scenario.consistency_models)
    for condition in scenario.asserts:
        parse_assert(condition)
    model = load_model(scenario.model, scenario.bug)
    workload = scenario.workload or model.workload
    if workload is not None:
        check_functions(model, workload)
    plan = draw_plan(scenario, seed, model)
    topology(plan.topology, plan.node_ids, Entropy(seed))


def _from_file(path: Path) -> dict[str, Any]:
    """A scenario file's options; a node file in it is meant beside the scenario."""
    data = read_scenario(path)
    model = str(data["model"])
    if model.partition(":")[0].endswith(".py"):
        data["model"] = str(path.parent / model)
    return data


def _one(job: Job, seed: int, own: Mapping[str, Any]) -> int:
    outcome, seed_result = run_seed(job, seed)
    result = _held(seed_result)
    if "json" in own:
        _print_json(result)
    else:
        if "log" in own:
            echo(node_logs(outcome.run))
        echo(run_report(outcome, result.verification, result.repro, Style.of(sys.stdout)))
    return STATUS[result.verdict]


def _many(job: Job, seeds: range, jobs: int, own: Mapping[str, Any]) -> int:
    # Of each way of failing the first is verified, when it is told.
    job = replace(job, verify_failing=False)
    results: list[SeedResult] = []
    told: dict[str, SeedResult] = {}
    interrupted = False
    with Progress(len(seeds), sys.stderr) as progress:
        try:
            for result in _until_failure(sweep(job, seeds, jobs), stop="until_failure" in own):
                progress.update(result)
                first = told.setdefault(result.signature, result) is result
                results.append(_held(_verified(result) if first and _failed(result) else result))
                if "json" in own:
                    _print_json(results[-1])
        except KeyboardInterrupt:
            interrupted = True
            if not results:
                raise
    verdict = Verdict.merge(result.verdict for result in results)
    if "json" not in own:
        _tell(job.scenario, results, verdict, progress.seconds)
    if interrupted:
        raise KeyboardInterrupt
    return STATUS[verdict]


def _held(result: SeedResult) -> SeedResult:
    """The result with its run's determinism as one more check, where that failed."""
    check = determinism(result.verification)
    if check is None:
        return result
    verdict = Verdict.merge([result.verdict, check.verdict])
    told = {"name": check.name, "verdict": check.verdict.value, "reason": check.reason}
    data = {"verdict": verdict.value, "checks": [*result.json.get("checks", ()), told]}
    return replace(
        result,
        verdict=verdict,
        json={**result.json, **data},
        signature=result.signature or f"{check.name}: {check.verdict.value}",
        reason=result.reason or check.reason,
    )


def _failed(result: SeedResult) -> bool:
    return result.verdict is Verdict.INVALID and result.repro is not None


def _verified(result: SeedResult) -> SeedResult:
    """The result with the word on whether its run comes out the same again."""
    plan = read_repro(Path(str(result.repro))).plan
    run = simulate(plan, model_of(plan))
    if run.digest != result.json["digest"]:
        where = "the run when it was simulated again to be told"
        return replace(result, verification=Verification(same=False, where=where))
    endless = any(finding.kind == "endless-loop" for finding in run.findings)
    return result if endless else replace(result, verification=verify(run))


def _tell(
    scenario: Scenario, results: Sequence[SeedResult], verdict: Verdict, seconds: float
) -> None:
    """The summary, and the story of the first run that is as bad as any."""
    style = Style.of(sys.stdout)
    echo(sweep_report(scenario, results, seconds, style))
    worst = next((r for r in results if r.verdict is verdict and r.repro), None)
    if worst is not None and verdict is not Verdict.VALID:
        echo(f"\n{style.heading(f'The first of them, seed {worst.seed}')}\n")
        # From its repro file: what is told here can be replayed.
        echo(run_report(replayed(Path(str(worst.repro))), worst.verification, worst.repro, style))


def _until_failure(results: Iterator[SeedResult], *, stop: bool) -> Iterator[SeedResult]:
    for result in results:
        yield result
        if stop and result.verdict is Verdict.INVALID:
            return


def replayed(path: Path) -> Outcome:
    """What the plan of a repro file gives now."""
    plan = read_repro(path).plan
    model = model_of(plan)
    return judge(simulate(plan, model), model)


def _print_json(result: SeedResult) -> None:
    data = dict(result.json)
    told: Verification | None = result.verification
    if told is not None:
        data["deterministic"] = told.same
    echo(json.dumps(data))
