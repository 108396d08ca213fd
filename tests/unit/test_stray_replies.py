"""Replies that answer nothing, or what was answered already: remarked, or found where asked for."""

import pytest

import clew
from clew.node.node import Node, on


def outcome_of(node, **options):
    return clew.run(node, **{**QUICK, **options}).outcome


QUICK = {"time_limit": 2, "recovery": 1, "rate": 10, "workload": "echo"}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Plain(Node):
    """Echoes, and does something wrong besides."""

    def bad(self, msg):
        del msg

    @on("echo")
    def echo(self, msg):
        self.bad(msg)
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


class NeverAsked(Plain):
    def bad(self, msg):
        self.send(self.peers[0], {"type": "a_ok", "in_reply_to": 99})


class NeverAskedError(Plain):
    def bad(self, msg):
        self.send(self.peers[0], {"type": "error", "code": 11, "in_reply_to": 99})


class NoAnswerByName(Plain):
    def bad(self, msg):
        self.send(self.peers[0], {"type": "thanks", "in_reply_to": 1})


class ForClients(Plain):
    def bad(self, msg):
        self.send(msg.src, {"type": "news"})


class Another(Plain):
    """Replies to the request of another node."""

    def bad(self, msg):
        self.rpc(self.peers[0], {"type": "ask"})

    @on("ask")
    def ask(self, msg):
        other = next(name for name in self.peers if name != msg.src)
        self.send(other, {"type": "ask_ok", "in_reply_to": msg.body["msg_id"]})
        self.reply(msg, {"type": "ask_ok"})


class TwiceForClients(Plain):
    def bad(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


class TwiceForNodes(Plain):
    def bad(self, msg):
        self.rpc(self.peers[0], {"type": "ask"})

    @on("ask")
    def ask(self, msg):
        self.reply(msg, {"type": "ask_ok"})
        self.reply(msg, {"type": "ask_ok"})


class RepliesThenFails(Plain):
    def bad(self, msg):
        self.rpc(self.peers[0], {"type": "ask"})

    @on("ask")
    async def ask(self, msg):
        self.reply(msg, {"type": "ask_ok"})
        await self.sleep(0.01)
        raise clew.RPCError(11, "no")


STRAY = {
    NeverAsked: "'a_ok' came to n1",
    NeverAskedError: "'error' came to n1",
    NoAnswerByName: "'thanks' came to n1",
    ForClients: "'news' came to c0",
    Another: "'ask_ok' came to n2, n3",
    TwiceForClients: "'echo_ok' from n1, n2",
    TwiceForNodes: "'ask_ok' from n1, n2",
}


@pytest.mark.parametrize("node", STRAY)
def test_a_reply_that_answers_nothing_is_remarked_and_found_where_asked_for(node):
    outcome = outcome_of(node)
    assert outcome.verdict.value == "valid"
    [remark] = outcome.remarks
    assert STRAY[node] in remark
    strict = outcome_of(node, strict_replies=True)
    assert {finding.kind for finding in strict.run.findings} == {"unhandled-message"}


def test_an_error_after_the_reply_is_a_second_one():
    [remark] = outcome_of(RepliesThenFails).remarks
    assert "'error' from n1, n2" in remark


class Late(Plain):
    """Answers after its peer has given up, and asks again: nobody's fault."""

    def bad(self, msg):
        self.rpc(self.peers[0], {"type": "ask"}, timeout=0.01)

    @on("ask")
    async def ask(self, msg):
        await self.sleep(0.05)
        self.reply(msg, {"type": "ask_ok"})


class OwnNumbers(Plain):
    """Has a protocol of its own, whose answers it handles."""

    def bad(self, msg):
        self.send(self.peers[0], {"type": "ask", "msg_id": 12})

    @on("ask")
    def ask(self, msg):
        self.reply(msg, {"type": "ask_ok"})

    @on("ask_ok")
    def asked(self, msg):
        pass


@pytest.mark.parametrize("node", [Plain, Late, OwnNumbers])
def test_late_replies_and_own_protocols_are_left_alone(node):
    outcome = outcome_of(node, strict_replies=True)
    assert not outcome.run.findings
    assert not outcome.remarks


class Asking(Plain):
    def bad(self, msg):
        self.rpc(self.peers[0], {"type": "ask"})

    @on("ask")
    def ask(self, msg):
        self.reply(msg, {"type": "ask_ok"})


@pytest.mark.parametrize("kind", ["duplicate", "kill", "pause", "delay"])
def test_what_faults_do_to_replies_is_nobodys_fault(kind):
    given = {"time_limit": 10, "rate": 20}
    outcome = outcome_of(Asking, nemesis=(kind,), strict_replies=True, **given)
    assert not outcome.run.findings
    assert not [one for one in outcome.remarks if "repl" in one]
