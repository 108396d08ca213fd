"""Tables of options, and the words for a value that an option can't hold.

The options of a test are fields of `clew.scenarios.options.scenario.Scenario`, those of a workload
are attributes of its class; each carries its `Option`. Everything else that names them is made from
these: `declared` gives the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, create_model, field_validator

from clew.errors import UsageError
from clew.machine.text import first_parts, meant, shown
from clew.scenarios.options.expectation import nearest_expect
from clew.workloads.options import Option, Row, own_options
from clew.workloads.workload import Workload

Base = TypeVar("Base", bound=BaseModel)


class Options(BaseModel):
    """Options that may come as texts: a list as words with commas between them."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: Any, field: ValidationInfo) -> Any:
        kind = cls.model_fields[str(field.field_name)].annotation
        # True and false are numbers to Python, but nobody means 1 or 0 by them.
        if isinstance(value, bool) and kind is not bool:
            raise ValueError("a value other than true and false")
        if kind is bool and not isinstance(value, bool):
            raise ValueError("true or false")
        return _words(value) if get_origin(kind) is tuple else value


def _words(value: Any) -> Any:
    if value == "none":
        return ()
    if isinstance(value, str):
        words = tuple(word.strip() for word in value.split(","))
        if not all(words):
            raise ValueError("names with commas between them, none of them empty")
        return words
    return tuple(value) if isinstance(value, list) else value


def declared(owner: type[BaseModel]) -> dict[str, Row]:
    """Return the options of a class by their names in a file."""
    return {
        field.alias or name: Row(name, option, field.annotation, field.default)
        for name, field in owner.model_fields.items()
        for option in field.metadata
        if isinstance(option, Option)
    }


def extended(base: type[Base], *workloads: type[Workload]) -> type[Base]:
    """Extend a class of options by those of some workloads; a later one's count.

    The same classes give the same class: its values can be compared.

    Raises:
        UsageError: a workload declares what the class has.
    """
    classes: tuple[Any, ...] = workloads
    made: type[Base] = _extended(base, *classes)
    return made


@cache
def _extended(base: Any, *workloads: Any) -> Any:
    fields: dict[str, Any] = {}
    for workload in workloads:
        for name, one in own_options(workload).items():
            if name in declared(base) or hasattr(base, name):
                raise UsageError(
                    f"the workload {workload.name} can't declare the option {name!r}",
                    expected="a name that means nothing else in a scenario",
                    fix="Give it another name",
                )
            fields[name] = (Annotated[one.kind, one.option], one.default)
    return create_model(base.__name__, __base__=base, **fields)


def near_option(owner: type[BaseModel], name: str) -> str:
    """Return the option that was perhaps meant by an unknown name."""
    known = list(declared(owner))
    for own, row in declared(owner).items():
        if f"--{name.replace('_', '-')}" in (row.option.flags or "").split():
            return f"Did you mean {own!r}"
    return meant(name, known) or f"Known options: {', '.join(known) or 'none'}"


def expected(owner: type[BaseModel], error: Any) -> str:
    """Say what would have been right, as a clause that follows the word 'expected'.

    Args:
        owner: what the value was held to.
        error: one of pydantic.
    """
    if error["type"] in {"value_error", "literal_error", "finite_number"}:
        message = str(error["msg"])
        return message.removeprefix("Value error, ").removeprefix("Input should be ")
    name, *element = error["loc"]
    one = declared(owner)[str(name)]
    kind = str if element else plain_kind(one.kind)
    unit = f" of {one.option.unit}" if one.option.unit else ""
    return f"{_KINDS[kind]}{unit}{_bound(one.option, error['type'])}"


def plain_kind(kind: Any) -> type:
    """Return the Python type of an option's value, if it is not None."""
    if get_origin(kind) in {Union, UnionType}:
        kind = next(each for each in get_args(kind) if each is not type(None))
    origin = get_origin(kind)
    return str if origin is Literal else origin or kind


def _near_word(one: Row, value: str) -> str | None:
    """Return "Did you mean ..." for an option that takes few words; None without a near one."""
    known = get_args(one.kind) if get_origin(one.kind) is Literal else ()
    for form in one.option.forms:
        known = (*known, *form.get("enum", ()))
    return meant(value, known, cutoff=0.65)


def fix_of(owner: type[BaseModel], error: Any) -> str | None:
    """Return what was perhaps meant by a value of an option that takes few words, or None."""
    name, value = error["loc"][0], error["input"]
    if not isinstance(value, str):
        return None
    if name == "expect":
        near = nearest_expect(value)
        return f"Did you mean {near!r}" if near else None
    return None if ":" in value else _near_word(declared(owner)[name], value)


def found(value: Any) -> str:
    """Return a value as a message shows it: in full if it is short."""
    return first_parts(shown(value), 83)


_KINDS: Mapping[type, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a list of texts",
}


def _bound(option: Option, broken: str) -> str:
    """Return the bound of a number that was broken; the lower one if it is none at all."""
    if broken.startswith("less_than"):
        up_to = option.most is not None
        return f" {'up to' if up_to else 'below'} {option.most if up_to else option.below:,}"
    if option.above is not None:
        return f" above {option.above:g}"
    return "" if option.least is None else f" from {option.least:g}"
