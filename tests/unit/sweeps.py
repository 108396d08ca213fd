"""Commands of sweeps of the smallest node, and what they print."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from clew.cli import main

ECHO = "test echo --time-limit 1 --recovery 0 --node-count 1"


def run(command: str) -> int:
    return main(shlex.split(command))


def raising() -> str:
    """A command whose runs fail in one way, with the node file that it needs."""
    Path("s.py").write_text(
        "from clew import Node, on\nclass A(Node):\n    workload = 'echo'\n"
        "    @on('echo')\n    def echo(self, msg):\n        raise ValueError\n"
    )
    return ECHO.replace("echo", "s.py")


def lines_of_json(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def seeds_of_json(capsys: pytest.CaptureFixture[str]) -> list[int]:
    return [one["seed"] for one in lines_of_json(capsys) if "seed" in one]
