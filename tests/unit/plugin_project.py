"""A project with a right node and a wrong one, and what pytest prints of its tests."""

from __future__ import annotations

import re

import pytest

import clew
import clew.testing.items
from clew.workloads import workloads

assert clew.testing.items, "imported here, else each run inside a test would import it anew"
assert workloads(), "their modules too: what a run inside a test imports is gone after it"

GOOD = """
from clew import Node, on

class Echo(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
"""
BAD = GOOD.replace('msg.body["echo"]})', '"what?"})')
SMALL = "time_limit=2, node_count=2, rate=5"

# A traceback of ours would name a file of the package.
OURS = re.compile(r"clew/[\w/]+\.py:\d+|site-packages|Traceback")


def run(project: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    """A test file, run."""
    project.makepyfile(test_it=f"import pytest\n{test}")
    return project.runpytest("--strict-markers", "-q", "-p", "no:cacheprovider", *options)


def shown(result: pytest.RunResult) -> str:
    return result.stdout.str()
