"""Operations without a process: each becomes the only one of a client of its own.

    {:type :invoke, :value [[:append 1 2]]}
    {:type :ok, :value [[:append 1 2]]}

So the example of Elle's paper is written. Which client ran what is not known, and to take all for
one client's would make up an order of its session, and with it anomalies. So no order of a session
is checked; the order of real time is still that of the file. A completion belongs to the one open
operation of its function; if several are open, nobody can tell, and the file is refused.

If no operation has an invocation, each completion is of a client of its own; see
`clew.formats.completions`.

Left out: files in which some clients have a process and some have none, which are refused too, and
operations whose meaning may depend on who asked, such as those on a lock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from clew.errors import HistoryError
from clew.formats.record import UNNAMED, no_process, place
from clew.history import Event


def one_client_each(events: Sequence[Event], lines: Sequence[int], source: str) -> Sequence[Event]:
    """Give each operation without a process one of its own, from 0; O(n).

    Args:
        events: the events of a file.
        lines: for each event its line.
        source: the file, for messages.

    Raises:
        HistoryError: some client has a process and some have none, or a completion belongs to no
            open operation, or to one of several.
    """
    unnamed = [at for at, event in enumerate(events) if event.process == UNNAMED]
    if not unnamed:
        return events
    if any(type(event.process) is int for event in events):
        raise no_process(source, lines[unnamed[0]])
    named = list(events)
    if all(events[at].type != "invoke" for at in unnamed):
        for client, at in enumerate(unnamed):
            named[at] = events[at]._replace(process=client)
        return named
    clients = 0
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    # Invariant: `waiting` has for each function the clients whose operation is open. Two open ones
    # are a mistake only once one of them completes: nobody knows which.
    for at in unnamed:
        event = events[at]
        of_its_f = waiting[event.f]
        if event.type == "invoke":
            of_its_f.append(clients)
            clients += 1
        elif len(of_its_f) != 1:
            raise _whose(event, len(of_its_f), place(source, lines[at]))
        named[at] = event._replace(process=of_its_f[-1])
        if event.type != "invoke":
            of_its_f.pop()
    return named


def _whose(event: Event, waiting: int, where: str) -> HistoryError:
    what = f"{event.type} of {event.f} without a process"
    if waiting:
        problem, expected = f"nobody knows whose {what} this is", f"one open {event.f}"
    else:
        problem, expected = f"{what} has no invocation", f"an earlier invoke of {event.f}"
    return HistoryError(
        problem,
        where=where,
        expected=expected,
        found=f"{waiting} of them" if waiting else "none that is open",
        fix="Give each operation the process that ran it",
    )
