"""The objective of Prompt-MII against its equations, term by term."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from scenarios.prompt_mii.grpo import DUAL, HIGH, LOW, advantages, loss  # noqa: E402

NUMBERS = st.floats(-2.0, 2.0, width=32)


def by_hand(logp: np.ndarray, before: np.ndarray, gain: np.ndarray, lengths: list[int]) -> float:
    texts = []
    for row, length in enumerate(lengths):
        tokens = []
        for place in range(length):
            ratio, a = np.exp(logp[row, place] - before[row, place]), gain[row]
            value = -min(ratio * a, min(max(ratio, 1 - LOW), 1 + HIGH) * a)
            tokens.append(min(value, -DUAL * a) if a < 0 else value)
        texts.append(np.mean(tokens))
    return float(np.mean(texts))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_loss_is_its_equation(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    shape = (len(lengths), max(lengths))
    logp, before = [
        np.array(data.draw(st.lists(NUMBERS, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1])))
        .reshape(shape)
        for _ in range(2)
    ]  # fmt: skip
    gain = np.array(data.draw(st.lists(NUMBERS, min_size=shape[0], max_size=shape[0])))
    mask = np.arange(shape[1]) < np.array(lengths)[:, None]
    found = loss(*map(torch.tensor, (logp, before, gain, mask)))
    assert float(found) == pytest.approx(by_hand(logp, before, gain, lengths), abs=1e-9)


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=5))
def test_advantages_are_standard_scores_of_each_group(rewards: list[list[float]]) -> None:
    found = advantages(torch.tensor(rewards, dtype=torch.float64)).numpy()
    for group, row in zip(rewards, found, strict=True):
        expected = (np.array(group) - np.mean(group)) / (np.std(group, ddof=1) + 1e-6)
        np.testing.assert_allclose(row, expected, atol=1e-6)


def test_a_group_of_equals_teaches_nothing() -> None:
    logp = torch.zeros((4, 3), dtype=torch.float64, requires_grad=True)
    gain = advantages(torch.full((1, 4), 0.7, dtype=torch.float64)).flatten()
    loss(logp, torch.zeros((4, 3)), gain, torch.ones((4, 3), dtype=torch.bool)).backward()
    assert float(logp.grad.abs().max()) < 1e-12


@pytest.mark.parametrize(
    ("shift", "gain", "moves"),
    [
        (0.0, 1.0, True), (np.log(1.39), 1.0, True), (np.log(1.41), 1.0, False), (np.log(0.5), 1.0, True),
        (0.0, -1.0, True), (np.log(0.79), -1.0, False), (np.log(2.9), -1.0, True), (np.log(3.1), -1.0, False),
    ],
)  # fmt: skip
def test_where_the_clips_stop_the_gradient(shift: float, gain: float, moves: bool) -> None:
    logp = torch.full((1, 2), float(shift), dtype=torch.float64, requires_grad=True)
    mask = torch.ones((1, 2), dtype=torch.bool)
    loss(logp, torch.zeros((1, 2)), torch.tensor([gain], dtype=torch.float64), mask).backward()
    slope = float(logp.grad.abs().max())
    assert (slope > 1e-9) is moves
    if moves:
        assert float(logp.grad[0, 0]) * gain < 0


def test_long_texts_weigh_as_much_as_short_ones() -> None:
    logp = torch.zeros((2, 4), dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True, False, False, False], [True, True, True, True]])
    loss(logp, torch.zeros((2, 4)), torch.ones(2, dtype=torch.float64), mask).backward()
    sums = logp.grad.sum(dim=1)
    assert float(sums[0]) == pytest.approx(float(sums[1]))
