"""The figures of one tournament, each with its title, and a caption that says what is drawn and how."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sandbox.axes import amount
from sandbox.report.html.bars import Bar, bars
from sandbox.report.html.drawing import legend
from sandbox.report.html.facts import DRAWN, Facts, Resource
from sandbox.report.html.lines import Line, Span, line_chart, small_chart
from sandbox.report.html.markup import Content, Markup, element, join
from sandbox.report.html.reading import PURPOSES, Use
from sandbox.report.html.scales import padded
from sandbox.report.html.scatter import Spot, scatter
from sandbox.report.html.tables import cut_note
from sandbox.report.html.wording import counted, listed
from sandbox.report.summary import Array
from sandbox.statistics import Band, Estimate, cost_front, non_dominated
from sandbox.streams import stream

WAY = "part of the way from a blind guess to the optimum"
_OTHER = 3
"""The hatching of what is not told apart by purpose."""
_PANELS = 60
"""Problems that get a panel of their own."""


def figure(identity: str, title: str, body: Content, *caption: Content, wide: bool = False) -> Markup:
    """A figure with its title above and its caption below."""
    return element(
        "figure",
        element("h3", title),
        element("div", body, class_="drawing"),
        element("figcaption", *caption),
        id=identity,
        class_="wide" if wide else None,
    )


def by_resource(facts: Facts, draw: Mapping[str, Markup]) -> Markup:
    """One drawing for each resource; the script switches between them, without it the first is seen."""
    return join(
        *(
            element("div", drawing, class_="axis-view", data_axis=name, hidden=i > 0)
            for i, (name, drawing) in enumerate(draw.items())
        )
    )


def sample_words(facts: Facts) -> str:
    """How many runs stand behind each line."""
    problems, seeds = len(facts.summary.problems), len(facts.seeds)
    return f"{counted(problems, 'problem')} \N{MULTIPLICATION SIGN} {counted(seeds, 'seed')}"


def band_words(facts: Facts) -> str:
    """What the bands of a figure are; or why there are none."""
    if len(facts.seeds) < 2:
        return " With one seed no interval is known."
    return " Bands: pointwise 95 % bootstrap intervals over seeds, within problems."


def curves(facts: Facts) -> Content:
    """Anytime curves: the part of the way to the optimum against each resource."""
    if not facts.scaled or not facts.resources:
        return None
    views = {}
    bands = {agent: facts.curves(agent) for agent in facts.drawn}
    for resource in facts.resources:
        own = {agent: found[resource.name] for agent, found in bands.items()}
        lowest = min(0.0, *(float(band.value.min()) for band in own.values()))
        highest = max(1.0, *(float(band.value.max()) for band in own.values()))
        low = max(-1.0, float(np.floor(10 * lowest) / 10))
        views[resource.name] = line_chart(
            [_line(facts, agent, resource.grid, band) for agent, band in own.items()],
            Span(f"{resource.label} spent", 0.0, resource.horizon, money=resource.money),
            Span(WAY, low, min(2.0, float(np.ceil(10 * highest) / 10)), percent=True),
            f"Anytime curves of {listed(list(own))} against {resource.label}",
            levels=(1.0,) if low >= 0 else (0.0, 1.0),
        )
    left_out = len(facts.summary.problems) - len(facts.scaled)
    return figure(
        f"t{facts.number}-curves",
        "Quality at every moment",
        by_resource(facts, views),
        f"True score of the current recommendation, as a {WAY}, against what was spent; mean over "
        f"{sample_words(facts)}. After a run's end its last recommendation stands.",
        band_words(facts),
        f" {counted(left_out, 'problem')} left out, where a blind guess is optimal." if left_out else None,
        cut_note(facts, "Drawn are"),
    )


def _line(facts: Facts, agent: str, grid: Array, band: Band) -> Line:
    values = band.value.tolist(), band.low.tolist(), band.high.tolist()
    return Line(facts.numbers[agent], agent, grid.tolist(), *values)


def panels(facts: Facts) -> Content:
    """Small curves in true scores, one panel a problem."""
    problems = facts.summary.problems
    if len(problems) < 2 or not facts.resources:
        return None
    resource = facts.resources[0]
    grid = np.linspace(0.0, resource.horizon, 41)
    drawings = []
    for problem in problems[:_PANELS]:
        baseline, optimum = facts.spans[problem]
        lines, ends = [], [baseline, optimum]
        for agent in facts.drawn:
            values = facts.truths(agent, problem, resource, grid)
            if values is not None:
                lines.append(Line(facts.numbers[agent], agent, grid.tolist(), values.tolist()))
                ends += [float(values.min()), float(values.max())]
        low, high = padded(min(ends), max(ends), 0.04)
        drawings.append(
            small_chart(
                lines, problem, Span("", 0.0, resource.horizon, money=resource.money), Span("", low, high),
                levels=(optimum, baseline),
            )
        )  # fmt: skip
    caption = (
        f"Mean true score of the current recommendation over {counted(len(facts.seeds), 'seed')}, against "
        f"{resource.label}. Dashed: the optimum and a blind guess."
    )
    if len(problems) > _PANELS:
        caption += f" The first {_PANELS} of {len(problems)} problems."
    body = element(
        "details",
        element("summary", f"Curves of each of {counted(min(len(problems), _PANELS), 'problem')}"),
        legend([(facts.numbers[agent], agent) for agent in facts.drawn]),
        element("div", join(*drawings), class_="panels"),
        element("p", caption, cut_note(facts, "Drawn are"), class_="caption"),
        open=len(problems) <= 8,
    )
    return element("div", body, class_="wide more")


def cost(facts: Facts) -> Content:
    """Final score against what was spent."""
    if not facts.resources:
        return None
    spots_by = {}
    spent = {agent: facts.spent(agent) for agent in facts.drawn}
    for resource in _telling(facts, spent):
        spots = [
            Spot(facts.numbers[s.agent], s.agent, spent[s.agent][resource.name], s.score)
            for s in facts.summary.standings[:DRAWN]
        ]
        front = _fronts(facts, resource, spots)
        spots_by[resource.name] = scatter(
            [Spot(s.agent, s.name, s.cost, s.score, front.get(s.name)) for s in spots],
            f"{resource.label} spent a run",
            "true score",
            resource.money,
            f"Score against {resource.label} of {listed([s.name for s in spots])}",
        )
    return figure(
        f"t{facts.number}-cost",
        "Score against cost",
        by_resource(facts, spots_by),
        "Mean true score of the final recommendation against the mean spending of a run, "
        f"{sample_words(facts)}. Dotted: the front of those that no agent of this tournament equals or "
        "betters for less.",
        " Bars: 95 % bootstrap intervals over seeds, within problems." if len(facts.seeds) > 1 else None,
        cut_note(facts, "Drawn are"),
    )


def _telling(facts: Facts, spent: Mapping[str, Mapping[str, Estimate]]) -> list[Resource]:
    """The resources of which agents spent different amounts, or else the first."""
    found = []
    for resource in facts.resources:
        means = [of[resource.name].value for of in spent.values()]
        if max(means) > 1.001 * min(means):
            found.append(resource)
    return found or list(facts.resources[:1])


def _fronts(facts: Facts, resource: Resource, spots: Sequence[Spot]) -> dict[str, float]:
    """Who is on the front, each with the share of bootstrap replicates in which it is; NaN if unknown."""
    costs = {agent: facts.table(agent, lambda run: resource.of(run.spent)) for agent in facts.drawn}
    try:
        front = cost_front(facts.scores(), costs, (0.0, 0.0), stream(0, "report", "front", resource.name))
    except ValueError:  # agents that share no runs
        on = non_dominated([spot.score.value for spot in spots], [spot.cost.value for spot in spots])
        return {spot.name: math.nan for spot, best in zip(spots, on, strict=True) if best}
    return {place.agent: place.share for place in front.places if place.on_front}


def _mean_spent(facts: Facts, agent: str, name: str) -> float:
    runs = facts.everybody[agent]
    return sum(amount(run.spent, name) for run in runs) / len(runs)


def breakdown(facts: Facts, uses: Mapping[str, Sequence[Use]]) -> Content:
    """Where calls, tokens and money went: by purpose, a run's mean of each agent."""
    rows: list[tuple[int, str, list[Use]]] = []
    for agent in [*facts.drawn, *(a for a in facts.everybody if a not in facts.by_agent)][:DRAWN]:
        runs = facts.everybody[agent]
        sums = [
            sum((uses[run.key][i] for run in runs if run.key in uses), Use()) for i in range(len(PURPOSES))
        ]
        mean = [Use(use.calls / len(runs), use.tokens / len(runs), use.usd / len(runs)) for use in sums]
        rows.append((facts.numbers[agent], agent, mean))
    kept = [i for i in range(len(PURPOSES)) if any(mean[i].calls for _, _, mean in rows)]
    charts = []
    for name, label in (("calls", "calls"), ("tokens", "tokens"), ("usd", "US dollars")):
        if not any(getattr(mean[i], name) for _, _, mean in rows for i in kept):
            continue
        charts.append(
            bars(
                [Bar(n, agent, [getattr(mean[i], name) for i in kept]) for n, agent, mean in rows],
                [PURPOSES[i] for i in kept],
                f"{label} a run",
                name == "usd",
                f"Mean {label} a run by purpose",
            )
        )
    for name, label in (("whitebox_tokens", "white-box tokens"), ("seconds", "seconds on the clock")):
        totals = [(number, agent, _mean_spent(facts, agent, name)) for number, agent, _ in rows]
        if any(total for _, _, total in totals):
            own = [Bar(number, agent, [0.0] * _OTHER + [total]) for number, agent, total in totals]
            charts.append(bars(own, [*PURPOSES, label], f"{label} a run", False, f"Mean {label} a run"))
    if not charts:
        return None
    swatches = [
        element("li", element("i", class_=f"swatch part{place}"), PURPOSES[i]) for place, i in enumerate(kept)
    ]
    return figure(
        f"t{facts.number}-budget",
        "Where the budget went",
        join(element("ul", join(*swatches), class_="legend"), element("div", join(*charts), class_="triple")),
        "Mean of a run, failed runs included; grey is not told apart by purpose. A call is one request that "
        "reached the model or the oracle; an "
        "evaluation row by row counts each row.",
        cut_note(facts, "Drawn are"),
        wide=True,
    )
