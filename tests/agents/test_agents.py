"""Laws that every agent keeps in every small world."""

from __future__ import annotations

import math
import random
import threading
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playing import CASES, NAMES, NEED, SLOW, SPACES, WORDS, Smooth, make, played, sentences, session, story

import agents
from mocks.noise import Binomial, Gaussian, Noise
from mocks.service import Faults, Latency, Retry, Service
from mocks.world import OracleWorld
from sandbox.budget import Budget
from sandbox.drivers import loop, virtual
from sandbox.errors import AnswerFailed
from sandbox.limits import Limits
from sandbox.protocol import Needs
from sandbox.spaces import Box, FreeText, Pool, Space
from sandbox.trace import Fate, Reply, Ticket

DEAD = Service(faults=Faults(server_error=1.0), retry=Retry(attempts=1))
FLAKY = Service(faults=Faults(rate_limited=0.1, timeout=0.1, malformed=0.15), retry=Retry(attempts=2))
CROWDED = Service(
    Latency(median=1.0, sigma=0.8), Limits(concurrency=64), faults=FLAKY.faults, retry=FLAKY.retry
)


@pytest.mark.parametrize("name", agents.TABLE)
def test_the_table_names_what_is_there(name: str) -> None:
    agent = make(name)
    assert agent.name == name
    assert type(agent).__doc__
    assert type(agent).__doc__.splitlines()[0].endswith(".")
    with pytest.raises(AttributeError):
        agent.name = "another"  # type: ignore[misc]


@pytest.mark.parametrize("name", agents.TABLE)
def test_parameters_are_plain_and_out_of_range_they_are_refused(name: str) -> None:
    agent: Any = make(name)
    for field in fields(agent):
        value = getattr(agent, field.name)
        if value is None:  # by the preset
            continue
        assert type(value) in (int, float, str, bool)
        if isinstance(value, (int, float)):
            for bad in (-1, math.nan, "7"):
                with pytest.raises(ValueError, match=field.name):
                    make(name, **{field.name: bad})


@pytest.mark.parametrize(("name", "space"), CASES)
def test_the_whole_budget_is_used_and_something_of_the_space_is_handed_in(name: str, space: str) -> None:
    one = played(name, space, noises=(Binomial(20),), rows=20)
    assert one.ledger.spent.evaluations == 25
    assert one.recommendation in SPACES[space]
    assert one.trace.charged()._replace(seconds=0) == one.ledger.spent._replace(seconds=0)


@pytest.mark.parametrize(("name", "space"), CASES)
@pytest.mark.parametrize("evaluations", [1, 2, 3, 7])
def test_tiny_budgets_are_enough(name: str, space: str, evaluations: int) -> None:
    one = played(name, space, budget=Budget(evaluations=evaluations))
    assert one.ledger.spent.evaluations == evaluations
    assert one.recommendation in SPACES[space]


@pytest.mark.parametrize(("name", "space"), CASES)
@pytest.mark.parametrize("budget", [Budget(usd=2 * 10**9), Budget(rows=300), Budget(seconds=15 * 10**9)])
def test_any_currency_ends_the_run(name: str, space: str, budget: Budget) -> None:
    one = played(name, space, budget=budget, rows=20, noises=(Binomial(20),))
    spent = one.ledger.spent
    assert spent.evaluations > 0
    for limit, used in zip(budget, spent, strict=True):
        assert limit is None or used <= limit


@pytest.mark.parametrize(("name", "space"), CASES)
def test_constant_scores_are_survived(name: str, space: str) -> None:
    one = played(name, oracle=Smooth(SPACES[space], constant=True), budget=Budget(evaluations=16))
    assert one.ledger.spent.evaluations == 16


@pytest.mark.parametrize(("name", "space"), CASES)
def test_a_dead_service_is_survived(name: str, space: str) -> None:
    one = played(name, space, service=DEAD)
    assert one.ledger.spent.evaluations == 25
    assert all(record.fate is Fate.FAILED for record in one.trace.records)
    assert one.recommendation in SPACES[space]


@pytest.mark.parametrize(("name", "space"), CASES)
def test_the_same_seed_tells_the_same_story_under_both_drivers(name: str, space: str) -> None:
    budget = Budget(evaluations=14 if (name, space) in SLOW else 40)
    setting: dict[str, Any] = {"budget": budget, "noises": (Gaussian(0.1),), "service": CROWDED, "seed": 3}
    if "batch" in {field.name for field in fields(make(name))}:  # type: ignore[arg-type]
        setting["batch"] = 3
    plain, again, virtually = (session(name, space, **setting) for _ in range(3))
    loop.play(plain)
    loop.play(again)
    virtual.play([virtually], CROWDED.limits)
    assert plain.failure is None
    assert story(plain) == story(again) == story(virtually)
    assert any(record.fate is Fate.FAILED for record in plain.trace.records)


@pytest.mark.parametrize("name", [name for name in NAMES if make(name).needs & ~Needs.BOX])
def test_another_seed_tells_another_story(name: str) -> None:
    space = "pool" if make(name).needs & Needs.POOL else "text"
    stories = {repr(story(played(name, space, seed=seed))[0]) for seed in range(4)}
    assert len(stories) > 1 or name == "round-robin"


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(NAMES)),
    members=st.integers(1, 40),
    evaluations=st.integers(1, 60),
    rows=st.sampled_from([0, 1, 20]),
    seed=st.integers(0, 2**32),
    fault=st.sampled_from([0.0, 0.2, 0.9]),
    data=st.data(),
)
def test_laws_hold_in_any_small_world(
    name: str, members: int, evaluations: int, rows: int, seed: int, fault: float, data: st.DataObject
) -> None:
    kinds = [kind for kind, need in NEED.items() if make(name).needs & need]
    kind = data.draw(st.sampled_from(kinds))
    if name == "gp-bo" and kind == "box":
        evaluations = min(evaluations, 12)
    space: Space = Pool(sentences(members))
    if kind == "text":
        space = FreeText(sentences(1 + members % 3), WORDS[: members % 10], longest=30 + members)
    elif kind == "box":
        space = Box((-1.0,) * (1 + members // 8), (2.0,) * (1 + members // 8))
    noises: tuple[Noise, ...] = (Binomial(rows),) if rows else (Gaussian(0.2),)
    service = Service(faults=Faults(dropped=fault), retry=Retry(attempts=1))
    budget = Budget(evaluations=evaluations)
    one = played(
        name, seed=seed, budget=budget, rows=rows, noises=noises, service=service, oracle=Smooth(space)
    )
    assert one.ledger.spent.evaluations == evaluations
    assert one.recommendation in space


@pytest.mark.parametrize(("name", "space"), CASES)
def test_global_randomness_is_neither_read_nor_written(name: str, space: str) -> None:
    import torch

    budget = Budget(evaluations=12)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    first = story(played(name, space, budget=budget))
    random.seed(2)
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(2)
    before = random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert story(played(name, space, budget=budget)) == first
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    after = random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002
    assert after == before


@pytest.mark.parametrize(("name", "space"), CASES)
@pytest.mark.parametrize("step", [0, 1, 5, 13])
def test_closing_anywhere_leaves_no_thread_and_no_reservation(name: str, space: str, step: int) -> None:
    threads = set(threading.enumerate())
    one = session(name, space)
    waiting = one.start()
    for _ in range(step):
        ticket = waiting.pop(0)
        waiting += one.settle(ticket, one.world.reply(ticket, 0), 0)
    one.close()
    assert set(threading.enumerate()) <= threads
    assert one.ledger.committed == one.ledger.spent
    assert one.failure is None


class Fussy(OracleWorld):
    """A service that never answers about one candidate in three."""

    def reply(self, ticket: Ticket, now: int) -> Reply:
        reply = super().reply(ticket, now)
        if sum(ticket.request.key()) % 3 == 0:
            return reply._replace(answer=AnswerFailed("malformed", "refused"), truth=None)
        return reply


@pytest.mark.parametrize("name", [name for name in NAMES if make(name).needs & Needs.POOL])
def test_a_candidate_that_never_answers_does_not_hold_up_the_others(name: str) -> None:
    one = session(name, budget=Budget(evaluations=60), rows=20)
    one.world = Fussy(Smooth(SPACES["pool"]), 0, (Binomial(20),), None, 20)
    loop.play(one)
    answered = [r for r in one.trace.records if r.fate is Fate.ANSWERED]
    assert len(answered) >= 30
