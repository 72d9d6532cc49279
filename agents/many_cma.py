"""Many runs of CMA-ES side by side, from a start each, in one vectorised loop.

Hansen (2016), "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772; equation numbers are its. The
bounds are met as in pycma: a run lives in an unbounded space that is folded into the box, linear
inside and quadratic near a face.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Constants(NamedTuple):
    """What follows from the dimension and the population; table 1 of the tutorial."""

    weights: Array
    """Of the ranks, the best first; the worse half is negative (active CMA-ES), shape (population,)."""
    parents: int
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    chi_n: float
    """Expected length of a standard normal vector."""


def constants(dimensions: int, population: int) -> Constants:
    """The default parameters, eqs. 49 to 58.

    Args:
        dimensions: n, at least 1.
        population: lambda, at least 4.
    """
    n, parents = dimensions, population // 2
    raw = np.log((population + 1) / 2) - np.log(np.arange(1, population + 1))  # eq. 49
    mu_eff = float(raw[:parents].sum() ** 2 / (raw[:parents] ** 2).sum())
    mu_eff_minus = float(raw[parents:].sum() ** 2 / (raw[parents:] ** 2).sum())
    c_1 = 2.0 / ((n + 1.3) ** 2 + mu_eff)  # eq. 57
    c_mu = min(1.0 - c_1, 2.0 * (0.25 + mu_eff + 1.0 / mu_eff - 2.0) / ((n + 2.0) ** 2 + mu_eff))  # eq. 58
    scale = min(
        1.0 + c_1 / c_mu,  # eq. 50
        1.0 + 2.0 * mu_eff_minus / (mu_eff + 2.0),  # eq. 51
        (1.0 - c_1 - c_mu) / (n * c_mu),  # eq. 52
    )
    good, bad = np.maximum(raw, 0.0), np.minimum(raw, 0.0)
    weights = good / good.sum() + max(scale, 0.0) * bad / -bad.sum()  # eq. 53
    c_sigma = (mu_eff + 2.0) / (n + mu_eff + 5.0)  # eq. 55
    return Constants(
        weights=weights,
        parents=parents,
        mu_eff=mu_eff,
        c_sigma=c_sigma,
        d_sigma=1.0 + 2.0 * max(0.0, np.sqrt((mu_eff - 1.0) / (n + 1.0)) - 1.0) + c_sigma,
        c_c=(4.0 + mu_eff / n) / (n + 4.0 + 2.0 * mu_eff / n),  # eq. 56
        c_1=c_1,
        c_mu=c_mu,
        chi_n=np.sqrt(n) * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n)),
    )


class Found(NamedTuple):
    """The best point of each run, in the order of the starts."""

    points: Array
    values: Array


def maximise(
    worth: Callable[[Array], Array],
    starts: Array,
    rng: np.random.Generator,
    sigma: float = 0.8,
    population: int = 50,
    generations: int = 10,
    low: float = -1.0,
    high: float = 1.0,
) -> Found:
    """The best point that one run of CMA-ES from each start has sampled; the first of equals.

    The defaults are those of InstructZero's code. All runs sample, are judged and are updated together.

    Args:
        worth: from points, shape (many, d), to their worth, shape (many,); larger is better, -inf allowed.
        starts: where the runs begin, in [low, high], shape (runs, d).
        rng: draws the samples.
        sigma: the first step size.
        population: samples of a run and generation, at least 4.
        generations: how many, at least 1.
        low: the least value of every coordinate.
        high: the largest.
    """
    runs, n = starts.shape
    k = constants(n, population)
    mean = unbend(starts, low, high)
    step = np.full(runs, sigma)
    path_c, path_sigma = np.zeros((runs, n)), np.zeros((runs, n))
    covariance = np.broadcast_to(np.eye(n), (runs, n, n)).copy()
    basis, scales = covariance.copy(), np.ones((runs, n))
    best, points = np.full(runs, -np.inf), starts.copy()
    for generation in range(1, generations + 1):
        z = rng.standard_normal((runs, population, n))  # eq. 38
        y = (z * scales[:, None, :]) @ basis.transpose(0, 2, 1)  # eq. 39
        outer = mirror(mean[:, None, :] + step[:, None, None] * y, low, high)  # eq. 40
        x = bend(outer, low, high)
        values = worth(x.reshape(-1, n)).reshape(runs, population)
        order = np.argsort(-values, axis=1, kind="stable")
        leader = order[:, :1]
        top = np.take_along_axis(values, leader, axis=1)[:, 0]
        better = (top > best) if generation > 1 else np.ones(runs, dtype=bool)
        best[better] = top[better]
        points[better] = np.take_along_axis(x, leader[:, :, None], axis=1)[better, 0]
        if generation == generations:
            break
        y = (np.take_along_axis(outer, order[:, :, None], axis=1) - mean[:, None, :]) / step[:, None, None]
        shift = np.einsum("p,rpn->rn", k.weights[: k.parents], y[:, : k.parents])  # eq. 41
        mean = mean + step[:, None] * shift  # eq. 42
        white = np.einsum("rij,rj->ri", basis, np.einsum("rji,rj->ri", basis, shift) / scales)
        path_sigma = (1.0 - k.c_sigma) * path_sigma
        path_sigma += np.sqrt(k.c_sigma * (2.0 - k.c_sigma) * k.mu_eff) * white  # eq. 43
        length = np.linalg.norm(path_sigma, axis=1)
        step = step * np.exp(k.c_sigma / k.d_sigma * (length / k.chi_n - 1.0))  # eq. 44
        fading = np.sqrt(1.0 - (1.0 - k.c_sigma) ** (2 * generation))
        steady = (length / fading < (1.4 + 2.0 / (n + 1.0)) * k.chi_n).astype(float)  # h_sigma
        path_c = (1.0 - k.c_c) * path_c
        path_c += (steady * np.sqrt(k.c_c * (2.0 - k.c_c) * k.mu_eff))[:, None] * shift  # eq. 45
        weights = np.broadcast_to(k.weights, (runs, population)).copy()
        lengths = (((y[:, k.parents :] @ basis) / scales[:, None, :]) ** 2).sum(axis=2)  # |C^-1/2 y|^2
        weights[:, k.parents :] *= n / np.maximum(lengths, 1e-12)  # eq. 46
        missing = (1.0 - steady) * k.c_c * (2.0 - k.c_c)
        keep = 1.0 + k.c_1 * missing - k.c_1 - k.c_mu * k.weights.sum()
        covariance = (
            keep[:, None, None] * covariance
            + k.c_1 * path_c[:, :, None] * path_c[:, None, :]
            + k.c_mu * (weights[:, :, None] * y).transpose(0, 2, 1) @ y
        )  # eq. 47
        covariance = (covariance + covariance.transpose(0, 2, 1)) / 2.0
        squared, basis = np.linalg.eigh(covariance)
        scales = np.sqrt(np.maximum(squared, 1e-20))
    return Found(points, best)


def _margins(low: float, high: float) -> tuple[float, float]:
    """How near a face the map of the box becomes quadratic."""
    half = (high - low) / 2.0
    return min(half, (1.0 + abs(low)) / 20.0), min(half, (1.0 + abs(high)) / 20.0)


def mirror(x: Array, low: float, high: float) -> Array:
    """Any point as a point of the box widened by its margins, mirrored at the ends as often as it takes.

    A run goes on with the mirrored point: otherwise its mean would wander among copies of the box.
    """
    below, above = _margins(low, high)
    start, period = low - below, high - low + below + above
    return start + period - np.abs((x - start) % (2.0 * period) - period)


def bend(x: Array, low: float, high: float) -> Array:
    """A point of the widened box as a point of the box: the same inside, quadratic in the margins."""
    below, above = _margins(low, high)
    x = np.where(x < low + below, low + (x - low + below) ** 2 / (4.0 * below), x)
    x = np.where(x > high - above, high - (x - high - above) ** 2 / (4.0 * above), x)
    return np.clip(x, low, high)


def unbend(x: Array, low: float, high: float) -> Array:
    """The point that `bend` maps to `x`, which lies in the box."""
    below, above = _margins(low, high)
    x = np.where(x < low + below, low - below + 2.0 * np.sqrt(below * np.maximum(x - low, 0.0)), x)
    return np.where(x > high - above, high + above - 2.0 * np.sqrt(above * np.maximum(high - x, 0.0)), x)
