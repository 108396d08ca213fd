"""The line of the user's code at which something happened."""

from pathlib import Path

import pytest

from clew.sim.finding import PACKAGE, users_place
from clew.sim.watchdog import OutOfTime, limited


def code_in(file, text, **names):
    """The function f of a text that stands in this file of Clew."""
    held = dict(names)
    exec(compile(text, str(Path(PACKAGE) / file), "exec"), held)
    return held["f"]


SEEK = code_in("sim/seek.py", "def f(): return users_place()", users_place=users_place)


def test_the_caller_of_clew_is_a_place():
    assert users_place().startswith(f"{__file__}:")
    assert SEEK().startswith(f"{__file__}:")


@pytest.mark.parametrize("file", ["__main__.py", "cli.py", "commands/test.py"])
def test_what_launches_the_command_line_is_none(file):
    assert not code_in(file, "def f(): return seek()", seek=SEEK)()


def test_a_seed_that_runs_out_of_time_in_a_library_that_clew_calls_has_no_place():
    held = {}
    waits = "def f():\n    while True: pass\n"
    exec(compile(waits, "/x/site-packages/simpy/events.py", "exec"), held)
    command = code_in("commands/test.py", "def f(): wait()", wait=held["f"])
    with pytest.raises(OutOfTime), limited(0.2) as limit:
        command()
    assert not limit.place


def test_a_users_code_that_the_command_line_runs_is_one():
    def handler():
        return SEEK()

    place = code_in("__main__.py", "def f(): return handler()", handler=handler)()
    assert place == f"{__file__}:{handler.__code__.co_firstlineno + 1}"
