"""What ``clew test`` is asked for: times, shares, workers, and what can not be asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from sweeps import ECHO, run

from clew.commands.invocation import invocation_of
from clew.commands.numbers import seconds_of
from clew.errors import UsageError
from clew.search.shards import Shard
from clew.sim.orders.schedules import FORMS

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h", 3600), ("1.5m", 90)]
)
def test_times(text, seconds):
    assert seconds_of("for", text) == seconds


@pytest.mark.parametrize("text", ["", "5", "0s", "-1s", "5 m", "1d", "m", "1e3s", "9" * 10 + "s"])
def test_what_is_no_time(text):
    with pytest.raises(UsageError) as refused:
        seconds_of("for", text)
    assert str(refused.value) == (
        f"--for can't be used: expected a time such as 500ms, 30s, 5m or 1h, found {text!r}."
    )


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            f"{ECHO} --shard 0/3",
            (
                "--shard can't be used: expected a part and the number of parts, from 1/N to N/N, "
                "such as 3/10, found '0/3'."
            ),
        ),
        (
            f"{ECHO} --shard 4/3",
            (
                "--shard can't be used: expected a part and the number of parts, from 1/N to N/N, "
                "such as 3/10, found '4/3'."
            ),
        ),
        (
            f"{ECHO} --max-failures 0",
            "--max-failures can't be used: expected a whole number from 1, found '0'.",
        ),
        (
            f"{ECHO} --max-failures 2 --until-failure",
            "--until-failure and --max-failures can't be used together. Name one of them.",
        ),
        (
            f"{ECHO} --dask local --jobs 2",
            "--dask and --jobs can't be used together. Name one of them.",
        ),
        (
            f"{ECHO} --dask local --seed-timeout 2s",
            "--dask and --seed-timeout can't be used together. Name one of them.",
        ),
        (
            f"{ECHO} --seed-timeout 2",
            (
                "--seed-timeout can't be used: expected a time such as 500ms, 30s, 5m or 1h, "
                "found '2'."
            ),
        ),
        (
            f"{ECHO} --junit .",
            "--junit can't be used: expected a file, found the folder .. Name a file in it.",
        ),
        (
            f"{ECHO} --junit empty.txt/report.xml",
            (
                "--junit can't be used: expected a file that can be written, found "
                "empty.txt/report.xml. Name another file."
            ),
        ),
        ("test nowhere/", "nowhere: there is no such file. Check the path."),
        (f"{ECHO} --schedule pct:0", f"--schedule can't be used: expected {FORMS}"),
        (f"{ECHO} --expect good", "--expect can't be used: expected valid, invalid"),
        (
            "test --failed --rate 2",
            (
                "--failed without MODEL takes no options of a scenario. Name the model, or leave "
                "the options out."
            ),
        ),
        ("test nothing/x.toml", "nothing/x.toml: there is no such file. Check the path."),
        (
            "test empty",
            (
                "empty: there is no scenario in this folder: expected files that end in .toml. "
                "Check the path."
            ),
        ),
    ],
)
def test_what_can_not_be_asked_is_told_in_one_line(capsys, command, message):
    Path("empty").mkdir()
    Path("empty.txt").touch()
    assert run(command) == 64
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"clew: {message}")
    assert told.err.count("\n") == 1
    assert not Path("out").exists()


def test_the_number_of_workers_by_default(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    few, given = invocation_of({}), invocation_of({"jobs": "3"})
    assert [few.jobs_for(runs) for runs in (1, 19, 20, None)] == [1, 1, 8, 8]
    assert [given.jobs_for(runs) for runs in (1, 2, 20, None)] == [1, 2, 3, 3]


def test_what_the_command_does_not_take_is_left_to_the_scenario():
    said = {"jobs": "3", "rate": "5", "keep": True}
    asked = invocation_of(said)
    assert (asked.jobs, asked.keep, said) == (3, True, {"rate": "5"})


def test_shards_part_what_there_is():
    shards = [Shard(number, 3) for number in (1, 2, 3)]
    for index in range(30):
        assert sum(shard.holds(index) for shard in shards) == 1
