"""Bank, long fork, Adya G2, causal reverse, the lattice and the notation."""

import pytest
from notation import parse

from clew.checkers.infer import infer
from clew.checkers.registry import find
from clew.checkers.transactions import (
    AdyaG2,
    Bank,
    CausalReverse,
    LongFork,
)
from clew.checkers.transactions.consistency_models import MODELS, resolve_models
from clew.checkers.transactions.lattice import (
    ANOMALIES,
    implied_anomalies,
    standing,
    violates,
)
from clew.checkers.verdict import Budget, Verdict
from clew.errors import HistoryError, UsageError
from clew.history import Event, History


def history(*operations):
    """Operations as (f, argument, result) one after the other, or with a fourth: its outcome."""
    events = []
    for process, (f, argument, result, *outcome) in enumerate(operations):
        events.append(Event(process, "invoke", f, argument))
        events.append(Event(process, outcome[0] if outcome else "ok", f, result))
    return History(events)


def concurrent(*operations):
    done = history(*operations).events
    return History(done[::2] + done[1::2])


TRANSFER = ("transfer", {"from": 0, "to": 1, "amount": 5}, {"from": 0, "to": 1, "amount": 5})


@pytest.mark.parametrize(
    ("reads", "options", "verdict", "kinds"),
    [
        ([{"0": 10, "1": 0}, {"0": 5, "1": 5}], {}, Verdict.VALID, []),
        ([[10, 0], [5, 5]], {}, Verdict.VALID, []),
        ([{"0": 10, "1": 0}, {"0": 5, "1": 0}], {}, Verdict.INVALID, ["wrong-total"]),
        ([{"0": 10, "1": 0}], {"total": 12}, Verdict.INVALID, ["wrong-total"]),
        ([{"0": 15, "1": -5}], {}, Verdict.INVALID, ["negative-balance"]),
        ([{"0": 15, "1": -5}], {"negative_balances": True}, Verdict.VALID, []),
        ([{"0": 10, "1": 0}, {"0": 10}], {}, Verdict.INVALID, ["wrong-accounts"]),
        ([{"0": 15, "1": None}], {}, Verdict.INVALID, ["nil-balance"]),
        ([[10, None], [10, 5], [10, 4]], {}, Verdict.INVALID, ["nil-balance", "wrong-total"]),
        ([[10, None, -1]], {}, Verdict.INVALID, ["nil-balance", "negative-balance"]),
        ([], {}, Verdict.UNKNOWN, []),
    ],
)
def test_bank(reads, options, verdict, kinds):
    result = Bank(**options).check(
        history(TRANSFER, *(("read", None, read) for read in reads)), Budget(None)
    )
    assert result.verdict is verdict
    assert [anomaly.kind for anomaly in result.anomalies] == kinds


def test_bank_takes_its_options_from_the_command_line():
    events = history(("read", None, [15, -5]))
    for options, verdict in (
        ({}, Verdict.INVALID),
        ({"negative-balances": "false"}, Verdict.INVALID),
        ({"negative-balances": "true"}, Verdict.VALID),
        ({"negative-balances": "true", "total": "11"}, Verdict.INVALID),
    ):
        result = find("bank").make(options).check(events, Budget(None))
        assert result.verdict is verdict
        assert ("negative" in result.reason) == (options.get("negative-balances") != "true")


def test_reads_of_balances_are_a_banks_though_one_is_nil():
    assert infer(history(("read", None, {"0": 10, "1": None}))).model == "bank"


def test_bank_keeps_the_worst_read_among_those_it_tells():
    reads = [[10, 0], *([[9, 0]] * 20), [1, 0]]
    result = Bank().check(history(*(("read", None, read) for read in reads)), Budget(None))
    assert len(result.anomalies) == 8
    assert result.anomalies[-1].data["error"] == 9
    assert result.statistics["bad_reads"] == 21


@pytest.mark.parametrize("read", [None, 5, {"0": "ten"}, {"0": True}])
def test_bank_refuses_what_are_no_balances(read):
    with pytest.raises(HistoryError, match="no balances"):
        Bank().check(history(("read", None, read)), Budget(None))


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("{x:=1} {y:=1} {x=1 y=nil} {x=nil y=1}", Verdict.INVALID),
        ("{x:=1} {y:=1} {x=1 y=nil} {x=1 y=1} {x=nil y=nil}", Verdict.VALID),
        ("{x:=1} {y:=1} {x=1 y=nil} {y=1 z=nil}", Verdict.UNKNOWN),
        ("{x:=1} {y:=1} {x=1 y=1} {x=1 y=nil} {x=nil y=1}", Verdict.INVALID),
        ("{x:=1} {y:=1} {x=1 y=nil} {x=nil y=1 z=nil}", Verdict.INVALID),
        ("{x:=1} {y:=1} {w=nil x=1 y=nil} {x=1 y=1 z=nil}", Verdict.VALID),
        ("{x:=1} {y:=1} {x=1 y=nil} {x=1 y=nil x=1} {y=nil}", Verdict.VALID),
    ],
)
def test_long_fork(line, verdict):
    result = LongFork().check(parse(line), Budget(None))
    assert result.verdict is verdict
    if verdict is Verdict.INVALID:
        assert "prefix" in result.reason
        assert "long fork" in result.anomalies[0].reason


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("{x:=1} {x=7 y=nil}", "garbage-read"),
        ("{x=nil y=7}", "garbage-read"),
        ("{x:=1}! {x=1 y=nil}", "G1a"),
        ("{x:=1} {x=nil y=nil x=1}", "internal"),
        ("{x:=1 x=nil}", "internal"),
        ("{x:=1} {x=1 y=nil} {x=nil y=nil x=7}", "internal"),
    ],
)
def test_long_fork_wants_every_read_explained(line, kind):
    result = LongFork().check(parse(line), Budget(None))
    assert result.verdict is Verdict.INVALID
    assert [anomaly.kind for anomaly in result.anomalies] == [kind]


def test_long_fork_claims_no_model_to_stand_that_it_did_not_look_at():
    # A stale read on top: no model with real time stands.
    line = "{x:=1} {y:=1} {x=1 y=nil} {x=nil y=1} | {z:=1} | {z=nil y=nil}"
    reason = LongFork().check(parse(line), Budget(None)).reason
    assert reason.endswith("which still stand is not looked at.")
    for model in MODELS:
        assert model.name in {"prefix", "repeatable-read"} or model.name not in reason


def test_long_fork_refuses_a_key_that_is_written_twice():
    with pytest.raises(HistoryError, match="more than once"):
        LongFork().check(parse("{x:=1} {x:=2}"), Budget(None))


@pytest.mark.parametrize(
    ("operations", "verdict"),
    [
        ([("insert", [1, [1, None]], [1, [1, None]])], Verdict.VALID),
        (
            [
                ("insert", [1, [1, None]], [1, [1, None]]),
                ("insert", [1, [None, 2]], [1, [None, 2]], "fail"),
            ],
            Verdict.VALID,
        ),
        (
            [
                ("insert", [1, [1, None]], [1, [1, None]]),
                ("insert", [1, [None, 2]], [1, [None, 2]]),
            ],
            Verdict.INVALID,
        ),
        ([("insert", [1, [1, None]], None, "info")], Verdict.UNKNOWN),
    ],
)
def test_adya_g2(operations, verdict):
    assert AdyaG2().check(concurrent(*operations), Budget(None)).verdict is verdict


def test_adya_g2_says_what_it_leaves_out():
    done, lost = ("insert", [1, [1, None]], None), ("insert", [1, [None, 2]], None, "info")
    result = AdyaG2().check(concurrent(done, lost), Budget(None))
    assert result.verdict is Verdict.VALID
    assert result.reason == "1 key inserted, each once, those of unknown outcome left out: 1."


def test_adya_g2_refuses_an_insert_without_a_key():
    with pytest.raises(HistoryError, match="no key"):
        AdyaG2().check(history(("insert", 5, 5)), Budget(None))


WRITES = [("write", 1, 1), ("write", 2, 2)]


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        (history(*WRITES, ("read", None, [2])), Verdict.INVALID),
        (history(*WRITES, ("read", None, [1])), Verdict.VALID),
        (history(*WRITES, ("read", None, [1, 2])), Verdict.VALID),
        (concurrent(*WRITES, ("read", None, [2])), Verdict.VALID),
        (history(("write", 1, 1, "info"), WRITES[1], ("read", None, [2])), Verdict.VALID),
        (history(*WRITES), Verdict.UNKNOWN),
    ],
)
def test_causal_reverse(events, verdict):
    assert CausalReverse().check(events, Budget(None)).verdict is verdict


def test_causal_reverse_takes_lists_as_values():
    events = history(("write", [[]], [[]]), ("read", None, [[[]], [None]]))
    assert CausalReverse().check(events, Budget(None)).verdict is Verdict.VALID
    events = history(("write", [["w", 1, 5]], None), ("read", None, [["r", 1, 5], ["r", 2, None]]))
    assert CausalReverse().check(events, Budget(None)).verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        (history(*WRITES, ("read", None, [1, 7, 2])), "garbage-read"),
        (history(("write", [[]], [[]]), ("read", None, [[]])), "garbage-read"),
        (history(("write", 1, 1, "fail"), ("read", None, [1])), "G1a"),
        (history(("read", None, [1]), ("write", 1, 1)), "future-read"),
        (history(*WRITES, ("read", None, [1, 2, 1])), "duplicate-elements"),
    ],
)
def test_causal_reverse_wants_every_value_of_a_read_explained(events, kind):
    result = CausalReverse().check(events, Budget(None))
    assert result.verdict is Verdict.INVALID
    assert [anomaly.kind for anomaly in result.anomalies] == [kind]
    assert kind in result.reason


def test_causal_reverse_takes_a_value_whose_first_write_failed_and_whose_second_did_not():
    events = history(("write", 1, 1, "fail"), ("write", 1, 1), ("read", None, [1]))
    assert CausalReverse().check(events, Budget(None)).verdict is Verdict.VALID


def test_every_table_row_is_consistent():
    anomalies = [row.name for row in ANOMALIES]
    models = [row.name for row in MODELS]
    assert len(set(anomalies)) == len(anomalies)
    assert len(set(models)) == len(models)
    assert all(implied in anomalies for row in ANOMALIES for implied in row.implies)
    assert all(row.source and row.meaning for row in ANOMALIES)
    for place, row in enumerate(MODELS):
        assert set(row.implies) <= set(models[:place]), "weaker models come first"
        assert set(row.forbids) <= set(anomalies)
        assert row.source
        for weaker in row.implies:
            for kind in anomalies:
                assert violates(kind, row.name) or not violates(kind, weaker)


def test_graver_anomalies_rule_out_all_that_milder_ones_do():
    for row in ANOMALIES:
        ruled_out = set(standing([row.name]).violated)
        for implied in implied_anomalies([row.name]):
            assert set(standing([implied]).violated) <= ruled_out


@pytest.mark.parametrize(
    ("kind", "weakest", "stands"),
    [
        ("G0", ("read-uncommitted",), ()),
        ("G2-item", ("repeatable-read",), ("strong-snapshot-isolation",)),
        ("long-fork", ("prefix", "repeatable-read"), ("strong-consistent-view",)),
        (
            "G2-item-realtime",
            ("strict-serializable",),
            ("strong-session-serializable", "strong-snapshot-isolation"),
        ),
    ],
)
def test_where_the_line_runs(kind, weakest, stands):
    found = standing([kind])
    assert found.weakest == weakest
    assert found.strongest == stands
    assert all(violates(kind, model) for model in found.violated)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("PL-3", "serializable"),
        (":strict-serializable", "strict-serializable"),
        ("SI", "snapshot-isolation"),
        ("snapshot_isolation", "snapshot-isolation"),
        ("Repeatable Read", "repeatable-read"),
        ("PL-SS", "strict-serializable"),
    ],
)
def test_models_are_known_by_their_other_names(name, model):
    assert resolve_models([name]) == (model,)
    assert resolve_models(name) == (model,)


def test_an_unknown_model_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="Perhaps serializable is meant"):
        resolve_models(["serialisable"])
    with pytest.raises(UsageError, match="no consistency model is named"):
        resolve_models([])


@pytest.mark.parametrize("line", ["x+1", "{x+}", "{x?1}", "p1{x+1} p1{y+1}"])
def test_notation_refuses_what_it_cannot_read(line):
    with pytest.raises(UsageError, match="can't be read"):
        parse(line)


def test_notation():
    found = parse("p3{x+1 y=[a 2]} {z:=-4}! | {z=nil q=5}?")
    assert [(e.process, e.type, e.value) for e in found] == [
        (3, "invoke", [["append", "x", 1], ["r", "y", None]]),
        (1000, "invoke", [["w", "z", -4]]),
        (3, "ok", [["append", "x", 1], ["r", "y", ["a", 2]]]),
        (1000, "fail", [["w", "z", -4]]),
        (1001, "invoke", [["r", "z", None], ["r", "q", None]]),
        (1001, "info", [["r", "z", None], ["r", "q", None]]),
    ]


def test_a_transaction_may_go_on_past_the_next_bar():
    found = parse("p1{x+1}> p2{y+1}>>? | p3{z+1} | p4{z=[1]}")
    assert [(e.process, e.type) for e in found] == [
        (1, "invoke"), (2, "invoke"), (3, "invoke"), (1, "ok"), (3, "ok"), (4, "invoke"),
        (2, "info"), (4, "ok"),
    ]  # fmt: skip
    assert [e.type for e in parse("{x+1}>>")] == ["invoke", "ok"]
    with pytest.raises(UsageError, match="one transaction of each process"):
        parse("p1{x+1}> | p1{x+2}")
