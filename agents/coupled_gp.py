"""The Gaussian process of InstructZero, whose kernel couples soft prompts and instructions, in closed form.

Chen et al. (2023), "InstructZero", arXiv:2306.03082, section 3.2. With Matern-5/2 kernels l over
points and s over instructions, L = l(Z, Z) and S = s(V, V):

    k(z, z') = tau l(z, Z) (L + jitter)^-1 S (L + jitter)^-1 l(Z, z')

so that two points whose instructions behave alike are alike, and new points are interpolated. It is
numpy only: one model takes a few matrix products, a point a fraction of a microsecond. The
same model in gpytorch is in `coupled_botorch.py`; tests hold the two together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import erfcx, ndtr

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

JITTER = 1e-4
"""On L, as in the published code."""


class Seen(NamedTuple):
    """What was observed: texts with their scores, and points that decode to them."""

    points: Array
    """Z, shape (n, d)."""
    text: Whole
    """Which text each point decodes to, shape (n,); the first point of a text stands for it."""
    rows: Array
    """Scores of each text row by row, shape (texts, rows)."""
    scores: Array
    """Mean score of each text, in the unit that the model is to work in, shape (texts,)."""

    @property
    def first(self) -> Whole:
        """For each text its first point."""
        return np.unique(self.text, return_index=True)[1].astype(np.int64)


class Hyper(NamedTuple):
    """The parameters of the model."""

    mean: float
    noise: Array | float
    """Variance of an observation; one for all, or one a text."""
    tau: float
    latent: Array | float
    """Lengthscales of l, shape (d,) or one for all."""
    rows: Array | None
    """Lengthscales of s, shape (rows,); None: s is how often two texts agree on a row, eq. 8 of the paper."""
    jitter: float = JITTER
    residual: bool = False
    """Whether what interpolation leaves open, l(z, z') - l(z, Z) (L + jitter)^-1 l(Z, z'), is added to k."""


def matern(a: Array, b: Array, lengthscales: Array | float) -> Array:
    """Matern-5/2 with a lengthscale a coordinate, shape (len(a), len(b)); Rasmussen and Williams, 4.17."""
    return _matern_of(_squares(a / lengthscales, b / lengthscales))


def _squares(a: Array, b: Array) -> Array:
    """Squared distances."""
    squares: Array = (a * a).sum(axis=1)[:, None] - 2.0 * (a @ b.T) + (b * b).sum(axis=1)
    np.maximum(squares, 0.0, out=squares)
    return squares


def _matern_of(squares: Array) -> Array:
    """In place, where it can: this is half of the time of an acquisition."""
    five = np.multiply(squares, 5.0, out=squares)
    root = np.sqrt(five)
    five /= 3.0
    five += root
    five += 1.0
    np.negative(root, out=root)
    five *= np.exp(root, out=root)
    return five


def matern_and_slope(points: Array, lengthscales: Array) -> tuple[Array, Array]:
    """The Matern matrix of `points`, and the slope that belongs to its lengthscales.

    d matern / d log ell_k = slope (x_ik - x_jk)^2 / ell_k^2 with slope = 5/3 (1 + sqrt5 r) exp(-sqrt5 r).
    """
    scaled = points / lengthscales
    root = np.sqrt(5.0 * _squares(scaled, scaled))
    decay = np.exp(-root)
    return (1.0 + root + root**2 / 3.0) * decay, 5.0 / 3.0 * (1.0 + root) * decay


def agreement(rows: Array) -> Array:
    """How much two texts agree, in the mean over rows, shape (texts, texts); scores in [0, 1].

    For scores of 0 and 1 it is the share of rows on which both are right or both wrong.
    """
    shared: Array = (rows @ rows.T + (1.0 - rows) @ (1.0 - rows).T) / rows.shape[1]
    return shared


def text_kernel(rows: Array, hyper: Hyper) -> Array:
    """S, shape (texts, texts)."""
    return agreement(rows) if hyper.rows is None else matern(rows, rows, hyper.rows)


class CoupledGP:
    """The posterior at given parameters."""

    def __init__(self, seen: Seen, hyper: Hyper) -> None:
        """Costs O(n^3)."""
        self.hyper, self._points = hyper, seen.points
        points, tau, n = seen.points, hyper.tau, len(seen.points)
        latent = matern(points, points, hyper.latent)
        inverse = inverse_of(latent + hyper.jitter * np.eye(n))
        similar = text_kernel(seen.rows, hyper)
        first = seen.first
        anchored = inverse @ similar[np.ix_(seen.text, seen.text)]
        prior = tau * anchored @ inverse
        # k(z, points that stand for texts) = l(z, Z) cross
        cross = prior @ latent[:, first]
        if hyper.residual:
            cross -= tau * inverse @ latent[:, first]
            cross[first, np.arange(len(first))] += tau
            prior -= tau * inverse
        self.covariance = latent[first] @ cross
        """K of the points that stand for texts, without noise."""
        self.covariance = (self.covariance + self.covariance.T) / 2.0
        noise = np.broadcast_to(np.asarray(hyper.noise, dtype=float), (len(first),))
        self._factor = cho_factor(self.covariance + np.diag(noise + 1e-10 * tau), lower=True)
        residuals = seen.scores - hyper.mean
        self._weights = cross @ cho_solve(self._factor, residuals)
        self._cross, self._prior = cross, prior
        self._quadratic = prior - cross @ cho_solve(self._factor, cross.T)
        self._top = tau if hyper.residual else 0.0
        self.means = self.mean(points[first])
        """Posterior means of the texts."""

    def mean(self, points: Array) -> Array:
        """Posterior means at `points`, shape (m, d)."""
        result: Array = self.hyper.mean + matern(points, self._points, self.hyper.latent) @ self._weights
        return result

    def posterior(self, points: Array) -> tuple[Array, Array]:
        """Means and standard deviations at `points`, shape (m, d); each for itself."""
        latent = matern(points, self._points, self.hyper.latent)
        variance = np.einsum("ij,ij->i", latent @ self._quadratic, latent) + self._top
        return self.hyper.mean + latent @ self._weights, np.sqrt(np.maximum(variance, 0.0))

    def joint(self, points: Array) -> tuple[Array, Array]:
        """Means and covariance of `points`, shape (m, d), together."""
        latent = matern(points, self._points, self.hyper.latent)
        covariance = latent @ self._quadratic @ latent.T
        if self.hyper.residual:
            covariance += self.hyper.tau * matern(points, points, self.hyper.latent)
        return self.hyper.mean + latent @ self._weights, (covariance + covariance.T) / 2.0

    def acquisition(self, points: Array, best: float, log: bool = True) -> Array:
        """Expected improvement over `best` at `points`, shape (m, d), or its logarithm."""
        mean, deviation = self.posterior(points)
        return (log_expected_improvement if log else expected_improvement)(mean, deviation, best)


def inverse_of(matrix: Array) -> Array:
    """The inverse of a symmetric positive definite matrix."""
    inverse: Array = cho_solve(cho_factor(matrix, lower=True), np.eye(len(matrix)))
    return (inverse + inverse.T) / 2.0


def expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """EI over `best`, as published: 0 where it underflows; Jones, Schonlau and Welch (1998)."""
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        u = np.where(deviation > 0.0, (mean - best) / deviation, np.sign(mean - best) * np.inf)
        inside = deviation * (u * ndtr(u) + np.exp(-0.5 * u * u) / np.sqrt(2.0 * np.pi))
    return np.where(deviation > 0.0, np.maximum(inside, 0.0), np.maximum(mean - best, 0.0))


def log_expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """Log EI over `best`, finite wherever the deviation is above 0; Ament et al. (2023), eq. 9."""
    deviation = np.maximum(deviation, 1e-150)
    u = (mean - best) / deviation
    low = np.minimum(u, -1.0)
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        high = np.maximum(u, -1.0)
        direct = np.log(high * ndtr(high) + np.exp(-0.5 * high * high) / np.sqrt(2.0 * np.pi))
        # h(u) = phi(u) (1 - |u| erfcx(-u / sqrt 2) sqrt(pi / 2)), which tends to phi(u) / u^2
        factor = 1.0 - np.abs(low) * erfcx(-low / np.sqrt(2.0)) * np.sqrt(np.pi / 2.0)
        tail = np.where(low > -1e4, np.log(np.maximum(factor, 1e-300)), -2.0 * np.log(np.abs(low)))
    below = -0.5 * low * low - 0.5 * np.log(2.0 * np.pi) + tail
    result: Array = np.log(deviation) + np.where(u > -1.0, direct, below)
    return result
