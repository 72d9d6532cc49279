"""Laws of anytime curves, normalised regret and its area."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.statistics import (
    convergence_area,
    incumbent_curves,
    mean_curve,
    mean_score,
    normalised_regret,
    regret_area,
    step_values,
)
from sandbox.streams import stream

SCORES = st.floats(-5, 5)
STEPS = st.lists(st.tuples(st.floats(0, 20), SCORES), max_size=8).map(
    lambda steps: sorted(steps, key=lambda step: step[0])
)


def unzip(steps):
    return [at for at, _ in steps], [value for _, value in steps]


def test_a_step_holds_from_its_own_point_on():
    grid = [0.5, 1.0, 1.5, 3.0, 99.0]
    assert step_values([1.0, 3.0], [0.2, 0.7], grid, before=0.1).tolist() == [0.1, 0.2, 0.2, 0.7, 0.7]


def test_the_last_of_simultaneous_entries_holds():
    assert step_values([1, 1, 1], [3, 5, 4], [1], before=0).tolist() == [4]


def test_without_entries_what_was_before_stays():
    assert step_values([], [], [[0, 1], [2, 3]], before=0.5).tolist() == [[0.5, 0.5], [0.5, 0.5]]


@given(STEPS, st.lists(st.floats(-1, 25), max_size=8), SCORES)
def test_steps_agree_with_their_definition(steps, grid, before):
    def at(point):
        return next((value for when, value in reversed(steps) if when <= point), before)

    assert step_values(*unzip(steps), grid, before).tolist() == [at(point) for point in grid]


@pytest.mark.parametrize("at", [[2, 1], [0, math.nan], [[0, 1]], [0]])
def test_crooked_steps_are_refused(at):
    with pytest.raises(ValueError, match="at"):
        step_values(at, [1, 2], [0], before=0)
    with pytest.raises(ValueError, match="at"):
        regret_area(at, [1, 2], 1.0, 1.0, 0.0)


def test_a_mean_curve_weighs_problems_alike_and_skips_missing_runs():
    curves = np.full((2, 3, 2), math.nan)
    curves[0] = [[0, 1], [0, 2], [0, 3]]
    curves[1, 0] = [4, 6]
    band = mean_curve(curves)
    assert band.value.tolist() == [2, 4]
    assert np.isnan(band.low).all()
    assert np.isnan(mean_curve(curves, stream(1, "band")).high).all()  # one run shows no spread


def test_the_band_is_the_interval_of_the_mean_at_each_point():
    curves = stream(2, "curves").normal(size=(3, 9, 4)).cumsum(axis=2)
    curves[:, :, 0] = 0.1  # where all start alike the band has no width
    band = mean_curve(curves, stream(2, "band"), replicates=20_000)
    for point in range(4):
        alone = mean_score(curves[:, :, point], stream(2, "point", point), replicates=20_000)
        assert band.value[point] == pytest.approx(alone.value)
        assert (band.low[point], band.high[point]) == pytest.approx((alone.low, alone.high), abs=0.06)
    assert band.low[0] == band.value[0] == band.high[0]


@pytest.mark.parametrize(
    ("curves", "complaint"),
    [
        (np.zeros((2, 3)), "shape"),
        (np.full((1, 2, 3), math.nan), "problem 0 has no run"),
        (np.array([[[0.0, math.nan]]]), "NaN in parts"),
        (np.array([[[0.0, math.inf]]]), "infinite"),
    ],
)
def test_crooked_curves_are_refused(curves, complaint):
    with pytest.raises(ValueError, match=complaint):
        mean_curve(curves)


def test_regret_is_one_at_the_baseline_and_zero_at_the_optimum():
    found = normalised_regret([0.2, 0.6, 1.0, 1.2, 0.0], optimum=1.0, baseline=0.2)
    assert found.tolist() == pytest.approx([1, 0.5, 0, -0.25, 1.25])


def test_a_baseline_that_is_optimal_leaves_no_regret():
    found = normalised_regret([0.5, 0.6, 0.4, math.nan], optimum=0.5, baseline=0.5)
    assert found[:3].tolist() == [0, 0, math.inf]
    assert math.isnan(found[3])
    assert regret_area([], [], 10, optimum=0.5, baseline=0.5) == 0
    # A worse value that holds for no time at all costs nothing.
    assert regret_area([1, 1], [0.0, 0.5], 10, optimum=0.5, baseline=0.5) == 0


@given(hnp.arrays(np.float64, 4, elements=SCORES), SCORES, st.floats(0.1, 5), SCORES, st.floats(0.1, 10))
def test_regret_knows_neither_origin_nor_scale(values, baseline, gap, shift, scale):
    there = normalised_regret(values, baseline + gap, baseline)
    moved = normalised_regret(
        values * scale + shift, (baseline + gap) * scale + shift, baseline * scale + shift
    )
    assert moved == pytest.approx(there, abs=1e-6)


def test_area_by_hand():
    # Regret 1 for 2, then .5 for 3, then 0 for 5 of 10; what happens after the budget is nobody's business.
    assert regret_area([2, 5, 11], [0.5, 1.0, 0.0], 10, optimum=1.0, baseline=0.0) == pytest.approx(0.35)


def test_silence_has_area_one():
    assert regret_area([], [], 10, optimum=1.0, baseline=0.0) == 1.0
    assert regret_area([12], [1.0], 10, optimum=1.0, baseline=0.0) == 1.0


@settings(max_examples=50, deadline=None)
@given(STEPS, st.floats(0.5, 25))
def test_the_area_is_the_integral_of_the_step_function(steps, budget):
    at, values = unzip(steps)
    grid = (np.arange(20_000) + 0.5) * budget / 20_000
    regret = normalised_regret(step_values(at, values, grid, before=-5.0), 5.0, -5.0)
    assert regret_area(at, values, budget, 5.0, -5.0) == pytest.approx(regret.mean(), abs=1e-3)


@given(STEPS, st.floats(0, 20), st.floats(0, 20))
def test_an_earlier_gain_has_a_smaller_area(steps, one, other):
    early, late = sorted((one, other))
    areas = [regret_area([when], [1.0], 20, optimum=1.0, baseline=0.0) for when in (early, late)]
    assert areas[0] <= areas[1]
    assert regret_area(*unzip(steps), 20, 5.0, -5.0) <= 1 + 1e-9


def test_impossible_ranges_are_refused():
    with pytest.raises(ValueError, match="baseline=2"):
        normalised_regret([1.0], optimum=1.0, baseline=2.0)
    with pytest.raises(ValueError, match="budget=0"):
        regret_area([], [], 0, 1.0, 0.0)
    with pytest.raises(ValueError, match="at=-1"):
        regret_area([-1], [1.0], 1, 1.0, 0.0)


def test_the_incumbent_is_judged_twice():
    # The third score is the luckiest, not the best; the fourth failed; the last ties and changes nothing.
    at, observed, truth = [1, 2, 3, 4, 5], [0.5, 0.4, 0.9, math.nan, 0.9], [0.6, 0.8, 0.3, 1.0, 0.7]
    seen, real = incumbent_curves(at, observed, truth, [0, 1, 2, 3, 4, 5], before=0.1)
    assert seen.tolist() == [0.1, 0.5, 0.5, 0.9, 0.9, 0.9]
    assert real.tolist() == [0.1, 0.6, 0.6, 0.3, 0.3, 0.3]


def test_failures_ahead_of_the_first_score_are_no_incumbents():
    seen, real = incumbent_curves([1, 2, 3], [math.nan, 0.2, math.nan], [0.9, 0.3, 0.8], [1, 2, 3], 0.0)
    assert (seen.tolist(), real.tolist()) == ([0.0, 0.2, 0.2], [0.0, 0.3, 0.3])
    nothing = incumbent_curves([1], [math.nan], [0.9], [0, 1, 2], before=0.5)
    assert [curve.tolist() for curve in nothing] == [[0.5] * 3] * 2


@given(STEPS, st.lists(st.floats(-1, 25), max_size=8))
def test_without_noise_both_incumbent_curves_are_the_running_maximum(steps, grid):
    at, values = unzip(steps)
    seen, real = incumbent_curves(at, values, values, grid, before=-6.0)
    assert seen.tolist() == real.tolist()
    assert seen.tolist() == [max([-6.0, *(v for t, v in steps if t <= point)]) for point in grid]


def test_a_simultaneous_band_is_symmetric_and_holds_the_pointwise_one_about():
    curves = stream(7, "curves").normal(size=(4, 10, 30)).cumsum(axis=2)
    curves[:, :, 0] = 0.1
    whole = mean_curve(curves, stream(7, "band"), simultaneous=True)
    point = mean_curve(curves, stream(7, "band"))
    assert whole.value.tolist() == point.value.tolist()
    assert (whole.high - whole.value) == pytest.approx(whole.value - whole.low)
    assert whole.low[0] == whole.value[0] == whole.high[0]
    assert ((whole.high - whole.low)[1:] > 1.05 * (point.high - point.low)[1:]).all()


def test_at_one_point_to_look_at_the_whole_is_to_look_at_the_point():
    curves = stream(8, "curves").normal(size=(2, 9, 1))
    whole = mean_curve(curves, stream(8, "band"), replicates=40_000, simultaneous=True)
    alone = mean_score(curves[:, :, 0], stream(8, "alone"), replicates=40_000)
    assert (whole.low[0], whole.high[0]) == pytest.approx((alone.low, alone.high), abs=0.03)


def test_a_simultaneous_band_knows_neither_origin_nor_the_scale_of_any_point():
    curves = stream(9, "curves").normal(size=(2, 8, 5))
    scale, shift = np.array([1e-9, 1.0, 3.0, 1e6, 0.5]), np.array([0.0, 5.0, -2.0, 1e6, 1.0])
    one = mean_curve(curves, stream(9, "band"), simultaneous=True)
    other = mean_curve(curves * scale + shift, stream(9, "band"), simultaneous=True)
    assert other.high == pytest.approx(one.high * scale + shift, rel=1e-6)


def test_the_simultaneous_band_holds_whole_curves_as_often_as_it_says():
    rng = stream(10, "coverage")
    inside = {True: 0, False: 0}
    for _ in range(500):
        curves = rng.normal(size=(3, 12, 15)).cumsum(axis=2)
        for simultaneous in inside:
            band = mean_curve(curves, rng, replicates=300, simultaneous=simultaneous)
            inside[simultaneous] += bool(((band.low <= 0) & (band.high >= 0)).all())
    assert 0.91 < inside[True] / 500 < 0.98  # standard error .01
    assert inside[False] / 500 < 0.85


def test_the_area_over_the_convergence_curve_by_hand():
    # 0 for 2, then .5 for 3, then 1 for 5 of 10; worse than the baseline counts as 0, better as 1.
    at, values = [2, 5, 11], [0.5, 1.3, 0.0]
    assert convergence_area(at, values, 10, optimum=1.0, baseline=0.0) == pytest.approx(0.65)
    assert convergence_area([0], [-4.0], 10, optimum=1.0, baseline=0.0) == 0.0
    found = convergence_area(at, values, 10, optimum=1.0, baseline=0.0, axis="log")
    assert found == pytest.approx((0.5 * math.log(5 / 2) + math.log(10 / 5)) / math.log(10))


def test_on_a_logarithmic_axis_each_doubling_weighs_alike():
    def area(when):
        return convergence_area([when], [1.0], 64, optimum=1.0, baseline=0.0, axis="log")

    assert [area(when) for when in (0, 1, 2, 8, 32, 64)] == pytest.approx([1, 1, 5 / 6, 1 / 2, 1 / 6, 0])


@given(STEPS, st.floats(2, 25))
def test_the_two_areas_add_up_to_one_where_nothing_is_clipped(steps, budget):
    at, values = unzip(steps)
    regret = regret_area(at, values, budget, 5.0, -5.0)
    assert convergence_area(at, values, budget, 5.0, -5.0) == pytest.approx(1 - regret)
    for axis in ("linear", "log"):
        assert -1e-12 <= convergence_area(at, values, budget, 5.0, -5.0, axis) <= 1 + 1e-12


@settings(max_examples=30, deadline=None)
@given(STEPS, st.floats(2, 25))
def test_the_logarithmic_area_is_an_integral_over_the_logarithm(steps, budget):
    at, values = unzip(steps)
    points = np.exp((np.arange(20_000) + 0.5) / 20_000 * np.log(budget))
    regret = normalised_regret(step_values(at, values, points, before=-5.0), 5.0, -5.0)
    found = convergence_area(at, values, budget, 5.0, -5.0, "log")
    assert found == pytest.approx(1 - regret.mean(), abs=2e-3)


@given(STEPS, st.floats(0.1, 100))
def test_the_logarithmic_area_does_not_depend_on_the_unit_of_the_axis(steps, unit):
    at, values = unzip(steps)
    there = convergence_area(at, values, 30, 5.0, -5.0, "log")
    moved = convergence_area([unit * when for when in at], values, 30 * unit, 5.0, -5.0, "log", first=unit)
    assert moved == pytest.approx(there, abs=1e-9)


def test_impossible_axes_are_refused():
    with pytest.raises(ValueError, match=r"first=10.*budget 10"):
        convergence_area([], [], 10, 1.0, 0.0, "log", first=10)
    with pytest.raises(ValueError, match="axis='cubic'"):
        convergence_area([], [], 10, 1.0, 0.0, "cubic")
