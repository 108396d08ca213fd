"""The flags of ``clew test``: what the command itself takes.

Those of its scenario are made from the table of options, by `clew.commands.scenario_flags`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer


def option(
    names: str, text: str, default: str = "", metavar: str | None = None, *, hidden: bool = False
) -> Any:
    """An option whose default is decided later: by a scenario, a planted bug or the model."""
    told = f"{text} [default: {default}]" if default else text
    return typer.Option(
        *names.split(), help=told, show_default=False, metavar=metavar, hidden=hidden
    )


Models: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MODEL",
        show_default=False,
        help="A shipped model, file.py or file.py:Class; or scenarios: files, folders of them and "
        "shipped ones. See 'clew list models' and 'clew list scenarios'.",
    ),
]
ForTime: TypeAlias = Annotated[
    str | None,
    option("--for", "Run seeds for so long, such as 30s, 5m or 1h of wall time.", metavar="TIME"),
]
Jobs: TypeAlias = Annotated[
    str | None,
    option(
        "--jobs",
        "Worker processes.",
        "one a CPU, 1 below 20 runs",
        "N",
    ),
]
UntilFailure: TypeAlias = Annotated[
    bool | None, option("--until-failure", "Stop at the first invalid run.")
]
MaxFailures: TypeAlias = Annotated[
    str | None, option("--max-failures", "Stop at the Nth invalid run.", metavar="N")
]
Failed: TypeAlias = Annotated[
    bool | None,
    option(
        "--failed",
        "First run the seeds that ever failed, as DIR/clew.sqlite knows them; nothing else unless "
        "--runs or --for is given. Without MODEL, those of every scenario.",
    ),
]
AllowOutside: TypeAlias = Annotated[
    bool | None,
    option(
        "--allow-outside",
        "With --failed and no MODEL: run a file that lies outside the project of DIR/clew.sqlite.",
    ),
]
Resume: TypeAlias = Annotated[
    bool | None,
    option(
        "--resume",
        "Take the results that DIR/clew.sqlite has of the same scenario, source and version, and "
        "run the other seeds.",
    ),
]
Shard: TypeAlias = Annotated[
    str | None,
    option(
        "--shard",
        "Run the Kth of N equal parts of the seeds; of several scenarios, of those. The first has "
        "all seeds where a failure is expected of them.",
        metavar="K/N",
    ),
]
Dask: TypeAlias = Annotated[
    str | None,
    option(
        "--dask",
        "Run on a Dask cluster, such as tcp://host:8786; local starts one here.",
        metavar="ADDRESS",
    ),
]
SeedTimeout: TypeAlias = Annotated[
    str | None,
    option(
        "--seed-timeout",
        "Wall time after which a worker process that has not ended its seed is killed.",
        "5m or 10 times the virtual time, whichever is longer",
        "TIME",
    ),
]
Out: TypeAlias = Annotated[
    Path | None, option("--out", "Where artefacts of failures and clew.sqlite go.", "out", "DIR")
]
Keep: TypeAlias = Annotated[bool | None, option("--keep", "Keep the artefacts of valid runs too.")]
Verify: TypeAlias = Annotated[
    bool | None,
    option(
        "--verify",
        "Run again, here and in a fresh process, and compare; always done for a failure.",
    ),
]
NoShrink: TypeAlias = Annotated[
    bool | None, option("--no-shrink", "Leave failures as they were found.")
]
Coverage: TypeAlias = Annotated[
    bool | None,
    option(
        "--coverage",
        "Count the different behaviours that the seeds show, as is always done on a terminal.",
    ),
]
Json: TypeAlias = Annotated[
    bool | None,
    option(
        "--json",
        "One JSON object a run on stdout; then one for each scenario with --expect, whether it was "
        "met. In a sweep the first of each way of failing has its repro file in it.",
    ),
]
Junit: TypeAlias = Annotated[
    Path | None,
    option(
        "--junit",
        "Write a JUnit report for a CI server; folders that are missing are made.",
        metavar="FILE",
    ),
]
Log: TypeAlias = Annotated[
    bool | None, option("--log", "Print what the nodes logged, with virtual times.")
]
Trace: TypeAlias = Annotated[
    Path | None,
    option(
        "--trace",
        "Write every event of the one run, one JSON object per line; packed if FILE ends in .gz.",
        metavar="FILE",
    ),
]
