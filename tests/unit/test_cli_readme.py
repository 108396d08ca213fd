"""The README's set-up: two commands, and a line by which a new shell finds what they installed.

That every other command of the documents does what is printed is tested in tests/examples.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SET_UP = re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
PATH_LINE = 'export PATH="$PWD/.venv/bin:$PATH"'


def test_it_names_two_set_up_commands():
    assert len(SET_UP) == 2
    assert all(block.count("\n") == 1 for block in SET_UP)


@pytest.mark.parametrize("block", SET_UP)
def test_a_set_up_command_needs_no_activated_environment(block: str):
    first, *others = block.strip().split(" && ")
    assert first == "python3.11 -m venv .venv"
    assert others
    assert all(command.startswith(".venv/bin/") for command in others)


@pytest.mark.parametrize("page", ["README.md", "docs/guide/README.md"])
def test_it_says_how_a_new_shell_finds_the_command(page: str):
    assert f"```console\n$ {PATH_LINE}\n```" in (ROOT / page).read_text(encoding="utf-8")
