"""From stored runs to what can be said about them: scores, intervals, verdicts, costs to targets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sandbox.axes import amount, check_axis
from sandbox.budget import CURRENCIES, UNITS, Budget
from sandbox.errors import UsageError
from sandbox.report.pairing import MOST_COMPARED, common_cells, strangers, uneven
from sandbox.statistics import (
    Comparison,
    Estimate,
    Reach,
    Unit,
    all_pairs,
    mean_scores,
    normalised_regret,
    reach,
    step_values,
    time_to_target,
)
from sandbox.streams import stream
from sandbox.tournament import Run

Array: TypeAlias = npt.NDArray[np.float64]

TARGETS = (0.5, 0.9)
"""Parts of the way from the baseline to the optimum whose cost is reported."""
_POINTS = 41
"""Of an anytime curve."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One agent over all problems of a tournament."""

    agent: str
    score: Estimate
    """Mean final true score of what it recommended."""
    gap: float
    """Mean normalised regret: 0 at the optimum, 1 at the baseline."""
    runs: int
    reached: tuple[Reach, ...]
    """Cost to each of `TARGETS`, on the tournament's axis."""
    dollars: tuple[Reach, ...]
    """The same in US dollars; empty where nothing is paid."""
    by_problem: tuple[Estimate, ...]
    curve: Array
    """Mean part of the way to the optimum at each point of the axis, shape (points,)."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One tournament: a scenario under one budget."""

    scenario: str
    budget: Budget
    rivals: tuple[str, ...]
    """Who shared a service with whom; empty where nobody did."""
    settings: str
    """Tells tournaments apart that differ in their settings only."""
    problems: tuple[str, ...]
    optima: tuple[float, ...]
    seeds: int
    axis: str
    """The resource that curves and targets are drawn against: one of `sandbox.axes.AXES`."""
    horizon: float
    """The end of the axis, in the units that people write."""
    grid: Array
    standings: tuple[Standing, ...]
    """The best mean first; agents without a failed run only."""
    failures: dict[str, tuple[int, int, str]]
    """Of each other agent: failed runs, all runs, and the first reason."""
    comparisons: tuple[Comparison, ...]
    caveats: tuple[str, ...]
    spent: dict[str, float]
    """Over all runs, in the units that people write."""
    unit: Unit = "seeds"
    """What was resampled; "problems" for a table with one number a problem, which has no curves and costs."""
    mean_ranks: Mapping[str, float] | None = None
    """Of each agent over problems, where they were asked for; 1 is the best, ties share."""

    def covers(self, run: Run) -> bool:
        """Whether it speaks of this run."""
        return _tournament(run) == (self.scenario, self.budget, self.settings, self.rivals)

    @property
    def title(self) -> str:
        """The scenario and its budget."""
        return ", ".join(filter(None, [self.scenario, str(self.budget)]))


def summarise(
    runs: Iterable[Run], level: float = 0.95, alpha: float = 0.05, axis: str | None = None
) -> list[Summary]:
    """One summary for each tournament that the runs belong to.

    Agents with a failed run are listed apart and not ranked: leaving the failures out
    would reward failing where it is hard, and a failure has no score.

    Args:
        runs: of any tournaments.
        level: of intervals.
        alpha: of verdicts.
        axis: the resource for curves and costs to targets, one of `sandbox.axes.AXES`; by default the limited
            one that was used up most.

    Raises:
        UsageError: for what is no axis, or one on which a tournament spent nothing.
    """
    check_axis(axis)
    groups: dict[tuple[str, Budget, str, tuple[str, ...]], list[Run]] = defaultdict(list)
    for run in runs:
        groups[_tournament(run)].append(run)
    return [
        _summarise(group, level, alpha, axis)
        for _, group in sorted(groups.items(), key=lambda item: repr(item[0]))
    ]


def _tournament(run: Run) -> tuple[str, Budget, str, tuple[str, ...]]:
    return run.scenario, run.budget, run.digest, run.rivals


def _summarise(runs: Sequence[Run], level: float, alpha: float, wanted: str | None) -> Summary:
    runs = sorted(runs, key=lambda run: (run.problem, run.agent, run.seed))
    first = runs[0]
    problems = tuple(dict.fromkeys(run.problem for run in runs))
    place = {problem: i for i, problem in enumerate(problems)}
    seeds = sorted({run.seed for run in runs})
    column = {seed: i for i, seed in enumerate(seeds)}
    of_problem = {run.problem: run for run in runs}
    by_agent: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_agent[run.agent].append(run)
    failures = {
        agent: (len(failed), len(played), failed[0].error or "")
        for agent, played in by_agent.items()
        if (failed := [run for run in played if run.error is not None])
    }
    judged = {
        agent: played
        for agent, played in by_agent.items()
        if agent not in failures and {run.problem for run in played} == set(problems)
    }
    axis = wanted or _axis(runs)
    horizon = _horizon(runs, axis)
    grid = np.linspace(0.0, horizon, _POINTS)
    scores: dict[str, Array] = {}
    for agent, played in judged.items():
        scores[agent] = np.full((len(problems), len(seeds)), np.nan)
        for run in played:
            scores[agent][place[run.problem], column[run.seed]] = run.truth
    whole = mean_scores(list(scores.values()), stream(0, "interval"), level)
    parts = [
        mean_scores([x[i : i + 1] for x in scores.values()], stream(0, "interval", problem), level)
        for i, problem in enumerate(problems)
    ]
    standings = [
        _standing(agent, judged[agent], whole[k], [part[k] for part in parts], axis, grid)
        for k, agent in enumerate(judged)
    ]
    comparisons: tuple[Comparison, ...] = ()
    apart = strangers(scores, problems)
    if len(judged) > 1 and not apart:
        comparisons = all_pairs(common_cells(scores), stream(0, "verdicts", first.scenario), level, alpha)
    return Summary(
        scenario=first.scenario,
        budget=first.budget,
        rivals=first.rivals,
        settings=first.digest,
        problems=problems,
        optima=tuple(of_problem[problem].optimum for problem in problems),
        seeds=len(seeds),
        axis=axis,
        horizon=horizon,
        grid=grid,
        standings=tuple(sorted(standings, key=lambda standing: (-standing.score.value, standing.agent))),
        failures=failures,
        comparisons=comparisons,
        caveats=(apart or uneven(scores))
        + _notes(by_agent)
        + tuple(
            f"{problem}: {of_problem[problem].caveat}" for problem in problems if of_problem[problem].caveat
        ),
        spent={
            name: total
            for i, name in enumerate(CURRENCIES)
            if (total := sum(run.spent[i] for run in runs) / UNITS[name])
        },
    )


def _notes(by_agent: Mapping[str, Sequence[Run]]) -> tuple[str, ...]:
    """What the notes say of whom, and on how many problems; the first of its kind stands for all."""
    found = []
    for agent, runs in by_agent.items():
        kinds: dict[str, dict[str, str]] = defaultdict(dict)
        for run in runs:
            if run.note:
                kinds[run.note.partition(":")[0]].setdefault(run.problem, run.note)
        for noted in kinds.values():
            where = f"on {len(noted)} of {len({run.problem for run in runs})} problems"
            found.append(f"{agent}: {where} {next(iter(noted.values()))}")
    return tuple(found)


def _axis(runs: Sequence[Run]) -> str:
    """The limited currency that the runs used up most: what the tournament was really about."""
    limits = runs[0].budget.limits()
    return max(limits, key=lambda name: sum(getattr(run.spent, name) for run in runs) / limits[name])


def _horizon(runs: Sequence[Run], axis: str) -> float:
    """The end of the axis: the limit where there is one, or else the most that a run spent."""
    limits = runs[0].budget.limits()
    if axis in limits:
        return limits[axis] / UNITS[axis]
    most = max(amount(run.spent, axis) for run in runs)
    if not most:
        raise UsageError(f"--axis {axis}: nothing of it was spent in {runs[0].scenario}, {runs[0].budget}")
    return most


def _standing(
    agent: str, runs: Sequence[Run], score: Estimate, by_problem: Sequence[Estimate], axis: str, grid: Array
) -> Standing:
    way = np.array([1.0 - run.gap for run in runs])
    curves = []
    for run in runs:
        at = [amount(step.spent, axis) for step in run.steps]
        values = [1.0 - float(normalised_regret(step.truth, run.optimum, run.baseline)) for step in run.steps]
        curves.append(step_values(at, values, grid, 0.0))
    paid = max(run.spent.usd for run in runs) / UNITS["usd"]
    return Standing(
        agent=agent,
        score=score,
        gap=float(1.0 - way.mean()),
        runs=len(runs),
        reached=tuple(_reach(runs, part, axis, grid[-1]) for part in TARGETS),
        dollars=tuple(_reach(runs, part, "usd", paid) for part in TARGETS) if paid else (),
        by_problem=tuple(by_problem),
        curve=np.mean(curves, axis=0),
    )


def _reach(runs: Sequence[Run], part: float, axis: str, horizon: float) -> Reach:
    """Cost until the recommendation was first that good; a run that never got there is censored."""
    costs, hits = [], []
    for run in runs:
        target = run.baseline + part * (run.optimum - run.baseline)
        at = [amount(step.spent, axis) for step in run.steps]
        spent = max(amount(run.spent, axis), at[-1] if at else 0.0)
        cost, hit = time_to_target(at, [step.truth for step in run.steps], target, spent)
        costs.append(cost)
        hits.append(hit)
    replicates = max(400, min(2_000, 1_000_000 // max(len(costs), 1)))  # of many runs fewer tell as much
    return reach(costs, hits, horizon, stream(0, "reach", axis), replicates=replicates)


def sentences(summary: Summary) -> list[str]:
    """Who beat whom, and what is undecided, in plain words."""
    ranked = [standing.agent for standing in summary.standings]
    if not ranked:
        return ["No agent finished all of its runs, so there is nothing to compare."]
    if len(ranked) == 1:
        return [f"Only {ranked[0]} can be judged, so there is nothing to compare."]
    if not summary.comparisons and len(ranked) > MOST_COMPARED:
        return [f"{len(ranked):,} agents are too many to be compared pair by pair."]
    if not summary.comparisons:
        return [f"{_listed(ranked)} share no seeds, so there is nothing to compare."]
    beats: dict[str, list[str]] = {agent: [] for agent in ranked}
    open_pairs: list[tuple[str, str]] = []
    for comparison in summary.comparisons:
        if comparison.verdict == "a beats b":
            beats[comparison.a].append(comparison.b)
        elif comparison.verdict == "b beats a":
            beats[comparison.b].append(comparison.a)
        else:
            open_pairs.append((comparison.a, comparison.b))
    place = {agent: i for i, agent in enumerate(ranked)}
    found = []
    for agent in ranked:
        if beats[agent]:
            found.append(f"{agent} beats {_listed(sorted(beats[agent], key=place.__getitem__))}.")
    if open_pairs:
        pairs = [" and ".join(sorted(pair, key=place.__getitem__)) for pair in open_pairs]
        pairs.sort()
        if len(open_pairs) == len(summary.comparisons):
            found.append(
                f"No pair is decided after Holm's correction, between {_listed(ranked)}: more problems would "
                "be needed."
                if summary.unit == "problems"
                else f"Nothing is decided between {_listed(ranked)}: more seeds would be needed."
            )
        else:
            found.append(f"Undecided: {'; '.join(pairs)}.")
    return found


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def as_data(summary: Summary) -> dict[str, Any]:
    """What a script would read; NaN becomes None, since JSON has none."""
    return {
        "scenario": summary.scenario,
        "budget": str(summary.budget),
        "settings": summary.settings,
        "problems": list(summary.problems),
        "seeds": summary.seeds,
        "unit": summary.unit,
        "mean_ranks": summary.mean_ranks,
        "axis": summary.axis,
        "horizon": summary.horizon,
        "leaderboard": [
            {
                "agent": standing.agent,
                "score": _estimate(standing.score),
                "gap": _finite(standing.gap),
                "runs": standing.runs,
                "by_problem": {
                    problem: _estimate(estimate)
                    for problem, estimate in zip(summary.problems, standing.by_problem, strict=True)
                },
                "cost_to_target": [
                    {
                        "target": part,
                        "currency": currency,
                        "median": reached.median,
                        "reached": reached.reached,
                        "runs": reached.runs,
                        "expected": _finite(reached.expected_running_time),
                    }
                    for currency, found in ((summary.axis, standing.reached), ("usd", standing.dollars))
                    for part, reached in zip(TARGETS, found, strict=False)
                ],
            }
            for standing in summary.standings
        ],
        "comparisons": [
            {
                "a": pair.a,
                "b": pair.b,
                "difference": _estimate(pair.difference),
                "p": pair.p,
                "p_adjusted": pair.p_adjusted,
                "win_rate": pair.win_rate,
                "verdict": pair.verdict,
            }
            for pair in summary.comparisons
        ],
        "failures": {
            agent: {"failed": failed, "runs": total, "first": why}
            for agent, (failed, total, why) in summary.failures.items()
        },
        "sentences": sentences(summary),
        "caveats": list(summary.caveats),
        "spent": summary.spent,
    }


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {"value": estimate.value, "low": _finite(estimate.low), "high": _finite(estimate.high)}


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
