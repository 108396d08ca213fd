"""Histories written as other projects write theirs: what they hold is told, and judged rightly.

Each is a short one of our own, in the shape of a file that the named project keeps: the names of
its operations, the form of its values, what it leaves out.
"""

import pytest
from judging import judge_file

from clew.checkers.verdict import Verdict
from clew.errors import HistoryError

EDN = "{{:type :{type}, :f :{f}, :value {value}, :process {process}}}\n"


def edn(*events):
    """One line an event, each ``process type f value``."""
    parts = (event.split(" ", 3) for event in events)
    return "".join(
        EDN.format(process=p, type=kind, f=f, value=value) for p, kind, f, value in parts
    )


def judged(tmp_path, text, model=None):
    path = tmp_path / "history"
    path.write_text(text)
    return judge_file(str(path), model)


READS_OF_LISTS = (
    '[{"index":0,"process":0,"type":"invoke","value":[["r",7,null]]},\n'
    ' {"index":1,"process":0,"type":"ok","value":[["r",7,[]]]}]\n'
)
REQUESTS_WITHOUT_VALUE = """\
; nothing is there yet
{:process 1, :index 1,  :type :invoke, :value [[:r x]]}
{:process 1, :index 2,  :type :ok,     :value [[:r x []]]}
{:process 2, :index 3   :type :invoke, :value [[:append x 1]]}
{:process 1, :index 3   :type :invoke, :value [[:append x 2]]}
{:process 2, :index 4   :type :ok,     :value [[:append x 1]]}
{:process 1, :index 4   :type :ok,     :value [[:append x 2]]}
{:process 1, :index 5,  :type :invoke, :value [[:r x]]}
{:process 1, :index 6,  :type :ok,     :value [[:r x [1 2]]]}
{:process 2, :index 7,  :type :invoke, :value [[:r x]]}
{:process 2, :index 8,  :type :ok,     :value [[:r x [2 1]]]}
"""
COLONS_IN_WORDS = (
    '[{"type":":invoke","process":0,"f":":txn","value":[[":append",1,5]]},'
    '{"type":":ok","process":0,"f":":txn","value":[[":append",1,5]]},'
    '{"type":":info","process":":nemesis","f":":start","value":null},'
    '{"type":":invoke","process":1,"f":":txn","value":[[":r",1,null]]},'
    '{"type":":ok","process":1,"f":":txn","value":[[":r",1,[5,6]]]}]'
)
NAMED_BY_WHAT_THEY_HOLD = edn(
    "0 invoke write [[:w 9 1]]",
    "1 invoke txn [[:w 9 2] [:r 4 nil]]",
    "0 ok write [[:w 9 1]]",
    "1 info txn [[:w 9 2] [:r 4 nil]]",
    "2 invoke read [[:r 9 nil] [:r 4 nil]]",
)
TRANSACTIONS = [
    ("elle-cli: reads alone", READS_OF_LISTS, "list-append", "valid"),
    ("elle-cli: [:r x] in requests", REQUESTS_WITHOUT_VALUE, "list-append", "invalid"),
    ("JSON with colons in words alone", COLONS_IN_WORDS, "list-append", "invalid"),
    (
        "Jepsen: f is read, write or txn",
        NAMED_BY_WHAT_THEY_HOLD + edn("2 ok read [[:r 9 2] [:r 4 nil]]"),
        "rw-register",
        "valid",
    ),
    (
        "Jepsen: f is read, write or txn; stale",
        NAMED_BY_WHAT_THEY_HOLD + edn("2 ok read [[:r 9 nil] [:r 4 nil]]"),
        "rw-register",
        "invalid",
    ),
]


@pytest.mark.parametrize(
    ("text", "model", "expected"),
    [each[1:] for each in TRANSACTIONS],
    ids=[each[0] for each in TRANSACTIONS],
)
def test_transactions(tmp_path, text, model, expected):
    judgement = judged(tmp_path, text)
    assert judgement.model == model
    assert judgement.result.verdict is Verdict(expected)


FORK = edn(
    "0 invoke write [[:w 0 1]]",
    "0 ok write [[:w 0 1]]",
    "1 invoke read [[:r 0 nil] [:r 1 nil]]",
    "2 invoke read [[:r 1 nil] [:r 0 nil]]",
    "0 invoke write [[:w 1 1]]",
)
STALE = FORK + edn("1 ok read [[:r 0 nil] [:r 1 nil]]", "2 ok read [[:r 1 nil] [:r 0 1]]")
FORKED = FORK + edn("1 ok read [[:r 0 1] [:r 1 nil]]", "2 ok read [[:r 1 1] [:r 0 nil]]")
WITHOUT_PROCESS = """\
[{:type :invoke, :f :read, :value [[:r 5 nil] [:r 6 nil] [:r 7 nil]]},
{:type :ok, :f :read, :value [[:r 5 nil] [:r 6 1] [:r 7 1]]},
{:type :invoke, :f :read, :value [[:r 7 nil] [:r 6 nil] [:r 5 nil]]},
{:type :ok, :f :read, :value [[:r 7 1]   [:r 6 nil] [:r 5 1]]}]
"""


@pytest.mark.parametrize(
    ("text", "expected"), [(STALE, "valid"), (FORKED, "invalid"), (WITHOUT_PROCESS, "invalid")]
)
def test_inserts_that_look_for_a_long_fork(tmp_path, text, expected):
    """Reads of that workload may be stale; as several registers they would all be wrong."""
    judgement = judged(tmp_path, text)
    assert judgement.model == "long-fork"
    assert judgement.result.verdict is Verdict(expected)


MULTI = edn(
    "3 invoke txn [[:read :x nil]]",
    "4 invoke txn [[:write :y 2]]",
    "1 invoke txn [[:write :x 0]]",
    "3 ok txn [[:read :x 0]]",
    "2 invoke txn [[:read :x nil] [:read :y nil]]",
    "1 ok txn [[:write :x 0]]",
)
CONSOLE = """\
4	:invoke	:read	nil
4	:ok	:read	0
2	:invoke	:cas	[4 3]
2	:fail	:cas	[4 3]
1	:invoke	:write	2
:nemesis	:info	:start	"Cut off {:n4 #{:n3 :n5}, :n2 #{:n3}}"
1	:info	:write	2	indeterminate:
3	:invoke	:read	nil
"""
PLAIN = edn(
    "2 invoke read nil",
    "2 fail read nil",
    ":nemesis info start ()",
    "9 invoke read nil",
    "9 ok read 0",
    "9 invoke write 72",
    "9 ok write 72",
    "1 invoke read nil",
)
KEYED = edn(
    "0 invoke read [5 nil]",
    "0 ok read [5 0]",
    "0 invoke cas [5 [0 4]]",
    "0 ok cas [5 [0 4]]",
    "1 invoke read [6 nil]",
)
FROM_ZERO = [
    ("multi-register", MULTI + edn("2 ok txn [[:read :x 0] [:read :y 0]]"), "valid"),
    (
        "multi-register",
        MULTI + edn("4 ok txn [[:write :y 2]]", "2 ok txn [[:read :x 0] [:read :y 0]]"),
        "valid",
    ),
    ("cas-register", CONSOLE + "3	:ok	:read	2\n", "valid"),
    ("register", PLAIN + edn("1 ok read 72"), "valid"),
    ("register", PLAIN + edn("1 ok read 0"), "invalid"),
    ("cas-register", KEYED + edn("1 ok read [6 0]"), "valid"),
    ("cas-register", KEYED + edn("0 invoke read [5 nil]", "0 ok read [5 0]"), "invalid"),
]


@pytest.mark.parametrize(("model", "text", "expected"), FROM_ZERO)
def test_registers_that_start_at_zero(tmp_path, model, text, expected):
    """Knossos's samples of several registers, and runs of Raft, start so; nil is the default."""
    judgement = judged(tmp_path, text)
    assert judgement.model == f"{model}:initial=0"
    assert "0 is read before it is written" in judgement.inferred
    assert judgement.result.verdict is Verdict(expected)


@pytest.mark.parametrize(
    "answers",
    [
        ("0 ok read 7",),
        ("0 ok read 0", "0 invoke read nil", "0 ok read 7"),
        ("0 ok read nil", "0 invoke read nil", "0 ok read 0"),
    ],
)
def test_nothing_else_is_taken_for_a_first_value(tmp_path, answers):
    text = edn("0 invoke read nil", *answers, "1 invoke write 3", "1 ok write 3")
    judgement = judged(tmp_path, text)
    assert judgement.model == "register"
    assert judgement.result.verdict is Verdict.INVALID


@pytest.mark.parametrize(("nil", "expected"), [(None, "valid"), ("value", "invalid")])
def test_nil_of_one_of_several_registers_was_not_recorded(tmp_path, nil, expected):
    """As Knossos has it, for which Jepsen's EDN is made."""
    text = edn(
        "0 invoke txn [[:write :x 1] [:write :y 2]]",
        "0 ok txn [[:write :x 1] [:write :y 2]]",
        "1 invoke txn [[:read :x nil] [:read :y nil]]",
        "1 ok txn [[:read :x nil] [:read :y 2]]",
    )
    judgement = judged(tmp_path, text, nil and f"multi-register:nil-reads={nil}")
    assert judgement.result.verdict is Verdict(expected)
    assert ("as Knossos reads" in judgement.result.reason) is (nil is None)


def subkeys(shown):
    """One process inserts three subkeys, another reads them all, the newest first."""
    inserts = (f'0 {kind} add [7 "7_{place}"]' for place in range(3) for kind in ("invoke", "ok"))
    return edn(*inserts, "1 invoke read [7 nil]", f"1 ok read [7 {shown}]")


SUBKEYS = [
    ("[nil nil nil]", "valid"),
    ('[nil "7_1" "7_0"]', "valid"),
    ('["7_2" "7_1" nil]', "invalid"),
    ('["7_2" nil "7_0"]', "invalid"),
]


@pytest.mark.parametrize(("shown", "expected"), SUBKEYS)
def test_subkeys_are_seen_in_the_order_they_were_inserted(tmp_path, shown, expected):
    """The sequential workload of elle-cli: what is nil was not there, and no element of a set."""
    judgement = judged(tmp_path, subkeys(shown))
    assert judgement.model == "sequential"
    assert judgement.result.verdict is Verdict(expected)
    told = [each.f for anomaly in judgement.result.anomalies for each in anomaly.operations]
    assert set(told) == ({"add", "read"} if expected == "invalid" else set())


def test_subkeys_that_are_all_there_need_the_model_to_be_named(tmp_path):
    text = subkeys('["7_2" "7_1" "7_0"]')
    assert judged(tmp_path, text).model == "set"
    assert judged(tmp_path, text, "sequential").result.verdict is Verdict.VALID


OTHER_ADDS = [
    ("two processes insert", edn("1 invoke add [7 4]", "1 ok add [7 4]")),
    ("one value twice", edn('0 invoke add [7 "7_0"]', '0 ok add [7 "7_0"]')),
    ("another order", edn("1 invoke read [7 nil]", '1 ok read [7 ["7_0" "7_1" "7_2"]]')),
]


@pytest.mark.parametrize(
    "more", [each[1] for each in OTHER_ADDS], ids=[each[0] for each in OTHER_ADDS]
)
def test_other_adds_are_no_subkeys(tmp_path, more):
    text = subkeys("[nil nil nil]") + more
    assert judged(tmp_path, text, "sequential").result.verdict is Verdict.UNKNOWN


def test_reads_of_numbers_alone_may_be_of_a_counter_or_a_register(tmp_path):
    with pytest.raises(HistoryError, match="the model can't be inferred"):
        judged(tmp_path, edn("0 invoke read nil", "0 ok read 1"))


UNKNOWN_SEND = edn(
    "0 invoke txn [[:send :x 1] [:send :y 2]]",
    "0 info txn [[:send :x 1] [:send :y [0 2]]]",
    "1 invoke send [[:send :y 3]]",
    "1 info send [[:send :y 3]]",
)
ITS_OTHER_MESSAGE = edn("2 invoke poll [[:poll]]", "2 ok poll [[:poll {:x [[0 1]]}]]")
WHAT_FOLLOWS = edn("3 invoke poll [[:poll]]", "3 ok poll [[:poll {:y [[1 3]]}]]")
SAME_OFFSET = edn("4 invoke send [[:send :y 4]]", "4 ok send [[:send :y [0 4]]]")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (UNKNOWN_SEND + WHAT_FOLLOWS, set()),
        (UNKNOWN_SEND + WHAT_FOLLOWS + ITS_OTHER_MESSAGE, {"lost-write"}),
        (UNKNOWN_SEND + SAME_OFFSET, set()),
        (UNKNOWN_SEND + ITS_OTHER_MESSAGE + SAME_OFFSET, {"inconsistent-offsets"}),
    ],
)
def test_offsets_of_an_unknown_transaction_count_where_it_took_effect(tmp_path, text, kinds):
    """Jepsen's Kafka clients record the offsets that they were told before a commit timed out."""
    judgement = judged(tmp_path, text, "kafka")
    assert {anomaly.kind for anomaly in judgement.result.anomalies} == kinds


ACCEPTED = [
    (
        "Jepsen: several elements failed, the last read is a set",
        (
            "\nlein test of.a.set\nINFO  jepsen.core - Worker 2 starting\n"
            "INFO  jepsen.util - 1\t:invoke\t:add\t4\nINFO  jepsen.util - 1\t:ok\t:add\t4\n"
            "INFO  jepsen.util - 2\t:invoke\t:add\t5\n"
            "INFO  jepsen.util - 2\t:info\t:add\t:timed-out\n"
            "INFO  jepsen.util - 7\t:invoke\t:read\tnil\n"
            "INFO  jepsen.util - 7\t:ok\t:read\t#{4 5}\n"
            '{:valid? true,\n :set {:lost "#{}"}}\n'
        ),
        "set-full",
        "valid",
    ),
    (
        "Porcupine: a column of hints behind the value",
        (
            "INFO  jepsen.util - 6 \t:invoke :write \t38 \t:hint 0\n"
            "INFO  jepsen.util - 0 \t:invoke :read \tnil \t:hint 0\n"
            "INFO  jepsen.util - 6 \t:ok :write \t38 \t:hint 2\n"
            "INFO  jepsen.util - 0 \t:ok :read \t38 \t:hint 2\n"
        ),
        "register",
        "valid",
    ),
    (
        "Clojure: times that were reckoned with",
        (
            "{:type :invoke, :process 0, :f :write, :value 3, :time 5.0E8}\n"
            "{:type :ok, :process 0, :f :write, :value 3, :time 6.0E8}\n"
        ),
        "register",
        "valid",
    ),
    (
        "elle-cli: a failed transfer says why in its value",
        edn(
            "6 invoke read nil",
            "4 invoke transfer {:from 3, :to 0, :amount 1}",
            "6 ok read {0 100, 3 0}",
            "4 fail transfer [:negative 3 -1]",
            "5 invoke read nil",
            "5 ok read {0 99, 3 6}",
        ),
        "bank",
        "invalid",
    ),
    (
        "elle-cli: a lock that says why not",
        (
            '[{"type":"invoke","f":"release","process":1,"index":0},'
            '{"type":"fail","f":"release","process":1,"error":"not-held","index":1},'
            '{"type":"invoke","f":"acquire","process":3,"index":2},'
            '{"type":"info","f":"start","process":"nemesis","index":3},'
            '{"type":"invoke","f":"acquire","process":2,"index":4},'
            '{"type":"ok","f":"acquire","process":3,"index":5},'
            '{"type":"ok","f":"acquire","process":2,"index":6}]'
        ),
        "mutex",
        "invalid",
    ),
    (
        "elle-cli: comments without a process",
        (
            "{:index 1, :type :invoke :f :read   :value nil}\n"
            "{:index 2, :type :invoke :f :write  :value 8}\n"
            "{:index 3, :type :ok     :f :write  :value 8}\n"
            "{:index 4, :type :invoke :f :write  :value 9}\n"
            "{:index 5, :type :ok     :f :write  :value 9}\n"
            "{:index 6, :type :ok     :f :read   :value #{\n      9}}\n"
        ),
        "causal-reverse",
        "invalid",
    ),
]


@pytest.mark.parametrize(
    ("text", "model", "expected"),
    [each[1:] for each in ACCEPTED],
    ids=[each[0] for each in ACCEPTED],
)
def test_what_other_projects_write_is_read(tmp_path, text, model, expected):
    judgement = judged(tmp_path, text)
    assert judgement.model == model
    assert judgement.result.verdict is Verdict(expected)
