"""Laws that every agent keeps, and what is special about each."""

from __future__ import annotations

import importlib
import math
import random
import threading
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agents
from agents.sequential_halving import SequentialHalving, most_arms, rounds, schedule
from agents.thompson import Thompson
from agents.ucb import UCB
from mocks.noise import Binomial, Gaussian, Noise
from mocks.service import Faults, Latency, Retry, Service
from mocks.world import OracleWorld
from sandbox.budget import FREE, Budget, Ledger
from sandbox.drivers import loop, virtual
from sandbox.errors import AnswerFailed
from sandbox.limits import Limits
from sandbox.protocol import Agent, Needs, Task
from sandbox.session import Session
from sandbox.spaces import Box, Candidate, FreeText, Pool, Space
from sandbox.streams import stream
from sandbox.trace import Fate, Reply, Ticket

WORDS = ("brief", "exactly", "step", "answer", "list", "think", "word", "only", "first", "check")


def make(name: str, **fields: Any) -> Agent:
    module, _, attribute = agents.TABLE[name].partition(":")
    made: Agent = getattr(importlib.import_module(module), attribute)(**fields)
    return made


@dataclass(frozen=True)
class Smooth:
    """Any space; how good a candidate is, is a smooth function of what it looks like."""

    space: Space
    constant: bool = False

    def truth(self, candidate: Candidate) -> float:
        if self.constant:
            return 0.5
        if isinstance(candidate, str):
            words = candidate.split()
            return sum(word in WORDS[:4] for word in set(words)) / (4 + 0.05 * len(words))
        box = self.space
        assert isinstance(box, Box)
        unit = [(x - a) / (b - a) for a, x, b in zip(box.lower, candidate, box.upper, strict=True)]
        return math.exp(-sum((u - 0.3) ** 2 for u in unit))


def sentences(count: int) -> tuple[str, ...]:
    """Distinct texts over few words."""
    rng = np.random.default_rng(count)
    found: dict[str, None] = {}
    while len(found) < count:
        found[" ".join(rng.choice(WORDS, size=int(rng.integers(1, 8))))] = None
    return tuple(found)


SPACES: dict[str, Space] = {
    "pool": Pool(sentences(30)),
    "tiny pool": Pool(sentences(2)),
    "lonely pool": Pool(("the only one",)),
    "text": FreeText(("Answer the question.", "Be brief:\nanswer."), WORDS),
    "short text": FreeText(("Hi.",), (), longest=5),
    "box": Box((-2.0, 0.0, 5.0), (3.0, 0.1, 9.0)),
    "line": Box((0.0,), (1.0,)),
}
NEED = {"pool": Needs.POOL, "text": Needs.TEXT, "box": Needs.BOX}
CASES = [
    (name, space) for name in agents.TABLE for space, s in SPACES.items() if NEED[s.kind] & make(name).needs
]
SLOW = {("gp-bo", "box"), ("gp-bo", "line")}
"""botorch takes a tenth of a second a step."""


def session(
    name: str,
    space: str = "pool",
    seed: int = 0,
    budget: Budget | None = None,
    noises: tuple[Noise, ...] = (),
    service: Service | None = None,
    rows: int = 0,
    oracle: Any = None,
    **parameters: Any,
) -> Session:
    oracle = oracle or Smooth(SPACES[space])
    budget = budget or Budget(evaluations=25)
    task = Task("a test", oracle.space, budget, dev_rows=rows)
    agent = make(name, **parameters)
    world = OracleWorld(oracle, seed, noises, service, rows)
    return Session(agent.name, agent.plan(task, stream(seed, "agent", name)), task, world, Ledger(budget))


def played(*args: Any, **kwargs: Any) -> Session:
    one = session(*args, **kwargs)
    loop.play(one)
    if one.failure is not None:
        raise one.failure
    return one


def story(one: Session) -> tuple[Any, ...]:
    asked = [
        (r.ticket.number, r.ticket.attempt, r.ticket.request, r.answer) for r in one.trace.in_order_asked()
    ]
    named = [recommendation.candidate for recommendation in one.trace.recommendations]
    return asked, named, one.recommendation, one.ledger.spent._replace(seconds=0)


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
    assert any(isinstance(record.answer, AnswerFailed) for record in plain.trace.records)


@pytest.mark.parametrize("name", [name for name in agents.TABLE if make(name).needs & ~Needs.BOX])
def test_another_seed_tells_another_story(name: str) -> None:
    space = "pool" if make(name).needs & Needs.POOL else "text"
    stories = {repr(story(played(name, space, seed=seed))[0]) for seed in range(4)}
    assert len(stories) > 1 or name == "round-robin"


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(agents.TABLE)),
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
    assert story(played(name, space, budget=budget)) == first
    after = random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002
    assert after == before
    assert torch.get_num_threads() == threads


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


@pytest.mark.parametrize("name", [name for name in agents.TABLE if make(name).needs & Needs.POOL])
def test_a_candidate_that_never_answers_does_not_hold_up_the_others(name: str) -> None:
    one = session(name, budget=Budget(evaluations=60), rows=20)
    one.world = Fussy(Smooth(SPACES["pool"]), 0, (Binomial(20),), None, 20)
    loop.play(one)
    answered = [r for r in one.trace.records if r.fate is Fate.ANSWERED]
    assert len(answered) >= 20
    assert one.ledger.spent - FREE == one.ledger.spent


def test_ucb_computes_the_index_of_the_paper() -> None:
    means, looks = np.array([0.5, 0.2, 0.0]), np.array([3.0, 7.0, 0.0])
    index = UCB(exploration=1.0).indices(means, looks, rows=1)
    assert index[0] == pytest.approx(0.5 + math.sqrt(2 * math.log(10) / 3))
    assert index[1] == pytest.approx(0.2 + math.sqrt(2 * math.log(10) / 7))
    assert index[2] == math.inf
    narrower = UCB(exploration=1.0).indices(means, looks, rows=4)
    assert narrower[0] - 0.5 == pytest.approx((index[0] - 0.5) / 2)


@given(arms=st.integers(1, 500), budget=st.integers(1, 20_000))
def test_sequential_halving_follows_the_papers_schedule(arms: int, budget: int) -> None:
    plan = schedule(arms, budget)
    assert len(plan) == max(1, math.ceil(math.log2(arms)))
    assert plan[0][0] == arms
    for (left, pulls), (after, _) in zip(plan, plan[1:], strict=False):
        assert after == math.ceil(left / 2)
        assert pulls == math.floor(budget / (left * math.ceil(math.log2(arms))))
    assert arms == 1 or plan[-1][0] == 2
    assert sum(left * pulls for left, pulls in plan) <= budget
    most = most_arms(budget, 500)
    assert most * rounds(most) <= max(budget, 1)


def test_sequential_halving_pulls_what_its_schedule_says() -> None:
    one = played("sequential-halving", oracle=Smooth(Pool(sentences(8))), budget=Budget(evaluations=48))
    pulls: dict[Candidate, int] = {}
    for record in one.trace.records:
        candidate = record.ticket.request.candidate  # type: ignore[attr-defined]
        pulls[candidate] = pulls.get(candidate, 0) + 1
    # 48 / (8 * 3) = 2 of all eight, 4 more of the best four, 8 more of the last two.
    assert sorted(pulls.values()) == [2, 2, 2, 2, 6, 6, 14, 14]
    assert SequentialHalving().name == one.agent


@dataclass(frozen=True)
class Best:
    """One arm at 0.9, the others at 0.5."""

    space: Pool

    def truth(self, candidate: Candidate) -> float:
        return 0.9 if candidate == self.space.texts[-1] else 0.5


@pytest.mark.parametrize("name", ["thompson", "ucb", "sequential-halving", "round-robin", "gp-bo"])
def test_an_easy_pool_is_solved(name: str) -> None:
    oracle = Best(Pool(sentences(10)))
    setting: dict[str, Any] = {"oracle": oracle, "budget": Budget(evaluations=60), "rows": 20}
    runs = [played(name, seed=seed, noises=(Binomial(20),), **setting) for seed in range(10)]
    assert sum(one.recommendation == oracle.space.texts[-1] for one in runs) >= 9


def test_thompson_pulls_the_best_arm_most_often() -> None:
    oracle = Best(Pool(sentences(10)))
    for rows, noises in ((20, (Binomial(20),)), (0, (Gaussian(0.1),))):
        one = played(Thompson().name, oracle=oracle, budget=Budget(evaluations=120), rows=rows, noises=noises)
        best = sum(r.ticket.request.candidate == oracle.space.texts[-1] for r in one.trace.records)  # type: ignore[attr-defined]
        assert best > 60


def finals(name: str, oracle: Any, seeds: int, **setting: Any) -> np.ndarray:
    runs = [played(name, seed=seed, oracle=oracle, **setting) for seed in range(seeds)]
    return np.array([oracle.truth(one.recommendation) for one in runs])


def test_gp_bo_beats_random_search_on_a_smooth_box() -> None:
    oracle = Smooth(Box((-1.0,) * 4, (1.0,) * 4))
    setting: dict[str, Any] = {"budget": Budget(evaluations=24), "noises": (Gaussian(0.02),)}
    gain = finals("gp-bo", oracle, 3, **setting) - finals("random", oracle, 3, **setting)
    assert gain.mean() > 0.03
    assert gain.min() > -0.01


def test_gp_bo_beats_random_search_on_texts_that_score_alike_when_they_look_alike() -> None:
    setting: dict[str, Any] = {"budget": Budget(evaluations=40), "noises": (Binomial(20),), "rows": 20}
    for space in (Pool(sentences(300)), SPACES["text"]):
        oracle = Smooth(space)
        gain = finals("gp-bo", oracle, 8, **setting) - finals("random", oracle, 8, **setting)
        assert gain.mean() > 0.02


def test_evolution_climbs_where_words_add_up() -> None:
    oracle, budget = Smooth(SPACES["text"]), Budget(evaluations=200)
    gain = finals("evolution", oracle, 5, budget=budget) - finals("random", oracle, 5, budget=budget)
    assert gain.mean() > 0.0


def test_cma_es_converges_on_a_quadratic() -> None:
    oracle = Smooth(Box((-5.0, 0.0, 10.0), (5.0, 1.0, 20.0)))
    assert finals("cma-es", oracle, 3, budget=Budget(evaluations=400)).min() > 1 - 1e-5


def test_cma_es_plays_in_two_hundred_dimensions() -> None:
    oracle = Smooth(Box((-1.0,) * 200, (1.0,) * 200))
    budget = Budget(evaluations=300)
    gain = finals("cma-es", oracle, 2, budget=budget) - finals("random", oracle, 2, budget=budget)
    assert gain.min() > 0


def test_tpe_leaves_the_logging_of_optuna_as_it_was() -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    try:
        optuna.logging.set_verbosity(optuna.logging.DEBUG)
        played("tpe", "box")
        assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    finally:
        optuna.logging.set_verbosity(before)
