"""What the kit itself promises: honest evidence, scenes that survive a file, worlds and ledgers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from sandbox.budget import FREE, Budget, Cost, Ledger
from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted, DataError
from sandbox.protocol import Task
from sandbox.scenario import Problem, Scenario, Source
from sandbox.session import World
from sandbox.spaces import Box, FreeText, Pool
from sandbox.statistics.betting import Bets
from sandbox.testing import LedgerLaws, Scene, check_world
from sandbox.testing.expected import read_expected
from sandbox.testing.files import problem_of, read_failure, write_failure
from sandbox.testing.history import Play, play
from sandbox.testing.random_subject import RandomSearch
from sandbox.testing.report import Result
from sandbox.testing.world import SceneWorld
from sandbox.trace import Reply, Ticket
from scenarios import CATALOGUE


def test_bets_rarely_reject_what_is_true_however_often_one_looks() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(400):
        bets = Bets(0.5)
        for value in rng.integers(0, 2, size=200):
            bets.see(float(value))
            if bets.against(0.05):
                alarms += 1
                break
    assert alarms <= 0.05 * 400 + 3 * (0.05 * 0.95 * 400) ** 0.5


@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0.05, 0.95))
def test_wealth_is_the_mean_of_the_products(values: list[float], least: float) -> None:
    bets = Bets(least)
    for value in values:
        bets.see(value)
    grid = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95]
    wealth = np.mean([np.prod([1 + b * (least - x) / (1 - least) for x in values]) for b in grid])
    assert np.exp(bets.log_wealth) == pytest.approx(wealth, rel=1e-9)


def test_bets_name_what_is_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"least=1\.0"):
        Bets(1.0)
    with pytest.raises(ValueError, match=r"1\.5 is outside"):
        Bets(0.5).see(1.5)


@given(st.from_type(Scene))
def test_a_scene_survives_its_file(scene: Scene) -> None:
    assert Scene.of(json.loads(json.dumps(scene.told()))) == scene


@given(st.from_type(Scene))
@settings(max_examples=40, deadline=None)
def test_random_search_plays_every_scene_and_leaves_no_trace_in_its_surroundings(scene: Scene) -> None:
    one, other = play(RandomSearch(), scene), play(RandomSearch(), scene, Play(chance=5, clock=(9e9, 60.0)))
    assert one.trace() == other.trace()
    assert one.healthy
    assert one.evaluations <= scene.budget
    assert one.notes["chance"] == ""


@given(st.from_type(Task), st.from_type(Budget), st.from_type(Cost), st.from_type(Claims))
@settings(max_examples=20)
def test_the_central_types_can_be_drawn(task: Task, budget: Budget, cost: Cost, claims: Claims) -> None:
    assert budget.limits()
    assert min(cost) >= 0
    assert task.budget.limits()
    assert claims.min_budget >= 1


@given(st.from_type(Scenario), st.from_type(Problem))
@settings(max_examples=20, deadline=None)
def test_scenarios_and_problems_can_be_drawn(scenario: Scenario, problem: Problem) -> None:
    assert scenario.build(scenario.problems[0]).task(scenario.budget).space is not None
    assert problem.baseline <= problem.optimum


@given(st.from_type(Pool) | st.from_type(FreeText) | st.from_type(Box))
@settings(max_examples=20)
def test_spaces_can_be_drawn(space: Any) -> None:
    assert space.kind in ("pool", "text", "box")


@pytest.mark.parametrize(
    ("told", "match"),
    [
        ({"budget": 0}, "budget=0"),
        ({"kind": "sphere"}, "kind='sphere'"),
        ({"colour": 1}, "unknown field 'colour'"),
        ({"faults": [[0, "tea"]]}, "tea"),
    ],
)
def test_a_wrong_scene_is_named(told: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Scene.of(told)


def test_a_failure_is_kept_and_opens_as_a_scenario(tmp_path: Path) -> None:
    scene = Scene(size=4, oracle="table", budget=6, luck=3)
    path = write_failure(Result("check_runs", "fail", "it fell", scene.told()), "random", tmp_path)
    assert path == write_failure(Result("check_runs", "fail", "it fell", scene.told()), "random", tmp_path)
    assert read_failure(path).scene == scene
    scenario = CATALOGUE.load(Source(str(path)))
    assert scenario.agents == ("random",)
    assert scenario.budget == Budget(evaluations=6)
    assert scenario.build("scene").space == scene.space


@pytest.mark.parametrize("body", ["", "[]", '{"check": "check_runs"}', '{"check": 1, "scene": 2}'])
def test_a_file_that_is_none_is_named(body: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(body, "utf-8")
    with pytest.raises(DataError, match=r"x\.json"):
        read_failure(path)


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("[[expected]]\nagent='a'\ncheck='tea'\nreason='r'", "no check 'tea'"),
        ("[[expected]]\nagent='a'\ncheck='runs'", "reason is missing"),
        ("[[expected]]\nagent='a'\ncheck='runs'\nreason='r'\ncolour=1", "unknown key 'colour'"),
        ("[[expectd]]\n", "unknown key 'expectd'"),
        ("agent =", "conformance.toml"),
    ],
)
def test_a_wrong_expectation_is_named(body: str, match: str, tmp_path: Path) -> None:
    path = tmp_path / "conformance.toml"
    path.write_text(body, "utf-8")
    with pytest.raises(DataError, match=match):
        read_expected(path, "a", {"check_runs": 0})


# --- worlds ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["additive", "rugged", "plateaus", "trap", "low-dimensional", "quickstart", "induction30-quick"]
)
def test_the_worlds_of_the_catalogue_keep_their_laws(name: str) -> None:
    scenario = CATALOGUE.load(Source(name))
    for problem in scenario.problems[:2]:
        report = check_world(scenario.build(problem))
        assert report.ok, str(report)


SCENE = Scene(size=8, oracle="table", budget=9, noisy=True)


class Wrong(SceneWorld):
    """A world with one law broken."""

    def __init__(self, scene: Scene, how: str) -> None:
        super().__init__(scene)
        self.how, self.asked = how, 0

    def reply(self, ticket: Ticket, now: int) -> Reply:
        reply = super().reply(ticket, now)
        self.asked += 1
        if self.how == "unbiased":
            return reply._replace(answer=reply.answer._replace(score=min(1.0, reply.answer.score + 0.3)))
        if self.how == "keyed":
            return reply._replace(answer=reply.answer._replace(score=(self.asked % 7) / 7))
        if self.how == "priced":
            return reply._replace(charge=reply.charge._replace(evaluations=2))
        if self.how == "observed_in_range":
            return reply._replace(answer=reply.answer._replace(score=float("nan")))
        if self.how == "deterministic":
            return reply._replace(nanoseconds=id(object()) % 1000 + next(_COUNT))
        return reply

    def quote(self, request: Any) -> Cost:
        return FREE if self.how == "costs_something" else super().quote(request)


_COUNT = iter(range(10**9))


def wrong(how: str) -> Problem:
    problem = problem_of(SCENE)

    def world(seed: int) -> World:
        return Wrong(replace(SCENE, luck=seed + SCENE.luck), how)

    return replace(problem, world=world)


@pytest.mark.parametrize(
    "how", ["unbiased", "keyed", "priced", "observed_in_range", "deterministic", "costs_something"]
)
def test_a_broken_world_is_found_by_the_law_it_breaks(how: str) -> None:
    failed = {result.check for result in check_world(wrong(how)).results if result.status == "fail"}
    assert how in failed
    assert failed <= {how, "keyed", "unbiased"} if how in ("deterministic", "keyed") else {how}


def test_a_wrong_optimum_and_a_wrong_range_are_found() -> None:
    problem = problem_of(SCENE)
    for change, law in (({"optimum": 0.1}, "optimum"), ({"score_range": (0.0, 0.5)}, "truth_in_range")):
        failed = {r.check for r in check_world(replace(problem, **change)).results if r.status == "fail"}
        assert law in failed


# --- ledgers --------------------------------------------------------------------------


class ForgetsToGiveBack(Ledger):
    def release(self, key: Any) -> None:
        self.settle(key, self._open[key][0])


class ForgetsACurrency(Ledger):
    def reserve_one(self, quote: Cost) -> Any:
        try:
            return super().reserve_one(quote)
        except BudgetExhausted as refusal:
            if refusal.args[0] == "evaluations":
                return self._set_aside(self._look_up(quote))
            raise


class ForgivesFailures(Ledger):
    def settle_in_part(self, key: Any, charge: Cost) -> None:
        super().settle_in_part(key, FREE)


class AnswersTwice(Ledger):
    def settle(self, key: Any, charge: Cost) -> None:
        if key in self._open:
            super().settle(key, charge)


class TurnsTheClockBack(Ledger):
    def pass_time(self, now: int) -> None:
        self._spent[6] = min(now, self.budget.seconds or now)


@pytest.mark.parametrize(
    "kind", [ForgetsToGiveBack, ForgetsACurrency, ForgivesFailures, AnswersTwice, TurnsTheClockBack]
)
def test_a_broken_ledger_is_found(kind: type[Ledger]) -> None:
    class Laws(LedgerLaws):
        def make(self, budget: Budget) -> Any:
            return kind(budget)

    how = settings(
        max_examples=200, stateful_step_count=20, deadline=None, database=None, derandomize=True,
        phases=[Phase.generate], report_multiple_bugs=False,  # that it is found is enough here
    )  # fmt: skip
    with pytest.raises(Exception):  # noqa: B017, PT011  # whichever law it breaks first
        run_state_machine_as_test(Laws, settings=how)
