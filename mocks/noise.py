"""Observation noise: what stands between a candidate's truth and the score an agent sees.

A noise is a small frozen description; `bind` gives it a seed. What is drawn depends on
(seed, what is asked, how often it was asked before) alone, so two agents that ask the
same thing see the same luck. Noises compose: each takes the score that the one before
it gave. Scores are not clipped, so that an unbiased law stays unbiased.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from sandbox.protocol import RowResult
from sandbox.streams import Uniforms, normal_quantile


class Look(NamedTuple):
    """One look at one candidate."""

    key: bytes
    """What is asked, and how often it was asked before."""
    now: int
    """Nanoseconds at which it started to be served."""
    share: float
    """How many of the dev rows are looked at: 1 for all, 0.1 for a tenth."""
    rows: tuple[int, ...] | None
    """The minibatch, None for all rows."""


Seen: TypeAlias = tuple[float, tuple[RowResult, ...]]
"""A score, and the rows that made it where the noise scores rows."""
Sampler: TypeAlias = Callable[[float, Look], Seen]


class Noise(Protocol):
    """Gives a sampler for a seed; `place` tells equal noises in one chain apart."""

    def bind(self, seed: int, place: int) -> Sampler: ...


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}={value}: must be a positive number")


def _not_negative(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name}={value}: must be a number, at least 0, which is no noise")


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Adds a normal error; a look at a share s of the rows has standard deviation sd / sqrt(s)."""

    sd: float = 0.05

    def __post_init__(self) -> None:
        _not_negative("sd", self.sd)

    def bind(self, seed: int, place: int) -> Sampler:
        sd, draw, quantile = self.sd, Uniforms(seed, "gaussian", place, count=1).one, normal_quantile

        def sample(score: float, look: Look) -> Seen:
            return score + sd / math.sqrt(look.share) * quantile(draw(look.key)), ()

        return sample


@dataclass(frozen=True, slots=True)
class Heteroscedastic:
    """A normal error whose standard deviation runs from `sd_low` at score 0 to `sd_high` at score 1."""

    sd_low: float = 0.1
    sd_high: float = 0.02

    def __post_init__(self) -> None:
        _positive("sd_low", self.sd_low)
        _positive("sd_high", self.sd_high)

    def bind(self, seed: int, place: int) -> Sampler:
        low, slope = self.sd_low, self.sd_high - self.sd_low
        draw, quantile = Uniforms(seed, "heteroscedastic", place, count=1).one, normal_quantile

        def sample(score: float, look: Look) -> Seen:
            sd = low + slope * min(max(score, 0.0), 1.0)
            return score + sd / math.sqrt(look.share) * quantile(draw(look.key)), ()

        return sample


@dataclass(frozen=True, slots=True)
class Binomial:
    """The share of `rows` independent yes-or-no rows that come out right; the score is their chance."""

    rows: int = 20

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise ValueError(f"rows={self.rows}: at least 1")

    def bind(self, seed: int, place: int) -> Sampler:
        count, draw = self.rows, Uniforms(seed, "binomial", place, count=1).one

        def sample(score: float, look: Look) -> Seen:
            chance = min(max(score, 0.0), 1.0)
            if look.rows is None:
                return binomial_quantile(draw(look.key), count, chance) / count, ()
            rows = tuple(
                [
                    RowResult(row, float(draw(look.key + row.to_bytes(8, "little")) < chance))
                    for row in look.rows
                ]
            )
            return sum([row.score for row in rows]) / len(rows), rows

        return sample


def binomial_quantile(u: float, n: int, p: float) -> int:
    """The smallest k with P(X <= k) >= u for X ~ Binomial(n, p), by summing the probabilities."""
    if p <= 0.0:
        return 0
    if p >= 1.0:
        return n
    if p > 0.5:  # sum from the likely end, where the first probability does not underflow
        return n - binomial_quantile(1.0 - u, n, 1.0 - p)
    odds = p / (1.0 - p)
    mass = (1.0 - p) ** n
    if mass < 1e-290:  # n in the thousands: the first probability underflows, or loses its digits
        from scipy.stats import binom

        return int(binom.ppf(u, n, p))
    total, k, mean = mass, 0, n * p
    # Rounded probabilities may add up to less than a u close to 1: stop where none is left.
    while total < u and k < n and (mass > 1e-18 or k < mean):
        mass *= odds * (n - k) / (k + 1)
        k += 1
        total += mass
    return k


@dataclass(frozen=True, slots=True)
class HeavyTailed:
    """Adds `scale` times a Student t error with `df` degrees of freedom; df <= 2 has no variance."""

    scale: float = 0.03
    df: float = 2.5

    def __post_init__(self) -> None:
        _not_negative("scale", self.scale)
        _positive("df", self.df)

    def bind(self, seed: int, place: int) -> Sampler:
        from scipy.special import stdtrit

        scale, df, draw = self.scale, self.df, Uniforms(seed, "heavy-tailed", place, count=1).one

        def sample(score: float, look: Look) -> Seen:
            return score + scale / math.sqrt(look.share) * float(stdtrit(df, draw(look.key))), ()

        return sample


@dataclass(frozen=True, slots=True)
class Drift:
    """The service's model changes with time: adds amplitude * sin(2 pi t / period).

    The only noise that depends on when something is asked, as drift must.
    """

    amplitude: float = 0.05
    period: float = 3600.0
    """Seconds."""

    def __post_init__(self) -> None:
        _not_negative("amplitude", self.amplitude)
        _positive("period", self.period)

    def bind(self, seed: int, place: int) -> Sampler:
        amplitude, rate = self.amplitude, 2.0 * math.pi / (self.period * 1e9)

        def sample(score: float, look: Look) -> Seen:
            return score + amplitude * math.sin(rate * look.now), ()

        return sample


@dataclass(frozen=True, slots=True)
class Quantised:
    """Rounds to multiples of `step`, as a metric on few rows or a grader with few marks does."""

    step: float = 0.05

    def __post_init__(self) -> None:
        _positive("step", self.step)

    def bind(self, seed: int, place: int) -> Sampler:
        step = self.step

        def sample(score: float, look: Look) -> Seen:
            return round(score / step) * step, ()

        return sample


NOISES: dict[str, type[Noise]] = {
    "gaussian": Gaussian,
    "heteroscedastic": Heteroscedastic,
    "binomial": Binomial,
    "heavy-tailed": HeavyTailed,
    "drift": Drift,
    "quantised": Quantised,
}


def chain(noises: tuple[Noise, ...], seed: int) -> Sampler | None:
    """All noises, one after the other; None where there are none."""
    samplers = [noise.bind(seed, place) for place, noise in enumerate(noises)]
    if len(samplers) <= 1:
        return samplers[0] if samplers else None

    def sample(score: float, look: Look) -> Seen:
        rows: tuple[RowResult, ...] = ()
        for sampler in samplers:
            score, new = sampler(score, look)
            rows = new or rows
        return score, rows

    return sample
