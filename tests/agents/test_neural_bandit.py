"""The closed forms of the neural bandits are what autograd finds, and the networks learn what they should."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.neural_bandit import Diagonal, PublishedNet, ScaledNet, kernel

H, M, LAMBDA, NU = 8, 6, 0.1, 0.7
Tensor = torch.Tensor


def published(seed: int = 0) -> PublishedNet:
    return PublishedNet(H, LAMBDA, NU, np.random.default_rng(seed), M, torch.float64)


def inputs(seed: int, count: int = 12, width: int = H) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, width)))


def gradients(net: PublishedNet, x: Tensor) -> Tensor:
    """One row an input, as P-long vectors, by autograd."""

    def output(flat: Tensor, row: Tensor) -> Tensor:
        w1, b1, w2, b2 = net.parts(flat)
        return (torch.relu(w1 @ row + b1) @ w2 + b2)[0]

    return torch.func.vmap(torch.func.grad(output), (None, 0))(net.flat.data, x)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), chosen=st.integers(0, 5))
def test_the_width_in_closed_form_is_that_of_per_sample_gradients(seed: int, chosen: int) -> None:
    net, x = published(seed), inputs(seed + 1)
    g = gradients(net, x)
    u = torch.full((g.shape[1],), LAMBDA, dtype=torch.float64)
    for row in range(chosen):
        net.seen.add(x[row : row + 1], net.units(x[row : row + 1])[1])
        u += g[row].square()
    width = (LAMBDA * NU * (g.square() / u).sum(1)).sqrt()
    torch.testing.assert_close(net.worth(x), net.units(x)[0] + width, rtol=1e-10, atol=1e-12)


def test_u_grows_by_the_chosen_arm_and_by_no_other() -> None:
    net, x = published(), inputs(3)
    for _ in range(4):
        before = [part.clone() for part in (net.seen.first, net.seen.bias, net.seen.second)]
        last = net.seen.last
        chosen = net.choose(x)
        g = gradients(net, x[chosen : chosen + 1])[0].square()
        w1, b1, w2, b2 = net.parts(g)
        after = (net.seen.first, net.seen.bias, net.seen.second)
        for old, new, square in zip(before, after, (w1, b1, w2), strict=True):
            torch.testing.assert_close(new, old + square)
        assert net.seen.last == last + float(b2[0]) == last + 1.0


def test_the_widths_do_not_depend_on_how_many_inputs_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = published(), inputs(4, 50)
    whole = net.worth(x)
    monkeypatch.setattr("agents.neural_bandit._CHUNK", 7)
    torch.testing.assert_close(net.worth(x), whole)


def test_an_arm_that_was_added_is_surer_and_no_arm_is_less_sure() -> None:
    seen, x = Diagonal(H, M, LAMBDA, torch.float64), inputs(5)
    units = published().units(x)[1]
    before = seen.lengths(x, units)
    seen.add(x[:1], units._replace(slopes=units.slopes[:1], active=units.active[:1]))
    after = seen.lengths(x, units)
    assert after[0] < before[0]
    assert (after <= before).all()


def test_training_by_hand_is_adam_on_the_mean_squared_error() -> None:
    net, x = published(2), inputs(6)
    y = torch.linspace(0.0, 1.0, len(x), dtype=torch.float64)
    flat = net.start.clone().requires_grad_()
    adam = torch.optim.Adam([flat], lr=1e-3, weight_decay=LAMBDA / len(x))
    for _ in range(40):
        w1, b1, w2, b2 = net.parts(flat)
        loss = (torch.relu(x @ w1.T + b1) @ w2 + b2 - y).square().mean()
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
    assert net.train(x, y, 40) == pytest.approx(float(loss.detach()), rel=1e-9)
    torch.testing.assert_close(net.flat.data, flat.detach(), rtol=1e-9, atol=1e-11)
    again = net.train(x, y, 40)  # from the first initialisation, not from where it stands
    assert again == pytest.approx(float(loss.detach()), rel=1e-9)


def scaled(seed: int, count: int = 20, width: int = H, hidden: int = M) -> ScaledNet:
    return ScaledNet(inputs(seed, count, width).numpy(), np.random.default_rng(seed), hidden)


def scaled_gradients(net: ScaledNet, w1: Tensor, b1: Tensor, w2: Tensor) -> Tensor:
    """Of the scaled network with these parameters at all arms; x is divided by sqrt(H) already."""

    def output(parts: tuple[Tensor, Tensor, Tensor, Tensor], row: Tensor) -> Tensor:
        first, bias, second, last = parts
        return torch.relu(first @ row + bias) @ second / math.sqrt(net.hidden) + last

    parts = (w1, b1, w2, torch.zeros((), dtype=torch.float64))
    found = torch.func.vmap(torch.func.grad(output), (None, 0))(parts, net.x.double())
    return torch.cat([part.reshape(len(net.x), -1) for part in found], 1)


def parameters(net: ScaledNet) -> tuple[Tensor, Tensor, Tensor]:
    """W1, b1 and w2 of a trained network, written out."""
    w1, bias = net.w1.double(), net.start - (net.x @ net.w1.T).double()
    moved = net.first.T @ net.x[net.observed].double()
    return w1 + moved, bias[0] + net.first.sum(0), net.w2 + net.second


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), observed=st.integers(2, 12))
def test_the_scaled_networks_width_is_neuralucbs_with_the_whole_matrix(seed: int, observed: int) -> None:
    net = scaled(seed)
    net.observe(list(range(observed)))
    y = torch.from_numpy(np.random.default_rng(seed).random(observed))
    beliefs = net.fit(y, torch.ones(observed, dtype=torch.float64))
    g = scaled_gradients(net, *parameters(net))
    u = net.penalty * torch.eye(g.shape[1], dtype=torch.float64) + g[:observed].T @ g[:observed]
    width = (net.penalty * (g * torch.linalg.solve(u, g.T).T).sum(1)).sqrt()
    ratio = beliefs.deviation / width  # the scale of the scores, the same for all arms
    assert float(ratio.std()) < 1e-3 * float(ratio.mean())


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_the_kernel_is_the_inner_product_of_the_gradients(seed: int) -> None:
    net = scaled(seed)
    net.observe(list(range(len(net.x))))
    units = net._units(net.start)
    g = scaled_gradients(net, *parameters(net))
    torch.testing.assert_close(kernel(net.gram, units, units), g @ g.T, rtol=1e-4, atol=1e-5)


def test_no_step_of_training_makes_the_loss_larger_and_the_end_is_stationary() -> None:
    net = scaled(1, 30, 40, 50)
    net.steps = 200
    observed = list(range(12))
    net.observe(observed)
    y = torch.from_numpy(np.random.default_rng(1).standard_normal(12))
    net._flatten(12)
    net._descend(net.gram[observed], y, torch.ones(12, dtype=torch.float64), 0.3)
    w1, b1, w2 = parameters(net)
    starts = [net.w1.double(), (net.start - (net.x @ net.w1.T).double())[0], net.w2]
    moving = [part.clone().requires_grad_() for part in (w1, b1, w2)]
    x = net.x[observed].double()
    output = torch.relu(x @ moving[0].T + moving[1]) @ moving[2] / math.sqrt(50) + net.last
    loss = (y - output + net.offset[observed]).square().sum()
    loss = loss + 0.3 * sum((a - b).square().sum() for a, b in zip(moving, starts, strict=True))
    loss.backward()  # type: ignore[no-untyped-call]
    at_start = (y.square().sum()).item()
    assert float(loss.detach()) + 0.3 * float(net.last) ** 2 < 0.5 * at_start
    assert sum(float(part.grad.square().sum()) for part in moving if part.grad is not None) < 0.05 * at_start


def world(seed: int, arms: int = 400, width: int = 512) -> tuple[np.ndarray, np.ndarray]:
    """Features of arms, and a truth in [0, 1] that is smooth in what they come from."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(-1.0, 1.0, size=(arms, 5))
    features = np.tanh(z @ rng.standard_normal((5, 40))) @ rng.standard_normal((40, width))
    return features, 1.0 / (1.0 + np.exp(-2.0 * np.tanh(z @ rng.standard_normal((5, 3))).sum(1)))


@pytest.mark.parametrize("seed", range(3))
def test_the_scaled_network_predicts_and_the_published_one_does_not(seed: int) -> None:
    features, truth = world(seed)
    rng = np.random.default_rng(seed)
    seen = rng.permutation(len(truth))[:60].tolist()
    y = torch.from_numpy(rng.binomial(20, truth[seen]) / 20)
    net = ScaledNet(features, rng)
    net.observe(seen)
    beliefs = net.fit(y, torch.ones(60, dtype=torch.float64))
    rest = np.setdiff1d(np.arange(len(truth)), seen)
    assert np.corrcoef(beliefs.mean.numpy()[rest], truth[rest])[0, 1] > 0.8
    x = torch.from_numpy(features).float()
    centre, deviation = x[seen].mean(0), x[seen].std(0)
    old = PublishedNet(x.shape[1], 0.1, 1.0, rng)
    assert old.train((x[seen] - centre) / deviation, y.float(), 1000) < 1e-3
    mean = old.units((x - centre) / deviation)[0]
    assert float(mean[rest].std()) > 10.0  # for scores in [0, 1]


def test_one_score_told_by_several_arms_counts_once() -> None:
    single, triple = scaled(7), scaled(7)
    net_x = single.x.clone()
    net_x[1] = net_x[2] = net_x[0]
    for net in (single, triple):
        net.x = net_x
        net.start[1] = net.start[2] = net.start[0]
        net.offset = net._output(net.start, net.w2)
    single.observe([0, 5])
    triple.observe([0, 1, 2, 5])
    once = single.fit(torch.tensor([0.9, 0.2]).double(), torch.tensor([1.0, 1.0]).double())
    thrice = triple.fit(
        torch.tensor([0.9, 0.9, 0.9, 0.2]).double(), torch.tensor([3.0, 3.0, 3.0, 1.0]).double()
    )
    assert single.penalty == triple.penalty
    torch.testing.assert_close(once.mean, thrice.mean, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(once.deviation, thrice.deviation, rtol=1e-3, atol=1e-3)


def test_equal_scores_and_dead_features_are_survived() -> None:
    net = ScaledNet(np.ones((5, 4)), np.random.default_rng(0))
    net.observe([0, 1])
    beliefs = net.fit(torch.tensor([0.5, 0.5]).double(), torch.ones(2, dtype=torch.float64))
    assert torch.isfinite(beliefs.mean).all()
    assert torch.isfinite(beliefs.deviation).all()
    assert float(beliefs.mean[3]) == pytest.approx(0.5)
