"""Checks of what it makes of answers: broken ones, late ones, and the best of them."""

from __future__ import annotations

import math
from itertools import pairwise

from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import Evaluate, Observation, Recommend
from sandbox.spaces import Candidate
from sandbox.testing.check import Blocked, Trial, Violation, Wants, ailing, check
from sandbox.testing.history import PLAIN, Event, History, Play, difference, failed, soft
from sandbox.testing.world import without_faults


@check("P15")
def check_inputs_unchanged(trial: Trial) -> None:
    """It changes nothing of what it was handed."""
    history = trial.healthy()
    trial.reach("a run")
    before, after = history.notes["task"]
    if before != after:
        raise Violation(f"the task was {before[:200]}, and is {after[:200]}", history)


@check("P16", wants=Wants(faults=("nan", "inf", "-inf")))
def check_nonfinite(trial: Trial) -> None:
    """NaN and infinite scores neither end it nor win over a finite one that it has seen."""
    trial.healthy(scene=without_faults(trial.scene))
    history = trial.play()
    if (culprit := ailing(history)) in ("check_terminates", "check_in_space"):
        raise Blocked(culprit)
    heard = history.scores()
    broken = [event for event in history.of(Evaluate) if failed(event)]
    if all(math.isfinite(score) for _, score in heard) and not broken:
        return
    trial.reach("a score that is no number")
    if culprit and not trial.claims.raw_scores and (_passed_on(history.raised) or _had_nothing(history)):
        return  # it was told of a failure, and `check_faults` is content with that
    if culprit:
        raised = history.raised
        told = history.failure if raised is None else f"{type(raised).__name__}: {raised}"
        raise Violation(f"it ended with {told}", history)
    best = [score for candidate, score in heard if candidate == history.recommendation]
    finite = [(score, candidate) for candidate, score in heard if math.isfinite(score)]
    if best and finite and not any(math.isfinite(score) or score == math.inf for score in best):
        raise Violation(
            f"it hands in {history.recommendation!r}, seen only as {best[0]}; {max(finite)[1]!r} had "
            f"{max(finite)[0]}",
            history,
        )


@check("P17", wants=Wants(faults=("failed",)))
def check_faults(trial: Trial) -> None:
    """A call that failed is survived or passed on unchanged, and is no success."""
    trial.healthy(scene=without_faults(trial.scene))
    history = trial.play()
    if (culprit := ailing(history)) in ("check_terminates", "check_in_space"):
        raise Blocked(culprit)
    broken = [event for event in history.of(Evaluate) if failed(event)]
    if not broken and not (isinstance(history.raised, AnswerFailed)):
        return
    trial.reach("a failed call")
    if culprit:
        if not _passed_on(history.raised) and not _had_nothing(history):
            told = f"{type(history.raised).__name__}: {history.raised}"
            raise Violation(f"in place of the failure it raises {told}", history)
        return
    _judge_failures(trial, history, broken)


def _judge_failures(trial: Trial, history: History, broken: list[Event]) -> None:
    answered = [
        event.request.candidate
        for event in history.of(Evaluate)
        if isinstance(event.answer, Observation) and isinstance(event.request, Evaluate)
    ]
    last = history.claims()[-1:]
    if not answered:
        if last and last[0].claimed is not None:
            raise Violation(f"every call failed, and it claims a score of {last[0].claimed}", history)
        return
    lost = [event for event in broken if getattr(event.request, "candidate", None) == history.recommendation]
    if lost and history.recommendation not in answered:
        together = [event.together for event in history.of(Evaluate)]
        if trial.claims.batch and together.count(lost[0].together) > 1:
            raise Blocked("check_attribution")
        raise Violation(f"it hands in {history.recommendation!r}, which never got a score", history)


def _had_nothing(history: History) -> bool:
    """Whether the budget ended before anything was answered: then there is nothing to hand in."""
    return isinstance(history.raised, BudgetExhausted) and not history.scores()


def _passed_on(error: BaseException | None) -> bool:
    """Whether a failure came out as itself, or as the stated cause of something else."""
    while error is not None:
        if isinstance(error, AnswerFailed):
            return True
        error = error.__cause__
    return False


@check("P18", "best_observed", wants=Wants(rows=False))
def check_incumbent(trial: Trial) -> None:
    """Without noise it hands in a candidate of the best score that it has seen."""
    history = trial.healthy()
    heard = history.scores()
    if not heard:
        return
    trial.reach("a score")
    if short := _short_of_best(trial, history.recommendation, heard):
        raise Violation(short, history)


def _short_of_best(trial: Trial, handed_in: Candidate | None, heard: list[tuple[Candidate, float]]) -> str:
    best, top = max(heard, key=lambda pair: pair[1])
    own = None if handed_in is None else trial.scene.known(handed_in)
    if own is None or own < top:
        return f"it hands in {handed_in!r} with {own}, and has seen {best!r} with {top}"
    return ""


@check("P19", "anytime", "best_observed", wants=Wants(budget=(2, 12), rows=False, oracles=("sum", "table")))
def check_anytime(trial: Trial) -> None:
    """What it would hand in never gets worse, once it has seen a score of it."""
    history = trial.healthy()
    seen: set[Candidate] = set()
    named: list[Candidate] = []
    for event in history.events:
        if isinstance(event.request, Evaluate) and isinstance(event.answer, Observation):
            seen.add(event.request.candidate)
        if isinstance(event.request, Recommend) and event.request.candidate in seen:
            named.append(event.request.candidate)
    for one, other in pairwise(named):
        before, after = trial.scene.known(one), trial.scene.known(other)
        trial.reach("two recommendations")
        if after < before:
            raise Violation(f"it recommends {one!r} with {before}, then {other!r} with {after}", history)


@check("P20", "tells_scores", wants=Wants(rows=False))
def check_claim(trial: Trial) -> None:
    """Without noise the score that it claims is the score."""
    history = trial.healthy()
    words = history.claims()
    if not words or not history.scores():
        return
    if words[-1].claimed is None:
        raise Violation("its last recommendation claims no score", history)
    trial.reach("a claim")
    truth = trial.scene.known(words[-1].candidate)
    if words[-1].claimed != truth:
        raise Violation(f"it claims {words[-1].claimed} for {words[-1].candidate!r}; it is {truth}", history)


@check(
    "P25",
    "batch",
    wants=Wants(faults=("failed",), rows=False, rich=True, budget=(2, 12), oracles=("sum", "table")),
)
def check_attribution(trial: Trial) -> None:
    """Answers to what it asked at once are credited to their own questions."""
    clean = trial.pure(without_faults(trial.scene))
    groups = [event.together for event in clean.of(Evaluate)]
    if len(groups) == len(set(groups)):
        return
    late = trial.play(Play(backwards=True), scene=without_faults(trial.scene))
    trial.reach("a batch")
    if parting := difference(clean.trace(), late.trace()):
        raise Violation("it asks other things when answers arrive in another order", clean, parting)
    history = trial.play()
    if ailing(history) or not history.scores():
        return
    trial.reach("a batch with a failure")
    heard = history.scores()
    names = [candidate for candidate, _ in heard]
    known = dict(heard)
    if not trial.claims.best_observed or _last_word(clean) != clean.recommendation:
        return
    chosen = _last_word(history)
    own = None if chosen is None else known.get(chosen)
    if own is None or own < max(known.values()):
        best = max(heard, key=lambda pair: pair[1])
        seen = "never answered" if chosen not in names else f"with {own}"
        raise Violation(
            f"after a failure in a batch it prefers {chosen!r}, {seen}; {best[0]!r} had {best[1]}", history
        )


def _last_word(history: History) -> Candidate | None:
    """What it recommended last, before it handed something in."""
    words = history.claims()
    return words[-1].candidate if words else history.recommendation


@check("P26", "tells_scores", wants=Wants(rows=True))
def check_cache(trial: Trial) -> None:
    """The score that it claims of a candidate is made of that candidate's own rows."""
    # What stops by itself must be let to: a refusal would keep its last word from it.
    history = trial.healthy(soft(trial.scene) if trial.claims.counts else PLAIN)
    words = history.claims()
    if not words or words[-1].claimed is None:
        return
    last = words[-1]
    rows = range(trial.scene.rows) if last.rows is None else last.rows
    trial.reach("a claim")
    truth = sum([trial.scene.row_score(last.candidate, row) for row in rows]) / len(rows)
    if last.claimed is None or not math.isclose(last.claimed, truth, abs_tol=1e-12):
        told = f"it claims {last.claimed} for {last.candidate!r}, whose rows {list(rows)} give {truth}"
        raise Violation(told, history)


@check("P27", wants=Wants(budget=(2, 12), rich=True))
def check_no_leak(trial: Trial) -> None:
    """What it is judged by in the end, and never shown, changes nothing in its run."""
    first = trial.pure()
    for other_split in ((0.0,) * 8, (1.0,) * 8):
        other = trial.play(Play(held_out=other_split))
        trial.reach("two splits")
        if parting := difference(first.trace(), other.trace()):
            raise Violation("another test split gives another run", first, parting)
