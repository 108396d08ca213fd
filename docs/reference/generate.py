"""Print the reference from the tables: python docs/reference/generate.py writes the pages here.

What a table can't say, such as what a figure means, stands in the literal tables below; a test
holds them to the code, and the pages to this program.
"""

# ruff: noqa: INP001 - a program, no module

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from clew.checkers.infer import RULES
from clew.checkers.registry import ALIASES
from clew.checkers.table import CHECKERS
from clew.checkers.transactions.consistency_models import MODELS as CONSISTENCY
from clew.checkers.transactions.lattice import ANOMALIES, standing
from clew.formats import FORMATS, READINGS
from clew.models.registry import MODELS, bugs_of
from clew.node.node import ERROR_CODES
from clew.node.tolerates import MILD
from clew.scenarios.options.asserts import FIGURES, SERIES
from clew.scenarios.options.scenario import scenario_class
from clew.scenarios.options.schema import SCHEMA_FILE, made_text
from clew.scenarios.options.table import declared
from clew.scenarios.runs.client import ELSEWHERE
from clew.sim.faults import GROUPS, KINDS, PLANNED
from clew.sim.faults.injection import NEEDS
from clew.sim.faults.targets import SYMBOLS
from clew.sim.latency import SHAPES
from clew.sim.topology import TOPOLOGIES
from clew.workloads import workloads as shipped_workloads

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from events import trace  # noqa: E402 - the pages' own parts lie beside
from inputs import commands, flags, scenario  # noqa: E402
from node_api import node_api, operations_of, services_page  # noqa: E402
from outside import outside  # noqa: E402
from tables import code, table  # noqa: E402

PROMISE = {
    # an argument of Tolerates: what it says
    "nodes": "the fewest nodes with which it works, or a pair of the fewest and the most",
    "latency": "the longest mean latency of a link with which it makes progress, seconds",
    "clock_error": "how far a node's clocks may be off, either way, seconds, whatever faults do to "
    "them; 0: there are no clock faults in a swarm; None: no bound; `--clock-error` says otherwise",
    "faults": "a tuple of the kinds and families of faults that it recovers from; None: all that "
    "its code can feel",
}


def options() -> str:
    """The options of a test."""
    rows = []
    for name, one in declared(scenario_class()).items():
        option = one.option
        flag = "MODEL" if name == "model" else f"--{name.replace('_', '-')}"
        default = "" if name == "model" else option.default or _default(one.default)
        shown = code(flag) if flag in {"MODEL", *flags("test")} else "none"
        rows.append((shown, code(name), default, f"{option.meaning} {option.more}".strip()))
    return f"""# Options of a test

A flag of `clew test`, or a key of a scenario file in TOML; where both are there the flag counts.
Times are virtual seconds, latencies milliseconds. Names and defaults are Maelstrom's where it has
the option.

{table(("flag", "in a file", "default", "meaning"), rows)}

## Latency distributions

{table(("name", "meaning"), ((code(name), text) for name, text in SHAPES.items()))}

## Topologies

{table(("name", "meaning"), ((code(name), text) for name, text in TOPOLOGIES.items()))}
"""


def _default(value: Any) -> str:
    if value in {None, (), ""}:
        return "none"
    if isinstance(value, bool):
        return "no"
    return code(",".join(value) if isinstance(value, tuple) else value)


def faults() -> str:
    """The kinds of fault."""
    kinds = [
        (code(name), kind.summary, kind.bites, kind.least_nodes, ", ".join(kind.aims) or "all")
        for name, kind in KINDS.items()
    ]
    planned = [(code(name), kind.summary, kind.bites) for name, kind in PLANNED.items()]
    groups = [(code(name), ", ".join(map(code, kinds))) for name, kinds in GROUPS.items()]
    parameters = [
        (code(name), code(p.name), p.unit, code(p.default), p.summary)
        for name, kind in (KINDS | PLANNED).items()
        for p in kind.parameters
    ]
    needs = [
        (need, meaning, ", ".join(code(n) for n, kind in KINDS.items() if kind.needs == need))
        for need, meaning in NEEDS.items()
    ]
    promise = [
        (code(name), code(getattr(MILD, name)), meaning) for name, meaning in PROMISE.items()
    ]
    return f"""# Faults

`--nemesis` takes kinds and families, with commas between them, or `all`. A plan holds at least one
of each that was asked for, and each reports what it did. What a fault did is what a node could
notice: messages lost, a clock read while it was wrong, data gone. A cut through which nothing was
sent did nothing, whatever its shape.

Where a kind that was asked for by name did nothing, a valid run is unknown, and says what to do. A
kind that the nodes can't notice for certain, such as a partition where no code of theirs sends
anything to another node, is refused before anything runs. `--allow-inert` (`allow_inert = true` in
a file) takes both: Gossip Glomers' unique ids under partitions is `glomers-2-unique-ids`.

## Families

{table(("family", "kinds"), groups)}

## Kinds

"It bites by" says what is counted; "aims" are whom a plan may draw as its target.

{table(("kind", "what it does", "it bites by", "least nodes", "aims"), kinds)}

Only plans that were made small hold these; no seed draws them:

{table(("kind", "what it does", "it bites by"), planned)}

## Targets

{table(("target", "who"), ((code(name), text) for name, text in SYMBOLS.items()))}

Any other word is a server state that a node tells, such as `leader`. Node ids may be named too.

## Parameters

{table(("kind", "parameter", "unit", "default", "meaning"), parameters)}

## What they need of a node

{table(("need", "meaning", "kinds"), needs)}

## What a node class tolerates

A class may state what it promises to withstand:

```python
from clew import Node, Tolerates


class Locks(Node):
    tolerates = Tolerates(nodes=3, latency=0.05, clock_error=0.01)
```

A swarm draws within it, and progress after healing is asked for within it only; a run outside says
so in a remark. Answers must be right everywhere. What is left out, and a class that states nothing,
is as mild as the defaults; what a command line or a scenario asks of such a class by name is meant.

{table(("argument", "default", "meaning"), promise)}
"""


def workloads() -> str:
    """The workloads."""
    rows = [
        (
            code(name),
            ", ".join(map(code, shipped_workloads()[name].functions)),
            shipped_workloads()[name].summary,
            "yes" if shipped_workloads()[name].final_reads else "no",
            "each node" if shipped_workloads()[name].every_node else "the cluster",
        )
        for name in shipped_workloads()
    ]
    parts = [
        f"## {name}\n\n{_paragraphs(each.__doc__)}\n\n{operations_of(each)}"
        for name, each in shipped_workloads().items()
    ]
    body = "\n\n".join(parts)
    return f"""# Workloads

What clients ask, and what must hold of the answers. "Final reads" are asked of each node at the
end. "Progress" says who must complete operations after healing: each node that healed, or the
cluster. There a node may refuse them with a definite error, such as "not the leader", and its
clients go to another; see [protocol.md](protocol.md). One that answers nothing has not healed, nor
has a function of which no request is answered.

{table(("workload", "functions", "what must hold", "final reads", "progress"), rows)}

{body}
"""


def _paragraphs(text: str | None) -> str:
    return "\n".join(line.strip() for line in (text or "").strip().splitlines()).replace("``", "`")


def protocol() -> str:
    """The error codes."""
    elsewhere = ", ".join(map(str, sorted(ELSEWHERE)))
    rows = [
        (code, name, "yes" if definite else "no") for code, (name, definite) in ERROR_CODES.items()
    ]
    return f"""# The wire protocol

Nodes speak Maelstrom's protocol: a message is one JSON object with `src`, `dest` and `body`; a body
has a `type`, perhaps a `msg_id`, and in a reply `in_reply_to`. See
[Maelstrom's own description](https://github.com/jepsen-io/maelstrom/blob/main/doc/protocol.md).

An error reply is `{{"type": "error", "in_reply_to": 7, "code": 11, "text": "..."}}`. A definite
error says that the operation did not happen: the client's operation is `fail`. After any other
nobody knows: it is `info`, except that what only reads may always fail.

Where not every node must serve its clients (see [workloads.md](workloads.md)), a client goes on at
another node after an error that says "not here": one of the codes {elsewhere}, or any with a field
`leader` that names a node, as in `{{"type": "error", "code": 11, "leader": "n3"}}` or
`raise RPCError(11, leader="n3")`. With the field it goes to that node, else to the next one. It
asks its next operation there, under a new process number: a session does not span nodes. Eight
operations later it asks its own node again: what followers say must be right as well. A client
whose node does not answer stays.

A reply that reaches a node, of type `error` or one that ends in `_ok`, where nothing waits for it
and no handler takes it, is a remark of the run; with `--strict-replies` it is a finding. So is any
message that says `in_reply_to` where its receiver, a node or a client, never made that request, and
a second reply to one request, unless the network copied messages in the run. One that comes after
its receiver has given up is late, and nobody's fault.

{table(("code", "name", "definite"), [*rows, ("1000 and up", "the node's own", "no")])}
"""


def models() -> str:
    """The models that ship, and their planted bugs."""
    rows = [(code(name), code(entry.workload), entry.summary) for name, entry in MODELS.items()]
    parts = [_bugs(name) for name in MODELS if bugs_of(name)]
    body = "\n\n".join(parts)
    return f"""# Models and planted bugs

{table(("model", "workload", "what it is"), rows)}

A planted bug is a small override of a model: `clew test MODEL --bug NAME`. Its own options stand
where none are given.

{body}
"""


def _bugs(model: str) -> str:
    rows = [
        (code(name), bug.summary, _options_of(bug.scenario), bug.source)
        for name, bug in bugs_of(model).items()
    ]
    return f"## {model}\n\n{table(('bug', 'what is wrong', 'its options', 'source'), rows)}"


def _options_of(scenario: Any) -> str:
    return ", ".join(
        f"{name.replace('_', '-')} {','.join(v) if isinstance(v, list | tuple) else v}"
        for name, v in scenario.items()
    )


def _words(text: str) -> str:
    return ", ".join(map(code, text.split()))


def _kinds() -> dict[tuple[str, str], list[str]]:
    """The kinds of anomaly with their meanings, and the checkers that may find them."""
    found: dict[tuple[str, str], list[str]] = {}
    for entry in CHECKERS.values():
        for each in () if isinstance(entry.kinds, str) else entry.meanings.items():
            found.setdefault(each, []).append(entry.name)
    return found


def checkers() -> str:
    """The checkers."""
    rows = [
        (
            code(entry.name),
            entry.summary,
            ", ".join(code(option.name) for option in entry.said) or "none",
            entry.complexity,
            entry.source,
        )
        for entry in CHECKERS.values()
    ]
    settings = [
        (code(entry.name), code(option.name), option.meaning)
        for entry in CHECKERS.values()
        for option in entry.said
    ]
    kinds = [
        (", ".join(map(code, names)), code(kind), meaning)
        for (kind, meaning), names in _kinds().items()
    ]
    left_out = [
        (code(entry.name), entry.leaves_out) for entry in CHECKERS.values() if entry.leaves_out
    ]
    formats = [(code(name), text) for name, (_, text) in FORMATS.items()]
    guesses = [
        (_words(sign.needs), _words(sign.allows) or "none", sign.because, code(entry.name))
        for entry, sign in RULES
    ]
    return f"""# Checkers

`clew check FILE --model NAME[:KEY=VALUE]`. Complexity is time, in the number n of operations.

{table(("checker", "a valid history", "options", "complexity", "source"), rows)}

## Their options

The default stands last.

{table(("checker", "option", "meaning"), settings)}

## What INVALID may show

The kinds of anomaly, but for those of `list-append`, `rw-register` and `closed-predicate`, which
stand below.

{table(("checker", "kind", "meaning"), kinds)}

## What VALID leaves out

{table(("checker", "not judged"), left_out)}

## What a history must hold

`list-append` and `rw-register` need unique writes: of the transactions that did not fail one writes
each value to a key, once, and in `rw-register` none writes the one that keys begin with. Else
nobody knows whose write a read saw, and the file is refused (exit status 64) with the line and the
value that is written again.

Where no transaction committed, no read showed an element or no poll returned a message, nothing
was tested: the verdict is UNKNOWN (exit status 2). The objects in the first row of the table above
are VALID then, as every order explains a history without answers.

## Other names

{table(("name", "checker"), [(code(name), code(to)) for name, to in ALIASES.items()])}

## Without --model

The first row that fits is the guess, which is shown with the verdict. Its functions are one of the
first column at least, and besides them those of the second; the values must be as the third says.
Registers that show 0 before it is written, and nothing else, are taken to begin with 0. In Jepsen's
EDN a completed read of nil is one whose value was not recorded, which is told as well.

{table(("functions", "and perhaps", "the history has", "guess"), guesses)}

## Formats

A file's format is recognised by its content. It may be a gzip archive, whatever its name is; `-` is
standard input.

{table(("format", "what it is"), formats)}

What else a file may hold, or lack:

{table(("in the file", "how it is read"), READINGS.items())}

{anomalies()}
"""


def anomalies() -> str:
    """Which models each kind of anomaly rules out, and what each model forbids."""
    of_kinds = [
        (row.name, row.meaning, *map(", ".join, (row.implies, weakest)), row.source)
        for row in ANOMALIES
        for weakest in [standing([row.name]).weakest]
    ]
    of_models = [
        (row.name, *map(", ".join, (row.aliases, row.forbids, row.implies)),
         "yes" if row.decided else "no", row.source)
        for row in CONSISTENCY
    ]  # fmt: skip
    return f"""# Anomalies and consistency models

## Anomalies

{table(("anomaly", "what it is", "is also", "weakest models it rules out", "source"), of_kinds)}

## Consistency models

A model forbids what it adds and what every model that it implies forbids. A model that is not
decided is only known to be broken when a weaker one is; it is never said to stand.

{table(("model", "other names", "forbids besides", "implies", "decided", "source"), of_models)}"""


JSON = {
    # a field of a run's object: what it says
    "model": "the model, as it was named",
    "bug": "the planted bug, or null",
    "workload": "what the clients asked; null where the worker was lost, unless it was named",
    "scenario": "the scenario file, or the name of a shipped one; null where it came from flags",
    "seed": "the seed",
    "verdict": "`valid`, `invalid` or `unknown`",
    "signature": "the way of failing: equal texts, equal ways; empty for a valid run",
    "digest": "of the trace; empty where the worker was lost",
    "virtual_seconds": "how long the run took in its own time",
    "wall_seconds": "how long it took here",
    "events": "what happened in the run: deliveries, timers and the like",
    "messages": "all messages that were sent",
    "checks": "a list of `name`, `verdict` and `reason`",
    "faults": "a list of what each fault was and did; `bit` counts its effects",
    "remarks": "sentences worth knowing that count in no verdict",
    "statistics": "the figures above, nested",
    "repro": "the repro file, or null",
}

JSON_SOMETIMES = {
    "deterministic": "true or false where the run was made again, as each that is invalid",
    "resumed": "true for a seed that was not run again",
}

JSON_MET = {
    # a field of the object of a scenario with an expectation: what it says
    "scenario": "as above",
    "model": "as above",
    "bug": "as above",
    "runs": "how many there were",
    "expect": "what was expected",
    "met": "`valid` where that was shown, `invalid` where not, `unknown` where nobody knows",
    "reason": "why, in a sentence",
}


def figures() -> str:
    """The figures of a run, and the objects that `clew test --json` prints."""
    rows = _fields(FIGURES)
    return f"""# Figures of a run

`clew test --json` prints them under `statistics`, and `--assert 'PATH < NUMBER'` holds a run to
them; the comparisons are `<`, `<=`, `>`, `>=`, `==` and `!=`.

{table(("path", "meaning"), rows)}

Some are lists, with a number for each window of the run. No condition can speak of them:

{table(("path", "meaning"), _fields(SERIES))}

## What `--json` prints

`clew test --json` prints one object per line and run, in the order of the seeds:

{table(("field", "meaning"), _fields(JSON))}

Some have more. That of a seed that was not run again lacks its workload, checks and statistics;
that of a seed whose worker was lost has no times, counts, faults and statistics.

{table(("field", "meaning"), _fields(JSON_SOMETIMES))}

After the runs follows an object for each scenario that says what to expect:

{table(("field", "meaning"), _fields(JSON_MET))}
"""


def _fields(meanings: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(code(name), text) for name, text in meanings.items()]


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "options.md": options,
    "scenario.md": scenario,
    "faults.md": faults,
    "workloads.md": workloads,
    "protocol.md": protocol,
    "models.md": models,
    "checkers.md": checkers,
    "figures.md": figures,
    "trace.md": trace,
    "outside.md": outside,
    "node-api.md": node_api,
    "services.md": services_page,
}


def index() -> str:
    """The list of the pages."""
    rows = [(f"[{name}]({name})", (page.__doc__ or "").strip()) for name, page in PAGES.items()]
    return f"""# Reference

Printed from the tables in the code by `python docs/reference/generate.py`; don't edit by hand.

{table(("page", "what it lists"), rows)}
"""


def pages() -> dict[str, str]:
    """Every page by name."""
    return {name: page() for name, page in PAGES.items()} | {"README.md": index()}


def main() -> None:
    """Write the pages beside this program, and the schema into the package."""
    SCHEMA_FILE.write_text(made_text(), encoding="utf-8")
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(pages())} pages in {HERE}\n")


if __name__ == "__main__":
    main()
