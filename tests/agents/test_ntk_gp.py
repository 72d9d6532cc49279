"""The neural tangent kernel and its Gaussian process, beside automatic differentiation and dense algebra."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.adam import Adam
from agents.ntk_gp import NtkGP, ReluNet, kernel, untrained
from agents.torch_threads import one_thread

torch = pytest.importorskip("torch")
SHAPES = [(1, 1, 1), (4, 8, 1), (5, 7, 2), (6, 32, 3)]


def as_torch(net: ReluNet) -> tuple[list[object], object]:
    """The parameters, layer by layer, as leaves of a graph, and the network as a function of a point."""
    parameters = [
        torch.tensor(p, requires_grad=True)
        for layer in zip(net.weights, net.biases, strict=True)
        for p in layer
    ]

    def value(x: object) -> object:
        for i in range(0, len(parameters), 2):
            x = parameters[i] @ x + parameters[i + 1]
            x = torch.relu(x) if i + 2 < len(parameters) else x
        return x[0]  # type: ignore[index]

    return parameters, value


def gradients(net: ReluNet, points: np.ndarray) -> np.ndarray:
    """The gradients by all parameters, one row a point, by automatic differentiation."""
    parameters, value = as_torch(net)
    rows = []
    for point in points:
        by = torch.autograd.grad(value(torch.tensor(point)), parameters)  # type: ignore[operator]
        rows.append(torch.cat([g.flatten() for g in by]).numpy())
    return np.array(rows)


@pytest.mark.parametrize(("width", "hidden", "depth"), SHAPES)
def test_the_kernel_is_the_inner_product_of_autograds_gradients(width: int, hidden: int, depth: int) -> None:
    rng = np.random.default_rng(width)
    net = untrained(width, rng, hidden, depth)
    a, b = rng.standard_normal((6, width)), rng.standard_normal((4, width))
    with one_thread():
        expected = gradients(net, a) @ gradients(net, b).T
    np.testing.assert_allclose(kernel(net.tangents(a), net.tangents(b)), expected, rtol=1e-10)


@pytest.mark.parametrize(("width", "hidden", "depth"), SHAPES)
def test_the_slope_is_autograds_gradient_of_the_mean(width: int, hidden: int, depth: int) -> None:
    rng = np.random.default_rng(10 + width)
    net = untrained(width, rng, hidden, depth)
    points, scores = rng.standard_normal((9, width)) * 3 + 1, rng.random(9)
    gp = NtkGP(net, points, scores, noise=0.5)
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    with one_thread():
        seen = gradients(net, (points - low) / span)
        gram = seen @ seen.T + 0.5 * np.eye(9)
        alpha = np.linalg.solve(gram, scores)
        parameters, value = as_torch(net)
        x = torch.tensor(rng.standard_normal(width), requires_grad=True)
        scaled = (x - torch.tensor(low)) / torch.tensor(span)
        by = torch.autograd.grad(value(scaled), parameters, create_graph=True)  # type: ignore[operator]
        mean = torch.cat([g.flatten() for g in by]) @ torch.tensor(seen.T @ alpha)
        (expected,) = torch.autograd.grad(mean, x)
    point = x.detach().numpy()
    assert gp.mean(point[None])[0] == pytest.approx(mean.item(), rel=1e-9)
    slope = gp.slope(point)
    np.testing.assert_allclose(slope.gradient, expected.numpy(), rtol=1e-8, atol=1e-10)
    here = torch.cat([g.flatten() for g in by]).detach().numpy()
    across = seen @ here
    expected_variance = here @ here - across @ np.linalg.solve(gram, across)
    assert gp.variance(point) == pytest.approx(expected_variance, rel=1e-8)


def test_the_variance_of_the_slope_is_that_of_the_gradient_features() -> None:
    rng = np.random.default_rng(3)
    net = untrained(5, rng, 16)
    points, scores = rng.random((7, 5)), rng.random(7)
    gp = NtkGP(net, points, scores, noise=0.1)
    point = rng.random(5)
    slope = gp.slope(point)
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    u = slope.gradient / np.linalg.norm(slope.gradient)
    step = 1e-6  # within a cell of the network, where its gradients are linear in the point
    with one_thread():
        seen = gradients(net, (points - low) / span)
        ends = gradients(net, (np.array([point + step * u, point - step * u]) - low) / span)
    moved = (ends[0] - ends[1]) / (2 * step)
    across = seen @ moved
    assert slope.prior == pytest.approx(moved @ moved, rel=1e-5)
    left = moved @ moved - across @ np.linalg.solve(seen @ seen.T + 0.1 * np.eye(7), across)
    assert slope.variance == pytest.approx(left, rel=1e-4)
    assert 0 <= slope.variance <= slope.prior


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 12), width=st.integers(1, 6))
def test_where_it_looked_its_variance_is_at_most_the_noise(seed: int, count: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    points, scores = rng.standard_normal((count, width)), rng.random(count)
    gp = NtkGP(untrained(width, rng), points, scores)
    # The "uncertainty" of the published code at the point where an ask starts: never above the noise.
    assert all(0 <= gp.variance(point) <= 1e-4 + 1e-6 for point in points)


def test_equal_points_and_coordinates_that_do_not_vary_are_survived() -> None:
    net = untrained(3, np.random.default_rng(0))
    gp = NtkGP(net, np.ones((4, 3)), np.array([0.0, 1.0, 0.0, 1.0]))
    assert gp.mean(np.ones((1, 3)))[0] == pytest.approx(0.5, abs=1e-3)
    assert np.isfinite(gp.slope(np.ones(3)).gradient).all()


def test_singular_matrices_get_the_noise_of_ten() -> None:
    net = untrained(3, np.random.default_rng(0))
    scores = np.array([0.0, 1.0])
    gp = NtkGP(net, np.ones((2, 3)), scores, noise=-1.0)
    ten = NtkGP(net, np.ones((2, 3)), scores, noise=10.0)
    assert gp.mean(np.ones((1, 3))) == ten.mean(np.ones((1, 3)))


def test_adam_steps_as_torchs_does() -> None:
    rng = np.random.default_rng(1)
    gradients = rng.standard_normal((20, 4))
    point = rng.standard_normal(4)
    tensor = torch.tensor(point, requires_grad=True)
    theirs, ours = torch.optim.Adam([tensor], lr=0.1, maximize=True), Adam(0.1)
    for gradient in gradients:
        tensor.grad = torch.tensor(gradient)
        theirs.step()
        point = ours.step(point, gradient)
    np.testing.assert_allclose(point, tensor.detach().numpy(), rtol=1e-12)
