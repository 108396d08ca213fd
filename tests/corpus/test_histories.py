"""Recorded histories of other projects give their known verdicts.

Sources and formats: the README of the corpus. The verdicts of the samples in ``jepsen/`` were
established by reading them:

- bank: one client moves money between ten accounts. Every one of the 168 answered reads sums to
  the 100 of the first and shows just what the acknowledged transfers before it leave, no balance
  is negative, and each failed transfer asked for more than its account held: valid;
- counter: one client adds 1, 287 times, each acknowledged, and never reads: valid as a linearizable
  counter, because nothing can contradict it; a check of its reads has nothing to go by;
- set: 0, 1 and 2 are added one after another and the read after them shows just these: valid.
"""

import pytest
from judging import judge_file

from clew.checkers.verdict import Verdict

ETCD = "porcupine/etcd"
KNOSSOS = "knossos/cas-register"
INVALID_KNOSSOS = ("cas-failure", "rethink-fail")
VALID_KNOSSOS = ("memstress3", "mongodb", "cas-register-bug")
NIL_ANY = {"nil-reads": "any"}


def verdict(path, model=None, options=None):
    return judge_file(path, model, options=options, budget_seconds=10).result.verdict.value


def test_etcd(corpus):
    table = (corpus / ETCD / "verdicts.tsv").read_text().split()
    expected = dict(zip(table[::2], table[1::2], strict=True))
    assert set(expected) == {path.stem for path in (corpus / ETCD).glob("*.log")}
    for model in ("cas-register", None):
        found = {name: verdict(corpus / ETCD / f"{name}.log", model) for name in expected}
        assert found == expected


def test_key_value(corpus):
    paths = sorted((corpus / "porcupine" / "kv").glob("*.txt"))
    assert paths
    for model in ("key-value", None):
        for path in paths:
            expected = "valid" if path.stem.endswith("-ok") else "invalid"
            assert (path.name, verdict(path, model)) == (path.name, expected)


@pytest.mark.parametrize("model", ["cas-register", None])
@pytest.mark.parametrize("options", [{}, NIL_ANY], ids=["nil is a value", "nil fits any"])
def test_cas_register(corpus, model, options):
    """Both readings of a completed read of nil agree: here none follows an acknowledged write."""
    paths = sorted((corpus / KNOSSOS).glob("*.edn"))
    assert paths
    for path in paths:
        invalid = path.name.startswith(INVALID_KNOSSOS)
        assert invalid or path.name.startswith(VALID_KNOSSOS)
        expected = "invalid" if invalid else "valid"
        assert (path.name, verdict(path, model, options)) == (path.name, expected)


JEPSEN = [
    ("set.edn", None, "set-full", "valid"),
    ("set.edn", "g-set", "g-set", "valid"),
    ("counter.edn", None, "counter", "valid"),
    ("counter.edn", "interval-counter", "interval-counter", "unknown"),
    ("bank.edn", None, "bank", "valid"),
]


@pytest.mark.parametrize(("name", "model", "used", "expected"), JEPSEN)
def test_jepsen(corpus, name, model, used, expected):
    judgement = judge_file(corpus / "jepsen" / name, model)
    assert judgement.model == used
    assert judgement.result.verdict is Verdict(expected)
