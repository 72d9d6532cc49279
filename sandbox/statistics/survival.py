"""The cost to reach a target, where some runs never did.

A run that missed the target is right-censored at what it *spent*: it says that the cost
is more than that, not that it is the budget. Estimates assume that a run was not stopped
because it was about to fail or succeed; a budget is such a harmless reason, giving up
when stuck is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from sandbox.statistics.curves import Band
from sandbox.statistics.estimates import Array, Estimate, check_level, resampled_counts, widening

Hits: TypeAlias = npt.NDArray[np.bool_]

_BLOCK = 2**21
"""Numbers in one block of replicates, to bound memory."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How runs came to a target within a horizon; costs in the unit of `horizon`."""

    runs: int
    reached: int
    share: float
    """Of runs that reached the target at a cost of at most `horizon`."""
    median: float | None
    """Kaplan-Meier: the smallest cost at which half have reached; None where half never do."""
    restricted_mean: Estimate
    """Mean of min(cost to target, horizon): the area under the Kaplan-Meier curve."""
    expected_running_time: float
    """All that was spent, divided by the successes; infinite where there is none."""
    horizon: float


def time_to_target(
    at: npt.ArrayLike, values: npt.ArrayLike, target: float, spent: float | None = None
) -> tuple[float, bool]:
    """The cost at which a run first had a value >= `target`, and whether it ever had.

    Args:
        at: cost at each entry, shape (entries,), never falling.
        values: shape (entries,).
        target: the value to reach.
        spent: what the whole run spent: the cost returned where the target was missed. By
            default the last entry of `at`, which is too little for a run that went on
            spending after its last entry; 0 for a run without entries.

    Raises:
        ValueError: if the shapes differ, `at` falls, or `spent` is below its last entry.
    """
    costs, held = np.asarray(at, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if costs.ndim != 1 or costs.shape != held.shape:
        raise ValueError(f"at and values of shapes {costs.shape} and {held.shape}: wanted (entries,) twice")
    if np.isnan(costs).any() or (costs[1:] < costs[:-1]).any():
        raise ValueError("at is NaN somewhere, or falls")
    last = float(costs[-1]) if costs.size else 0.0
    if spent is not None and not spent >= last:
        raise ValueError(f"spent={spent}, but the last entry is at {last}")
    hits = np.flatnonzero(held >= target)
    if hits.size:
        return float(costs[hits[0]]), True
    return (last if spent is None else float(spent)), False


def reach(
    costs: npt.ArrayLike,
    reached: npt.ArrayLike,
    horizon: float,
    rng: np.random.Generator,
    level: float = 0.95,
    replicates: int = 2_000,
) -> Reach:
    """Share, median, restricted mean and expected running time of runs towards a target.

    Everything is judged at the horizon: whatever a run did at a greater cost is unknown.

    - S(t) = product over costs t_i <= t of (1 - reached_i / at risk_i), the share that has
      not reached by t (Kaplan & Meier 1958, *JASA* 53:457).
    - restricted mean = integral of S over [0, horizon] (Royston & Parmar 2013). Where the
      longest run stopped unsuccessful before the horizon, S stays as it is from there on
      (Gill 1980), which is the pessimistic reading.
    - expected running time = sum of min(cost, horizon) / successes (Hansen et al. 2021,
      *COCO*), failed runs being charged what they spent.

    The interval resamples runs within each problem, widened as in `estimates`, clipped to
    [0, horizon]. Measured coverage at 95 %, exponential costs, a quarter of the runs
    censored at the horizon (or others stopped early as well), 3,000 sets: .962 (.958)
    with 10 runs, .952 (.949) with 20, .935 (.946) with 8 problems of 20. It is NaN where
    a problem has one run, and has no width where no run reached (then n runs leave shares
    up to 3/n plausible).

    Args:
        costs: what each run spent until it reached the target, or in all if it did not;
            shape (runs,) of one problem or (problems, seeds), all runs weighing the same.
            NaN: missing.
        reached: whether it did, the same shape.
        horizon: up to which cost to look, positive; usually the budget.
        rng: draws the replicates.
        level: of the interval.
        replicates: how often runs are resampled.

    Raises:
        ValueError: if shapes differ, a cost is negative or infinite, a problem has no run,
            or `horizon` or `level` is out of range.
    """
    check_level(level)
    check_horizon(horizon)
    spent, hit = runs_of(costs, reached)
    present = ~np.isnan(spent)
    problem = np.nonzero(present)[0]
    spent, hit = until(spent[present], hit[present], horizon)

    order = np.lexsort((~hit, spent))  # of equal costs, those that reached come first
    spent, hit, problem = spent[order], hit[order], problem[order]
    surviving = _survival(np.ones((1, spent.size)), hit)
    area = float(_area(surviving, spent, horizon)[0])
    side = _Side(spent, hit, np.arange(spent.size))
    low, high = _area_interval([side], [1.0], problem, spent, horizon, rng, level, replicates)
    half = np.flatnonzero(surviving[0] <= 0.5 + 1e-12)
    successes = int(hit.sum())
    return Reach(
        runs=spent.size,
        reached=successes,
        share=successes / spent.size,
        median=float(spent[half[0]]) if half.size else None,
        restricted_mean=Estimate(
            min(area, horizon), min(max(area + low, 0.0), horizon), min(area + high, horizon), level
        ),
        expected_running_time=float(spent.sum()) / successes if successes else math.inf,
        horizon=horizon,
    )


def restricted_mean_difference(
    costs_a: npt.ArrayLike,
    reached_a: npt.ArrayLike,
    costs_b: npt.ArrayLike,
    reached_b: npt.ArrayLike,
    horizon: float,
    rng: np.random.Generator,
    level: float = 0.95,
    replicates: int = 2_000,
) -> Estimate:
    """How much longer `a` needs than `b`: restricted mean of `a` minus that of `b`, paired.

    Restricted means as in `reach`; below 0 where `a` is faster. Cells (problem, seed) that
    both have are resampled within each problem, for both alike, so luck that they share
    cancels. Measured coverage at 95 %, 2,000 sets of exponential costs that share a part
    of their luck (and some stopped early): .950 (.959) with 8 runs of one problem, .945 (.932)
    with 16, .944 (.951) with 8 problems of 10; without shared luck .940, .939, .939, and
    intervals almost twice as wide.

    Args:
        costs_a: as in `reach`.
        reached_a: as in `reach`.
        costs_b: the same for the rival: the same problems and seeds in the same order.
        reached_b: the same for the rival.
        horizon: up to which cost to look, positive.
        rng: draws the replicates.
        level: of the interval.
        replicates: how often cells are resampled.

    Raises:
        ValueError: as `reach`, or if the shapes of the rivals differ or a problem has no pair.
    """
    check_level(level)
    check_horizon(horizon)
    a, b = runs_of(costs_a, reached_a), runs_of(costs_b, reached_b)
    if a[0].shape != b[0].shape:
        raise ValueError(f"costs of shapes {a[0].shape} and {b[0].shape} cannot be paired")
    both = ~np.isnan(a[0]) & ~np.isnan(b[0])
    if not both.any(axis=1).all():
        raise ValueError(f"problem {int(np.argmin(both.any(axis=1)))} has no pair of runs")
    problem = np.nonzero(both)[0]
    cells = [until(costs[both], reached[both], horizon) for costs, reached in (a, b)]
    # Draws go to cells in an order that their values decide, so that the order of seeds does not.
    dealt = np.lexsort((cells[1][1], cells[0][1], cells[1][0], cells[0][0]))
    problem, sides, areas = problem[dealt], [], []
    for spent, hit in cells:
        spent, hit = spent[dealt], hit[dealt]
        order = np.lexsort((~hit, spent))
        sides.append(_Side(spent[order], hit[order], order))
        areas.append(float(_area(_survival(np.ones((1, spent.size)), hit[order]), spent[order], horizon)[0]))
    difference = (cells[0][0] - cells[1][0])[dealt]
    low, high = _area_interval(sides, [1.0, -1.0], problem, difference, horizon, rng, level, replicates)
    value = areas[0] - areas[1]
    return Estimate(value, value + low, value + high, level)


def survival_curve(
    costs: npt.ArrayLike, reached: npt.ArrayLike, grid: npt.ArrayLike, level: float = 0.95
) -> Band:
    """The share of runs that have not reached their target at each cost, by Kaplan and Meier.

    S(t) as in `reach`. The pointwise band is S ** exp(+- z sigma / ln S), with Greenwood's
    sigma^2 = sum over costs t_i <= t of d_i / (n_i (n_i - d_i)), d_i runs reaching of n_i
    at risk (Kalbfleisch & Prentice 2002, §1.4.1; the "log-log" interval of
    `scipy.stats.ecdf`). Where it is undefined: nobody reached so far, of n at risk: from
    ((1 - level) / 2) ** (1/n) to 1, and all r have reached: from 0 to one minus that with
    n = r (both by Clopper and Pearson). Beyond the longest run it is NaN, unless all reached;
    the value stays as it is (Gill 1980).

    Problems are pooled, and the band speaks of runs on problems drawn anew: for these very
    problems it is wider than it need be. Measured coverage at 95 %, 4,000 sets of exponential
    costs (standard error .0035), where S is .9 / .5 / .2: .931 / .944 / .993 with 10 runs,
    .957 / .973 / .978 with 20, .974 / .951 / .971 with 50, .950 / .958 / .962 with 8 problems
    of 20; when some stop early .935 / .955 / .942, .956 / .958 / .953, .963 / .953 / .953,
    .955 / .960 / .953.

    Args:
        costs: as in `reach`.
        reached: as in `reach`.
        grid: where to look, shape (points,), in the unit of `costs`.
        level: of the band.

    Raises:
        ValueError: if shapes differ, a cost is negative or infinite, a problem has no run,
            or `level` is out of range.
    """
    from scipy.special import ndtri

    check_level(level)
    spent, hit = runs_of(costs, reached)
    present = ~np.isnan(spent)
    spent, hit = spent[present], hit[present]
    order = np.lexsort((~hit, spent))
    spent, hit = spent[order], hit[order]
    points = np.asarray(grid, dtype=np.float64)
    at_risk = np.arange(spent.size, 0, -1.0)
    after = np.searchsorted(spent, points, side="right")
    share = np.concatenate([[1.0], _survival(np.ones((1, spent.size)), hit)[0]])[after]
    # One term a run, as in `_survival`: d / (n (n - d)) is the sum of d of them.
    terms = hit / (at_risk * np.maximum(at_risk - 1, 1))
    sigma = np.sqrt(np.concatenate([[0.0], np.cumsum(terms)]))[after]
    looking = spent.size - np.searchsorted(spent, points, side="left")
    tail = (1 - level) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = -ndtri(tail) * sigma / np.log(share)
        low, high = share ** np.exp(-reach), share ** np.exp(reach)
    none, everyone = share == 1, share <= 1e-12
    low = np.where(none, tail ** (1 / np.maximum(looking, 1)), np.where(everyone, 0.0, low))
    high = np.where(none, 1.0, np.where(everyone, 1 - tail ** (1 / max(int(hit.sum()), 1)), high))
    unseen = (looking == 0) & ~everyone
    return Band(
        np.where(everyone, 0.0, share), np.where(unseen, np.nan, low), np.where(unseen, np.nan, high), level
    )


def runs_of(costs: npt.ArrayLike, reached: npt.ArrayLike) -> tuple[Array, Hits]:
    """Costs and successes as arrays (problems, seeds), the costs NaN where a run is missing.

    Raises:
        ValueError: if shapes differ, a cost is negative or infinite, or a problem has no run.
    """
    spent, hit = np.asarray(costs, dtype=np.float64), np.asarray(reached, dtype=np.bool_)
    if spent.shape != hit.shape or spent.ndim not in (1, 2) or spent.size == 0:
        raise ValueError(
            f"costs and reached of shapes {spent.shape} and {hit.shape}: wanted the same, 1-d or 2-d"
        )
    check_costs(spent)
    spent, hit = np.atleast_2d(spent), np.atleast_2d(hit)
    present = ~np.isnan(spent)
    if not present.any(axis=1).all():
        raise ValueError(f"problem {int(np.argmin(present.any(axis=1)))} has no run")
    return spent, hit & present


def check_costs(costs: Array) -> None:
    """Refuse a negative or infinite cost with a ValueError; NaN is a missing run."""
    if np.isinf(costs).any() or (costs < 0).any():
        raise ValueError("a cost is negative or infinite; a run that did not reach costs what it spent")


def check_horizon(horizon: float) -> None:
    """Refuse a horizon that is no positive number with a ValueError."""
    if not (math.isfinite(horizon) and horizon > 0):
        raise ValueError(f"horizon={horizon}: wanted a positive number")


def until(spent: Array, hit: Hits, horizon: float) -> tuple[Array, Hits]:
    """Runs as they look to somebody who stops watching at the horizon."""
    return np.minimum(spent, horizon), hit & (spent <= horizon)


def _survival(weights: Array, hit: Hits) -> Array:
    """S after each run in order, for runs counted `weights` times; shape of `weights`.

    One factor a run instead of one a cost: among equal costs the product telescopes.
    """
    at_risk = np.cumsum(weights[:, ::-1], axis=1)[:, ::-1]
    factors = 1.0 - weights * hit / np.maximum(at_risk, 1.0)
    return np.cumprod(factors, axis=1, dtype=np.float64)


def _area(surviving: Array, spent: Array, horizon: float) -> Array:
    widths = np.diff(np.concatenate([spent, [horizon]]))
    area: Array = spent[0] + surviving @ widths
    return area


class _Side(NamedTuple):
    """The runs of one agent in the order of their costs."""

    spent: Array
    hit: Hits
    order: npt.NDArray[np.intp]
    """Where each of them stands among the cells that are resampled."""


def _area_interval(
    sides: Sequence[_Side],
    signs: Sequence[float],
    problem: npt.NDArray[np.intp],
    measure: Array,
    horizon: float,
    rng: np.random.Generator,
    level: float,
    replicates: int,
) -> tuple[float, float]:
    """Distances of an interval's ends from the signed sum of the sides' areas."""
    members = [np.flatnonzero(problem == m) for m in np.unique(problem)]
    if min(len(m) for m in members) < 2:
        return math.nan, math.nan
    # The factor is exact for the mean of min(cost, horizon), which the area is when no run stops early.
    factor = float(widening([measure[m][:, None] for m in members], level)[0])
    once = np.ones((1, problem.size))

    def combined(weights: Array) -> Array:
        areas = [_area(_survival(weights[:, side.order], side.hit), side.spent, horizon) for side in sides]
        return np.asarray(np.asarray(signs) @ np.array(areas))

    found = []
    block = max(1, _BLOCK // problem.size)
    for start in range(0, replicates, block):
        weights = np.empty((min(block, replicates - start), problem.size))
        for m in members:
            weights[:, m] = resampled_counts(len(m), rng, len(weights))
        found.append(combined(weights))
    tails = np.quantile(np.concatenate(found), [(1 - level) / 2, (1 + level) / 2]) - combined(once)[0]
    low, high = (factor * tails).tolist()
    return min(low, 0.0), max(high, 0.0)
