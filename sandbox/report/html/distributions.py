"""How much it took to get how far: distributions of runtimes, and profiles of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import numpy.typing as npt

from sandbox.report.html.facts import POINTS, Facts, Resource, cut
from sandbox.report.html.figures import band_words, by_resource, figure, sample_words
from sandbox.report.html.lines import Line, Span, line_chart
from sandbox.report.html.markup import Content, Markup
from sandbox.report.html.tables import cut_note
from sandbox.report.html.wording import listed
from sandbox.report.summary import Array
from sandbox.statistics import Band, mean_curve
from sandbox.statistics.profiles import data_profile, performance_profile, score_profile
from sandbox.statistics.runtimes import solved_shares, times_to_targets
from sandbox.streams import stream
from sandbox.tournament import Run

TARGETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Parts of the way whose costs make the distribution."""
SOLVED = 0.9
"""Part of the way at which a run counts as solved in the profiles."""

Hits = npt.NDArray[np.bool_]


class Runtimes:
    """When each run of a tournament reached each of `TARGETS`."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._places = {
            agent: {run.key: _first_steps(run) for run in facts.by_agent[agent] if run.problem in facts.spans}
            for agent in facts.drawn
        }

    @cache  # noqa: B019
    def costs(self, agent: str, resource: Resource) -> tuple[Array, Hits]:
        """Costs of the targets and whether they were reached, shape (problems, seeds, targets)."""
        facts = self._facts
        row = {problem: i for i, problem in enumerate(facts.scaled)}
        column = {seed: i for i, seed in enumerate(facts.seeds)}
        costs = np.full((len(row), len(column), len(TARGETS)), np.nan)
        hits = np.zeros(costs.shape, dtype=np.bool_)
        for run in facts.by_agent[agent]:
            if run.problem in row:
                cell = row[run.problem], column[run.seed]
                spent = facts.held_from(run)[resource.name]
                whole = max(resource.of(run.spent), float(spent[-1]) if len(spent) else 0.0)
                places, hit = self._places[agent][run.key]
                hits[cell] = hit
                costs[cell] = np.append(spent, whole)[np.where(hit, places, len(spent))]
        return costs, hits


def _first_steps(run: Run) -> tuple[npt.NDArray[np.int64], Hits]:
    """The first step of a run that reached each target, whatever steps cost."""
    wanted = run.baseline + np.array(TARGETS) * (run.optimum - run.baseline)
    places, hit = times_to_targets(np.arange(len(run.steps)), [step.truth for step in run.steps], wanted)
    return places.astype(np.int64), hit


def distributions(facts: Facts) -> list[Content]:
    """The figures that are made of runtimes, and the profile of scores."""
    if not facts.scaled or not facts.resources:
        return []
    runtimes = Runtimes(facts)
    return [_ecdf(facts, runtimes), _scores(facts), _performance(facts, runtimes), _data(facts, runtimes)]


def _ecdf(facts: Facts, runtimes: Runtimes) -> Markup:
    views = {}
    grids, bands = _grids(facts, runtimes), {}
    for agent in facts.drawn:
        shares = [solved_shares(*runtimes.costs(agent, r), grids[r.name]) for r in facts.resources]
        bands[agent] = mean_curve(np.concatenate(shares, axis=2), stream(0, "report", "ecdf"))
    for i, resource in enumerate(facts.resources):
        low = float(grids[resource.name][0])
        span = Span(f"{resource.label} spent, logarithmic", low, resource.horizon, True, resource.money)
        own = {agent: clipped(cut(band, i)) for agent, band in bands.items()}
        views[resource.name] = _chart(
            facts, grids[resource.name], own, span, "share of targets reached", "Runtimes"
        )
    parts = ", ".join(f"{100 * part:.0f}" for part in TARGETS)
    return figure(
        f"t{facts.number}-ecdf",
        "Targets reached",
        by_resource(facts, views),
        "Share of (problem, seed, target) triples reached by a recommendation for at most so much: the "
        f"empirical distribution of runtimes. Targets: {parts} per cent of the way from a blind guess to the "
        f"optimum; {sample_words(facts)}. What a run never reached never counts.",
        band_words(facts),
        cut_note(facts, "Drawn are"),
    )


def clipped(band: Band) -> Band:
    """A band of shares, which lie between 0 and 1."""
    return Band(band.value, np.clip(band.low, 0.0, 1.0), np.clip(band.high, 0.0, 1.0), band.level)


def _grids(facts: Facts, runtimes: Runtimes) -> dict[str, Array]:
    """A logarithmic grid a resource, from the least positive cost, at most three decades, to its end."""
    grids = {}
    for resource in facts.resources:
        found = [runtimes.costs(agent, resource) for agent in facts.drawn]
        costs = np.concatenate([costs[hits & (costs > 0)] for costs, hits in found])
        least = float(costs.min()) if costs.size else resource.horizon / 10
        low = min(max(least, resource.horizon / 1000), resource.horizon / 2)
        grids[resource.name] = np.geomspace(low, resource.horizon, POINTS)
    return grids


def _scores(facts: Facts) -> Markup:
    thresholds = np.linspace(0.0, 0.995, POINTS)  # nobody is above the optimum
    rows = [i for i, problem in enumerate(facts.summary.problems) if problem in set(facts.scaled)]
    bands = {
        agent: score_profile(
            facts.table(agent, lambda run: 1.0 - run.gap)[rows], thresholds, stream(0, "report", "scores")
        )
        for agent in facts.drawn
    }
    span = Span("final score, as a part of the way", 0.0, 1.0, percent=True)
    return figure(
        f"t{facts.number}-scores",
        "Score profile",
        _chart(facts, thresholds, bands, span, "share of runs above", "Score profiles"),
        f"Share of runs that ended above each part of the way to the optimum; {sample_words(facts)}. A line "
        "that lies above another everywhere is better whatever one calls good.",
        band_words(facts),
        cut_note(facts, "Drawn are"),
    )


def _performance(facts: Facts, runtimes: Runtimes) -> Content:
    """Dolan and Moré's profile against each resource; nothing where agents share no runs."""
    views = {}
    place = TARGETS.index(SOLVED)
    for resource in facts.resources:
        found = {agent: runtimes.costs(agent, resource) for agent in facts.drawn}
        costs = {agent: c[:, :, place] for agent, (c, _) in found.items()}
        hits = {agent: h[:, :, place] for agent, (_, h) in found.items()}
        present = np.logical_and.reduce([~np.isnan(c) for c in costs.values()])
        if not present.any(axis=1).all():
            return None
        most = 32.0
        grid = np.geomspace(1.0, most, POINTS)
        bands = performance_profile(costs, hits, grid, stream(0, "report", "performance", resource.name))
        span = Span(f"{resource.label}, as a multiple of the cheapest agent's", 1.0, most, True)
        views[resource.name] = _chart(
            facts, grid, bands, span, "share of runs solved", "Performance profiles"
        )
    return figure(
        f"t{facts.number}-performance",
        "Performance profile",
        by_resource(facts, views),
        f"Share of (problem, seed) cells in which an agent came {100 * SOLVED:.0f} % of the way within so "
        "many times the cost of the cell's cheapest agent (Dolan and Moré 2002); at 1 the share in which "
        "it was "
        "the cheapest. Depends on who competes.",
        band_words(facts),
        cut_note(facts, "Drawn are"),
    )


def _data(facts: Facts, runtimes: Runtimes) -> Content:
    """Moré and Wild's profile, where candidates are points and so have a dimension."""
    resource = next((r for r in facts.resources if r.name == "evaluations"), None)
    sizes = [_dimension(facts, problem) for problem in facts.scaled]
    if resource is None or not all(sizes):
        return None
    place = TARGETS.index(SOLVED)
    found = {agent: runtimes.costs(agent, resource) for agent in facts.drawn}
    most = resource.horizon / (min(sizes) + 1)
    grid = np.linspace(0.0, most, POINTS)
    bands = {
        agent: data_profile(c[:, :, place], h[:, :, place], sizes, grid, stream(0, "report", "data"))
        for agent, (c, h) in found.items()
    }
    return figure(
        f"t{facts.number}-data",
        "Data profile",
        _chart(
            facts, grid, bands, Span("groups of d + 1 evaluations", 0.0, most), "share of runs solved", "Data"
        ),
        f"Share of runs that came {100 * SOLVED:.0f} % of the way within so many groups of d + 1 "
        f"evaluations (Moré and Wild 2009), d the dimension: {min(sizes)} to {max(sizes)} here.",
        band_words(facts),
        cut_note(facts, "Drawn are"),
    )


def _dimension(facts: Facts, problem: str) -> int:
    """Of the points that were recommended on a problem; 0 where they are texts."""
    for runs in facts.by_agent.values():
        for run in runs:
            if run.problem == problem and run.recommended is not None:
                return 0 if isinstance(run.recommended, str) else len(run.recommended)
    return 0


def _chart(facts: Facts, grid: Array, bands: Mapping[str, Band], across: Span, up: str, what: str) -> Markup:
    number: Callable[[str], int] = facts.numbers.__getitem__
    lines = [
        Line(number(agent), agent, grid.tolist(), band.value.tolist(), band.low.tolist(), band.high.tolist())
        for agent, band in bands.items()
    ]
    title = f"{what} of {listed(list(bands))} against {across.label}"
    return line_chart(lines, across, Span(up, 0.0, 1.0, percent=True), title)
