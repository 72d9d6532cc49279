"""Bradley-Terry strengths: one number a competitor, from who was ahead of whom in paired runs.

P(a beats b) = 1 / (1 + exp(theta_b - theta_a)), the sum of all theta being 0 (Bradley and Terry, 1952,
Biometrika 39:324). A game is a pair of runs with the same problem and seed; a tie is half a win for both. To
each pair of competitors half a win each way is added, as Jeffreys' prior adds to one proportion, so that who
always wins has a finite strength. The likelihood is concave, and Newton's method finds its only maximum.
Games of one problem are alike, so the interval draws problems with replacement, not games; and strengths
are centred, not anchored to a competitor, whose own luck would then be in all intervals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sandbox.statistics.estimates import Array, Estimate, check_level, differences, resampled_counts, table

_PRIOR = 0.5
"""Wins each way that are added to every pair."""
_ELO = 400 / math.log(10)
_STEPS = 50
_MOST = 200
"""Competitors; the memory grows with their square, times problems."""


@dataclass(frozen=True, slots=True)
class Rating:
    """The strength of one competitor."""

    name: str
    theta: Estimate
    """In natural logarithms of odds; 0 is the mean of all."""

    @property
    def elo(self) -> Estimate:
        """On the scale of chess: 1000 is the mean, and 400 more are odds of ten to one."""
        low, high = 1000 + _ELO * self.theta.low, 1000 + _ELO * self.theta.high
        return Estimate(1000 + _ELO * self.theta.value, low, high, self.theta.level)


def bradley_terry(
    scores: Mapping[str, npt.ArrayLike],
    rng: np.random.Generator,
    level: float = 0.95,
    replicates: int = 1_000,
) -> tuple[Rating, ...]:
    """The strengths of all competitors, the strongest first.

    The interval speaks of other problems of the kind. Percentiles of a bootstrap over M problems are too
    narrow for few, so distances are multiplied by sqrt(M / (M - 1)) t / z, as in `estimates`.

    Measured coverage at 95 %, four competitors who lean to problems of their own, 10 seeds, 1,000 sets
    of four intervals: .937 with 5 problems, .938 with 8, .945 with 20; .950 with 20 problems of one seed.

    Args:
        scores: competitor → scores, shape (problems, seeds), NaN where missing; the same problems and
            seeds in the same order for all. At most 200 competitors.
        rng: draws the replicates.
        level: of the intervals.
        replicates: of the bootstrap.

    Returns:
        With one problem the intervals are NaN.

    Raises:
        ValueError: for fewer than two competitors or more than 200, shapes that differ, an infinite score, or
            a number out of range.
    """
    from scipy.special import ndtri, stdtrit

    check_level(level)
    if replicates < 1:
        raise ValueError(f"replicates={replicates}: wanted at least 1")
    wins = wins_by_problem(scores)
    names, problems = list(scores), len(wins)
    theta = strengths(wins.sum(axis=0)[None])[0]
    low = high = np.full(len(names), math.nan)
    if problems > 1:
        counts = resampled_counts(problems, rng, replicates)
        resampled = (counts @ wins.reshape(problems, -1)).reshape(-1, len(names), len(names))
        spread = strengths(resampled, theta) - theta
        student = float(stdtrit(problems - 1, (1 + level) / 2) / ndtri((1 + level) / 2))
        factor = student * math.sqrt(problems / (problems - 1))
        tails = np.quantile(spread, [(1 - level) / 2, (1 + level) / 2], axis=0)
        low, high = theta + factor * tails
    found = [
        Rating(name, Estimate(float(theta[i]), float(low[i]), float(high[i]), level))
        for i, name in enumerate(names)
    ]
    return tuple(sorted(found, key=lambda rating: -rating.theta.value))


def wins_by_problem(scores: Mapping[str, npt.ArrayLike]) -> Array:
    """How often each competitor was ahead of each other, shape (problems, k, k); a tie is half a win.

    Args:
        scores: as for `bradley_terry`.

    Raises:
        ValueError: as `bradley_terry`.
    """
    if not 2 <= len(scores) <= _MOST:
        raise ValueError(f"{len(scores)} competitors: wanted 2 to {_MOST}")
    tables = [table(x) for x in scores.values()]
    if len({x.shape for x in tables}) > 1:
        raise ValueError("scores: wanted the same shape (problems, seeds) for every competitor")
    x = np.stack(tables)  # (k, problems, seeds)
    wins = np.empty((x.shape[1], len(x), len(x)))
    for m in range(x.shape[1]):
        for i, row in enumerate(x[:, m]):
            ahead = np.sign(differences(np.broadcast_to(row, x[:, m].shape), x[:, m]))
            wins[m, i] = np.nansum((1 + ahead) / 2, axis=-1)  # rounding is a tie, as in every comparison
        np.fill_diagonal(wins[m], 0.0)
    return wins


def strengths(wins: npt.ArrayLike, start: npt.ArrayLike | None = None) -> Array:
    """The most likely strengths for each table of wins, by Newton's method on all tables at once.

    Args:
        wins: shape (tables, k, k): [r, a, b] how often a beat b.
        start: where to begin, shape (k,); zeros if not given.

    Returns:
        Shape (tables, k); every row sums to 0.

    Raises:
        ValueError: if the shape is another one, or a count is negative or no number.
    """
    w = np.asarray(wins, dtype=np.float64)
    if w.ndim != 3 or w.shape[1] != w.shape[2]:
        raise ValueError(f"wins of shape {w.shape}: wanted (tables, k, k)")
    if not (np.isfinite(w) & (w >= 0)).all():
        raise ValueError("wins: wanted counts of at least 0")
    k = w.shape[1]
    w = (w + _PRIOR) * (1.0 - np.eye(k))
    games, won = w + w.swapaxes(1, 2), w.sum(axis=2)
    theta = (
        np.zeros((len(w), k)) if start is None else np.tile(np.asarray(start, dtype=np.float64), (len(w), 1))
    )
    centre = np.full((k, k), 1.0 / k)  # makes the solution's sum 0 where the Hessian is flat
    for _ in range(_STEPS):
        ahead = np.exp(-np.logaddexp(0.0, theta[:, None, :] - theta[:, :, None]))
        slope = won - (games * ahead).sum(axis=2)
        bend = games * ahead * (1.0 - ahead)
        hessian = -bend
        hessian[:, np.arange(k), np.arange(k)] += bend.sum(axis=2)
        step = np.linalg.solve(hessian + centre, slope[..., None])[..., 0]
        largest = np.abs(step).max(axis=1, keepdims=True)
        theta = theta + step / np.maximum(largest / 2.0, 1.0)  # far from the top a full step may overshoot
        if float(largest.max(initial=0.0)) < 1e-9:
            break
    centred: Array = theta - theta.mean(axis=1, keepdims=True)
    return centred
