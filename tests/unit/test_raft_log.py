"""The log on disk: what it holds, what it cuts off, and what a crash at any write leaves of it."""

import pytest

from clew.models.raft.log import Log
from clew.node.disk import Disk


def entries(log):
    return [log.entry(index)[0] for index in range(log.base + 1, log.last + 1)]


def log_of(*terms):
    disk = Disk()
    log = Log(disk)
    for term in terms:
        log.append([term, "c1", term, "write", "k", term])
    disk.fsync()
    return disk, log


def test_an_empty_log_ends_at_zero():
    log = Log(Disk())
    assert (log.base, log.base_term, log.last) == (0, 0, 0)
    assert log.term_at(0) == 0
    assert log.agrees(0, 0)


def test_it_is_read_back_from_disk():
    disk, _ = log_of(1, 1, 2)
    again = Log(disk)
    assert entries(again) == [1, 1, 2]
    assert again.entry(3) == [2, "c1", 2, "write", "k", 2]


@pytest.mark.parametrize(
    ("index", "term", "agrees"),
    [(0, 0, True), (2, 1, True), (3, 2, True), (3, 1, False), (4, 2, False)],
)
def test_agrees_with_an_entry_of_the_same_term(index, term, agrees):
    _, log = log_of(1, 1, 2)
    assert log.agrees(index, term) is agrees


@pytest.mark.parametrize(
    ("mine", "previous", "theirs", "result", "truncations"),
    [
        ((1, 1), 2, (2,), [1, 1, 2], 0),
        ((1, 1), 0, (1, 1), [1, 1], 0),
        ((1, 1, 2), 0, (1,), [1, 1, 2], 0),  # overtaken: what follows must stay
        ((1, 1, 2), 1, (1, 3), [1, 1, 3], 1),
        ((1, 1, 1, 1), 1, (2, 2), [1, 2, 2], 1),
        ((), 0, (1, 2), [1, 2], 0),
    ],
)
def test_merge_cuts_only_what_conflicts(mine, previous, theirs, result, truncations):
    disk, log = log_of(*mine)
    log.merge(previous, [[term, "c1", term, "write", "k", term] for term in theirs])
    assert entries(log) == result
    assert log.truncations == truncations
    assert entries(Log(disk)) == result


@pytest.mark.parametrize(
    ("terms", "index", "retry"),
    [
        ((1, 1, 2, 2, 2), 5, 3),  # the whole term in conflict is skipped
        ((1, 1), 5, 3),  # a shorter log: its end
        ((3, 3), 2, 1),
    ],
)
def test_where_to_retry(terms, index, retry):
    _, log = log_of(*terms)
    assert log.where_to_retry(index) == retry


def test_a_snapshot_stands_for_the_beginning():
    disk, log = log_of(1, 1, 2, 2)
    log.compact(3, {"k": 7})
    for each in (log, Log(disk)):
        assert (each.base, each.base_term, each.last) == (3, 2, 4)
        assert each.snapshot() == {"index": 3, "term": 2, "state": {"k": 7}}
        assert each.agrees(1, 9)
        assert each.agrees(3, 2)
        assert entries(each) == [2]
    assert [name for name in disk if name.startswith("log/")] == ["log/4"]


@pytest.mark.parametrize(
    ("mine", "last", "term", "left"),
    [
        ((1, 1, 1), 2, 1, [1]),  # agrees there: what follows stays
        ((1, 1, 1), 2, 2, []),  # conflicts there: what follows goes
        ((1,), 5, 2, []),  # ends before it
        ((1, 1), 2, 1, []),
    ],
)
def test_install_keeps_only_what_agrees(mine, last, term, left):
    disk, log = log_of(*mine)
    log.install(last, term, {})
    for each in (log, Log(disk)):
        assert (each.base, each.base_term) == (last, term)
        assert entries(each) == left


@pytest.mark.parametrize("kept", range(7))
@pytest.mark.parametrize(
    ("change", "legal"),
    [
        # each state that a crash may leave, as (base, terms)
        (lambda log: log.compact(3, {}), [(0, [1, 1, 2, 2]), (3, [2])]),
        (
            lambda log: log.install(3, 9, {}),
            [(0, [1, 1, 2, 2]), (0, [1, 1, 2]), (0, [1, 1]), (3, [])],
        ),
        (
            lambda log: log.merge(1, [[3], [3]]),
            [(0, [1, 1, 2, 2]), (0, [1, 1, 2]), (0, [1, 1]), (0, [1]), (0, [1, 3]), (0, [1, 3, 3])],
        ),
    ],
)
def test_a_crash_at_any_write_leaves_a_legal_log(change, legal, kept):
    disk, log = log_of(1, 1, 2, 2)
    change(log)
    writes = disk.unsynced
    disk.crash("torn", lambda bound: min(kept, bound - 1))
    again = Log(disk)
    assert (again.base, entries(again)) in legal
    assert writes <= 8
