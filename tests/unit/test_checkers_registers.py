"""Registers under weaker promises: the textbook anomalies, told in words.

A history is written as one line for each session, operations apart by blanks: ``Wx1`` writes 1 to
x, ``Rx1`` reads it, ``Rx0`` reads the initial value, and ``Wx1?`` is a write of unknown outcome.
Sessions only know their own order here; the operations are given one session after the other.
"""

from dataclasses import replace

import pytest

from clew.checkers.registers.atomicity import Atomicity
from clew.checkers.registers.causal import Causal
from clew.checkers.registers.sequential import Sequential
from clew.checkers.registers.sessions import Sessions
from clew.checkers.registers.staleness import Staleness
from clew.checkers.verdict import Budget, OutOfBudget, Verdict, run_checker
from clew.errors import UsageError
from clew.history import Event, History


def history(*sessions):
    events = []
    for process, line in enumerate(sessions):
        for word in line.split():
            f = {"W": "write", "R": "read"}[word[0]]
            value = int(word[2:].rstrip("?")) or None
            call = Event(process, "invoke", f, [word[1], value if f == "write" else None])
            end = "info" if word.endswith("?") else "ok"
            events += [call, call._replace(type=end, value=[word[1], value])]
    return History(event._replace(time=at) for at, event in enumerate(events))


MODELS = {
    "MR": Sessions(guarantees=["monotonic-reads"]),
    "RYW": Sessions(guarantees=["read-your-writes"]),
    "MW": Sessions(guarantees=["monotonic-writes", "monotonic-reads"]),
    "WFR": Sessions(guarantees=["writes-follow-reads", "monotonic-reads"]),
    "PRAM": Causal(model="PRAM"),
    "CC": Causal(model="CC"),
    "CCv": Causal(model="CCv"),
    "CM": Causal(model="CM"),
    "SC": Sequential(),
}

# Name: sessions, and the models that the history breaks.
FIGURES = {
    "a serial history": (["Wx1 Rx1 Wx2 Rx2"], ""),
    "Terry 1994, a calendar's meeting is gone again (monotonic reads)": (
        ["Wx1", "Rx1 Rx0"],
        "MR MW WFR PRAM CC CCv CM SC",
    ),
    "reads swap": (["Wx1", "Wx2", "Rx1 Rx2", "Rx2 Rx1"], "MR MW WFR CCv SC"),
    "one reader goes to and fro": (["Wx1", "Wx2", "Rx1 Rx2 Rx1"], "MR MW WFR PRAM CCv CM SC"),
    "Terry 1994, a new password is refused (read your writes)": (
        ["Wx1 Rx0"],
        "RYW PRAM CC CCv CM SC",
    ),
    "Terry 1994, a file's old version replaces its new one (monotonic writes)": (
        ["Wx1 Wx2", "Rx2 Rx1"],
        "MW PRAM CC CCv CM SC",
    ),
    "Terry 1994, an answer seen before its question (writes follow reads)": (
        ["Wx1", "Rx1 Wx2", "Rx2 Rx1"],
        "WFR CC CCv CM SC",
    ),
    "an answer seen without its question": (["Wx1", "Rx1 Wy1", "Ry1 Rx0"], "CC CCv CM SC"),
    "Dekker": (["Wx1 Ry0", "Wy1 Rx0"], "SC"),
    "Boehm and Adve 2008, IRIW: independent reads of independent writes": (
        ["Wx1", "Wy1", "Rx1 Ry0", "Ry1 Rx0"],
        "SC",
    ),
    "POPL 2017, figure 3a: CM but not CCv": (["Wx1 Rx2", "Wx2 Rx1"], "RYW CCv SC"),
    "POPL 2017, figure 3b: CCv but not CM": (
        ["Wz1 Wx1 Wy1", "Wx2 Rz0 Ry1 Rx2"],
        "PRAM CM SC",
    ),
    "POPL 2017, figure 3c: CC but neither": (["Wx1", "Wx2 Rx1 Rx2"], "PRAM CCv CM SC"),
    "POPL 2017, figure 3d: both, but not sequential": (
        ["Wx1 Ry0 Wy1 Rx1", "Wx2 Ry0 Wy2 Rx2"],
        "SC",
    ),
    "POPL 2017, figure 3e: not CC": (
        ["Wx1 Wy1", "Ry1 Wx2", "Rx2 Rx1"],
        "CC CCv CM SC",
    ),
    "a write of unknown outcome that was seen": (["Wx1?", "Rx1 Rx1"], ""),
    "one that was not": (["Wx1?", "Rx0 Rx0"], ""),
    "thin air": (["Wx1", "Rx7"], "MR RYW MW WFR PRAM CC CCv CM SC"),
}


@pytest.mark.parametrize("figure", FIGURES)
def test_each_figure_breaks_what_it_should(figure):
    sessions, broken = FIGURES[figure]
    found = [
        name
        for name, checker in MODELS.items()
        if run_checker(checker, history(*sessions)).verdict is Verdict.INVALID
    ]
    assert found == broken.split()


@pytest.mark.parametrize("name", FIGURES)
def test_what_registers_begin_with_may_be_stated(name):
    sessions, _ = FIGURES[name]
    zero = History(event._replace(value=begun(event)) for event in history(*sessions))
    for checker in [*MODELS.values(), Atomicity(), Staleness(bound_ns=1)]:
        plain = run_checker(checker, history(*sessions))
        stated = run_checker(replace(checker, initial=0), zero)
        assert stated.verdict is plain.verdict
        assert len(stated.anomalies) == len(plain.anomalies)


def begun(event):
    """An event's value with 0 where a read returned nothing."""
    return [event.value[0], 0] if event.type == "ok" and event.value[1] is None else event.value


def test_a_write_of_what_registers_begin_with_leaves_it_open():
    again = history("Wx1 Wx2 Rx2")
    for checker in MODELS.values():
        result = run_checker(replace(checker, initial=2), again)
        if isinstance(checker, Sequential):
            assert result.verdict is Verdict.VALID
            continue
        assert result.verdict is Verdict.UNKNOWN
        assert result.reason.startswith("2 was there at first and was written")


def test_a_zero_that_nobody_wrote_is_hinted_at():
    result = run_checker(Sequential(), register((0, "invoke", "read", None), (0, "ok", "read", 0)))
    assert result.verdict is Verdict.INVALID
    assert result.reason.endswith("the option initial says so.")


@pytest.mark.parametrize("shown", [["7_1", "7_0"], [None, "7_0"], [None, None]])
def test_subkeys_begin_with_nothing_whatever_is_stated(shown):
    parts = register(
        (0, "invoke", "add", [7, "7_0"]), (0, "ok", "add", [7, "7_0"]),
        (0, "invoke", "add", [7, "7_1"]), (0, "ok", "add", [7, "7_1"]),
        (1, "invoke", "read", [7, None]), (1, "ok", "read", [7, shown]),
    )  # fmt: skip
    assert run_checker(Sequential(initial=0), parts).verdict is Verdict.VALID


TOLD = {
    "MR": (
        ["Wx1", "Rx1 Rx0"],
        "monotonic-reads",
        (
            "Process 1 read x = 1 and later the initial value; x = 1 was written over the initial "
            "value. No order of the writes allows all of that."
        ),
    ),
    "RYW": (
        ["Wx1 Rx0"],
        "read-your-writes",
        (
            "Process 0 wrote x = 1 and later read the initial value; x = 1 was written over the "
            "initial value. No order of the writes allows all of that."
        ),
    ),
    "MW": (
        ["Wx1 Wx2", "Rx2 Rx1"],
        "monotonic-writes",
        (
            "Process 0 wrote x = 1 and then x = 2; process 1 read x = 2 and later x = 1. No "
            "order of "
            "the writes allows all of that."
        ),
    ),
    "WFR": (
        ["Wx1", "Rx1 Wx2", "Rx2 Rx1"],
        "writes-follow-reads",
        (
            "Process 1 read x = 1 and then wrote x = 2; process 2 read x = 2 and later x = 1. No "
            "order of the writes allows all of that."
        ),
    ),
    "CC": (
        ["Wx1 Wx2", "Rx2 Rx1"],
        "write-co-read",
        "Process 1 read 1 from x, though x = 2, which is causally newer, comes before that read.",
    ),
    "CCv": (
        ["Wx1 Rx2", "Wx2 Rx1"],
        "cyclic-cf",
        (
            "Process 0 read 2 from x when x = 1 was already there, so x = 2 was written "
            "after x = 1; "
            "process 1 read 1 from x when x = 2 was already there, so x = 1 was written "
            "after x = 2. "
            "So each of these would have to come before itself."
        ),
    ),
    "PRAM": (
        ["Wx1 Rx0"],
        "write-hb-init-read",
        (
            "Process 0 read null from x, the initial value, though process 0 wrote 1 to x and that "
            "comes before."
        ),
    ),
    "SC": (
        ["Wx1 Ry0", "Wy1 Rx0"],
        "nonsequential",
        (
            "Process 0 wrote 1 to x, and after that read y = null; process 0 read null from y, so "
            "that y = 1 was not yet written; process 1 wrote 1 to y, and after that read x = null; "
            "process 1 read null from x, so that x = 1 was not yet written. So each of these would "
            "have to come before itself."
        ),
    ),
}


@pytest.mark.parametrize("model", TOLD)
def test_each_violation_is_told_in_words(model):
    sessions, kind, reason = TOLD[model]
    (anomaly,) = run_checker(MODELS[model], history(*sessions)).anomalies
    assert (anomaly.kind, anomaly.reason) == (kind, reason)


def test_a_run_along_a_session_is_told_as_one_step():
    parts = history("Wx1 Wy1 Ry1 Wx2 Rx1")
    (anomaly,) = run_checker(Causal(model="PRAM"), parts).anomalies
    assert anomaly.reason == (
        "Process 0 wrote 1 to x, and after that wrote x = 2; process 0 read 1 from x when x = 2 "
        "was already there, so x = 1 was written after x = 2. So each of these would have to come "
        "before itself."
    )
    assert anomaly.data == {"cycle": [0, 3], "because": ["session", "overwritten"]}


def register(*steps):
    """Steps are (process, type, f, value); time is ten times the position."""
    return History(Event(*step, time=10 * at) for at, step in enumerate(steps))


def sequence(*values):
    """One process that writes positive values and reads negative ones, 0 for the initial one."""
    steps = []
    for value in values:
        f = "write" if value > 0 else "read"
        steps += [(0, "invoke", f, value if value > 0 else None), (0, "ok", f, abs(value) or None)]
    return register(*steps)


@pytest.mark.parametrize(
    ("values", "least"),
    [([1, -1], 1), ([1, 2, -1], 2), ([1, 0], 2), ([1, 2, 3, -1], 3), ([1, 2, 0], 3)],
)
def test_k_atomicity_counts_how_many_writes_a_read_is_behind(values, least):
    for k in range(1, 5):
        result = run_checker(Atomicity(k=k), sequence(*values))
        assert result.verdict is (Verdict.VALID if k >= least else Verdict.INVALID)


def test_a_read_too_far_behind_is_told():
    (anomaly,) = run_checker(Atomicity(k=2), sequence(1, 2, 3, -1)).anomalies
    assert anomaly.reason == (
        "Process 0 read 1, and in no order of the operations is that one of the last 2 values "
        "written; before its response only 2 or 3 can have been."
    )


def test_staleness_is_measured_and_bounded():
    parts = sequence(1, 2, -1)
    assert run_checker(Staleness(bound_ns=10), parts).verdict is Verdict.VALID
    result = run_checker(Staleness(bound_ns=9), parts)
    assert result.statistics["staleness_ns"] == 10
    assert result.reason.endswith("The history is stale by 10 ns.")
    assert [one.kind for one in result.anomalies] == ["stale-read"]


def test_a_read_from_the_future_is_no_staleness():
    parts = register(
        (0, "invoke", "read"),
        (0, "ok", "read", 1),
        (0, "invoke", "write", 1),
        (0, "ok", "write", 1),
    )
    result = run_checker(Staleness(bound_ns=10**12), parts)
    assert [one.kind for one in result.anomalies] == ["future-read"]
    assert run_checker(Atomicity(k=5), parts).verdict is Verdict.INVALID


CHECKERS = [*MODELS.values(), Atomicity(), Staleness(bound_ns=1)]
CAN_T_TELL = {
    "nothing": (register(), "No read or write was answered."),
    "a value twice": (sequence(1, 1, -1), "1 was written more than once"),
    "another operation": (
        register((0, "invoke", "cas", [1, 2])),
        "Cas is neither read nor write, so what reads saw is not known.",
    ),
    "null as a value": (
        register((0, "invoke", "write", None)),
        "null was there at first and was written, so it is not known",
    ),
}


REPEATED = ("a value twice", "null as a value")


@pytest.mark.parametrize("case", CAN_T_TELL)
def test_what_can_t_be_told_is_unknown(case):
    parts, reason = CAN_T_TELL[case]
    for checker in CHECKERS:
        if case in REPEATED and isinstance(checker, Sequential):
            continue
        result = run_checker(checker, parts)
        assert result.verdict is Verdict.UNKNOWN
        assert result.reason.startswith(reason)


WRITTEN_TWICE = {
    # one session a line; w1 writes 1 and r1 reads it, w1? may have happened, r reads nil
    "one order explains both reads": (["w1 w2 w1", "r1 r2 r1"], Verdict.VALID),
    "a value is read when it is there again": (["w1 w2", "w1", "r2 r1"], Verdict.VALID),
    "not without its second write": (["w1 w2", "r1 r2 r1"], Verdict.INVALID),
    "an unknown write may be that one": (["w1 w2", "w1?", "r1 r2 r1"], Verdict.VALID),
    "and need not have happened": (["w1 w1", "w2?", "r1 r1"], Verdict.VALID),
    "nil again": (["w1 w", "r1 r"], Verdict.VALID),
    "and not twice": (["w1 w", "r1 r r1"], Verdict.INVALID),
    "a value that nobody wrote": (["w1 w1", "r3"], Verdict.INVALID),
}


def written_twice(lines):
    events = []
    for process, line in enumerate(lines):
        for word in line.split():
            f, digit = {"w": "write", "r": "read"}[word[0]], word[1:].rstrip("?")
            value = int(digit) if digit else None
            events.append((process, "invoke", f, value if f == "write" else None))
            events.append((process, "info" if word.endswith("?") else "ok", f, value))
    return register(*events)


@pytest.mark.parametrize("case", WRITTEN_TWICE)
def test_sequential_order_is_decided_where_values_repeat(case):
    lines, verdict = WRITTEN_TWICE[case]
    result = run_checker(Sequential(), written_twice(lines))
    assert result.verdict is verdict, result.reason


def test_a_search_over_repeated_values_that_is_too_long_says_what_would_decide_it():
    parts = written_twice(["w1 w2 w3 w1"] * 3 + ["r3 r2 r1 r3 r2 r1 r2"])
    result = run_checker(Sequential(), parts, Budget(None, 20))
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == (
        "1 was written more than once, so it is not known which write a read saw. The budget is "
        "spent: 20 steps were taken without a decision. What would decide it: more steps, values "
        "that are each written once, fewer sessions or a shorter history."
    )
    assert run_checker(Sequential(), parts).verdict is not Verdict.UNKNOWN


def test_staleness_needs_times():
    parts = History(event._replace(time=None) for event in sequence(1, -1))
    result = run_checker(Staleness(bound_ns=1), parts)
    assert result.reason == "The history has no times, so staleness can't be measured."


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: Sessions(guarantees=["monotonic"]), "found 'monotonic'"),
        (lambda: Sessions(guarantees=[]), "found none"),
        (lambda: Causal(model="XX"), "found 'XX'"),
        (lambda: Atomicity(k=0), "found 0"),
        (lambda: Staleness(bound_ns=-1), "found -1"),
    ],
)
def test_bad_options_are_refused(make, found):
    with pytest.raises(UsageError, match=found):
        make()


# Whichever of the values 1 and 2 of x comes first, one of y's or z's orders would have to be both
# ways round; no single read forces anything, so saturation has nothing to add.
ONLY_BY_SEARCH = [
    "Wx2 Ry3", "Wy4 Rx1", "Wy3 Rx1", "Rx2 Ry4", "Wx1 Rz5", "Wz6 Rx2", "Wz5 Rx2", "Rx1 Rz6",
]  # fmt: skip


def test_what_saturation_misses_the_search_finds():
    result = run_checker(Sequential(), history(*ONLY_BY_SEARCH))
    assert (result.verdict, result.engine) == (Verdict.INVALID, "search")
    (anomaly,) = result.anomalies
    assert anomaly.reason.startswith(
        "No order of the 16 reads and writes keeps every session's own"
    )
    assert len(anomaly.operations) == len(
        [
            1
            for line, done in zip(ONLY_BY_SEARCH, anomaly.data["positions"], strict=True)
            if done < 2
        ]
    )
    for left_out in range(len(ONLY_BY_SEARCH)):
        fewer = [
            line if at != left_out else line.split()[0] for at, line in enumerate(ONLY_BY_SEARCH)
        ]
        assert run_checker(Sequential(), history(*fewer)).verdict is Verdict.VALID


def test_a_session_may_not_read_what_it_writes_only_later():
    (anomaly,) = run_checker(Sessions(), history("Rx1 Wx1")).anomalies
    assert anomaly.reason == "Process 0 read 1 from x before it wrote that itself."


def test_a_search_stops_at_its_budget():
    lines = [f"Wa{n}1 Wb{n}2 Wc{n}3" for n in (1, 2, 3)]
    parts = history(*lines)
    assert run_checker(Sequential(), parts).verdict is Verdict.VALID
    with pytest.raises(OutOfBudget):
        Sequential().check(parts, Budget(None, 5))


def test_a_process_that_goes_on_after_an_unknown_write_is_a_new_session():
    parts = history("Wx1? Rx0 Rx1")
    assert run_checker(Sessions(), parts).verdict is Verdict.VALID
    assert run_checker(Sequential(), parts).verdict is Verdict.VALID
