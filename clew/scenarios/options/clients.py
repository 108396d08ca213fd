"""Options of clients: how many there are, how much they ask, and when they ask it again."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from clew.scenarios.options.load import PATTERN
from clew.workloads.options import Option

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
        "Closed loop: a client asks again so long after an answer, on average.",
        more="In place of --rate: times are drawn from an exponential distribution. A plan lists "
        "every operation that may come, so this is a millisecond at least.",
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
        "How often a client asks again for what was not answered, at most.",
        more="It does after a timeout, an error that leaves open whether it happened, and one that "
        "is for now (11 and 30). What is neither read-only nor idempotent is then a further "
        "operation of the history, for both may take effect.",
        least=0,
        most=1000,
        examples=(3,),
    ),
]

Backoff: TypeAlias = Annotated[
    float,
    Option(
        "SECONDS",
        "The longest wait before a first retry; it doubles with each.",
        more="The wait is drawn evenly from 0 to that (full jitter), and 20 s at most.",
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
        "When a client gives a request up.",
        default="what the workload says",
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
        "How many retries and hedges a client may send for each operation, on average.",
        more="Each operation puts so much into a bucket that begins empty and holds ten; a retry "
        "takes one out.",
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
        "Ask a second node too for a read that is unanswered after so long.",
        more="The first answer counts. Only what changes nothing is asked twice.",
        default="never",
        unit="seconds",
        above=0,
        most=1000,
        examples=(0.05,),
    ),
]
