"""What a Kafka history says of its logs: sends and polls, read off either form of operations.

Single operations, as Maelstrom has them:

- ``send``: argument ``[key, message]``; result ``[key, [offset, message]]``, or an object with
  ``offset``, or the offset alone;
- ``poll``: argument ``{key: offset}`` or nothing; result ``{key: [[offset, message], ...]}``;
- ``commit_offsets`` and ``list_committed_offsets``, and ``assign`` and ``subscribe``: after the
  last three a client may read on from elsewhere.

Transactions, as Jepsen has them: ``txn`` (or ``send`` or ``poll``) whose value is a list of
``["send", key, message]`` and ``["poll"]``, answered with ``["send", key, [offset, message]]`` and
``["poll", {key: [[offset, message], ...]}]``.

Keys are compared as text, because a key of a JSON object is always a string.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from clew.checkers.values import key_of, shown
from clew.errors import HistoryError
from clew.history import History, Operation

MOVES = frozenset({"assign", "subscribe", "list_committed_offsets"})


class Send(NamedTuple):
    """One message sent; ``offset`` is None where no answer tells it.

    A transaction of unknown outcome may tell offsets too. They count where it took effect.
    """

    operation: Operation
    key: str
    message: Any
    offset: int | None


class Poll(NamedTuple):
    """What one poll returned of one key; ``asked`` is the offset asked for, where it is known."""

    operation: Operation
    key: str
    messages: list[tuple[int, Any]]
    asked: int | None


class Moved(NamedTuple):
    """The operation's process may poll from anywhere from now on."""

    operation: Operation


class Garbled(NamedTuple):
    """An answer that is no answer: what it should have been, and what it was."""

    operation: Operation
    expected: str
    found: Any


Step = Send | Poll | Moved | Garbled


def steps_of(history: History) -> Iterator[Step]:
    """The sends and polls of a history in order of invocation; inside a transaction, in its order.

    Failed sends are among them, without offset. Polls that were not answered are not.
    An answer in none of the forms above is one `Garbled`. O(n).

    Raises:
        HistoryError: a request has none of the forms above.
    """
    for one in history.operations:
        try:
            steps = list(_steps(one))
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


def in_effect(steps: list[Step]) -> list[Step]:
    """The steps, with the offsets of unknown transactions only where a poll shows them in effect.

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


def _steps(one: Operation) -> Iterable[Step]:
    if one.f in MOVES:
        return [Moved(one)]
    if one.f == "txn" or _is_transaction(one.argument):
        return _transaction(one)
    if one.f == "send":
        return [_send(one)]
    if one.f == "poll" and one.type == "ok":
        return _polls(one, one.result, one.argument)
    return []


def _is_transaction(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(part, list | tuple) and part[:1] in _MICRO for part in value)
    )


_MICRO = (["send"], ["poll"], ("send",), ("poll",))


def _transaction(one: Operation) -> Iterator[Step]:
    value = one.result if one.type == "ok" else one.argument
    if not isinstance(value, list | tuple):
        raise _Malformed("a list of sends and polls", value, answer=one.type == "ok")
    for place, part in enumerate(value):
        if not isinstance(part, list | tuple) or part[:1] not in _MICRO:
            wanted = '["send", key, message] or ["poll"]'
            raise _Malformed(wanted, part, answer=one.type == "ok")
        if part[0] == "poll":
            if one.type == "ok":
                yield from _polls(one, part[1] if len(part) > 1 else {}, None)
            continue
        if len(part) != len(("send", "key", "message")):
            raise _Malformed('["send", key, message]', part, answer=one.type == "ok")
        message, offset = part[2], None
        if one.type == "ok" and isinstance(message, list | tuple):
            offset, message = _pair(message)
        elif one.type == "info":
            offset = _told(one.result, place, message)
        yield Send(one, str(part[1]), message, offset)


def _told(result: Any, place: int, message: Any) -> int | None:
    """The offset that a transaction of unknown outcome tells of one of its sends, if it does."""
    part = result[place] if isinstance(result, list | tuple) and place < len(result) else None
    if not isinstance(part, list | tuple) or len(part) != len(("send", "key", "message")):
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
    """The offset in the reply of a send, None where the reply has none."""
    if isinstance(result, dict):
        result = result.get("offset")
    elif isinstance(result, list | tuple) and len(result) == 2:  # noqa: PLR2004 - a pair
        inner = result[1]
        result = inner[0] if isinstance(inner, list | tuple) and inner else None
    if result is not None and type(result) is not int:
        raise _Malformed("an offset, or [key, [offset, message]]", result)
    return result


def _polls(one: Operation, result: Any, argument: Any) -> Iterator[Poll]:
    if isinstance(result, Mapping) and set(result) == {"msgs"}:
        result = result["msgs"]
    if not isinstance(result, Mapping):
        raise _Malformed("{key: [[offset, message], ...]}", result)
    asked = argument if isinstance(argument, Mapping) else {}
    if set(asked) == {"offsets"} and isinstance(asked["offsets"], Mapping):
        asked = asked["offsets"]
    wanted = {str(key): offset for key, offset in asked.items() if type(offset) is int}
    returned = {str(key): messages for key, messages in result.items()}
    for key in [*returned, *(key for key in wanted if key not in returned)]:
        messages = returned.get(key, [])
        if not isinstance(messages, list | tuple):
            raise _Malformed("a list of [offset, message]", messages)
        yield Poll(one, key, [_pair(pair) for pair in messages], wanted.get(key))


def _pair(pair: Any) -> tuple[int, Any]:
    if not isinstance(pair, list | tuple) or len(pair) != 2 or type(pair[0]) is not int:  # noqa: PLR2004 - a pair
        raise _Malformed("[offset, message] with an integer offset", pair)
    return pair[0], pair[1]
