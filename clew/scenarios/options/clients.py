"""Options of clients: how many there are, how much they ask, and when they ask it again."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from clew.scenarios.options.load import PATTERN
from clew.workloads.options import Option
from clew.workloads.picks import PICKS, Pick

Concurrency: TypeAlias = Annotated[
    str,
    Option(
        "N",
        "How many clients; 2n is two per node.",
        flags="--concurrency --clients",
        forms=(
            {"type": "integer", "minimum": 1},
            {"type": "string", "pattern": "^[1-9][0-9]*n?$"},
        ),
        examples=(10, "2n"),
    ),
]

ClientPicks: TypeAlias = Annotated[
    Pick | None,
    Option(
        "HOW",
        f"How a client picks the node for an operation: {', '.join(PICKS)}.",
        more=" ".join(f"With {name}, it is {meaning}." for name, meaning in PICKS.items()),
        default="what each operation of the workload declares; sticky",
        examples=("any", "redirected"),
    ),
]

Rate: TypeAlias = Annotated[
    float,
    Option(
        "HZ",
        "Operations per second over all clients.",
        unit="operations per second",
        above=0,
        most=1e6,
        examples=(20.0, 100),
    ),
]

LoadShape: TypeAlias = Annotated[
    str | None,
    Option(
        "SHAPE",
        "Load that changes: steps:10,50,100, surge:100@5+10 or daily:5..50.",
        more="The first is 10, 50 and 100 operations per second over equal parts of the time "
        "limit; the second is --rate, but for 100 from second 5 on for 10 s; the third rises from "
        "5 to 50 in the middle of the time limit and falls again, as over a day.",
        default="steady",
        forms=({"type": "string", "pattern": PATTERN},),
        examples=("steps:10,50,100", "surge:100@5+10", "daily:5..50"),
    ),
]

Think: TypeAlias = Annotated[
    float | None,
    Option(
        "SECONDS",
        "Closed loop: the mean time between an answer and the client's next request.",
        more="It replaces --rate; times are drawn from an exponential distribution. A "
        "plan lists every operation that may come, so this is at least a millisecond.",
        default="open loop, at --rate",
        unit="seconds",
        least=0.001,
        most=1000,
        examples=(0.1,),
    ),
]

Retries: TypeAlias = Annotated[
    int,
    Option(
        "N",
        "How many times, at most, a client repeats a request that was not answered.",
        more="It does so after a timeout, after an error that leaves open whether the operation "
        "happened, and after one that may pass (11 and 30). If the operation may have happened, "
        "and is neither read-only nor idempotent, the retry is another operation of the history.",
        least=0,
        most=1000,
        examples=(3,),
    ),
]

Backoff: TypeAlias = Annotated[
    float,
    Option(
        "SECONDS",
        "The longest wait before the first retry; it doubles with each.",
        more="The wait is drawn evenly from 0 to that bound (full jitter), which is at most 20 s.",
        unit="seconds",
        least=0,
        most=20,
        examples=(0.1, 0),
    ),
]

RequestTimeout: TypeAlias = Annotated[
    float | None,
    Option(
        "SECONDS",
        "After how long a client gives up a request.",
        default="the workload's own",
        unit="seconds",
        above=0,
        most=1000,
        examples=(0.5,),
    ),
]

RetryBudget: TypeAlias = Annotated[
    float | None,
    Option(
        "FRACTION",
        "How many retries and hedges a client may send per operation, on average.",
        more="Each operation puts this fraction of a retry into a bucket, which begins empty and "
        "holds ten; a retry or a hedge takes a whole one out.",
        default="no bound",
        least=0,
        most=1,
        examples=(0.1,),
    ),
]

Hedge: TypeAlias = Annotated[
    float | None,
    Option(
        "SECONDS",
        "After how long a read without an answer is also sent to a second node.",
        more="The first answer counts. Only operations that change nothing are sent twice.",
        default="never",
        unit="seconds",
        above=0,
        most=1000,
        examples=(0.05,),
    ),
]
