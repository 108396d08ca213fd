"""Options: each is declared once, beside its value, with everything that there is to say of it.

A record `Option` in a field's annotation holds its meaning, bounds, unit and examples. Functions in
it have names: an annotation is a text, in which the names inside a lambda are not found::

    class Bank(Workload):
        account_count: Annotated[int, Option("N", "How many accounts there are.", least=2)] = 8

Flags and their help, the JSON schema, messages, the bounds of plan files and the reference are
made from it (`clew.scenarios.options.table`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeAlias, get_args, get_origin
from typing import get_type_hints as hints_of

COUNT_MAX = 10**12
"""The most of anything: more is a mistake."""


@dataclass(frozen=True, slots=True)
class Option:
    """The declaration of an option.

    It presents the bounds to pydantic, as `annotated_types.GroupedMetadata` describes.

    Attributes:
        metavar: the word for its value in a help text; empty for a flag without one.
        meaning: its meaning, as a sentence.
        more: further sentences, for the schema and the reference.
        default: the default in words, if the value does not show it.
        unit: of a number, in the plural.
        least: a number is this or more.
        above: a number is more than this.
        most: a number is this or less.
        below: a number is less than this.
        examples: values that a file may have; none for the default as an example.
        names: the names that it may hold, or a function that returns them; a `check` may allow
            others.
        check: called with a value; raises UsageError if it is not allowed.
        forms: JSON schemas of what it may hold, if the type does not show it.
        flags: of the command line, if they differ from the option's name; None for no flag.
        repeated: the flag takes one element of the list, and may be given again.
        use: what uses it: a run, or only the sweep that makes runs.
        label: its name in a run's report; empty for the option's own.
    """

    metavar: str
    meaning: str
    more: str = ""
    default: str = ""
    unit: str = ""
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    examples: tuple[Any, ...] = ()
    names: Collection[str] | Callable[[], Collection[str]] = ()
    check: Callable[[Any], object] | None = None
    forms: tuple[Mapping[str, Any], ...] = ()
    flags: str | None = ""
    repeated: bool = False
    use: Literal["run", "sweep"] = "run"
    label: str = ""

    __is_annotated_types_grouped_metadata__: ClassVar[Literal[True]] = True

    @property
    def known(self) -> tuple[str, ...]:
        """The names that it may hold; none if any will do."""
        return tuple(self.names() if callable(self.names) else self.names)

    def __iter__(self) -> Iterator[Any]:
        """Yield the bounds, in the form that pydantic checks."""
        from pydantic import Field  # noqa: PLC0415 - slow to import

        held: Any = Field(ge=self.least, gt=self.above, le=self.most, lt=self.below)
        return iter(held.metadata)


KeyCount: TypeAlias = Annotated[
    int, Option("N", "How many keys are in use.", least=1, most=COUNT_MAX, label="keys")
]
"""The option ``key_count`` of every workload that has keys."""


class Row(NamedTuple):
    """An option, as it is declared in a class.

    Attributes:
        name: of the attribute.
        option: its declaration.
        kind: the type of its value, without the declaration.
        default: its default value.
    """

    name: str
    option: Option
    kind: Any
    default: Any


def own_options(owner: type) -> Mapping[str, Row]:
    """Return the options that a class declares, those of its bases first.

    Raises:
        AttributeError: one has no default.
    """
    known: Any = owner  # for mypy not every class is hashable
    return _options_of(known)


@lru_cache(maxsize=64)
def _options_of(owner: Any) -> Mapping[str, Row]:
    found = {}
    for name, hint in hints_of(owner, include_extras=True).items():
        if get_origin(hint) is Annotated:
            kind, *said = get_args(hint)
            for option in said:
                if isinstance(option, Option):
                    found[name] = Row(name, option, kind, getattr(owner, name))
    return found
