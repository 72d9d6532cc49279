"""Laws of the box oracles: low effective dimension, and the classic numeric functions."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.landscape import ClassicFunction, LowDimensionalBox
from mocks.landscape.classic import FUNCTIONS
from sandbox.errors import MissingExtra
from sandbox.spaces import Box

laws = settings(deadline=None, max_examples=40, derandomize=True)
seeds = st.integers(-5, 10_000)


@st.composite
def boxes(draw: st.DrawFn) -> LowDimensionalBox:
    dimensions = draw(st.integers(2, 150))
    return LowDimensionalBox(
        seed=draw(seeds),
        dimensions=dimensions,
        effective=draw(st.integers(1, min(10, dimensions))),
        rivals=draw(st.integers(0, 12)),
        rival=draw(st.floats(0.0, 0.99)),
        width=draw(st.floats(0.05, 2.0)),
    )


@laws
@given(boxes(), st.integers(0, 1000))
def test_no_point_beats_the_optimum_of_a_low_dimensional_box(oracle: LowDimensionalBox, draw: int) -> None:
    assert oracle.best in oracle.space
    assert oracle.truth(oracle.best) == oracle.optimum == 1.0
    rng = np.random.default_rng(draw)
    best = np.array(oracle.best)
    near = best + rng.normal(size=(20, oracle.dimensions)) * np.logspace(-6, -1, 20)[:, None]
    far = rng.uniform(-1, 1, size=(20, oracle.dimensions))
    for point in (*near, *far, *np.sign(far)):
        candidate = tuple(point.clip(-1, 1).tolist())
        assert candidate in oracle.space
        assert 0.0 <= oracle.truth(candidate) <= 1.0


@laws
@given(boxes(), st.integers(0, 1000))
def test_outside_its_subspace_a_low_dimensional_box_is_flat(oracle: LowDimensionalBox, draw: int) -> None:
    p = oracle.projection
    assert np.allclose(p @ p.T, np.eye(oracle.effective))
    rng = np.random.default_rng(draw)
    point = rng.uniform(-0.5, 0.5, size=oracle.dimensions)
    step = rng.normal(size=oracle.dimensions)
    step -= p.T @ (p @ step)
    moved = point + step * min(1.0, 0.5 / np.abs(step).max())  # a step of rounding errors is not blown up
    assert np.abs(moved).max() <= 1.0
    at, there = (oracle.truth(tuple(x.tolist())) for x in (point, moved))
    assert at == pytest.approx(there, abs=1e-9)
    # Out of `best` every direction of the subspace leads down.
    down = np.array(oracle.best) + 0.05 * p.T @ rng.normal(size=oracle.effective)
    assert oracle.truth(tuple(down.tolist())) < 1.0


def test_the_baseline_of_a_low_dimensional_box_is_its_mean() -> None:
    for seed in range(3):
        oracle = LowDimensionalBox(seed=seed)
        points = np.random.default_rng(1).uniform(-1, 1, size=(2000, oracle.dimensions))
        truths = [oracle.truth(tuple(point.tolist())) for point in points]
        assert np.mean(truths) == pytest.approx(oracle.baseline, abs=0.04)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_classic_function_is_botorchs_on_another_scale(name: str) -> None:
    torch = pytest.importorskip("torch")
    synthetic = pytest.importorskip("botorch.test_functions.synthetic")
    class_name, usual, known = FUNCTIONS[name]
    for dimensions in known or (usual, 7):
        oracle = ClassicFunction(function=name, dimensions=dimensions)
        keywords = {} if len(known) == 1 else {"dim": dimensions}
        function = getattr(synthetic, class_name)(**keywords).double()
        assert isinstance(oracle.space, Box)
        assert oracle.best in oracle.space
        assert oracle.truth(oracle.best) == oracle.optimum == 1.0
        assert oracle.least == pytest.approx(function.optimal_value, rel=1e-4, abs=1e-9)
        for optimizer in function.optimizers:
            assert oracle.truth(tuple(optimizer.tolist())) == pytest.approx(1.0, abs=1e-4)
        low, high = function.bounds.double()
        points = low + torch.rand(50, dimensions, generator=torch.Generator().manual_seed(3)) * (high - low)
        values = function(points.double(), noise=False).tolist()
        for point, value in zip(points.double().tolist(), values, strict=True):
            score = (oracle.worst - value) / (oracle.worst - oracle.least)
            assert oracle.truth(tuple(point)) == pytest.approx(min(1.0, max(0.0, score)), abs=1e-9)
        unit = torch.quasirandom.SobolEngine(dimensions).draw(1024, dtype=torch.double)
        mean = np.mean([oracle.truth(tuple(x)) for x in (low + unit * (high - low)).tolist()])
        assert mean == pytest.approx(oracle.baseline)


@pytest.mark.parametrize("name", ["six-hump-camel", "hartmann", "egg-holder", "branin", "rosenbrock"])
def test_a_classic_function_scores_within_the_unit_interval(name: str) -> None:
    pytest.importorskip("botorch")
    oracle = ClassicFunction(function=name)
    low, high = np.array(oracle.space.lower), np.array(oracle.space.upper)
    rng = np.random.default_rng(2)
    steps = rng.normal(size=(300, len(low))) * np.logspace(-8, -3, 300)[:, None]
    near = (np.array(oracle.best) + steps).clip(low, high)
    for point in (*near, *rng.uniform(low, high, size=(300, len(low)))):
        assert 0.0 <= oracle.truth(tuple(point.tolist())) <= 1.0


def test_without_its_packages_a_classic_function_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "botorch.test_functions", None)
    with pytest.raises(MissingExtra, match=r"instruct-sandbox\[bo\]"):
        ClassicFunction()
