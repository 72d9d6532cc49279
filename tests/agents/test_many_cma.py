"""Many CMA-ES runs at once, beside the packages cmaes and cma."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.many_cma import bend, constants, maximise, mirror, unbend

SCALES = np.logspace(0, 3, 6)


def ellipsoid(points: np.ndarray) -> np.ndarray:
    return -((points - 0.3) ** 2 @ SCALES)


def test_it_converges_as_fast_as_the_package_cmaes() -> None:
    cmaes = pytest.importorskip("cmaes")
    starts = np.random.default_rng(0).uniform(-1, 1, (12, 6))
    ours = maximise(
        ellipsoid,
        starts,
        np.random.default_rng(1),
        sigma=0.5,
        population=12,
        generations=60,
        low=-50,
        high=50,
    )
    theirs = []
    for seed, start in enumerate(starts):
        run = cmaes.CMA(mean=start, sigma=0.5, population_size=12, seed=seed)
        best = -np.inf
        for _ in range(60):
            asked = [run.ask() for _ in range(12)]
            values = ellipsoid(np.array(asked))
            best = max(best, float(values.max()))
            run.tell(list(zip(asked, -values, strict=True)))
        theirs.append(best)
    mine, others = np.log10(-ours.values), np.log10(-np.array(theirs))
    assert abs(np.median(mine) - np.median(others)) < 2.0
    assert np.median(mine) < np.log10(-np.median(ellipsoid(starts))) - 4.0


def test_in_bounds_it_is_no_worse_than_the_package_cma() -> None:
    cma = pytest.importorskip("cma")
    starts = np.random.default_rng(0).uniform(-1, 1, (6, 6))
    ours = maximise(ellipsoid, starts, np.random.default_rng(1), generations=20)
    theirs = []
    for seed, start in enumerate(starts):
        options = {"popsize": 50, "bounds": [-1, 1], "maxiter": 20, "verbose": -9, "seed": seed + 1}
        run = cma.CMAEvolutionStrategy(start, 0.8, options)
        run.optimize(lambda x: float(-ellipsoid(np.array(x)[None])[0]))
        theirs.append(run.result.fbest)
    assert np.median(np.log10(-ours.values)) < np.median(np.log10(theirs)) + 0.3


def test_an_optimum_in_a_corner_is_found() -> None:
    starts = np.zeros((4, 5))
    found = maximise(lambda x: x.sum(axis=1), starts, np.random.default_rng(0), generations=40)
    np.testing.assert_allclose(found.points, 1.0, atol=0.05)


@given(runs=st.integers(1, 4), d=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_points_lie_in_the_box_and_have_the_worth_that_is_told(runs: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = rng.uniform(-1, 1, (runs, d))
    found = maximise(lambda x: -((x - 2.0) ** 2).sum(axis=1), starts, rng, population=8, generations=4)
    assert found.points.shape == (runs, d)
    assert (np.abs(found.points) <= 1.0).all()
    np.testing.assert_allclose(found.values, -((found.points - 2.0) ** 2).sum(axis=1))


def test_where_all_is_flat_each_run_returns_a_step_from_its_own_start() -> None:
    starts = np.repeat([[0.0], [0.9]], 100, axis=0) * np.ones(10)
    found = maximise(lambda x: np.zeros(len(x)), starts, np.random.default_rng(0))
    assert np.std(found.points[:100]) == pytest.approx(0.55, abs=0.1)  # of N(0, 0.8^2), folded
    assert found.points[100:].mean() > found.points[:100].mean() + 0.1


def test_one_run_does_not_see_the_others() -> None:
    """Run by run, another run's landscape changes nothing but the draws that it shares."""
    starts = np.zeros((2, 3))

    def worth(spoil: float) -> np.ndarray:
        def judged(x: np.ndarray) -> np.ndarray:
            both = -((x - 0.5) ** 2).sum(axis=1).reshape(2, -1)
            both[1] *= spoil
            flat: np.ndarray = both.ravel()
            return flat

        found: np.ndarray = maximise(judged, starts, np.random.default_rng(0)).points[0]
        return found

    np.testing.assert_array_equal(worth(1.0), worth(-1.0))


@given(st.floats(-50, 50), st.sampled_from([(-1.0, 1.0), (0.0, 3.0), (-0.02, 0.02)]))
def test_every_point_is_carried_into_the_box_and_back(x: float, bounds: tuple[float, float]) -> None:
    inside = bend(mirror(np.array([x]), *bounds), *bounds)
    assert bounds[0] <= inside[0] <= bounds[1]
    again = bend(unbend(inside, *bounds), *bounds)
    np.testing.assert_allclose(again, inside, atol=1e-9)
    outer = mirror(np.array([x]), *bounds)
    np.testing.assert_allclose(mirror(outer, *bounds), outer, atol=1e-9)


@given(d=st.integers(1, 60), population=st.integers(4, 100))
def test_the_constants_are_lawful(d: int, population: int) -> None:
    k = constants(d, population)
    assert k.weights[: k.parents].sum() == pytest.approx(1.0)
    assert (np.diff(k.weights) <= 1e-12).all()
    assert 0 < k.c_sigma < 1
    assert 0 < k.c_c <= 1
    assert 0 < k.c_1 + k.c_mu <= 1 + 1e-12
    assert 1 <= k.mu_eff <= population
