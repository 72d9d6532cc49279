"""Named randomness, and the keys that name what is asked."""

from __future__ import annotations

from itertools import islice, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sandbox import streams
from sandbox.protocol import Complete, Evaluate, Recommend, Request
from sandbox.streams import Uniforms, normal_quantile, stream

names = st.lists(st.text(max_size=5) | st.integers(), max_size=3).map(tuple)
keys = st.binary(max_size=40)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(), names=names, key=keys, count=st.integers(1, 8))
def test_the_same_name_and_key_give_the_same_numbers(seed: int, names: Any, key: bytes, count: int) -> None:
    one, other = Uniforms(seed, *names, count=count), Uniforms(seed, *names, count=count)
    other(b"something else in between")
    assert one(key) == other(key)
    assert len(one(key)) == count
    assert Uniforms(seed, *names, count=1).one(key) == Uniforms(seed, *names, count=1)(key)[0]
    assert Uniforms(seed, *names, count=2).pair(key) == Uniforms(seed, *names, count=2)(key)
    assert all(0.0 < u < 1.0 for u in one(key))
    assert stream(seed, *names).normal() == stream(seed, *names).normal()


@settings(max_examples=100, deadline=None)
@given(a=st.tuples(st.integers(), names, keys), b=st.tuples(st.integers(), names, keys))
def test_another_name_or_key_gives_other_numbers(a: Any, b: Any) -> None:
    same = a == b
    assert (Uniforms(a[0], *a[1])(a[2]) == Uniforms(b[0], *b[1])(b[2])) == same
    assert (stream(a[0], *a[1]).random() == stream(b[0], *b[1]).random()) == (a[:2] == b[:2])


def test_numpy_integers_and_texts_name_the_same_stream() -> None:
    one, other = (1, "noise", 3), (np.int64(1), np.str_("noise"), np.uint8(3))
    assert stream(*one).random() == stream(*other).random()  # type: ignore[arg-type]
    assert Uniforms(*one)(b"x") == Uniforms(*other)(b"x")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        stream(1.5)  # type: ignore[arg-type]


def test_numbers_are_uniform_and_independent() -> None:
    draw, other = Uniforms(0, "a", count=3), Uniforms(0, "b", count=3)
    numbers = np.array([draw(i.to_bytes(4, "little")) for i in range(4000)])
    others = np.array([other(i.to_bytes(4, "little")) for i in range(4000)])
    for column in (*numbers.T, *others.T):
        assert stats.kstest(column, "uniform").pvalue > 1e-4
    correlations = np.corrcoef(np.hstack([numbers, others]).T) - np.eye(6)
    assert np.abs(correlations).max() < 5 / np.sqrt(4000)
    assert abs(np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]) < 5 / np.sqrt(4000)


def test_the_extreme_words_stay_inside_the_open_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """2^64 - 1 must not become 1.0, which has no normal quantile; 0 must not become 0.0."""

    class Rigged:
        def __init__(self, digest: bytes) -> None:
            self.bytes = digest

        def copy(self) -> Rigged:
            return self

        def update(self, key: bytes) -> None: ...

        def digest(self) -> bytes:
            return self.bytes

    for word in (b"\xff" * 8, b"\x00" * 8):
        for count in (1, 2, 3):
            monkeypatch.setattr(streams, "blake2b", lambda *_, w=word, c=count, **__: Rigged(w * c))
            draws = Uniforms(1, count=count)(b"")
            assert len(draws) == count
            assert all(abs(normal_quantile(u)) < 9 for u in draws)
            if count == 1:
                assert Uniforms(1, count=1).one(b"") == draws[0]
            elif count == 2:
                assert Uniforms(1, count=2).pair(b"") == draws


def test_count_is_between_one_and_eight() -> None:
    for count in (0, 9):
        with pytest.raises(ValueError, match=f"count={count}"):
            Uniforms(1, count=count)


# --- keys -----------------------------------------------------------------------------

tricky = st.text(st.sampled_from("tprRa\x00\x01é\ud800"), max_size=9)
numbers = st.floats(allow_nan=False) | st.sampled_from([0.0, -0.0, 1.0, 1, 0])
rows = st.none() | st.lists(st.integers(0, 300), max_size=3).map(tuple)
evaluations = st.builds(Evaluate, tricky | st.lists(numbers, max_size=3).map(tuple), rows)
completions = st.builds(
    Complete,
    tricky | st.lists(st.tuples(tricky, tricky), max_size=2).map(tuple),
    n=st.integers(1, 2),
    temperature=st.sampled_from([0, 0.0, -0.0, 1, 1.0, 0.5]),
    max_tokens=st.integers(1, 2),
    stop=st.lists(tricky, max_size=2).map(tuple),
)
requests = evaluations | completions


@settings(max_examples=300, deadline=None)
@given(requests, requests)
def test_two_requests_share_a_key_only_if_they_are_equal(a: Request[Any], b: Request[Any]) -> None:
    assert (a.key() == b.key()) == (a == b)


def test_text_cannot_imitate_rows_and_points_cannot_imitate_text() -> None:
    """Every request over a tiny alphabet that contains all marks of the format."""
    texts = ["".join(t) for n in range(4) for t in product("tpr\x00\x01\x08", repeat=n)]
    points = [(0.0,), (1.0,), (0.0, 0.0), (5e-324,)]
    cases = [Evaluate(c, r) for c in [*texts, *points] for r in (None, (0,), (1,), (0, 1), (1, 0), (114,))]
    assert len({case.key() for case in cases}) == len(set(cases)) == len(cases)


def test_equal_requests_share_a_key() -> None:
    assert Evaluate((0.0, 1)).key() == Evaluate((-0.0, 1.0)).key()
    assert Complete("a", temperature=1).key() == Complete("a", temperature=1.0).key()
    assert Evaluate(np.str_("a")).key() == Evaluate("a").key()
    assert Recommend("a").key() != Recommend("b").key()


def test_a_request_is_its_own_generator() -> None:
    request = Evaluate("a")
    assert list(islice(iter(request), 1)) == [request]
