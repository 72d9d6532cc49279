"""The runs of one tournament, arranged for drawing: who is drawn how, against what, in which arrays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from sandbox.axes import TOKENS, amount
from sandbox.budget import UNITS, Cost
from sandbox.report.summary import Array, Summary
from sandbox.statistics import Band, mean_curve, normalised_regret, step_values
from sandbox.statistics.estimates import Estimate
from sandbox.streams import stream
from sandbox.tournament import Run

DRAWN = 12
"""Agents in figures, the best by mean score; tables have all."""
POINTS = 81
"""Of a curve."""
_UNITS = np.array(list(UNITS.values()), dtype=np.float64)


@lru_cache(maxsize=64)
def _grid(horizon: float) -> Array:
    points = np.linspace(0.0, horizon, POINTS)
    points.setflags(write=False)  # every run is looked at on the same one
    return points


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that is spent, as an axis."""

    name: str
    label: str
    horizon: float
    """The end of the axis: the limit, or the most that a run spent."""
    money: bool = False

    @property
    def grid(self) -> Array:
        """Points of the axis at which curves are looked at."""
        return _grid(self.horizon)

    def of(self, cost: Cost) -> float:
        """How much of it is in a cost, in the units that people write."""
        return amount(cost, self.name)


@dataclass(frozen=True, slots=True)
class Facts:
    """One tournament: its summary, its runs, and who is drawn."""

    summary: Summary
    number: int
    """Of the tournament in the report, from 0."""
    by_agent: dict[str, list[Run]]
    """Judged agents only, the best first."""
    everybody: dict[str, list[Run]]
    """Also those with failed runs."""
    numbers: dict[str, int]
    """Each agent's number in the whole report: its colour, pattern and mark."""
    resources: tuple[Resource, ...]
    """The tournament's own axis first."""
    seeds: tuple[int, ...] = ()
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Each problem's baseline and optimum."""
    _spent: dict[str, dict[str, Array]] = field(default_factory=dict, repr=False)
    """Of runs by their keys; filled when asked for."""

    @property
    def published(self) -> bool:
        """Whether these are somebody's printed results, one number a method and problem."""
        return self.summary.unit == "problems"

    @property
    def drawn(self) -> list[str]:
        """The agents in figures, the best first."""
        return list(self.by_agent)[:DRAWN]

    @property
    def scaled(self) -> list[str]:
        """The problems on which there is a way from the baseline to the optimum, for runs to go."""
        if self.published:
            return []
        return [name for name, (low, high) in self.spans.items() if high > low]

    def table(self, agent: str, value: Callable[[Run], float]) -> Array:
        """A value of each run, shape (problems, seeds), NaN where there is none."""
        row = {problem: i for i, problem in enumerate(self.summary.problems)}
        column = {seed: i for i, seed in enumerate(self.seeds)}
        found = np.full((len(row), len(column)), np.nan)
        for run in self.by_agent.get(agent, ()):
            found[row[run.problem], column[run.seed]] = value(run)
        return found

    def scores(self, drawn: bool = True) -> dict[str, Array]:
        """True scores, shape (problems, seeds); of a published table (problems, 1).

        Args:
            drawn: of the agents in figures only, or else of all.
        """
        most = DRAWN if drawn else len(self.by_agent)
        if self.published:
            return {
                standing.agent: np.array([[estimate.value] for estimate in standing.by_problem])
                for standing in self.summary.standings[:most]
            }
        return {
            agent: self.table(agent, lambda run: np.nan if run.truth is None else run.truth)
            for agent in list(self.by_agent)[:most]
        }

    def held_from(self, run: Run) -> dict[str, Array]:
        """What of each resource had been spent when each recommendation of a run was made."""
        if run.key not in self._spent:
            columns = np.array([step.spent for step in run.steps], dtype=np.float64).reshape(-1, len(UNITS)).T
            of = dict(zip(UNITS, columns / _UNITS[:, None], strict=True))
            of[TOKENS] = of["prompt_tokens"] + of["completion_tokens"]
            self._spent[run.key] = {r.name: np.maximum.accumulate(of[r.name]) for r in self.resources}
        return self._spent[run.key]

    def curves(self, agent: str) -> dict[str, Band]:
        """On each resource the part of the way to the optimum that the recommendation was at, with a band.

        Mean over problems and seeds; all resources see the same draws. Nothing where no problem has a way.
        """
        wanted = {problem: i for i, problem in enumerate(self.scaled)}
        if not wanted:
            return {}
        column = {seed: i for i, seed in enumerate(self.seeds)}
        curves = np.full((len(wanted), len(column), len(self.resources) * POINTS), np.nan)
        for run in self.by_agent[agent]:
            if run.problem in wanted:
                way = 1.0 - normalised_regret([step.truth for step in run.steps], run.optimum, run.baseline)
                spent = self.held_from(run)
                pieces = [step_values(spent[r.name], way, r.grid, 0.0) for r in self.resources]
                curves[wanted[run.problem], column[run.seed]] = np.concatenate(pieces)
        band = mean_curve(curves, stream(0, "report", "curve"))
        return {resource.name: cut(band, i) for i, resource in enumerate(self.resources)}

    def truths(self, agent: str, problem: str, resource: Resource, grid: Array) -> Array | None:
        """The mean true score of the recommendation on one problem."""
        runs = [run for run in self.by_agent[agent] if run.problem == problem]
        if not runs:
            return None
        values = [
            step_values(
                self.held_from(run)[resource.name], [step.truth for step in run.steps], grid, run.baseline
            )
            for run in runs
        ]
        return np.asarray(np.mean(values, axis=0))

    def spent(self, agent: str) -> dict[str, Estimate]:
        """What the agent spent of each resource in a run, mean over problems and seeds."""
        tables = [
            self.table(agent, lambda run, r=resource: r.of(run.spent))  # type: ignore[misc]
            for resource in self.resources
        ]
        band = mean_curve(np.stack(tables, axis=2), stream(0, "report", "spent"))
        ends = zip(band.value.tolist(), band.low.tolist(), band.high.tolist(), strict=True)
        return {r.name: Estimate(*end, band.level) for r, end in zip(self.resources, ends, strict=True)}


def cut(band: Band, i: int) -> Band:
    """The `i`-th piece of a band over several grids of `POINTS` points."""
    piece = slice(i * POINTS, (i + 1) * POINTS)
    return Band(band.value[piece], band.low[piece], band.high[piece], band.level)


def arrange(summaries: Sequence[Summary], runs: Sequence[Run]) -> list[Facts]:
    """The facts of each tournament; an agent has one number throughout the report."""
    numbers: dict[str, int] = {}
    for summary in summaries:
        for standing in summary.standings:
            numbers.setdefault(standing.agent, len(numbers))
    for summary in summaries:
        for agent in summary.failures:
            numbers.setdefault(agent, len(numbers))
    groups: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.scenario, run.budget, run.digest, run.rivals].append(run)
    found = []
    for i, summary in enumerate(summaries):
        mine = groups[summary.scenario, summary.budget, summary.settings, summary.rivals]
        everybody: dict[str, list[Run]] = defaultdict(list)
        for run in mine:
            everybody[run.agent].append(run)
            numbers.setdefault(run.agent, len(numbers))
        spans = {run.problem: (run.baseline, run.optimum) for run in mine}
        found.append(
            Facts(
                summary=summary,
                number=i,
                by_agent={standing.agent: everybody[standing.agent] for standing in summary.standings},
                everybody=dict(everybody),
                numbers=numbers,
                resources=_resources(summary, mine),
                seeds=tuple(sorted({run.seed for run in mine})),
                spans={problem: spans[problem] for problem in summary.problems},
            )
        )
    return found


def arrange_table(summary: Summary) -> Facts:
    """The facts of a published table: scores of methods on problems, and no runs."""
    names = [standing.agent for standing in summary.standings]
    values = [e.value for standing in summary.standings for e in standing.by_problem]
    whole = (0.0, 1.0) if values and min(values) >= 0 and max(values) <= 1 else (np.nan, np.nan)
    return Facts(
        summary=summary,
        number=0,
        by_agent={name: [] for name in names},
        everybody={name: [] for name in names},
        numbers={name: i for i, name in enumerate(names)},
        resources=(),
        spans=dict.fromkeys(summary.problems, whole),
    )


_LABELS = {
    "evaluations": "evaluations",
    "rows": "rows scored",
    "completions": "completions",
    TOKENS: "tokens",
    "prompt_tokens": "prompt tokens",
    "completion_tokens": "completion tokens",
    "usd": "US dollars",
    "seconds": "seconds",
    "whitebox_seconds": "white-box seconds",
    "whitebox_tokens": "white-box tokens",
}


def _resources(summary: Summary, runs: Sequence[Run]) -> tuple[Resource, ...]:
    """What the tournament limits, and evaluations, tokens, money and seconds where any were spent."""
    names = dict.fromkeys([summary.axis, "evaluations", TOKENS, "usd", "seconds"])
    found = []
    for name in names:
        limit = summary.budget.limits().get(name)
        most = max((amount(run.spent, name) for run in runs), default=0.0)
        horizon = limit / UNITS[name] if limit is not None else most
        if most > 0 and horizon > 0:
            found.append(Resource(name, _LABELS[name], horizon, money=name == "usd"))
    return tuple(found)
