"""One recorded history judged: read, its model found, checked."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from clew.checkers.entry import CheckerEntry
from clew.checkers.keys import of_each_key
from clew.checkers.registry import find, parse_model
from clew.checkers.values import key_of
from clew.checkers.verdict import Anomaly, Budget, Checker, Result, Verdict, run_checker
from clew.errors import ClewError, HistoryError, UsageError
from clew.formats.completions import invoked_at_once
from clew.formats.reader import read_history
from clew.history import History, Operation
from clew.machine import wall

if TYPE_CHECKING:
    from clew.checkers.infer import Guess


class Seconds(NamedTuple):
    """Wall seconds of each step, which add up to the whole.

    Attributes:
        read: reading the file.
        pair: pairing completions with their invocations.
        verdict: finding the model and the verdict.
        explain: finding the evidence, where that comes after the verdict.
    """

    read: float = 0.0
    pair: float = 0.0
    verdict: float = 0.0
    explain: float = 0.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found about one file.

    Attributes:
        file: the path as it was given.
        model: the checker, with the options it was given.
        inferred: one sentence on why that model, if none was named; otherwise None.
        result: what the checker says; its anomalies carry the evidence.
        operations: how many client operations the file holds.
        seconds: what it took.
        kept: the operations, if the question wanted them kept; else none.
    """

    file: str
    model: str
    inferred: str | None
    result: Result
    operations: int
    seconds: Seconds
    kept: tuple[Operation, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``clew check --json`` prints, with JSON values only."""
        return {
            "file": self.file,
            "model": self.model,
            "inferred": self.inferred,
            "verdict": self.result.verdict.value,
            "reason": self.result.reason,
            "engine": self.result.engine,
            "seconds": self.seconds._asdict(),
            "operations": self.operations,
            "statistics": _plain(dict(self.result.statistics)),
            "anomalies": [_anomaly(each) for each in self.result.anomalies],
        }


def _anomaly(anomaly: Anomaly) -> dict[str, Any]:
    return {
        "kind": anomaly.kind,
        "reason": anomaly.reason,
        "operations": [_operation(each) for each in anomaly.operations],
        "data": _plain(dict(anomaly.data)),
    }


def _operation(operation: Operation) -> dict[str, Any]:
    return {name: _plain(value) for name, value in operation._asdict().items()}


def _plain(value: Any) -> Any:
    """Return a value with JSON's types alone: a key that is no string becomes its text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


class Question(NamedTuple):
    """How to judge files.

    Attributes:
        model: ``NAME[:KEY=VALUE]`` of `clew.checkers.registry`; None infers it.
        options: more options of that checker, as texts.
        budget_seconds: wall seconds for each file; None for no bound.
        steps: steps of the checker for each file; None for `STEPS`, or for no bound where there is
            one in seconds.
        keeps: whether judgements come with the operations of their files.
    """

    model: str | None
    options: Mapping[str, str]
    budget_seconds: float | None
    steps: int | None
    keeps: bool = False

    def budget(self) -> Budget:
        """Make the budget for the check of one file."""
        if self.steps is None and self.budget_seconds is None:
            return Budget()
        return Budget(self.budget_seconds, self.steps)

    def refuse(self) -> None:
        """Refuse an unknown checker, an option that it does not have, or one given twice."""
        if self.model is None:
            return
        name, own = parse_model(self.model)
        twice = next((option for option in self.options if option in own), None)
        if twice is not None:
            raise UsageError(
                f"{twice} is said twice",
                where=f"--model {self.model}",
                expected=f"it in --model or in --{twice}",
                found="both",
            )
        find(name).make(own | dict(self.options))


def _judge(file: str, question: Question) -> Judgement:
    try:
        return _read_and_check(file, question)
    except MemoryError:
        return undecided(file, question, "There was not enough memory.")


def _read_and_check(file: str, question: Question) -> Judgement:
    started = wall.seconds()
    recorded = read_history(file)
    read = wall.seconds()
    history = invoked_at_once(recorded)
    with _frozen():
        operations = history.operations
        paired = wall.seconds()
        if not operations:
            raise HistoryError(
                "the history holds no operation of a client",
                where=file,
                expected="operations whose process is a number",
                found="only others, such as the nemesis",
            )
        inferred = None
        model = question.model
        if model is None:
            model, inferred = _inferred(history, recorded)
        name, own = parse_model(model)
        said = own | dict(question.options)
        note = _nil_note(history, name, said)
        options = {"nil-reads": "any"} | said if note else said
        checker = _suited(find(name), options, history)
        try:
            result = run_checker(checker, history, question.budget())
        except HistoryError as error:
            error.where = error.where or file
            raise
        if history.timeless:
            from clew.checkers.transactions.judgement import without_order  # noqa: PLC0415 - seldom

            result = without_order(result)
        for each in filter(None, (note, _answers_note(history))):
            result = replace(result, reason=f"{result.reason} {each}")
    explain = result.explain_seconds
    seconds = Seconds(read - started, paired - read, wall.seconds() - paired - explain, explain)
    kept = tuple(operations) if question.keeps else ()
    return Judgement(file, model, inferred, result, len(operations), seconds, kept)


def _inferred(history: History, recorded: History) -> Guess:
    """Guess the model; if that fails, missing invocations are reported first.

    Raises:
        HistoryError: there is none.
    """
    from clew.checkers.infer import infer  # noqa: PLC0415 - not where a model is named

    try:
        return infer(history)
    except HistoryError:
        assert recorded.operations is not None  # it raises where an invocation is missing
        raise


def _suited(entry: CheckerEntry, options: Mapping[str, str], history: History) -> Checker:
    """Return a row's checker for this history: key by key if there are keys and it has none.

    Raises:
        HistoryError: an operation is none that the checker judges, or only some have a key.
    """
    known = entry.functions.split()
    strange = next((each for each in history.operations if known and each.f not in known), None)
    if strange is not None:
        raise HistoryError(
            f"the checker {entry.name} knows no operation {strange.f}",
            where=history.place(strange.invoked),
            expected=f"one of {', '.join(known)}",
            found=strange.f,
            fix="Choose the checker of the object that was tested with --model",
        )
    if history.timeless:
        _refuse_an_order(entry, options, history)
    checker = entry.make(options)
    keyed = None if "keyed" not in options else options["keyed"] == "true"
    return of_each_key(checker, history, keyed=keyed) if entry.one_object else checker


def _refuse_an_order(entry: CheckerEntry, options: Mapping[str, str], history: History) -> None:
    """Refuse to judge an order that completions alone do not show."""
    # Few histories are like that.
    from clew.checkers.transactions.consistency_models import resolve_models  # noqa: PLC0415
    from clew.checkers.transactions.lattice import order_of  # noqa: PLC0415

    what, fix = entry.name, "Record invocations too"
    if entry.timeless:
        if all(option.name != "consistency-models" for option in entry.options):
            return
        asked = options.get("consistency-models", "strict-serializable").split(",")
        models = resolve_models([name.strip() for name in asked if name.strip()])
        what = next((model for model in models if order_of(model) != "none"), "")
        if not what:
            return
        fix += ", or name a model without such an order, as --consistency-models serializable"
    raise HistoryError(
        f"{what} needs the order of operations, and the history holds completions alone",
        where=history.place(0),
        expected="an invoke before each ok, fail or info",
        found="no invoke at all",
        fix=fix,
    )


def _nil_note(history: History, name: str, said: Mapping[str, str]) -> str:
    """Say what reads of nil in Jepsen's EDN mean; empty if they are read as they are.

    Knossos, for which such files are made, takes a completed read of nil as one whose value was not
    recorded, and so does Clew there, and says so; elsewhere nil is a value like any other.
    """
    if history.format != "edn" or "nil-reads" in said:
        return ""
    if all(option.name != "nil-reads" for option in find(name).options):
        return ""
    nil = sum(each.type == "ok" and _unrecorded(each) for each in history.operations)
    if not nil:
        return ""
    return (
        f"Completed reads of nil, {nil} of them, fit every state, as Knossos reads Jepsen's EDN; "
        f"{name}:nil-reads=value takes nil for a value."
    )


def _answers_note(history: History) -> str:
    """Say what counts where changes were answered with another value; empty if none was."""
    other = sum(
        each.type == "ok"
        and each.f in _ECHOED
        and each.result is not None
        and key_of(each.result) != key_of(each.argument)
        for each in history.operations
    )
    if not other:
        return ""
    return (
        f"What was asked counts, not the value of the answer, which is another one in {other} of "
        "the operations."
    )


_ECHOED = frozenset({"write", "enqueue", "push"})
"""Functions whose answer nobody reads, and which is usually the request's own value."""


def _unrecorded(operation: Operation) -> bool:
    """Return whether this reads nil, also of a key, or as one of several in one operation."""
    result = operation.result
    if isinstance(result, list) and any(_reads_nil(part) for part in result):
        return True
    keyed = isinstance(result, list) and len(result) == len(("key", "value"))
    return operation.f == "read" and (result is None or (keyed and result[1] is None))


def _reads_nil(part: object) -> bool:
    """Return whether this is ``["r", key, null]``."""
    return isinstance(part, list) and part[:1] in (["r"], ["read"]) and part[2:] == [None]


@contextmanager
def _frozen() -> Iterator[None]:
    """Exempt what has been read from the collector: no pass visits the events again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def undecided(file: str, question: Question, reason: str) -> Judgement:
    """Return UNKNOWN, for a reason that is not in the history."""
    model = question.model or ""
    return Judgement(file, model, None, Result(model, Verdict.UNKNOWN, reason), 0, Seconds())


def judged(file: str, question: Question) -> Judgement | ClewError:
    """Return the judgement on a file, or the error that it gave."""
    try:
        return _judge(file, question)
    except ClewError as error:
        return error
