"""The probability that a run of one competitor beats a run of another, with a bootstrap interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sandbox.statistics.estimates import (
    Array,
    Estimate,
    Unit,
    check_level,
    differences,
    mean_of_strata,
    resampled_counts,
    strata,
    table,
    widening,
)


def probability_of_improvement(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    rng: np.random.Generator,
    paired: bool = True,
    level: float = 0.95,
    unit: Unit = "seeds",
    replicates: int = 10_000,
) -> Estimate:
    """How probable it is that a run of `a` beats a run of `b` on the same problem; a tie counts half.

    With S(u, v) = 1, 1/2 or 0 for u >, =, < v:

    - paired: mean_m mean_n S(a[m, n], b[m, n]), runs with the same luck;
    - unpaired: mean_m mean_{n, n'} S(a[m, n], b[m, n']), runs with luck of their own, which is Mann and
      Whitney's U / (n_a n_b) averaged over problems (Agarwal et al. 2021, appendix A.5). Luck that is
      shared makes it say less than the pairs know.

    The interval resamples as `mean_score` does (unpaired "seeds": those of a and of b apart), widened
    likewise and clipped to [0, 1]. Where every pair says the same value c, resampling shows no spread;
    then "always c" has a probability of at least q = ((1 - level) / 2)^(1/N), N the independent pairs
    (or problems), and the interval is [c q, c q + 1 - q] (Clopper & Pearson 1934; that N pairs of
    unlike problems may be pooled is Hoeffding's inequality of 1956).

    Measured coverage at 95 %, 8 problems x 10 seeds, normal scores, 2,000 sets (standard error .005),
    where the truth is .50 / .64 / .92 / .98: paired .944 / .943 / .937 / .998, unpaired .960 / .953 /
    .960 / .946.

    Args:
        a: scores, shape (problems, seeds), NaN where missing.
        b: the same for the rival, the same problems in the same order, and, if paired, the same seeds.
        rng: draws the replicates.
        paired: whether equal seeds are compared, or all with all.
        level: wanted coverage, in (0, 1).
        unit: what is resampled.
        replicates: how often, at least 1.

    Raises:
        ValueError: if numbers of problems (if paired: shapes) differ, a score is infinite, or a problem
            has no score on either side (if paired: no pair).
    """
    if paired:
        samples = strata(np.sign(differences(a, b)), unit)
        found = mean_of_strata(samples, rng, level, replicates)
        return _as_probability(found, samples, sum(row.size for row in samples))
    left, right = strata(table(a), "seeds"), strata(table(b), "seeds")
    if len(left) != len(right):
        raise ValueError(f"{len(left)} and {len(right)} problems cannot be compared one by one")
    signs = [_signs(u, v) for u, v in zip(left, right, strict=True)]
    means = (np.array([s.mean() for s in signs]),)
    if unit == "problems":
        return _as_probability(mean_of_strata(means, rng, level, replicates), means, len(signs))
    if unit != "seeds":
        raise ValueError(f"unit={unit!r}: wanted 'seeds' or 'problems'")
    pairs = len(signs) * min(min(s.shape) for s in signs)
    return _as_probability(_of_two_samples(signs, rng, level, replicates), signs, pairs)


def _signs(left: Array, right: Array) -> Array:
    """1, 0 or -1 for each run of the one against each of the other; rounding is a tie."""
    shape = (left.size, right.size)
    return np.sign(differences(np.broadcast_to(left[:, None], shape), np.broadcast_to(right[None, :], shape)))


def _of_two_samples(
    signs: Sequence[Array], rng: np.random.Generator, level: float, replicates: int
) -> Estimate:
    """The mean of the matrices' means, rows and columns being resampled apart."""
    check_level(level)
    if replicates < 1:
        raise ValueError(f"replicates={replicates}: wanted at least 1")
    # The draws are the same for either order of the sides: then swapping needs no luck to mirror.
    straight = sorted((_winners_first(s) for s in signs), key=_key)
    swapped = sorted((_winners_first(-s.T) for s in signs), key=_key)
    keys = [[_key(s) for s in side] for side in (straight, swapped)]
    upright, symmetric = keys[0] <= keys[1], keys[0] == keys[1]
    ordered = straight if upright else swapped
    value = 0.0 if symmetric else float(np.mean([s.mean() for s in ordered])) + 0.0
    low = high = math.nan
    if min(min(s.shape) for s in ordered) > 1:
        total = np.zeros(replicates)
        for s in ordered:
            rows, columns = (resampled_counts(size, rng, replicates) for size in s.shape)
            total += np.einsum("ri,ri->r", rows @ (s - s.mean()), columns) / (s.size * len(ordered))
        samples = [s.mean(axis=axis)[:, None] for s in ordered for axis in (1, 0)]
        tails = np.quantile(total, [(1 - level) / 2, (1 + level) / 2])
        low, high = (value + float(widening(samples, level)[0]) * tails).tolist()
        if symmetric:
            low, high = (low - high) / 2, (high - low) / 2
    return Estimate(value, low, high, level) if upright else Estimate(0.0 - value, -high, -low, level)


def _winners_first(signs: Array) -> Array:
    """The matrix with its winners first, so that the order of seeds is forgotten."""
    signs = signs[np.argsort(-signs.sum(axis=1), kind="stable")]
    return signs[:, np.argsort(-signs.sum(axis=0), kind="stable")]


def _key(signs: Array) -> tuple[tuple[int, ...], list[list[float]]]:
    return signs.shape, signs.tolist()


def _as_probability(found: Estimate, samples: Sequence[Array], pairs: int) -> Estimate:
    """From the scale of signs, -1 to 1, to probabilities."""
    value, low, high = ((1 + end) / 2 for end in (found.value, found.low, found.high))
    everything = np.concatenate([s.ravel() for s in samples])
    if not math.isnan(low) and (everything == everything[0]).all():
        sure = ((1 - found.level) / 2) ** (1 / pairs)
        low, high = value * sure, value * sure + 1 - sure
    return Estimate(value, max(low, 0.0), min(high, 1.0), found.level)
