"""Checks of how a run ends, what it spends, and where it searches."""

from __future__ import annotations

from dataclasses import replace

from sandbox.errors import BudgetExhausted
from sandbox.protocol import Evaluate
from sandbox.testing.check import Blocked, Trial, Violation, Wants, ailing, check
from sandbox.testing.history import Play, shown, soft


@check("P1")
def check_runs(trial: Trial) -> None:
    """With any budget from its `min_budget` on, a run ends, without an error, with a recommendation."""
    history = trial.play()
    trial.reach("a run")
    if (culprit := ailing(history)) == "check_runs":
        raised = history.raised
        told = f"{type(raised).__name__}: {raised}" if raised is not None else history.failure
        raise Violation(f"it ended with {told}", history)
    if culprit:
        raise Blocked(culprit)


@check("P2", "counts", wants=Wants(rows=False))
def check_budget(trial: Trial) -> None:
    """It makes no more evaluations than it was granted, where nobody would refuse more."""
    history = trial.play(soft(trial.scene))
    if (culprit := ailing(history)) and culprit != "check_terminates":
        raise Blocked(culprit)
    trial.reach("an evaluation" if history.evaluations else "nothing")
    if history.evaluations > trial.scene.budget:
        raise Violation(f"{history.evaluations} evaluations for a budget of {trial.scene.budget}", history)


@check("P3", wants=Wants(budget=(2, 12), rich=True))
def check_stops_when_denied(trial: Trial) -> None:
    """Refused earlier than it was told, it stops, and hands in what it has."""
    least = trial.claims.min_budget
    if trial.scene.budget < 2 * least:
        trial = replace(trial, scene=trial.on(budget=2 * least))
    trial.healthy()
    granted = max(least, trial.scene.budget // 2)
    history = trial.play(Play(enforced=granted))
    if any(isinstance(event.answer, BudgetExhausted) for event in history.events):
        trial.reach("a refusal")
    if culprit := ailing(history):
        if culprit == "check_in_space":
            raise Blocked(culprit)
        if trial.play(scene=trial.on(budget=granted)).endless:
            raise Blocked("check_terminates")  # the refusal is not what keeps it
        told = "it goes on for ever" if history.endless else f"it ended with {history.failure}"
        raise Violation(f"refused after half of its budget: {told}", history)


@check("P4", "uses", wants=Wants(budget=(2, 24), rich=True, rows=False, oracles=("sum", "table")))
def check_uses_budget(trial: Trial) -> None:
    """It spends the share of the budget that it promises to spend."""
    history = trial.healthy()
    trial.reach("a run")
    if history.evaluations < trial.claims.uses * trial.scene.budget:
        raise Violation(
            f"{history.evaluations} of {trial.scene.budget} evaluations; {trial.claims.uses:.0%} is promised",
            history,
        )


@check("P5", "counts", wants=Wants(rows=False))
def check_own_count(trial: Trial) -> None:
    """It counts as many evaluations as the ledger does."""
    history = trial.healthy()
    told = [word.calls for word in history.claims()]
    if not told or told[-1] is None:
        raise Violation("its last recommendation says no `calls`", history)
    trial.reach("a count")
    if told[-1] != history.evaluations:
        raise Violation(f"it counts {told[-1]} evaluations, the ledger {history.evaluations}", history)


@check("P28")
def check_in_space(trial: Trial) -> None:
    """Whatever it asks for or hands in lies in the task's space."""
    history = trial.play()
    culprit = ailing(history)
    if culprit == "check_in_space":
        raise Violation(history.failure, history)
    if culprit:
        raise Blocked(culprit)
    trial.reach("a candidate")


@check("P29", "dedupes", wants=Wants(rows=False))
def check_duplicates(trial: Trial) -> None:
    """It evaluates no candidate twice while there are others."""
    history = trial.healthy()
    seen: list[object] = []
    others = trial.scene.size if trial.scene.kind == "pool" else None
    for event in history.of(Evaluate):
        request = event.request
        if isinstance(event.answer, BudgetExhausted) or not isinstance(request, Evaluate):
            continue
        trial.reach("an evaluation")
        if request.candidate in seen and (others is None or len(set(seen)) < others):
            first = seen.index(request.candidate)
            raise Violation(f"evaluation {len(seen)} repeats {first}: {shown(request)}", history)
        seen.append(request.candidate)


@check("P31", wants=Wants(oracles=("constant", "first"), faults=("nan", "failed"), full=True))
def check_terminates(trial: Trial) -> None:
    """It comes to an end, also where all scores are equal, or no answer is one."""
    history = trial.play()
    trial.reach("a run")
    if history.endless:
        raise Violation(
            f"{len(history.events)} requests with a budget of {trial.scene.budget} evaluations, and no end",
            history,
        )
