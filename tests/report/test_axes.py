"""One store against any resource: curves, costs to targets and ranks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.axes import AXES, amount
from sandbox.budget import CURRENCIES, UNITS, USD, Budget, Cost
from sandbox.errors import UsageError
from sandbox.report.levels import levels_of
from sandbox.report.summary import as_data, summarise
from sandbox.tournament import Run, Step


def run(agent: str, seed: int, steps: list[tuple[int, float]], dollars: int, spent: int = 100) -> Run:
    """A run with recommendations (evaluations, truth), each evaluation at so many dollars."""

    def cost(evaluations: int) -> Cost:
        return Cost(evaluations, prompt_tokens=3 * evaluations, completion_tokens=evaluations,
                    usd=evaluations * dollars * USD)  # fmt: skip

    made = tuple(Step("x", truth, at, cost(at)) for at, truth in steps)
    return Run(
        key=f"{agent}{seed}", scenario="s", digest="d", problem="p", agent=agent, seed=seed,
        budget=Budget(evaluations=100), rivals=(), error=None, recommended="x", truth=steps[-1][1],
        spent=cost(spent), steps=made, records=(), optimum=1.0, baseline=0.0, caveat="",
    )  # fmt: skip


def test_the_axis_changes_costs_and_nothing_that_was_scored() -> None:
    """Twice as good for half of the evaluations, at ten times the price."""
    runs = [run("dear", s, [(10, 0.5), (20, 0.9)], 10) for s in range(3)]
    runs += [run("cheap", s, [(40, 0.5), (80, 0.9)], 1) for s in range(3)]
    (plain,), (paid,) = summarise(runs), summarise(runs, axis="usd")
    assert (plain.axis, plain.horizon) == ("evaluations", 100)
    assert (paid.axis, paid.horizon) == ("usd", 1000)
    medians = {s.agent: s.reached[0].median for s in plain.standings}
    assert medians == {"dear": 10, "cheap": 40}
    assert {s.agent: s.reached[0].median for s in paid.standings} == {"dear": 100, "cheap": 40}
    one, other = as_data(plain), as_data(paid)
    assert one["comparisons"] == other["comparisons"]
    assert one["sentences"] == other["sentences"]

    on_evaluations, on_money = levels_of(plain, runs, [0.3]), levels_of(paid, runs, [0.05, 0.1])
    assert on_evaluations.ranks["dear"].tolist() == [1]
    assert on_money.levels == (50, 100)
    assert on_money.ranks["cheap"].tolist() == [1, 1]
    assert on_money.ways["dear"].tolist() == [0, 0.5]
    assert on_money.ranked() == ["cheap", "dear"]


def test_tokens_are_prompt_and_completion_tokens() -> None:
    runs = [run("a", s, [(10, 0.9)], 1) for s in range(2)]
    (summary,) = summarise(runs, axis="tokens")
    assert summary.horizon == 400
    assert summary.standings[0].reached[0].median == 40


def test_a_limit_is_the_end_of_its_axis_also_where_nobody_came_there() -> None:
    runs = [run("a", s, [(10, 0.9)], 1, spent=12) for s in range(2)]
    assert summarise(runs, axis="evaluations")[0].horizon == 100
    assert summarise(runs, axis="usd")[0].horizon == 12


@settings(max_examples=50)
@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=5))
def test_ranks_are_shared_out_whatever_the_scores(scores: list[list[float]]) -> None:
    runs = [
        run(f"a{i}", s, [(10 * (s + 1), x)], i + 1) for i, row in enumerate(scores) for s, x in enumerate(row)
    ]
    (summary,) = summarise(runs, axis="usd")
    found = levels_of(summary, runs)
    total = sum(found.ranks.values())
    assert np.allclose(total, len(scores) * (len(scores) + 1) / 2)
    last = {agent: way[-1] for agent, way in found.ways.items()}
    assert last == pytest.approx({f"a{i}": np.mean(row) for i, row in enumerate(scores)})


def test_seeds_that_somebody_lacks_do_not_rank() -> None:
    runs = [run("a", s, [(10, 0.9)], 1) for s in range(3)] + [run("b", 0, [(10, 0.95)], 1)]
    (summary,) = summarise(runs)
    assert levels_of(summary, runs).ranks["b"].tolist() == [1, 1, 1, 1]
    none = [replace(r, seed=r.seed + 9) if r.agent == "b" else r for r in runs]
    assert levels_of(summarise(none)[0], none).ranks == {}


def test_what_is_no_axis_and_what_nobody_spent_are_refused() -> None:
    runs = [run("a", 0, [(10, 0.9)], 0)]
    with pytest.raises(UsageError, match="did you mean tokens"):
        summarise(runs, axis="tokns")
    with pytest.raises(UsageError, match="nothing of it was spent"):
        summarise(runs, axis="usd")


def test_every_currency_is_an_axis_in_the_units_that_people_write() -> None:
    cost = Cost._make(range(1, len(CURRENCIES) + 1))
    for name in CURRENCIES:
        assert amount(cost, name) == getattr(cost, name) / UNITS[name]
    assert set(AXES) == {*CURRENCIES, "tokens"}
