"""The service: latency, prices, faults and retries, keyed by what is asked."""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mocks.service import Faults, Latency, Prices, Retry, Service
from sandbox.budget import SECOND, USD

MANY = 20_000


def keys(many: int = MANY) -> list[bytes]:
    return [i.to_bytes(8, "little") for i in range(many)]


def latencies(latency: Latency, prompt: int = 0, completion: int = 0) -> Any:
    desk = Service(latency=latency).open(1)
    return np.array([desk.attempt(key, 0, prompt, completion, 0).nanoseconds for key in keys()]) / SECOND


# --- latency --------------------------------------------------------------------------


def test_the_body_is_log_normal() -> None:
    sample = latencies(Latency(median=2.0, sigma=0.4, tail=0.0))
    assert stats.kstest(np.log(sample / 2.0) / 0.4, "norm").pvalue > 1e-4


def test_the_tail_is_as_frequent_and_as_heavy_as_it_says() -> None:
    sample = latencies(Latency(median=1.0, sigma=0.0, tail=0.1, tail_index=3.0, longest=86_400.0))
    factors = sample[sample > 1.0]
    assert len(factors) == pytest.approx(0.1 * MANY, abs=5 * math.sqrt(0.09 * MANY))
    assert stats.kstest(factors, "pareto", args=(3.0,)).pvalue > 1e-4
    assert factors.mean() == pytest.approx(1.5, rel=0.1)  # index / (index - 1)


def test_spikes_are_a_second_log_normal_beside_the_tail() -> None:
    calm = Latency(median=1.0, sigma=0.0, tail=0.1, tail_index=3.0, longest=86_400.0)
    spiky = Latency(
        median=1.0, sigma=0.0, tail=0.1, tail_index=3.0, longest=86_400.0, spike=0.2, spike_factor=50
    )
    before, after = latencies(calm), latencies(spiky)
    changed = before != after
    assert changed.mean() == pytest.approx(0.2, abs=5 * math.sqrt(0.16 / MANY))
    assert set(before[changed]) == {1.0}, "the tail is as it was"
    assert stats.kstest(np.log(after[changed] / 50) / 0.4, "norm").pvalue > 1e-4
    everywhere = latencies(Latency(median=2.0, sigma=0.3, tail=0.0, spike=1.0, spike_factor=3))
    assert np.median(everywhere) == pytest.approx(6.0, rel=0.03)


@pytest.mark.parametrize(
    "wrong", [{"spike": 1.1}, {"spike": -0.1}, {"spike": 1.0, "tail": 0.1}, {"spike_factor": 0}]
)
def test_impossible_spikes_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="spike"):
        Latency(**wrong)


def test_tokens_take_their_time_and_the_longest_is_the_longest() -> None:
    latency = Latency(1.0, 0.0, 0.0, per_prompt_token=0.001, per_completion_token=0.02, longest=5.0)
    assert set(latencies(latency, 100, 50)) == {1.0 + 0.1 + 1.0}
    assert set(latencies(latency, 100, 500)) == {5.0}
    assert latencies(Latency(1.0, 2.0, 0.5, 1.1, longest=7.0)).max() == 7.0


def test_a_constant_latency_draws_nothing() -> None:
    assert not Latency(1.0, 0.0, 0.0).random
    assert set(latencies(Latency(1.0, 0.0, 0.0))) == {1.0}
    assert set(latencies(Latency(0.0))) == {0.0}


# --- prices ---------------------------------------------------------------------------

money = st.decimals(0, 100, places=6, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(prompt=money, completion=money, a=st.integers(0, 10**7), b=st.integers(0, 10**7))
def test_prices_are_exact(prompt: Decimal, completion: Decimal, a: int, b: int) -> None:
    bill = Prices(prompt, completion).usd(a, b)
    assert isinstance(bill, int)
    assert Decimal(bill) * 1_000_000 == (prompt * a + completion * b) * USD
    assert Prices(prompt, completion).usd(a, 0) + Prices(prompt, completion).usd(0, b) == bill


def test_prices_may_be_written_as_floats() -> None:
    assert Prices(0.0375, 0.15).usd(1_000_000, 0) == 37_500_000_000  # type: ignore[arg-type]


# --- faults ---------------------------------------------------------------------------


def attempts(service: Service, number: int = 0, now: int = 0, many: int = MANY) -> list[Any]:
    desk = service.open(1)
    return [desk.attempt(key, number, 10, 10, now) for key in keys(many)]


def test_each_fault_is_as_frequent_as_it_says() -> None:
    shares = {"rate_limited": 0.05, "server_error": 0.1, "timeout": 0.02, "dropped": 0.08, "malformed": 0.15}
    seen = Counter(attempt.fault for attempt in attempts(Service(faults=Faults(**shares))))
    for kind, share in shares.items():
        assert seen[kind] == pytest.approx(share * MANY, abs=5 * math.sqrt(share * (1 - share) * MANY))


def test_faults_of_one_request_are_independent_from_attempt_to_attempt() -> None:
    service = Service(faults=Faults(server_error=0.3), retry=Retry(attempts=20))
    failed = np.array([[a.fault is not None for a in attempts(service, k, many=4000)] for k in range(4)])
    assert np.abs(failed.mean(axis=1) - 0.3).max() < 5 * math.sqrt(0.21 / 4000)
    assert np.abs(np.corrcoef(failed) - np.eye(4)).max() < 5 / math.sqrt(4000)


def test_a_fault_costs_and_lasts_what_its_kind_says() -> None:
    latency = Latency(4.0, 0.0, 0.0)
    rules: dict[str, tuple[Any, bool]] = {
        "rate_limited": (lambda s: s == pytest.approx(0.4), False),
        "server_error": (lambda s: 0 < s < 4, False),
        "timeout": (lambda s: s == 9, True),
        "dropped": (lambda s: 0 < s < 4, True),
        "malformed": (lambda s: s == 4, True),
    }
    for kind, (lasts, billed) in rules.items():
        service = Service(latency, faults=Faults(**{kind: 1.0}, patience=9.0, retry_after=7.0))
        for attempt in attempts(service, many=200):
            assert attempt.fault == kind
            assert attempt.billed == billed
            assert lasts(attempt.nanoseconds / SECOND)
            assert attempt.retry_after == (7.0 if kind == "rate_limited" else 0.5) * SECOND


def test_nobody_waits_longer_than_the_patience() -> None:
    for kind in Faults.KINDS:
        service = Service(Latency(100.0), faults=Faults(**{kind: 0.5}, patience=3.0))
        assert max(attempt.nanoseconds for attempt in attempts(service, many=500)) == 3 * SECOND
        assert all(attempt.fault is not None for attempt in attempts(service, many=500))
        assert service.bills_failures  # a client that gives up is billed


def test_every_attempt_that_starts_in_an_outage_fails() -> None:
    service = Service(faults=Faults(outage_every=100.0, outage_length=10.0))
    for second, down in (
        (0, False),
        (5, False),
        (99.9, False),
        (100, True),
        (109.9, True),
        (110, False),
        (205, True),
    ):
        (attempt,) = attempts(service, now=int(second * SECOND), many=1)
        assert (attempt.fault == "outage") == down, second
        assert attempt.billed != down


def test_retries_back_off_exponentially_and_end() -> None:
    retry = Retry(attempts=6, backoff=1.0, longest=5.0)
    for kind, least in (("server_error", 0.0), ("rate_limited", 3.0)):
        service = Service(faults=Faults(**{kind: 1.0}, retry_after=3.0), retry=retry)
        waits = [attempts(service, number, many=1)[0].retry_after for number in range(6)]
        expected = [max(min(2.0**k, 5.0), least) * SECOND for k in range(5)]
        assert waits == [*expected, None]


@settings(max_examples=80, deadline=None)
@given(
    asked=st.lists(st.tuples(st.binary(max_size=9), st.integers(0, 3)), min_size=1, max_size=9),
    shuffle=st.randoms(use_true_random=False),
    share=st.sampled_from([0.0, 0.3]),
)
def test_the_same_attempt_always_meets_the_same_luck(asked: list[Any], shuffle: Any, share: float) -> None:
    def met(attempt: Any) -> Any:
        return attempt.fault, attempt.nanoseconds, attempt.billed, attempt.retry_after

    service = Service(faults=Faults(dropped=share))
    one, other = service.open(1), service.open(1)
    first = {each: met(one.attempt(*each, 5, 5, 0)) for each in asked}
    shuffle.shuffle(asked)
    assert {each: met(other.attempt(*each, 5, 5, 0)) for each in asked} == first


def test_what_fails_is_not_what_is_slow() -> None:
    """Faults and latency have luck of their own: the survivors are no special sample."""
    latency = Latency(median=1.0, sigma=0.3, tail=0.0)
    lasted = [
        a.nanoseconds for a in attempts(Service(latency, faults=Faults(dropped=0.5))) if a.fault is None
    ]
    assert stats.kstest(np.log(np.array(lasted) / SECOND) / 0.3, "norm").pvalue > 1e-4


def test_faults_do_not_change_the_latency_of_what_succeeds() -> None:
    clean, faulty = attempts(Service()), attempts(Service(faults=Faults(dropped=0.3)))
    for one, other in zip(clean, faulty, strict=True):
        if other.fault is None and one.nanoseconds < 60 * SECOND:
            assert one.nanoseconds == other.nanoseconds


# --- settings -------------------------------------------------------------------------

nan, inf = math.nan, math.inf


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Latency(median=-1), "median=-1"),
        (lambda: Latency(median=inf), "median=inf"),
        (lambda: Latency(sigma=nan), "sigma=nan"),
        (lambda: Latency(sigma=11), "sigma=11"),
        (lambda: Latency(tail=1.5), "tail=1.5"),
        (lambda: Latency(tail_index=1.0), "tail_index=1.0"),
        (lambda: Latency(tail_index=nan), "tail_index=nan"),
        (lambda: Latency(longest=inf), "longest=inf"),
        (lambda: Latency(longest=86_401.0), "longest=86401.0: at most a day"),
        (lambda: Prices(prompt=Decimal("-1")), "prompt tokens -1"),
        (lambda: Prices(completion=Decimal("NaN")), "completion tokens NaN"),
        (lambda: Prices(prompt=Decimal("0.0000001")), "finer than a millionth"),
        (lambda: Faults(dropped=1.1), "dropped=1.1"),
        (lambda: Faults(timeout=nan), "timeout=nan"),
        (lambda: Faults(dropped=0.6, timeout=0.6), "add up to 1.2"),
        (lambda: Faults(patience=-1), "patience=-1"),
        (lambda: Faults(retry_after=inf), "retry_after=inf"),
        (lambda: Faults(outage_length=3), "never end"),
        (lambda: Faults(outage_every=1e-12), "outage_every=1e-12"),
        (lambda: Retry(attempts=0), "attempts=0"),
        (lambda: Retry(attempts=21), "attempts=21"),
        (lambda: Retry(backoff=inf), "backoff=inf"),
        (lambda: Retry(longest=nan), "longest=nan"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(make: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()


def test_shares_that_add_up_to_one_are_accepted_however_they_are_rounded() -> None:
    for shares in ([0.1, 0.2, 0.3, 0.15, 0.25], [0.7, 0.1, 0.1, 0.05, 0.05], [1 / 3, 1 / 3, 1 / 3, 0, 0]):
        faults = Faults(*shares)
        assert faults.kind(1 - 2**-53, 0) in (None, *Faults.KINDS)


@settings(max_examples=100, deadline=None)
@given(
    latency=st.builds(
        Latency,
        median=st.floats(0, 1e3),
        sigma=st.floats(0, 10),
        tail=st.floats(0, 1),
        tail_index=st.floats(1.0001, 100),
        longest=st.floats(0, 1e4),
        per_prompt_token=st.floats(0, 1),
        per_completion_token=st.floats(0, 1),
    ),
    u=st.sampled_from([2.0**-53, 0.5, 1 - 2.0**-53]),
    v=st.sampled_from([2.0**-53, 0.5, 1 - 2.0**-53]),
)
def test_every_valid_latency_is_finite(latency: Latency, u: float, v: float) -> None:
    assert 0 <= latency.seconds(u, v, 1000, 1000) <= latency.longest
