"""``--trace FILE``: what it writes, when it is refused, and that nothing is half-written."""

import os
import shlex
import subprocess
import sys

import pytest

from clew.cli import main
from clew.errors import UsageError
from clew.formats.atomic import write_lines

FAILING = "test abd --bug reads-one --seed 0 --time-limit 5 --no-shrink"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(command):
    return main(shlex.split(command))


def test_a_test_and_its_replay_write_the_same_bytes(tmp_path):
    assert run(f"{FAILING} --trace folder/test.jsonl") == 1
    [repro] = tmp_path.glob("out/*/repro.json")
    assert run(f"replay {repro} --trace replay.jsonl") == 1
    traced = (tmp_path / "replay.jsonl").read_bytes()
    assert traced == (tmp_path / "folder/test.jsonl").read_bytes()
    assert traced.startswith(
        b'{"number":0,"time":0,"kind":"link","link":0,"src":"c0","dest":"n1"}\n'
    )


def test_two_hash_seeds_give_the_same_bytes(tmp_path):
    for seed in ("1", "77"):
        subprocess.run(
            [sys.executable, "-m", "clew", *shlex.split(f"{FAILING} --trace {seed}.jsonl")],
            env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=False,
        )  # fmt: skip
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "77.jsonl").read_bytes()


def test_a_valid_run_is_written_too(tmp_path):
    assert run("test echo --time-limit 1 --runs 1 --json --trace t.jsonl") == 0
    assert (tmp_path / "t.jsonl").read_text().count("\n") > 10


@pytest.mark.parametrize(
    "more",
    ["--runs 2", "--for 1s", "--failed", "--resume", "--dask local", "--shard 2/2"],
)
def test_a_sweep_has_no_one_trace(more, tmp_path, capsys):
    assert run(f"test echo --time-limit 1 --trace t.jsonl {more}") == 64
    assert capsys.readouterr().err == (
        "clew: --trace can't be used: expected one seed of one scenario, found a sweep. "
        "Name the seed with --seed, or use 'clew replay FILE --trace'.\n"
    )
    assert not (tmp_path / "t.jsonl").exists()


def test_scenario_files_have_a_trace_where_one_run_is_meant(tmp_path, capsys):
    (tmp_path / "a.toml").write_text('model = "echo"\ntime_limit = 1\n')
    (tmp_path / "b.toml").write_text('model = "echo"\ntime_limit = 1\nruns = 3\n')
    assert run("test a.toml --trace t.jsonl") == 0
    (tmp_path / "t.jsonl").unlink()
    for files in ("a.toml b.toml", "b.toml"):
        assert run(f"test {files} --trace t.jsonl") == 64
        assert "expected one seed of one scenario" in capsys.readouterr().err
    assert not (tmp_path / "t.jsonl").exists()


@pytest.mark.parametrize("command", ["test echo", "replay no.json"])
def test_a_folder_is_no_file_for_a_trace(command, capsys):
    assert run(f"{command} --trace .") == 64
    assert "--trace can't be used: expected a file, found the folder ." in capsys.readouterr().err


def test_lines_that_fail_in_the_middle_leave_the_old_file(tmp_path):
    def broken():
        yield "one\n"
        raise OSError(28, "No space left on device")

    path = tmp_path / "t.jsonl"
    path.write_text("old")
    with pytest.raises(UsageError, match="No space left on device"):
        write_lines(path, broken())
    assert [each.name for each in tmp_path.iterdir()] == ["t.jsonl"]
    assert path.read_text() == "old"
