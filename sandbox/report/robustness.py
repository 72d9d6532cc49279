"""Robustness curves: how gap and rank of agents change with a level of noise, faults, or anything else.

The same agents play the same problems with the same seeds at each level, and luck is keyed by what is asked:
a run at one level is paired with the run of the same problem and seed at the first level, the control. With
faults the pairing goes further: what fails at a small rate fails at every larger one.

- **gap** at a level: mean over problems of the mean over seeds of the normalised regret, 0 at the optimum and
  1 at a blind guess, with the bootstrap interval of `mean_score`.
- **rank** at a level: the same mean of the rank within each (problem, seed), 1 the best, ties share; among
  the agents that finished all runs at all levels, so that ranks of two levels can be compared.
- **change** of an agent from the first level to another: the paired difference of gaps with its interval, a
  sign-flip test, and Holm's correction over all changes. Above 0 is worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from sandbox.errors import UsageError
from sandbox.statistics import Estimate, holm, mean_score, paired_difference, sign_flip_p
from sandbox.statistics.estimates import Array
from sandbox.streams import stream
from sandbox.tournament import Run

Cell: TypeAlias = tuple[str, int]
"""A problem and a seed."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a level does to an agent, against the first level."""

    difference: Estimate
    """Of gaps; above 0 is worse."""
    p: float
    p_adjusted: float
    pairs: int
    verdict: str
    """"worse", "better" or "undecided"."""


@dataclass(frozen=True, slots=True)
class Level:
    """How all agents stand at one level; an agent that failed a run here is in `failures` alone."""

    name: str
    """As a person wrote it."""
    value: float | None
    """None where it is no number."""
    gaps: dict[str, Estimate]
    ranks: dict[str, Estimate]
    """Of agents that failed nowhere."""
    changes: dict[str, Change]
    """Empty at the first level."""
    failures: dict[str, tuple[int, int, str]]
    """Agent → failed runs, all runs, the first reason."""

    def best(self) -> str | None:
        """Who has the best mean rank here, or the smallest gap where there are no ranks."""
        found = self.ranks or self.gaps
        return min(found, key=lambda agent: (found[agent].value, agent)) if found else None


@dataclass(frozen=True, slots=True)
class Robustness:
    """All levels of one scenario."""

    scenario: str
    budget: str
    key: str
    """What was varied."""
    levels: tuple[Level, ...]
    problems: tuple[str, ...]
    seeds: int

    @property
    def agents(self) -> list[str]:
        """Everybody, the smallest gap at the last level first, and who failed there at the end."""
        everybody = {agent for level in self.levels for agent in (*level.gaps, *level.failures)}
        last = self.levels[-1].gaps
        return sorted(everybody, key=lambda agent: (last[agent].value if agent in last else np.inf, agent))


def robustness(
    key: str, levels: Sequence[tuple[str, Sequence[Run]]], level: float = 0.95, alpha: float = 0.05
) -> Robustness:
    """The curves of the runs of one scenario, played at several levels of `key`.

    Args:
        key: what was varied.
        levels: each level's name and runs, the control first.
        level: of intervals.
        alpha: bound on the chance of any false "worse" or "better".

    Raises:
        UsageError: if there are fewer than two levels, one has no runs, or an agent shares no seed of a
            problem with the first level.
    """
    if len(levels) < 2:
        raise UsageError(
            f"{key}: at least two levels, as in {key}=0,0.1; the first is compared with the others"
        )
    for name, runs in levels:
        if not runs:
            raise UsageError(f"{key}={name}: there are no runs")
    everything = [run for _, runs in levels for run in runs]
    # A gap cannot be measured where a blind guess is the optimum already.
    problems = tuple(sorted({run.problem for run in everything if run.optimum > run.baseline}))
    seeds = sorted({run.seed for run in everything})
    agents = sorted({run.agent for run in everything})
    failed = [_failures(runs) for _, runs in levels]
    tables = [_tables(runs, problems, seeds) for _, runs in levels]
    steady = [a for a in agents if all(a in table for table in tables) and not any(a in f for f in failed)]
    found = []
    for place, (name, _) in enumerate(levels):
        table = {agent: gaps for agent, gaps in tables[place].items() if agent not in failed[place]}
        changes = {}
        if place:
            for agent, gaps in table.items():
                if agent in tables[0] and agent not in failed[0]:
                    changes[agent] = _change(agent, f"{key}={name}", gaps, tables[0][agent], level)
        found.append(
            Level(
                name=name,
                value=_number(name),
                gaps={agent: _mean(gaps, "gap", level) for agent, gaps in table.items()},
                ranks=_ranks({agent: table[agent] for agent in steady}, level),
                changes=changes,
                failures=failed[place],
            )
        )
    first = everything[0]
    return Robustness(first.scenario, str(first.budget), key, _corrected(found, alpha), problems, len(seeds))


def _number(name: str) -> float | None:
    try:
        value = float(name)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _failures(runs: Sequence[Run]) -> dict[str, tuple[int, int, str]]:
    found: dict[str, tuple[int, int, str]] = {}
    for agent in sorted({run.agent for run in runs}):
        mine = [run for run in runs if run.agent == agent]
        broken = [run for run in mine if run.error is not None]
        if broken:
            found[agent] = (len(broken), len(mine), broken[0].error or "")
    return found


def _tables(runs: Sequence[Run], problems: Sequence[str], seeds: Sequence[int]) -> dict[str, Array]:
    """Agent → gaps, shape (problems, seeds), NaN where missing; agents that lack a problem are left out."""
    found: dict[str, Array] = {}
    for run in runs:
        if run.problem in problems:
            table = found.setdefault(run.agent, np.full((len(problems), len(seeds)), np.nan))
            table[problems.index(run.problem), seeds.index(run.seed)] = run.gap
    return {agent: table for agent, table in sorted(found.items()) if not np.isnan(table).all(axis=1).any()}


def _mean(table: Array, name: str, level: float) -> Estimate:
    return mean_score(table, stream(0, "robustness", name), level)


def _ranks(tables: dict[str, Array], level: float) -> dict[str, Estimate]:
    from scipy.stats import rankdata

    if len(tables) < 2:
        return {}
    cells = np.stack(list(tables.values()))
    missing = np.asarray(np.isnan(cells).any(axis=0), dtype=np.bool_)
    if missing.all(axis=1).any():
        return {}
    ranks = np.where(missing, np.nan, rankdata(np.where(missing, 0.0, cells), axis=0))
    return {agent: _mean(ranks[i], "rank", level) for i, agent in enumerate(tables)}


def _change(agent: str, where: str, gaps: Array, control: Array, level: float) -> Change:
    try:
        difference = paired_difference(gaps, control, stream(0, "robustness", "change"), level)
        p = sign_flip_p(gaps, control, stream(0, "robustness", "flips"))
    except ValueError as exc:
        raise UsageError(f"{where}: {agent} cannot be paired with the first level: {exc}") from exc
    pairs = int((~np.isnan(gaps) & ~np.isnan(control)).sum())
    return Change(difference, p, p, pairs, "undecided")


def _corrected(levels: Sequence[Level], alpha: float) -> tuple[Level, ...]:
    """The levels with Holm's correction over all changes."""
    places = [(place, agent) for place, level in enumerate(levels) for agent in level.changes]
    adjusted = dict(zip(places, holm([levels[i].changes[agent].p for i, agent in places]), strict=True))
    found = []
    for place, level in enumerate(levels):
        changes = {}
        for agent, change in level.changes.items():
            p, sign = adjusted[place, agent], change.difference.sign
            decided = p < alpha and sign * change.difference.value > 0
            verdict = ("worse" if sign > 0 else "better") if decided else "undecided"
            changes[agent] = replace(change, p_adjusted=p, verdict=verdict)
        found.append(replace(level, changes=changes))
    return tuple(found)


def sentences(curves: Robustness) -> list[str]:
    """What the levels do to whom, in plain words."""
    control, last = curves.levels[0], curves.levels[-1]
    found = []
    for level in curves.levels[1:]:
        for verdict in ("worse", "better"):
            told = [
                f"{agent} by {_points(level.changes[agent].difference)}"
                for agent in curves.agents
                if agent in level.changes and level.changes[agent].verdict == verdict
            ]
            if told:
                where = f"At {curves.key}={level.name}, {verdict} than at {control.name}"
                found.append(f"{where}, in points of gap: {', '.join(told)}.")
    if not found:
        found.append(f"No change against {curves.key}={control.name} is decided: more seeds would be needed.")
    before, after = control.best(), last.best()
    if before is not None and after is not None and len(curves.agents) > 1:
        where = f"and at {last.name}" if before == after else f"and {after} at {last.name}"
        found.append(f"By mean rank, which is not tested, {before} is in front at {control.name} {where}.")
    return found


def _points(difference: Estimate) -> str:
    """A difference of gaps in percentage points, with its interval."""
    return f"{100 * difference.value:+.1f} ({100 * difference.low:+.1f} to {100 * difference.high:+.1f})"


def as_data(curves: Robustness) -> dict[str, Any]:
    """What a script would read; NaN becomes None."""

    def told(estimate: Estimate) -> dict[str, float | None]:
        numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
        return {name: value if np.isfinite(value) else None for name, value in numbers.items()}

    return {
        "scenario": curves.scenario,
        "budget": curves.budget,
        "key": curves.key,
        "problems": list(curves.problems),
        "seeds": curves.seeds,
        "levels": [
            {
                "level": level.name,
                "value": level.value,
                "agents": {
                    agent: {
                        "gap": told(level.gaps[agent]),
                        "rank": told(level.ranks[agent]) if agent in level.ranks else None,
                        "change": None
                        if (change := level.changes.get(agent)) is None
                        else {
                            **told(change.difference),
                            "p": change.p,
                            "p_adjusted": change.p_adjusted,
                            "pairs": change.pairs,
                            "verdict": change.verdict,
                        },
                    }
                    for agent in curves.agents
                    if agent in level.gaps
                },
                "failures": {
                    agent: {"failed": failed, "runs": runs, "first": why}
                    for agent, (failed, runs, why) in level.failures.items()
                },
            }
            for level in curves.levels
        ],
        "sentences": sentences(curves),
    }
