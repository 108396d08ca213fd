"""The pages on what user code may call: nodes, workloads, services; printed from the code."""

# ruff: noqa: INP001 - part of a program, no package

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tables import code, table

import clew
from clew.models import services
from clew.node.node import ERROR_CODES, Given, Node, on
from clew.workloads.operation import Declared, operation
from clew.workloads.shapes import in_words

_LEFT_OUT = {"server_state", "observe", "start"}
"""Methods of `Node` that a class overrides; the others are called."""


_HEAD = """A node is a class that derives from `clew.Node`; its handlers are methods with
`@on(TYPE)`. Times are seconds of the node's own clock. The same class runs simulated and, with
`clew serve-node`, as a real process."""


def node_api() -> str:
    """Every method of `Node`, and what stands beside it: invariants, errors, futures, workloads."""
    methods = [name for name, member in _members(Node) if inspect.isfunction(member)]
    called = [name for name in methods if name not in _LEFT_OUT]
    values = [(code(name), _text(member)) for name, member in _members(Node) if _is_value(member)]
    errors = [(code(number), name, "yes" if sure else "no") for number, (name, sure) in _codes()]
    parts = [
        "# What a node may call",
        _HEAD,
        _attributes(Node),
        "## What it reads",
        table(("name", "what it is"), values),
        "## What it calls",
        *[_entry(f"self.{name}", getattr(Node, name)) for name in called],
        "## What it may tell about itself",
        *[_entry(name, getattr(Node, name)) for name in methods if name in _LEFT_OUT],
        "## Handlers",
        _entry("on", on),
        "## Errors",
        _paragraphs(clew.RPCError),
        _paragraphs(clew.RPCTimeout),
        table(("code", "name", "it surely did not happen"), errors),
        "## Future",
        _paragraphs(clew.Future),
        *_entries("future", clew.Future),
        "## Message",
        _paragraphs(clew.Message),
        "## Capacity",
        _paragraphs(clew.Capacity),
        "## Tolerates",
        _paragraphs(clew.Tolerates),
        "## System",
        _paragraphs(clew.System),
        _paragraphs(clew.Role),
        "## Invariant",
        _paragraphs(clew.Invariant),
        *_entries("", clew.Invariant),
        _paragraphs(clew.Violation),
        "# What a workload declares",
        _paragraphs(clew.Workload),
        "## Operations",
        _entry("@operation", operation),
        _paragraphs(clew.Draw),
        _entry("draw.unique", clew.Draw.unique),
        "## What it may override",
        *_entries("", clew.Workload),
        "## Checks",
        _paragraphs(clew.Check),
        _paragraphs(clew.Anomaly),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def operations_of(workload: type[clew.Workload]) -> str:
    """The operations of a workload: their messages, and their values in a history."""
    rows = [
        (
            code(f) + _nature(each),
            _shapes(each.request),
            _shapes(each.reply),
            _pattern(each.value),
            _pattern(each.result),
        )
        for f, each in workload.operations.items()
    ]
    return table(("operation", "request", "reply", "argument", "result"), rows)


def _nature(each: Declared) -> str:
    """What an operation's declaration says of asking it again."""
    if each.readonly:
        return " (reads only)"
    if each.idempotent:
        return " (idempotent)"
    return "" if each.repeatable else " (not repeatable)"


def _shapes(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{code(name)}: {in_words(shape)}" for name, shape in fields.items())


def _pattern(pattern: Any) -> str:
    return code(_value(pattern))


def _value(pattern: Any) -> str:
    if isinstance(pattern, tuple):
        return f"[{', '.join(map(_value, pattern))}]"
    return "null" if pattern is None else str(pattern)


def services_page() -> str:
    """The services that a node may call by name."""
    parts = [
        "# Services",
        _clean(services.__doc__),
        'A node calls a service as it calls a peer: `await self.rpc("lin-kv", {...})`.',
    ]
    for name, service in services.SERVICES.items():
        handlers = [
            (code(member.clew_message_type), _asked(member), _text(member))
            for _, member in _members(service)
            if hasattr(member, "clew_message_type")
        ]
        told = _clean(service.__doc__).partition("\n\nAttributes:")[0]
        parts += [f"## {name}", told, table(("request", "its fields", "what it does"), handlers)]
    return "\n\n".join(parts) + "\n"


def _asked(handler: Callable[..., Any]) -> str:
    """The fields of a request that a handler looks at."""
    source = inspect.getsource(handler)
    found = re.findall(r'(?:field\(msg, |msg\.body\.get\()"(\w+)"', source)
    return ", ".join(map(code, dict.fromkeys(found)))


def _codes() -> Iterable[tuple[int, tuple[str, bool]]]:
    return ERROR_CODES.items()


def _members(owner: type) -> list[tuple[str, Any]]:
    """The public members of a class and its bases, the bases first, in the order of the source."""
    found: dict[str, Any] = {}
    for base in reversed(owner.__mro__[:-1]):
        found |= {name: each for name, each in vars(base).items() if not name.startswith("_")}
    return list(found.items())


def _is_value(member: Any) -> bool:
    return isinstance(member, property | Given)


def _entries(owner: str, described: type) -> list[str]:
    prefix = f"{owner}." if owner else ""
    return [
        _entry(f"{prefix}{name}", getattr(described, name))
        for name, member in _members(described)
        if inspect.isfunction(member) or isinstance(member, classmethod)
    ]


def _entry(name: str, function: Callable[..., Any]) -> str:
    """A function with its parameters and its docstring."""
    signature = inspect.signature(function)
    parameters = [each for each in signature.parameters.values() if each.name != "self"]
    plain = signature.replace(
        parameters=[each.replace(annotation=each.empty) for each in parameters],
        return_annotation=inspect.Signature.empty,
    )
    return f"### `{name}{plain}`\n\n{_paragraphs(function)}"


def _attributes(owner: type) -> str:
    text = _paragraphs(owner)
    return text.partition("\n\n")[2]


def _text(member: Any) -> str:
    return " ".join(_clean(member.__doc__).split())


def _clean(text: str | None) -> str:
    cleaned = inspect.cleandoc(text or "")
    return re.sub(r"``([^`]+)``", r"`\1`", cleaned)


def _paragraphs(described: Any) -> str:
    """A docstring as Markdown: its sections as lists."""
    lines = []
    for block in re.split(r"\n\n", _clean(described.__doc__)):
        head, _, rest = block.partition("\n")
        if re.fullmatch(r"(Args|Attributes|Raises)( \(.*\))?:", head):
            items = re.split(r"\n(?=\S)", inspect.cleandoc(rest))
            listed = "\n".join("- " + _item(item) for item in items)
            lines.append(f"{head}\n\n{listed}")
        elif head.startswith("Returns"):
            lines.append(f"{head} {' '.join(rest.split())}")
        elif block.startswith("    "):
            lines.append(f"```python\n{inspect.cleandoc(block)}\n```")
        else:
            lines.append(block)
    return "\n\n".join(lines)


def _item(item: str) -> str:
    name, colon, meaning = " ".join(item.split()).partition(": ")
    return (
        f"`{name}`: {meaning}"
        if colon and re.fullmatch(r"[\w, *]+", name)
        else f"{name}{colon}{meaning}"
    )
