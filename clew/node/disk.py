"""A node's disk: a small file namespace with a page cache that a crash may lose.

Writes go to the cache and are kept in order; ``sync`` makes them durable. A crash ends in one of
three ways (`Unsynced`): all unsynced writes are lost, all are kept, or a prefix of them is, with
the first one after it torn. Writes reach the disk in the order they were made, as in a
journalling file system with ordered data; a dict entry is one atomic write, as are several in one
`Disk.update`; a file's data is not.

Divergence from a real disk: ``fsync`` takes no virtual time and no space runs out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from clew.node.message import SCALARS, NotJson, frozen, thawed

Unsynced: TypeAlias = Literal["lost", "kept", "torn"]


class _Value(NamedTuple):
    """A dict entry's content: a JSON value that shares nothing with others."""

    json: Any


class _Write(NamedTuple):
    """One unsynced write: what a path holds after it; None if it is deleted."""

    path: str
    content: bytes | _Value | None
    start: int
    """Bytes below this were there before the write; a torn write keeps some from here on."""
    gone: str | None = None
    """A path that the same write removes: the old name of what was renamed."""
    others: tuple[tuple[str, _Value], ...] = ()
    """Further entries that the same write replaces."""


class Aftermath(NamedTuple):
    """What a crash left on a disk, to be reported later.

    Attributes:
        image: what the next process finds.
        writes: the unsynced writes, in order.
        kept: how many of these, from the first on, survived all the same.
        torn: 1 if a part of the next one survived, otherwise 0.
    """

    image: Mapping[str, bytes | _Value]
    writes: Sequence[_Write]
    kept: int
    torn: int

    @property
    def left(self) -> dict[str, Any]:
        """What the next process finds, as JSON values and bytes by name."""
        return {name: _plain(content) for name, content in self.image.items()}

    def fates(self) -> Iterator[tuple[str, str, Any]]:
        """Yield the fate of each unsynced write: kept, torn or lost, its name, and what it wrote.

        For a file, it wrote what was new; None stands for a removed name.
        """
        for rank, write in enumerate(self.writes):
            fate = "kept" if rank < self.kept else "lost"
            if rank == self.kept and self.torn:
                fate = "torn"
            content = write.content
            new = content[write.start :] if isinstance(content, bytes) else content
            yield fate, write.path, _plain(new)
            for path, other in write.others:
                yield fate, path, _plain(other)


class Disk(MutableMapping[str, Any]):
    """What a node sees of its disk: files of bytes, and a dict of JSON values beside them.

    ``disk["term"] = 3`` replaces an entry atomically; `write`, `append`, `truncate` and `rename`
    work on files of bytes. Nothing is certain to survive a crash before `fsync` has returned or
    ``await sync()`` has ended.

    Two writes are separate: a crash before the sync may keep the first and lose the second. Put
    what must change together into one entry, or into one `update`.

    Attributes:
        writes: how many writes were made, for statistics.
        syncs: how many syncs made something durable.
        aftermath: of the last crash; None before the first.
        backups: what was durable after each sync, the latest last; None if nobody asks for it.
    """

    __slots__ = (
        "_cache", "_durable", "_on_sync", "_settled", "_unsynced", "aftermath", "backups", "syncs",
        "writes",
    )  # fmt: skip

    def __init__(self) -> None:
        # Invariant: `_cache` is `_durable` after all of `_unsynced`, in order. `_settled` counts
        # the writes before those, so that the rank that `mark` gives is never given again.
        self._durable: dict[str, bytes | _Value] = {}
        self._cache: dict[str, bytes | _Value] = {}
        self._unsynced: list[_Write] = []
        self._on_sync: Callable[[bool], Any] | None = None
        self._settled = 0
        self.writes = 0
        self.syncs = 0
        self.aftermath: Aftermath | None = None
        self.backups: list[dict[str, bytes | _Value]] | None = None

    # The dict of JSON values.

    def __getitem__(self, key: str) -> Any:
        """Return a fresh copy of an entry's value."""
        content = self._cache[key]
        if isinstance(content, bytes):
            raise TypeError(f"{key!r} is a file; read it with disk.read({key!r})")
        return thawed(content.json)

    def __setitem__(self, key: str, value: Any) -> None:
        """Replace an entry atomically with a copy of a JSON value.

        A crash before the next sync keeps the first few of several such writes, in order: see
        `update` for all or none.
        """
        self._put(key, _copied(key, value), 0)

    def __delitem__(self, key: str) -> None:
        if key not in self._cache:
            raise KeyError(key)
        self._put(key, None, 0)

    def update(self, *given: Any, **named: Any) -> None:
        """Replace several entries in one atomic write: a crash keeps all of them or none.

        Args:
            given: a mapping, or pairs of name and value, as `dict.update` takes them.
            named: further entries.

        Raises:
            TypeError: JSON can't express a value; nothing is written.
        """
        entries = [(key, _copied(key, value)) for key, value in dict(*given, **named).items()]
        if not entries:
            return
        (first, content), *others = entries
        self._put(first, content, 0, others=tuple(others))

    def __iter__(self) -> Iterator[str]:
        """Return the names of the dict's entries, in the order they were first written."""
        return iter([name for name, held in self._cache.items() if not isinstance(held, bytes)])

    def __len__(self) -> int:
        return sum(not isinstance(held, bytes) for held in self._cache.values())

    def __contains__(self, path: object) -> bool:
        """Return True for the name of an entry or a file."""
        return path in self._cache

    # Files of bytes.

    def files(self) -> list[str]:
        """Return the names of the files, in the order they were first written."""
        return [name for name, held in self._cache.items() if isinstance(held, bytes)]

    def read(self, path: str) -> bytes:
        """Return a file's bytes, or a dict entry's as JSON; FileNotFoundError if there is none."""
        content = self._cache.get(path)
        if content is None:
            raise FileNotFoundError(path)
        if isinstance(content, _Value):
            return json.dumps(self[path]).encode()
        return content

    def write(self, path: str, data: bytes) -> None:
        """Replace a file's bytes; not atomic: a torn write leaves a prefix."""
        self._put(path, bytes(data), 0)

    def append(self, path: str, data: bytes) -> None:
        """Add bytes at a file's end, making it if need be."""
        before = self.read(path) if path in self._cache else b""
        self._put(path, before + data, len(before))

    def truncate(self, path: str, size: int) -> None:
        """Cut a file to its first `size` bytes."""
        before = self.read(path)
        self._put(path, before[:size], min(size, len(before)))

    def rename(self, old: str, new: str) -> None:
        """Move a file or entry over another, atomically."""
        if old not in self._cache:
            raise FileNotFoundError(old)
        content = self._cache[old]
        if old != new:
            self._put(new, content, len(content) if isinstance(content, bytes) else 0, old)

    def delete(self, path: str) -> None:
        """Remove a file or entry; FileNotFoundError if there is none."""
        if path not in self._cache:
            raise FileNotFoundError(path)
        self._put(path, None, 0)

    def _put(
        self,
        path: str,
        content: bytes | _Value | None,
        start: int,
        gone: str | None = None,
        others: tuple[tuple[str, _Value], ...] = (),
    ) -> None:
        self.writes += 1
        write = _Write(path, content, start, gone, others)
        self._unsynced.append(write)
        _apply(self._cache, write)

    # Durability.

    def fsync(self) -> None:
        """Make every write so far durable; returns when it is."""
        if self._unsynced and self._on_sync is not None:
            self._on_sync(False)  # noqa: FBT003 - the one question a sync asks
        self.make_durable(self.mark())

    def sync(self) -> Any:
        """Make every write so far durable; await it. Other handlers run meanwhile.

        What is written after the call is not covered. A crash before it ends may lose all of it.
        """
        if self._on_sync is None:
            raise RuntimeError("this disk belongs to no running node")
        return self._on_sync(True)  # noqa: FBT003

    @property
    def unsynced(self) -> int:
        """How many writes a crash could lose now."""
        return len(self._unsynced)

    def attach(self, on_sync: Callable[[bool], Any]) -> None:
        """Set whom a sync concerns: called with True if it is awaited; the kernel's call."""
        self._on_sync = on_sync

    def mark(self) -> int:
        """Return the rank of the next write, for `make_durable`."""
        return self._settled + len(self._unsynced)

    def make_durable(self, mark: int) -> None:
        """Make every write before a mark durable; the kernel's call."""
        count = mark - self._settled
        if count <= 0:
            return
        self.syncs += 1
        # In the order in which they were made, so that what is durable is always a prefix of the
        # writes.
        for write in self._unsynced[:count]:
            _apply(self._durable, write)
        del self._unsynced[:count]
        self._settled = mark
        if self.backups is not None:
            self.backups.append(dict(self._durable))

    def restore(self, back: int) -> bool:
        """Make the disk of a node that is down what it was so many syncs before its last one.

        Args:
            back: if there were no more than that, it is empty.

        Returns:
            False if that changes nothing.
        """
        backups = self.backups or []
        image = backups[-1 - back] if back < len(backups) else {}
        changed = image != self._durable
        self._durable, self._cache = dict(image), dict(image)
        self.backups = backups[: max(len(backups) - back, 0)]
        if self.aftermath is not None:
            self.aftermath = self.aftermath._replace(image=dict(image))
        return changed

    def crash(self, unsynced: Unsynced, below: Callable[[int], int]) -> tuple[int, int]:
        """Lose, keep or tear what was not synced.

        Args:
            unsynced: which.
            below: draws an integer in [0, bound), for where a write tears.

        Returns:
            How many writes were lost, and how many were torn (0 or 1).
        """
        # What is lost counts as settled too: a sync that began before the crash makes nothing
        # durable that was written after it.
        self._settled = self.mark()
        writes, self._unsynced = self._unsynced, []
        kept = len(writes) if unsynced == "kept" else 0
        torn = 0
        if unsynced == "torn" and writes:
            kept = below(len(writes))
        # A disk that keeps some unsynced writes keeps the first ones; of the next, if it tears, a
        # part.
        for write in writes[:kept]:
            _apply(self._durable, write)
        if unsynced == "torn" and writes:
            torn = self._tear(writes[kept], below)
        self._cache = dict(self._durable)
        self.aftermath = Aftermath(dict(self._durable), writes, kept, torn)
        return len(writes) - kept - torn, torn

    def stored(self) -> list[tuple[str, bool, Any]]:
        """Return what is durable, in order: name, and a file's bytes or True and a frozen value."""
        return [
            (path, isinstance(held, _Value), held.json if isinstance(held, _Value) else held)
            for path, held in self._durable.items()
        ]

    @classmethod
    def holding(cls, stored: Iterable[tuple[str, bool, Any]]) -> Disk:
        """Make a disk on which what `stored` gave is durable."""
        disk = cls()
        disk._durable = {
            path: _Value(held) if is_value else held for path, is_value, held in stored
        }
        disk._cache = dict(disk._durable)
        return disk

    def successor(self) -> Disk:
        """Return the same disk for the next process: what the dead one still writes is lost."""
        disk = Disk()
        disk._durable = dict(self._durable)
        disk._cache = dict(self._cache)
        disk._settled = self._settled
        disk.writes, disk.syncs = self.writes, self.syncs
        disk.aftermath, disk.backups = self.aftermath, self.backups
        return disk

    def _tear(self, write: _Write, below: Callable[[int], int]) -> int:
        """Leave a part of one write's bytes; an atomic one is lost instead."""
        if not isinstance(write.content, bytes) or len(write.content) == write.start:
            return 0
        size = write.start + below(len(write.content) - write.start)
        self._durable[write.path] = write.content[:size]
        return 1


def _apply(image: dict[str, bytes | _Value], write: _Write) -> None:
    path, content, _, gone, others = write
    if content is None:
        image.pop(path, None)
    else:
        image[path] = content
    if gone is not None:
        image.pop(gone, None)
    if others:
        image.update(others)


def _plain(content: bytes | _Value | None) -> Any:
    """Return a content as a JSON value or bytes."""
    return thawed(content.json) if isinstance(content, _Value) else content


def _copied(key: str, value: Any) -> _Value:
    """Copy an entry's value; TypeError if JSON can't say it."""
    if type(value) not in SCALARS:
        try:
            value = frozen(value)
        except NotJson as bad:
            raise TypeError(f"disk[{key!r}] takes what JSON can say; {bad}") from None
    return _Value(value)


def contents(disk: Disk) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """Return what a disk holds, to be looked at only: durable things by name, and unsynced writes.

    Values are frozen, see `clew.node.message.frozen`; None stands for a removed name.
    """
    durable = {name: _look(content) for name, content in disk._durable.items()}  # noqa: SLF001
    return durable, [(write.path, _look(write.content)) for write in disk._unsynced]  # noqa: SLF001


def _look(content: bytes | _Value | None) -> Any:
    return content.json if isinstance(content, _Value) else content
