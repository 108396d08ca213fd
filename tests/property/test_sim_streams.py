"""Draws: the same on every platform and version, and each keyed by itself."""

from hypothesis import given
from hypothesis import strategies as st

from clew.sim.entropy import Entropy, Stream
from clew.sim.latency import SHAPES, Latency, exponential_ns, long_tailed_ns

seeds = st.integers(0, 2**64)
parts = st.one_of(st.integers(-(2**70), 2**70), st.text(max_size=8))
keys = st.lists(parts, max_size=4).map(tuple)
draws32 = st.integers(0, 2**32 - 1)

GOLDEN_BITS = [
    0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC,
]  # fmt: skip
"""SplitMix64 from state 0, as published with the algorithm."""


GOLDEN = {
    "state": 9443093264122298133,
    "bits": 1205765727,
    "random": 0.5758329789144859,
    "draws": [614, -3, False],
    "sample": [0, 4, 1, 3, 5, 2],
    "shuffled": "fbeadc",
    "exponential": [0, 133, 287, 470, 693, 980, 1386, 2079],
    "long-tailed": [1000000, 1414, 1000, 816, 707, 632, 577, 534],
}


def test_golden_numbers():
    stream = Stream(0)
    assert [stream.bits64() for _ in range(4)] == GOLDEN_BITS
    entropy = Entropy(42)
    assert entropy.state("link", "n1", "n2") == GOLDEN["state"]
    assert entropy.bits("link", "n1", "n2")(32) == GOLDEN["bits"]
    assert entropy.random("node", "n1", 1).random() == GOLDEN["random"]
    stream = entropy.stream("client", 3, 9)
    assert [stream.below(1000), stream.between(-5, 5), stream.chance(1, 3)] == GOLDEN["draws"]
    assert stream.sample(range(6), 6) == GOLDEN["sample"]
    items = list("abcdef")
    stream.shuffle(items)
    assert "".join(items) == GOLDEN["shuffled"]
    assert [exponential_ns(draw << 29, 1000) for draw in range(8)] == GOLDEN["exponential"]
    assert [long_tailed_ns(draw << 29, 1000) for draw in range(8)] == GOLDEN["long-tailed"]


@given(seeds, keys, keys)
def test_a_value_depends_on_seed_and_key_alone(seed, one, two):
    first, second = Entropy(seed), Entropy(seed)
    first.stream(*two).bits64()  # whatever else was drawn
    first.bits(*one)(64)
    assert first.state(*one) == second.state(*one)
    streams = [entropy.stream(*one) for entropy in (first, second)]
    assert [streams[0].bits64() for _ in range(5)] == [streams[1].bits64() for _ in range(5)]
    if one != two:
        assert first.state(*one) != first.state(*two)


@given(seeds, seeds, keys)
def test_seeds_differ(one, two, key):
    assert (Entropy(one).state(*key) == Entropy(two).state(*key)) == (one == two)


@given(seeds, st.integers(1, 2**70), st.integers(-(2**70), 2**70))
def test_ranges(state, size, low):
    stream = Stream(state)
    assert 0 <= stream.below(size) < size
    assert low <= stream.between(low, low + size) <= low + size
    assert stream.chance(0, size) is False
    assert stream.chance(size, size) is True


@given(seeds, st.lists(st.integers(), min_size=1, max_size=20), st.data())
def test_picks_and_permutations(state, items, data):
    stream = Stream(state)
    assert stream.pick(items) in items
    shuffled = list(items)
    stream.shuffle(shuffled)
    assert sorted(shuffled) == sorted(items)
    size = data.draw(st.integers(0, len(items)))
    sample = stream.sample(range(len(items)), size)
    assert len(set(sample)) == len(sample) == size


def test_draws_are_even():
    stream = Stream(7)
    counts = [0] * 10
    for _ in range(20_000):
        counts[stream.below(10)] += 1
    assert all(1_800 < count < 2_200 for count in counts)


@given(draws32, draws32, st.integers(1, 10**12))
def test_quantiles_are_monotonic_and_bounded(one, two, mean_ns):
    low, high = sorted((one, two))
    assert 0 <= exponential_ns(low, mean_ns) <= exponential_ns(high, mean_ns) <= 8 * mean_ns
    assert long_tailed_ns(high, mean_ns) <= long_tailed_ns(low, mean_ns) <= 1000 * mean_ns
    assert long_tailed_ns(high, mean_ns) >= mean_ns // 2


def test_latencies_have_their_mean():
    stream, mean_ns = Stream(3), 10_000_000
    for shape in SHAPES:
        low, span, delay = Latency(mean_ns, shape).parameters()
        draws = [stream.bits64() >> 32 for _ in range(20_000)]
        took = [delay(draw) if delay else low + (draw * span >> 32) for draw in draws]
        assert 0.93 * mean_ns < sum(took) / len(took) < 1.08 * mean_ns, shape
        assert min(took) >= 20_000
