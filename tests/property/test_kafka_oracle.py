"""Kafka: every kind of anomaly, looked for by comparing everything with everything.

Transactions that commit, fail and stay open, assignments, subscriptions, commits of offsets.
Whatever is drawn is judged twice: by the checker, and by the definitions below, written apart.
"""

from itertools import combinations, pairwise, permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.kafka import Kafka
from clew.checkers.verdict import Verdict, run_checker
from clew.history import Event, History

KEYS = ("x", "y")
ENDINGS = ("ok", "ok", "ok", "fail", "info")


def interleaved(draw, calls, clients):
    """Events of clients that take turns; ``calls(client, number)`` gives f, argument, result."""
    events, open_, process = [], {}, dict(enumerate(range(clients)))
    for number in range(draw(st.integers(2, 14))):
        client = draw(st.integers(0, clients - 1))
        if client not in open_:
            f, argument, result = calls(process[client], number)
            node = f"n{client % 2}"
            open_[client] = (f, result, node)
            events.append(Event(process[client], "invoke", f, argument, node=node))
            continue
        f, result, node = open_.pop(client)
        ending = draw(st.sampled_from(ENDINGS))
        events.append(Event(process[client], ending, f, result, node=node))
        process[client] += clients * (ending == "info")
    return History(events)


@st.composite
def transactions(draw):
    """A log of three or four messages a key is drawn first; half of the polls follow it."""
    logs = {key: [f"{key}{at}" for at in range(4)] for key in KEYS}

    def part():
        key = draw(st.sampled_from(KEYS))
        if draw(st.booleans()):
            at = draw(st.integers(0, 3))
            offset = at if draw(st.integers(0, 7)) else draw(st.integers(0, 4))
            return ["send", key, logs[key][at]], ["send", key, [offset, logs[key][at]]]
        low = draw(st.integers(0, 3))
        pairs = [[at, logs[key][at]] for at in range(low, draw(st.integers(low, 4)))]
        if not draw(st.integers(0, 7)):
            pairs = [[draw(st.integers(0, 4)), draw(st.sampled_from(logs[key]))] for _ in range(2)]
        return ["poll"], ["poll", {key: pairs}]

    def calls(_, number):
        kind = draw(st.integers(0, 11))
        if kind == 0:
            keys = draw(st.lists(st.sampled_from(KEYS), unique=True))
            return "assign", keys, keys
        if kind == 1 and number > 5:
            return "subscribe", ["x"], ["x"]
        parts = [part() for _ in range(draw(st.integers(1, 3)))]
        return "txn", [asked for asked, _ in parts], [answer for _, answer in parts]

    return interleaved(draw, calls, 3)


class Facts:
    """What the definitions speak of, read off the operations in the plainest way."""

    def __init__(self, history):
        self.history = history
        self.all = history.operations
        self.txns = [one for one in self.all if one.f == "txn"]
        self.polled = [
            (one, key, offset, message)
            for one in self.txns
            for kind, *rest in one.result or []
            if kind == "poll"
            for key, pairs in rest[0].items()
            for offset, message in pairs
        ]
        shown = {(key, message) for _, key, _, message in self.polled}
        self.sent = [(one, key, message) for one in self.txns for _, key, message in sends(one)]
        in_effect = [
            one
            for one in self.txns
            if one.type == "ok"
            or (one.type == "info" and any((k, m) in shown for _, k, m in sends(one)))
        ]
        self.placed = [
            (one, key, offset, message)
            for one in in_effect
            for kind, key, *rest in one.result or []
            if kind == "send"
            for offset, message in rest
        ]
        self.seen = {(key, offset, message) for _, key, offset, message in self.placed}
        self.seen |= {(key, offset, message) for _, key, offset, message in self.polled}

    def live(self, key, message):
        return [one for one, k, m in self.sent if (k, m) == (key, message) and one.type != "fail"]

    def reads(self, one, key):
        return [offset for who, k, offset, _ in self.polled if who is one and k == key]

    def before(self, one, key):
        """The offset up to which the client of an operation had read before it, or None."""
        last = None
        for each in self.all[: self.all.index(one)]:
            if each.process != one.process:
                continue
            if each.f == "subscribe" and each.type != "fail":
                last = "anywhere"
            elif each.f == "assign" and each.type != "fail":
                last = last if key in each.argument and last != "anywhere" else None
            elif each.type == "ok" and last != "anywhere" and self.reads(each, key):
                last = self.reads(each, key)[-1]
        return None if last == "anywhere" else last


def sends(one):
    return [part for part in one.argument if part[0] == "send"]


def end(one):
    return one.invoked if one.completed is None else one.completed


def by_definition(history):
    """The kinds of anomalies that the history has."""
    facts = Facts(history)
    kinds = {
        "inconsistent-offsets": any(
            a[:2] == b[:2] and a[2] != b[2] for a, b in combinations(sorted(facts.seen), 2)
        )
        or any(a[1:] == b[1:] for a, b in combinations(facts.placed, 2)),
        "duplicate": any(
            len([1 for k, _, m in facts.seen if (k, m) == (key, message)])
            > max(1, len(facts.live(key, message)))
            for key, _, message in facts.seen
        ),
        "precommitted-read": any(
            one is who and (k, m) == (key, message)
            for one, key, _, message in facts.polled
            for who, k, m in facts.sent
        ),
    }
    kinds |= order_of_polls(facts)
    for one, key, _, message in facts.polled:
        tries = [who for who, k, m in facts.sent if (k, m) == (key, message)]
        if any(who.type != "fail" and who.invoked < end(one) for who in tries):
            continue
        aborted = bool(tries) and all(who.type == "fail" for who in tries)
        kinds["phantom"] = kinds.get("phantom", False) or not aborted
        if aborted and one.type == "ok":
            kinds["G1a"] = True
    return {kind for kind, there in (kinds | circles(facts)).items() if there}


def order_of_polls(facts):
    found = dict.fromkeys(
        ["int-poll-skip", "int-nonmonotonic-poll", "poll-skip", "nonmonotonic-poll"], False
    )
    gaps = []
    for one, key in product(facts.txns, KEYS):
        offsets = facts.reads(one, key)
        for low, high in pairwise(offsets):
            found["int-nonmonotonic-poll"] |= high <= low
            found["int-poll-skip"] |= any(k == key and low < o < high for k, o, _ in facts.seen)
            gaps.append((key, low, high))
        if offsets:
            low = facts.before(one, key)
            gaps.append((key, -1 if low is None else low, offsets[0]))
            found["nonmonotonic-poll"] |= low is not None and offsets[0] <= low
            found["poll-skip"] |= low is not None and any(
                k == key and low < o < offsets[0] for k, o, _ in facts.seen
            )
    polled = {(key, message) for _, key, _, message in facts.polled}
    found["lost-write"] = any(
        (key, message) not in polled and any(k == key and a < offset < b for k, a, b in gaps)
        for _, key, offset, message in facts.placed
    )
    return found


def circles(facts):
    """Whether a closed walk of "polled what that sent" exists, without and with real time."""
    before = {
        (facts.live(key, message)[0].number, one.number)
        for one, key, _, message in facts.polled
        if len(facts.live(key, message)) == 1
        and facts.live(key, message)[0] is not one
        and facts.live(key, message)[0].invoked < end(one)
    }
    if is_cyclic(before):
        return {"G1c": True}
    timely = {
        (a.number, b.number)
        for a, b in permutations(facts.txns, 2)
        if a.type != "info" and end(a) < b.invoked
    }
    return {"G1c-realtime": is_cyclic(before | timely)}


def is_cyclic(edges):
    reached = set(edges)
    while True:
        more = {(a, d) for a, b in reached for c, d in edges if b == c} - reached
        if not more:
            return any(a == b for a, b in reached)
        reached |= more


JUDGED = {
    "inconsistent-offsets", "duplicate", "precommitted-read", "int-poll-skip", "poll-skip",
    "int-nonmonotonic-poll", "nonmonotonic-poll", "lost-write", "phantom", "G1a", "G1c",
    "G1c-realtime",
}  # fmt: skip


@given(transactions())
@settings(max_examples=400)
def test_transactions_follow_the_definitions(history):
    result = run_checker(Kafka(), history)
    assert "crashed" not in result.reason
    assert {one.kind for one in result.anomalies} & JUDGED == by_definition(history)


@st.composite
def offsets_committed(draw):
    """Commits and lists of one or two keys, by clients of two nodes."""

    def calls(*_):
        keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, unique=True))
        offset = st.integers(0, 3)
        if draw(st.booleans()):
            asked = {key: draw(offset) for key in keys}
            return "commit_offsets", asked, asked
        shown = {key: draw(offset) for key in keys if draw(st.integers(0, 3))}
        return "list_committed_offsets", keys, shown

    return interleaved(draw, calls, 3)


def may_show(history, one, key, recency):
    """Whether some order of the commits explains what a list shows of a key: by enumeration."""
    commits = [
        (each.argument[key], each)
        for each in history.operations
        if each.f == "commit_offsets" and each.type != "fail" and key in each.argument
        and each.invoked < end(one)
    ]  # fmt: skip
    shown = one.result.get(key)
    if shown not in {offset for offset, _ in commits}:
        if shown:
            return False
        shown = None

    def near(each):
        own = each.process == one.process or each.node == one.node
        return end(each) < one.invoked and (recency == "strong" or (recency == "session" and own))

    owed = [number for number, (_, each) in enumerate(commits) if each.type == "ok" and near(each)]
    listed = [
        each.result[key]
        for each in history.operations
        if each.f == "list_committed_offsets" and each.type == "ok" and near(each)
        and each.result.get(key) in {o for o, other in commits_by(history, key, end(each))}
    ]  # fmt: skip
    for size in range(len(commits) + 1):
        for order in permutations(range(len(commits)), size):
            values = [commits[at][0] for at in order]
            if (
                set(owed) <= set(order)
                and set(listed) <= set(values)
                and all(
                    not over(commits[b][1]) < commits[a][1].invoked
                    for a, b in combinations(order, 2)
                )
                and shown in ({values[-1], max(values)} if values else {None})
            ):
                return True
    return False


def commits_by(history, key, position):
    return [
        (each.argument[key], each)
        for each in history.operations
        if each.f == "commit_offsets" and each.type != "fail" and key in each.argument
        and each.invoked < position
    ]  # fmt: skip


def over(one):
    return end(one) if one.type == "ok" else float("inf")


@pytest.mark.parametrize("recency", ["eventual", "session", "strong"])
@given(history=offsets_committed())
@settings(max_examples=150)
def test_committed_offsets_follow_the_definitions(recency, history):
    result = run_checker(Kafka(recency=recency), history)
    assert "crashed" not in result.reason
    found = {
        (one.operations[-1].number, one.data["key"])
        for one in result.anomalies
        if one.kind.endswith("-commit")
    }
    expected = {
        (one.number, key)
        for one in history.operations
        if one.f == "list_committed_offsets" and one.type == "ok"
        for key in one.argument
        if not may_show(history, one, key, recency)
    }
    assert found == expected, history.events
    assert (result.verdict is Verdict.INVALID) == bool(found)
