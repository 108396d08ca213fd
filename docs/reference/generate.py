"""Print the reference from the tables: python docs/reference/generate.py writes the pages here.

What the code's tables don't hold, such as what a figure means, is in the literal tables below; a
test compares them with the code, and the pages with this program.
"""

# ruff: noqa: INP001 - a program, no module

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
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
from clew.scenarios.plans.triggers import ACTS
from clew.scenarios.runs.client import ELSEWHERE
from clew.sim.faults import GROUPS, KINDS, PLANNED
from clew.sim.faults.injection import NEEDS, Injection
from clew.sim.faults.targets import SYMBOLS
from clew.sim.latency import SHAPES
from clew.sim.regions import PRESETS, Preset
from clew.sim.topology import TOPOLOGIES
from clew.sim.trigger import EVENTS, Trigger
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
    "them; 0: a swarm has no clock faults; None: no bound; `--clock-error` overrides it",
    "faults": "a tuple of the kinds and families of faults that it recovers from; None: all that "
    "its code can notice",
    "also": "a tuple of kinds that few withstand, and this class does: `disk-restored`; "
    "`partition-standing`, under which progress is required with `--liveness partial`",
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
    presets = [
        (code(name), each.summary, ", ".join(map(code, _named(each))), each.source)
        for name, each in PRESETS.items()
    ]
    return f"""# Options of a test

A flag of `clew test`, or a key of a scenario file in TOML; if both are given, the flag counts.
Times are virtual seconds, latencies milliseconds. Names and defaults are Maelstrom's if it has the
option.

{table(("flag", "in a file", "default", "meaning"), rows)}

## Latency distributions

{table(("name", "meaning"), ((code(name), text) for name, text in SHAPES.items()))}

## Latencies between regions

Half of a round trip is the latency one way. Where no other is named, the first counts.

{table(("name", "meaning", "regions", "source"), presets)}

## Topologies

{table(("name", "meaning"), ((code(name), text) for name, text in TOPOLOGIES.items()))}
"""


def _named(preset: Preset) -> list[str]:
    """The regions of a preset, and which of them the short names mean."""
    short = {long: each for each, long in preset.short.items()}
    long = [name for name in preset.known if name not in preset.short]
    return [f"{name} ({short[name]})" if name in short else name for name in long]


def _default(value: Any) -> str:
    if value in {None, (), ""}:
        return "none"
    if isinstance(value, bool):
        return "no"
    return code(",".join(value) if isinstance(value, tuple) else value)


def _aims(kind: type[Injection]) -> str:
    regions = sum(parameter.region for parameter in kind.parameters)
    return ("", "a region", "two regions")[regions] or ", ".join(kind.aims) or "all"


TRIGGER = {
    "event": "what happens: one of those above",
    "name": "the type of the message, the server state, the field or the timer; empty for any, `?` "
    "for one that is drawn when the fault is armed, from those that the run has had",
    "node": "where: a node's id, or a role after a colon, as in `:shard`; null for any node",
    "count": "the fault strikes at so many-th of these events since it was armed, counted over all "
    "nodes that `node` means",
    "lasts_ns": "how long it lasts once it has struck, ns",
    "delay_ns": "how much later it strikes, ns",
}
"""What each field of a trigger means."""


def faults() -> str:
    """The kinds of fault."""
    kinds = [
        (code(name), kind.summary, kind.bites, kind.least_nodes, _aims(kind))
        for name, kind in KINDS.items()
    ]
    planned = [(code(name), kind.summary, kind.bites) for name, kind in PLANNED.items()]
    groups = [(code(name), ", ".join(map(code, kinds))) for name, kinds in GROUPS.items()]
    apart = ", ".join(code(name) for name, kind in KINDS.items() if kind.apart)
    parameters = [
        (code(name), code(p.name), p.unit, code(p.default), p.summary)
        for name, kind in (KINDS | PLANNED).items()
        for p in kind.parameters
    ]
    triggers = [
        (
            code(each.name),
            "none" if each.default is MISSING else code(json.dumps(each.default)),
            TRIGGER[each.name],
        )
        for each in fields(Trigger)
    ]
    acts = "\n".join(f"- {' and '.join(map(code, act))}" for act in ACTS)
    needs = [
        (need, meaning, ", ".join(code(n) for n, kind in KINDS.items() if kind.needs == need))
        for need, meaning in NEEDS.items()
    ]
    promise = [
        (code(name), code(getattr(MILD, name)), meaning) for name, meaning in PROMISE.items()
    ]
    return f"""# Faults

`--nemesis` takes kinds and families, with commas between them, or `all`. A plan holds at least one
of each requested kind, and each fault reports what it did. What a fault did is what a node could
notice: messages lost, a clock read while it was wrong, data gone. A cut through which nothing was
sent did nothing, whatever its shape.

If a kind that was requested by name did nothing, an otherwise valid run is unknown, and the report
says what to do. A kind that the nodes certainly can't notice, such as a partition of nodes whose
code sends nothing to other nodes, is refused before anything runs. `--allow-inert`
(`allow_inert = true` in a file) allows both: Gossip Glomers' unique ids under partitions is
`glomers-2-unique-ids`.

## Families

{table(("family", "kinds"), groups)}

These are drawn only where they are asked for by name: {apart}. `all`, `--swarm` and the
names of families that have others are without them. `disk-restored` takes back what a sync has
promised, which most protocols do not survive, Raft among them: only a class meets it that says
`tolerates = Tolerates(also=("disk-restored",))`, and for others it is refused.

`--nemesis message` strikes the messages of one type and no others; the type is drawn
once for each fault, when it strikes, from those that nodes have sent each other so far, and its
report names it. Half of these faults last until healing. `--nemesis echo,kill` keeps some messages
of each type for each receiver, and sends them again when it restarts or changes its server state.
What comes late comes through cuts and restarts, as from an old network.

## Kinds

"It bites by" is what is counted as its effect; "aims" are the targets that a plan may draw.

{table(("kind", "what it does", "it bites by", "least nodes", "aims"), kinds)}

Only shrunk plans hold these; no seed draws them:

{table(("kind", "what it does", "it bites by"), planned)}

## Targets

{table(("target", "who"), ((code(name), text) for name, text in SYMBOLS.items()))}

Any other word is a server state that a node tells, such as `leader`. Node ids may be named too.
Each of these words may name a role of a system after a colon, and a region after an `@`:
`minority:shard`, `all@eu`, `leader:controller@us`. Then only the nodes of that role count, and only
those in that region: `minority:shard@eu` is fewer than half of the shards of `eu`.

On the command line and in scenario files the kind comes first, and the word after a `=`, if it is
not to be drawn:

| `--nemesis` | what is killed |
| --- | --- |
| `kill` | a drawn target of the kind, such as a minority |
| `kill:shard` | the same, of the shards |
| `kill@eu` | the same, of the nodes in `eu` |
| `kill:shard@eu` | the same, of the shards in `eu` |
| `kill=minority:shard@eu` | each time a minority of the shards in `eu` |
| `kill=leader:controller` | each time the controller that leads |

A kind without a target of its own, such as `partition-halves:shard@eu`, concerns the links between
these nodes; a region that stands with a fault of regions is the one that it names
(`region-kill:shard@eu`). A role or a region that does not exist, or an aim that no node can ever
fit, is refused. In a swarm, a seed whose numbers of nodes leave nobody to strike draws no such
fault. `trigger` takes a role and a region in the same way, and so does the `node` of a trigger in a
plan: `:shard@eu`.

If only some roles of a system can feel a kind (`slow` where a role calls `work()`, a fault of disks
where it writes), a fault of it that names no role is aimed at one of these.

## Triggers

A fault of a plan may wait for something (`when`) instead of striking at a time. It is armed from
its `at_ns` to its `until_ns`, strikes when that happens, once, and lasts `lasts_ns` from then on;
healing ends it. Its target is the node where it happened unless it names another. Several faults
that wait for the same thing strike the same node at once: a clock that jumps, and a cut.

{table(("event", "when the fault strikes"), ((code(n), text) for n, text in EVENTS.items()))}

{table(("field", "default", "meaning"), triggers)}

A fault strikes in the middle of the node's code where that is what it waits for: a `kill` at the
first `send` of a handler leaves the others unsent, and what the handler would have done after that
is not done. Code that runs is not held up by a `pause` that strikes in the middle of it; all that
comes later is. With a delay, and where a node joins or leaves, the node's code runs to its next
wait first.

`--nemesis trigger` draws such faults: first the event, evenly, then a name, from those that the run
has had when the fault is armed; in half of the cases it is the first such event that counts.
`trigger:shard` waits for nodes of a role. `all` and `--swarm` have none of them unless asked for by
name. If what a fault waits for never happens, it did nothing, and says so. What they do:

{acts}

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

A swarm draws within these limits, and progress after healing is required only within them; a run
outside them has a remark. Answers must be right everywhere. What a class leaves out, or all of it
for a class that states nothing, is as mild as the defaults; they do not limit what a command line
or a scenario requests by name.

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

What clients request, and what must hold of the answers. "Final reads" are requested from each node
at the end. "Progress" says who must complete operations after healing: each node that healed, or
the cluster. In a cluster a node may refuse them with a definite error, such as "not the leader",
and its clients go to another node; see [protocol.md](protocol.md). A node that answers nothing has
not healed, nor has a function of which no request is answered.

With `--retries` an operation that only reads, or is idempotent, stays one operation of the history
however often it is requested. One that is not repeatable is not requested again once it may have
happened; any other is another operation then.

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
error nobody knows: the operation is `info`, except that one that only reads may always fail.

If not every node must serve its clients (see [workloads.md](workloads.md)), a client moves to
another node after an error that says "not here": one of the codes {elsewhere}, or any with a field
`leader` that names a node, as in `{{"type": "error", "code": 11, "leader": "n3"}}` or
`raise RPCError(11, leader="n3")`. With the field it goes to that node, otherwise to the next one.
It sends its next operation there, under a new process number: a session does not span nodes. Eight
operations later it returns to its own node: what followers answer must be right as well. A client
whose node does not answer stays.

A real process is told of its cluster by `init`, with `node_id` and `node_ids`. In a system of
several kinds of node a field `roles` may name the nodes of each role, as in
`"roles": {{"cache": ["cache1", "cache2"], "store": ["store1"]}}`.

A reply (of type `error`, or of a type that ends in `_ok`) that reaches a node where nothing waits
for it and no handler takes it is a remark of the run; with `--strict-replies` it is a finding. So
is any message whose `in_reply_to` names a request that its receiver, a node or a client, never
made, and so is a second reply to one request, unless the network copied messages in the run. A
reply that comes after its receiver has given up is late, and nobody's fault.

{table(("code", "name", "definite"), [*rows, ("1000 and up", "the node's own", "no")])}
"""


def models() -> str:
    """The models that ship, and their planted bugs."""
    rows = [(code(name), code(entry.workload), entry.summary) for name, entry in MODELS.items()]
    parts = [_bugs(name) for name in MODELS if bugs_of(name)]
    body = "\n\n".join(parts)
    return f"""# Models and planted bugs

{table(("model", "workload", "what it is"), rows)}

A planted bug is a small override of a model: `clew test MODEL --bug NAME`. Its own options apply
unless others are given.

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

The last value listed is the default.

{table(("checker", "option", "meaning"), settings)}

## What INVALID may show

The kinds of anomaly, except for those of `list-append`, `rw-register` and `closed-predicate`, which
are below.

{table(("checker", "kind", "meaning"), kinds)}

## What VALID leaves out

{table(("checker", "not judged"), left_out)}

## What a history must hold

`list-append` and `rw-register` need unique writes: among the transactions that did not fail, only
one writes each value to a key, once, and in `rw-register` none writes the value that keys begin
with. Otherwise nobody knows whose write a read saw, and the file is refused (exit status 64) with
the line and the value that is written again.

If no transaction committed, no read showed an element or no poll returned a message, nothing was
tested: the verdict is UNKNOWN (exit status 2). The objects in the first row of the table above are
then VALID, because every order explains a history without answers.

## Other names

{table(("name", "checker"), [(code(name), code(to)) for name, to in ALIASES.items()])}

## Without --model

The first row that fits is the guess, which is shown with the verdict. A history fits if its
functions include at least one of the first column, and otherwise only those of the second, and its
values are as the third says. Registers that show 0, and nothing else, before it is written are
taken to begin with 0. In Jepsen's EDN a completed read of nil is one whose value was not recorded,
which is reported as well.

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
decided is known to be broken only when a weaker one is; it is never reported as holding.

{table(("model", "other names", "forbids besides", "implies", "decided", "source"), of_models)}"""


JSON = {
    # a field of a run's object: what it says
    "model": "the model, as it was named",
    "bug": "the planted bug, or null",
    "workload": "the workload; null if the worker was lost, unless it was named",
    "scenario": "the scenario file, or the name of a shipped one; null if it came from flags",
    "seed": "the seed",
    "verdict": "`valid`, `invalid` or `unknown`",
    "signature": "the way of failing, equal for runs that fail in the same way; empty for a valid "
    "run",
    "digest": "of the trace; empty if the worker was lost",
    "virtual_seconds": "how long the run took in its own time",
    "wall_seconds": "how long it took here",
    "events": "what happened in the run: deliveries, timers and the like",
    "messages": "all messages that were sent",
    "checks": "a list of `name`, `verdict` and `reason`",
    "faults": "a list of the faults and what each did; `bit` counts its effects",
    "remarks": "sentences worth knowing that change no verdict",
    "statistics": "the figures above, nested",
    "repro": "the repro file, or null",
}

JSON_SOMETIMES = {
    "deterministic": "true or false if the run was repeated, as each invalid one is",
    "resumed": "true for a seed that was not run again",
}

JSON_MET = {
    # a field of the object of a scenario with an expectation: what it says
    "scenario": "as above",
    "model": "as above",
    "bug": "as above",
    "runs": "how many there were",
    "expect": "what was expected",
    "met": "`valid` if it was shown, `invalid` if not, `unknown` if nobody knows",
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

Some objects have more. The object of a seed that was not run again lacks its workload, checks and
statistics; that of a seed whose worker was lost has no times, counts, faults and statistics.

{table(("field", "meaning"), _fields(JSON_SOMETIMES))}

After the runs there is an object for each scenario that says what to expect:

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
