"""SQLite: a database in a node's memory is the node's, with the node's clock and randomness.

One in a file would survive every crash, so it is refused, unless it is opened read-only; a database
that is opened while the user's file is imported would be shared by all nodes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta  # noqa: TID251 - of a given time only
from functools import partial
from typing import Any, Final

from clew.sim.guards.caller import Answer, Caller, Importing, Wrong, is_own_code, refuse
from clew.sim.guards.clocks import wall_ns
from clew.sim.guards.rows import Amended, Row, standing

_MEMORY = {":memory:", ""}
"""An empty name is a private file that SQLite removes itself."""

_TIME_AT = {
    # function: which argument is the time; the present if there are fewer
    "date": 0, "time": 0, "datetime": 0, "julianday": 0, "unixepoch": 0, "strftime": 1,
    "timediff": 0,
}  # fmt: skip
"""https://www.sqlite.org/lang_datefunc.html"""

_MODIFIERS = {"subsec", "subsecond"}
"""What may be given in place of a time."""

_PRESENT = {"current_date": "date", "current_time": "time", "current_timestamp": "datetime"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMEDIFF_SINCE = (3, 43)
_ATTACH, _OK = 24, 0
"""https://www.sqlite.org/c3ref/c_alter_table.html"""

_IN_FILE = Wrong("opening a database in a file", "self.disk, or ':memory:'")


def _connect(who: Caller, real: Answer, *args: Any, **named: Any) -> Any:
    """Return the connection; for a method of a class, the arguments begin with it."""
    first = 1 if args and isinstance(args[0], type) else 0
    database = args[first] if len(args) > first else named.get("database", "")
    read_only = _is_read_only(database, uri=bool(named.get("uri")))
    if isinstance(who, Importing):
        if not read_only and is_own_code():
            refuse(who, Wrong("opening a database", "start(), which every node calls for itself"))
        return real(*args, **named)
    if read_only:
        return real(*args, **named)
    if database not in _MEMORY:
        refuse(who, _IN_FILE)
    connection = real(*args, **named)
    _take_over(connection, who, partial(real, *args[:first], ":memory:"))
    return connection


def _is_read_only(database: Any, *, uri: bool) -> bool:
    name = os.fspath(database)
    return uri and isinstance(name, str) and ("mode=ro" in name or "immutable=1" in name)


def _version() -> tuple[int, ...]:
    """Return SQLite's version."""
    import sqlite3  # noqa: PLC0415 - who calls this has imported it

    return sqlite3.sqlite_version_info


def _take_over(connection: Any, who: Caller, another: Callable[[], Any]) -> None:
    """Give a connection a node's clock and randomness, and keep it from files."""
    rng = who.rng()
    define: Callable[..., None] = connection.create_function
    define("random", 0, lambda: rng.getrandbits(64) - (1 << 63))
    define("randomblob", 1, lambda size: rng.randbytes(max(size, 1)))
    for name, position in _TIME_AT.items():
        if name != "timediff" or _version() >= _TIMEDIFF_SINCE:
            define(name, -1, partial(_time_function, who, another, name, position))
    for name, function in _PRESENT.items():
        define(name, 0, partial(_time_function, who, another, function, 0))
    connection.set_authorizer(partial(_allows, who))


def _allows(who: Caller, action: int, name: str | None, *_: object) -> int:
    """Deny ``ATTACH`` of a file, and ``VACUUM INTO``, which attaches one.

    SQLite turns what is raised here into a `DatabaseError`; the finding is kept.
    """
    if action == _ATTACH and name not in _MEMORY:
        refuse(who, _IN_FILE)
    return _OK


def _time_function(
    who: Caller, another: Callable[[], Any], name: str, position: int, *args: Any
) -> Any:
    """Return what a time function returns when the present is the node's."""
    given = list(args)
    if len(given) == position or str(given[position]).lower() in _MODIFIERS:
        given.insert(position, "now")
    for place in range(position, 2 if name == "timediff" else position + 1):
        if len(given) > place and str(given[place]).lower() == "now":
            present = _EPOCH + timedelta(microseconds=wall_ns(who) // 1000)
            given[place] = present.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    marks = ", ".join("?" * len(given))
    with closing(another()) as real:
        return real.execute(f"select {name}({marks})", given).fetchone()[0]


_ROW: Final = Amended(_connect, importing=True)

DATABASES: Final[dict[str, Row]] = {
    "sqlite3:connect": _ROW,
    "sqlite3:Connection": standing(_ROW),
    "sqlite3.dbapi2:Connection": standing(_ROW),
    "_sqlite3:Connection": standing(_ROW),
}
