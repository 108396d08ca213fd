"""What a Kafka history says about its logs: sends and polls, read from either form of operations.

Single operations, as Maelstrom has them:

- ``send``: argument ``[key, message]``; result ``[key, [offset, message]]``, or an object with
  ``offset``, or the offset alone;
- ``poll``: argument ``{key: offset}`` or nothing; result ``{key: [[offset, message], ...]}``;
- ``commit_offsets``: argument ``{key: offset}``;
- ``list_committed_offsets``: argument ``[key, ...]``; result ``{key: offset}``, without the keys
  of which nothing is committed.

Transactions, as Jepsen has them: ``txn`` (or ``send`` or ``poll``) whose value is a list of
``["send", key, message]`` and ``["poll"]``, answered with ``["send", key, [offset, message]]`` and
``["poll", {key: [[offset, message], ...]}]``. What a poll of a failed or indeterminate one
returned, it returned: it is an observation of the log like any other.

Where a client reads on: after ``assign`` where it was in the keys that are still assigned, and
anywhere in others, or in all with ``seek-to-beginning?``; after ``subscribe`` anywhere, between any
two operations, because partitions may be moved from client to client at any time; after
``list_committed_offsets`` anywhere in the keys it asked for. In a ``rebalance-log`` stand the keys
that were moved during an operation.

Keys are compared as text, because a key of a JSON object is always a string.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from clew.checkers.values import key_of, shown
from clew.errors import HistoryError
from clew.history import History, Operation


class Send(NamedTuple):
    """One message sent; ``offset`` is None if no answer tells it.

    A transaction of unknown outcome may tell offsets too. They count where it took effect.
    """

    operation: Operation
    key: str
    message: Any
    offset: int | None


class Poll(NamedTuple):
    """What one poll returned of one key.

    Attributes:
        asked: the offset asked for, where it is known.
        moved: whether the key was moved between clients meanwhile, so that no order is promised.
    """

    operation: Operation
    key: str
    messages: list[tuple[int, Any]]
    asked: int | None
    moved: bool = False


class Moved(NamedTuple):
    """From now on the operation's process may poll from anywhere in some keys.

    Attributes:
        keys: the keys; None for all.
        kept: whether these keys are those where it stays, and it may move in all others.
        subscribed: whether it may be moved again before any of its later operations.
    """

    operation: Operation
    keys: frozenset[str] | None = None
    kept: bool = False
    subscribed: bool = False


class Commit(NamedTuple):
    """The operation says that a key is processed up to an offset.

    Both are None if it does not say which: it may be any.
    """

    operation: Operation
    key: str | None
    offset: int | None


class Committed(NamedTuple):
    """What one list of committed offsets shows for one key; None if it shows nothing.

    ``final`` is True if the history marks the list as one at the end.
    """

    operation: Operation
    key: str
    offset: int | None
    final: bool


class Garbled(NamedTuple):
    """A malformed answer: what it should have been, and what it was."""

    operation: Operation
    expected: str
    found: Any


Step = Send | Poll | Moved | Commit | Committed | Garbled


def steps_of(history: History) -> Iterator[Step]:
    """Yield the steps of a history in order of invocation; inside a transaction, in its order.

    Failed sends are among them, without offset. Polls that were not answered are not.
    An answer in none of the forms above is one `Garbled`. O(n).

    Raises:
        HistoryError: a request has none of the forms above.
    """
    for one in history.operations:
        try:
            steps = list(_steps(one, history))
        except _Malformed as wrong:
            if wrong.answer:
                yield Garbled(one, wrong.expected, wrong.found)
                continue
            raise HistoryError(
                f"a {one.f} can't be read",
                where=history.place(one.invoked),
                expected=wrong.expected,
                found=shown(wrong.found),
            ) from None
        yield from steps


def said_of(history: History, one: Operation, field: str) -> Any:
    """Return what an operation's events say in a field beside those that every history has."""
    for position in (one.completed, one.invoked):
        extra = None if position is None else history.events[position].extra
        if extra is not None and field in extra:
            return extra[field]
    return None


def is_final(history: History, one: Operation) -> bool:
    """Return whether the history marks the operation as one at the end, after all faults."""
    return said_of(history, one, "final") is True or said_of(history, one, "final?") is True


def in_effect(steps: list[Step]) -> list[Step]:
    """Return the steps, with offsets of unknown transactions only if polls show them in effect.

    A transaction is all or nothing: where one of its messages was polled, all of them are there.
    O(messages).
    """
    polled = {
        (step.key, key_of(message))
        for step in steps
        if isinstance(step, Poll)
        for _, message in step.messages
    }
    shown_by = {
        step.operation.number
        for step in steps
        if isinstance(step, Send) and (step.key, key_of(step.message)) in polled
    }
    # A transaction takes effect as a whole: one message of it that was polled shows all of them.
    return [
        step._replace(offset=None)
        if isinstance(step, Send)
        and step.operation.type == "info"
        and step.operation.number not in shown_by
        else step
        for step in steps
    ]


class _Malformed(Exception):  # noqa: N818 - turned into a HistoryError or a Garbled
    def __init__(self, expected: str, found: Any, *, answer: bool = True) -> None:
        super().__init__(expected)
        self.expected = expected
        self.found = found
        self.answer = answer


def _steps(one: Operation, history: History) -> Iterable[Step]:
    if one.f == "txn" or _is_transaction(one.argument):
        moved = _keys(said_of(history, one, "rebalance-log"))
        return _transaction(one, moved)
    match one.f:
        case "send":
            steps: Iterable[Step] = [_send(one)]
        case "poll":
            steps = _polls(one, one.result, one.argument, frozenset())
        case "subscribe" | "assign":
            steps = [_assigned(one, history)] if one.type != "fail" else []
        case "commit_offsets":
            steps = _commits(one)
        case "list_committed_offsets":
            steps = _listed(one, is_final(history, one))
        case _:
            steps = []
    return steps


def _assigned(one: Operation, history: History) -> Moved:
    if one.f == "subscribe":
        return Moved(one, subscribed=True)
    if said_of(history, one, "seek-to-beginning?") is True:
        return Moved(one)
    return Moved(one, _names(one.argument) or frozenset(), kept=True)


def _names(value: Any) -> frozenset[str] | None:
    """Read the keys in ``[key, ...]`` or ``{"keys": [key, ...]}``; None if they are not said."""
    if isinstance(value, Mapping):
        value = value.get("keys")
    return frozenset(map(str, value)) if isinstance(value, list | tuple) else None


def _keys(rebalances: Any) -> frozenset[str]:
    """Collect the keys of all rebalances of an operation."""
    entries = rebalances if isinstance(rebalances, list | tuple) else ()
    return frozenset().union(*(_names(entry) or () for entry in entries))


def _offsets(value: Any) -> Mapping[Any, Any] | None:
    """Read ``{key: offset}``, bare or under ``offsets``; None if it is neither."""
    if isinstance(value, Mapping) and set(value) == {"offsets"}:
        value = value["offsets"]
    return value if isinstance(value, Mapping) else None


def _commits(one: Operation) -> Iterator[Commit]:
    if one.argument is None:
        yield Commit(one, None, None)
        return
    offsets = _offsets(one.argument)
    if offsets is None:
        raise _Malformed("{key: offset}", one.argument, answer=False)
    for key, offset in offsets.items():
        if type(offset) is not int:
            raise _Malformed("{key: offset}", one.argument, answer=False)
        yield Commit(one, str(key), offset)


def _listed(one: Operation, final: bool) -> Iterator[Step]:  # noqa: FBT001 - a field
    if one.type != "ok":
        return
    asked = _names(one.argument)
    yield Moved(one, asked)
    offsets = _offsets(one.result)
    if offsets is None or not all(each is None or type(each) is int for each in offsets.values()):
        raise _Malformed("{key: offset}", one.result)
    told = {str(key): offset for key, offset in offsets.items()}
    for key in [*told, *sorted((asked or frozenset()) - told.keys())]:
        yield Committed(one, key, told.get(key), final)


def _is_transaction(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(part, list | tuple) and part[:1] in _MICRO for part in value)
    )


_MICRO = (["send"], ["poll"], ("send",), ("poll",))


def _transaction(one: Operation, moved: frozenset[str]) -> Iterator[Step]:
    value = one.result if one.type == "ok" else one.argument
    if not isinstance(value, list | tuple):
        raise _Malformed("a list of sends and polls", value, answer=one.type == "ok")
    # Answers stand at the place of their request; of an unknown transaction only what its answer
    # tells is taken.
    for place, part in enumerate(value):
        if not isinstance(part, list | tuple) or part[:1] not in _MICRO:
            wanted = '["send", key, message] or ["poll"]'
            raise _Malformed(wanted, part, answer=one.type == "ok")
        if part[0] == "poll":
            answer = part if one.type == "ok" else _at(one.result, place)
            yield from _polls(one, answer[1] if len(answer) > 1 else {}, None, moved)
            continue
        if len(part) != len(("send", "key", "message")):
            raise _Malformed('["send", key, message]', part, answer=one.type == "ok")
        message, offset = part[2], None
        if one.type == "ok" and isinstance(message, list | tuple):
            offset, message = _pair(message)
        elif one.type == "info":
            offset = _told(one.result, place, message)
        yield Send(one, str(part[1]), message, offset)


def _at(result: Any, place: int) -> Any:
    """Return the part at a place of an unsuccessful operation's answer, if there is one."""
    part = result[place] if isinstance(result, list | tuple) and place < len(result) else ()
    return part if isinstance(part, list | tuple) and part[:1] in _MICRO else ()


def _told(result: Any, place: int, message: Any) -> int | None:
    """Return the offset that a transaction of unknown outcome names for a send, if it does."""
    part = _at(result, place)
    if len(part) != len(("send", "key", "message")):
        return None
    pair = part[2]
    told = isinstance(pair, list | tuple) and len(pair) == len(("offset", "message"))
    return pair[0] if told and type(pair[0]) is int and pair[1] == message else None


def _send(one: Operation) -> Send:
    argument = one.argument
    if isinstance(argument, dict) and {"key", "msg"} <= argument.keys():
        key, message = argument["key"], argument["msg"]
    elif isinstance(argument, list | tuple) and len(argument) == 2:  # noqa: PLR2004 - a pair
        key, message = argument
    else:
        raise _Malformed("[key, message]", argument, answer=False)
    offset = _acknowledged(one.result) if one.type == "ok" else None
    return Send(one, str(key), message, offset)


def _acknowledged(result: Any) -> int | None:
    """Return the offset in the reply of a send, None if the reply has none."""
    if isinstance(result, dict):
        result = result.get("offset")
    elif isinstance(result, list | tuple) and len(result) == 2:  # noqa: PLR2004 - a pair
        inner = result[1]
        result = inner[0] if isinstance(inner, list | tuple) and inner else None
    if result is not None and type(result) is not int:
        raise _Malformed("an offset, or [key, [offset, message]]", result)
    return result


def _polls(one: Operation, result: Any, argument: Any, moved: frozenset[str]) -> Iterator[Poll]:
    if isinstance(result, Mapping) and set(result) == {"msgs"}:
        result = result["msgs"]
    if one.type != "ok":
        # It need not say what was polled; where it does, that was seen.
        result = _observed(result)
        if not result:
            return
    if not isinstance(result, Mapping):
        raise _Malformed("{key: [[offset, message], ...]}", result)
    asked = _offsets(argument) or {}
    wanted = {str(key): offset for key, offset in asked.items() if type(offset) is int}
    returned = {str(key): messages for key, messages in result.items()}
    if one.type == "ok":
        returned |= {key: () for key in wanted if key not in returned}
    # A key that was asked for and does not show came back empty.
    for key, messages in returned.items():
        if not isinstance(messages, list | tuple):
            raise _Malformed("a list of [offset, message]", messages)
        pairs = [_pair(pair) for pair in messages]
        yield Poll(one, key, pairs, wanted.get(key), bool(moved) and key in moved)


def _observed(result: Any) -> dict[Any, Any]:
    """Return the keys of which an unsuccessful poll says what it returned."""
    if not isinstance(result, Mapping):
        return {}
    return {
        key: messages
        for key, messages in result.items()
        if isinstance(messages, list | tuple) and messages and all(map(_is_pair, messages))
    }


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2 and type(pair[0]) is int  # noqa: PLR2004 - a pair


def _pair(pair: Any) -> tuple[int, Any]:
    # As `_is_pair`, without another call for each message.
    if not isinstance(pair, list | tuple) or len(pair) != 2 or type(pair[0]) is not int:  # noqa: PLR2004 - a pair
        raise _Malformed("[offset, message] with an integer offset", pair)
    return pair[0], pair[1]
