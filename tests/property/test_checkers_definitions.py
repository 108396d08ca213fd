"""Checkers of objects and small workloads against their definitions, each written out by loops."""

from itertools import combinations, pairwise, permutations, product

from checker_histories import MADE, NODES, histories, next_in_line, queue_answer, queue_call
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.collections.queues import FifoQueue, TotalQueue
from clew.checkers.collections.set_full import SetFull
from clew.checkers.kafka import Kafka
from clew.checkers.replicated.convergence import Convergence
from clew.checkers.replicated.counters import Counter, IntervalCounter
from clew.checkers.simple.mutex_intervals import MutexIntervals
from clew.checkers.simple.unique_ids import UniqueIds
from clew.checkers.transactions import AdyaG2, Bank, CausalReverse, LongFork
from clew.checkers.verdict import Verdict, run_checker
from clew.history import Event, History


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
    reads = [
        (
            {key for _, key, _ in one.result},
            {key for _, key, value in one.result if value is not None},
        )
        for one in done(history, "read")
    ]
    forked = any(
        (a - b) & both and (b - a) & both
        for (asked, a), (other, b) in combinations(reads, 2)
        for both in [asked & other]
    )
    result = run_checker(LongFork(), history)
    assert bool(result.statistics["forks"]) == forked
    assert result.verdict is Verdict.INVALID or not forked


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
    # What a read shows that it can't, such as a failed write, is told besides.
    told = kinds(CausalReverse(), history)
    found = told.get("causal-reverse", 0)
    assert found == wrong or (found < wrong and sum(told.values()) == 8)  # no more are told


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
