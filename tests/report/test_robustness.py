"""Gap and rank against a level of noise or faults: pairs, corrections, failures, pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from sandbox.budget import FREE, Budget
from sandbox.errors import UsageError
from sandbox.report import plot
from sandbox.report.robustness import Robustness, as_data, robustness, sentences
from sandbox.report.robustness_table import render
from sandbox.sweeping import levels_of
from sandbox.tournament import Run


def run(agent: str, seed: int, truth: float | None, problem: str = "p") -> Run:
    return Run(
        key=f"{agent}{problem}{seed}", scenario="s", digest="d", problem=problem, agent=agent, seed=seed,
        budget=Budget(evaluations=9), rivals=(), error=None if truth is not None else "AgentCrashed: x",
        recommended=None if truth is None else "x", truth=truth, spent=FREE, steps=(), records=(),
        optimum=1.0, baseline=0.0, caveat="",
    )  # fmt: skip


def board(scores: dict[str, list[float | None]]) -> list[Run]:
    return [run(agent, seed, truth) for agent, truths in scores.items() for seed, truth in enumerate(truths)]


RNG = np.random.default_rng(0)
LUCK = RNG.uniform(0.5, 0.9, 12)


def shaken(by: float) -> list[float | None]:
    """The same luck, a little worse or better, within a hundredth."""
    return [float(x) for x in LUCK + by + RNG.uniform(-0.01, 0.01, len(LUCK))]


def curves() -> Robustness:
    """A steady agent that is behind at first, and a fragile one that noise brings down."""
    control = board({"steady": shaken(-0.05), "fragile": shaken(0.0)})
    noisy = board({"steady": shaken(-0.05), "fragile": shaken(-0.3)})
    return robustness("noise.sd", [("0", control), ("0.2", noisy)])


def test_what_noise_brings_down_is_named_with_its_paired_change() -> None:
    found = curves()
    change = found.levels[1].changes["fragile"]
    assert change.difference.value == pytest.approx(0.3, abs=0.01)
    assert change.difference.high - change.difference.low < 0.03  # although luck varies by .4
    assert (change.verdict, change.pairs) == ("worse", 12)
    assert found.levels[1].changes["steady"].verdict == "undecided"
    assert found.levels[0].changes == {}
    told = sentences(found)
    assert told[0].startswith("At noise.sd=0.2, worse than at 0, in points of gap: fragile by +30.")
    assert told[1] == "By mean rank, which is not tested, fragile is in front at 0 and steady at 0.2."
    ranks = [{agent: rank.value for agent, rank in level.ranks.items()} for level in found.levels]
    assert ranks == [{"fragile": 1, "steady": 2}, {"fragile": 2, "steady": 1}]
    assert found.agents == ["steady", "fragile"]


def test_the_same_runs_at_every_level_change_nothing() -> None:
    runs = board({"a": shaken(0), "b": shaken(0)})
    found = robustness("k", [("0", runs), ("1", runs), ("2", runs)])
    for level in found.levels[1:]:
        assert {change.p_adjusted for change in level.changes.values()} == {1.0}
        assert {change.difference.value for change in level.changes.values()} == {0.0}
        assert level.gaps == found.levels[0].gaps
    assert sentences(found)[0] == "No change against k=0 is decided: more seeds would be needed."


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(0, 1), min_size=6, max_size=6), min_size=2, max_size=4), st.randoms())
def test_ranks_add_up_and_order_changes_nothing(scores: list[list[float]], random: object) -> None:
    control = board({f"a{i}": list(row) for i, row in enumerate(scores)})
    noisy = board({f"a{i}": [1 - x for x in row] for i, row in enumerate(scores)})
    one = robustness("k", [("x", control), ("y", noisy)])
    for level in one.levels:
        assert sum(rank.value for rank in level.ranks.values()) == pytest.approx(
            len(scores) * (len(scores) + 1) / 2
        )
    mixed = list(control), list(noisy)
    for runs in mixed:
        random.shuffle(runs)  # type: ignore[attr-defined]
    assert json.dumps(as_data(robustness("k", [("x", mixed[0]), ("y", mixed[1])]))) == json.dumps(
        as_data(one)
    )


def test_changes_are_mirrored_where_the_levels_are_exchanged() -> None:
    one, other = board({"a": shaken(0)}), board({"a": shaken(-0.2)})
    there = robustness("k", [("0", one), ("1", other)]).levels[1].changes["a"]
    back = robustness("k", [("1", other), ("0", one)]).levels[1].changes["a"]
    assert (there.verdict, back.verdict) == ("worse", "better")
    assert there.difference.value == pytest.approx(-back.difference.value)
    assert there.p == back.p


def test_holm_counts_every_agent_at_every_level() -> None:
    control = board({"a": [0.9] * 6, "b": [0.9] * 6})
    worse = board({"a": [0.8, 0.7, 0.8, 0.75, 0.8, 0.7], "b": [0.9] * 6})
    (_, alone) = robustness("k", [("0", control), ("1", worse)]).levels
    assert alone.changes["a"].p_adjusted == pytest.approx(2 * 2 / 64)
    levels = robustness("k", [("0", control), ("1", worse), ("2", control)]).levels
    assert levels[1].changes["a"].p_adjusted == pytest.approx(4 * 2 / 64)


def test_an_agent_that_fails_somewhere_has_no_place_there_and_ranks_nowhere() -> None:
    control = board({"a": [0.5, 0.6], "b": [0.7, 0.8], "c": [0.1, 0.2]})
    flaky = board({"a": [0.5, None], "b": [0.7, 0.8], "c": [0.1, 0.2]})
    found = robustness("k", [("0", control), ("1", flaky)])
    assert found.levels[1].failures == {"a": (1, 2, "AgentCrashed: x")}
    assert set(found.levels[0].gaps) == {"a", "b", "c"}
    assert (
        set(found.levels[1].gaps) == set(found.levels[0].ranks) == set(found.levels[1].changes) == {"b", "c"}
    )
    assert found.agents[-1] == "a"
    console = Console(width=110, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render(found))
    assert "a at k=1: 1 of 2 runs failed, so it has no place there." in console.export_text()


def test_everybody_failing_is_shown_too() -> None:
    found = robustness("k", [("0", board({"[a]": [0.5]})), ("1", board({"[a]": [None]}))])
    assert sentences(found) == ["No change against k=0 is decided: more seeds would be needed."]
    console = Console(width=110, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render(found))
    assert "[a] " in console.export_text()


def test_a_problem_whose_blind_guess_is_optimal_has_no_gap() -> None:
    flat = [replace(run("a", 0, 0.4, "flat"), baseline=1.0)]
    found = robustness("k", [("0", board({"a": [0.5]}) + flat), ("1", board({"a": [0.4]}) + flat)])
    assert found.problems == ("p",)
    assert found.levels[1].changes["a"].difference.value == pytest.approx(0.1)


def test_one_level_no_runs_and_strangers_are_refused() -> None:
    runs = board({"a": [0.5]})
    with pytest.raises(UsageError, match="at least two levels"):
        robustness("k", [("0", runs)])
    with pytest.raises(UsageError, match="k=1: there are no runs"):
        robustness("k", [("0", runs), ("1", [])])
    with pytest.raises(UsageError, match="k=1: a cannot be paired"):
        robustness("k", [("0", runs), ("1", [replace(r, seed=7) for r in runs])])


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_it_is_drawn_the_same_each_time(tmp_path: Path, ending: str) -> None:
    pytest.importorskip("matplotlib")
    pictures = []
    for name in ("a", "b"):
        plot.draw_robustness(curves(), tmp_path / f"{name}.{ending}")
        pictures.append((tmp_path / f"{name}.{ending}").read_bytes())
    assert len(pictures[0]) > 5_000
    if ending == "svg":
        assert b"noise.sd" in pictures[0]
    names = robustness("k", [("low", board({"a": [0.5]})), ("high", board({"a": [None]}))])
    plot.draw_robustness(names, tmp_path / f"c.{ending}")


def test_levels_are_read_as_toml_values() -> None:
    assert levels_of("a.b=0,.1, 0.2") == ("a.b", ["0", ".1", "0.2"])
    assert levels_of('noise=[],[{kind="gaussian",sd=1}]') == ("noise", ["[]", '[{kind="gaussian",sd=1}]'])
    for text in ("a", "a=1", "=1,2", "a=1,"):
        with pytest.raises(UsageError, match="two levels or more"):
            levels_of(text)
    with pytest.raises(UsageError, match="stands there twice"):
        levels_of("a=1,2,1")
