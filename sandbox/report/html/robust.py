"""The same scores seen otherwise: mean ranks over problems, and means that outliers do not move."""

from __future__ import annotations

import math

import numpy as np

from sandbox.report.html.drawing import key
from sandbox.report.html.facts import Facts
from sandbox.report.html.figures import figure, sample_words
from sandbox.report.html.intervals import Forest
from sandbox.report.html.markup import Content, Markup, element, join
from sandbox.report.html.ranks import rank_diagram
from sandbox.report.html.scales import fixed, p_value
from sandbox.report.html.tables import cell, cut_note, head, scrolling
from sandbox.report.html.wording import counted, interval, listed
from sandbox.statistics.aggregates import aggregate
from sandbox.statistics.ranks import Friedman, friedman, rank_groups
from sandbox.statistics.ratings import bradley_terry
from sandbox.streams import stream

_REPLICATES = 4_000


def rank_figure(facts: Facts) -> Content:
    """The critical-difference diagram; nothing with fewer than three agents or two problems."""
    scores = facts.scores()
    kept = [
        i
        for i in range(len(facts.summary.problems))
        if not any(np.isnan(table[i]).all() for table in scores.values())
    ]
    if len(scores) < 3 or len(kept) < 2:
        return None
    means = {agent: np.nanmean(table[kept], axis=1)[:, None] for agent, table in scores.items()}
    found = rank_groups(means)
    order = list(found.mean_ranks)
    places = {agent: i for i, agent in enumerate(order)}
    drawing = rank_diagram(
        [(facts.numbers[agent], agent) for agent in order],
        [found.mean_ranks[agent] for agent in order],
        [[places[agent] for agent in group] for group in found.groups],
        f"Mean ranks of {listed(order)}",
    )
    tied = (
        "A bar joins neighbours no two of whom Wilcoxon's signed-rank test over problems tells apart, "
        "after Holm's "
        "correction, at 0.05."
    )
    least = 2.0 ** (1 - len(kept)) * len(order) * (len(order) - 1) / 2
    if least >= 0.05:
        tied += f" With {counted(len(kept), 'problem')} that test can tell nobody apart."
    return figure(
        f"t{facts.number}-ranks",
        "Mean ranks",
        element("div", drawing, _ratings(facts), class_="double"),
        f"Mean rank: mean over {counted(len(kept), 'problem')} of the rank by mean score; 1 is the best, "
        "ties share. "
        f"{tied} ",
        _friedman(friedman(means)),
        " Rating: Bradley and Terry's strengths on the Elo scale, from who was ahead of whom in each "
        "pair of runs, "
        "ties counting half; 1000 is the mean and 400 more are odds of ten to one; intervals resample "
        "problems. "
        "Ranks and ratings depend on who else competes; the verdicts above do not.",
        cut_note(facts, "Drawn are"),
        wide=True,
    )


def _ratings(facts: Facts) -> Markup:
    """Bradley-Terry ratings with intervals, the strongest first."""
    found = bradley_terry(facts.scores(), stream(0, "report", "ratings"))
    forest = Forest([rating.elo for rating in found], levels=(1000.0,))
    rows = [
        element(
            "tr",
            element("th", key(facts.numbers[rating.name]), rating.name, scope="row", class_="agent"),
            cell(fixed(rating.elo.value, 0), "num strong", rating.elo.value),
            cell(interval(rating.elo, 0), "num", rating.elo.low),
            cell(forest.row(rating.elo, facts.numbers[rating.name]), "forest"),
            data_agent=str(facts.numbers[rating.name]),
        )
        for rating in found
    ]
    top = head(
        "Agent",
        ("Rating", "Bradley and Terry's strength on the Elo scale.", "num"),
        ("95\N{NO-BREAK SPACE}% interval", "Bootstrap over problems.", "num"),
        element("span", forest.head(), class_="axis-head"),
    )
    return scrolling("Ratings", _board(top, join(*rows)))


def _friedman(test: Friedman) -> str:
    k, problems = len(test.mean_ranks), test.problems
    p = p_value(test.p)
    value = "∞" if math.isinf(test.f) else f"{test.f:.2f}"
    return (
        f"Friedman's test in Iman and Davenport's form: F({k - 1}, {(k - 1) * (problems - 1)}) = {value}, "
        f"p {p if p.startswith('<') else f'= {p}'}."
    )


def aggregates(facts: Facts) -> Content:
    """Interquartile means and optimality gaps of the way to the optimum, with intervals."""
    rows = [i for i, problem in enumerate(facts.summary.problems) if problem in set(facts.scaled)]
    if not rows:
        return None
    found = []
    for agent in facts.drawn:
        way = facts.table(agent, lambda run: 1.0 - run.gap)[rows]
        middle = aggregate(way, stream(0, "report", "iqm"), "iqm", replicates=_REPLICATES)
        gap = aggregate(way, stream(0, "report", "gap"), "optimality gap", replicates=_REPLICATES)
        found.append((agent, middle, gap, float(np.nanmedian(way))))
    found.sort(key=lambda row: -row[1].value)
    forest = Forest([middle for _, middle, _, _ in found])
    body = [
        element(
            "tr",
            element("th", key(facts.numbers[agent]), agent, scope="row", class_="agent"),
            cell(fixed(middle.value), "num strong", middle.value),
            cell(interval(middle), "num", middle.low),
            cell(forest.row(middle, facts.numbers[agent]), "forest"),
            cell(fixed(median), "num", median),
            cell(join(fixed(gap.value), element("small", f" {interval(gap)}")), "num", gap.value),
            data_agent=str(facts.numbers[agent]),
        )
        for agent, middle, gap, median in found
    ]
    table = _board(
        head(
            "Agent",
            ("Interquartile mean", "Mean of the middle half of all runs.", "num"),
            ("95\N{NO-BREAK SPACE}% interval", "Bootstrap over seeds, within problems.", "num"),
            element("span", forest.head(), class_="axis-head"),
            ("Median", "Of all runs.", "num"),
            ("Optimality gap", "What runs miss of the optimum, with its interval.", "num"),
        ),
        join(*body),
    )
    return figure(
        f"t{facts.number}-aggregates",
        "Robust aggregates",
        scrolling("Robust aggregates", table),
        "Of the way from a blind guess (0) to the optimum (1), over all runs, "
        f"{sample_words(facts)}. The interquartile mean leaves out the best and the worst quarter of the "
        "runs "
        "(Agarwal et al. 2021); the optimality gap is the mean of what is missing to 1.",
        cut_note(facts, "Shown are"),
        wide=True,
    )


def _board(top: Markup, body: Markup) -> Markup:
    return element("table", top, element("tbody", body), class_="board sortable")
