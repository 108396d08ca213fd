"""One register's versions: who installed, read and touched them, and what is known of their order.

A version of a key is named by the transaction that installed it: the last value that a committed
transaction wrote to the key; `INITIAL` is the unwritten state, which shows nil or a value that was
given.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from clew.checkers.order_graph import in_order
from clew.checkers.transactions.extraction import told
from clew.checkers.transactions.version_orders.written_key import WrittenKey
from clew.checkers.values import Key, key_of

ABSENT: Final = ("absent",)
INITIAL: Final = -1
"""The version that an unwritten key has."""

BEFORE, AMID, AFTER = range(3)
"""Where a read stands among its own transaction's writes of the key."""


class Reread(NamedTuple):
    """A read that contradicts what its own transaction read or wrote before.

    Attributes:
        reader: the transaction.
        read: the value, as a token.
        wrote: the value that it had last written to the key by then, or `ABSENT`.
    """

    reader: int
    read: Key
    wrote: Key


class RegisterKey(WrittenKey):
    """All that a history says of one key.

    Attributes:
        initial: the value that it has before any write.
        start: that value as a token.
        touches: for each transaction that did not abort, in order of invocation: its number, the
            value it first read, the value it last wrote; `ABSENT` where it did not.
        rereads: the further reads that show something else than their transaction had left, but not
            a value that it had itself written before.
        met: for each transaction with rereads the versions it read, in order (None if what it
            read is no version), each with the place of the read: `BEFORE` its first write, `AMID`
            its writes, `AFTER` the last.
        explicit: the values in the order they were installed, where it was given.
        final: for each committed writer the value that it installed.
        readers: for each version the committed transactions that read it, itself not among them.
        after: for each version those known to come later, each with the reason; not closed.
        known: True if the order of the versions is total.
    """

    __slots__ = (
        "after", "closed", "explicit", "final", "initial", "known", "met",
        "readers", "rereads", "start", "touches", "values", "versions_read",
    )  # fmt: skip

    def __init__(self, key: Any, initial: Any = None) -> None:
        super().__init__(key)
        self.initial = initial
        self.start = key_of(initial)
        self.values: dict[Key, Any] = {}
        self.touches: list[tuple[int, Key, Key]] = []
        self.rereads: list[Reread] = []
        self.met: dict[int, list[tuple[int | None, int]]] = {}
        self.explicit: list[Key] | None = None
        self.final: dict[int, Key] = {}
        self.readers: dict[int, list[int]] = {}
        self.after: dict[int, dict[int, str]] = {}
        self.known = True
        self.closed: Closure | None = None
        self.versions_read: dict[int, list[int]] | None = None

    def token(self, value: Any) -> Key:
        """Return the hashable name of a value that is neither an int nor a str."""
        token = key_of(value)
        self.values[token] = value
        return token

    def raw(self, token: Key) -> Any:
        """Return the value as the history writes it."""
        return self.values.get(token, token)

    def version(self, token: Key) -> int | None:
        """Return who installed the version with this value; None if it is no version."""
        if token == self.start:
            return INITIAL
        writer = self.writers.get(token)
        return writer if writer is not None and self.final.get(writer) == token else None

    def shown(self, version: int) -> Any:
        """Return the value that a version shows."""
        return self.initial if version == INITIAL else self.raw(self.final[version])

    def meet(self) -> None:
        """Fill in ``met``, once ``final`` is known. O(touches + rereads) where there are any."""
        again = {each.reader for each in self.rereads}
        for number, read, _ in self.touches if again else ():
            if number in again:
                first = [] if read is ABSENT else [(self.version(read), BEFORE)]
                self.met[number] = first
        # Rereads stand in the order of the transaction, so that `met` keeps it.
        for reader, read, wrote in self.rereads:
            place = BEFORE if wrote is ABSENT else AMID
            if place and self.final.get(reader) == wrote:
                place = AFTER
            self.met[reader].append((self.version(read), place))

    def is_base(self, version: int, reader: int) -> bool:
        """Return whether a writer of the key had read this version last before it wrote."""
        if reader not in self.met:
            return True
        before = [read for read, place in self.met[reader] if place == BEFORE]
        return before[-1:] == [version]

    def is_overwritten(self, version: int, reader: int) -> bool:
        """Return whether a writer of the key had read this version before its last write."""
        if reader not in self.met:
            return True
        return any(read == version and place < AFTER for read, place in self.met[reader])

    def path(self, number: int) -> list[int]:
        """List the versions that a transaction with rereads met, its own at its last write."""
        own = [number] if number in self.final else []
        sides: tuple[list[int], list[int]] = ([], [])
        # Its own version was installed at its last write: reads before that come first, those after
        # it last.
        for version, place in self.met[number]:
            if version is not None and version != number:
                sides[place == AFTER].append(version)
        return sides[0] + own + sides[1]

    def told_version(self, version: int) -> str:
        """Write a version's value in words."""
        return told(self.shown(version))


class Closure:
    """Which versions of a key are known to come after which; O(versions^2 / 64) words."""

    __slots__ = ("masks", "place", "versions")

    def __init__(self, record: RegisterKey) -> None:
        self.versions = [INITIAL, *record.final]
        self.place = {version: bit for bit, version in enumerate(self.versions)}
        self.masks = dict.fromkeys(self.versions, 0)
        after = {version: [*record.after.get(version, ())] for version in self.versions}
        # Invariant: the mask of whatever comes later is whole, since it had its turn. A key whose
        # order is a circle has no edges left (`_draw`), so that every version gets a turn.
        for version in reversed(in_order(after)):
            for later in after[version]:
                self.masks[version] |= self.masks[later] | 1 << self.place[later]

    def after(self, version: int) -> list[int]:
        """List all versions that are known to come later."""
        mask = self.masks[version]
        return [later for later in self.versions if mask >> self.place[later] & 1]
