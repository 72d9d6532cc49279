"""Checks of what holds on average, by bets: a false alarm has a chance of one in a million."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sandbox.statistics.betting import Bets
from sandbox.testing.check import (
    Blocked,
    Inconclusive,
    NotApplicable,
    Trial,
    Violation,
    Wants,
    ailing,
    check,
)
from sandbox.testing.history import History, play
from sandbox.testing.random_subject import RandomSearch
from sandbox.testing.scenes import Scene

ALPHA = 1e-6
"""The chance that a check fails an agent that keeps its promise; over a whole series of looks."""
_PAIRS = {"quick": 120, "ci": 400, "nightly": 2000}
_STRUCTURED = Wants(kinds=("box", "text", "pool"))
TAU = 0.02
"""What a claim may exceed the truth by on average, and more budget may cost, as a share of the range."""


def _bet(trial: Trial, values: Iterator[float], least: float, low: float, told: str) -> None:
    """Bet that the mean of `values`, each from `low` to 1, is below `least`; and that it is not.

    Raises:
        Violation: if it is below.
        Inconclusive: if nothing is decided after as many as the profile allows.
    """
    below = Bets(least, low, 1.0)
    above = Bets(-least, -1.0, -low)
    for value in values:
        trial.reach("a pair")
        below.see(value)
        above.see(-value)
        if below.against(ALPHA):
            raise Violation(f"{told}: mean {below.mean:.3f} over {below.count}, and {least:.3f} was promised")
        if above.against(ALPHA):
            return
    raise Inconclusive(f"{told}: mean {below.mean:.3f} over {below.count}, nothing is decided")


def _worlds(trial: Trial, **fields: object) -> Iterator[Scene]:
    """Other luck of agent and world each time; which, depends on the number alone."""
    for number in range(_PAIRS.get(trial.profile, _PAIRS["ci"])):
        yield trial.on(seed=1000 + number, luck=number, **fields)


def _sound(history: History) -> History:
    if culprit := ailing(history):
        raise Blocked(culprit)
    return history


@check("P20", "unbiased", once=True, statistical=True)
def check_claim_under_noise(trial: Trial) -> None:
    """Under noise the score that it claims is not above the truth on average."""

    def gaps() -> Iterator[float]:
        for scene in _worlds(trial, noisy=True, oracle="table", budget=max(40, trial.claims.min_budget)):
            words = _sound(trial.play(scene=scene)).claims()
            if words and words[-1].claimed is not None:
                gap = words[-1].claimed - scene.truth(words[-1].candidate)
                yield max(-1.0, min(1.0, -gap))

    _bet(trial, gaps(), -TAU, -1.0, "truth minus claim")


@check("P32", "beats_random", wants=_STRUCTURED, once=True, statistical=True)
def check_not_worse_than_random(trial: Trial) -> None:
    """On additive scores it does no worse than random search with as many evaluations."""
    rival = RandomSearch()

    def wins() -> Iterator[float]:
        for scene in _worlds(trial, oracle="sum", dims=4, budget=max(24, trial.claims.min_budget)):
            mine = _handed_in(_sound(trial.play(scene=scene)))
            theirs = _handed_in(play(rival, replace(scene, seed=scene.seed + 10**6)))
            yield 1.0 if mine > theirs else 0.5 if mine == theirs else 0.0

    _bet(trial, wins(), 0.5, 0.0, "wins against random search")


@check("P33", "symmetric", once=True, statistical=True)
def check_relabelling(trial: Trial) -> None:
    """Among equals, what stands first in the list is handed in no more often than what stands last."""
    if trial.scene.kind != "pool":
        raise NotApplicable("it plays on no pool")
    budget = max(4, trial.claims.min_budget)

    def firsts() -> Iterator[float]:
        for scene in _worlds(trial, oracle="constant", size=8, budget=budget):
            handed_in = _sound(trial.play(scene=scene)).recommendation
            place = scene.space.texts.index(handed_in)  # type: ignore[union-attr]
            yield float(place < 4)

    one, other = Bets(0.5), Bets(0.5)
    for value in firsts():
        trial.reach("a run")
        one.see(value)
        other.see(1.0 - value)
        if one.against(ALPHA / 2) or other.against(ALPHA / 2):
            raise Violation(f"the first half of the list is handed in {one.mean:.0%} of {one.count} times")


@check("P34", "more_is_better", once=True, statistical=True)
def check_more_is_better(trial: Trial) -> None:
    """Twice the budget does not cost anything on average."""
    budget = max(8, trial.claims.min_budget)

    def gains() -> Iterator[float]:
        for scene in _worlds(trial, oracle="table", noisy=True, budget=budget):
            small = _handed_in(_sound(trial.play(scene=scene)))
            large = _handed_in(_sound(trial.play(scene=replace(scene, budget=2 * budget))))
            yield large - small

    _bet(trial, gains(), -TAU, -1.0, "gain by twice the budget")


def _handed_in(history: History) -> float:
    if history.recommendation is None:
        raise Blocked("check_runs")
    return history.scene.truth(history.recommendation)
