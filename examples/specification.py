"""Write a specification and judge two histories with it: a ticket machine with a reset.

`draw` gives the next number. `reset` begins again at 1, but the machine may take its time: the
specification lets it choose between resetting and ignoring the button.
"""

from clew.checkers.linearizability import UNANSWERED, Linearizability, Specification
from clew.checkers.verdict import run_checker
from clew.history import Event, History


class TicketMachine(Specification):
    name = "ticket-machine"
    functions = ("draw", "reset")

    def initial(self):
        return 0

    def step(self, state, f, argument, result):
        if f == "reset":
            return (0, state)
        return (state + 1,) if result in (state + 1, UNANSWERED) else ()

    def describe_state(self, state):
        return f"the last ticket was {state}"


def drawn(*tickets):
    """Somebody presses reset after the first ticket; nobody knows what it did."""
    events = []
    for number, ticket in enumerate(tickets):
        events += [Event(1, "invoke", "draw"), Event(1, "ok", "draw", ticket)]
        if number == 0:
            events.append(Event(2, "invoke", "reset"))
    return History(events)


for tickets in [(1, 2, 1), (1, 2, 1, 1)]:
    result = run_checker(Linearizability(TicketMachine()), drawn(*tickets))
    print(f"{tickets}: {result.verdict.value}")
    for anomaly in result.anomalies:
        print(anomaly.reason)
