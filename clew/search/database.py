"""The results of sweeps, in an SQLite file beside the artefacts.

A sweep is identified by its scenario, the digest of its model's source and Clew's version: results
of different sources stand beside each other, and a seed that ever failed stays known as failed.
Rows hold functions of scenario, source and seed; wall time has a column of its own.

Several sweeps may write to one file: each commits about once a second, in SQLite's own rollback
journal, which needs no shared memory and so works on network folders too. A process that is
killed leaves what it committed, whole.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Self

from clew.checkers.verdict import Verdict
from clew.errors import UsageError
from clew.machine import wall
from clew.machine.version import __version__
from clew.node.timer import NS_PER_SECOND
from clew.scenarios.options.scenario import Scenario
from clew.search.seeds import SeedResult

NAME = "clew.sqlite"
SCHEMA = 1
_DIGITS = 8
COMMIT_SECONDS = 1.0
ROWS_MAX = 1000
BUSY_SECONDS = 60.0

_OF_THE_SWEEP = frozenset({"runs", "seed", "expect", "description"})
"""Fields of a scenario that decide which seeds run and what is expected, not what a seed does."""

_TABLES = (
    """
CREATE TABLE sweeps (
    id INTEGER PRIMARY KEY,
    scenario TEXT NOT NULL,           -- its options, as JSON
    scenario_digest TEXT NOT NULL,    -- SHA-256 of that text
    model_digest TEXT NOT NULL,       -- of the model's source
    clew TEXT NOT NULL,               -- the version
    UNIQUE (scenario_digest, model_digest, clew)
)
    """,
    """
CREATE TABLE results (
    sweep INTEGER NOT NULL REFERENCES sweeps (id),
    seed INTEGER NOT NULL,
    verdict TEXT NOT NULL,            -- valid, invalid or unknown
    signature TEXT NOT NULL,          -- the way of failing; empty for a valid run
    reason TEXT NOT NULL,
    digest TEXT NOT NULL,             -- of the trace; empty if the worker was lost
    events INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    virtual_ns INTEGER NOT NULL,
    faults TEXT NOT NULL,             -- JSON: kind -> [planned, bit]
    repro TEXT,                       -- the repro file, from the folder of this file
    failed INTEGER NOT NULL,          -- 1 where the seed ever failed here
    wall_seconds REAL NOT NULL,
    PRIMARY KEY (sweep, seed)
) WITHOUT ROWID
    """,
)

_RECORD = """
INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (sweep, seed) DO UPDATE SET
    verdict = excluded.verdict, signature = excluded.signature, reason = excluded.reason,
    digest = excluded.digest, events = excluded.events, messages = excluded.messages,
    virtual_ns = excluded.virtual_ns, faults = excluded.faults, repro = excluded.repro,
    failed = MAX(failed, excluded.failed), wall_seconds = excluded.wall_seconds
"""


class Recorded(NamedTuple):
    """A scenario that has been run.

    Attributes:
        scenario: its options, as they were.
        digest: a short digest of them.
        seeds: those that ever failed, in order.
    """

    scenario: dict[str, Any]
    digest: str
    seeds: list[int]


def scenario_text(scenario: Scenario) -> str:
    """Write what decides a scenario's runs; equal scenarios have equal texts."""
    options = scenario.model_dump(mode="json", by_alias=True, exclude=set(_OF_THE_SWEEP))
    return json.dumps(options, sort_keys=True)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


class Database:
    """The file; a context, which commits what was recorded.

    Args:
        folder: where artefacts go; the file is made there when something is recorded.

    Raises:
        UsageError: the file is no database of this schema, or can't be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._rows: list[tuple[Any, ...]] = []
        self._committed = wall.seconds()
        with self._told():
            folder.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.commit()
        finally:
            self._file.close()

    def _prepare(self) -> None:
        self._file.execute("BEGIN IMMEDIATE")
        version = int(self._file.execute("PRAGMA user_version").fetchone()[0])
        tables = self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not version and not tables:
            for statement in _TABLES:
                self._file.execute(statement)
            self._file.execute(f"PRAGMA user_version = {SCHEMA}")
        elif version != SCHEMA:
            self._file.execute("ROLLBACK")
            raise UsageError(
                "this is no database of sweeps that this version reads",
                where=str(self.path),
                expected=f"schema {SCHEMA}",
                found=f"schema {version}",
                fix="Name another folder with --out, or move the file away",
            )
        self._file.execute("COMMIT")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Report what SQLite or the system refuses."""
        try:
            yield
        except (sqlite3.Error, OSError) as bad:
            raise UsageError(
                "the database of sweeps can't be used",
                where=str(self.path),
                found=str(bad),
                fix="Name another folder with --out, or move the file away",
            ) from None

    def sweep_of(self, scenario: Scenario, model_digest: str) -> int:
        """Find the number of a sweep; a new one if nothing of it was recorded before.

        Args:
            scenario: what is run.
            model_digest: of all source files of its model, see `clew.scenarios.code.sources`.
        """
        text = scenario_text(scenario)
        key = _digest(text), model_digest, __version__
        with self._told():
            # Two processes may come here at once: one inserts the row, and both find it.
            self._file.execute(
                "INSERT OR IGNORE INTO sweeps (scenario, scenario_digest, model_digest, clew) "
                "VALUES (?, ?, ?, ?)",
                (text, *key),
            )
        (found,) = self._rows_of(
            "SELECT id FROM sweeps WHERE (scenario_digest, model_digest, clew) = (?, ?, ?)", *key
        )
        return int(found[0])

    def record(self, sweep: int, result: SeedResult) -> None:
        """Take a result in; it is committed within about a second, if more come, or at the end."""
        self._rows.append(_row(sweep, result, self.path.parent))
        late = wall.seconds() - self._committed >= COMMIT_SECONDS
        if late or len(self._rows) >= ROWS_MAX:
            self.commit()

    def commit(self) -> None:
        """Commit what was recorded."""
        self._committed = wall.seconds()
        if not self._rows:
            return
        with self._told():
            try:
                self._file.execute("BEGIN IMMEDIATE")
                self._file.executemany(_RECORD, self._rows)
                self._file.execute("COMMIT")
            except BaseException:  # Ctrl-C is one; the rows are kept for another try
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
                raise
        self._rows.clear()

    def known(self, sweep: int, seed: int) -> SeedResult | None:
        """Find a seed's result from before; None if there is none or its worker was lost."""
        rows = self._rows_of(
            "SELECT verdict, signature, reason, digest, events, messages, virtual_ns, faults, "
            "repro, wall_seconds, scenario FROM results JOIN sweeps ON sweep = id "
            "WHERE sweep = ? AND seed = ? AND digest <> ''",
            sweep,
            seed,
        )
        return _result(seed, rows[0], self.path.parent) if rows else None

    def failed(self, scenario: Scenario) -> list[int]:
        """List the seeds of a scenario that ever failed, with any source, in order."""
        return self._failed_of(_digest(scenario_text(scenario)))

    def perilous(self, scenario: Scenario) -> bool:
        """Return whether a seed of a scenario has ended its worker, with any source."""
        found = self._rows_of(
            "SELECT 1 FROM results JOIN sweeps ON sweep = id "
            "WHERE scenario_digest = ? AND digest = '' LIMIT 1",
            _digest(scenario_text(scenario)),
        )
        return bool(found)

    def all_failed(self) -> list[Recorded]:
        """List every scenario of which a seed ever failed, in the order of their first runs."""
        rows = self._rows_of(
            "SELECT scenario, scenario_digest FROM sweeps JOIN results ON sweep = id "
            "WHERE failed = 1 GROUP BY scenario_digest ORDER BY min(id)"
        )
        return [
            Recorded(_stated(json.loads(text)), digest[:_DIGITS], self._failed_of(digest))
            for text, digest in rows
        ]

    def _failed_of(self, digest: str) -> list[int]:
        rows = self._rows_of(
            "SELECT DISTINCT seed FROM results JOIN sweeps ON sweep = id "
            "WHERE scenario_digest = ? AND failed = 1 ORDER BY seed",
            digest,
        )
        return [seed for (seed,) in rows]

    def _rows_of(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._told():
            return self._file.execute(query, values).fetchall()


def _row(sweep: int, result: SeedResult, folder: Path) -> tuple[Any, ...]:
    data = result.json
    planned = Counter(fault["kind"] for fault in data.get("faults", ()))
    bit = Counter(fault["kind"] for fault in data.get("faults", ()) if fault["bit"] > 0)
    faults = json.dumps({kind: [count, bit[kind]] for kind, count in sorted(planned.items())})
    lost = not result.digest
    return (
        sweep, result.seed, result.verdict.value, _text(result.signature), _text(result.reason),
        result.digest, data.get("events", 0), data.get("messages", 0),
        round(data.get("virtual_seconds", 0.0) * NS_PER_SECOND), faults,
        None if result.repro is None else Path(result.repro).relative_to(folder).as_posix(),
        int(lost or result.verdict is Verdict.INVALID), data.get("wall_seconds", 0.0),
    )  # fmt: skip


def _text(text: str) -> str:
    """Escape what can't be stored: half a surrogate pair, which a node may send."""
    return text.encode(errors="backslashreplace").decode()


def _is_in(file: Path, folder: Path) -> bool:
    """Return whether a file exists below a folder; a foreign database may name any file."""
    return file.is_file() and folder.resolve() in file.resolve().parents


def _result(seed: int, row: tuple[Any, ...], folder: Path) -> SeedResult:
    (
        verdict, signature, reason, digest, events, messages, virtual_ns, faults, repro, seconds,
        scenario,
    ) = row  # fmt: skip
    # Only counts were stored. Of each kind as many faults are listed as there were, the first ones
    # as those that took effect.
    options = json.loads(scenario)
    path = None if repro is None or not _is_in(folder / repro, folder) else str(folder / repro)
    data = {
        "model": options["model"],
        "bug": options["bug"],
        "seed": seed,
        "verdict": verdict,
        "digest": digest,
        "virtual_seconds": virtual_ns / NS_PER_SECOND,
        "wall_seconds": seconds,
        "events": events,
        "messages": messages,
        "faults": [
            {"kind": kind, "bit": int(number < bit)}
            for kind, (planned, bit) in json.loads(faults).items()
            for number in range(planned)
        ],
        "repro": path,
        "resumed": True,
    }
    return SeedResult(seed, Verdict(verdict), data, signature, reason, path, None)


def _stated(scenario: dict[str, Any]) -> dict[str, Any]:
    """Return a scenario's options but those stored as empty because nobody set them."""
    return {name: value for name, value in scenario.items() if value != []}
