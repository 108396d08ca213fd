"""Histories of objects and small workloads, right and wrong, for the tests of their checkers.

Clients take turns; a turn calls, or ends the open call. In half of the histories the answers are
right, in the other half whatever was drawn, so that most of those are wrong in some way.
"""

from hypothesis import strategies as st

from clew.history import Event, History

NODES = ("n1", "n2")
ENDINGS = st.sampled_from(["ok", "ok", "ok", "ok", "info", "fail"])


@st.composite
def histories(draw, call, answer, right, *, turns=16):
    """``call(draw, number)`` gives a function and its argument, ``answer(draw, call)`` a result.

    ``right(call, events)`` is the answer that is right after these events.
    """
    events, open_, process = [], {}, {client: client for client in range(3)}
    faithful = draw(st.booleans())
    for number in range(draw(st.integers(2, turns))):
        client = draw(st.integers(0, 2))
        if client not in open_:
            f, value = call(draw, number)
            node = draw(st.sampled_from(NODES))
            open_[client] = Event(process[client], "invoke", f, value, node=node)
            events.append(open_[client])
            continue
        one = open_.pop(client)
        ending = draw(ENDINGS)
        value = right(one, events) if faithful else answer(draw, one)
        if value is REFUSED:
            ending = "fail"
        value = value if ending == "ok" else None
        events.append(one._replace(type=ending, value=value))
        process[client] += 3 * (ending == "info")
    return History(event._replace(time=10 * at) for at, event in enumerate(events))


REFUSED = object()


def called(events, f):
    return [event.value for event in events if event.type == "invoke" and event.f == f]


def answered(events, f):
    return [event.value for event in events if event.type == "ok" and event.f == f]


def some_of(draw, values, most=4):
    return draw(st.lists(st.sampled_from(values), max_size=most))


def set_call(draw, number):
    return draw(st.sampled_from([("add", number % 5), ("read", None)]))


def set_answer(draw, one):
    return some_of(draw, range(6)) if one.f == "read" else one.value


def whole_set(one, events):
    return [*dict.fromkeys(called(events, "add"))] if one.f == "read" else one.value


def queue_call(draw, number):
    return draw(st.sampled_from([("enqueue", number), ("dequeue", None)]))


def queue_answer(draw, one):
    return one.value if one.f == "enqueue" else draw(st.sampled_from([*range(12)]))


def next_in_line(one, events):
    if one.f == "enqueue":
        return one.value
    taken = answered(events, "dequeue")
    return next((v for v in answered(events, "enqueue") if v not in taken), REFUSED)


def lock_call(draw, _):
    return draw(st.sampled_from([("acquire", None), ("acquire", None), ("release", None)]))


def lock_answer(draw, one):
    return draw(st.integers(1, 4)) if one.f == "acquire" else None


def next_token(one, events):
    if one.f == "release":
        return None
    holds = [e for e in events if (e.type, e.f) in {("ok", "acquire"), ("invoke", "release")}]
    free = not holds or holds[-1].f == "release"
    tokens = answered(events, "acquire")
    return 1 + max(tokens, default=0) if free and holds[-1:] != [one] else REFUSED


def counter_call(draw, _):
    return draw(st.sampled_from([("add", 1), ("add", 3), ("add", -2), ("read", None)]))


def counter_answer(draw, one):
    return draw(st.integers(-3, 5)) if one.f == "read" else None


def sum_of_adds(one, events):
    fail = [e.process for e in events if e.type == "fail"]
    sent = [e.value for e in events if e.type == "invoke" and e.f == "add"]
    return sum(sent) if one.f == "read" and not fail else REFUSED if one.f == "read" else None


def id_answer(draw, _):
    return draw(st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, None]))


def fresh_id(_, events):
    return 100 + len(events)


def kafka_call(draw, number):
    if draw(st.booleans()):
        return "send", [draw(st.sampled_from("ab")), number]
    return "poll", draw(st.sampled_from([None, None, {"a": 1}, {"b": 0}]))


def kafka_answer(draw, one):
    offset = st.integers(0, 4)
    if one.f == "send":
        return [one.value[0], [draw(offset), one.value[1]]]
    pair = st.tuples(offset, st.integers(0, 12)).map(list)
    return draw(st.dictionaries(st.sampled_from("ab"), st.lists(pair, max_size=3), max_size=2))


def in_the_log(one, events):
    sent = [value for value in answered(events, "send") if one.f == "poll"]
    if one.f == "send":
        return [one.value[0], [len([v for v in answered(events, "send") if v[0] == one.value[0]]),
                               one.value[1]]]  # fmt: skip
    mine = [e.value for e in events if e.process == one.process and (e.type, e.f) == ("ok", "poll")]
    found = {}
    for key in one.value or "ab":
        read = [offset for value in mine for offset, _ in value.get(key, [])]
        start = one.value[key] if one.value else max(read[-1:], default=-1) + 1
        found[key] = [pair for where, pair in sent if where == key and pair[0] >= start]
    return found


def fork_call(draw, number):
    if draw(st.integers(0, 2)) == 0:
        return "write", [["w", number, 1]]
    return "read", [["r", key, None] for key in draw(st.sampled_from([(0, 1), (0, 1), (2, 1)]))]


def fork_answer(draw, one):
    seen = st.sampled_from([None, 1])
    return [[f, key, draw(seen) if f == "r" else value] for f, key, value in one.value]


def begun(one, events):
    keys = {value[0][1] for value in called(events, "write")}
    return [
        [f, key, (1 if key in keys else None) if f == "r" else value] for f, key, value in one.value
    ]


def reverse_call(draw, number):
    return draw(st.sampled_from([("write", number), ("read", None)]))


def reverse_answer(draw, one):
    return some_of(draw, range(12), 8) if one.f == "read" else one.value


def all_writes(one, events):
    return called(events, "write") if one.f == "read" else one.value


def bank_call(draw, _):
    return draw(st.sampled_from([("transfer", {"from": 0, "to": 1, "amount": 1}), ("read", None)]))


def bank_answer(draw, one):
    return [draw(st.integers(-1, 2)), draw(st.integers(0, 2))] if one.f == "read" else one.value


def ten_in_all(one, events):
    moved = min(len(answered(events, "transfer")), 10)
    return [10 - moved, moved] if one.f == "read" else one.value


def insert_call(draw, number):
    return "insert", [draw(st.integers(0, 3)), [number, None]]


def echoed(_, one):
    return one.value


def inserted_once(one, events):
    keys = [value[0] for value in answered(events, "insert")]
    return REFUSED if one.value[0] in keys else one.value


MADE = {
    "set-full": histories(set_call, set_answer, whole_set),
    "g-set": histories(set_call, set_answer, whole_set),
    "total-queue": histories(queue_call, queue_answer, next_in_line),
    "fifo-intervals": histories(queue_call, queue_answer, next_in_line),
    "mutex-intervals": histories(lock_call, lock_answer, next_token),
    "interval-counter": histories(counter_call, counter_answer, sum_of_adds),
    "pn-counter": histories(counter_call, counter_answer, sum_of_adds),
    "unique-ids": histories(lambda *_: ("generate", None), id_answer, fresh_id),
    "kafka": histories(kafka_call, kafka_answer, in_the_log, turns=24),
    "long-fork": histories(fork_call, fork_answer, begun, turns=24),
    "causal-reverse": histories(reverse_call, reverse_answer, all_writes),
    "bank": histories(bank_call, bank_answer, ten_in_all),
    "adya-g2": histories(insert_call, echoed, inserted_once),
}
