"""The rows of the guards' tables: what replaces a name while nodes run.

A table's key is ``module:name`` or ``module:Class.name``. A module that has not been imported is
left out until it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeAlias

from clew.sim.guards.caller import (
    Answer,
    Importing,
    Wrong,
    caller,
    is_importing,
    is_own_code,
    refuse,
)


class Virtual(NamedTuple):
    """A function that the run answers.

    Attributes:
        answer: takes the caller and the call's arguments.
        importing: False if a library that is being imported gets the real one.
    """

    answer: Answer
    importing: bool = True


class Amended(NamedTuple):
    """A function whose real answer is changed for a running node.

    Attributes:
        answer: takes the caller, the real function and the call's arguments.
        importing: True if a library that is being imported gets it too.
    """

    answer: Answer
    importing: bool = False


class Refusal(NamedTuple):
    """A function that is refused.

    Attributes:
        wrong: takes the call's arguments; returns None if this call may be made.
        importing: True if a user's file may not call it while it is imported either.
        reasons: what may be wrong with it, for the reference.
    """

    wrong: Callable[..., Wrong | None]
    importing: bool = False
    reasons: tuple[Wrong, ...] = ()


class Property(NamedTuple):
    """A property of a class that the run answers: takes the caller."""

    answer: Answer


class Value(NamedTuple):
    """Anything else: takes the real thing and returns its replacement."""

    make: Callable[[Any], Any]


class Live(NamedTuple):
    """As `Value`, for a thing that may differ from run to run."""

    make: Callable[[Any], Any]


Row: TypeAlias = Live | Virtual | Amended | Refusal | Property | Value


def refused(what: str, instead: str, *, importing: bool = False) -> Refusal:
    """Make a row for what is always refused."""
    wrong = Wrong(what, instead)
    return Refusal(lambda *_, **__: wrong, importing, (wrong,))


def virtual(answer: Answer) -> Virtual:
    """Make a row for what nodes and their own files get, but not a library being imported."""
    return Virtual(answer, importing=False)


class Plain(staticmethod):  # type: ignore[type-arg]
    """A guard that replaces a C function or class: as a class attribute it binds nothing."""

    real: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self.real)

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self.real)

    def __eq__(self, other: object) -> bool:
        return self is other or self.real == getattr(other, "real", other)

    def __hash__(self) -> int:  # it is looked for in sets that hold the real one
        return hash(self.real)

    def __copy__(self) -> Plain:
        return self

    def __deepcopy__(self, _: Any) -> Plain:
        return self


def plain(real: Any, guard: Answer) -> Plain:
    """Make a guard that replaces a C function or class."""
    stands = Plain(guard)
    stands.real = real
    return stands


def guard_of(real: Any, row: Row, *, of_class: bool) -> Any:
    """Make the replacement of the real thing while nodes run.

    Args:
        real: the present value.
        row: what replaces it.
        of_class: True for an attribute of a class.
    """
    match row:
        case Virtual(answer, importing):
            guard = _virtual(real, answer, importing=importing)
        case Amended(answer, importing):
            guard = _virtual(real, _with(answer, real), importing=importing)
        case Refusal(wrong, importing, _):
            guard = _refusal(real, wrong, importing=importing)
        case Property(answer):
            return _property(real, answer)
        case Value(make) | Live(make):
            return make(real)
    return guard if of_class else plain(real, guard)


def _with(answer: Answer, real: Answer) -> Answer:
    return lambda who, *args, **named: answer(who, real, *args, **named)


def _virtual(real: Answer, answer: Answer, *, importing: bool) -> Answer:
    @wraps(real, updated=())
    def guard(*args: Any, **named: Any) -> Any:
        who = caller()
        if who is None or (not importing and isinstance(who, Importing) and not is_own_code()):
            return real(*args, **named)
        return answer(who, *args, **named)

    return guard


def _refusal(real: Answer, wrong: Callable[..., Wrong | None], *, importing: bool) -> Answer:
    @wraps(real, updated=())
    def guard(*args: Any, **named: Any) -> Any:
        who = caller()
        if who is None:
            return real(*args, **named)
        if is_importing() and not (importing and is_own_code()):
            return real(*args, **named)
        found = wrong(*args, **named)
        return real(*args, **named) if found is None else refuse(who, found)

    return guard


def _property(real: property, answer: Answer) -> property:
    def guard(self: Any) -> Any:
        who = caller()
        if who is None or isinstance(who, Importing):
            return real.__get__(self)
        return answer(who)

    return property(guard, real.fset, real.fdel)


def while_a_node_runs(function: Answer) -> Answer:
    """Make a function that does nothing when no node's code runs: after the run, or at exit."""

    @wraps(function)
    def finalizer(*args: Any, **named: Any) -> Any:
        return None if caller() is None else function(*args, **named)

    return finalizer


class Standing(type):
    """Makes a class replace the C class that it derives from.

    Its calls return instances of the real class, which count as its own. Its attribute ``real`` is
    that class; its ``create``, if it has one, makes an instance of a class.
    """

    def __call__(cls, *args: Any, **named: Any) -> Any:
        """Make an instance."""
        create: Answer = getattr(cls, "create", type.__call__)
        return create(real_class(cls), *args, **named)

    def __instancecheck__(cls, instance: object) -> bool:
        real = real_class(cls)
        return super().__instancecheck__(instance) if real is cls else isinstance(instance, real)

    def __subclasscheck__(cls, subclass: type) -> bool:
        real = real_class(cls)
        return super().__subclasscheck__(subclass) if real is cls else issubclass(subclass, real)


def real_class(cls: type) -> Any:
    """Return what a stand-in makes: an instance of the real class, or of a user's own subclass."""
    return vars(cls).get("real", cls)


def standing(row: Virtual | Amended | Refusal) -> Value:
    """Make a row for a C class that may be derived from: how its instances are made."""

    def make(real: type) -> type:
        stands = Standing(
            real.__name__,
            (real,),
            {
                "create": guard_of(type.__call__, row, of_class=False),
                "real": real,
                "__doc__": real.__doc__,
                "__slots__": (),  # the layout of the real one, for those that derive from it
            },
        )
        stands.__module__, stands.__qualname__ = real.__module__, real.__qualname__
        return stands

    return Value(make)
