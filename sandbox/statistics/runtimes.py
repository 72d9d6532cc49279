"""Runtimes: what runs spent until they reached targets, one or many of them.

A runtime is a cost and whether the target was reached at it; a run that missed its target
costs what it *spent*, and never counts as having reached, however much is allowed.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sandbox.statistics.curves import Band, mean_curve
from sandbox.statistics.estimates import Array, Estimate, check_level, resampled_counts, widening
from sandbox.statistics.survival import Hits, check_costs, runs_of, time_to_target


def expected_running_time(
    costs: npt.ArrayLike,
    reached: npt.ArrayLike,
    rng: np.random.Generator,
    level: float = 0.95,
    replicates: int = 2_000,
) -> Estimate:
    """ERT or aRT: all that was spent, divided by the successes; infinite where there is none.

    sum_n min(T_n, spent_n) / #successes (Auger & Hansen 2005; Hansen et al. 2021, *COCO*):
    what to expect if one runs again and again until the target is reached. Runs that
    stopped early are charged what they spent, not the largest budget. Several problems are
    pooled: it then is the cost of starting each time on another problem.

    The interval is that of the successes per unit of cost, 1 / ERT, turned over: it stays
    finite where a replicate has no success. Runs are resampled within each problem and the
    percentiles widened as in `estimates`, with the spread of reached_n - spent_n / ERT. Its
    upper end is infinite where the data do not exclude that nearly no run succeeds. Where none of
    N runs succeeded it reaches from (mean spent) / (1 - ((1 - level) / 2) ** (1/N)) to infinity
    (that divisor being the most that Clopper and Pearson allow the share of successes). It is NaN where
    a problem has one run.

    Measured coverage at 95 %, 3,000 sets (standard error .004), share of successes .2 / .5 / .9;
    a failure costs 10, a success an exponential cost censored there or a uniform one from 1 to 10,
    or a failure stops anywhere from 2 on:

    =========  ==================  ==================  ==================
    runs       exponential         uniform             stopped early
    =========  ==================  ==================  ==================
    8          .998 / .951 / .907  .998 / .944 / .942  .994 / .953 / .950
    20         .926 / .958 / .934  .924 / .948 / .932  .922 / .949 / .944
    50         .938 / .950 / .949  .943 / .949 / .944  .951 / .940 / .947
    =========  ==================  ==================  ==================

    and .948 with 8 problems of 10 runs, of which .3 to .95 succeed.

    Args:
        costs: what each run spent until it reached the target, or in all if it did not;
            shape (runs,) of one problem or (problems, seeds). NaN: missing.
        reached: whether it did, the same shape.
        rng: draws the replicates.
        level: of the interval.
        replicates: how often runs are resampled.

    Raises:
        ValueError: if shapes differ, a cost is negative or infinite, a problem has no run,
            or `level` or `replicates` is out of range.
    """
    check_level(level)
    if replicates < 1:
        raise ValueError(f"replicates={replicates}: wanted at least 1")
    spent, hit = runs_of(costs, reached)
    rows = []
    for c, h in zip(spent, hit, strict=True):
        present = ~np.isnan(c)
        row = np.array([c[present], h[present]]).T
        rows.append(row[np.lexsort(row.T)])  # draws do not see the order of seeds
    total, successes = np.sum([row.sum(axis=0) for row in rows], axis=0).tolist()
    runs = sum(len(row) for row in rows)
    known = min(len(row) for row in rows) > 1
    tail = (1 - level) / 2
    if successes == 0:
        return Estimate(math.inf, total / runs / (1 - tail ** (1 / runs)) if known else math.nan,
                        math.inf if known else math.nan, level)  # fmt: skip
    if not known or total == 0:
        end = math.nan if not known else 0.0
        return Estimate(total / successes, end, end, level)
    rate = successes / total
    factor = float(widening([(row[:, 1] - rate * row[:, 0])[:, None] for row in rows], level)[0])
    sums = np.zeros((replicates, 2))
    for row in rows:
        sums += resampled_counts(len(row), rng, replicates) @ row
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.where(sums[:, 0] > 0, sums[:, 1] / sums[:, 0], np.inf)
    ends = np.quantile(rates, [tail, 1 - tail], method="nearest")  # no mean of infinite ones
    low, high = (rate + factor * (ends - rate)).tolist()
    value = total / successes
    return Estimate(value, min(1 / high, value), max(1 / low, value) if low > 0 else math.inf, level)


def times_to_targets(
    at: npt.ArrayLike, values: npt.ArrayLike, targets: npt.ArrayLike, spent: float | None = None
) -> tuple[Array, Hits]:
    """The cost at which a run first had each target or better, and whether it ever had.

    `time_to_target` for many targets at once.

    Args:
        at: cost at each entry, shape (entries,), never falling.
        values: shape (entries,); NaN never reaches.
        targets: the values to reach, any shape, any order; NaN gives a missing runtime.
        spent: as in `time_to_target`.

    Returns:
        costs, NaN where the target is, and whether it was reached; both of the targets' shape.

    Raises:
        ValueError: as `time_to_target`.
    """
    unreached, _ = time_to_target(at, values, math.inf, spent)
    wanted = np.asarray(targets, dtype=np.float64)
    best = np.fmax.accumulate(np.concatenate([[-np.inf], np.asarray(values, dtype=np.float64)]))[1:]
    first = np.searchsorted(best, wanted, side="left")
    hit = (first < best.size) & ~np.isnan(wanted)
    costs = np.concatenate([np.asarray(at, dtype=np.float64), [unreached]])[np.where(hit, first, best.size)]
    return np.where(np.isnan(wanted), np.nan, costs), hit


def budget_targets(reference: npt.ArrayLike, share: float = 0.5) -> Array:
    """The values that a reference reaches with given budgets: targets for the runtime ECDF.

    v_m(b) = the greatest value that at least `share` of the reference's runs on problem m
    had reached by budget b ("run-length-based targets", Hansen et al. 2021, *COCO*, who
    take the reference's expected running time in place of a share). No optimum and no scale
    need be known, and each problem contributes targets from easy to hard as the reference
    finds it. Budgets are usually equally spaced on a log scale: `numpy.geomspace`. Several
    references make one by the maximum of their targets.

    Where the reference stands still, targets repeat, and weigh as often as they do. Targets are
    taken as given: intervals do not know that another run of the reference would set others, and the
    reference itself, judged by its own runs, is flattered.

    Args:
        reference: the reference's values at each budget (`step_values`), shape (problems,
            seeds, budgets); a run that is NaN throughout is missing.
        share: of runs that must have reached, in (0, 1]; with 1 also the unluckiest run.

    Returns:
        shape (problems, budgets), never falling along budgets.

    Raises:
        ValueError: if the shape is wrong, a problem has no run, a run is NaN in parts, or
            `share` is out of range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share={share}: wanted a number above 0 and up to 1")
    curves = np.asarray(reference, dtype=np.float64)
    if curves.ndim != 3 or curves.size == 0:
        raise ValueError(f"reference of shape {curves.shape}: wanted (problems, seeds, budgets)")
    targets = []
    for m, rows in enumerate(curves):
        runs = rows[~np.isnan(rows).all(axis=1)]
        if len(runs) == 0:
            raise ValueError(f"the reference has no run on problem {m}")
        if np.isnan(runs).any():
            raise ValueError(f"a reference run on problem {m} is NaN in parts")
        best = np.sort(np.maximum.accumulate(runs, axis=1), axis=0)
        needed = math.ceil(share * len(runs) - 1e-9)
        targets.append(best[len(runs) - needed])
    return np.array(targets)


def solved_shares(costs: npt.ArrayLike, reached: npt.ArrayLike, grid: npt.ArrayLike) -> Array:
    """The share of its targets that each run had reached by each cost.

    Args:
        costs: of each run to each target, shape (problems, seeds, targets), or (problems,
            seeds) for one target; NaN where a run or a target is missing.
        reached: whether the target was reached, the same shape.
        grid: costs at which to look, shape (points,).

    Returns:
        shape (problems, seeds, points); NaN throughout where a run has no target.

    Raises:
        ValueError: if shapes differ, or a cost is negative or infinite.
    """
    spent, hit = np.asarray(costs, dtype=np.float64), np.asarray(reached, dtype=np.bool_)
    if spent.shape != hit.shape or spent.ndim not in (2, 3) or spent.size == 0:
        raise ValueError(
            f"costs and reached of shapes {spent.shape} and {hit.shape}: "
            "wanted (problems, seeds, targets) or (problems, seeds) twice"
        )
    check_costs(spent)
    if spent.ndim == 2:
        spent, hit = spent[:, :, None], hit[:, :, None]
    points = np.asarray(grid, dtype=np.float64)
    if points.ndim != 1 or points.size == 0 or np.isnan(points).any():
        raise ValueError(f"grid of shape {points.shape}: wanted (points,), none of them NaN")
    targets = np.count_nonzero(~np.isnan(spent), axis=2)
    solved = np.stack([np.count_nonzero(hit & (spent <= r), axis=2) for r in points], axis=2)
    return np.where(targets[:, :, None] > 0, solved / np.maximum(targets, 1)[:, :, None], np.nan)


def runtime_ecdf(
    costs: npt.ArrayLike,
    reached: npt.ArrayLike,
    grid: npt.ArrayLike,
    rng: np.random.Generator | None = None,
    level: float = 0.95,
    replicates: int = 2_000,
    simultaneous: bool = False,
) -> Band:
    """The share of (problem, target, seed) triples solved at a cost of at most r.

    F(r) = mean over problems of the mean over seeds of the share of targets v with
    T_{m,n}(v) <= r: the plain share of triples where none is missing. Unsolved triples never count,
    whatever they spent, so the curve ends at the share solved (Hansen et al. 2021, *COCO*;
    the data profile of Moré & Wild 2009 over many targets).

    The band is that of `mean_curve`, clipped to [0, 1]: whole runs are resampled, since the
    targets of a run stand and fall together. Measured coverage, pointwise at 95 %, where F is
    .1 / .5 / .9, 2,000 sets (standard error .005), runs with ten targets: .879 / .939 / .917
    with 8 runs of one problem, .902 / .948 / .900 with 20, .935 / .953 / .938 with 8 problems of
    8, .942 / .950 / .938 with 8 of 20.

    Args:
        costs: as in `solved_shares`.
        reached: as in `solved_shares`.
        grid: costs at which to look, shape (points,).
        rng: draws the replicates; None leaves the band NaN.
        level: of the band.
        replicates: how often runs are resampled.
        simultaneous: whether the band is to hold the whole curve, as in `mean_curve`.

    Raises:
        ValueError: as `solved_shares`, or if a problem has no run.
    """
    return share_curve(solved_shares(costs, reached, grid), rng, level, replicates, simultaneous)


def share_curve(
    shares: Array, rng: np.random.Generator | None, level: float, replicates: int, simultaneous: bool
) -> Band:
    """`mean_curve` of what lies in [0, 1], with a band that does too.

    Where all runs agree on 0 or on 1 the bootstrap sees no spread. There the band reaches as
    far as Clopper's and Pearson's for none of N, 1 - ((1 - level) / 2) ** (1/N), with N the problems
    times the fewest runs of one: problems of different difficulty make agreement less likely.
    """
    band = mean_curve(shares, rng, level, replicates, simultaneous)
    runs = int((~np.isnan(shares).all(axis=2)).sum(axis=1).min()) * len(shares)
    doubt = 1 - ((1 - level) / 2) ** (1 / runs)
    known = ~np.isnan(band.low)
    low = np.where(known & (band.value == 1), 1 - doubt, np.clip(band.low, 0.0, 1.0))
    high = np.where(known & (band.value == 0), doubt, np.clip(band.high, 0.0, 1.0))
    return Band(band.value, low, high, level)
