"""A node, a scenario and a test to start from, for ``clew new``.

A workload brings the node, with the names ``my_node`` and ``MyNode`` in it: simple, and correct
under its scenario. For a workload without one, the node gets a handler for each message, to be
filled in.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterable
from importlib.resources import files
from importlib.util import find_spec
from os.path import relpath
from pathlib import Path

from clew.errors import UsageError
from clew.formats.atomic import write_text
from clew.scenarios.code.workload_files import canonical, is_file, load_workload
from clew.scenarios.options.scenario import scenario_class
from clew.scenarios.options.table import declared
from clew.workloads.shapes import in_words
from clew.workloads.workload import Workload

ROLES_WORKLOAD = "lin-kv"
"""What the system of two kinds of node speaks that is written."""


def scaffold(name: str, workload: str, directory: Path, *, roles: bool = False) -> list[Path]:
    """Write ``NAME.py``, ``NAME.toml`` and ``test_NAME.py``; return their paths.

    Args:
        name: of the files.
        workload: what clients ask.
        directory: where they are written.
        roles: write a system of two kinds of node instead of one class.

    Raises:
        UsageError: the name can't be one of a module, there is no such workload, there is no
            system for it, or a file is there already; then nothing is written.
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
    spoken = load_workload(workload)
    if roles and workload != ROLES_WORKLOAD:
        raise UsageError(
            "--roles can't be used with this workload",
            expected=f"--workload {ROLES_WORKLOAD}, or none",
            found=workload,
            fix="Begin with that, and give the System another workload",
        )
    workload = _seen_from(directory, canonical(workload))
    template = _text("roles.py.txt") if roles else spoken.template_text()
    faults = spoken.template_nemesis if template else ("kill",)  # a skeleton sends nothing
    scenario = _text("scenario.toml.txt")
    if roles:
        faults = ("partition", "kill:shard", "kill:router")
        scenario = scenario.replace("node_count = 3", "nodes = { router = 3, shard = 2 }")
    nemesis = ", ".join(f'"{kind}"' for kind in faults)
    texts = {
        directory / f"{name}.py": _filled(template or skeleton(spoken, workload), name),
        directory / f"{name}.toml": _filled(_explained(scenario), name)
        .replace("@WORKLOAD@", workload)
        .replace("@NEMESIS@", f"[{nemesis}]"),
        directory / f"test_{name}.py": _filled(_text("test.py.txt"), name),
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
    """Return the command that runs a test file, with what it needs that is not installed."""
    needs = "" if find_spec("pytest") else "   (needs: pip install pytest)"
    return f"python -m pytest {test}{needs}"


def _seen_from(directory: Path, reference: str) -> str:
    path, colon, name = reference.partition(":")
    return f"{relpath(path, directory)}{colon}{name}" if is_file(reference) else reference


def skeleton(workload: type[Workload], reference: str) -> str:
    """Write a node with a handler for each message of a workload, which has yet to do the work."""
    parts = [_HEAD.replace("@WORKLOAD@", reference)]
    parts += [_handler(each, (), "") for each in workload.setup_types]
    for f, one in workload.operations.items():
        fields = ", ".join(f"{name}: {in_words(shape)}" for name, shape in one.request.items())
        parts.append(_handler(f, one.reply, fields))
    return "".join(parts)


_HEAD = '''"""MyNode: begins to speak the workload @WORKLOAD@.

Try it:    clew test my_node.toml
Serve it:  clew serve-node my_node.py
"""

from clew import Node, on


class MyNode(Node):
    workload = "@WORKLOAD@"
'''


def _handler(message_type: str, answer: Iterable[str], fields: str) -> str:
    reply = ", ".join([f'"type": "{message_type}_ok"', *(f'"{name}": None' for name in answer)])
    name = re.sub(r"\W", "_", message_type)
    what = f"msg.body has {fields}." if fields else "Nothing is asked but this."
    return f'''
    @on("{message_type}")
    def {name}(self, msg):
        """{what}"""
        self.reply(msg, {{{reply}}})
'''


def _explained(scenario: str) -> str:
    """Write a scenario's text with the meaning of each option above it."""
    rows = declared(scenario_class())
    lines = []
    for line in scenario.splitlines():
        name = line.partition(" = ")[0]
        lines += [f"# {rows[name].option.meaning}", line] if name in rows else [line]
    return "\n".join(lines) + "\n"


def _text(template: str) -> str:
    return files("clew.scenarios").joinpath("templates", template).read_text(encoding="utf-8")


def _filled(text: str, name: str) -> str:
    camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    return text.replace("MyNode", camel).replace("my_node", name)
