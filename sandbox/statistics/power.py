"""What a paired comparison could have seen: power, minimal detectable effect, the seeds an effect needs.

The design is that of `comparisons.all_pairs`: the mean over problems of mean differences over seeds,
tested two-sided. With the spread that was observed, the test is treated as Student's: T = d / SE is
noncentral t with noncentrality effect / SE. With seeds as units SE^2 = (1 / M^2) sum_m s_m^2 / n_m and
sum_m (n_m - 1) degrees of freedom; with problems as units SE^2 = s^2 / M and M - 1 degrees. Sources: Cohen
(1988), "Statistical Power Analysis", ch. 2; Card et al. (2020), "With Little Power Comes Great
Responsibility". The observed spread is itself an estimate: with few runs, so is the power.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from sandbox.statistics.estimates import Array, Unit, differences, strata

_MOST_SEEDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Design:
    """The spread of the differences between two competitors, and how many runs there are."""

    error: float
    """Standard error of the mean difference, in the unit of the scores."""
    degrees: int
    """Of freedom that the standard error has."""

    def power(self, effect: float, level: float = 0.05) -> float:
        """The probability that a true mean difference `effect` is decided at `level`, two-sided.

        Args:
            effect: in the unit of the scores; its sign does not matter.
            level: of this pair alone; alpha / pairs where Holm's correction is over `pairs`.

        Raises:
            ValueError: if `level` is not in (0, 1).
        """
        from scipy.special import stdtrit

        if not 0 < level < 1:
            raise ValueError(f"level={level}: wanted a number between 0 and 1")
        if self.degrees < 1:
            return math.nan
        if self.error == 0:
            return float(effect != 0)
        bar = float(stdtrit(self.degrees, 1 - level / 2))
        away = min(abs(effect) / self.error, 1e100)  # squared below
        return min(_beyond(bar, self.degrees, away) + _beyond(bar, self.degrees, -away), 1.0)

    def smallest_effect(self, level: float = 0.05, power: float = 0.8) -> float:
        """The minimal detectable effect: the mean difference that is decided with probability `power`.

        Returns:
            In the unit of the scores; 0 where nothing varies, NaN where the spread is unknown.

        Raises:
            ValueError: if `level` is not in (0, 1), or `power` not in (level, 1).
        """
        if not level < power < 1:
            raise ValueError(f"power={power}: wanted a number between the level and 1")
        self.power(0.0, level)  # judges the level
        if self.degrees < 1:
            return math.nan
        if self.error == 0:
            return 0.0
        low, high = 0.0, self.error
        while self.power(high, level) < power and math.isfinite(high):
            low, high = high, 2 * high
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (low, middle) if self.power(middle, level) >= power else (middle, high)
        return high


def paired_design(a: npt.ArrayLike, b: npt.ArrayLike, unit: Unit = "seeds") -> Design:
    """The design that two competitors' scores show.

    Args:
        a: scores, shape (problems, seeds), NaN where missing.
        b: the same for the rival: the same problems and seeds in the same order.
        unit: what is a sample: the seeds of fixed problems, or the problems.

    Raises:
        ValueError: if shapes differ, a score is infinite, or a problem has no pair.
    """
    samples = strata(differences(a, b), unit)
    degrees = sum(row.size - 1 for row in samples)
    if any(row.size < 2 for row in samples):
        return Design(math.nan, 0)
    variance = sum(float(row.var(ddof=1)) / row.size for row in samples) / len(samples) ** 2
    return Design(math.sqrt(variance), degrees)


def seeds_needed(
    a: npt.ArrayLike, b: npt.ArrayLike, effect: float, level: float = 0.05, power: float = 0.8
) -> int | None:
    """How many seeds on each of these problems a true difference `effect` needs to be decided with `power`.

    Args:
        a: scores, shape (problems, seeds), NaN where missing.
        b: the same for the rival.
        effect: in the unit of the scores, not 0.
        level: of this pair alone.
        power: wanted, between `level` and 1.

    Returns:
        At least 2; None where the spread is unknown, or a million would not do.

    Raises:
        ValueError: as `paired_design`, or if a number is out of range.
    """
    if effect == 0 or not math.isfinite(effect):
        raise ValueError(f"effect={effect}: wanted a difference other than 0")
    if not level < power < 1:
        raise ValueError(f"power={power}: wanted a number between the level and 1")
    rows = strata(differences(a, b), "seeds")
    if any(row.size < 2 for row in rows):
        return None
    spread = sum(float(row.var(ddof=1)) for row in rows) / len(rows) ** 2

    def enough(seeds: int) -> bool:
        return Design(math.sqrt(spread / seeds), len(rows) * (seeds - 1)).power(effect, level) >= power

    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if high > _MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _beyond(bar: float, degrees: int, away: float) -> float:
    """P(T > bar), T = (z + away) / s noncentral t, z ~ N(0, 1), degrees s^2 ~ chi2, by quadrature.

    Averaged over the wider of the two, so that what is averaged has no steep step: over z with few
    degrees of freedom, over s with many. The series in scipy gives up where few put the bar at 1,000.
    """
    from scipy.special import chdtr, gammaln, ndtr

    nodes, weights = _nodes()
    if degrees < 30:
        low, high = max(-away, -10.0), 10.0
        if low >= high:
            return 0.0
        z = low + (high - low) * (nodes + 1) / 2
        density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        chance = chdtr(degrees, degrees * ((z + away) / bar) ** 2)
    else:
        half = degrees / 2
        low, high = max(1 - 10 / math.sqrt(2 * degrees), 1e-9), 1 + 10 / math.sqrt(2 * degrees)
        s = low + (high - low) * (nodes + 1) / 2
        shape = (2 * half - 1) * np.log(s) - half * (s * s - 1)
        density = 2 * np.exp(shape + half * math.log(half) - half - gammaln(half))
        chance = ndtr(away - bar * s)
    return float((weights * density * chance).sum() * (high - low) / 2)


@cache
def _nodes() -> tuple[Array, Array]:
    """Gauss and Legendre's points in [-1, 1] and their weights."""
    return np.polynomial.legendre.leggauss(160)
