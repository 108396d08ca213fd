"""A row of the table of checkers: what a checker promises, its options, and how to make one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

from clew.checkers.verdict import Checker
from clew.errors import UsageError


class CheckerOption(NamedTuple):
    """An option of a checker.

    Attributes:
        name: as the command line has it, such as ``nil-reads``; the argument of the checker is
            the same word with underscores.
        meaning: its meaning, and its default.
        read: from the text on the command line to the argument; raises ValueError.
    """

    name: str
    meaning: str
    read: Callable[[str], Any]


def any_value(text: str) -> Any:
    """Read a JSON value, or the text itself if it is not one."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def words(text: str) -> tuple[str, ...]:
    """Read words separated by commas; at least one."""
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise ValueError("words parted by commas")
    return words


def flag(text: str) -> bool:
    """Read true or false."""
    if text not in {"true", "false"}:
        raise ValueError("true or false")
    return text == "true"


def one_of(*words: str) -> Callable[[str], str]:
    """Make a reader of one of these words."""
    expected = " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(expected)
        return text

    return read


def whole(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number") from None


def share(text: str) -> Any:
    """Read the word ``total``, or a fraction."""
    try:
        return text if text == "total" else float(text)
    except ValueError:
        raise ValueError("total, or a fraction from 0 to 1") from None


INITIAL = CheckerOption("initial", "the value before the first write; nil", any_value)
NIL_READS = CheckerOption(
    "nil-reads",
    "value: a read of nil read the initial value nil; any: its value was not recorded and it "
    "fits every state, as Knossos has it; value",
    one_of("value", "any"),
)
NODES = CheckerOption("nodes", "the replicas, where the history does not name them all", words)
KEYED = CheckerOption(
    "keyed",
    "whether values begin with the key of one of several objects: true or false; told from the "
    "history",
    flag,
)
MODELS = CheckerOption(
    "consistency-models", "the models that must hold, parted by commas; strict-serializable", words
)

_TRANSACTIONS = "Consistency models are what list-append and rw-register hold transactions to"


class Sign(NamedTuple):
    """What shows that a history suits a checker: the functions it holds, and its values.

    Attributes:
        needs: functions, separated by blanks, of which at least one is there.
        allows: further functions that may be there.
        because: what was seen, as the object of "the history has".
        test: what the values must be, a test of `clew.checkers.signs`; empty for any values.
        rank: 0 if no other object has such values, up to 3 if nearly any may have them. Signs of
            the lowest rank are tried first, those of one rank in the order of the table.
    """

    needs: str
    allows: str
    because: str
    test: str = ""
    rank: int = 1


@dataclass(frozen=True, slots=True)
class CheckerEntry:
    """One row: a checker that can be made.

    Attributes:
        name: its name.
        summary: what VALID promises.
        complexity: time, in the number n of operations.
        source: the paper or project it comes from.
        at: ``module:Class`` of a checker, or of a specification, which is checked for
            linearizability.
        options: what the user may set.
        fixed: arguments that make this row of a class that has several.
        functions: the functions it judges, parted by blanks; another one in a history is an error
            of the input. Empty for any, and where the checker itself says what it knows.
        one_object: whether it knows no keys, so that a keyed history is judged key by key.
        timeless: whether a history of completions alone can be judged: no order of real time or
            of sessions is needed, but where the consistency models need one.
        leaves_out: what VALID does not promise, though a reader may think so; empty if the
            summary says it all.
        also: other names, separated by blanks, that tools and papers have for it.
        signs: what in a history shows that it suits this checker.
        from_zero: whether registers that show 0 before it is written are taken to begin with it.
        kinds: each kind of anomaly that INVALID may show, with its meaning; ``module:NAME`` where
            a module has a table of them; no kind where the checker never says INVALID.
    """

    name: str
    summary: str = ""
    complexity: str = ""
    source: str = ""
    at: str = ""
    options: tuple[CheckerOption, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    functions: str = ""
    one_object: bool = False
    timeless: bool = False
    leaves_out: str = ""
    also: str = ""
    signs: tuple[Sign, ...] = ()
    from_zero: bool = False
    kinds: Mapping[str, str] | str | None = None

    def __post_init__(self) -> None:
        """Refuse a row that lacks something, and name it."""
        needed = {
            "a summary": self.summary,
            "a complexity": self.complexity,
            "a source": self.source,
            "a class": self.at,
            "the kinds of its anomalies": self.kinds is not None,
        }
        missing = [what for what, has in needed.items() if not has]
        assert not missing, f"the row of the checker {self.name} lacks {', '.join(missing)}"

    @property
    def meanings(self) -> Mapping[str, str]:
        """The meaning of each kind of anomaly that the checker may find."""
        if not isinstance(self.kinds, str):
            return self.kinds or {}
        meanings: Mapping[str, str] = _loaded(self.kinds)
        return meanings

    @property
    def said(self) -> tuple[CheckerOption, ...]:
        """All options that the user may set, including the one for judging key by key."""
        return (*self.options, KEYED) if self.one_object else self.options

    def make(
        self, options: Mapping[str, str] | None = None, given: Mapping[str, Any] | None = None
    ) -> Checker:
        """Make the checker with these options.

        Args:
            options: each a text as the command line has it.
            given: further arguments, as they are, where no option says otherwise.

        Raises:
            UsageError: no such option, or a value that it can't be.
        """
        arguments = {**self.fixed, **(given or {})}
        for name, text in (options or {}).items():
            option = next((each for each in self.said if each.name == name), None)
            if option is None:
                raise self._no_option(name)
            try:
                value = option.read(text)
                if option is not KEYED or not self.one_object:
                    arguments[name.replace("-", "_")] = value
            except ValueError as error:
                where = f"--model {self.name}"
                raise UsageError(
                    f"{name} is wrong", where=where, expected=str(error), found=repr(text)
                ) from error
        return _made(self.at, self.name, arguments)

    def _no_option(self, name: str) -> UsageError:
        known = ", ".join(each.name for each in self.said)
        return UsageError(
            f"{self.name} has no option {name}",
            where=f"--model {self.name}",
            expected=known or "no option",
            found=name,
            fix=_TRANSACTIONS if name == MODELS.name else None,
        )


def _made(at: str, name: str, arguments: Mapping[str, Any]) -> Checker:
    made = _loaded(at)
    if not hasattr(made, "check"):
        return _specified(made, name, arguments)
    checker: Checker = made(**arguments)
    return checker


def _loaded(at: str) -> Any:
    """Import the object that ``module:name`` names."""
    module, _, name = at.partition(":")
    return getattr(import_module(module), name)


def _specified(specification: Any, name: str, arguments: Mapping[str, Any]) -> Checker:
    """Make the checker of linearizability for a specification."""
    ours = {part: value for part, value in arguments.items() if part in _OF_THE_CHECKER}
    rest = {part: value for part, value in arguments.items() if part not in ours}
    linearizability = import_module("clew.checkers.linearizability")
    checker: Checker = linearizability.Linearizability(
        specification(**rest), **{"name": name, **ours}
    )
    return checker


_OF_THE_CHECKER = frozenset({"keyed", "name", "effects"})
"""Arguments of the checker of linearizability; all others are its specification's."""
