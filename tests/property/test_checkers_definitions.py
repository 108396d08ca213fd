"""Checkers of objects and small workloads against their definitions, each written out by loops.

Clients take turns; a turn calls, or ends the open call. In half of the histories the answers are
right, in the other half whatever was drawn, so that most of those are wrong in some way.
"""

from itertools import combinations, pairwise, permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.convergence import Convergence
from clew.checkers.counters import Counter, IntervalCounter
from clew.checkers.kafka import Kafka
from clew.checkers.mutex_intervals import MutexIntervals
from clew.checkers.queues import FifoQueue, TotalQueue
from clew.checkers.registry import CHECKERS
from clew.checkers.set_full import SetFull
from clew.checkers.transactions import AdyaG2, Bank, CausalReverse, LongFork
from clew.checkers.unique_ids import UniqueIds
from clew.checkers.verdict import Verdict, run_checker
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


def kinds(checker, history):
    """The kinds of anomaly that a checker finds, how often each."""
    result = run_checker(checker, history)
    assert "crashed" not in result.reason, result.reason
    assert (result.verdict is Verdict.INVALID) == bool(result.anomalies)
    found = {}
    for anomaly in result.anomalies:
        assert anomaly.operations
        found[anomaly.kind] = found.get(anomaly.kind, 0) + 1
    return found


def done(history, f):
    return [one for one in history.operations if one.f == f and one.type == "ok"]


def tally(**counts):
    return {kind.replace("_", "-"): count for kind, count in counts.items() if count}


def phantoms(reads, adds, values):
    """The values shown by a read that was over before anyone had begun to add them."""
    return {
        value
        for read in reads
        for value in values(read)
        if not any(
            add.argument == value and add.type != "fail" and add.invoked < read.completed
            for add in adds
        )
    }


@given(MADE["set-full"], st.booleans())
def test_set_full(history, linearizable):
    reads = done(history, "read")
    adds = [one for one in history.operations if one.f == "add"]
    lost = stale = 0
    for value in {add.argument for add in adds if add.type != "fail"}:
        with_it = [read for read in reads if value in read.result]
        without = [read for read in reads if value not in read.result]
        acknowledged = [add for add in adds if add.argument == value and add.type == "ok"]
        known = min((one.completed for one in [*acknowledged, *with_it]), default=10**9)
        after = [read for read in without if read.invoked > known]
        gone = [read for read in after if all(one.completed < read.invoked for one in with_it)]
        lost += bool(gone)
        there = any(all(other.invoked < one.invoked for other in without) for one in with_it)
        stale += bool(after) and there
    doubled = {v for read in reads for v in read.result if read.result.count(v) > 1}
    expected = tally(
        lost=lost,
        stale=stale if linearizable else 0,
        phantom=len(phantoms(reads, adds, lambda read: read.result)),
        duplicate=len(doubled),
    )
    found = kinds(SetFull(linearizable=linearizable), history)
    # The first read of a value tells whether it is a phantom: one that comes later is none.
    assert found.get("phantom", 0) <= expected.get("phantom", 0)
    assert bool(found.get("phantom")) == bool(expected.get("phantom"))
    found.pop("phantom", None)
    expected.pop("phantom", None)
    assert found == expected


@given(histories(queue_call, queue_answer, next_in_line, turns=14))
@settings(max_examples=300)
def test_a_queue_without_order_follows_the_definition(history):
    """VALID or UNKNOWN exactly where some order of all operations explains a bag."""
    found = kinds(TotalQueue(), history)
    takes, puts = done(history, "dequeue"), [o for o in history.operations if o.f == "enqueue"]
    explained = all(
        any(
            put.argument == take.result and put.type != "fail" and put.invoked < take.completed
            for put in puts
        )
        for take in takes
    ) and all(one.result != other.result for one, other in combinations(takes, 2))
    assert (not found) == explained


def possible_order(one, other):
    return not (other.type == "ok" and other.completed < one.invoked)


@given(histories(queue_call, queue_answer, next_in_line, turns=10))
@settings(max_examples=200)
def test_a_fifo_queue_with_lost_answers_never_alarms_where_an_order_explains_it(history):
    operations = [one for one in history.operations if one.type != "fail"]
    sure = [one for one in operations if one.type == "ok"]
    unsure = [one for one in operations if one.type == "info"]
    if len(operations) > 6:
        return
    for chosen in product([False, True], repeat=len(unsure)):
        happened = sure + [one for one, yes in zip(unsure, chosen, strict=True) if yes]
        for order in permutations(happened):
            if not all(possible_order(one, other) for one, other in combinations(order, 2)):
                continue
            held, right = [], True
            for one in order:
                if one.f == "enqueue":
                    held.append(one.argument)
                elif one.type == "ok":
                    right = right and bool(held) and held.pop(0) == one.result
                elif held:
                    held.pop(0)
            if right:
                assert not kinds(FifoQueue(), history)
                return


@given(MADE["mutex-intervals"], st.booleans())
def test_a_lock_is_held_by_one_and_its_tokens_grow(history, leases):
    acquired = done(history, "acquire")
    ends = {}
    for one in acquired:
        releases = [
            other.invoked
            for other in history.operations
            if other.f == "release" and other.process == one.process
            and other.type != "fail" and other.invoked > one.completed
        ]  # fmt: skip
        ends[one.number] = min(releases, default=10**9)
    two_holders = any(
        max(a.completed, b.completed) < min(ends[a.number], ends[b.number])
        for a, b in combinations(acquired, 2)
    )
    stale = any(
        a.result == b.result
        or (a.completed < b.invoked and b.result < a.result)
        or (b.completed < a.invoked and a.result < b.result)
        for a, b in combinations(acquired, 2)
    )
    found = kinds(MutexIntervals(leases=leases), history)
    assert bool(found.get("two-holders")) == (two_holders and not leases)
    assert bool(found.get("stale-token")) == stale


@given(MADE["interval-counter"])
def test_a_counter_shows_what_can_have_been_added(history):
    adds = [one for one in history.operations if one.f == "add" and one.type != "fail"]
    wrong = 0
    for read in done(history, "read"):
        sure = [a for a in adds if a.type == "ok" and a.completed < read.invoked]
        maybe = [a for a in adds if a not in sure and a.invoked < read.completed]
        sums = {
            sum(one.argument for one in [*sure, *some])
            for size in range(len(maybe) + 1)
            for some in combinations(maybe, size)
        }
        wrong += not min(sums) <= read.result <= max(sums)
    assert kinds(IntervalCounter(), history) == tally(out_of_bounds=wrong)


@given(MADE["unique-ids"])
def test_no_id_is_given_twice(history):
    given_ids = [one.result for one in done(history, "generate")]
    twice = {one for one in given_ids if one is not None and given_ids.count(one) > 1}
    expected = tally(malformed=given_ids.count(None), duplicate=len(twice))
    assert kinds(UniqueIds(), history) == expected


@given(MADE["long-fork"])
def test_two_reads_of_the_same_keys_are_in_one_order(history):
    reads = {}
    for one in done(history, "read"):
        seen = {key for _, key, value in one.result if value is not None}
        reads.setdefault(frozenset(key for _, key, _ in one.result), []).append(seen)
    forked = any(a - b and b - a for group in reads.values() for a, b in combinations(group, 2))
    assert bool(kinds(LongFork(), history)) == forked


@given(MADE["causal-reverse"])
def test_who_sees_a_write_sees_what_was_over_before_it_began(history):
    writes = [one for one in history.operations if one.f == "write" and one.type != "fail"]
    wrong = sum(
        any(
            earlier.type == "ok" and earlier.completed < later.invoked
            and later.argument in read.result and earlier.argument not in read.result
            for earlier, later in permutations(writes, 2)
        )
        for read in done(history, "read")
    )  # fmt: skip
    assert kinds(CausalReverse(), history) == tally(causal_reverse=min(wrong, 8))


@given(MADE["bank"])
def test_a_bank_keeps_its_total(history):
    reads = [one.result for one in done(history, "read")]
    wrong = sum(sum(one) != sum(reads[0]) for one in reads)
    negative = sum(min(one) < 0 for one in reads)
    found = kinds(Bank(), history)
    assert bool(found) == bool(wrong or negative)
    if wrong + negative <= 8:
        assert found == tally(wrong_total=wrong, negative_balance=negative)


@given(MADE["adya-g2"])
def test_of_two_inserts_one_fails(history):
    keys = [one.argument[0] for one in done(history, "insert")]
    assert bool(kinds(AdyaG2(), history)) == (len(set(keys)) < len(keys))


@given(MADE["g-set"])
def test_a_replica_shows_every_acknowledged_value_in_the_end(history):
    finish = [
        event
        for place, node in enumerate(NODES)
        for event in (
            Event(90 + place, "invoke", "read", None, 10**6, node=node),
            Event(90 + place, "ok", "read", [0, 1, 2, 3][place:], 10**6 + 1, node=node),
        )
    ]
    history = History([*history, *finish])
    open_adds = [one for one in history.operations if one.f == "add" and one.completed is None]
    reads = done(history, "read")
    adds = [one for one in history.operations if one.f == "add"]
    acknowledged = {one.argument for one in adds if one.type == "ok"}
    found = kinds(Convergence(f_add="add"), history)
    missing = {value for value in acknowledged if value not in {1, 2, 3}}
    if not open_adds:
        assert found.get("lost", 0) + found.get("stale", 0) == len(missing)
    assert found.get("stale", 0) == (0 in missing)
    assert bool(found.get("phantom")) == bool(phantoms(reads, adds, lambda read: read.result))
    disappeared = any(
        set(one.result) & set(done_adds(adds, one)) - set(other.result)
        for one, other in permutations(reads, 2)
        if one.node == other.node and one.completed < other.invoked
    )
    assert bool(found.get("disappeared")) == disappeared


def done_adds(adds, read):
    return [one.argument for one in adds if one.type == "ok" and one.completed < read.invoked]


@given(MADE["pn-counter"], st.integers(-4, 8))
def test_a_final_total_is_a_sum_of_the_adds(history, total):
    final = [Event(99, "invoke", "read", None), Event(99, "ok", "read", total)]
    events = [event._replace(node=None) for event in history if event.f == "add"]
    history = History([*events, *final])
    certain = sum(one.argument for one in done(history, "add"))
    unknown = [one.argument for one in history.operations if one.f == "add" and one.type == "info"]
    sums = {
        certain + sum(some)
        for size in range(len(unknown) + 1)
        for some in combinations(unknown, size)
    }
    found = kinds(Counter(monotonic=False), history)
    assert bool(found.get("impossible-total")) == (total not in sums)


def polls_of(history):
    """Each poll of one key in order: its operation, the offset asked for, its messages."""
    for one in done(history, "poll"):
        asked = one.argument or {}
        for key in [*one.result, *(key for key in asked if key not in one.result)]:
            yield one, key, asked.get(key), one.result.get(key, [])


@given(MADE["kafka"])
@settings(max_examples=400)
def test_logs_follow_the_definitions(history):
    """Every kind of anomaly of a log, looked for by comparing everything with everything."""
    sends = [one for one in history.operations if one.f == "send"]
    placed = [(one.argument[0], one.result[1][0], one.argument[1]) for one in done(history, "send")]
    polls = [*polls_of(history)]
    placed += [(key, offset, message) for _, key, _, some in polls for offset, message in some]
    seen = sorted(set(placed))
    expected = {
        "inconsistent-offsets": any(
            a[:2] == b[:2] and a[2] != b[2] for a, b in combinations(seen, 2)
        ),
        "duplicate": any(
            a[0] == b[0] and a[2] == b[2] and a[1] != b[1] for a, b in combinations(seen, 2)
        ),
        "nonmonotonic-send": any(
            a.process == b.process and a.argument[0] == b.argument[0]
            and a.result[1][0] >= b.result[1][0]
            for a, b in combinations(done(history, "send"), 2)
            if not any(
                a.number < c.number < b.number and c.process == a.process
                and c.argument[0] == a.argument[0]
                for c in done(history, "send")
            )
        ),
        "int-nonmonotonic-poll": any(
            b[0] <= a[0] for _, _, _, some in polls for a, b in pairwise(some)
        ),
        "int-poll-skip": any(
            a[0] < offset < b[0]
            for _, key, _, some in polls
            for a, b in pairwise(some)
            for where, offset, _ in seen
            if where == key
        ),
    }  # fmt: skip
    back = skip = False
    for place, (one, key, asked, some) in enumerate(polls):
        if not some:
            continue
        first = some[0][0]
        mine = [p for p in polls[:place] if p[0].process == one.process and p[1] == key and p[3]]
        low = mine[-1][3][-1][0] if mine else None
        if asked is not None:
            back |= first < asked
            low = asked - 1
        elif low is not None:
            back |= first <= low
        skip |= low is not None and any(w == key and low < o < first for w, o, _ in seen)
    expected["nonmonotonic-poll"] = back
    expected["poll-skip"] = skip
    aborted = phantom = False
    for one, key, _, some in polls:
        for _, message in some:
            tries = [s for s in sends if s.argument == [key, message]]
            if not any(s.type != "fail" and s.invoked < one.completed for s in tries):
                aborted |= bool(tries) and all(s.type == "fail" for s in tries)
                phantom |= not tries or any(s.type != "fail" for s in tries)
    expected["G1a"], expected["phantom"] = aborted, phantom
    found = kinds(Kafka(), history)
    assert {kind: kind in found for kind in expected} == expected


PENDING = {
    "set-full": ("add", 77),
    "g-set": ("add", 77),
    "total-queue": ("enqueue", 77),
    "fifo-intervals": ("enqueue", 77),
    "mutex-intervals": ("acquire", None),
    "interval-counter": ("add", 5),
    "pn-counter": ("add", 5),
    "unique-ids": ("generate", None),
    "kafka": ("send", ["a", 77]),
    "long-fork": ("write", [["w", 77, 1]]),
    "causal-reverse": ("write", 77),
    "bank": ("read", None),
    "adya-g2": ("insert", [1, [77, None]]),
}
WEAKER = {
    "set-full": ({"linearizable": "true"}, {}),
    "total-queue": ({}, {"at-least-once": "true"}),
    "mutex-intervals": ({}, {"leases": "true"}),
    "g-set": ({}, {"monotonic": "false"}),
}


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=60)
@given(data=st.data())
def test_what_is_more_uncertain_or_asks_for_less_never_turns_valid_into_invalid(name, data):
    history = data.draw(MADE[name])
    strong, weak = WEAKER.get(name, ({}, {}))
    checker = CHECKERS[name].make(strong)
    if name in FINAL:
        reads = [(Event(90 + i, "invoke", "read", None, node=n), i) for i, n in enumerate(NODES)]
        value = FINAL[name](history.operations)
        final = [(read, read._replace(type="ok", value=value)) for read, _ in reads]
        history = History([*history, *(event for pair in final for event in pair)])
    if run_checker(checker, history).verdict is Verdict.INVALID:
        return
    assert run_checker(CHECKERS[name].make(weak), history).verdict is not Verdict.INVALID
    events = list(history)
    f, value = PENDING[name]
    at = data.draw(st.integers(0, len(events)))
    pending = [*events[:at], Event(55, "invoke", f, value, node="n1"), *events[at:]]
    assert run_checker(checker, History(pending)).verdict is not Verdict.INVALID
    for wider in widened(events):
        assert run_checker(checker, History(wider)).verdict is not Verdict.INVALID, wider


# What final reads show where all is well.
FINAL = {
    "g-set": lambda operations: [
        *{one.argument: 1 for one in operations if one.f == "add" and one.type != "fail"}
    ],
    "pn-counter": lambda operations: sum(
        one.argument for one in operations if one.f == "add" and one.type == "ok"
    ),
}


def widened(events):
    """The histories in which one operation begins, or ends, one event earlier or later."""
    for at in range(len(events) - 1):
        one, other = events[at : at + 2]
        if one.process != other.process and (one.type != "invoke" or other.type == "invoke"):
            yield [*events[:at], other, one, *events[at + 2 :]]


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=60)
@given(data=st.data(), shift=st.integers(1, 10**15))
def test_renaming_and_shifting_time_change_nothing(name, data, shift):
    history = data.draw(MADE[name])
    other = History(
        event._replace(process=1000 - event.process, time=event.time + shift) for event in history
    )
    checker = CHECKERS[name].make({})
    one, two = run_checker(checker, history), run_checker(checker, other)
    assert one.verdict is two.verdict
    assert [anomaly.kind for anomaly in one.anomalies] == [a.kind for a in two.anomalies]


# Each is another value in JSON, however alike some of them look to Python.
NAMES = (
    *(0, 1, 7, -3, 10**20, 2.5, True, False, "", "0", "1", "7", "true", "a", "b", "a b"),
    *([], [0], [1], ["1"], [[1], 2], [True], {}, {"a": 1}, {"a": "1"}, {"a": [1]}, {"b": 1}),
)
NAMED = {name: MADE[name] for name in ("set-full", "g-set", "total-queue", "fifo-intervals")} | {
    "broadcast": MADE["g-set"].map(
        lambda history: History(
            event._replace(f="broadcast" if event.f == "add" else event.f) for event in history
        )
    ),
    "unique-ids": MADE["unique-ids"],
}


def values_of(event):
    """The elements of an event; a read of a set has many."""
    if event.value is None:
        return []
    return event.value if event.f == "read" else [event.value]


def renamed(event, names):
    if event.value is None:
        return event
    many = event.f == "read"
    return event._replace(value=[*map(names.get, event.value)] if many else names[event.value])


@pytest.mark.parametrize("name", NAMED)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_renaming_values_changes_nothing(name, data):
    history = data.draw(NAMED[name])
    values = [*dict.fromkeys(value for event in history for value in values_of(event))]
    others = data.draw(st.permutations(NAMES))
    names = dict(zip(values, others, strict=False))
    assert len(names) == len(values)
    other = History(renamed(event, names) for event in history)
    checker = CHECKERS[name].make({})
    one, two = run_checker(checker, history), run_checker(checker, other)
    assert one.verdict is two.verdict
    assert evidence(one) == evidence(two)


def evidence(result):
    """What is wrong, and with which operations, in an order of its own."""
    return sorted(
        (anomaly.kind, sorted(one.number for one in anomaly.operations))
        for anomaly in result.anomalies
    )
