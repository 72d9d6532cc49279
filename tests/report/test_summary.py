"""What is said about a tournament follows from its runs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from sandbox.budget import USD, Budget, Cost
from sandbox.report import plot, terminal
from sandbox.report.summary import as_data, sentences, summarise
from sandbox.tournament import Run, Step

BUDGET = Budget(evaluations=100)


def run(
    agent: str,
    seed: int,
    truth: float | None,
    problem: str = "p",
    at: int = 10,
    error: str | None = None,
    caveat: str = "",
    budget: Budget = BUDGET,
) -> Run:
    spent = Cost(evaluations=100, usd=USD // 4)
    steps = (
        () if truth is None else (Step("x", truth, at * 10**9, Cost(evaluations=at, usd=at * USD // 400)),)
    )
    return Run(
        key=f"{agent}{problem}{seed}", scenario="s", digest="d", problem=problem, agent=agent, seed=seed,
        budget=budget, rivals=(), error=error, recommended=None if truth is None else "x", truth=truth,
        spent=spent, steps=steps, records=(), optimum=1.0, baseline=0.5, caveat=caveat,
    )  # fmt: skip


def board(scores: dict[str, list[float]]) -> list[Run]:
    return [run(agent, seed, truth) for agent, truths in scores.items() for seed, truth in enumerate(truths)]


def text(runs: list[Run], width: int = 110) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    terminal.show(console, summarise(runs))
    return console.export_text()


def test_a_clear_winner_is_named_and_ranked_first() -> None:
    rng = np.random.default_rng(1)
    good, bad = 0.9 + rng.normal(0, 0.01, 20), 0.6 + rng.normal(0, 0.01, 20)
    (summary,) = summarise(board({"bad": bad.tolist(), "good": good.tolist()}))
    assert [standing.agent for standing in summary.standings] == ["good", "bad"]
    assert sentences(summary) == ["good beats bad."]
    assert summary.standings[0].score.value == pytest.approx(good.mean())
    assert summary.standings[0].gap == pytest.approx((1 - good.mean()) / 0.5)


def test_what_is_equal_is_undecided() -> None:
    same = [0.7, 0.8, 0.9, 0.75] * 5
    (summary,) = summarise(board({"a": same, "b": same}))
    assert summary.comparisons[0].p == 1.0
    assert sentences(summary) == ["Nothing is decided between a and b: more seeds would be needed."]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=2, max_size=4))
def test_the_order_of_the_runs_changes_nothing(scores: list[list[float]]) -> None:
    runs = board({f"a{i}": row for i, row in enumerate(scores)})
    forwards, backwards = (json.dumps([as_data(s) for s in summarise(order)]) for order in (runs, runs[::-1]))
    assert forwards == backwards


def test_an_agent_with_a_failed_run_is_not_ranked() -> None:
    runs = board({"a": [0.9] * 5, "b": [0.8] * 5, "c": [1.0] * 4})
    runs.append(run("c", 4, None, error="AgentCrashed: ValueError: no at c.py:3"))
    (summary,) = summarise(runs)
    assert [standing.agent for standing in summary.standings] == ["a", "b"]
    assert summary.failures == {"c": (1, 5, "AgentCrashed: ValueError: no at c.py:3")}
    assert "c: 1 of 5 runs failed, so it is not ranked" in text(runs)


def test_a_run_that_misses_a_target_is_censored_and_not_dropped() -> None:
    runs = [run("a", seed, 1.0 if seed < 4 else 0.5, at=10) for seed in range(10)]
    (summary,) = summarise(runs)
    half = summary.standings[0].reached[0]
    assert (half.reached, half.runs, half.median) == (4, 10, None)
    # Four runs reached at 10, six spent 100 each in vain.
    assert half.expected_running_time == pytest.approx((4 * 10 + 6 * 100) / 4)
    dollars = summary.standings[0].dollars[0]
    assert dollars.expected_running_time == pytest.approx((4 * 10 / 400 + 6 * 0.25) / 4)


def test_caveats_stand_beside_the_results() -> None:
    runs = [run("a", seed, 0.9, caveat="surrogate fidelity: Spearman 0.5") for seed in range(3)]
    assert "p: surrogate fidelity: Spearman 0.5" in text(runs)


def test_tournaments_with_other_budgets_are_told_apart() -> None:
    runs = board({"a": [0.9] * 3}) + [run("a", s, 0.8, budget=Budget(evaluations=50)) for s in range(3)]
    assert sorted(str(summary.budget) for summary in summarise(runs)) == ["evaluations=100", "evaluations=50"]


def test_who_shared_a_service_with_whom_tells_tournaments_apart() -> None:
    runs = [
        replace(run(agent, seed, 0.9 - 0.1 * len(rivals)), rivals=rivals)
        for rivals in (("a", "b"), ("a", "b", "c"))
        for agent in rivals
        for seed in range(3)
    ]
    pair, trio = sorted(summarise(runs), key=lambda summary: len(summary.rivals))
    assert [len([r for r in runs if summary.covers(r)]) for summary in (pair, trio)] == [6, 9]
    assert not any(pair.covers(r) and trio.covers(r) for r in runs)


def test_the_axis_is_the_limit_that_was_used_up_most() -> None:
    budget = Budget(evaluations=10_000, usd=USD // 4)
    (summary,) = summarise([run("a", s, 0.8, budget=budget) for s in range(3)])
    assert (summary.axis, summary.horizon) == ("usd", 0.25)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 110, 200])
def test_every_width_shows_every_agent_and_score(width: int) -> None:
    runs = board({"first-agent": [0.9, 0.91], "second-agent": [0.8, 0.83]})
    shown = text(runs, width)
    assert "first" in shown
    assert "0.905" in shown
    assert "0.815" in shown
    assert all(len(line) <= width for line in shown.splitlines())


def test_names_with_markup_are_shown_as_they_are() -> None:
    shown = text(board({"[red]x[/red]": [0.9, 0.8], "[bold": [0.7, 0.6]}))
    assert "[red]x[/red]" in shown
    assert "[bold" in shown


def test_one_run_and_one_agent_need_no_statistics() -> None:
    (summary,) = summarise([run("a", 0, 0.9)])
    assert math.isnan(summary.standings[0].score.low)
    assert sentences(summary) == ["Only a can be judged, so there is nothing to compare."]
    json.dumps(as_data(summary), allow_nan=False)


def test_all_runs_failed() -> None:
    runs = [run("a", seed, None, error="x") for seed in range(3)]
    (summary,) = summarise(runs)
    assert sentences(summary) == ["No agent finished all of its runs, so there is nothing to compare."]
    assert "3 of 3 runs failed" in text(runs)


def test_missing_cells_are_left_out_of_all_comparisons_alike() -> None:
    rng = np.random.default_rng(2)
    runs = board(
        {"a": (0.9 + rng.normal(0, 0.01, 12)).tolist(), "b": (0.6 + rng.normal(0, 0.01, 12)).tolist()}
    )
    (summary,) = summarise(runs[:-4])
    assert summary.comparisons[0].pairs == 8
    assert summary.comparisons[0].verdict == "a beats b"


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_plot_is_a_picture_and_the_same_each_time(tmp_path: Path, ending: str) -> None:
    runs = board({"a": [0.9, 0.91], "b": [0.8, 0.83]})
    (summary,) = summarise(runs)
    pictures = [tmp_path / f"{i}.{ending}" for i in range(2)]
    for picture in pictures:
        plot.draw(summary, runs, picture)
    content = pictures[0].read_bytes()
    assert content.startswith(b"\x89PNG" if ending == "png" else b"<?xml")
    assert len(content) > 5_000
    assert content == pictures[1].read_bytes()


def test_a_picture_says_what_the_table_says_about_a_surrogate(tmp_path: Path) -> None:
    runs = [run("a", seed, 0.9, caveat="surrogate fidelity: Spearman 0.5") for seed in range(3)]
    mpl = pytest.importorskip("matplotlib")
    with mpl.rc_context({"svg.fonttype": "none"}):
        plot.draw(summarise(runs)[0], runs, tmp_path / "x.svg")
    assert "surrogate fidelity: Spearman 0.5" in (tmp_path / "x.svg").read_text()


def test_the_sparkline_rises_with_its_values() -> None:
    assert terminal.sparkline([0.0, 0.5, 1.0], 3) == "▁▅█"
    assert terminal.sparkline([-1.0, 2.0], 2) == "▁█"


def test_agents_that_share_no_seed_are_not_compared() -> None:
    (summary,) = summarise([run("a", 0, 0.7), run("a", 1, 0.8), run("b", 2, 0.9), run("b", 3, 0.9)])
    assert summary.comparisons == ()
    assert sentences(summary) == ["b and a share no seeds, so there is nothing to compare."]
    assert summary.caveats[0] == "nothing is compared: a and b have no seed of p in common"


def test_unequal_seeds_are_compared_where_all_have_some_and_that_is_said() -> None:
    rng = np.random.default_rng(2)
    scores = {"a": 0.9 + rng.normal(0, 0.01, 30), "b": 0.8 + rng.normal(0, 0.01, 30), "c": rng.random(12)}
    (summary,) = summarise(board({agent: truths.tolist() for agent, truths in scores.items()}))
    assert [pair.pairs for pair in summary.comparisons] == [12, 12, 12]
    assert summary.standings[0].score.value == pytest.approx(scores["a"].mean())
    (caveat,) = summary.caveats
    assert "unequal numbers of runs (12 to 30): comparisons speak of the 12 that all have" in caveat
    (even,) = summarise(board({agent: truths[:12].tolist() for agent, truths in scores.items()}))
    assert even.caveats == ()
