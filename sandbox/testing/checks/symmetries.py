"""Checks of what must not matter: sign, unit and zero of scores, what comes later, a pause."""

from __future__ import annotations

from typing import Any

from sandbox.testing.check import Trial, Violation, Wants, check
from sandbox.testing.history import Play, difference

_PLAIN_SCORES = Wants(budget=(2, 12), rows=False, rich=True, oracles=("sum", "table", "first"))
_UNITS = ((-40, 0), (-1, 0), (7, 0), (40, 0), (0, 3), (0, -5), (-3, 2))
"""Powers of two and whole shifts, with which sixteenths stay exact."""


@check("P21", "direction", wants=_PLAIN_SCORES)
def check_direction(trial: Trial) -> None:
    """Minimising the negative of the scores is maximising the scores."""
    first = trial.pure()
    subject: Any = trial.subject
    other = trial.play(Play(change="minus"), subject=subject.flipped())
    trial.reach("two directions")
    if parting := difference(first.asked(), other.asked()):
        raise Violation("it asks other things when it minimises the negative", first, parting)
    if first.recommendation != other.recommendation:
        told = f"it hands in {other.recommendation!r} when it minimises the negative"
        raise Violation(f"{told}, and {first.recommendation!r} else", other)


@check("P22", "affine", wants=_PLAIN_SCORES)
def check_affine(trial: Trial) -> None:
    """Scores times a power of two and plus a whole number ask the same."""
    first = trial.pure()
    for change in _UNITS:
        other = trial.play(Play(change=change))
        trial.reach("another unit")
        if parting := difference(first.asked(), other.asked()):
            told = f"with scores (x {change[1]:+d}) * 2^{change[0]} it asks other things"
            raise Violation(told, first, parting)


@check("P23", "rank_based", wants=_PLAIN_SCORES)
def check_rank_invariance(trial: Trial) -> None:
    """Cubes of the scores, which keep their order, ask the same."""
    first = trial.pure()
    other = trial.play(Play(change="cube"))
    trial.reach("cubes")
    if parting := difference(first.asked(), other.asked()):
        raise Violation("with cubed scores it asks other things", first, parting)


@check("P24", "anytime", wants=_PLAIN_SCORES)
def check_prefix(trial: Trial) -> None:
    """With a smaller budget it asks the beginning of what it asks with a larger one."""
    first = trial.pure()
    longer = trial.healthy(scene=trial.on(budget=trial.scene.budget + 5))
    trial.reach("two budgets")
    head = longer.asked()[: len(first.asked())]
    if parting := difference(first.asked(), head):
        told = f"a budget of {trial.scene.budget} and one of {trial.scene.budget + 5} ask other things"
        raise Violation(told, first, parting)


@check("P30", "resumable", wants=Wants(budget=(2, 12), rows=False, rich=True, oracles=("sum", "table")))
def check_resume(trial: Trial) -> None:
    """Saved, loaded and continued, it goes on as if nothing had happened."""
    first = trial.pure()
    subject: Any = trial.subject
    for after in sorted({1, len(first.scores()) // 2, len(first.scores()) - 1} - {0, -1}):
        other = trial.play(subject=subject.interrupted(after))
        trial.reach("a pause")
        if parting := difference(first.trace(), other.trace()):
            raise Violation(f"saved and loaded after {after} answers it goes on otherwise", first, parting)
