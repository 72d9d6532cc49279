"""Profiles: the share of runs that were good enough, as a function of what is called enough."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sandbox.statistics.curves import Band
from sandbox.statistics.estimates import Array, table
from sandbox.statistics.runtimes import runtime_ecdf, share_curve, solved_shares
from sandbox.statistics.survival import Hits, check_costs

_ROUNDING = 1e-12
"""Relative size below which costs in a ratio differ by rounding only."""


def score_profile(
    x: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    rng: np.random.Generator | None = None,
    level: float = 0.95,
    replicates: int = 2_000,
    simultaneous: bool = False,
) -> Band:
    """The share of runs that scored above each threshold.

    F(tau) = mean over problems of the mean over seeds of 1[x > tau] (Agarwal et al. 2021,
    *NeurIPS*, "performance profiles"; the mean over all runs where none is missing). The
    band is that of `runtime_ecdf`: runs are resampled within each problem. Measured coverage,
    pointwise at 95 %, where F is .5 / .8 / .95, 2,000 sets (standard error .005): .923 / .998 /
    .998 with 8 runs of one problem, .954 / .927 / .999 with 20, .954 / .948 / .989 with 50,
    .944 / .935 / .984 with 8 problems of 8, .953 / .944 / .947 with 8 of 20.

    Args:
        x: scores, shape (problems, seeds), NaN where missing; on one scale for all problems.
        thresholds: shape (points,).
        rng: draws the replicates; None leaves the band NaN.
        level: of the band.
        replicates: how often runs are resampled.
        simultaneous: whether the band is to hold the whole curve, as in `mean_curve`.

    Raises:
        ValueError: if the shape is wrong, a score is infinite, or a problem has no score.
    """
    scores = table(x)
    taus = np.asarray(thresholds, dtype=np.float64)
    if taus.ndim != 1 or taus.size == 0 or np.isnan(taus).any():
        raise ValueError(f"thresholds of shape {taus.shape}: wanted (points,), none of them NaN")
    above = np.where(np.isnan(scores)[:, :, None], np.nan, scores[:, :, None] > taus)
    return share_curve(above, rng, level, replicates, simultaneous)


def convergence_targets(start: npt.ArrayLike, best: npt.ArrayLike, tolerance: float) -> Array:
    """The value at which a problem counts as solved for the data profile: best - tau (best - start).

    Moré & Wild (2009, *SIAM J. Optimization* 20:172), eq. 2.2, turned round for values that
    are to be large.

    Args:
        start: the value before anything is spent, shape (problems,).
        best: the best value that any competitor reached, or the optimum, shape (problems,).
        tolerance: tau, the part of the way that may be missing, in [0, 1).

    Raises:
        ValueError: if a `best` is below its `start`, or `tolerance` is out of range.
    """
    if not 0 <= tolerance < 1:
        raise ValueError(f"tolerance={tolerance}: wanted a number from 0 to below 1")
    low, high = np.asarray(start, dtype=np.float64), np.asarray(best, dtype=np.float64)
    if not np.all(high >= low):
        raise ValueError("the best value is below the start on some problem, or one of them is NaN")
    return np.asarray(high - tolerance * (high - low))


def data_profile(
    costs: npt.ArrayLike,
    reached: npt.ArrayLike,
    dimensions: npt.ArrayLike,
    grid: npt.ArrayLike,
    rng: np.random.Generator | None = None,
    level: float = 0.95,
    replicates: int = 2_000,
    simultaneous: bool = False,
) -> Band:
    """The share of problems solved within alpha groups of d + 1 evaluations, d the problem's dimension.

    d_a(alpha) = |{m: t_m <= alpha (d_m + 1)}| / M (Moré & Wild 2009): d + 1
    evaluations are what one gradient by differences costs. Unlike the performance profile
    it does not depend on who else competes, but through the targets (`convergence_targets`).
    Each seed counts as a run of its problem; the band is that of `runtime_ecdf`.

    Args:
        costs: evaluations, shape (problems, seeds) or (problems, seeds, targets), as in `solved_shares`.
        reached: whether the target was reached, the same shape.
        dimensions: d_m of each problem, shape (problems,) or one number; at least 0.
        grid: values of alpha, shape (points,).
        rng: draws the replicates; None leaves the band NaN.
        level: of the band.
        replicates: how often runs are resampled.
        simultaneous: whether the band is to hold the whole curve.

    Raises:
        ValueError: as `runtime_ecdf`, or if there is not one dimension a problem or one is negative.
    """
    spent = np.asarray(costs, dtype=np.float64)
    sizes = np.asarray(dimensions, dtype=np.float64)
    if spent.ndim < 2 or (sizes.ndim and sizes.shape != spent.shape[:1]):
        raise ValueError(f"dimensions of shape {sizes.shape} for costs of shape {spent.shape}")
    if not np.all(sizes >= 0):
        raise ValueError("a dimension is negative or NaN")
    groups = np.broadcast_to(sizes + 1, spent.shape[:1]).reshape(-1, *[1] * (spent.ndim - 1))
    return runtime_ecdf(spent / groups, reached, grid, rng, level, replicates, simultaneous)


def performance_profile(
    costs: Mapping[str, npt.ArrayLike],
    reached: Mapping[str, npt.ArrayLike],
    grid: npt.ArrayLike,
    rng: np.random.Generator | None = None,
    level: float = 0.95,
    replicates: int = 2_000,
    simultaneous: bool = False,
) -> dict[str, Band]:
    """The share of cells that each agent solves within tau times the cost of the cell's best.

    rho_a(tau) = |{m: t_{a,m} <= tau min_b t_{b,m}}| / M (Dolan & Moré 2002, *Math. Programming*
    91:201), with a cell (problem, seed) in the place of a problem: agents share its luck.
    At tau = 1 it is the share of cells in which the agent is (among) the fastest, at
    infinity the share that it solves (less those that another solves at no cost). Cells that
    nobody solves count against all.

    It depends on who competes: leaving one agent out can turn the order of two others
    (Gould & Scott 2016, *ACM TOMS* 43:15). So give it two agents at a time as well. Only
    cells that all agents have are looked at; the band is that of `runtime_ecdf`.

    Args:
        costs: competitor → what each run spent, shape (problems, seeds), NaN where missing;
            the same problems and seeds in the same order for all.
        reached: competitor → whether the target was reached, the same shape.
        grid: values of tau, at least 1, shape (points,).
        rng: one number is drawn from it, which keys all draws; None leaves the bands NaN.
        level: of the bands.
        replicates: how often cells are resampled.
        simultaneous: whether each band is to hold its whole curve.

    Raises:
        ValueError: as `runtime_ecdf`, or if there is no competitor, or the two mappings or
            the shapes differ, or a problem has no cell that all have.
    """
    if not costs or set(costs) != set(reached):
        raise ValueError(f"costs of {sorted(costs)} and reached of {sorted(reached)}: wanted the same")
    names = list(costs)
    spent = [np.asarray(costs[name], dtype=np.float64) for name in names]
    hit = [np.asarray(reached[name], dtype=np.bool_) for name in names]
    for name, c, h in zip(names, spent, hit, strict=True):
        if c.ndim != 2 or c.shape != spent[0].shape or h.shape != c.shape:
            raise ValueError(
                f"{name}: costs and reached of shapes {c.shape} and {h.shape}: "
                f"wanted (problems, seeds), as {names[0]} has: {spent[0].shape}"
            )
        check_costs(c)
    ratios, solved = _ratios(np.array(spent), np.array(hit))
    key = None if rng is None else int(rng.integers(2**63))
    profiles = {}
    for i, name in enumerate(names):
        curves = solved_shares(ratios[i], solved[i], np.asarray(grid, dtype=np.float64) * (1 + _ROUNDING))
        draws = None if key is None else np.random.default_rng(key)
        profiles[name] = share_curve(curves, draws, level, replicates, simultaneous)
    return profiles


def _ratios(spent: Array, hit: Hits) -> tuple[Array, Hits]:
    """How many times the cell's least cost each agent needed, shape (agents, problems, seeds)."""
    missing = np.asarray(np.isnan(spent).any(axis=0))
    if missing.all(axis=1).any():
        raise ValueError(f"problem {int(np.argmax(missing.all(axis=1)))} has no cell that all agents have")
    needed = np.where(hit, spent, np.inf)
    least = needed.min(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(needed == least, 1.0, needed / least)
    # Who costs something where another costs nothing is infinitely slower, at no finite tau in time.
    solved = hit & np.isfinite(ratio)
    return np.where(missing, np.nan, np.where(solved, ratio, 0.0)), solved
