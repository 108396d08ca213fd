"""The README's transcripts are what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from clew.cli import main

README = Path(__file__).parents[2] / "README.md"


def transcripts() -> list[tuple[str, list[str]]]:
    """Each command of the README's console blocks with the lines it is said to print."""
    blocks = re.findall(
        r"^```console\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    told: list[tuple[str, list[str]]] = []
    for line in "\n".join(blocks).splitlines():
        if line.startswith("$ clew "):
            told.append((line.removeprefix("$ clew "), []))
        elif line not in {"", "..."}:
            told[-1][1].append(line)
    return told


def test_every_line_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    found = transcripts()
    assert len(found) >= 2
    for command, lines in found:
        assert main(shlex.split(command)) == 1
        printed = iter(capsys.readouterr().out.splitlines())
        missing = [line for line in lines if line not in printed]  # in this order
        assert missing == [], f"clew {command} no longer prints this; copy its output anew"


def test_it_names_two_set_up_commands():
    assert len(re.findall(r"^```sh\n", README.read_text(encoding="utf-8"), re.MULTILINE)) == 2
