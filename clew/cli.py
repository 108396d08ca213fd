"""The command line: its commands and flags. The work is in `clew.commands`.

Only typer is imported here, so that ``clew --help`` answers at once; a command's module is
imported when the command runs. Every option of a scenario is taken as text and checked in one
place, `clew.scenarios.options.scenario`, whether it comes from here or from a file.

Exit status: 0 valid, 1 invalid, 2 unknown, 64 bad usage or input, 70 a mistake of Clew's own, 130
interrupted, 143 ended by SIGTERM.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from clew.commands import flags
from clew.commands.execution import answered, execute, flush, refuse
from clew.commands.flags import option
from clew.commands.scenario_command import ScenarioCommand, completed
from clew.errors import EXIT_VALID, UsageError
from clew.machine import supervisor
from clew.machine.hashing import pin
from clew.machine.text import cut, nearest, one_line
from clew.machine.version import __version__
from clew.report.screen import echo, screened

# The base of typer's own complaints about a command line; where it lives depends on its version.
_Complaint: Any = next(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _run(command: str, said: Mapping[str, Any]) -> None:
    """Run a command's module with the options that were given, and end with its exit status."""
    raise typer.Exit(execute(command, said))


def _prepare_fresh_runs() -> None:
    """Start the process that repeats runs while this one imports the rest."""
    from clew.search.forks import fresh_runs_of  # noqa: PLC0415 - not for ``clew --help``

    fresh_runs_of(os.getpid()).start()


def _version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        echo(f"clew {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Start with: clew test raft --nemesis partition,kill --seed 42",
)
def _clew(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A deterministic simulator and checker for distributed systems: one seed is one run."""
    del version  # its callback has done it


@app.command(
    name="test",
    cls=ScenarioCommand,
    short_help="Run a cluster in virtual time and check it.",
    epilog="""Examples:

\b
  clew test raft --nemesis partition,kill,clock --seed 42
  clew test raft --nemesis trigger --nemesis-interval 1 --runs 20
  clew test my_node.py -w g-counter --node-count 3
  clew test raft --bug forgets-vote --runs 200 --report sweep.html
  clew test raft --nemesis all --swarm --for 5m --until-failure
  clew test scenarios/ --junit report.xml
  clew test gossip --topology tree4 --assert 'servers.msgs_per_op < 30'
""",
)
@completed
def run_cluster(**said: Any) -> None:
    """Run clusters in virtual time and check what their clients saw.

    Exit status: 0 valid, 1 invalid, 2 unknown, 64 bad usage or input; with several scenarios, 0 if
    each showed what it expects.
    """
    _prepare_fresh_runs()
    _run("test", said)


@app.command(
    name="hunt",
    cls=ScenarioCommand,
    short_help="Find out whether a system is right, in a given time.",
    epilog="""Examples:

\b
  clew hunt raft --for 2m --report hunt.html
  clew hunt my_node.py --for 30s --nemesis kill,partition
  clew hunt my_node.py --runs 500 --node-count 3 --json
""",
)
@completed
def hunt(**said: Any) -> None:
    """Spend the time on everything that may vary: nodes, rates, orders, and themes of faults.

    Each seed draws what no option states, within what the nodes say they tolerate. It takes two
    minutes if neither --for nor --runs is given, and reports what it tried and reached.

    Exit status: 0 valid, 1 invalid, 2 unknown, 64 bad usage or input; 130 after Ctrl-C, which ends
    it with the report so far.
    """
    _prepare_fresh_runs()
    _run("hunt", said)


@app.command(
    name="replay",
    short_help="Run a failure again, the same run.",
    epilog="""Examples:

\b
  clew replay out/raft-forgets-vote-lin-kv-seed-0/repro.json
  clew replay repro.json --verify
  clew replay repro.json --report run.html
""",
)
def replay(
    file: flags.Repro,
    verify: Annotated[
        bool | None,
        option("--verify", "Run twice more, here and in a fresh process, and compare."),
    ] = None,
    json: flags.Json = None,
    log: Annotated[bool | None, option(*flags.LOG)] = None,
    report: Annotated[Path | None, option(*flags.REPORT)] = None,
    trace: Annotated[Path | None, option(*flags.TRACE)] = None,
    changed_model: flags.ChangedModel = None,
    allow_outside: flags.AllowOutside = None,
) -> None:
    """Run a repro file's plan again: the same run, digest for digest.

    Exit status: that of the verdict; 2 if the run is not the one that the file expects, which shows
    what differs.
    """
    _run("replay", locals())


@app.command(
    name="shrink",
    short_help="Find the smallest story that fails the same way.",
    epilog="""Examples:

\b
  clew shrink out/raft-forgets-vote-lin-kv-seed-0/repro.json
  clew shrink repro.json --max-runs 500 --out small.json
""",
)
def shrink(
    file: flags.Repro,
    runs_max: Annotated[
        str | None, option("--max-runs", "How many runs it may take.", "3000", "N")
    ] = None,
    out: Annotated[
        Path | None,
        option("--out", "Where the smallest plan goes.", "shrunk.json beside FILE", "FILE"),
    ] = None,
    report: Annotated[
        Path | None,
        option("--report", "Where the web page of its run goes.", "report.html beside it", "FILE"),
    ] = None,
    json: flags.Json = None,
    changed_model: flags.ChangedModel = None,
    allow_outside: flags.AllowOutside = None,
) -> None:
    """Leave out of a failing run what is not needed to fail, and print what is left as a story.

    Exit status: 0 if the smallest plan comes out the same in a fresh process, otherwise 2; 130
    after Ctrl-C, which ends it with the best so far.
    """
    _run("shrink", locals())


@app.command(
    name="check",
    short_help="Judge a recorded history.",
    epilog="""Examples:

\b
  clew check history.jsonl
  clew check etcd.log --model cas-register
  clew check store/*/history.edn --model list-append --consistency-models serializable
  clew check history.edn --model register:initial=0 --budget 10s --explain
  clew check history.jsonl --report check.html
""",
)
def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Histories: JSONL, Jepsen's EDN or console log, and others, packed with gzip or "
            "not; - for standard input.",
        ),
    ],
    model: Annotated[
        str | None,
        option(
            "--model",
            "What must hold; see 'clew list checkers'.",
            "inferred from the operations",
            "NAME[:KEY=VALUE]",
        ),
    ] = None,
    consistency_models: Annotated[
        str | None,
        option(
            "--consistency-models",
            "What transactions are held to; see 'clew list consistency-models'.",
            metavar="A,B",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        option(
            "--budget",
            "Time for each file, such as 10s or 2m, after which it is unknown; a slow machine "
            "gets less done.",
            "no bound",
            "TIME",
        ),
    ] = None,
    steps: Annotated[
        str | None,
        option(
            "--steps",
            "Steps that the check of each file may take, after which it is unknown, on every "
            "machine alike.",
            "5000000; no bound with --budget",
            "N",
        ),
    ] = None,
    explain: Annotated[bool | None, option("--explain", "Print the whole story.")] = None,
    dot: Annotated[
        Path | None,
        option("--dot", "Write the first anomaly's graph for Graphviz.", metavar="FILE"),
    ] = None,
    report: Annotated[
        Path | None,
        option(
            "--report",
            "Write a web page: what is wrong in each file as a picture, and its operations.",
            metavar="FILE",
        ),
    ] = None,
    jobs: Annotated[
        str | None,
        option("--jobs", "Worker processes.", "one per CPU, none for little work", "N"),
    ] = None,
    json: Annotated[bool | None, option("--json", "One JSON object per file on stdout.")] = None,
) -> None:
    """Judge histories that were recorded elsewhere; a file's format is recognised by content.

    The order of a file is the order of its events, whatever an index in it says.

    Exit status: 0 valid, 1 invalid, 2 unknown, 64 bad usage or input; the worst of several files.
    """
    _run("check", locals())


@app.command(
    short_help="List models, bugs, workloads, faults, ...",
    name="list",
    epilog="""Examples:

\b
  clew list models
  clew list bugs
  clew list faults --json
""",
)
def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="models, bugs, workloads, faults, checkers, consistency-models, topologies, "
            "scenarios or kinds.",
        ),
    ],
    json: Annotated[bool | None, option("--json", "One JSON object per row on stdout.")] = None,
) -> None:
    """List what Clew knows."""
    _run("list", locals())


@app.command(
    name="schema",
    short_help="Print the JSON schema of scenario files.",
    epilog="""Examples:

\b
  clew schema > scenario.schema.json
  clew schema my_bank.py > scenario.schema.json
""",
)
def schema(
    workloads: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORKLOAD",
            help="Workloads in files, whose options are in it too: file.py or file.py:Class.",
        ),
    ] = None,
) -> None:
    """Print the JSON schema of scenario files, for editors and other tools.

    It has the options of every test, and of the workloads that ship, are installed or are named.
    """
    _run("schema", locals())


@app.command(
    name="new",
    short_help="Write a node, a scenario and a test.",
    epilog="""Examples:

\b
  clew new my_node --workload lin-kv
  clew test my_node.toml
  python -m pytest test_my_node.py
""",
)
def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name for the files, such as my_node.")
    ],
    workload: Annotated[
        str | None,
        option("-w --workload", "What clients ask of it.", "echo, or lin-kv with --roles", "NAME"),
    ] = None,
    roles: Annotated[
        bool | None, option("--roles", "Write a system of two kinds of node: routers and shards.")
    ] = None,
    directory: Annotated[
        Path | None, option("--directory", "Where to write.", "here", "DIR")
    ] = None,
) -> None:
    """Write a node, a scenario and a test to start from: NAME.py, NAME.toml, test_NAME.py."""
    _run("new", locals())


@app.command(
    short_help="Run a node as a real process.",
    name="serve-node",
    epilog="""Examples:

\b
  clew serve-node my_node.py
  maelstrom test -w broadcast --bin ./my_node.sh      # a script with the line above
""",
)
def serve_node(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="file.py, file.py:Class or a shipped model.")
    ],
    disk: Annotated[
        Path | None,
        option("--disk", "Where the node's disk is kept.", "a temporary folder", "DIR"),
    ] = None,
) -> None:
    """Run a node as a real process that speaks the protocol on stdin and stdout."""
    _run("serve_node", locals())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status. What is wrong is one line on stderr."""
    if arguments is None:
        pin()  # a script of another version of Clew may call this
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if arguments is None and given[0] in _SUPERVISED and supervisor.wanted():
        parent = os.getpid()
        ended = supervisor.supervise()
        if isinstance(ended, supervisor.Lost):
            from clew.commands.lost_process import tell_lost  # noqa: PLC0415 - seldom

            with screened():
                return tell_lost(ended, given)
        if ended is not None:
            return ended
        from clew.machine.processes import die_with_parent  # noqa: PLC0415 - the new process alone

        die_with_parent(parent)
    status = answered(given, lambda: _typed(given))
    flush()
    supervisor.done()  # who ends otherwise has no answer
    return status


_SUPERVISED = ("test", "hunt", "replay", "shrink")
"""The commands that run a user's code."""


def _typed(given: Sequence[str]) -> int:
    """Return what typer makes of a command line."""
    try:
        _check_command(given[0])
        _check_encoding(given)
        return int(app(given, prog_name="clew", standalone_mode=False) or EXIT_VALID)
    except _Complaint as bad:
        return refuse(_told(bad))


def _check_encoding(given: Sequence[str]) -> None:
    """Refuse an argument that this system can't encode; older libraries fail over one."""
    for argument in given:
        try:
            os.fsencode(argument)
        except UnicodeEncodeError:
            raise UsageError(
                "an argument is no text of this system", found=ascii(argument)[:200]
            ) from None


def _check_command(name: str) -> None:
    known = [command.name for command in app.registered_commands if command.name]
    if name.startswith("-") or name in known:
        return
    near = nearest(name, known)
    raise UsageError(
        f"there is no command {name!r}",
        expected=f"one of {', '.join(known)}",
        fix=f"Did you mean 'clew {near}'" if near else "See 'clew --help'",
    )


def _told(bad: Any) -> str:
    """Write typer's complaint as one line that says where to look."""
    text = one_line(cut(str(bad.format_message()).strip().rstrip(".")))
    command = bad.ctx.command_path if getattr(bad, "ctx", None) is not None else "clew"
    return f"{text[0].lower()}{text[1:]}. See '{command} --help'."
