"""Fresh processes at a low price: a server under another hash seed, which forks for each run.

The server has imported Clew and no user code, and has run nothing itself, so each fork of it is as
fresh as a new interpreter, without the time that one takes to start. If a system can't fork, each
run gets a new interpreter.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from marshal import dumps, loads
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, Self

from clew.machine.hashing import VARIABLE, hash_seed
from clew.machine.processes import die_with_parent
from clew.models.registry import MODELS
from clew.scenarios.code.gate import as_json, from_json, standing_by
from clew.scenarios.code.models import load_model
from clew.scenarios.plans.plan import Plan, trusted_plan
from clew.scenarios.runs.alone import Difference, Part, alone, parts_of
from clew.scenarios.runs.run import simulate
from clew.trace.record import Trace
from clew.workloads import workloads

_LENGTH_BYTES = 8
_LAST_SECONDS = 1.0
_TRIES = 2
"""A server may be killed from outside; a run that ends two of them is itself to blame."""


class FreshRun(NamedTuple):
    """What a plan gave in a fresh process.

    Attributes:
        same: True if its digest is the expected one.
        trace: what happened instead; None if the digest is the same or the run did not end.
        failure: why there was no run at all: the last line of what the process said.
        alone: the first difference of a node alone; None for none, or if the run differs anyway.
    """

    same: bool
    trace: Trace | None = None
    failure: str = ""
    alone: Difference | None = None


class _Server:
    """The server process, and the two pipes to it.

    Args:
        environ: the environment that it starts in.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the server
        # A group of its own: Ctrl-C is for the process that the user started.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
            _python("forks", "serve(int(sys.argv[2]))", str(os.getpid())),
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            bufsize=0,
            process_group=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout

    def ask(self, request: bytes) -> None:
        """Send it a request; if it has died, its silence will show it."""
        with suppress(OSError):
            _send(self._requests.fileno(), request)

    def answer(self) -> bytes | None:
        """Wait for its answer, see `_compared`; None if it died."""
        return _receive(self._answers.fileno())

    def last_words(self) -> str:
        """Return why it, or its last fork, has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_SECONDS)
        self._said.seek(0)
        return _last_line(self._said.read())

    def close(self) -> None:
        """End it."""
        self._said.close()
        with suppress(OSError):
            self._requests.close()
        self._answers.close()
        self._process.kill()
        self._process.wait()


class FreshRuns:
    """Runs in fresh processes; a context, whose server starts with the first run.

    Args:
        hash_seed: of the fresh processes; None for one that differs from this process's.
    """

    def __init__(self, hash_seed: int | None = None) -> None:
        self._environ = _environ(hash_seed)
        self._lock = Lock()
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the server now, so that it is ready when the first run is."""
        if hasattr(os, "fork"):
            self._started()

    def _started(self) -> _Server:
        self._server = self._server or _Server(self._environ)
        return self._server

    def close(self) -> None:
        """End the server."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def run(self, plan: Plan, digest: str) -> FreshRun:
        """Run a plan in a fresh process; ``digest`` is the expected one.

        The process has this one's current folder, environment and path.
        """
        with self.asked(plan, digest) as answer:
            return answer()

    @contextmanager
    def asked(self, plan: Plan, digest: str) -> Iterator[Callable[[], FreshRun]]:
        """Have a plan run in a fresh process, as `run`, while this one does something else.

        The yielded function waits for the answer; call it once.
        """
        if not hasattr(os, "fork"):
            yield lambda: _in_an_interpreter(plan, digest, self._environ)
            return
        standing = {"folder": str(Path.cwd()), "path": sys.path, "environ": dict(os.environ)}
        told = {"plan": plan.to_json(), "digest": digest, "gate": as_json(), **standing}
        request = json.dumps(told).encode()
        with self._lock:
            answered = False

            def answer() -> FreshRun:
                nonlocal answered
                answered = True
                return self._answer(request)

            self._started().ask(request)
            try:
                yield answer
            finally:
                if not answered:
                    self.close()  # its answer would be taken for the next request's

    def _answer(self, request: bytes) -> FreshRun:
        """Wait for the fresh process's answer to a request."""
        failure = ""
        # A server that died without an answer may have been killed from outside: the next one is
        # asked the same. If that dies too, the run is to blame.
        for rest in reversed(range(_TRIES)):
            server = self._started()
            answer = server.answer()
            if answer is not None:
                traced, found = loads(answer)  # noqa: S302 - our own bytes
                trace = Trace.load(traced) if traced else None
                return FreshRun(
                    trace is None, trace, alone=None if found is None else Difference(*found)
                )
            failure = server.last_words()
            self.close()
            if rest:
                self._started().ask(request)
        return FreshRun(same=False, failure=failure)


@lru_cache(maxsize=1)
def fresh_runs_of(_process: int) -> FreshRuns:
    """Return the one server that a process, `os.getpid()`, compares all its runs with.

    A forked process has one of its own.
    """
    runs = FreshRuns()
    atexit.register(_close, runs, os.getpid())
    return runs


def _close(runs: FreshRuns, process: int) -> None:
    if os.getpid() == process:
        runs.close()


def _environ(seed: int | None) -> dict[str, str]:
    """Make the environment of a process with a hash seed; None for one other than this one's."""
    if seed is None:
        seed = 2 if hash_seed() == 1 else 1
    return {**os.environ, VARIABLE: str(seed)}


_CALL = "import sys; sys.path.append(sys.argv[1]); from clew.search import {0}; {0}.{1}"
_PARENT = str(Path(__file__).resolve().parents[2])


def _python(module: str, call: str, *arguments: str) -> list[str]:
    """Write the command of a fresh interpreter that calls a function of `clew.search`.

    The current folder, which holds the user's files, is not on its path: one may be called
    ``random.py``. Clew's own folder comes last, for a Clew that is not installed.
    """
    return [sys.executable, "-P", "-c", _CALL.format(module, call), _PARENT, *arguments]


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _in_an_interpreter(plan: Plan, digest: str, environ: dict[str, str]) -> FreshRun:
    with tempfile.TemporaryDirectory(prefix="clew-verify-") as folder:
        planned, traced = Path(folder) / "plan.json", Path(folder) / "trace"
        planned.write_text(json.dumps(plan.to_json()), encoding="utf-8")
        files = str(planned), str(traced), json.dumps(as_json())
        done = subprocess.run(  # noqa: S603 - our own interpreter, our own module
            _python("verification", "main(*sys.argv[2:])", *files),
            env=environ,
            check=False,
            capture_output=True,
        )
        if done.returncode != 0 or not traced.is_file():
            return FreshRun(same=False, failure=_last_line(done.stderr))
        trace = Trace.load(traced.read_bytes())
    return FreshRun(same=True) if trace.close() == digest else FreshRun(same=False, trace=trace)


def _send(pipe: int, message: bytes) -> None:
    data = memoryview(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
    while data:
        data = data[os.write(pipe, data) :]


def _receive(pipe: int) -> bytes | None:
    """Wait for a message; None at the end of the pipe."""
    head = _read(pipe, _LENGTH_BYTES)
    return None if head is None else _read(pipe, int.from_bytes(head, "big"))


def _read(pipe: int, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        part = os.read(pipe, min(count - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)


def serve(parent: int) -> None:
    """Answer requests from stdin on stdout, each in a fork, until stdin ends: the server."""
    die_with_parent(parent)
    requests, answers, complaints = os.dup(0), os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # what a node prints was printed by its first run
        os.dup2(nowhere, standard)
    # numpy may have started threads; none of them holds a lock that a fork needs.
    warnings.simplefilter("ignore", DeprecationWarning)
    gc.freeze()  # so that no fork has to copy what it never changes
    server = os.getpid()
    # Invariant: this process has run nothing of a user's; what it imported is Clew's own.
    while (request := _receive(requests)) is not None:
        asked = json.loads(request)
        model = asked["plan"]["model"]
        warm(model["name"], model["bug"])
        child = os.fork()
        if child == 0:
            _answer_and_exit(asked, answers, complaints, server)
        if os.waitpid(child, 0)[1] != 0:
            return  # half an answer may be in the pipe; its end shows that


def warm(model: str, bug: str | None) -> None:
    """Import everything that runs of a model need, except users' files."""
    if model in MODELS:
        load_model(model, bug)
    workloads()


class _InAFork(Exception):  # noqa: N818 - it carries another's words
    """What a fork of this process raised."""


def _compared(asked: dict[str, Any]) -> bytes:
    """Answer a request: a trace, empty for the expected digest, and a difference.

    The latter is what a node alone does differently. This process runs nothing itself, so that each
    of its forks has run nothing before.
    """
    plan = trusted_plan(asked["plan"])

    def gated(function: Callable[[], Any]) -> Any:
        with standing_by(from_json(asked["gate"])):
            return function()

    model = gated(lambda: load_model(plan.model.name, plan.model.bug))

    def ran() -> tuple[bytes, list[bytes]]:
        run = simulate(plan, model, lives=True)
        if run.digest != asked["digest"]:
            return run.trace.dump(), []
        # Packed, they take a fifth of the memory here, and each fork unpacks its own alone.
        return b"", [dumps(tuple(part), 2) for part in parts_of(run, model)]

    told, parts = _in_a_fork(lambda: gated(ran))
    found = None
    # Each life in a fork of its own; the first that differs is enough.
    for packed in parts:
        found = _in_a_fork(lambda: gated(lambda: alone(Part(*loads(packed)), plan, model)))  # noqa: B023, S302
        if found is not None:
            break
    return dumps((told, found), 2)


def _in_a_fork(function: Callable[[], Any]) -> Any:
    """Return what a function gives in a fork of this process, as `marshal` can carry it.

    This process ends if the fork ends without a word.

    Raises:
        _InAFork: the function raised, with what.
    """
    readable, writable = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(readable)
        status = 1
        try:
            die_with_parent(parent)
            given = function()
            _send(writable, dumps((True, tuple(given) if isinstance(given, tuple) else given), 2))
            status = 0
        except BaseException as error:  # noqa: BLE001 - reported by the process that asked
            _send(writable, dumps((False, _words(error)), 2))
        finally:
            os._exit(status)
    os.close(writable)
    answer = _receive(readable)
    os.close(readable)
    os.waitpid(child, 0)
    if answer is None:
        os._exit(1)
    good, given = loads(answer)  # noqa: S302 - our own bytes
    if not good:
        raise _InAFork(given)
    return given


def _answer_and_exit(asked: dict[str, Any], answers: int, complaints: int, server: int) -> None:
    status = 1
    try:
        die_with_parent(server)
        os.chdir(asked["folder"])
        sys.path[:] = asked["path"]
        os.environ.clear()
        os.environ.update(asked["environ"])
        _send(answers, _compared(asked))
        status = 0
    except BaseException as error:  # noqa: BLE001 - reported by the process that asked
        os.write(complaints, _words(error).encode())
    finally:
        os._exit(status)


def _words(error: BaseException) -> str:
    """Put in words an error of this process, or of a fork of it, which has done so already."""
    return str(error) if isinstance(error, _InAFork) else f"{type(error).__name__}: {error}"
