"""What is wrong with nodes, roles, regions and targets in a scenario file is told with its line."""

from pathlib import Path

import pytest

import clew
from clew.cli import main
from clew.errors import ClewError

FILE = Path(__file__).parent / "two_kinds.py"
HEAD = f'model = "{FILE}"\ntime_limit = 2\n'

WRONG = [
    ('nodes = ["front=3", "frnt=2"]\n', 3, "there is no role 'frnt'"),
    ("[nodes]\nfront = 3\nfrnt = 2\n", 5, "there is no role 'frnt'"),
    ('rate = 5\nnodes = ["front=9"]\n', 4, "2 to 5 nodes of the role front"),
    ('nemesis = [\n  "kill:front",\n  "kill:frnt",\n]\n', 5, "a role that is not there"),
    ('regions = ["eu", "us"]\nnemesis = ["kill@mars"]\n', 4, "a region that is not there"),
    ('regions = ["eu", "us"]\nnemesis = ["kill=minority@eu"]\n', 4, "as fewer have no minority"),
    ('[regions]\neu = ["front"]\nus = ["stor"]\n', 5, "there is no node 'stor'"),
    (
        'regions = ["eu", "us"]\n[region_latency]\n"eu<->us" = 5\n"eu<->mars" = 7\n',
        6,
        "latencies between the regions eu, us, found 'mars'",
    ),
    ('rate = 5\nclient_picks = "region"\n', 4, "can't be region without regions"),
    ('nemesis = ["pause", "leave"]\n', 3, "do not say by a method members_changed"),
]


@pytest.mark.parametrize(("text", "line", "told"), WRONG)
def test_a_mistake_is_told_with_its_line(tmp_path, capsys, text, line, told):
    path = tmp_path / "wrong.toml"
    path.write_text(HEAD + text)
    assert main(["test", str(path)]) == 64
    message = " ".join(capsys.readouterr().err.split())
    assert message.startswith(f"clew: {path}:{line}: ")
    assert told in message


def test_python_says_it_too(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(HEAD + 'nemesis = ["kill:frnt"]\n')
    with pytest.raises(ClewError) as bad:
        clew.run(str(path))
    assert bad.value.where == f"{path}:3"


def test_what_a_flag_overrides_is_not_the_files(tmp_path, capsys):
    path = tmp_path / "right.toml"
    path.write_text(HEAD + 'nemesis = ["kill:front"]\n')
    assert main(["test", str(path), "--nemesis", "kill:frnt"]) == 64
    assert capsys.readouterr().err.startswith(f"clew: {path}: the fault 'kill:frnt'")
