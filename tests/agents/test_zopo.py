"""ZOPO, played on a white box of a few numbers."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_white_box import SPACE, Letters, Toy, asked, opened, run

from agents.decoded_pool import DecodedPool
from agents.soft_prompts import PREFIX, Writer, soft_prompts
from agents.zopo import ZOPO, _Search
from mocks.noise import Binomial
from mocks.service import Faults, Retry, Service
from sandbox.budget import Budget
from sandbox.protocol import Gather

FLAKY = Service(faults=Faults(server_error=0.4), retry=Retry(attempts=1))
DEAD = Service(faults=Faults(server_error=1.0), retry=Retry(attempts=1))


@settings(deadline=None, max_examples=12)
@given(evaluations=st.integers(1, 90), seed=st.integers(0, 50), preset=st.sampled_from(["default", "paper"]))
def test_no_budget_is_exceeded_and_no_text_paid_twice(evaluations: int, seed: int, preset: str) -> None:
    agent = ZOPO(preset=preset, prompts=128, dimensions=10, tokens=5, lowest=-1.0, stop_at_top=False)
    one = run(agent, Toy(), seed=seed, budget=Budget(evaluations=evaluations), noises=(Binomial(20),))
    texts = asked(one)
    assert one.ledger.spent.evaluations == len(texts) == len(set(texts)) == evaluations
    assert one.recommendation in texts
    assert all(text.startswith(PREFIX) for text in texts)


def test_unsmoothed_it_hands_in_the_best_score_and_of_equals_the_latest() -> None:
    one = run(ZOPO(smooth=False), Toy(), noises=(Binomial(20),))
    scores = [(r.answer.score, i) for i, r in enumerate(one.trace.in_order_asked())]
    assert one.recommendation == asked(one)[max(scores)[1]]


def test_smoothed_it_hands_in_what_is_worth_most() -> None:
    agent = ZOPO(initial=30)
    search = _Search(agent, opened(agent, Toy()).task, np.random.default_rng(0))
    assert search.refill()
    search.rows, search.values = list(range(30)), [0.3 + 0.01 * (k % 7) for k in range(30)]
    search.values[4] = 1.0
    search.worth = search.smoothed()
    assert 0.36 < search.worth[4] < 1.0
    assert search.leader() == search.rows[int(search.worth.argmax())]
    assert abs(search.worth[[k for k in range(30) if k != 4]] - 0.35).max() < 0.1


def test_the_same_seed_tells_the_same_story_and_another_another() -> None:
    first, again, other = (asked(run(ZOPO(), Toy(), seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_it_beats_random_texts_of_the_same_pool() -> None:
    def truths(agent: ZOPO) -> np.ndarray:
        runs = [run(agent, Toy(), seed=seed, budget=Budget(evaluations=40)) for seed in range(16)]
        return np.array([Letters().truth(one.recommendation or "") for one in runs])

    assert (truths(ZOPO(smooth=False)) - truths(ZOPO(smooth=False, initial=40))).mean() > 0.01


def test_failed_evaluations_are_tried_once_more_and_no_more() -> None:
    one = run(ZOPO(), Toy(), service=FLAKY, budget=Budget(evaluations=100))
    texts = asked(one)
    assert max(map(texts.count, texts)) == 2
    dead = run(ZOPO(prompts=8, pool=8), Toy(), service=DEAD, budget=Budget(evaluations=2000))
    assert dead.recommendation in SPACE.seeds


def test_what_the_white_box_wrote_before_its_budget_ended_is_used() -> None:
    one = run(ZOPO(), Toy(allowance=150), budget=Budget(evaluations=300))
    assert 20 < one.ledger.spent.evaluations <= 64
    nothing = run(ZOPO(), Toy(allowance=0))
    assert nothing.recommendation in SPACE.seeds
    assert nothing.ledger.spent.evaluations == 0


def test_it_ends_when_nothing_new_can_be_written() -> None:
    one = run(ZOPO(prompts=32), Toy(levels=1), budget=Budget(evaluations=100))
    assert one.ledger.spent.evaluations == 1


def test_a_perfect_score_ends_the_papers_run_only() -> None:
    class Perfect(Letters):
        def truth(self, candidate: object) -> float:
            return 1.0

    paper = ZOPO(preset="paper", prompts=64, dimensions=10, tokens=5, lowest=-1.0)
    assert run(paper, Toy(), oracle=Perfect()).ledger.spent.evaluations == 40
    assert run(ZOPO(), Toy(), oracle=Perfect()).ledger.spent.evaluations == 60


def batches(agent: ZOPO, evaluations: int) -> list[int]:
    """How many texts each request asks for, with scores of 0.5, 0.49, 0.48 and so on."""
    from sandbox.protocol import Observation

    one = opened(agent, Toy(), budget=Budget(evaluations=evaluations))
    plan = agent.plan(one.task, np.random.default_rng(0))
    sizes: list[int] = []
    answer: object = None
    while sum(sizes) < evaluations:
        request = plan.send(answer)
        answer = None
        if isinstance(request, Gather):
            sizes.append(len(request.requests))
            answer = tuple(Observation(0.5 - 0.01 * (sum(sizes) - i)) for i in range(sizes[-1]))
    plan.close()
    return sizes


def test_five_asks_in_doubt_bring_a_look_around_but_not_near_the_end() -> None:
    sizes = batches(ZOPO(initial=20, threshold=0.0, around=40, doubts=5), 100)
    assert sizes[0] == 20
    around = [i for i, size in enumerate(sizes[1:], 1) if size > 1]
    assert around[0] == 5  # the initial look, four asks, and the fifth explores before its own step
    assert 100 - sum(sizes[: around[-1]]) >= 40 - 1
    assert set(sizes[around[-1] + 1 :]) == {1}


def test_the_published_doubt_never_explores_in_float64() -> None:
    assert set(batches(ZOPO(initial=20, doubt="score", threshold=0.01), 100)[1:]) == {1}


def test_a_step_goes_to_the_nearest_text_that_is_new() -> None:
    agent = ZOPO(rate=1e-9, steps=1)
    search = _Search(agent, opened(agent, Toy()).task, np.random.default_rng(0))
    assert search.refill()
    points = search.pool.points
    search.rows, search.values, search.top = [3, 50, 7, 9], [0.1, 0.9, 0.4, 0.3], 0.9
    search.worth = np.array(search.values)
    search.tried[11] = 2  # failed for good
    with pytest.raises(StopIteration) as end:
        next(search.ask(50))
    apart = np.linalg.norm(points - points[50], axis=1)
    apart[[3, 50, 7, 9, 11]] = np.inf
    assert end.value.value == int(apart.argmin())


def test_a_step_goes_up_the_mean_of_the_process() -> None:
    """Scores that grow along the first axis of the embeddings send the search that way."""
    agent = ZOPO(rate=0.5, steps=1)
    search = _Search(agent, opened(agent, Toy()).task, np.random.default_rng(0))
    assert search.refill()
    axis = search.pool.points[:, 0]
    middle = int(np.argsort(axis)[len(axis) // 2])
    search.rows = [row for row in range(0, len(axis), 3) if row != middle] + [middle]
    search.values = [float(axis[row]) for row in search.rows]
    search.worth, search.top = np.array(search.values), max(search.values)
    with pytest.raises(StopIteration) as end:
        next(search.ask(middle))
    assert axis[end.value.value] > axis[middle]


def test_the_pool_keeps_texts_that_differ_each_with_its_own_embedding() -> None:
    rng = np.random.default_rng(0)
    writer = Writer(Toy(), soft_prompts(10, 5, 3, rng), "", PREFIX, 64)
    pool = DecodedPool(writer, -1.0, rng)
    joined = pool.grow(200, 20, lambda text: None if text.endswith("d") else text)
    assert joined == len(pool.texts) == len(pool.points) == 20
    assert list(pool.texts.values()) == list(range(20))
    assert len({tuple(row) for row in pool.points.tolist()}) == 20
    assert not any(text.endswith("d") for text in pool.texts)
    assert pool.grow(200, 1000, lambda text: text) > 0
    assert len(pool.texts) == len(pool.points)


def test_parameters_given_win_over_the_preset_and_bad_ones_are_named() -> None:
    assert ZOPO(preset="paper", tokens=3).settings == ZOPO(preset="paper").settings._replace(tokens=3)
    for one in fields(ZOPO()):
        if one.name in ("name", "preset", "doubt", "stop_at_top", "smooth"):
            continue
        for bad in (-2, math.nan, "7"):
            with pytest.raises(ValueError, match=one.name):
                ZOPO(**{one.name: bad})  # type: ignore[arg-type]
    for bad_choice in ({"preset": "papr"}, {"doubt": "both"}, {"stop_at_top": 1}, {"smooth": "no"}):
        with pytest.raises(ValueError, match=next(iter(bad_choice))):
            ZOPO(**bad_choice)  # type: ignore[arg-type]
