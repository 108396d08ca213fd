"""What clients request from a cluster, and what must hold of the answers.

A workload is one class: what it promises, its operations (`clew.workloads.operation`), what a
client does besides sending requests, and its checks. Nothing else knows its name.
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import accumulate
from types import NoneType, UnionType
from typing import Any, ClassVar, NamedTuple

from clew.checkers.registry import find, parse_model
from clew.checkers.verdict import Anomaly, Budget, Checker, Result, Verdict
from clew.errors import WorkloadError
from clew.history import History
from clew.machine.text import shown
from clew.sim.entropy import Stream
from clew.workloads.operation import Declared
from clew.workloads.options import own_options
from clew.workloads.shapes import Shape, fits, in_words

TIMEOUT_NS = 5_000_000_000
"""When a client gives up, by default."""


class Malformed(Exception):  # noqa: N818 - told as a finding
    """A reply that is not what the protocol says; the message says what was expected."""


class Request(NamedTuple):
    """What a client requests: the function and its argument, as in the history."""

    f: str
    value: Any = None


class Draw(NamedTuple):
    """What a generator needs to draw one operation.

    Attributes:
        stream: this operation's own draws.
        client: the client's rank.
        number: how many operations of this client come before.
    """

    stream: Stream
    client: int
    number: int

    def unique(self) -> int:
        """Return an integer that no other operation of the plan gets, small enough to read."""
        return self.client + 1 + 1000 * (self.number + 1)


class Check(NamedTuple):
    """A check of a history.

    Attributes:
        by: a checker as ``clew check --model`` names it, such as ``bank:total=100``; or your own
            function, which takes the history and yields each `Anomaly` in it; or a class with a
            ``name`` and ``check(history, budget)``.
        broken: what its failure means, as a clause.
        name: its name in reports; if empty, the checker's own.
    """

    by: Any
    broken: str = "what the workload promises does not hold"
    name: str = ""


@dataclass(frozen=True, slots=True)
class FunctionCheck:
    """A checker made from a function that finds what is wrong in a history.

    Attributes:
        name: the word in the report.
        find: takes the history, yields the anomalies in it; none for a valid one.
    """

    name: str
    find: Callable[[History], Iterable[Anomaly]]

    def check(self, history: History, budget: Budget) -> Result:
        """Return INVALID if an anomaly was found."""
        budget.spend(len(history.operations))
        found = tuple(self.find(history) or ())
        strange = next((one for one in found if not isinstance(one, Anomaly)), None)
        if strange is not None:
            raise WorkloadError(
                f"the check {self.name!r} gives what it can't",
                expected="each a clew.Anomaly(kind, reason, operations)",
                found=shown(strange, 200),
            )
        if not found:
            reason = f"Nothing is wrong in {len(history.operations)} operations."
            return Result(self.name, Verdict.VALID, reason)
        more = "" if len(found) == 1 else f" ({len(found) - 1} more)"
        return Result(self.name, Verdict.INVALID, found[0].reason + more, found)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The surroundings of a workload: facts that are not options.

    Attributes:
        functions: the functions that the model answers; None for all.
        nodes: the replicas that are alive at the end, for final reads; None for all.
        effects: rank of an operation's effect mark by operation number; empty for none.
    """

    functions: tuple[str, ...] | None = None
    nodes: tuple[str, ...] | None = None
    effects: Mapping[int, int] = field(default_factory=dict)


class Workload:
    """Base class of every workload; one object lives for one run.

    A subclass may declare options of its own, see `clew.workloads.options`: they are flags of
    ``clew test``, keys of scenario files and plans, and attributes of each object.

    Args:
        options: the values of its own options by name; the others have their defaults.
        setting: its surroundings.

    Attributes:
        name: as on the command line.
        summary: what must hold, in one line.
        checks: the checks of the history: each a `Check`, or just what goes into its ``by``.
        setup_types: the types of the messages that `setup` returns; all others have a function's
            name as type.
        final_reads: True if each node is read once more at the end.
        every_node: True if each node must serve its clients; otherwise the cluster must, and a
            client whose node refuses goes to another.
        template: the node that ``clew new`` writes, with ``my_node`` and ``MyNode`` for its names;
            None for one with a handler for each operation.
        template_nemesis: the faults that such a node notices and survives.
        operations: the operations that a class declares, by function; its bases' come first.
        functions: their names.
        readonly: those that may always ``fail``, because they change nothing.
        setting: this object's surroundings.
        memory: what each client remembers, by its rank; empty before its first operation.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    checks: ClassVar[tuple[Any, ...]] = ()
    setup_types: ClassVar[tuple[str, ...]] = ()
    final_reads: ClassVar[bool] = False
    every_node: ClassVar[bool] = False
    template: ClassVar[str | None] = None
    template_nemesis: ClassVar[tuple[str, ...]] = ("partition", "kill")

    operations: ClassVar[Mapping[str, Declared]] = {}
    functions: ClassVar[tuple[str, ...]] = ()
    readonly: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **named: Any) -> None:
        """Collect the operations that the class and its bases declare."""
        super().__init_subclass__(**named)
        found: dict[str, Declared] = {}
        for base in reversed(cls.__mro__):
            for member in vars(base).values():
                declared = getattr(member, "clew_operation", None)
                if isinstance(declared, Declared):
                    found[declared.f] = declared
        cls.operations = found
        cls.functions = tuple(found)
        cls.readonly = frozenset(f for f, declared in found.items() if declared.readonly)

    def __init__(
        self, options: Mapping[str, Any] | None = None, setting: Surroundings | None = None
    ) -> None:
        for name, value in (options or {}).items():
            setattr(self, name, value)
        self.setting = setting or Surroundings()
        self.memory: defaultdict[int, dict[Any, Any]] = defaultdict(dict)
        self._drawn = [
            each for each in self.operations.values() if each.weight and self.asks(each.f)
        ]
        # For shipped workloads, a test checks what they draw against what they declare.
        self._is_users = not type(self).__module__.startswith("clew.")
        self._ranks = [*accumulate(each.weight for each in self._drawn)]

    def asks(self, f: str) -> bool:
        """Return whether a function is requested: the node class must answer it."""
        return self.setting.functions is None or f in self.setting.functions

    # The generator.

    def drawn(self, draw: Draw) -> Request:
        """Return one operation of the plan.

        Raises:
            WorkloadError: its argument is not what the operation declares.
        """
        declared = self._drawn[0]
        if len(self.operations) > 1:
            # Each takes as many of the ranks as its weight.
            declared = self._drawn[bisect(self._ranks, draw.stream.below(self._ranks[-1]))]
        value = declared.draw(self, draw)
        if self._is_users and not declared.is_argument(value):
            raise self._wrong(declared, "draws", declared.argument_words(), value)
        return Request(declared.f, value)

    def final(self) -> tuple[Request, ...]:
        """Return the requests to each node at the end, in order, if `final_reads` is True."""
        return (Request("read"),) if self.asks("read") else ()

    # A client.

    def setup(self, node: str, topology: dict[str, list[str]]) -> dict[str, Any] | None:
        """Return a body that `node` must acknowledge before the first operation, or None."""
        del node, topology
        return None

    def resolve(self, asked: Request, client: int) -> Request | None:
        """Return the request as a client really sends it: what the plan left open is filled in.

        None if the client must not send it now: a lock that it does not hold is not released.
        """
        del client
        return asked

    def request(self, asked: Request) -> dict[str, Any]:
        """Return the body that requests an operation, without its ``msg_id``."""
        declared = self.operations[asked.f]
        try:
            return declared.body(asked.value)
        except (LookupError, TypeError, ValueError, AttributeError):
            wanted = declared.argument_words()
            raise self._wrong(declared, "is asked with", wanted, asked.value) from None

    def result(self, asked: Request, reply: dict[str, Any], client: int) -> Any:
        """Return an operation's result from a reply that is not an error.

        Raises:
            Malformed: the reply is not what the protocol says.
        """
        del client
        declared = self.operations[asked.f]
        if not declared.is_reply(reply):
            raise _malformed(reply, f"{asked.f}_ok", declared.reply)
        return declared.answer(asked.value, reply)

    def answer_of(self, asked: Request, code: int) -> Any:
        """Return the result that this error code stands for; None for a mere error."""
        return self.operations[asked.f].answer_of(asked.value, code)

    def heard(self, asked: Request, kind: str, value: Any, client: int) -> None:
        """Learn how a client's operation ended: ``ok`` with its result, ``fail`` or ``info``."""

    @classmethod
    def timeout_ns(cls, latency_ns: int) -> int:
        """Return when a client gives up, ns, in a network of this mean latency."""
        del latency_ns
        return TIMEOUT_NS

    # The checks.

    def checkers(self) -> Sequence[Checker]:
        """Return the checkers of the history, made from `checks` with what they need of the run.

        Raises:
            WorkloadError: one can't be made.
        """
        return [self._checker(check) for check in self.judged_by()]

    @classmethod
    def judged_by(cls) -> list[Check]:
        """Return the checks, each as a `Check`."""
        return [one if isinstance(one, Check) else Check(one) for one in cls.checks]

    def _checker(self, check: Check) -> Checker:
        if isinstance(check.by, type):
            made: Checker = check.by()
            return made
        if not isinstance(check.by, str):
            return FunctionCheck(check.name or check.by.__name__, check.by)
        model, options = parse_model(check.by)
        entry = find(model)
        given: dict[str, Any] = {}
        known = {option.name for option in entry.said}
        if "nodes" in known:
            given["nodes"] = self.setting.nodes
        for name in own_options(type(self)):
            if name.replace("_", "-") in known:
                given[name] = getattr(self, name)
        if not entry.at and self.setting.effects:
            given["effects"] = self.setting.effects
        if check.name:
            given["name"] = check.name
        return entry.make(options, given)

    def _wrong(self, declared: Declared, does: str, expected: str, found: Any) -> WorkloadError:
        code = getattr(declared.draw, "__code__", None)
        return WorkloadError(
            f"the operation {declared.f!r} of {type(self).__name__} {does} what it can't be",
            where=f"{code.co_filename}:{code.co_firstlineno}" if code else None,
            expected=expected,
            found=shown(found, 200),
        )

    # The template.

    @classmethod
    def template_text(cls) -> str | None:
        """Return the node that ``clew new`` writes; None if the workload brings none."""
        place = files("clew.workloads").joinpath("templates", f"{cls.name}.py.txt")
        if cls.template is None and cls.__module__.startswith("clew.") and place.is_file():
            return place.read_text(encoding="utf-8")
        return cls.template


def _malformed(reply: dict[str, Any], kind: str, fields: Mapping[str, Shape]) -> Malformed:
    """Say what is wrong with a message that is not the reply with a type and fields."""
    found = reply.get("type")
    if found != kind:
        return Malformed(
            f"expected a reply of type {kind!r}, found {shown(found, 200)} in {shown(reply, 1000)}"
        )
    name = next(name for name in fields if name not in reply or not fits(reply[name], fields[name]))
    if name not in reply:
        return Malformed(f"expected the field {name!r} in a {kind}, found {shown(reply, 1000)}")
    return Malformed(
        f"expected {name!r} of a {kind} to be {in_words(fields[name])}, "
        f"found {shown(reply[name], 1000)}"
    )


def held(workload: Workload, method: str, value: Any, kind: type | UnionType, words: str) -> Any:
    """Check that what a workload's method returned is of a kind, and return it.

    Raises:
        WorkloadError: it is something else.
    """
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise WorkloadError(
        f"{method!r} of the workload {type(workload).__name__} returns what it can't",
        expected=words,
        found=shown(value, 200),
    )


def finals(workload: Workload) -> tuple[Request, ...]:
    """Return the requests to each node at the end.

    Raises:
        WorkloadError: one is not a request of the workload's.
    """
    asked = held(workload, "final", workload.final(), tuple | list, "a tuple of Request")
    for one in asked:
        declared = workload.operations.get(one.f) if isinstance(one, Request) else None
        if declared is None or not declared.is_argument(one.value):
            words = f"requests of {', '.join(workload.functions)}, each with its argument"
            held(workload, "final", one, NoneType, words)
    return tuple(asked)
