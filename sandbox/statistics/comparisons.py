"""Who beats whom: paired tests between competitors, corrected for their number.

The test and the interval judge one statistic, the mean over problems of the mean over
seeds of a - b. The test is a randomisation test (Fisher 1935; Ernst 2004, *Statistical
Science* 19:676): if a and b are alike, each pair's difference could as well have had the
other sign. It is exact where differences are symmetric about 0 under the hypothesis,
which exchanging the names of two equal competitors gives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from sandbox.statistics.estimates import (
    Array,
    Estimate,
    Unit,
    differences,
    means_of_strata,
    strata,
    table,
)

_EXACT_UP_TO = 14
"""Pairs that differ, up to which all sign patterns are enumerated (2^14 = 16,384)."""
_AT_ONCE = 256
"""Pairs of competitors whose replicates are in memory together."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is known about one pair of competitors."""

    a: str
    b: str
    difference: Estimate
    """Of a - b."""
    p: float
    """Two-sided, of this pair alone."""
    p_adjusted: float
    """Holm's, over all pairs of the tournament."""
    win_rate: float
    """Mean over problems of the share of pairs in which `a` is ahead; a tie counts half."""
    pairs: int
    """Units compared: (problem, seed) cells, or problems."""
    verdict: Literal["a beats b", "b beats a", "undecided"]

    @property
    def winner(self) -> str | None:
        """The name of the competitor that beats the other, None if undecided."""
        return {"a beats b": self.a, "b beats a": self.b}.get(self.verdict)

    def __str__(self) -> str:
        names = {"a beats b": (self.a, "beats", self.b), "b beats a": (self.b, "beats", self.a)}
        verdict = names.get(self.verdict, (self.a, "against", self.b, "is undecided"))
        return f"{' '.join(verdict)}: {self.difference}, p = {self.p_adjusted:.3g}, {self.pairs} pairs"


def all_pairs(
    scores: Mapping[str, npt.ArrayLike],
    rng: np.random.Generator,
    level: float = 0.95,
    alpha: float = 0.05,
    unit: Unit = "seeds",
    flips: int = 10_000,
    replicates: int = 10_000,
) -> tuple[Comparison, ...]:
    """Every pair of competitors, in the order of `itertools.combinations`.

    A verdict needs both an adjusted p below `alpha` and an interval that lies on one side
    of 0, the side of the mean. All pairs see the same draws, so neither the order of the
    competitors nor the presence of another changes a pair's `difference`, or its `p` as
    long as `flips` need not be raised.

    The unit of replication decides what a verdict speaks of. `"seeds"`: these problems,
    run again; each (problem, seed) cell flips its sign. `"problems"`: other problems of
    the kind; each problem's mean difference is one unit. A published table with one
    number a problem allows only the second: with one seed a problem the spread over seeds
    is unknown, the interval is NaN and the verdict "undecided". So it is, with p = 1,
    where there are fewer than two pairs. With five pairs or fewer no p is below .06.

    Measured share of tournaments with any verdict among equal competitors, alpha = .05,
    3,000 tournaments of five (four problems, ten seeds): .043 with normal scores and
    shared luck, .037 with traps, .017 with scores of two values. Over 1,500 of four (nine
    problems, six seeds, rounded scores): .030 by seeds, .028 by problems.

    Args:
        scores: competitor → scores, shape (problems, seeds), NaN where missing; the same
            problems and seeds in the same order for all.
        rng: one number is drawn from it, which keys all draws.
        level: of the intervals.
        alpha: bound on the probability of any false verdict.
        unit: what is resampled and flipped.
        flips: sign patterns drawn where not all are enumerated; raised where Holm's
            correction for so many competitors needs more.
        replicates: of the bootstrap.

    Raises:
        ValueError: if shapes differ, a score is infinite, a pair has a problem without a
            pair of scores, or `alpha` is out of range.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha}: wanted a number between 0 and 1")
    tables = {name: table(x) for name, x in scores.items()}
    names = list(combinations(tables, 2))
    # The smallest p of drawn flips is 1 / (flips + 1): ten times finer than Holm's first step.
    flips = max(flips, math.ceil(10 * len(names) / alpha))
    key = int(rng.integers(2**63))
    cells = []
    for a, b in names:
        try:
            cells.append(strata(differences(tables[a], tables[b]), unit))
        except ValueError as error:
            raise ValueError(f"{a} against {b}: {error}") from error
    gaps = [
        difference
        for start in range(0, len(cells), _AT_ONCE)
        for difference in means_of_strata(
            cells[start : start + _AT_ONCE], np.random.default_rng([key, 0]), level, replicates
        )
    ]
    chances = [_sign_flip(samples, np.random.default_rng([key, 1]), flips) for samples in cells]
    found = [
        (*pair, samples, difference, p)
        for pair, samples, difference, p in zip(names, cells, gaps, chances, strict=True)
    ]
    adjusted = holm([p for *_, p in found])
    return tuple(
        Comparison(
            a=a,
            b=b,
            difference=difference,
            p=p,
            p_adjusted=p_adjusted,
            win_rate=float(np.mean([(1 + np.sign(row)).mean() / 2 for row in samples])),
            pairs=sum(row.size for row in samples),
            verdict=_verdict(difference, p_adjusted, alpha),
        )
        for (a, b, samples, difference, p), p_adjusted in zip(found, adjusted, strict=True)
    )


def sign_flip_p(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    rng: np.random.Generator,
    flips: int = 10_000,
    unit: Unit = "seeds",
) -> float:
    """The two-sided p of "a and b are alike", by flipping the signs of paired differences.

    p = P(|T*| >= |T|), T the statistic of `paired_difference` and T* the same with random
    signs. Exact where at most 14 pairs differ; otherwise (hits + 1) / (flips + 1), which
    is a valid p for any number of flips (Phipson & Smyth 2010, *SAGMB* 9:39). Ties keep
    their place in the means but cannot flip; where all pairs tie, p = 1.

    Args:
        a: scores, shape (problems, seeds), NaN where missing.
        b: the same for the rival: the same problems, the same seeds, in the same order.
        rng: draws the signs; unused where all are enumerated.
        flips: how many sign patterns are drawn, at least 1.
        unit: what flips: each seed of each problem, or each problem as a whole.

    Raises:
        ValueError: as `paired_difference`, or if `flips` is below 1.
    """
    return _sign_flip(strata(differences(a, b), unit), rng, flips)


def wilcoxon_p(a: npt.ArrayLike, b: npt.ArrayLike, unit: Unit = "problems") -> float:
    """Wilcoxon's signed-rank p (1945), two-sided, by scipy; ties are dropped.

    For reference: it ranks differences instead of averaging them, so it may disagree with
    the mean. By default over problems, as in Demšar (2006, *JMLR* 7:1). 1 if all pairs tie.

    Args:
        a: scores, shape (problems, seeds), NaN where missing.
        b: the same for the rival: the same problems, the same seeds, in the same order.
        unit: whether problems' mean differences are ranked, or all pairs together.

    Raises:
        ValueError: as `paired_difference`.
    """
    from scipy.stats import wilcoxon

    pooled = np.concatenate(strata(differences(a, b), unit))
    return float(wilcoxon(pooled).pvalue) if pooled.any() else 1.0


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's adjusted p-values (1979, *Scand. J. Statistics* 6:65), in the order given.

    With p sorted, adjusted_(i) = max over j <= i of min(1, (k - j + 1) p_(j)). Rejecting
    where it is below alpha errs anywhere with probability below alpha, however the tests
    depend on each other.

    Raises:
        ValueError: if a p-value is not in [0, 1].
    """
    p = np.asarray(p_values, dtype=np.float64)
    wrong = p[~((p >= 0) & (p <= 1))]
    if wrong.size:
        raise ValueError(f"{wrong[0]} is no p-value")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    return tuple(adjusted.tolist())


def _verdict(
    difference: Estimate, p_adjusted: float, alpha: float
) -> Literal["a beats b", "b beats a", "undecided"]:
    if p_adjusted < alpha and difference.sign * difference.value > 0:
        return "a beats b" if difference.sign > 0 else "b beats a"
    return "undecided"


def _sign_flip(samples: Sequence[Array], rng: np.random.Generator, flips: int) -> float:
    if flips < 1:
        raise ValueError(f"flips={flips}: wanted at least 1")
    weighted = np.concatenate([row / row.size for row in samples])
    weighted = weighted[weighted != 0]
    if weighted.size == 0:
        return 1.0
    weighted = weighted / np.abs(weighted).max()  # no sum of tiny differences vanishes
    sizes = np.sort(np.abs(weighted))  # sorted: the order of seeds and problems is forgotten
    # Patterns that equal the observed one but for rounding are hits.
    bar = abs(math.fsum(weighted)) - 1e-12 * sizes.sum()
    if sizes.size <= _EXACT_UP_TO:
        return float(np.mean(np.abs(_all_sums(sizes)) >= bar))
    hits = int(np.count_nonzero(np.abs(_random_sums(sizes, rng, flips)) >= bar))
    return (hits + 1) / (flips + 1)


def _all_sums(sizes: Array) -> Array:
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums + size, sums - size])
    return sums


def _random_sums(sizes: Array, rng: np.random.Generator, flips: int) -> Array:
    # Eight pairs at a time: a random byte picks one of their 256 signed sums.
    padded = np.concatenate([sizes, np.zeros(-sizes.size % 8)]).reshape(-1, 8)
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    signed = padded @ (1.0 - 2.0 * bits.T)
    total = np.zeros(flips)
    for sums in signed:
        total += sums[rng.integers(256, size=flips, dtype=np.uint8)]
    return total
