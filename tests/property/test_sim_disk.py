"""The disk against a model: what was synced survives a crash, the rest as the fault says."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from clew.node.disk import Disk
from clew.sim.entropy import Stream

files = st.sampled_from(["a", "b"])
entries = st.sampled_from(["x", "y"])
data = st.binary(max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)


def image(disk):
    """All that a disk holds: the dict's entries and the files."""
    return {**dict(disk), **{name: disk.read(name) for name in disk.files()}}


class DiskMachine(RuleBasedStateMachine):
    """Keeps every image since the last sync; a crash ends in one of them, or a torn next one."""

    @initialize()
    def begin(self):
        self.disk = Disk()
        self.images = [{}]
        self.marks = []
        self.stream = Stream(1)

    def wrote(self, image_now):
        self.images.append(image_now)

    @property
    def now(self):
        return dict(self.images[-1])

    @rule(path=files, content=data)
    def write(self, path, content):
        self.disk.write(path, content)
        self.wrote({**self.now, path: content})

    @rule(path=files, content=data)
    def append(self, path, content):
        self.disk.append(path, content)
        self.wrote({**self.now, path: self.now.get(path, b"") + content})

    @rule(path=files, size=st.integers(0, 8))
    def truncate(self, path, size):
        if path in self.images[-1]:
            self.disk.truncate(path, size)
            self.wrote({**self.now, path: self.now[path][:size]})

    @rule(path=files)
    def delete(self, path):
        if path in self.images[-1]:
            self.disk.delete(path)
            now = self.now
            del now[path]
            self.wrote(now)

    @rule()
    def rename(self):
        if "a" in self.images[-1]:
            self.disk.rename("a", "b")
            moved = {**self.now, "b": self.now["a"]}
            del moved["a"]
            self.wrote(moved)

    @rule(key=entries, value=values)
    def put(self, key, value):
        self.disk[key] = value
        self.wrote({**self.now, key: value})

    @rule(named=st.dictionaries(entries, values, max_size=2))
    def update(self, named):
        self.disk.update(named)
        if named:
            self.wrote({**self.now, **named})

    @rule(key=entries)
    def remove(self, key):
        if key in self.images[-1]:
            del self.disk[key]
            now = self.now
            del now[key]
            self.wrote(now)

    @rule()
    def fsync(self):
        self.disk.fsync()
        self.images = self.images[-1:]
        self.marks = []

    @rule()
    def begin_sync(self):
        self.marks.append((self.disk.mark(), len(self.images) - 1))

    @precondition(lambda self: self.marks)
    @rule()
    def end_sync(self):
        mark, rank = self.marks.pop(0)
        self.disk.make_durable(mark)
        self.images = self.images[rank:]
        self.marks = [(other, at - rank) for other, at in self.marks]

    @rule()
    def crash_lost(self):
        lost, torn = self.disk.crash("lost", self.stream.below)
        assert (lost, torn) == (len(self.images) - 1, 0)
        self.settle(self.images[0])

    @rule()
    def crash_kept(self):
        assert self.disk.crash("kept", self.stream.below) == (0, 0)
        self.settle(self.images[-1])

    @rule(seed=st.integers(0, 2**32))
    def crash_torn(self, seed):
        lost, torn = self.disk.crash("torn", Stream(seed).below)
        found = image(self.disk)
        kept = len(self.images) - 1 - lost - torn
        assert kept >= 0
        if torn:
            before, whole = self.images[kept], self.images[kept + 1]
            assert is_torn(found, before, whole)
        else:
            assert found == self.images[kept]
        self.settle(found)

    def settle(self, expected):
        assert image(self.disk) == expected
        self.images = [expected]
        self.marks = []

    @invariant()
    def reads_see_every_write(self):
        assert image(self.disk) == self.images[-1]
        assert self.disk.unsynced == len(self.images) - 1
        assert len(self.disk) + len(self.disk.files()) == len(self.images[-1])
        assert all(name in self.disk for name in self.images[-1])


def is_torn(found, before, whole):
    """One file holds a proper prefix of its new content, with what was there before the write."""
    changed = [name for name in {*found, *before} if found.get(name) != before.get(name)]
    if not changed:
        return any(whole.get(name) != before.get(name) for name in whole)
    [name] = changed
    return whole[name].startswith(found[name]) and found[name] != whole[name]


TestDisk = DiskMachine.TestCase


@given(values)
def test_values_come_back_equal_and_never_shared(value):
    disk = Disk()
    disk["k"] = value
    assert disk["k"] == value
    if isinstance(value, list | dict):
        assert disk["k"] is not disk["k"]
