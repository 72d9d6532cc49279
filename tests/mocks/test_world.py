"""A world that scores: what is quoted, what is charged, what is seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.noise import Binomial, Gaussian
from mocks.service import Faults, Latency, Prices, Retry, Service
from mocks.world import OracleWorld, Tokens
from sandbox.budget import Budget, Cost, Ledger
from sandbox.drivers import virtual
from sandbox.errors import AnswerFailed, ProtocolError
from sandbox.limits import Limits
from sandbox.protocol import Complete, Evaluate, Request, Task, gather
from sandbox.session import Session
from sandbox.spaces import Box, Candidate, FreeText
from sandbox.trace import Ticket

TEXT = FreeText(("start",))
SQUARE = Box((0.0,), (1.0,))


class Length:
    """Longer texts are better; of points the first coordinate counts."""

    space = TEXT
    optimum = 1.0
    best = "x" * 100
    baseline = 0.0

    def truth(self, candidate: Candidate) -> float:
        return min(len(candidate) / 100, 1.0) if isinstance(candidate, str) else float(candidate[0])


def ticket(request: Request[Any], attempt: int = 0, repeat: int = 0) -> Ticket:
    return Ticket(0, request, repeat, attempt, 0, request.key() + repeat.to_bytes(8, "little"))


candidates = st.text(min_size=1, max_size=50) | st.tuples(st.floats(0, 1))
rows = st.none() | st.lists(st.integers(0, 9), min_size=1, unique=True).map(tuple)
share = st.sampled_from([0.0, 0.3])
services = st.builds(
    Service,
    latency=st.builds(Latency, median=st.sampled_from([0.0, 1.0, 50.0]), sigma=st.just(0.5)),
    prices=st.builds(Prices, st.decimals(0, 9, places=6), st.decimals(0, 9, places=6)),
    faults=st.builds(
        Faults, share, share, st.just(0.0), share, st.just(0.0), patience=st.sampled_from([1.0, 900.0])
    ),
    retry=st.builds(Retry, attempts=st.integers(1, 5)),
)


@settings(max_examples=200, deadline=None)
@given(candidate=candidates, rows=rows, service=services, dev_rows=st.sampled_from([0, 10]))
def test_the_quote_covers_every_course_that_the_attempts_can_take(
    candidate: Candidate, rows: Any, service: Service, dev_rows: int
) -> None:
    world = OracleWorld(Length(), 1, (Gaussian(),), service, dev_rows)
    request = Evaluate(candidate, rows if dev_rows else None)
    quote, paid = world.quote(request), Cost()
    for attempt in range(service.retry.attempts):
        reply = world.reply(ticket(request, attempt), 0)
        paid += reply.charge
        assert min(quote - paid) >= 0
        if not isinstance(reply.answer, AnswerFailed):
            assert reply.charge.rows == (dev_rows if request.rows is None else len(request.rows))
            assert reply.charge.prompt_tokens + reply.charge.completion_tokens == world.tokens(request)
        if reply.retry_after is None:
            break
    assert reply.retry_after is None, "the policy ends"
    assert paid.evaluations == 1
    assert paid.usd == service.prices.usd(paid.prompt_tokens, paid.completion_tokens)
    assert paid.completions == paid.seconds == paid.whitebox_seconds == 0


@pytest.mark.parametrize(
    "faults", [Faults(server_error=0.2), Faults(rate_limited=0.2), Faults(outage_every=9.0)]
)
def test_a_client_without_patience_stays_within_its_quote(faults: Faults) -> None:
    """A slow answer is given up and billed, also where the service's own faults are all free."""
    service = Service(Latency(30.0, 0.5), faults=replace(faults, patience=1.0))
    budget = Budget(usd=10**12, evaluations=50)

    def plan() -> Any:
        yield from gather([Evaluate("x" * i) for i in range(1, 11)])
        return "x"

    task = Task("", TEXT, budget, dev_rows=4)
    session = Session("patient", plan(), task, OracleWorld(Length(), 1, (), service, 4), Ledger(budget))
    virtual.play([session], Limits())
    assert session.failure is None
    assert session.ledger.spent.evaluations == 10
    assert session.ledger.spent.usd > 0


def test_what_is_charged_is_what_it_is_made_of() -> None:
    world = OracleWorld(Length(), 1, (), Service(prices=Prices()), 20, Tokens(per_row=40, per_answer=10))
    all_rows = world.reply(ticket(Evaluate("x" * 9)), 0).charge
    assert all_rows == Cost(1, 20, 0, 20 * (3 + 40), 20 * 10, usd=20 * 43 * 150_000 + 200 * 600_000)
    three = world.reply(ticket(Evaluate("x" * 9, (1, 2, 3))), 0).charge
    assert three == Cost(1, 3, 0, 3 * 43, 30, usd=3 * 43 * 150_000 + 30 * 600_000)
    point = world.reply(ticket(Evaluate((0.5,))), 0).charge
    assert point.prompt_tokens == 20 * (20 + 40)
    assert OracleWorld(Length(), 1, dev_rows=0).quote(Evaluate("xxxx")).prompt_tokens == 41


@settings(max_examples=60, deadline=None)
@given(candidate=candidates, rows=rows, service=services, attempt=st.integers(0, 3), repeat=st.integers(0, 2))
def test_the_score_knows_nothing_of_attempts_faults_and_latency(
    candidate: Candidate, rows: Any, service: Service, attempt: int, repeat: int
) -> None:
    noises = (Binomial(10), Gaussian())
    request = Evaluate(candidate, rows)
    clean = OracleWorld(Length(), 1, noises, dev_rows=10).reply(ticket(request, 0, repeat), 0)
    seen = OracleWorld(Length(), 1, noises, service, 10).reply(ticket(request, attempt, repeat), 0)
    if isinstance(seen.answer, AnswerFailed):
        assert seen.truth is None
        assert seen.charge.rows == 0
    else:
        assert seen.answer == clean.answer
        assert seen.truth == clean.truth == Length().truth(candidate)
        assert [row.row for row in seen.answer.rows] == list(rows or ())


def test_a_repeat_sees_other_luck_and_no_noise_sees_the_truth() -> None:
    noisy = OracleWorld(Length(), 1, (Gaussian(),))
    scores = {noisy.reply(ticket(Evaluate("x"), repeat=repeat), 0).answer.score for repeat in range(5)}
    assert len(scores) == 5
    assert OracleWorld(Length(), 1).reply(ticket(Evaluate("x" * 30)), 0).answer.score == 0.3


def test_a_smaller_minibatch_is_noisier() -> None:
    world = OracleWorld(Length(), 1, (Gaussian(0.1),), dev_rows=16)
    for rows, sd in ((None, 0.1), ((0, 1, 2, 3), 0.2), ((3,), 0.4)):
        request = Evaluate("x" * 50, rows)
        errors = [world.reply(ticket(request, repeat=i), 0).answer.score - 0.5 for i in range(2000)]
        assert (sum(e * e for e in errors) / len(errors)) ** 0.5 == pytest.approx(sd, rel=0.1)


def test_it_only_scores() -> None:
    with pytest.raises(ProtocolError, match="cannot answer Complete"):
        OracleWorld(Length(), 1).quote(Complete("hello"))


@pytest.mark.parametrize("name", ["per_row", "per_answer", "per_point"])
def test_tokens_are_not_negative(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=-1"):
        Tokens(**{name: -1})
