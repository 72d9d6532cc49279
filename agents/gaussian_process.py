"""An exact Gaussian process with few hyper-parameters, for beliefs over a few hundred texts.

Rasmussen and Williams (2006), "Gaussian Processes for Machine Learning". On a few hundred points, all
of it takes well under a millisecond a step: a general library would spend a hundred times
that on its own machinery.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular

Array = NDArray[np.float64]

LENGTHSCALES = (0.35, 0.7, 1.4)
"""In medians of the distance."""
AMPLITUDES = (1.0, 2.0, 4.0, 8.0)
"""Prior variances, in units of what noise does not explain of the variance of the scores."""
NOISES = (1e-3, 1e-2, 0.1, 0.5)
"""Shares of the variance of the scores that are noise, where the noise is not known."""
_NODES = np.array([-3.0, -2.2, -1.5, -0.75, 0.75, 1.5, 2.2, 3.0])
_WEIGHTS = np.exp(-(_NODES**2) / 2) / np.exp(-(_NODES**2) / 2).sum()


class Hyper(NamedTuple):
    """What is fitted now and then."""

    lengthscale: float
    variance: float
    """Of the process before anything was seen."""
    noise: float | None
    """Variance of one look; None where each look's is known."""


class Seen(NamedTuple):
    """What was observed, one entry for each distinct point."""

    scores: Array
    """Means of all looks."""
    looks: Array
    known_noise: float | None
    """Variance of one look, if it is known."""

    def noise(self, hyper: Hyper) -> Array:
        """The variance of each mean."""
        one = self.known_noise if self.known_noise is not None else hyper.noise or 0.0
        return one / self.looks


class Beliefs(NamedTuple):
    """A joint normal distribution of the true scores of some points."""

    mean: Array
    covariance: Array


def matern(distance: Array, lengthscale: float) -> Array:
    """Matern covariance with nu = 5/2 and variance 1; Rasmussen and Williams, eq. 4.17."""
    scaled = np.sqrt(5.0) * distance / lengthscale
    result: Array = (1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled)
    return result


def fit(distance: Array, seen: Seen) -> Hyper:
    """The hyper-parameters of largest marginal likelihood on a small grid, with a weak prior.

    Args:
        distance: between the points seen, shape (n, n).
        seen: n scores.
    """
    variance = float(seen.scores.var())
    if seen.known_noise is not None:
        rest = max(variance - seen.known_noise * float((1.0 / seen.looks).mean()), 0.1 * variance, 1e-4)
        noises: tuple[float | None, ...] = (None,)
    else:
        rest = max(variance, 1e-8)
        noises = tuple(share * rest for share in NOISES)
    best, chosen = -np.inf, Hyper(LENGTHSCALES[1], rest, noises[0])
    for lengthscale in LENGTHSCALES:
        kernel = matern(distance, lengthscale)
        for amplitude, noise in product(AMPLITUDES, noises):
            hyper = Hyper(lengthscale, amplitude * rest, noise)
            likely = _log_likelihood(kernel, hyper, seen) - 0.5 * np.log(amplitude) ** 2
            if likely > best:
                best, chosen = likely, hyper
    return chosen


def _log_likelihood(kernel: Array, hyper: Hyper, seen: Seen) -> float:
    """Rasmussen and Williams, eq. 2.30, at the best constant mean; without its constant."""
    root = _root(hyper.variance * kernel, seen.noise(hyper))
    mean, weights = _centre(root, seen.scores)
    return float(-0.5 * (seen.scores - mean) @ weights - np.log(np.diag(root)).sum())


def posterior(kernel: Array, at: NDArray[np.int64], hyper: Hyper, seen: Seen) -> Beliefs:
    """What to believe of all points; Rasmussen and Williams, algorithm 2.1.

    Args:
        kernel: correlations of all points, shape (m, m).
        at: which of the points were seen, shape (n,).
        hyper: from `fit`.
        seen: n scores.
    """
    cross = hyper.variance * kernel[at]
    root = _root(cross[:, at], seen.noise(hyper))
    mean, weights = _centre(root, seen.scores)
    half = solve_triangular(root, cross, lower=True, check_finite=False)
    return Beliefs(mean + weights @ cross, hyper.variance * kernel - half.T @ half)


def _root(covariance: Array, noise: Array) -> Array:
    """The Cholesky factor of covariance + noise, with as much jitter as it takes."""
    jitter = 1e-10 * float(covariance[0, 0]) + 1e-14
    while True:
        try:
            root: Array = cholesky(covariance + np.diag(noise + jitter), lower=True, check_finite=False)
            return root
        except LinAlgError:
            jitter *= 100.0


def _centre(root: Array, scores: Array) -> tuple[float, Array]:
    """The constant mean by generalised least squares (eq. 2.41), and the weights of the residuals."""
    solved = cho_solve((root, True), np.column_stack([scores, np.ones_like(scores)]), check_finite=False)
    mean = float(solved[:, 0].sum() / solved[:, 1].sum())
    return mean, solved[:, 0] - mean * solved[:, 1]


def knowledge_gradient(beliefs: Beliefs, noise: float) -> Array:
    """How much each point's next look is expected to raise the best posterior mean.

    Frazier, Powell and Dayanik (2009), "The Knowledge-Gradient Policy for Correlated Normal Beliefs",
    eq. 4: E max_j (mu_j + s_j(i) Z) - max_j mu_j, where s(i) is column i of the covariance over the
    standard deviation of the look, eq. 3. The expectation over Z is a sum over eight nodes instead
    of the paper's exact algorithm, which sorts all points for every look.

    Args:
        beliefs: about m points.
        noise: variance of one look, above 0.
    """
    mean, covariance = beliefs
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0) + noise)
    shift = covariance / spread[:, None]  # row i: eq. 3, how the means move with a look at i
    gain = np.zeros(len(mean))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        gain += weight * (mean + node * shift).max(axis=1)
    return gain - float(mean.max())


def after_look(beliefs: Beliefs, point: int, noise: float) -> Beliefs:
    """The beliefs once `point` was looked at, as far as they are known before its score: the mean stays."""
    row = beliefs.covariance[point]
    return Beliefs(beliefs.mean, beliefs.covariance - np.outer(row, row) / (max(row[point], 0.0) + noise))
