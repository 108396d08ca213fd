"""Consistency models by name, with and without sessions, and how soon they are decided."""

from random import Random

import pytest
from notation import parse

from clew.checkers.transactions import ListAppend, RwRegister
from clew.checkers.transactions.consistency_models import MODELS, resolve_models
from clew.checkers.transactions.lattice import weaker
from clew.checkers.transactions.search.versions import TRIED_THROUGH
from clew.checkers.verdict import Budget, Verdict
from clew.errors import UsageError
from clew.history import Event, History

# elle/src/elle/consistency_model.clj, `all-models`
ELLE = {
    "PL-1": "read-uncommitted",
    "PL-2": "read-committed",
    "PL-2+": "consistent-view",
    "PL-2.99": "repeatable-read",
    "PL-2L": "monotonic-view",
    "PL-3": "serializable",
    "PL-3U": "update-serializable",
    "PL-CS": "cursor-stability",
    "PL-FCV": "forward-consistent-view",
    "PL-MSR": "monotonic-snapshot-read",
    "PL-SI": "snapshot-isolation",
    "PL-SS": "strict-serializable",
    "1SR": "serializable",
    "PRAM": "PRAM",
    "ROLA": "update-atomic",
    "causal": "causal",
    "causal-cerone": "causal-cerone",
    "conflict-serializable": "serializable",
    "consistent-view": "consistent-view",
    "cursor-stability": "cursor-stability",
    "forward-consistent-view": "forward-consistent-view",
    "linearizable": "linearizable",
    "monotonic-atomic-view": "monotonic-atomic-view",
    "monotonic-reads": "monotonic-reads",
    "monotonic-snapshot-read": "monotonic-snapshot-read",
    "monotonic-view": "monotonic-view",
    "monotonic-writes": "monotonic-writes",
    "parallel-snapshot-isolation": "parallel-snapshot-isolation",
    "prefix": "prefix",
    "read-atomic": "read-atomic",
    "read-committed": "read-committed",
    "read-uncommitted": "read-uncommitted",
    "read-your-writes": "read-your-writes",
    "repeatable-read": "repeatable-read",
    "sequential": "sequential",
    "serializable": "serializable",
    "session-serializable": "strong-session-serializable",
    "snapshot-isolation": "snapshot-isolation",
    "strict-serializable": "strict-serializable",
    "strong-PL-1": "strong-read-uncommitted",
    "strong-PL-2": "strong-read-committed",
    "strong-read-committed": "strong-read-committed",
    "strong-read-uncommitted": "strong-read-uncommitted",
    "strong-serializable": "strict-serializable",
    "strong-session-PL-1": "strong-session-read-uncommitted",
    "strong-session-PL-2": "strong-session-read-committed",
    "strong-session-read-committed": "strong-session-read-committed",
    "strong-session-read-uncommitted": "strong-session-read-uncommitted",
    "strong-session-serializable": "strong-session-serializable",
    "strong-session-snapshot-isolation": "strong-session-snapshot-isolation",
    "strong-snapshot-isolation": "strong-snapshot-isolation",
    "update-serializable": "update-serializable",
    "view-serializable": "serializable",
    "writes-follow-reads": "writes-follow-reads",
}


@pytest.mark.parametrize("name", ELLE)
def test_every_name_that_elle_knows_is_accepted(name):
    assert resolve_models([name, f":{name}"]) == (ELLE[name],)


@pytest.mark.parametrize(
    "name", ["causal-consistency", "Transactional Causal", "TCC", "strong-session-causal"]
)
def test_causal_consistency_means_the_one_with_sessions(name):
    assert resolve_models([name]) == ("causal",)


def test_no_name_stands_for_two_models():
    names = [name.lower() for row in MODELS for name in (row.name, *row.aliases)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("session", "base"),
    [
        ("strong-session-read-atomic", "read-atomic"),
        ("causal", "causal-cerone"),
        ("strong-session-prefix", "prefix"),
        ("strong-session-consistent-view", "parallel-snapshot-isolation"),
    ],
)
def test_a_model_with_sessions_is_stronger_than_its_base_alone(session, base):
    assert base in weaker(session)
    assert session not in weaker("serializable")
    assert session in weaker("strong-session-serializable")


@pytest.mark.parametrize("name", ["list-append", "rw-register", "register", "kafka"])
def test_a_checker_given_as_a_model_is_told(name):
    with pytest.raises(UsageError, match=f"{name} is a checker, .* say --model {name}"):
        resolve_models([name])


# Each line with the weakest models that it breaks; all that they don't imply holds.
SESSIONS = {
    "p1{x:=1} | p1{x=nil}": "strong-session-read-atomic",  # read your writes
    "{x:=1}> p1{x=1} | p1{x=nil}": "causal",  # monotonic reads
    "{y=1 x=nil}> p1{x:=1} | p1{y:=1}": "causal",  # monotonic writes
    "{x:=1}> p1{x=1} | p1{y:=1} {y=1 x=nil}": "causal",  # writes follow reads
    "{x=nil z=1}> p1{x:=1} {z:=1}> | p1{z=nil}": "strong-session-prefix",
    "p1{x:=1 y:=1} p2{x:=2 y:=2} | p1{x=1} p2{y=2}": None,
    "p1{x:=1 y:=1} p2{x:=2 y:=2} | p1{x=2} p2{y=1}": "strong-session-read-atomic",  # x or y first?
}


@pytest.mark.parametrize(
    ("line", "lists"),
    [
        *((line, False) for line in SESSIONS),
        # A list that was read shows which of two writes came first.
        *((line, True) for line in SESSIONS if ":=2" not in line),
    ],
)
def test_sessions_count_in_the_models_that_have_them(line, lists):
    falls = SESSIONS[line]
    if lists:
        line = line.replace(":=", "+").replace("=nil", "=[]").replace("=1", "=[1]")
    history = parse(line)
    models = [
        "read-atomic", "strong-session-read-atomic", "causal-cerone", "causal", "prefix",
        "strong-session-prefix",
    ]  # fmt: skip
    for model in models:
        broken = falls is not None and falls in weaker(model)
        checker = (ListAppend if lists else RwRegister)((model,))
        verdict = checker.check(history, Budget(None)).verdict
        assert verdict is (Verdict.INVALID if broken else Verdict.VALID), model


def clean(count, keys=10, clients=20, seed=1):
    """A store that runs each transaction at one moment; some answers never come."""
    random = Random(seed)
    state, events, pending = {}, [], {}
    names, written, begun = list(range(clients)), 0, 0
    while begun < count or pending:
        at = random.randrange(clients)
        client = names[at]
        if client not in pending:
            if begun == count:
                continue
            begun += 1
            asked = []
            for _ in range(random.randint(1, 4)):
                written += 1
                f = random.choice("rw")
                asked.append([f, random.randrange(keys), written if f == "w" else None])
            events.append(Event(client, "invoke", "txn", asked))
            pending[client] = (asked, None)
        elif pending[client][1] is None:
            asked, answer = pending[client][0], []
            for f, key, value in asked:
                if f == "w":
                    state[key] = value
                answer.append([f, key, state.get(key)])
            pending[client] = (asked, answer)
        else:
            asked, answer = pending.pop(client)
            kind = "info" if random.random() < 0.03 else "ok"
            events.append(Event(client, kind, "txn", answer if kind == "ok" else asked))
            names[at] += clients * (kind == "info")
    return History(events)


CLEAN = clean(300, seed=2)  # an order is not found at once


@pytest.mark.parametrize("model", [row.name for row in MODELS])
def test_a_clean_history_is_decided_at_every_model_as_soon_as_at_the_strongest(model):
    steps = Budget(None)
    assert RwRegister().check(CLEAN, steps).verdict is Verdict.VALID
    result = RwRegister((model,)).check(CLEAN, Budget(None, 2 * steps.spent))
    assert result.verdict is Verdict.VALID, result.reason


def lost_updates(count, seed=1):
    """Each transaction sees some recent state and commits whatever others wrote meanwhile."""
    random = Random(seed)
    states, events, written = [{}], [], 0
    for _ in range(count):
        view = dict(states[max(0, len(states) - 1 - random.randint(0, 5))])
        answer, changed = [], {}
        for _ in range(random.randint(1, 3)):
            key = random.randrange(6)
            if random.random() < 0.5:
                written += 1
                changed[key] = view[key] = written
                answer.append(["w", key, written])
            else:
                answer.append(["r", key, view.get(key)])
        states.append({**states[-1], **changed})
        process = random.randrange(8)
        asked = [[f, key, value if f == "w" else None] for f, key, value in answer]
        events += [Event(process, "invoke", "txn", asked), Event(process, "ok", "txn", answer)]
    return History(events)


@pytest.mark.parametrize("model", ["read-atomic", "causal-cerone", "prefix"])
def test_models_that_allow_lost_updates_are_decided_where_there_are_many(model):
    history = lost_updates(200)
    assert RwRegister(("snapshot-isolation",)).check(history, Budget(None)).verdict is (
        Verdict.INVALID
    )
    result = RwRegister((model,)).check(history, Budget(None, 200_000))
    assert result.verdict is Verdict.VALID


def test_models_that_are_not_decided_are_tried_through_one_that_is():
    decided = {row.name for row in MODELS if row.decided}
    assert {row.name for row in MODELS} - decided == set(TRIED_THROUGH)
    for model, through in TRIED_THROUGH.items():
        assert through in decided
        assert model in weaker(through)
