"""Code that does not end and swallows what is raised in it: the run ends all the same, quietly."""

import contextlib
import gc
import weakref

import pytest

from clew.node.node import Node
from clew.runtimes.simulated import simulated
from clew.sim.watchdog import ImportEndless, OutOfTime, limited, watched, watched_import

S = 1_000_000_000


def spin():
    while True:
        pass


class Deleted:
    def __del__(self):
        spin()


class Held:
    pass


class Named:
    def __set_name__(self, owner, name):
        spin()


def in_a_finalizer():
    Deleted()


def in_a_weak_reference():
    held = Held()
    kept = weakref.ref(held, lambda _: spin())
    del held
    return kept


def in_an_except():
    try:
        spin()
    except BaseException:  # noqa: BLE001 - the point of the test
        return


def in_a_suppress():
    with contextlib.suppress(BaseException):
        spin()


def in_a_sort():
    with contextlib.suppress(BaseException):
        sorted([1, 2], key=lambda _: spin())


def in_a_class():
    with contextlib.suppress(Exception):
        type("C", (), {"name": Named()})


def in_the_collector():
    def told(phase, info):
        del phase, info
        spin()

    gc.callbacks.append(told)
    gc.collect()
    gc.callbacks.remove(told)


SWALLOWING = [
    in_a_finalizer, in_a_weak_reference, in_an_except, in_a_suppress, in_a_sort, in_a_class,
    in_the_collector,
]  # fmt: skip


def node_of(what):
    class Stuck(Node):
        def start(self):
            if self.id == "n1":
                self.every(0.01, what)

    return Stuck


@pytest.mark.parametrize("what", SWALLOWING)
def test_a_swallowed_stop_ends_the_run_and_is_found(what, capsys):
    cluster = simulated(1, node_of(what), ["n1", "n2"])
    with watched(cluster, 0.2):
        cluster.boot()
        cluster.world.advance(2 * S)
    assert [finding.kind for finding in cluster.findings][:1] == ["endless-loop"]
    assert cluster.findings[0].place.startswith(__file__)
    assert cluster.world.now == S // 100, "the first such event is the last one"
    assert capsys.readouterr().err == ""


def made(cluster):
    with watched(cluster, 5.0):
        cluster.boot()
        cluster.world.advance(2 * S)


@pytest.mark.parametrize("what", SWALLOWING)
def test_a_swallowed_limit_of_a_seed_is_raised_after_the_event(what, capsys):
    cluster = simulated(1, node_of(what), ["n1", "n2"])
    with pytest.raises(OutOfTime), limited(0.3) as limit:
        made(cluster)
    assert cluster.world.now == S // 100
    assert limit.place.startswith(__file__)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("what", [in_a_finalizer, in_an_except, in_a_class])
def test_an_import_that_swallows_its_end_is_told(tmp_path, what, capsys):
    with pytest.raises(ImportEndless, match=__file__), watched_import(tmp_path, 0.2):
        what()
    assert capsys.readouterr().err == ""


def test_what_else_is_swallowed_is_printed_as_ever(monkeypatch):
    told = []
    monkeypatch.setattr("sys.unraisablehook", told.append)

    class Failing:
        def __del__(self):
            raise ZeroDivisionError

    with limited(10):
        Failing()
    assert [each.exc_type for each in told] == [ZeroDivisionError]
