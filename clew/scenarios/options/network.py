"""The options of a network besides its latencies."""

from __future__ import annotations

from typing import Annotated

from clew.workloads.options import COUNT_MAX, Option

BandwidthOption = Annotated[
    int,
    Option(
        "BYTES",
        "How many bytes of messages a link carries per second; 0 for no limit.",
        more="A message is as long as its body in compact JSON; it leaves after those that were "
        "sent before it on its link, and its latency comes on top.",
        unit="bytes per second",
        least=0,
        most=COUNT_MAX,
        examples=(100_000,),
    ),
]
