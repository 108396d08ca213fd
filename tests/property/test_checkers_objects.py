"""Sets, queues, locks and logs: correct objects never alarm, planted faults are found."""

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.collections.queues import FifoQueue, TotalQueue
from clew.checkers.collections.set_full import SetFull
from clew.checkers.kafka import Kafka
from clew.checkers.simple.mutex_intervals import MutexIntervals
from clew.checkers.verdict import Verdict, run_checker
from clew.history import Event, History

# Three clients take turns: the first turn calls, the second lets it happen, the third answers or
# loses the answer. A lost call may still happen at any later turn.
TURNS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 9), st.sampled_from(["ok", "ok", "ok", "info"])),
    max_size=45,
)


class Atomic:
    """An atomic object whose calls take effect at one point between call and answer, or never."""

    def __init__(self, choose, apply):
        self.choose, self.apply = choose, apply
        self.events, self.stage, self.late, self.fresh = [], {}, [], 10

    def run(self, turns):
        clients = {0: 0, 1: 1, 2: 2}
        for client, pick, ending in turns:
            process = clients[client]
            if process not in self.stage:
                f, value = self.choose(process, pick)
                self.stage[process] = [f, value, None, False]
                self.events.append(Event(process, "invoke", f, value))
            elif not self.stage[process][3]:
                call = self.stage[process]
                if ending == "info":
                    self.late.append((process, *call[:2]))
                    self.lose(client, clients)
                else:
                    call[2:] = [self.apply(process, call[0], call[1]), True]
            elif ending == "info":
                self.lose(client, clients)
            else:
                f, _, result, _ = self.stage.pop(process)
                self.events.append(Event(process, "ok", f, result))
            if pick == 0 and self.late:
                self.apply(*self.late.pop())
        for client, process in list(clients.items()):
            if process in self.stage:
                self.lose(client, clients)
        return self

    def lose(self, client, clients):
        process = clients[client]
        self.events.append(Event(process, "info", self.stage.pop(process)[0]))
        self.fresh += 1
        clients[client] = self.fresh

    def call(self, f, value=None):
        self.fresh += 1
        self.events.append(Event(self.fresh, "invoke", f, value))
        self.events.append(Event(self.fresh, "ok", f, self.apply(self.fresh, f, value)))


def no_alarm(checker, events):
    result = run_checker(checker, History(events))
    assert result.verdict is not Verdict.INVALID, result.anomalies
    assert "crashed" not in result.reason
    return result


def numbers():
    count = iter(range(10**6))
    return lambda: next(count)


def atomic_set():
    held, number = [], numbers()

    def apply(_, f, value):
        if f == "add":
            held.append(value)
            return value
        return list(held)

    return Atomic(lambda _, pick: ("add", number()) if pick < 6 else ("read", None), apply)


@given(TURNS)
def test_an_atomic_set_never_alarms(turns):
    made = atomic_set().run(turns)
    made.call("read")
    no_alarm(SetFull(linearizable=True), made.events)


@given(TURNS)
def test_an_element_that_vanishes_is_found(turns):
    made = atomic_set().run(turns)
    known = [
        one.argument
        for one in History(made.events).operations
        if one.f == "add" and one.type == "ok"
    ]
    if known:
        made.call("read")
        last = made.events[-1]
        made.events[-1] = last._replace(value=[one for one in last.value if one != known[0]])
        result = run_checker(SetFull(), History(made.events))
        assert known[0] in [one.data["value"] for one in result.anomalies if one.kind == "lost"]


def atomic_queue(order=0):
    held, number = [], numbers()

    def apply(_, f, value):
        if f == "enqueue":
            held.append(value)
            return value
        return held.pop(order if len(held) > 1 else 0) if held else None

    return Atomic(lambda _, pick: ("enqueue", number()) if pick < 6 else ("dequeue", None), apply)


@given(TURNS, st.booleans())
def test_an_atomic_queue_never_alarms(turns, drained):
    made = atomic_queue().run(turns)
    for _ in turns if drained else ():
        made.call("dequeue")
    for checker in (TotalQueue(), FifoQueue()):
        result = no_alarm(checker, made.events)
        assert result.verdict is Verdict.VALID or not drained or not turns


@given(TURNS)
def test_a_stack_is_still_a_bag(turns):
    made = atomic_queue(order=-1).run(turns)
    no_alarm(TotalQueue(), made.events)


def define_fifo(operations):
    """Whether some order of all operations explains a FIFO queue; all of them are answered."""
    for order in permutations(operations):
        if any(
            later.completed < one.invoked
            for at, one in enumerate(order)
            for later in order[at + 1 :]
        ):
            continue
        held = []
        for one in order:
            if one.f == "enqueue":
                held.append(one.argument)
            elif one.result != (held.pop(0) if held else None):
                break
        else:
            return True
    return False


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 4)), max_size=12))
def test_a_fifo_queue_follows_the_definition_but_for_empty_dequeues(turns):
    events, calls, put = [], {}, []
    for number, (process, is_put, pick) in enumerate(turns):
        if process in calls:
            call = calls.pop(process)
            value = call.value if call.f == "enqueue" else [None, *put][-1 - pick % (len(put) + 1)]
            events.append(call._replace(type="ok", value=value))
        else:
            f = "enqueue" if is_put else "dequeue"
            calls[process] = Event(process, "invoke", f, number if is_put else None)
            put += [number] if is_put else []
            events.append(calls[process])
    events = [one for one in events if one.process not in calls]
    history = History(events)
    result = run_checker(FifoQueue(), history)
    if define_fifo(history.operations):
        assert result.verdict is not Verdict.INVALID, result.anomalies
    elif all(one.f == "enqueue" or one.result is not None for one in history.operations):
        assert result.verdict is not Verdict.VALID


@given(TURNS)
def test_a_correct_lock_never_alarms(turns):
    holder, token, wants = [], [0], {}

    def choose(process, _):
        wants[process] = "release" if wants.get(process) == "acquire" else "acquire"
        return wants[process], None

    def apply(process, f, _):
        if f == "release":
            if holder == [process]:
                holder.clear()
            return None
        if holder:
            return "busy"
        holder.append(process)
        token[0] += 1
        return token[0]

    made = Atomic(choose, apply).run(turns)
    events = [
        one._replace(type="fail") if one.value == "busy" and one.type == "ok" else one
        for one in made.events
    ]
    no_alarm(MutexIntervals(), events)


class Log:
    """A correct log for each of two keys; offsets may leave holes."""

    def __init__(self, hole):
        self.logs, self.position, self.hole, self.number = {"a": [], "b": []}, {}, hole, numbers()

    def choose(self, process, pick):
        if pick < 5:
            return "send", ["ab"[pick % 2], self.number()]
        if pick < 8:
            return "poll", None
        return "poll", {"a": pick - 8}

    def apply(self, process, f, value):
        if f == "send":
            log = self.logs[value[0]]
            offset = (log[-1][0] if log else -1) + 1 + (len(log) % 3 if self.hole else 0)
            log.append([offset, value[1]])
            return [value[0], [offset, value[1]]]
        found = {}
        for key in value or self.logs:
            start = value[key] if value else self.position.get((process, key), 0)
            found[key] = [pair for pair in self.logs[key] if pair[0] >= start][:2]
            if found[key]:
                self.position[process, key] = found[key][-1][0] + 1
        return found


@given(TURNS, st.booleans())
def test_a_correct_log_never_alarms(turns, hole):
    log = Log(hole)
    made = Atomic(log.choose, log.apply).run(turns)
    no_alarm(Kafka(), made.events)


@given(TURNS, st.integers(0, 50))
def test_a_message_that_vanishes_from_a_log_is_found(turns, which):
    log = Log(hole=False)
    made = Atomic(log.choose, log.apply).run(turns)
    sent = [
        one.argument
        for one in History(made.events).operations
        if one.f == "send" and one.type == "ok"
    ]
    if not sent:
        return
    key, message = sent[which % len(sent)]
    for event in made.events:
        if event.f == "poll" and event.type == "ok":
            event.value[key] = [pair for pair in event.value.get(key, []) if pair[1] != message]
    made.call("send", [key, log.number()])
    log.logs[key] = [pair for pair in log.logs[key] if pair[1] != message]
    for _ in range(len(turns)):
        made.call("poll", {key: 0})
    whole = {key: [list(pair) for pair in log.logs[key]]}
    made.events += [Event(10**6, "invoke", "poll", {key: 0}), Event(10**6, "ok", "poll", whole)]
    result = run_checker(Kafka(), History(made.events))
    assert message in [one.data["message"] for one in result.anomalies if one.kind == "lost-write"]


@given(TURNS)
def test_renaming_processes_changes_nothing(turns):
    log = Log(hole=True)
    objects = [
        (Kafka(), Atomic(log.choose, log.apply).run(turns)),
        (FifoQueue(), atomic_queue(order=-1).run(turns)),
        (SetFull(), atomic_set().run(turns)),
    ]
    for checker, made in objects:
        renamed = [one._replace(process=900 - one.process) for one in made.events]
        first, second = (run_checker(checker, History(some)) for some in (made.events, renamed))
        assert first.verdict is second.verdict
        assert [one.kind for one in first.anomalies] == [one.kind for one in second.anomalies]
