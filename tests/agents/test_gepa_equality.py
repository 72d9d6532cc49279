"""The native GEPA makes the very run of the package gepa 0.1.4 on a task with one component."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.gepa import ACCEPTANCES, GEPA, PRESETS, Search, split
from sandbox.budget import Budget
from sandbox.protocol import Complete, Completion, Evaluate, Observation, RowResult, Task
from sandbox.spaces import FreeText

gepa = pytest.importorskip("gepa", reason="the package comes with the extra `test`")

SEED = "candidate 0"


def unit(*parts: object) -> float:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "little") / 2**32


@dataclass(frozen=True)
class Game:
    """Scores by hash; a candidate's level rises with its number, or not."""

    salt: int
    levels: int
    """Distinct scores a row: 2 for right and wrong, more for fractions."""
    slope: float

    def score(self, text: str, row: int) -> float:
        number = int(text.split()[1])
        worth = unit(self.salt, number, row) * 0.7 + self.slope * number
        return min(int(worth * self.levels), self.levels - 1) / (self.levels - 1)


def theirs(
    game: Game, rows: int, calls: int, batch: int, seed: int, selector: str, acceptance: str
) -> tuple[Any, ...]:
    train, val = split(rows, 1 / 3)

    class Adapter:
        propose_new_texts = None

        def evaluate(self, batch: Any, candidate: Any, capture_traces: bool = False) -> Any:
            from gepa.core.adapter import EvaluationBatch

            scores = [game.score(candidate["text"], row) for row in batch]
            return EvaluationBatch(
                outputs=["" for _ in batch],
                scores=scores,
                trajectories=list(batch) if capture_traces else None,
            )

        def make_reflective_dataset(self, candidate: Any, evaluated: Any, components: Any) -> Any:
            return {components[0]: [{"Feedback": "none"} for _ in evaluated.scores]}

    count = iter(range(1, 10_000))

    class Quiet:
        def log(self, message: str) -> None:
            pass

    result = gepa.optimize(
        seed_candidate={"text": SEED},
        trainset=list(train),
        valset=list(val),
        adapter=Adapter(),
        reflection_lm=lambda prompt: f"```\ncandidate {next(count)}\n```",
        candidate_selection_strategy=selector,
        reflection_minibatch_size=batch,
        max_metric_calls=calls,
        seed=seed,
        logger=Quiet(),
        acceptance_criterion=acceptance if acceptance != "improvement" else "strict_improvement",
    )
    texts = [made["text"] for made in result.candidates]
    return (
        texts,
        result.val_aggregate_scores,
        result.total_metric_calls,
        result.best_candidate["text"],
        next(count),
    )


def ours(
    game: Game, rows: int, calls: int, batch: int, seed: int, selector: str, acceptance: str
) -> tuple[Any, ...]:
    task = Task("a test", FreeText((SEED,)), Budget(rows=10**6), dev_rows=rows)
    agent = GEPA(selector=selector, acceptance=acceptance, minibatch=batch, calls=calls)
    known = PRESETS["small"]._replace(minibatch=batch, calls=calls)
    search = Search(agent, known, task, SEED, random.Random(seed))
    plan, answer, written = search.run(), None, 0
    try:
        while True:
            request = plan.send(answer)
            if hasattr(request, "requests"):
                (inner,) = request.requests
                if isinstance(inner, Complete):
                    written += 1
                    answer = (Completion((f"```\ncandidate {written}\n```",)),)
                else:
                    assert isinstance(inner, Evaluate)
                    assert isinstance(inner.candidate, str)
                    seen = [RowResult(row, game.score(inner.candidate, row)) for row in inner.rows or ()]
                    answer = (Observation(0.0, tuple(seen)),)
            else:
                answer = None
    except StopIteration:
        pass
    pool = search.pool
    return pool.texts, pool.means, search.calls, search.best, written + 1


@settings(max_examples=60, deadline=None)
@example(3, 40, 3, 0, 0, 2, 0.0, "pareto", "improvement")
@example(9, 60, 3, 1, 3, 2, 0.3, "pareto", "improvement")
@example(50, 67, 3, 0, 1, 2, 0.05, "pareto", "improvement")
@given(
    rows=st.integers(2, 60),
    calls=st.integers(1, 250),
    batch=st.integers(1, 5),
    seed=st.integers(0, 10**6),
    salt=st.integers(0, 10**6),
    levels=st.sampled_from([2, 3, 11]),
    slope=st.sampled_from([0.0, 0.02, 0.1, 1.0]),
    selector=st.sampled_from(["pareto", "current_best", "epsilon_greedy", "top_k_pareto"]),
    acceptance=st.sampled_from(ACCEPTANCES),
)
def test_candidates_scores_and_calls_are_those_of_the_package(
    rows: int,
    calls: int,
    batch: int,
    seed: int,
    salt: int,
    levels: int,
    slope: float,
    selector: str,
    acceptance: str,
) -> None:
    game = Game(salt, levels, slope)
    setting = (rows, calls, batch, seed, selector, acceptance)
    expected = theirs(game, *setting)
    found = ours(game, *setting)
    assert found[0] == expected[0]
    assert found[1] == pytest.approx(expected[1], abs=0)
    assert found[2:] == expected[2:]
