"""A node, a scenario and a test to begin with, for ``clew new``.

The templates are real files with the names ``my_node`` and ``MyNode`` in them, in
`clew.scenarios.templates`: one node for each workload, simple and right under its scenario.
"""

from __future__ import annotations

import keyword
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from clew.errors import UsageError
from clew.formats.atomic import write_text
from clew.workloads import workload_class

# What the template of a workload survives, and what bites it: a node that writes to no disk and
# talks to nobody feels only its own death.
_NEMESIS: dict[str, tuple[str, ...]] = {"echo": ("kill",), "unique-ids": ("kill",)}
_NEMESIS_OF_OTHERS = ("partition", "kill")


def scaffold(name: str, workload: str, directory: Path) -> list[Path]:
    """Write ``NAME.py``, ``NAME.toml`` and ``test_NAME.py``; their paths.

    Raises:
        UsageError: the name can't be one of a module, there is no such workload, or a file is
            there already; then nothing is written.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} can't be the name of a node's file",
            expected="letters, digits and underscores, a letter first, such as my_node",
        )
    if name in sys.stdlib_module_names:
        raise UsageError(
            f"{name!r} can't be the name of a node's file: Python has a module of this name",
            expected="another name, such as my_node",
        )
    workload_class(workload)
    nemesis = ", ".join(f'"{kind}"' for kind in _NEMESIS.get(workload, _NEMESIS_OF_OTHERS))
    texts = {
        directory / f"{name}.py": _filled(f"{workload}.py.txt", name),
        directory / f"{name}.toml": _filled("scenario.toml.txt", name)
        .replace("@WORKLOAD@", workload)
        .replace("@NEMESIS@", f"[{nemesis}]"),
        directory / f"test_{name}.py": _filled("test.py.txt", name),
    }
    for path in texts:
        if path.exists():
            raise UsageError(
                "the file is there already",
                where=str(path),
                fix="Choose another name, or move the file away",
            )
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def pytest_command(test: Path) -> str:
    """The command that runs a test file, with what it needs that is not there."""
    needs = "" if find_spec("pytest") else "   (needs: pip install pytest)"
    return f"python -m pytest {test}{needs}"


def _filled(template: str, name: str) -> str:
    text = files("clew.scenarios").joinpath("templates", template).read_text(encoding="utf-8")
    camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    return text.replace("MyNode", camel).replace("my_node", name)
