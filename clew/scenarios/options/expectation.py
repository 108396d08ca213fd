"""What a scenario's runs are expected to show, so that a suite can hold known-bad cases.

``expect`` is one of:

- ``valid``: every run is valid. An invalid run fails it; otherwise an unknown run leaves it
  unknown.
- ``unknown``: no run is invalid, and at least one is unknown.
- ``invalid``: at least one run is invalid, in any way.
- ``invalid:KIND`` or ``invalid:KIND,KIND``: at least one run is invalid, and each invalid run shows
  one of the kinds. A run that fails only in another way is news, and fails the expectation.

A KIND is the kind of an anomaly (``G-single``, ``nonlinearizable``), the name of a checker
(``linearizable``, ``liveness``), the name of an invariant (``election-safety``), the kind of a
finding inside nodes (``exception``, ``refused``) or the class of an exception (``KeyError``).

An expected failure that did not show in any run is INVALID if all runs were valid, and UNKNOWN if
some were unknown: perhaps it was in one of those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from clew.checkers.verdict import Verdict
from clew.machine.text import nearest
from clew.scenarios.options.kinds import INSIDE

FORMS = "valid, invalid, invalid:KIND or unknown"

_SIGNED = re.compile(r"(?:^|; )([^:;()]+): invalid(?: \(([^()]*)\))?")
_PLACED = re.compile(r"([\w-]+) at .*:\d+")
_KIND = re.compile(r"[^\s,;()][^,;()]*")


class Expectation(NamedTuple):
    """A parsed ``expect``.

    Attributes:
        verdict: what the worst run is to be.
        kinds: for an invalid run, the expected ways to fail; empty for any.
    """

    verdict: Verdict
    kinds: tuple[str, ...] = ()

    def allows(self, verdict: Verdict, signature: str) -> bool:
        """Return whether a run with this verdict and signature is as expected."""
        if verdict is Verdict.INVALID and self.kinds:
            return bool(kinds_of(signature) & {*self.kinds})
        return verdict in {Verdict.VALID, self.verdict} or self.verdict is Verdict.INVALID


def parse_expect(text: str) -> Expectation:
    """Parse the expectation that a text states.

    Raises:
        ValueError: it states none; the message is what would have been right.
    """
    word, colon, rest = text.partition(":")
    kinds = tuple(kind.strip() for kind in rest.split(",")) if colon else ()
    if word not in {verdict.value for verdict in Verdict} or (colon and word != "invalid"):
        raise ValueError(FORMS)
    if not all(_KIND.fullmatch(kind) for kind in kinds):
        raise ValueError("invalid:KIND, such as invalid:G-single, or several with commas between")
    return Expectation(Verdict(word), kinds)


def may_be_split(expect: str | None) -> bool:
    """Return whether each part of the runs must show what all must: that they are valid.

    An expected failure may be in another part.

    Raises:
        ValueError: the text states no expectation.
    """
    return parse_expect(expect or "valid").verdict is Verdict.VALID


def nearest_expect(text: str) -> str | None:
    """Return the expectation that was perhaps meant by a text that states none."""
    word, colon, rest = text.partition(":")
    near = nearest(word.lower(), [verdict.value for verdict in Verdict])
    return f"{near}:{rest}" if colon and rest and near == "invalid" else near


class Ran(Protocol):
    """What an expectation needs to know about a run; a sweep's result of a seed is one."""

    @property
    def seed(self) -> int:
        """Which."""

    @property
    def verdict(self) -> Verdict:
        """Of the run."""

    @property
    def signature(self) -> str:
        """`Outcome.signature`; empty for a valid run."""


@dataclass(frozen=True, slots=True)
class Met:
    """Whether an expectation was met.

    Attributes:
        verdict: VALID if it was, INVALID if it was not, UNKNOWN if nobody knows.
        reason: why, in one sentence.
    """

    verdict: Verdict
    reason: str


class _Group(NamedTuple):
    """The runs that ended the same way."""

    runs: int
    seed: int


def kinds_of(signature: str) -> frozenset[str]:
    """Return every name by which ``invalid:KIND`` can refer to a failure, from its signature.

    A signature reads ``name: invalid (kind, kind); name: ...``. A kind such as ``invariant
    election-safety`` answers to both its words and to the whole, and ``KeyError at node.py:12`` to
    ``KeyError`` and ``exception`` as well.
    """
    names: set[str] = set()
    for checker, kinds in _SIGNED.findall(signature):
        names.add(checker)
        for kind in filter(None, kinds.split(", ")):
            word = placed[1] if (placed := _PLACED.fullmatch(kind)) else kind
            names.update((kind, word))
            if kind.startswith("invariant "):
                names.update(("invariant", kind.removeprefix("invariant ")))
            elif checker == "nodes" and word not in INSIDE:
                names.add("exception")
    return frozenset(names)


class Tally:
    """Runs counted by how they ended, for an expectation; memory grows with the ways only.

    Args:
        expect: the text, or None: then the runs' own verdict counts, as with ``valid``.

    Raises:
        ValueError: the text states no expectation.
    """

    def __init__(self, expect: str | None) -> None:
        self.expectation = parse_expect(expect or "valid")
        self._groups: dict[tuple[Verdict, str], _Group] = {}

    def add(self, run: Ran) -> None:
        """Count a run; the order of the runs does not matter."""
        key = run.verdict, run.signature
        count, seed = self._groups.get(key, (0, run.seed))
        self._groups[key] = _Group(count + 1, min(seed, run.seed))

    @property
    def runs(self) -> int:
        """How many were counted."""
        return sum(group.runs for group in self._groups.values())

    def met(self) -> Met:
        """Say whether the expectation is met by the runs so far."""
        wanted, kinds = self.expectation
        worst = Verdict.merge(verdict for verdict, _ in self._groups)
        if wanted is Verdict.VALID:
            return Met(worst, f"Every run was to be valid: {self._told()}.")
        if wanted is Verdict.UNKNOWN:
            return self._unknown(worst)
        if worst is not Verdict.INVALID:
            verdict = Verdict.INVALID if worst is Verdict.VALID else worst
            return Met(verdict, f"{_named(kinds)} was expected and not found: {self._told()}.")
        return self._invalid(kinds)

    def _unknown(self, worst: Verdict) -> Met:
        verdict = Verdict.VALID if worst is Verdict.UNKNOWN else Verdict.INVALID
        return Met(verdict, f"The worst run was to be unknown: {self._told()}.")

    def _invalid(self, kinds: tuple[str, ...]) -> Met:
        """Return the verdict if there is an invalid run."""
        failed = {
            signature: group
            for (verdict, signature), group in self._groups.items()
            if verdict is Verdict.INVALID
        }
        other = {
            signature: group
            for signature, group in failed.items()
            if not self.expectation.allows(Verdict.INVALID, signature)
        }
        if other:
            signature, group = min(other.items(), key=lambda item: item[1].seed)
            reason = f"{_named(kinds)} was expected, and seed {group.seed} fails otherwise"
            return Met(Verdict.INVALID, f"{reason}: {signature}.")
        count, seed = sum(g.runs for g in failed.values()), min(g.seed for g in failed.values())
        return Met(
            Verdict.VALID,
            f"{_named(kinds)} was expected and found: {count} of {self.runs} "
            f"{'run' if self.runs == 1 else 'runs'}, first at seed {seed}.",
        )

    def _told(self) -> str:
        """Report how many runs ended how, and the first seed of the worst."""
        counts = dict.fromkeys((Verdict.INVALID, Verdict.UNKNOWN, Verdict.VALID), 0)
        first: dict[Verdict, int] = {}
        for (verdict, _), group in self._groups.items():
            counts[verdict] += group.runs
            first[verdict] = min(group.seed, first.get(verdict, group.seed))
        told = [
            f"{count} {verdict.value}"
            + (f" (first at seed {first[verdict]})" if verdict is not Verdict.VALID else "")
            for verdict, count in counts.items()
            if count
        ]
        return ", ".join(told) or "there was no run"


def _named(kinds: tuple[str, ...]) -> str:
    return " or ".join(kinds) or "A failure"


def met(expect: str | None, runs: Iterable[Ran]) -> Met:
    """Say whether runs meet an expectation; None expects what ``valid`` does.

    Raises:
        ValueError: the text states no expectation.
    """
    tally = Tally(expect)
    for run in runs:
        tally.add(run)
    return tally.met()
