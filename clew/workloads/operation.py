"""An operation of a workload, declared once: messages, value, how it is drawn and simplified.

    @operation(request={"key": int, "value": Scalar}, value=("key", "value"))
    def write(self, draw):
        return [draw.stream.below(4), draw.unique()]

A *pattern* says how fields appear in a history: the name of a field is its value, a tuple is a
list, a dict is an object, None is null. ``("key", ("from", "to"))`` is ``[key, [from, to]]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias, TypeVar

from clew.errors import WorkloadError
from clew.machine.text import shown
from clew.workloads.picks import PICKS, Pick
from clew.workloads.shapes import Shape, Test, in_words, is_shape, list_of, test_of

Pattern: TypeAlias = Any
Method = TypeVar("Method", bound=Callable[..., Any])


class Renamed(Enum):
    """What the shrinker may do with a field whose values are only names.

    Attributes:
        KEY: what an operation is on: one for all operations if one does, else the least.
        FRESH: a value that no other operation writes: the least numbers, in order.
    """

    KEY = "key"
    FRESH = "fresh"


KEY, FRESH = Renamed.KEY, Renamed.FRESH


@dataclass(eq=False)
class Declared:
    """What a workload declares about one operation.

    Attributes:
        f: the function's name in the history, and the request's type.
        request: the request's fields and their shapes.
        reply: the fields of the reply, whose type is the function's name and ``_ok``.
        value: the pattern of the operation's argument.
        result: the pattern of its result, of the fields of both messages.
        planned: the shape of the argument as a plan has it; `...` if it is the pattern's.
        readonly: True if it may always ``fail``, because it changes nothing.
        idempotent: True if asking twice is the same as asking once.
        repeatable: False if it must not be asked again once it may have taken effect.
        weight: how often it is drawn, relative to the others.
        answers: the pattern of the result that an error of this code is.
        simpler: by field of the request, what the shrinker tries: `KEY`, `FRESH`, or a value.
        draw: the method that draws the argument.
        role: the role of a system that it goes to; None for the one that the system names.
        pick: how a client picks the node that it goes to, see `clew.workloads.picks`; None for the
            default.
        is_argument: whether a plan may have a value as the argument.
        fill: makes the argument from the request's fields.
        answer: makes the result from an argument and its reply.

    What follows from patterns and shapes is made once, since each operation uses it.
    """

    f: str
    request: Mapping[str, Shape]
    reply: Mapping[str, Shape]
    value: Pattern
    result: Pattern
    planned: Shape
    readonly: bool
    weight: int
    answers: Mapping[int, Pattern]
    simpler: Mapping[str, Any]
    draw: Callable[..., Any]
    idempotent: bool = False
    repeatable: bool = True
    role: str | None = None
    pick: Pick | None = None

    def __post_init__(self) -> None:
        """Check what the rest relies on, and make what follows from the declaration."""
        _check(self)
        self.fill, self._take, test, self._words = _form(self.value, self.request)
        self.is_argument = test if self.planned is ... else test_of(self.planned)
        self.answer = self._make_answer()
        self._answers = {code: _form(one, self.request).fill for code, one in self.answers.items()}
        self._reply_type = f"{self.f}_ok"
        self._replied = [(name, test_of(shape)) for name, shape in self.reply.items()]

    def fields(self, value: Any) -> dict[str, Any]:
        """Return the request's fields of an argument."""
        found: dict[str, Any] = {}
        self._take(value, found)
        return found

    def body(self, value: Any) -> dict[str, Any]:
        """Make the request for an argument, without its ``msg_id``."""
        body: dict[str, Any] = {"type": self.f}
        self._take(value, body)
        return body

    def is_reply(self, reply: Mapping[str, Any]) -> bool:
        """Return whether a message is the reply, with fields of their shapes."""
        if reply.get("type") != self._reply_type:
            return False
        for name, test in self._replied:  # noqa: SIM110 - twice the time of a loop
            if name not in reply or not test(reply[name]):
                return False
        return True

    def _make_answer(self) -> Callable[[Any, Mapping[str, Any]], Any]:
        """Make the function that makes the result, in the shortest way that its pattern allows."""
        if not self.reply and self.result == self.value:
            return lambda value, _: value
        fill, names = _form(self.result, {**self.request, **self.reply}).fill, [*self.reply]
        if all(name in names for name in names_in(self.result)):
            return lambda _, reply: fill(reply)
        return lambda value, reply: fill(
            {**self.fields(value), **{name: reply[name] for name in names}}
        )

    def answer_of(self, value: Any, code: int) -> Any:
        """Return the result that an error of this code is; None if it is just an error."""
        if code not in self._answers:
            return None
        return self._answers[code](self.fields(value))

    def argument_words(self) -> str:
        """Put the argument's form in words."""
        return self._words if self.planned is ... else in_words(self.planned)


def operation(
    f: str | None = None,
    *,
    request: Mapping[str, Shape] | None = None,
    reply: Mapping[str, Shape] | None = None,
    value: Pattern = ...,
    result: Pattern = ...,
    planned: Shape = ...,
    readonly: bool = False,
    idempotent: bool = False,
    repeatable: bool = True,
    weight: int = 1,
    answers: Mapping[int, Pattern] | None = None,
    simpler: Mapping[str, Any] | None = None,
    role: str | None = None,
    pick: Pick | None = None,
) -> Callable[[Method], Method]:
    """Declare an operation of a workload; the method below draws its argument.

    Args:
        f: the function's name, if it is not the method's.
        request: the request's fields and their shapes, besides its type.
        reply: the reply's fields and their shapes; it may have others.
        value: the pattern of the argument: by default null without fields, the field itself if
            there is one, and an object of them if there are several.
        result: the pattern of the result: by default the reply's fields in the same way, and the
            argument if the reply has none.
        planned: the shape of what is drawn, if `Workload.resolve` makes the argument from it.
        readonly: True if it changes nothing: then one without an answer surely did not happen.
        idempotent: True if nodes promise that it happens once even if it is requested twice,
            whatever comes in between: its argument carries an id, or it adds to a set. A client
            that retries it then has one operation in the history, otherwise one for each request.
        repeatable: False if a client must not retry it as long as an earlier request may have taken
            effect: its checker needs values that are written once.
        weight: how often it is drawn: its share of the sum of all weights.
        answers: which error codes are answers, each with the pattern of the result.
        simpler: what the shrinker tries for a field of the request: `KEY`, `FRESH` or a value.
        role: in a system of several kinds of node, the role that it goes to; if None, the one that
            the system's ``asks`` names, or any node.
        pick: how a client picks the node: ``sticky`` (the default), ``any``, ``region`` or
            ``redirected``, see `clew.workloads.picks`; ``--client-picks`` overrides it.

    Raises:
        TypeError: `f` is no text, as in a bare ``@operation``.
        WorkloadError: a shape, a pattern or a weight can't be used.
    """
    if not isinstance(f, str | None):
        raise TypeError(
            '@operation stands with parentheses, as in @operation() or @operation("read")'
        )

    def declare(method: Method) -> Method:
        name = f or method.__name__
        fields, answer = dict(request or {}), dict(reply or {})
        argument = _pattern(fields) if value is ... else value
        outcome = (_pattern(answer) if answer else argument) if result is ... else result
        method.clew_operation = Declared(  # type: ignore[attr-defined]
            name, fields, answer, argument, outcome, planned, readonly, weight,
            dict(answers or {}), dict(simpler or {}), method, idempotent, repeatable, role, pick,
        )  # fmt: skip
        return method

    return declare


def _check(made: Declared) -> None:
    """Check that a declaration is what the rest relies on."""
    code = getattr(made.draw, "__code__", None)
    where = f"{code.co_filename}:{code.co_firstlineno}" if code else made.f
    whole = [] if made.planned is ... else [("planned", made.planned)]
    for name, shape in [*made.request.items(), *made.reply.items(), *whole]:
        if not isinstance(name, str) or not is_shape(shape):
            raise WorkloadError(
                f"the field {name!r} of the operation {made.f!r} can't be used",
                where=where,
                expected="a name and a type, such as int, str, list[int] or object",
                found=shown(shape, 200),
            )
    both = {**made.request, **made.reply}
    patterns = [("value", made.value, made.request), ("result", made.result, both)]
    patterns += [("answers", pattern, made.request) for pattern in made.answers.values()]
    patterns += [("simpler", {name: name for name in made.simpler}, made.request)]
    for part, pattern, known in patterns:
        unknown = [name for name in names_in(pattern) if name not in known]
        if unknown:
            raise WorkloadError(
                f"{part!r} of the operation {made.f!r} names no field",
                where=where,
                expected=f"some of {', '.join(known)}" if known else "None: there is no field",
                found=shown(unknown[0], 200),
            )
    if made.role is not None and not isinstance(made.role, str):
        expected, found = "the name of a role, or None", shown(made.role, 200)
        raise WorkloadError("'role' can't be used", where=where, expected=expected, found=found)
    if made.pick is not None and made.pick not in PICKS:
        expected, found = f"one of {', '.join(PICKS)}, or None", shown(made.pick, 200)
        raise WorkloadError("'pick' can't be used", where=where, expected=expected, found=found)
    if type(made.weight) is not int or made.weight < 0:
        expected, found = "an integer from 0", shown(made.weight, 200)
        raise WorkloadError("'weight' can't be used", where=where, expected=expected, found=found)


def _pattern(fields: Mapping[str, Shape]) -> Pattern:
    """Read null for no field, the field itself for one, an object for several."""
    if len(fields) > 1:
        return {name: name for name in fields}
    return next(iter(fields), None)


def names_in(pattern: Pattern) -> Iterator[Any]:
    """Yield the fields that a pattern names, in order."""
    if isinstance(pattern, tuple):
        for part in pattern:
            yield from names_in(part)
    elif isinstance(pattern, dict):
        for part in pattern.values():
            yield from names_in(part)
    elif pattern is not None:
        yield pattern


class _Form(NamedTuple):
    """A pattern, made into functions.

    Attributes:
        fill: gives the value with these fields.
        take: puts the fields of a value into a dict, in the pattern's order; it raises if the value
            has no such form.
        test: whether a value has this form, with fields of their shapes.
        words: what it is, in words.
    """

    fill: Callable[[Mapping[str, Any]], Any]
    take: Callable[[Any, dict[str, Any]], None]
    test: Test
    words: str


def _form(pattern: Pattern, shapes: Mapping[str, Shape]) -> _Form:
    """Make the form of a pattern whose fields have these shapes."""
    if isinstance(pattern, tuple):
        return _list_form(pattern, [_form(part, shapes) for part in pattern])
    if isinstance(pattern, dict):
        return _object_form({name: _form(part, shapes) for name, part in pattern.items()})
    if pattern is None:
        return _Form(lambda _: None, lambda _, __: None, test_of(None), "null")

    def take(value: Any, into: dict[str, Any]) -> None:
        into[pattern] = value

    return _Form(itemgetter(pattern), take, test_of(shapes[pattern]), in_words(shapes[pattern]))


def _list_form(pattern: tuple[Pattern, ...], parts: list[_Form]) -> _Form:
    test, words = list_of([part.test for part in parts]), ", ".join(part.words for part in parts)
    if len(parts) > 1 and all(isinstance(part, str) for part in pattern):
        values = itemgetter(*pattern)  # only fields, as in most patterns: this is done in C
        return _Form(
            lambda fields: [*values(fields)],
            lambda value, into: into.update(zip(pattern, value, strict=True)),
            test,
            f"[{words}]",
        )

    def take(value: Any, into: dict[str, Any]) -> None:
        for part, item in zip(parts, value, strict=True):
            part.take(item, into)

    return _Form(lambda fields: [part.fill(fields) for part in parts], take, test, f"[{words}]")


def _object_form(named: dict[str, _Form]) -> _Form:
    def take(value: Any, into: dict[str, Any]) -> None:
        for name, part in named.items():
            part.take(value[name], into)

    def test(value: Any) -> bool:
        same = isinstance(value, dict) and value.keys() == named.keys()
        return same and all(part.test(value[name]) for name, part in named.items())

    words = ", ".join(f"{name}: {part.words}" for name, part in named.items())
    return _Form(
        lambda fields: {name: part.fill(fields) for name, part in named.items()},
        take,
        test,
        f"{{{words}}}",
    )
