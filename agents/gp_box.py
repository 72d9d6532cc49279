"""Bayesian optimization over a box, by botorch."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from agents.common import Array, in_box
from sandbox.errors import AnswerFailed, BudgetExhausted, MissingExtra
from sandbox.protocol import Evaluate, Plan, Recommend, affordable
from sandbox.spaces import Box

RESTARTS = 2
RAW_SAMPLES = 64
"""Starting points of the search for the best next look, and the samples they are chosen from."""


def search_box(
    box: Box, rng: np.random.Generator, start: int, batch: int, memory: int
) -> Plan[tuple[float, ...]]:
    """Sobol points first, then the points of largest expected improvement; hands in the best posterior mean.

    Args:
        box: mapped to the unit cube.
        rng: gives the seeds of torch's generators.
        start: Sobol points before the model is first asked.
        batch: points asked for at once.
        memory: the most points that the model is built on: the best, and the latest.

    Raises:
        MissingExtra: if botorch is not installed.
    """
    try:
        with warnings.catch_warnings():  # torch deprecates what its dependents still import
            warnings.simplefilter("ignore")
            importlib.import_module("botorch")
    except ImportError as error:
        raise MissingExtra("gp-bo on a box", "bo") from error
    best = in_box(box, rng.random(box.dimensions))
    yield from Recommend(best)
    points: list[Array] = []
    scores: list[float] = []
    model = _BoxModel(box.dimensions)
    initial = model.sobol(start, _seed(rng))
    try:
        while True:
            if len(initial):
                asked, initial = initial[:batch], initial[batch:]
            elif len(scores) < 2:
                asked = rng.random((batch, box.dimensions))
            else:
                kept = _worth_keeping(scores, memory)
                points, scores = [points[i] for i in kept], [scores[i] for i in kept]
                leader, asked = model.suggest(np.array(points), np.array(scores), batch, _seed(rng))
                best = in_box(box, points[leader])
                yield from Recommend(best)
            seen = yield from affordable([Evaluate(in_box(box, point)) for point in asked])
            for point, answer in zip(asked, seen, strict=False):
                if not isinstance(answer, AnswerFailed):
                    points.append(point)
                    scores.append(answer.score)
            if len(scores) <= start and scores:
                best = in_box(box, points[int(np.argmax(scores))])
                yield from Recommend(best)
    except BudgetExhausted:
        if len(scores) >= 2:
            leader, _ = model.suggest(np.array(points), np.array(scores), 0, _seed(rng))
            best = in_box(box, points[leader])
        return best


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _worth_keeping(scores: list[float], memory: int) -> list[int]:
    """Which points the model is built on, in order."""
    if len(scores) <= memory:
        return list(range(len(scores)))
    best = sorted(range(len(scores)), key=lambda i: -scores[i])[: memory // 2]
    rest = sorted(set(range(len(scores))) - set(best))
    return sorted([*best, *rest[-(memory - len(best)) :]])


class _BoxModel:
    """A Gaussian process over the unit cube whose hyper-parameters are fitted now and then."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._fitted: Any = None
        self._fitted_at = 0.0

    def sobol(self, count: int, seed: int) -> Array:
        """The first points of a scrambled Sobol sequence, shape (count, d)."""
        from torch.quasirandom import SobolEngine

        with _private_torch(seed):
            untyped: Any = SobolEngine
            drawn: Array = untyped(self._dimensions, scramble=True, seed=seed).draw(count).double().numpy()
            return drawn

    def suggest(self, points: Array, scores: Array, count: int, seed: int) -> tuple[int, Array]:
        """The best point seen, by posterior mean, and `count` points to look at next, shape (count, d)."""
        import torch
        from botorch.acquisition.analytic import LogExpectedImprovement
        from botorch.optim.optimize import optimize_acqf

        with _private_torch(seed):
            model = self._model(torch.tensor(points), torch.tensor(scores)[:, None])
            with torch.no_grad():
                means = model.posterior(torch.tensor(points)).mean[:, 0]
            leader = int(means.argmax())
            bounds = torch.tensor([[0.0] * self._dimensions, [1.0] * self._dimensions], dtype=torch.double)
            chosen = np.zeros((0, self._dimensions))
            for _ in range(count):
                # Of means, not of scores: the luckiest score is no yardstick under noise.
                found, _ = optimize_acqf(
                    LogExpectedImprovement(model, best_f=means.max()),
                    bounds=bounds,
                    q=1,
                    num_restarts=RESTARTS,
                    raw_samples=RAW_SAMPLES,
                    options={"maxiter": 20, "sample_around_best": True, "seed": seed},
                )
                chosen = np.vstack([chosen, found.detach().numpy()])
                if len(chosen) < count:  # kriging believer: as if it scored as expected
                    with torch.no_grad():
                        expected = model.posterior(found).mean
                    model = model.condition_on_observations(found, expected)
            return leader, chosen

    def _model(self, points: Any, scores: Any) -> Any:
        """Fitted anew each time the data grew by a third; otherwise with the last hyper-parameters."""
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from gpytorch.mlls import ExactMarginalLogLikelihood

        spread = float(scores.std())
        scores = (scores - scores.mean()) / (spread if spread > 1e-9 else 1.0)
        model = SingleTaskGP(points, scores, outcome_transform=None)
        if self._fitted is not None:
            model.load_state_dict(self._fitted)
        if 3 * len(scores) >= 4 * self._fitted_at:
            fit_gpytorch_mll(
                ExactMarginalLogLikelihood(model.likelihood, model),
                optimizer_kwargs={"options": {"maxiter": 50}},
            )
            self._fitted, self._fitted_at = model.state_dict(), len(scores)
        model.eval()
        return model


@contextmanager
def _private_torch(seed: int) -> Iterator[None]:
    """One thread, a generator of our own, and no warnings; all is put back after."""
    import torch

    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.random.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
