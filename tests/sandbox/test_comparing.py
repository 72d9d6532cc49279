"""What changed between two stores: pairs of runs, verdicts, and what only one of them has."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.budget import FREE, Budget
from sandbox.comparing import BETTER, SAME, UNDECIDED, WORSE, Changes, as_data, changes_between, sentences
from sandbox.tournament import Run


def run(agent: str, seed: int, truth: float | None, problem: str = "p", **other: object) -> Run:
    made = Run(
        key=f"{agent}{problem}{seed}", scenario="s", digest="d", problem=problem, agent=agent, seed=seed,
        budget=Budget(evaluations=9), rivals=(), error=None if truth is not None else "AgentCrashed: x",
        recommended=None if truth is None else "x", truth=truth, spent=FREE, steps=(), records=(),
        optimum=1.0, baseline=0.0, caveat="", code="c",
    )  # fmt: skip
    return replace(made, **other)  # type: ignore[arg-type]


def board(agent: str, scores: list[float | None], problem: str = "p") -> list[Run]:
    return [run(agent, seed, truth, problem) for seed, truth in enumerate(scores)]


RNG = np.random.default_rng(0)
LUCK = RNG.normal(0.5, 0.2, 12).tolist()


def verdicts(changes: Changes) -> dict[str, str]:
    return {shift.agent: shift.verdict for one in changes.facing for shift in one.shifts}


def test_shared_luck_is_taken_out_of_the_difference() -> None:
    """The scores vary by .2 from seed to seed, and every one rises by .02 give or take .005."""
    after = [x + 0.02 + d for x, d in zip(LUCK, RNG.normal(0, 0.005, 12), strict=True)]
    changes = changes_between(board("a", LUCK), board("a", after))
    (shift,) = changes.facing[0].shifts
    assert shift.verdict == BETTER
    assert shift.difference is not None
    assert shift.difference.value == pytest.approx(np.mean(after) - np.mean(LUCK))
    assert sentences(changes)[0].startswith("a is better, by +0.01")
    assert not changes.regressed
    assert verdicts(changes_between(board("a", after), board("a", LUCK))) == {"a": WORSE}


def test_noise_is_undecided_and_a_store_is_the_same_as_itself() -> None:
    noisy = [x + d for x, d in zip(LUCK, RNG.normal(0, 0.05, 12), strict=True)]
    first = board("a", LUCK) + board("b", LUCK)
    changes = changes_between(first, board("a", noisy) + board("b", LUCK))
    assert verdicts(changes) == {"a": UNDECIDED, "b": SAME}
    assert sentences(changes) == ["b: every run has the same score as before.", "Undecided: a."]
    assert sentences(changes_between(first, first)) == ["All agents: every run has the same score as before."]


def test_holm_counts_every_agent_of_every_tournament() -> None:
    """A p of 2/64 alone is decided; not beside another agent, whichever tournament that is in."""
    worse = [x - 0.1 for x in LUCK[:6]]
    one, other = board("a", LUCK[:6]), board("a", worse)
    assert verdicts(changes_between(one, other)) == {"a": WORSE}
    elsewhere = [replace(r, scenario="t") for r in board("b", LUCK[:6])]
    changes = changes_between(one + elsewhere, other + elsewhere)
    shift = changes.facing[0].shifts[0]
    assert (shift.p, shift.p_adjusted, shift.verdict) == (2 / 64, 4 / 64, UNDECIDED)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=3, max_size=3), min_size=2, max_size=2),
    st.lists(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=3, max_size=3), min_size=2, max_size=2),
)
def test_backwards_everything_is_the_other_way_round(
    before: list[list[float | None]], after: list[list[float | None]]
) -> None:
    first, second = [
        [r for i, row in enumerate(side) for r in board("a", row, f"p{i}")] for side in (before, after)
    ]
    there, back = changes_between(first, second), changes_between(second, first)
    (one,), (other,) = there.facing[0].shifts, back.facing[0].shifts
    assert (one.p, one.pairs) == (other.p, other.pairs)
    assert (one.newly_failed, one.mended) == (other.mended, other.newly_failed)
    opposite = {BETTER: WORSE, WORSE: BETTER}
    assert other.verdict == opposite.get(one.verdict, one.verdict)
    if one.difference is not None and other.difference is not None:
        assert one.difference.value == pytest.approx(-other.difference.value)
    json.dumps(as_data(there), allow_nan=False)


def test_a_run_that_fails_now_is_a_regression_although_the_others_are_the_same() -> None:
    changes = changes_between(board("a", [0.5, 0.6]), board("a", [0.5, None]))
    (shift,) = changes.facing[0].shifts
    assert (shift.pairs, shift.newly_failed, shift.verdict) == (1, 1, SAME)
    assert changes.regressed
    assert sentences(changes)[0] == "a fails in 1 runs in which it did not."
    back = changes_between(board("a", [0.5, None]), board("a", [0.5, 0.6]))
    assert not back.regressed
    assert sentences(back)[0] == "a finishes 1 runs that had failed."


def test_what_only_one_store_has_is_said_and_not_compared() -> None:
    first = board("a", [0.5, 0.6, 0.7]) + board("gone", [0.1])
    second = board("a", [0.5]) + board("new", [0.9]) + [run("x", 0, 0.5, scenario="t")]
    changes = changes_between(first, second)
    (one,) = changes.facing
    assert (one.only_first, one.only_second) == (("gone",), ("new",))
    assert (one.runs_only_first, one.runs_only_second) == (2, 0)
    assert changes.only_second == ("t, evaluations=9",)


def test_tournaments_face_the_most_alike() -> None:
    """Equal settings before equal budgets before the scenario alone; never one of several."""
    same = [run("a", 0, 0.5), run("a", 0, 0.6, digest="e")]
    changes = changes_between(same, same[::-1])
    assert [one.settings for one in changes.facing] == [("d", "d"), ("e", "e")]
    moved = changes_between([same[0]], [same[1]])
    assert moved.facing[0].settings == ("d", "e")
    longer = [run("a", 0, 0.6, budget=Budget(evaluations=10))]
    assert changes_between([same[0]], longer).facing[0].budgets == ("evaluations=9", "evaluations=10")
    ambiguous = changes_between([run("a", 0, 0.5, digest="f")], same)
    assert ambiguous.facing == ()
    assert len(ambiguous.only_second) == 2
    assert sentences(ambiguous) == ["The stores have no agent in common, so there is nothing to compare."]


def test_runs_that_never_meet_are_nothing_to_pair() -> None:
    changes = changes_between([run("a", 0, 0.5)], [run("a", 1, 0.6)])
    assert changes.facing[0].shifts[0].difference is None
    assert sentences(changes) == ["Nothing to pair: a."]
    json.dumps(as_data(changes), allow_nan=False)


def test_other_code_is_noticed() -> None:
    changes = changes_between([run("a", 0, 0.5)], [run("a", 0, 0.5, code="other")])
    assert changes.facing[0].shifts[0].code_changed
