"""The options of ``clew test``, as its help tells them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer


def option(names: str, text: str, default: str = "", metavar: str | None = None) -> Any:
    """An option whose default is decided later: by a scenario, a planted bug or the model."""
    told = f"{text} [default: {default}]" if default else text
    return typer.Option(*names.split(), help=told, show_default=False, metavar=metavar)


Models: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MODEL",
        show_default=False,
        help="A shipped model, file.py or file.py:Class; or scenarios: files, folders of them and "
        "shipped ones. See 'clew list models' and 'clew list scenarios'.",
    ),
]
Workload: TypeAlias = Annotated[
    str | None, option("-w --workload", "What clients ask.", "the model's own", "NAME")
]
NodeCount: TypeAlias = Annotated[str | None, option("--node-count", "How many nodes.", "5", "N")]
Concurrency: TypeAlias = Annotated[
    str | None,
    option("--concurrency", "How many clients; 2n is two a node.", "1n", "N"),
]
Rate: TypeAlias = Annotated[
    str | None,
    option("--rate", "Operations a second over all clients.", "20", "HZ"),
]
TimeLimit: TypeAlias = Annotated[
    str | None,
    option("--time-limit", "Virtual seconds of operations and faults.", "20", "SECONDS"),
]
Latency: TypeAlias = Annotated[
    str | None,
    option("--latency", "Mean latency of a message, milliseconds.", "0", "MS"),
]
LatencyDist: TypeAlias = Annotated[
    str | None,
    option(
        "--latency-dist",
        "constant, uniform, exponential or long-tailed.",
        "constant",
        "NAME",
    ),
]
Nemesis: TypeAlias = Annotated[
    str | None,
    option("--nemesis", "Faults, such as partition,kill; or all.", "none", "A,B"),
]
NemesisInterval: TypeAlias = Annotated[
    str | None,
    option(
        "--nemesis-interval",
        "Mean seconds between faults of a kind, and that they last.",
        "2",
        "SECONDS",
    ),
]
ClockError: TypeAlias = Annotated[
    str | None,
    option(
        "--clock-error",
        "How far a node's clock may be off at most, either way.",
        "what the class tolerates",
        "SECONDS",
    ),
]
AllowInert: TypeAlias = Annotated[
    bool | None,
    option(
        "--allow-inert",
        "Take faults that the nodes can't notice, and a run in which one that was asked for did "
        "nothing.",
    ),
]
StrictReplies: TypeAlias = Annotated[
    bool | None,
    option(
        "--strict-replies",
        "A reply that reaches a node and nobody waits for is a finding, not a remark.",
    ),
]
Topology: TypeAlias = Annotated[
    str | None, option("--topology", "Who is whose neighbour.", "grid", "NAME")
]
Availability: TypeAlias = Annotated[
    str | None,
    option(
        "--availability",
        "total, or the least fraction of operations that must be answered.",
        "none",
        "SHARE",
    ),
]
ConsistencyModels: TypeAlias = Annotated[
    str | None,
    option(
        "--consistency-models",
        "What transactions are held to.",
        "strict-serializable",
        "A,B",
    ),
]
KeyCount: TypeAlias = Annotated[
    str | None, option("--key-count", "How many keys are in use.", "4", "N")
]
MaxTxnLength: TypeAlias = Annotated[
    str | None,
    option("--max-txn-length", "Micro-operations a transaction, at most.", "4", "N"),
]
MaxWritesPerKey: TypeAlias = Annotated[
    str | None,
    option(
        "--max-writes-per-key",
        "Writes to a key before another takes its place.",
        "16",
        "N",
    ),
]
Recovery: TypeAlias = Annotated[
    str | None,
    option(
        "--recovery",
        "Seconds after healing in which operations must succeed.",
        "10",
        "SECONDS",
    ),
]
Liveness: TypeAlias = Annotated[
    str | None,
    option(
        "--liveness",
        "What heals and must then make progress: all, or core (a quorum); or off.",
        "all",
        "WHO",
    ),
]
EventsMax: TypeAlias = Annotated[
    str | None,
    option("--events-max", "Stop a run of more events, with a finding.", "50 million", "N"),
]
OnFinding: TypeAlias = Annotated[
    str | None,
    option(
        "--on-finding",
        "After a finding, such as an exception: continue or stop.",
        "continue",
        "WHAT",
    ),
]
Swarm: TypeAlias = Annotated[
    bool | None,
    option(
        "--swarm",
        "Each seed draws fault kinds, their rates, latency and node count, within what the class "
        "tolerates.",
    ),
]
Bug: TypeAlias = Annotated[
    str | None,
    option(
        "--bug",
        "Plant a mistake in a shipped model, and use the options that show it where none "
        "are given; see 'clew list bugs'.",
        metavar="NAME",
    ),
]
Asserts: TypeAlias = Annotated[
    list[str] | None,
    option(
        "--assert",
        "A condition on the run's figures, such as 'latency_ms.0.99 < 200'; repeatable.",
        metavar="EXPR",
    ),
]
Seed: TypeAlias = Annotated[
    str | None,
    option(
        "--seed",
        "The first seed. The default is always the same, so that a command says all.",
        "0",
        "N",
    ),
]
Runs: TypeAlias = Annotated[
    str | None, option("--runs", "How many seeds, one after the other.", "1", "N")
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
Json: TypeAlias = Annotated[
    bool | None,
    option(
        "--json",
        "One JSON object a run on stdout; then one for each scenario with --expect, whether it was "
        "met. In a sweep the first of each way of failing has its repro file in it.",
    ),
]
Log: TypeAlias = Annotated[
    bool | None, option("--log", "Print what the nodes logged, with virtual times.")
]
Schedule: TypeAlias = Annotated[
    str | None,
    option(
        "--schedule",
        "The order of what is due at about the same time: time, pct or pct:D.",
        "time",
        "ORDER",
    ),
]
Expect: TypeAlias = Annotated[
    str | None,
    option(
        "--expect",
        "What the runs must show: valid, unknown, invalid or invalid:KIND.",
        "valid",
        "WHAT",
    ),
]
ForTime: TypeAlias = Annotated[
    str | None,
    option("--for", "Run seeds for so long, such as 30s, 5m or 1h of wall time.", metavar="TIME"),
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
Junit: TypeAlias = Annotated[
    Path | None,
    option(
        "--junit",
        "Write a JUnit report for a CI server; folders that are missing are made.",
        metavar="FILE",
    ),
]
Trace: TypeAlias = Annotated[
    Path | None,
    option(
        "--trace",
        "Write every event of the one run, one JSON object per line; packed if FILE ends in .gz.",
        metavar="FILE",
    ),
]
