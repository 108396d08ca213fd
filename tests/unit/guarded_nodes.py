"""Nodes as a person writes them, run under the guards: for tests of what a node may do.

A row is a node's code: what stands at the top of its file, and what its handler does.
"""

import textwrap
from pathlib import Path

from clew.runtimes.simulated import simulated
from clew.scenarios.code.models import load_model
from clew.sim.guards import guarded

S = 1_000_000_000
BORN = 1_700_000_000

NODE = """\
from clew import Node
{top}

class N(Node):
    def start(self):
        self.v = None
        self.after(1, self.call)

    {kind}def call(self, {default}):
{body}
        self.v = v
"""


def written(folder, body, top="", default="*_"):
    """A node's file, and the number of its handler's first line."""
    kind = "async " if "await" in body or "async with" in body else ""
    text = NODE.format(top=top, kind=kind, default=default, body=textwrap.indent(body, " " * 8))
    path = Path(folder) / "node_file.py"
    path.write_text(text)
    first = body.splitlines()[0].strip()
    lines = [line.strip() for line in text.splitlines()]
    return path, len(lines) - lines[::-1].index(first)


def ran(path, seed=1):
    """What its handler gave one second after the start, and the findings."""
    cluster = simulated(seed, load_model(str(path)).node_class, ["n1"])
    with guarded(cluster):
        cluster.boot()
        cluster.world.advance(2 * S)
        said = cluster.hosts["n1"].node.v
    cluster.close()
    return said, cluster.findings


SQLITE = """\
import sqlite3
from contextlib import closing
def of(query):
    with closing(sqlite3.connect(":memory:")) as database:
        return database.execute(query).fetchone()[0]"""
