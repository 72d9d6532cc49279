"""Parameters of InstructZero's Gaussian process: fitted as published, and as repaired.

On the points seen, k is tau S whatever the lengthscales of l are (up to the jitter), so the likelihood says
nothing about them, and the published fit leaves them at the mode of their prior, 1/3. In
[-1, 1]^10 hardly anything is that near: off the data the variance is 0, and so is the expected improvement.
The repaired fit asks a plain Matern process for the lengthscale.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh
from scipy.optimize import minimize

from agents.coupled_gp import (
    JITTER,
    Array,
    Hyper,
    Seen,
    inverse_of,
    matern,
    matern_and_slope,
)

LENGTHSCALES = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6)
"""Of the repaired latent kernel; points lie in [-1, 1]^d."""
NUGGETS = (JITTER, 0.1, 0.3, 1.0, 3.0)
"""Of the repaired mode: what a text has for itself, in units of what it shares with its neighbours."""
AMPLITUDES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Prior variances, in units of what noise does not explain of the variance of the scores."""
SHARES = (0.003, 0.03, 0.1, 0.3)
"""Shares of the variance of the scores that are noise, where no rows tell."""
SHAPE, RATE = 3.0, 6.0
"""Of the gamma prior of every lengthscale, as published; its mode is 1/3."""
NOISE_SHAPE, NOISE_RATE, LEAST_NOISE = 1.1, 0.05, 1e-4
"""Of the gamma prior of the noise, as published."""
_START, _START_NOISE = float(np.log(2.0)), 2.0  # where gpytorch and botorch start


def log_posterior(seen: Seen, hyper: Hyper) -> float:
    """Log marginal likelihood plus log priors, without their constants; what the published fit maximises."""
    theta = _pack(hyper, seen)
    return -_negative(theta, seen, None)[0]


def fit_published(seen: Seen, start: Hyper | None = None, steps: int = 200) -> Hyper:
    """The parameters of largest posterior density, by L-BFGS on exact gradients.

    Args:
        seen: every evaluation a text of its own, scores standardised.
        start: where to start; None as gpytorch does, at softplus(0).
        steps: the most iterations.
    """
    d, rows = seen.points.shape[1], seen.rows.shape[1]
    if start is None:
        start = Hyper(0.0, _START_NOISE, _START, np.full(d, _START), np.full(rows, _START))
    theta = _pack(start, seen)
    bounds = [(None, None), (np.log(LEAST_NOISE), 10.0), *[(-10.0, 10.0)] * (1 + d + rows)]
    # Moving l changes K by less than the jitter: all else first, at the prior's mode, then all together.
    theta[3 : 3 + d] = np.log((SHAPE - 1.0) / RATE)
    held = matern(seen.points, seen.points, np.exp(theta[3 : 3 + d]))
    inverse = inverse_of(held + JITTER * np.eye(len(held)))
    options = {"maxiter": steps}
    for hold in (inverse, None):
        found = minimize(
            _negative, theta, (seen, hold), jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        theta = found.x
    return _unpack(theta, d)


def _pack(hyper: Hyper, seen: Seen) -> Array:
    latent = np.broadcast_to(np.asarray(hyper.latent, dtype=float), (seen.points.shape[1],))
    rows = np.ones(0) if hyper.rows is None else np.asarray(hyper.rows, dtype=float)
    logs = np.log(np.concatenate([[float(np.mean(hyper.noise)), hyper.tau], latent, rows]))
    return np.concatenate([[hyper.mean], logs])


def _unpack(theta: Array, dimensions: int) -> Hyper:
    natural = np.exp(theta)
    return Hyper(
        float(theta[0]), float(natural[1]), float(natural[2]), natural[3 : 3 + dimensions],
        natural[3 + dimensions :],
    )  # fmt: skip


def _negative(theta: Array, seen: Seen, held: Array | None) -> tuple[float, Array]:
    """Minus the log posterior density, and its gradient.

    Args:
        theta: mean, then the logarithms of noise, tau, the lengthscales of l and those of s.
        seen: as in `fit_published`.
        held: (L + jitter)^-1, where l is held fixed.
    """
    n, d = seen.points.shape
    hyper = _unpack(theta, d)
    noise = float(np.mean(hyper.noise))
    latent_scale, row_scale = np.asarray(hyper.latent), np.asarray(hyper.rows)
    similar, similar_slope = matern_and_slope(seen.rows, row_scale)
    slope = None
    if held is None:
        latent, slope = matern_and_slope(seen.points, latent_scale)
        inverse = inverse_of(latent + JITTER * np.eye(n))
    else:
        inverse = held
    carry = np.eye(n) - JITTER * inverse  # L (L + jitter)^-1
    carried = similar @ carry
    covariance = carry @ carried
    factor = cho_factor(hyper.tau * covariance + noise * np.eye(n), lower=True, check_finite=False)
    precision = cho_solve(factor, np.eye(n), check_finite=False)
    weights = precision @ (seen.scores - hyper.mean)
    value = -0.5 * (seen.scores - hyper.mean) @ weights - np.log(np.diag(factor[0])).sum()
    pull = 0.5 * (np.outer(weights, weights) - precision)  # d value / d K
    gradient = np.zeros_like(theta)
    gradient[0] = weights.sum()
    gradient[1] = noise * np.trace(pull)
    gradient[2] = hyper.tau * (pull * covariance).sum()
    carried_pull = carry @ pull
    by_similar = hyper.tau * carried_pull @ carry
    gradient[3 + d :] = _by_lengthscale(by_similar * similar_slope, seen.rows / row_scale)
    if slope is not None:
        by_latent = 2.0 * hyper.tau * JITTER * inverse @ (similar @ carried_pull) @ inverse
        gradient[3 : 3 + d] = _by_lengthscale(by_latent * slope, seen.points / latent_scale)
    scales = np.exp(theta[3:])
    value += ((SHAPE - 1.0) * theta[3:] - RATE * scales).sum()
    value += (NOISE_SHAPE - 1.0) * theta[1] - NOISE_RATE * noise
    gradient[3:] += (SHAPE - 1.0) - RATE * scales
    gradient[1] += (NOISE_SHAPE - 1.0) - NOISE_RATE * noise
    if held is not None:
        gradient[3 : 3 + d] = 0.0
    return -float(value), -gradient


def _by_lengthscale(pull: Array, scaled: Array) -> Array:
    """Sum over i, j of pull_ij (x_ik - x_jk)^2 for each coordinate k, without the n x n x d array."""
    pull = (pull + pull.T) / 2.0
    result: Array = 2.0 * (pull.sum(axis=1) @ scaled**2 - (scaled * (pull @ scaled)).sum(axis=0))
    return result


def noise_of(rows: Array) -> Array:
    """The variance of each text's mean score over rows, shape (texts,); p (1 - p) / rows for 0 and 1.

    A text that was right everywhere is not known without error: each variance is mixed with two
    rows' worth of that of all texts.
    """
    count = rows.shape[1]
    within = ((rows - rows.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    shared = max(float(within.mean()) / count, 0.01)
    mixed: Array = (within + 2.0 * shared) / (count + 2.0) / count
    return mixed


def fit_repaired(seen: Seen) -> Hyper:
    """Mean, tau, one lengthscale and the jitter by the likelihood of a plain Matern process.

    The plain process is Matern plus a nugget, what a text has that no neighbour shares, plus noise. Its
    nugget, in units of the Matern part, becomes the jitter on L: new points are then smoothed between
    texts, not interpolated.

    Args:
        seen: scores in [0, 1], of two texts at least.
    """
    points, scores = seen.points[seen.first], seen.scores
    spread = float(scores.var())
    known = seen.rows.shape[1] > 1
    noises = [noise_of(seen.rows)] if known else [np.full(len(scores), s * spread + 1e-6) for s in SHARES]
    best, noise = -np.inf, noises[0]
    latent, jitter, tau, mean = LENGTHSCALES[3], JITTER, max(spread, 1e-4), float(scores.mean())
    for lengthscale in LENGTHSCALES:
        values, vectors = eigh(matern(points, points, lengthscale), check_finite=False)
        turned = vectors.T @ np.column_stack([scores, np.ones_like(scores)])
        for one in noises:
            likely, where, centre = _best_of_grid(values, turned, float(one.mean()), spread)
            if likely > best:
                best, noise, latent, mean = likely, one, lengthscale, centre
                jitter, tau = where
    return Hyper(mean, noise, tau, latent, None, jitter, True)


def _rest(spread: float, noise: Array) -> float:
    """The variance of the scores that noise does not explain."""
    return max(spread - float(np.mean(noise)), 0.1 * spread, 1e-4)


def _best_of_grid(
    values: Array, turned: Array, noise: float, spread: float
) -> tuple[float, tuple[float, float], float]:
    """Log likelihood at the best nugget and amplitude, these two, and the mean there.

    With one noise for all, an eigendecomposition serves every nugget and amplitude.

    Args:
        values: eigenvalues of the Matern matrix, shape (n,).
        turned: scores and ones in its eigenvectors' basis, shape (n, 2).
        noise: variance of a score.
        spread: variance of the scores.
    """
    best: tuple[float, tuple[float, float], float] = (-np.inf, (JITTER, spread), 0.0)
    for nugget in NUGGETS:
        for amplitude in AMPLITUDES:
            total = amplitude * _rest(spread, np.array(noise))
            variances = total / (1.0 + nugget) * (np.maximum(values, 0.0) + nugget) + noise + 1e-8
            ones = turned[:, 1] / variances
            mean = float(ones @ turned[:, 0] / (ones @ turned[:, 1]))
            residual = turned[:, 0] - mean * turned[:, 1]
            likely = -0.5 * float((residual**2 / variances + np.log(variances)).sum())
            likely -= 0.5 * float(np.log(amplitude)) ** 2
            if likely > best[0]:
                best = likely, (nugget, total), mean
    return best
