"""Anytime curves: what a run had reached when it had spent so much.

A curve is a right-continuous step function on a resource axis, in whatever unit the
caller's `at` has: evaluations, tokens, dollars, seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sandbox.statistics.estimates import Array, check_level, resampled_deviations, widening


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """A mean curve and, point by point, its interval; each of shape (points,)."""

    value: Array
    low: Array
    """NaN where no interval was asked for, or the spread is unknown."""
    high: Array
    level: float


def step_values(at: npt.ArrayLike, values: npt.ArrayLike, grid: npt.ArrayLike, before: float) -> Array:
    """The step function at the grid's points: the last entry with at <= point, else `before`.

    Args:
        at: when each value came to hold, shape (entries,), never falling; of entries at
            one point the last holds.
        values: shape (entries,).
        grid: where to look, any shape, any order, in the unit of `at`.
        before: the value ahead of the first entry.

    Raises:
        ValueError: if `at` falls or is NaN, or the shapes differ.
    """
    times, held = _steps(at, values)
    where = np.searchsorted(times, np.asarray(grid, dtype=np.float64), side="right")
    return np.concatenate([[before], held])[where]


def mean_curve(
    curves: npt.ArrayLike,
    rng: np.random.Generator | None = None,
    level: float = 0.95,
    replicates: int = 2_000,
) -> Band:
    """The mean over problems of the mean over seeds at each point, with a pointwise band.

    The band is the interval of `mean_score` with unit "seeds" at each point by itself:
    the whole true curve lies inside with a smaller probability than `level`. Whole runs
    are resampled, the same for all points.

    Args:
        curves: shape (problems, seeds, points); a run that is NaN throughout is missing.
        rng: draws the replicates; None leaves the band NaN.
        level: of the band, in (0, 1).
        replicates: how often runs are resampled.

    Raises:
        ValueError: if the shape is wrong, a problem has no run, or a run is NaN in parts
            or infinite.
    """
    check_level(level)
    runs = np.asarray(curves, dtype=np.float64)
    if runs.ndim != 3 or runs.size == 0:
        raise ValueError(f"curves of shape {runs.shape}: wanted (problems, seeds, points)")
    samples = [rows[~np.isnan(rows).all(axis=1)] for rows in runs]
    for m, rows in enumerate(samples):
        if len(rows) == 0:
            raise ValueError(f"problem {m} has no run")
        if not np.isfinite(rows).all():
            raise ValueError(f"a run of problem {m} is NaN in parts or infinite")
    value = np.mean([rows.mean(axis=0) for rows in samples], axis=0)
    if rng is None or min(len(rows) for rows in samples) < 2:
        return Band(value, np.full_like(value, np.nan), np.full_like(value, np.nan), level)
    spread = resampled_deviations(samples, rng, replicates)
    low, high = np.quantile(spread, [(1 - level) / 2, (1 + level) / 2], axis=0) * widening(samples, level)
    return Band(value, value + low, value + high, level)


def normalised_regret(values: npt.ArrayLike, optimum: float, baseline: float) -> Array:
    """(optimum - v) / (optimum - baseline): 0 at the optimum, 1 at the baseline.

    Not clipped: above 1 for values worse than the baseline, below 0 for a noisy value
    above the optimum. Where the baseline is optimal already, 0 for values that are not
    worse, infinite for others.

    Args:
        values: any shape.
        optimum: the best true value there is.
        baseline: the value that an agent starts from, at most `optimum`.

    Raises:
        ValueError: if `baseline` is above `optimum`, or either is not finite.
    """
    if not (np.isfinite(optimum) and np.isfinite(baseline) and baseline <= optimum):
        raise ValueError(f"optimum={optimum}, baseline={baseline}: wanted baseline <= optimum, both finite")
    scores = np.asarray(values, dtype=np.float64)
    if optimum == baseline:
        return np.where(np.isnan(scores), np.nan, np.where(scores >= optimum, 0.0, np.inf))
    return (optimum - scores) / (optimum - baseline)


def regret_area(
    at: npt.ArrayLike, values: npt.ArrayLike, budget: float, optimum: float, baseline: float
) -> float:
    """(1/B) times the integral over [0, B] of the normalised regret of the step function.

    Before the first entry the value is the baseline, so an agent that recommends nothing
    has area 1; smaller is better. Exact, not by a grid. Entries after the budget do not
    count. (One minus it, with regret clipped to [0, 1], is the area over the convergence
    curve of López-Ibáñez et al. 2024, on a linear axis.)

    Args:
        at: as in `step_values`, and >= 0.
        values: true values, shape (entries,).
        budget: B, in the unit of `at`.
        optimum: as in `normalised_regret`.
        baseline: as in `normalised_regret`.

    Raises:
        ValueError: as `step_values` and `normalised_regret`, or if an entry of `at` is
            negative or the budget is not positive and finite.
    """
    times, held = _steps(at, values)
    if not (np.isfinite(budget) and budget > 0):
        raise ValueError(f"budget={budget}: wanted a positive number")
    if times.size and times[0] < 0:
        raise ValueError(f"at={times[0]}: wanted 0 or more")
    regret = normalised_regret(np.concatenate([[baseline], held]), optimum, baseline)
    widths = np.diff(np.minimum(np.concatenate([[0.0], times, [budget]]), budget))
    lasting = widths > 0  # a value that holds for no time must not give 0 * inf
    return float(regret[lasting] @ widths[lasting] / budget)


def _steps(at: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Array, Array]:
    times, held = np.asarray(at, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if times.ndim != 1 or times.shape != held.shape:
        raise ValueError(f"at and values of shapes {times.shape} and {held.shape}: wanted (entries,) twice")
    if np.isnan(times).any() or (np.diff(times) < 0).any():
        raise ValueError("at is NaN somewhere, or falls")
    return times, held
