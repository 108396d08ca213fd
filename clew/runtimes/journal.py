"""A node's disk on a real one: a journal of its writes in one file, for ``clew serve-node``.

Each sync appends the writes since the last one, one JSON line each, and syncs the file, so a crash
leaves a prefix of the writes, as on the simulated disk. A last line that a crash cut short is
dropped when the file is opened; the file is then rewritten without what was replaced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clew.errors import NodeError
from clew.machine.text import json_text
from clew.node.disk import Disk


class JournalDisk(Disk):
    """A disk whose synced writes are in a file.

    Args:
        path: the file; made if it does not exist, and its directory with it.

    Raises:
        NodeError: the file can't be used, or is not a journal.
    """

    __slots__ = ("_file", "_path")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                self._load(path.read_bytes())
            self._compact()
            self._file = path.open("ab")
        except OSError as bad:
            raise NodeError(
                "the disk's file can't be used",
                where=str(path),
                found=bad.strerror or str(bad),
                fix="Name a directory that this process may write to",
            ) from None

    def make_durable(self, mark: int) -> None:
        """Append the writes before a mark to the file, and sync it."""
        writes = self._unsynced[: max(0, mark - self._settled)]
        if writes:
            before: dict[str, Any] = dict(self._durable)
            # Invariant: `before` is what the file's lines make of the disk so far. A line need only
            # hold what its write adds to that, and one sync at the end is enough for all lines.
            for path, content, start, gone, others in writes:
                shared = _shared(before.get(path), content, start)
                self._file.write(_line(path, content, shared, gone, others))
                before[path] = content
                if gone is not None:
                    before.pop(gone, None)
                before.update(others)
            self._file.flush()
            os.fsync(self._file.fileno())
        # Last: a write counts as durable only once the sync has returned.
        super().make_durable(mark)

    def close(self) -> None:
        """Close the file; what was not synced is lost, as in a crash."""
        self._file.close()

    def _load(self, data: bytes) -> None:
        """Repeat every write of the file; one that was cut short has no end of line."""
        *lines, rest = data.split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                _redo(self, json.loads(line))
            except (ValueError, TypeError, KeyError, FileNotFoundError) as bad:
                raise self._no_line(number, line, f" ({bad})") from None
        if not rest.startswith(_BEGINNING[: len(rest)]):  # a foreign file, not a line cut short
            raise self._no_line(len(lines) + 1, rest)

    def _no_line(self, number: int, line: bytes, why: str = "") -> NodeError:
        return NodeError(
            "not a line of a disk's journal",
            where=f"{self._path}:{number}",
            found=f"{line[:80].decode(errors='replace')}{why}",
            fix="Remove the file to start with an empty disk",
        )

    def _compact(self) -> None:
        """Replace the file by the shortest one with the same content, atomically."""
        lines = [_line(path, content, 0) for path, content in self._cache.items()]
        fresh = self._path.with_name(f".{self._path.name}.part")  # a name that no user gives
        with fresh.open("wb") as file:
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
        # A crash before this line finds the old file, one after it the new one: whole in either
        # case.
        fresh.replace(self._path)
        super().make_durable(self.mark())


_BEGINNING = b'{"path": "'
"""The beginning of a line."""


def _shared(before: Any, content: Any, start: int) -> int:
    """Count the bytes of a file that need no writing: `start`, unless a rename brought them."""
    if (
        isinstance(before, bytes)
        and isinstance(content, bytes)
        and before[:start] == content[:start]
    ):
        return start
    return 0


def _line(
    path: str,
    content: Any,
    start: int,
    gone: str | None = None,
    others: Sequence[tuple[str, Any]] = (),
) -> bytes:
    """Write a line: an entry's value, a file's bytes from `start` on, or neither: a removal.

    A rename is one line too: what the new name holds, and the old name as what is gone; so is an
    update of several entries. Bytes are written as text in Latin-1, in which each is one character.
    """
    record: dict[str, Any] = {"path": path}
    if isinstance(content, bytes):
        record |= {"start": start, "bytes": content[start:].decode("latin-1")}
    elif content is not None:
        record["value"] = content.json
    if gone is not None:
        record["gone"] = gone
    if others:
        record["others"] = {name: each.json for name, each in others}
    return json_text(record).encode() + b"\n"


def _redo(disk: Disk, record: dict[str, Any]) -> None:
    path = record["path"]
    if "value" in record:
        disk.update({path: record["value"], **record.get("others", {})})
    elif "bytes" in record:
        before = disk.read(path)[: record["start"]] if record["start"] else b""
        disk.write(path, before + record["bytes"].encode("latin-1"))
    else:
        del disk[path]
    if "gone" in record:
        del disk[record["gone"]]
