"""AIO, played on a white box of a few numbers, and its gradient beside plain SPSA."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_white_box import SPACE, Letters, Toy, asked, opened, run

from agents.adam import Adam
from agents.aio import AIO, Ascent, direction
from agents.engineers import LoraEngineer, SoftEngineer
from agents.soft_prompts import PREFIX, soft_prompts
from mocks.noise import Binomial
from mocks.service import Faults, Retry, Service
from sandbox.budget import Budget
from sandbox.errors import AgentCrashed
from sandbox.protocol import Gather, Observation, Plan

FINE = 10**9
"""Levels at which every point has a text of its own."""
DEAD = Service(faults=Faults(server_error=1.0), retry=Retry(attempts=1))
BOTH = pytest.mark.parametrize("parameters", ["soft", "lora"])


def ascent(agent: AIO, box: Any, seed: int = 0) -> Ascent:
    return Ascent(agent, opened(agent, box).task, np.random.default_rng(seed))


def answered(plan: Plan[Any], score: Callable[[str], float]) -> int:
    """Plays a part of a plan; how many texts it asked to score."""
    asked, answer = 0, None
    while True:
        try:
            request = plan.send(answer)
        except StopIteration:
            return asked
        answer = None
        if isinstance(request, Gather):
            asked += len(request.requests)
            answer = tuple(Observation(score(r.candidate)) for r in request.requests)  # type: ignore[attr-defined]


def numbers(text: str) -> np.ndarray:
    return np.array([float(x) for x in text.rpartition(" ")[2].split("/")])


def quadratic(text: str) -> float:
    return 0.5 - float(np.square(numbers(text) - 0.1).sum())


@BOTH
def test_with_as_many_slots_as_texts_it_is_spsa_bit_for_bit(parameters: str) -> None:
    agent = AIO(parameters=parameters, pairs=4, slots=8, radius=0.05, rate=0.02)
    box = Toy(FINE)
    mine, plain = ascent(agent, box), ascent(agent, Toy(FINE))
    write, theta, adam, radius = plain.engineer.write, plain.theta, Adam(0.02), 0.05
    for _ in range(5):
        assert answered(mine.round(), quadratic) == 8
        seed = int(plain.rng.integers(2**31))
        directions = [direction(seed, j, len(theta)) for j in range(4)]
        up = write([theta + radius * u for u in directions], "", 0.0, 0)
        down = write([theta - radius * u for u in directions], "", 0.0, 0)
        gradient = np.zeros(len(theta))
        for u, a, b in zip(directions, up, down, strict=True):
            gradient += (quadratic(a) - quadratic(b)) / (2 * radius) * u
        theta = plain.engineer.inside(adam.step(theta, gradient / 4))
        radius *= 0.97
        if parameters == "soft":  # the model draws from the same generator
            mine.rng, plain.rng = np.random.default_rng(seed), np.random.default_rng(seed)
        else:
            mine.rng, plain.rng = np.random.default_rng(seed + 1), np.random.default_rng(seed + 1)
        assert (mine.theta == theta).all()
    assert theta.any()


class Recorder(Adam):
    """Keeps the gradients, and goes nowhere."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.gradients: list[np.ndarray] = []

    def step(self, point: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        self.gradients.append(gradient)
        return point


@pytest.mark.parametrize("pairs", [1, 6])
def test_on_a_quadratic_the_gradient_is_right_on_average(pairs: int) -> None:
    mine = ascent(AIO(pairs=pairs, slots=2 * pairs, radius=0.1), Toy(FINE))
    recorder = mine.adam = Recorder()
    mine.theta = np.linspace(-0.5, 0.5, 10)
    assert isinstance(mine.engineer, SoftEngineer)
    mixed = mine.engineer._lift.lift(np.eye(10)).mean(axis=1).T.astype(float)
    truth = -2 * mixed.T @ (mixed @ mine.theta - 0.1)
    for _ in range(900 // pairs):
        answered(mine.round(), quadratic)
        mine.scored.known.clear()
    found = np.array(recorder.gradients)
    error = found.std(axis=0) / math.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - truth) < 4.5 * error + 1e-3).all()
    assert (np.abs(truth) > 6 * error).any()


@BOTH
def test_equal_pairs_widen_the_radius_and_others_narrow_it(parameters: str) -> None:
    blind = ascent(AIO(parameters=parameters, radius=0.3), Toy(levels=1))
    for k in range(1, 6):
        answered(blind.round(), lambda text: 0.5)
        assert blind.radius == pytest.approx(0.3 * 1.5**k)
    for _ in range(10):
        answered(blind.round(), lambda text: 0.5)
    assert blind.radius == pytest.approx(16 * 0.3)
    sharp = ascent(AIO(parameters=parameters, radius=0.3), Toy(FINE))
    answered(sharp.round(), quadratic)
    assert sharp.radius == pytest.approx(0.3 * 0.97)


def test_a_text_that_is_known_costs_nothing_and_counts_with_its_score() -> None:
    mine = ascent(AIO(initial=10), Toy())
    truth = Letters().truth
    answered(mine.begin(), truth)
    for _ in range(8):
        before = set(mine.scored.known)
        state = mine.rng.bit_generator.state
        seed = int(mine.rng.integers(2**31))
        plus, minus = mine.perturbed(seed)
        mine.rng.bit_generator.state = state
        new = {text for text in plus + minus if text} - before
        assert answered(mine.round(), truth) == min(len(new), 4)
        assert set(mine.scored.known) - before <= new
    texts = list(mine.scored.known)[:3]
    assert mine.estimates(texts, {}) == {None: 0.0} | {text: truth(text) for text in texts}


def test_doubly_robust_scores_are_right_on_average_over_who_is_scored() -> None:
    mine = ascent(AIO(initial=10), Toy())
    answered(mine.begin(), Letters().truth)
    text, *_ = mine.scored.known
    (guess,) = mine.posterior(without={text}).worth(mine.of([text])).tolist()
    score = mine.scored.known[text].score
    corrected = mine.estimates([text], {text: 0.25})[text]
    assert 0.25 * corrected + 0.75 * guess == pytest.approx(score)
    assert run(AIO(doubly_robust=True), Toy()).ledger.spent.evaluations == 60


@BOTH
@settings(deadline=None, max_examples=10)
@given(evaluations=st.integers(1, 70), seed=st.integers(0, 30), preset=st.sampled_from(["default", "paper"]))
def test_no_budget_is_exceeded_and_no_text_paid_twice(
    parameters: str, evaluations: int, seed: int, preset: str
) -> None:
    agent = AIO(preset=preset, parameters=parameters)
    box = Toy()
    one = run(agent, box, seed=seed, budget=Budget(evaluations=evaluations), noises=(Binomial(20),))
    texts = asked(one)
    assert one.ledger.spent.evaluations == len(texts) == len(set(texts)) <= evaluations
    assert len(texts) >= min(evaluations, 25)
    assert one.recommendation in texts
    assert box.shift is None
    assert box.opened == box.closed


@BOTH
def test_the_same_seed_tells_the_same_story_and_another_another(parameters: str) -> None:
    first, again, other = (asked(run(AIO(parameters=parameters), Toy(), seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_between_two_requests_the_white_box_is_as_it_was_lent() -> None:
    agent, box = AIO(parameters="lora"), Toy()
    plan = agent.plan(opened(agent, box).task, np.random.default_rng(0))
    answer: Any = None
    for _ in range(30):
        request = plan.send(answer)
        assert box.shift is None
        answer = None
        if isinstance(request, Gather):
            answer = tuple([Observation(0.5) for _ in request.requests])
    plan.close()
    assert box.opened == box.closed > 5


def test_a_white_box_that_fails_is_left_as_it_was_lent() -> None:
    class Broken(Toy):
        def decode(self, *args: Any, **kwargs: Any) -> list[str]:
            if self.shift is not None:
                raise OSError("out of order")
            return super().decode(*args, **kwargs)

    box = Broken()
    with pytest.raises(AgentCrashed, match="out of order"):
        run(AIO(parameters="lora"), box)
    assert box.shift is None


def test_it_hands_in_the_largest_posterior_mean() -> None:
    mine = ascent(AIO(initial=30, features=8), Toy())
    lucky: list[str] = []

    def score(text: str) -> float:
        if not lucky and Letters().truth(text) < 0.75:
            lucky.append(text)
            return 1.0
        return Letters().truth(text)

    answered(mine.begin(), score)
    known = list(mine.scored.known)
    worth = mine.worth_known(known)
    assert mine.best == max(known, key=lambda text: worth[text])
    assert worth[lucky[0]] < 1.0


def test_it_beats_random_texts() -> None:
    def truths(agent: AIO) -> np.ndarray:
        runs = [run(agent, Toy(), seed=seed, noises=(Binomial(20),)) for seed in range(20)]
        return np.array([Letters().truth(one.recommendation or "") for one in runs])

    assert (truths(AIO()) - truths(AIO(initial=60))).mean() > 0.0


@BOTH
def test_the_engineer_gets_better(parameters: str) -> None:
    """Without noise, what it writes at the end is better than what it wrote at first."""
    gains = []
    for seed in range(6):
        mine = ascent(AIO(parameters=parameters, initial=1, radius=0.2, rate=0.1), Toy(), seed)
        answered(mine.begin(), Letters().truth)
        start = mine.theta
        for _ in range(25):
            answered(mine.round(), Letters().truth)
        before, after = mine.engineer.write([start, mine.theta], "", 0.0, 0)
        gains.append(Letters().truth(after) - Letters().truth(before))
    assert np.mean(gains) > 0.1


def test_nothing_to_pay_with_and_nothing_new_end_the_run() -> None:
    assert run(AIO(), Toy(allowance=0)).recommendation in SPACE.seeds
    short = run(AIO(), Toy(allowance=120), budget=Budget(evaluations=300))
    assert 25 <= short.ledger.spent.evaluations < 60
    assert run(AIO(), Toy(levels=1)).ledger.spent.evaluations == 1
    assert run(AIO(), Toy(), service=DEAD).ledger.spent.evaluations > 25


def test_feedback_shows_the_best_and_the_worst() -> None:
    box = Toy()
    mine = ascent(AIO(preset="paper", initial=8), box)
    answered(mine.begin(), Letters().truth)
    first = mine.context()
    answered(mine.round(), Letters().truth)
    ranked = sorted(mine.scored.known, key=Letters().truth)
    last = mine.context()
    assert last.endswith(PREFIX)
    shown = [text for text in mine.scored.known if f": {text}\n" in last]
    assert len(shown) == 5
    assert {Letters().truth(t) for t in shown} >= {Letters().truth(ranked[-1]), Letters().truth(ranked[0])}
    assert first.split("Instructions")[0] != last.split("Instructions")[0]  # other examples
    assert "Instructions" not in ascent(AIO(), box).context()
    box.positions = len(last) + 64 + 5 - 1
    assert sum(f": {text}\n" in mine.context() for text in mine.scored.known) == 4
    box.positions = 1
    assert "Instructions" not in mine.context()


def test_the_texts_of_a_pair_share_their_luck() -> None:
    lift = soft_prompts(4, 2, 3, np.random.default_rng(0))
    for engineer in (SoftEngineer(Toy(FINE), lift), LoraEngineer(Toy(FINE), 8, 0)):
        points = [engineer.origin] * 3
        assert engineer.write(points, "", 0.7, 5) == engineer.write(points, "", 0.7, 5)
        assert engineer.write(points, "", 0.7, 5) != engineer.write(points, "", 0.7, 6)
        assert len(set(engineer.write(points, "", 0.7, 5))) == 3
        assert len(set(engineer.write(points, "", 0.0, 5))) == 1


def test_parameters_given_win_over_the_preset_and_bad_ones_are_named() -> None:
    paper = AIO(preset="paper").settings
    assert AIO(preset="paper", pairs=3).settings == paper._replace(pairs=3)
    soft = AIO(preset="paper", parameters="soft").settings
    assert (soft.radius, soft.rate) == (AIO().settings.radius, AIO().settings.rate)
    for one in fields(AIO()):
        if one.name in ("name", "preset", "parameters", "redraw", "feedback", "doubly_robust"):
            continue
        for bad in (-1, math.nan, "7"):
            with pytest.raises(ValueError, match=one.name):
                AIO(**{one.name: bad})
    for bad_choice in ({"preset": "papr"}, {"parameters": "all"}, {"redraw": 1}, {"feedback": "no"}):
        with pytest.raises(ValueError, match=next(iter(bad_choice))):
            AIO(**bad_choice)  # type: ignore[arg-type]
