"""Remarks: sentences worth knowing about a run that change no verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clew.node.tolerates import MILD
from clew.scenarios.code.models import Model
from clew.scenarios.code.userfiles import own_modules
from clew.scenarios.runs.run import Run
from clew.sim.guards.outside import looked_at_by


def kept_apart(run: Run) -> Iterator[str]:
    """Remark that nodes changed what real processes would not share."""
    if run.apart:
        yield (
            f"The nodes changed {few(run.apart)}, outside of themselves. Each process had its own, "
            "made anew at every restart, as real processes have. Keep a node's state on self, or "
            "on self.disk."
        )


def few(names: Sequence[str]) -> str:
    """Write the names; if there are many, only the first."""
    shown = ", ".join(names[:_NAMES_SHOWN])
    return shown if len(names) <= _NAMES_SHOWN else f"{shown}, ..."


_NAMES_SHOWN = 8


def stray_replies(run: Run) -> Iterator[str]:
    """Remark on replies for which nothing waited, and on second ones, once for each type."""
    for told, replies in ((_UNAWAITED, run.unawaited), (_AGAIN, run.again)):
        for kind, nodes, count in replies:
            came = "1 reply" if count == 1 else f"{count:,} replies"
            words = told.format(nodes=", ".join(nodes))
            yield f"{came} of type {kind!r} {words} --strict-replies makes it a finding."


_UNAWAITED = (
    "came to {nodes}, where nothing waits for them and no handler takes them. What is sent with "
    "send() has no reply: use rpc(), or do not answer."
)
_AGAIN = (
    "from {nodes} answered a request that had been answered already: only the first reply counts, "
    "so reply to a request once."
)


def unsynced(run: Run) -> Iterator[str]:
    """Remark on syncs for which nothing waited."""
    if run.unsynced:
        yield (
            f"disk.sync() was called without await at {few(run.unsynced)}: what the node did next "
            "did not wait for it, and a crash before it ended could lose what was written. Write "
            "await self.disk.sync(), or self.disk.fsync()."
        )


def of_this_machine(run: Run, model: Model) -> Iterator[str]:
    """Remark on what the nodes read of the machine, which may differ elsewhere."""
    looked_at = sorted({*run.looked_at, *looked_at_by(own_modules(model.node_class))})
    if looked_at:
        yield (
            f"The nodes looked at {few(looked_at)} of this machine, so that elsewhere this may be "
            "another run. Put what they need into their file, or into a file beside it."
        )


def mildly_drawn(run: Run, model: Model) -> Iterator[str]:
    """Remark that a swarm was drawn mildly, and how a class states what it tolerates."""
    if run.plan.swarm and model.program.tolerates is None:
        who, place = (
            "class",
            "A line such as tolerates = Tolerates(nodes=1, latency=0.1) in the class",
        )
        if model.system is not None:
            who, place = (
                "system",
                "An argument such as tolerates=Tolerates(latency=0.1) of the System",
            )
        yield (
            f"The {who} does not say what it tolerates, so the swarm drew mildly: {MILD}. "
            f"{place} makes it draw from all that is promised, and nothing else."
        )
