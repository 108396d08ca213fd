"""The web page of a run: what it holds, and that it is the run."""

import re
from itertools import accumulate

import pytest

import clew
from clew import Node, on
from clew.report.page.headline import WORDS_MAX, headline
from clew.report.page.moments import EVERYWHERE, moments_of
from clew.report.page.page import page
from clew.report.page.states import looked
from clew.report.story import story_steps
from clew.scenarios.runs.run import simulate
from tests.unit.pages import data_of


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """A read that misses an acknowledged write, as small as it gets."""
    out = tmp_path_factory.mktemp("out")
    return clew.run("raft", bug="stale-reads", seed=66, out=out).shrink().outcome


@pytest.fixture(scope="module")
def data(outcome):
    return data_of(page(outcome, "clew replay x.json"))


def texts(data, part, column):
    return [data["texts"][rank] for rank in data[part][column]]


def test_a_page_fetches_nothing_and_is_whole(outcome):
    written = page(outcome)
    assert written.startswith("<!doctype html>")
    assert written.endswith("</html>\n")
    assert not re.search(
        r"""(?:src|href)=|url\(|@import|https?:(?!//www\.w3\.org/2000/svg)""", written
    )
    assert "default-src 'none'" in written
    assert "script-src 'sha256-" in written
    assert not re.search("@(?:TITLE|STYLE|DATA|PACKED|SCRIPT|BODY|KIND|HASHES|LIBRARY)@", written)
    assert written.count("</script>") == 4
    assert len(written) < 120_000
    assert page(outcome) == written


def test_every_event_belongs_to_one_moment(outcome):
    moments = moments_of(outcome.run.timeline())
    numbers = [one.number for one in moments]
    assert numbers == sorted(set(numbers))
    for kind in ("deliver", "timer", "invoke", "start", "fault", "heal"):
        events = [event.number for event in outcome.run.timeline().events(kind)]
        assert {*events} <= {*numbers}
    sent = [message.number for one in moments for message in one.sent]
    messages = outcome.run.timeline().messages.values()
    assert sorted(sent) == sorted(one.number for one in messages if one.copied is None)


def test_messages_have_their_fate(outcome, data):
    messages = data["messages"]
    why = texts(data, "messages", "why")
    assert len(why) == outcome.run.messages
    assert sum(map(bool, why)) == sum(outcome.run.dropped.values())
    times = [*accumulate(data["moments"]["time"])]
    for rank, (sender, sent) in enumerate(
        zip(messages["from"], accumulate(messages["sent"]), strict=True)
    ):
        assert times[sender] == sent
        to = messages["to"][rank]
        assert (to >= 0) == (messages["took"][rank] >= 0 and not why[rank])
        if to >= 0:
            assert times[to] == sent + messages["took"][rank]


def test_the_sides_of_a_cut_are_neighbours_and_a_client_is_beside_its_node(data):
    names = [lane["name"] for lane in data["lanes"]]
    assert names == ["c1", "n2", "n1", "n3", "c2"]
    (cut,) = data["faults"]
    assert cut[6] == [[1], [2, 3]]


def test_the_failure_is_where_the_wrong_answer_was_sent(data):
    rank = data["failure"]
    moments = data["moments"]
    assert data["lanes"][moments["lane"][rank]]["name"] == "n2"
    assert "takes effect" in data["texts"][moments["notes"][rank]]


def test_the_headline_says_who_answered_what_against_what(data, outcome):
    told = data["head"]["headline"]
    assert told.startswith("n2 answered read key 1 -> null, ")
    assert told.endswith("s after n3 had acknowledged write key 1 := 1.")
    for check in outcome.checks:
        for anomaly in check.anomalies:
            assert len(headline(anomaly).split()) <= WORDS_MAX
    assert headline(None) == "Nothing is wrong with this run."


def test_the_story_is_that_of_the_terminal(data, outcome):
    assert [step[3] for step in data["story"]] == [step.text for step in story_steps(outcome)]
    assert [step[2] for step in data["story"]][-1] == "wrong"
    times = [*accumulate(data["moments"]["time"])]
    at = dict(zip(data["moments"]["number"], times, strict=True))
    assert all(at[number] <= time for number, time, *_ in data["story"])


def test_the_evidence_is_the_order_that_explains_most(data):
    shown = data["evidence"]
    assert shown["kind"] == "order"
    assert shown["wrong"] in shown["minimal"]
    assert {one[0] for one in shown["shown"]} >= {*shown["prefix"], shown["wrong"]}
    assert shown["states"] == ["the register holds 1"]


def rebuilt(changes):
    """The states that changes lead to, by an independent reading of their description."""

    def after(tree, change):
        if change == 0:
            return tree
        what, *rest = change
        if what == "=":
            return rest[0]
        if what == "l":
            return [tree[0], 0, *tree[2 : 2 + rest[0]], *rest[1:]]
        parts = dict(zip(tree[1], tree[2:], strict=True))
        for name in rest[1]:
            del parts[name]
        for name, one in rest[0]:
            parts[name] = after(parts.get(name), one)
        return [tree[0], [*parts], *parts.values()]

    tree = None
    for event, whole, change in changes:
        tree = change if whole else after(tree, change)
        yield event, tree


def part(tree, *names):
    for name in names:
        tree = tree[2 + tree[1].index(name)]
    return tree


def test_states_are_what_nodes_observe(outcome):
    _, states = looked(outcome.run, outcome.model)
    assert not states.missing
    failed = next(
        one for one in moments_of(outcome.run.timeline()) if one.place == "n2" and one.effect
    )
    last = {
        name: [tree for event, tree in rebuilt(changes) if event <= failed.last + 1][-1]
        for name, changes in states.of.items()
    }
    assert {name: part(tree, "observe()", "term") for name, tree in last.items()} == {
        "n1": "2", "n2": "1", "n3": "2",
    }  # fmt: skip
    assert part(last["n2"], "observe()", "state") == '"leader"'
    assert "watch" in part(last["n1"], "timers")[1]
    assert part(last["n3"], "attributes", "machine", "values") == ["", ["1"], "1"]


class Keeper(Node):
    """Has attributes that a page must not trip over, and a disk."""

    workload = "echo"

    def start(self):
        self.loop = {"__proto__": [self], "far": float("-inf"), "set": {3, 1, 2}}
        self.loop["self"] = self.loop
        self.seen = []

    @on("echo")
    def echo(self, msg):
        self.seen.append(msg.body["echo"])
        self.disk["count"] = len(self.seen)
        if len(self.seen) % 2:
            self.disk.fsync()
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


def test_any_attribute_can_be_shown():
    outcome = clew.run(Keeper, node_count=1, time_limit=3, recovery=0).outcome
    _, states = looked(outcome.run, outcome.model)
    trees = [tree for _, tree in rebuilt(states.of["n0" if "n0" in states.of else "n1"])]
    last = trees[-1]
    assert part(last, "attributes", "loop", "far") == "-inf"
    assert part(last, "attributes", "loop", "self") == "<dict>"
    assert part(last, "attributes", "loop", "set") == ["set", 0, "1", "2", "3"]
    assert part(last, "attributes", "loop", "__proto__")[2] == "<Keeper>"
    assert any("unsynced writes" in tree[1] for tree in trees)
    assert part(last, "disk", "count").isdigit()
    data_of(page(outcome))  # strict JSON


def test_a_run_that_is_another_when_repeated_has_no_states(monkeypatch):
    outcome = clew.run("echo", time_limit=1, recovery=0).outcome
    other = clew.run("echo", seed=1, time_limit=1, recovery=0).outcome
    monkeypatch.setattr("clew.search.onlooker.simulate", lambda *_, **__: other.run)
    _, states = looked(outcome.run, outcome.model)
    assert not states.of
    assert "not the same" in states.missing
    assert data_of(page(outcome))["stateless"] == states.missing


def test_a_run_is_repeated_once_and_one_too_long_for_a_story_has_states(monkeypatch):
    outcome = clew.run("echo", time_limit=1, recovery=0).outcome
    runs = []
    monkeypatch.setattr(
        "clew.search.onlooker.simulate", lambda *_, **__: runs.append(1) or simulate(*_, **__)
    )
    seen, states = looked(outcome.run, outcome.model)
    assert (len(runs), seen.same, bool(states.of)) == (1, True, True)
    monkeypatch.setattr("clew.search.onlooker.EVENTS_MAX", outcome.run.events - 1)
    assert looked(outcome.run, outcome.model)[1] == states
    monkeypatch.setattr("clew.report.page.states.EVENTS_MAX", outcome.run.events - 1)
    assert "at most" in looked(outcome.run, outcome.model)[1].missing
    assert len(runs) == 2


def test_the_page_of_a_valid_run_has_everything_and_no_failure():
    outcome = clew.run("g-set", seed=3, nemesis=["kill"], time_limit=4).outcome
    data = data_of(page(outcome))
    assert (data["failure"], data["evidence"]) == (-1, {"kind": "none"})
    assert data["head"]["headline"] == "Nothing is wrong with this run."
    crashes = [*outcome.run.timeline().outages]
    assert [span[1:] for span in data["spans"]] == [
        [one.since_ns, outcome.run.virtual_ns if one.until_ns is None else one.until_ns, one.why]
        for one in crashes
    ]
    everywhere = [one for one in moments_of(outcome.run.timeline()) if one.place == EVERYWHERE]
    assert data["moments"]["lane"].count(-1) == len(everywhere)


def test_looking_changes_nothing(outcome):
    page(outcome)
    again = simulate(outcome.run.plan, outcome.model)
    assert again.digest == outcome.run.digest
