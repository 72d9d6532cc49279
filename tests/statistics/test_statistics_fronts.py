"""Laws of the front of score against cost."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.statistics import cost_front, hypervolume, non_dominated
from sandbox.streams import stream

NAN = math.nan
POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12)


def place(scores, costs, reference=(0.0, 10.0), seed=1, replicates=200):
    front = cost_front(scores, costs, reference, stream(seed, "front"), replicates)
    return front, {found.agent: found for found in front.places}


def columns(points):
    return np.array(points, dtype=float).T


@given(POINTS)
def test_non_dominated_is_its_definition(points):
    scores, costs = columns(points)
    for i, kept in enumerate(non_dominated(scores, costs)):
        beaten = (scores >= scores[i]) & (costs <= costs[i]) & ((scores > scores[i]) | (costs < costs[i]))
        assert kept == (not beaten.any())


@settings(deadline=None)
@given(POINTS, st.integers(0, 7), st.integers(0, 7))
def test_fronts_agree_with_moocore(points, least, most):
    moocore = pytest.importorskip("moocore")
    scores, costs = columns(points)
    found = moocore.is_nondominated(np.array([scores, costs]).T, maximise=[True, False], keep_weakly=True)
    assert non_dominated(scores, costs).tolist() == found.tolist()
    volume = moocore.hypervolume(np.array([scores, costs]).T, ref=[least, most], maximise=[True, False])
    assert hypervolume(scores, costs, (least, most)) == pytest.approx(volume)


@given(st.lists(POINTS.filter(lambda points: len(points) >= 3), min_size=1, max_size=4))
def test_many_fronts_at_once_are_as_many_single_ones(sets):
    stack = np.array([points[:3] for points in sets], dtype=float)
    together = non_dominated(stack[:, :, 0], stack[:, :, 1])
    assert together.tolist() == [non_dominated(*columns(points[:3])).tolist() for points in sets]


def test_hypervolume_by_hand():
    # [1, 4] x [0, 1] of the first, [2, 4] x [1, 3] of the second; two lie beyond the reference.
    assert hypervolume([1, 3, -1, 9], [1, 2, 0, 5], (0, 4)) == 3 * 1 + 2 * 2
    assert hypervolume([], [], (0, 4)) == 0


@given(POINTS, st.integers(0, 6), st.integers(0, 6))
def test_another_point_never_takes_volume_and_adds_some_only_on_the_front(points, score, cost):
    scores, costs = columns(points)
    more, dearer = np.append(scores, score), np.append(costs, cost)
    before, after = hypervolume(scores, costs, (-1, 7)), hypervolume(more, dearer, (-1, 7))
    copied = any((scores == score) & (costs == cost))
    assert after == before if copied or not non_dominated(more, dearer)[-1] else after > before


def test_a_front_by_hand():
    scores = {"cheap": [[1.0, 1.0], [1.0, 1.0]], "good": [[3.0, 3.0], [3.0, 3.0]], "bad": [[2.0] * 2] * 2}
    costs = {"cheap": [[1.0] * 2] * 2, "good": [[2.0] * 2] * 2, "bad": [[3.0] * 2] * 2}
    front, found = place(scores, costs, (0.0, 4.0))
    assert [p.agent for p in front.places] == ["cheap", "good", "bad"]
    assert [(p.on_front, p.share, p.contribution) for p in front.places] == [
        (True, 1, 1),
        (True, 1, 3),  # without it "bad" would cover 1 of its 4
        (False, 0, 0),
    ]
    assert (front.hypervolume, front.cells) == (7, 4)
    assert (found["bad"].score, found["bad"].cost) == (2, 3)


def rivals(seed, agents=4, shape=(3, 5)):
    rng = np.random.default_rng(seed)
    scores = {f"agent {i}": rng.random(shape) for i in range(agents)}
    return scores, {name: rng.random(shape) for name in scores}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.1, 50), st.floats(-5, 5))
def test_names_and_units_change_nothing(seed, unit, shift):
    scores, costs = rivals(seed)
    front, found = place(scores, costs, (0.0, 1.0))
    turned = {name: scores[name] * 4 + shift for name in reversed(scores)}
    other, again = place(turned, {name: costs[name] * unit for name in costs}, (shift, unit))
    assert other.hypervolume == pytest.approx(front.hypervolume * 4 * unit)
    for name, mine in found.items():
        assert (again[name].on_front, again[name].share) == (mine.on_front, mine.share)
        assert again[name].contribution == pytest.approx(mine.contribution * 4 * unit, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_clones_share_their_place_and_take_it_from_nobody(seed):
    scores, costs = rivals(seed)
    front, found = place(scores, costs)
    clone = {"clone": scores["agent 0"] + 0.0, **scores}, {"clone": costs["agent 0"] + 0.0, **costs}
    again, more = place(*clone)
    assert {name: more[name].share for name in found} == {name: mine.share for name, mine in found.items()}
    assert more["clone"].share == found["agent 0"].share
    assert more["clone"].contribution == pytest.approx(0, abs=1e-12)
    assert again.hypervolume == front.hypervolume


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_in_every_replicate_somebody_is_on_the_front(seed):
    front, found = place(*rivals(seed))
    assert sum(p.share for p in front.places) >= 1
    scores, costs = rivals(seed)
    # Whoever is beaten in every cell is never on it, whatever the draw.
    worse = {**scores, "worse": scores["agent 0"] - 0.01}, {**costs, "worse": costs["agent 0"] + 0.01}
    assert place(*worse)[1]["worse"].share == 0
    assert {name: p.share for name, p in place(*worse)[1].items() if name != "worse"} == {
        name: p.share for name, p in found.items()
    }


def test_rounding_dominates_nobody():
    same = np.ones((2, 3))
    _, found = place({"a": same * (0.1 + 0.2), "b": same * 0.3}, {"a": same * 0.7, "b": same * (0.8 - 0.1)})
    assert [(p.on_front, p.share) for p in found.values()] == [(True, 1), (True, 1)]


def test_shared_luck_settles_what_own_luck_leaves_open():
    luck = stream(2, "luck").normal(size=(4, 8))
    costs = {"a": np.ones((4, 8)), "b": np.ones((4, 8))}
    paired = place({"a": luck, "b": luck - 0.1}, costs)[1]
    assert (paired["a"].share, paired["b"].share) == (1, 0)
    crossed = place({"a": luck, "b": luck[:, ::-1] - 0.1}, costs)[1]
    assert 0.05 < crossed["b"].share < 0.95


def test_only_cells_that_all_have_count_and_one_seed_leaves_the_share_unknown():
    scores = {"a": [[1.0, NAN, 5.0]], "b": [[2.0, 3.0, 6.0]]}
    costs = {"a": [[1.0, 1.0, 2.0]], "b": [[1.0, 1.0, NAN]]}
    front, found = place(scores, costs)
    assert (front.cells, found["a"].score, found["b"].cost) == (1, 1, 1)
    assert math.isnan(found["a"].share)
    assert (found["a"].on_front, found["b"].on_front) == (False, True)


def test_the_share_tells_those_on_the_front_from_those_behind():
    rng = stream(3, "front")
    settled, fooled, sets = 0, 0, 150
    for _ in range(sets):
        luck = rng.normal(size=(8, 10))
        own = iter(0.3 * rng.normal(size=(4, 8, 10)))
        scores = {"front": luck + next(own), "behind": luck - 0.2 + next(own)}
        costs = {"front": 2 + next(own), "behind": 2.2 + next(own)}
        found = {p.agent: p.share for p in cost_front(scores, costs, (-9, 9), rng, 200).places}
        settled += found["front"] > 0.95
        fooled += found["behind"] > 0.5
    assert settled > 0.95 * sets
    assert fooled < 0.03 * sets


@pytest.mark.parametrize(
    ("scores", "costs", "reference", "complaint"),
    [
        ({}, {}, (0, 1), "wanted the same"),
        ({"a": [[1.0]]}, {"b": [[1.0]]}, (0, 1), "wanted the same"),
        ({"a": [[1.0]]}, {"a": [[1.0, 2.0]]}, (0, 1), "shapes"),
        ({"a": [[math.inf]]}, {"a": [[1.0]]}, (0, 1), "infinite"),
        ({"a": [[NAN]]}, {"a": [[1.0]]}, (0, 1), "problem 0 has no cell"),
        ({"a": [[1.0]]}, {"a": [[1.0]]}, (0, math.inf), "reference"),
    ],
)
def test_crooked_fronts_are_refused(scores, costs, reference, complaint):
    with pytest.raises(ValueError, match=complaint):
        place(scores, costs, reference)


def test_crooked_points_are_refused():
    with pytest.raises(ValueError, match="replicates=0"):
        place({"a": [[1.0]]}, {"a": [[1.0]]}, replicates=0)
    for call in (non_dominated, lambda *points: hypervolume(*points, (0, 1))):
        with pytest.raises(ValueError, match="NaN"):
            call([NAN], [1.0])
        with pytest.raises(ValueError, match="shapes"):
            call([1.0, 2.0], [1.0])
