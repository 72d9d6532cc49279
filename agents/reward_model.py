"""What a text is worth: Bayesian linear regression on its embedding, and a part of its own for each text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_AMPLITUDES = np.geomspace(0.01, 3.0, 24)
_OWN = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3)


@dataclass(frozen=True, slots=True)
class Prior:
    """score = offset + w . features + the text's own part + noise."""

    offset: float
    amplitude: float
    """Standard deviation of every weight."""
    own: float = 0.0
    """Standard deviation of what is special about a text, beside its features."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is believed of the weights."""

    prior: Prior
    mean: Array
    """Shape (features,)."""
    covariance: Array
    """Shape (features, features)."""

    def worth(self, features: Array) -> Array:
        """The posterior mean for texts that were never scored; `features` has shape (n, features)."""
        worth: Array = self.prior.offset + features @ self.mean
        return worth

    def worth_seen(self, features: Array, scores: Array, noise: Array) -> Array:
        """The posterior mean for the scored texts themselves: their own part is seen through the noise."""
        common = self.worth(features)
        own = self.prior.own**2
        seen: Array = common + own / (own + noise) * (scores - common)
        return seen

    def draws(self, count: int, rng: np.random.Generator) -> Array:
        """Weights drawn from the posterior, shape (count, features)."""
        values, vectors = np.linalg.eigh(self.covariance)
        spread = vectors * np.sqrt(np.maximum(values, 0.0))
        drawn: Array = self.mean + rng.standard_normal((count, len(self.mean))) @ spread.T
        return drawn


def condition(prior: Prior, features: Array, scores: Array, noise: Array) -> Posterior:
    """The posterior of the weights.

    Args:
        prior: see `Prior`.
        features: shape (n, features).
        scores: of n different texts.
        noise: variance of each score's noise, shape (n,); above 0.
    """
    weight = 1.0 / (noise + prior.own**2)
    precision = (features.T * weight) @ features + np.eye(features.shape[1]) / prior.amplitude**2
    covariance = np.linalg.inv(precision).astype(np.float64)
    mean = covariance @ (features.T @ (weight * (scores - prior.offset)))
    return Posterior(prior, mean, covariance)


def evidence(
    features: Array, scores: Array, noise: Array, amplitudes: Array, own: float = 0.0
) -> tuple[Array, Array]:
    """The log marginal likelihood at every amplitude, and the offset at which it is largest, in closed form.

    With C = diag(noise + own^2) + amplitude^2 F F^T the scores are N(offset, C), and the best offset is that
    of generalised least squares. One singular value decomposition serves all amplitudes.

    Args:
        features: F, shape (n, features).
        scores: shape (n,).
        noise: variances, shape (n,).
        amplitudes: shape (m,).
        own: see `Prior`.

    Returns:
        The log likelihoods and the offsets, shape (m,) each.
    """
    variance = noise + own**2
    root = np.sqrt(variance)
    ones, told = 1.0 / root, scores / root
    left, singular, _ = np.linalg.svd(features / root[:, None], full_matrices=False)
    gains = np.square(np.outer(amplitudes, singular))
    shrunk = gains / (1.0 + gains)
    a, b = left.T @ ones, left.T @ told
    one_one = ones @ ones - shrunk @ (a * a)  # 1' C^-1 1, and so on
    one_told = ones @ told - shrunk @ (a * b)
    told_told = told @ told - shrunk @ (b * b)
    offsets: Array = one_told / one_one
    misfit = told_told - one_told * offsets
    size = np.log1p(gains).sum(axis=1) + float(np.log(variance).sum())
    likelihood: Array = -0.5 * (misfit + size + len(scores) * math.log(2.0 * math.pi))
    return likelihood, offsets


def fitted(features: Array, scores: Array, noise: Array) -> Posterior:
    """The posterior under the prior of largest marginal likelihood (empirical Bayes, on a grid).

    Args:
        features: shape (n, features), of mean square length about 1.
        scores: in [0, 1], shape (n,).
        noise: variances, shape (n,).
    """
    best, top = Prior(0.5, 0.3), -math.inf
    for own in _OWN if len(scores) else ():
        likelihood, offsets = evidence(features, scores, noise, _AMPLITUDES, own)
        at = int(likelihood.argmax())
        if likelihood[at] > top:
            best, top = Prior(float(offsets[at]), float(_AMPLITUDES[at]), own), float(likelihood[at])
    return condition(best, features, scores, noise)


def noise_of(scores: Array, rows: int) -> Array:
    """The variance of mean scores over `rows` rows that are right or wrong: p (1 - p) / rows + 0.001.

    p is the score drawn towards a half by two made-up rows, so that 0 and 1 are not taken for certain.
    """
    p = (np.clip(scores, 0.0, 1.0) * rows + 1.0) / (rows + 2.0)  # noise may carry scores out of the range
    variance: Array = p * (1.0 - p) / rows + 1e-3
    return variance


def slots(posterior: Posterior, features: Array, count: int, rng: np.random.Generator) -> list[int]:
    """Thompson sampling of a batch: each slot draws weights, and takes the best text not yet taken.

    Args:
        posterior: of the weights.
        features: of the texts to choose from, shape (n, features).
        count: how many slots; at most n are filled.
        rng: draws the weights.
    """
    taken: list[int] = []
    for weights in posterior.draws(min(count, len(features)), rng):
        worth = features @ weights
        worth[taken] = -np.inf
        taken.append(int(worth.argmax()))
    return taken


def chances(
    posterior: Posterior, features: Array, count: int, rng: np.random.Generator, draws: int = 64
) -> Array:
    """How often `slots` takes each text, by `draws` repetitions; not below 0.1. Shape (n,)."""
    times = np.zeros(len(features))
    for _ in range(draws):
        times[slots(posterior, features, count, rng)] += 1.0
    return np.maximum(times / draws, 0.1)


class Features:
    """Embeddings of a white box, standardised, projected to few dimensions, with a constant 1 behind."""

    __slots__ = ("_centre", "_project", "_scale")

    def __init__(self, embeddings: Array, dimensions: int, rng: np.random.Generator) -> None:
        """Learn centre and scale from some texts.

        Args:
            embeddings: of texts like those to come, shape (n, width), n at least 1.
            dimensions: how many to project to; where the width is not larger there is no projection.
            rng: draws the projection.
        """
        width = embeddings.shape[1]
        self._centre: Array = embeddings.mean(axis=0)
        spread = embeddings.std(axis=0)
        self._project: Array = np.eye(width)
        if width > dimensions:
            self._project = rng.standard_normal((width, dimensions))
        self._project = self._project / np.where(spread > 1e-9, spread, 1.0)[:, None]
        self._scale = 1.0
        length = float(np.square(self.of(embeddings)[:, :-1]).sum(axis=1).mean())
        self._scale = 1.0 / math.sqrt(length) if length > 0.0 else 1.0

    def of(self, embeddings: Array | Sequence[Sequence[float]]) -> Array:
        """The features of embeddings, shape (n, width): shape (n, dimensions + 1)."""
        found = (np.asarray(embeddings, dtype=np.float64) - self._centre) @ self._project * self._scale
        return np.column_stack([found, np.ones(len(found))])
