"""The tables of a report: leaderboard, scores by problem, pairs, and shares of wins."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sandbox.report.html.drawing import key
from sandbox.report.html.facts import DRAWN, Facts
from sandbox.report.html.intervals import Forest
from sandbox.report.html.markup import Content, Markup, element, join
from sandbox.report.html.power import Sight
from sandbox.report.html.scales import fixed, p_value, percent, short, signed
from sandbox.report.html.wording import interval, rank_ranges, towards
from sandbox.report.summary import TARGETS, Standing
from sandbox.statistics import Reach


def cell(content: Content, kind: str = "", sort: float | None = None, **more: str | None) -> Markup:
    """A table's cell; `sort` is the number by which the script orders rows."""
    order = None if sort is None or not math.isfinite(sort) else f"{sort:.8g}"
    return element("td", content, class_=kind or None, data_sort=order, **more)


def head(*names: Content) -> Markup:
    """A table's head; a pair (name, explanation) shows the explanation on demand."""
    cells = []
    for name in names:
        if isinstance(name, tuple):
            label, why, kind = (*name, "")[:3]
            cells.append(element("th", label, scope="col", data_tip=why, class_=kind or None))
        else:
            cells.append(element("th", name, scope="col"))
    return element("thead", element("tr", *cells))


def scrolling(name: str, table: Markup) -> Markup:
    """A table that scrolls by itself where the page is narrower, by keyboard too."""
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=name)


def leaderboard(facts: Facts) -> Markup:
    """One row an agent: score, interval, gap, costs to targets."""
    summary = facts.summary
    forest = Forest([standing.score for standing in summary.standings])
    ranges = rank_ranges(summary)
    level = f"{percent(summary.standings[0].score.level)} interval"
    paid = summary.axis != "usd" and any(standing.dollars for standing in summary.standings)
    unit = facts.resources[0].label if facts.resources else summary.axis
    published, ranks = facts.published, summary.mean_ranks
    columns: list[Content] = [
        ("Rank", "The ranks that the decided pairs leave open: below all that beat it, above all it beats."),
        "Method" if published else "Agent",
        ("Mean score", "Mean over problems.", "num")
        if published
        else (
            "Score",
            "Noiseless score of what was recommended, mean over problems of means over seeds.",
            "num",
        ),
        (level, f"Bootstrap over {summary.unit}{'' if published else ', within problems'}.", "num"),
        element("span", forest.head(), class_="axis-head"),
    ]
    if not published:
        columns.append(("Gap", "Mean normalised regret: 0 % is the optimum, 100 % a blind guess.", "num"))
    if ranks is not None:
        columns.append(("Mean rank", "Over problems; 1 is the best, ties share.", "num"))
    for part in () if published else TARGETS:
        why = f"Median {unit} until {part:.0%} of the way from a blind guess to the optimum was reached"
        columns.append(
            (
                f"{unit.capitalize()} to {percent(part)}",
                f"{why}; the share of runs beside it.",
                "num",
            )
        )
    if paid:
        columns.append((f"Dollars to {percent(TARGETS[-1])}", "The same in US dollars.", "num"))
    columns.append(("Problems" if published else "Runs", "Behind this row.", "num"))
    rows = []
    for standing in summary.standings:
        number = facts.numbers[standing.agent]
        low, high = ranges[standing.agent]
        cells: list[Content] = [
            cell(str(low) if low == high else f"{low}\N{EN DASH}{high}", "rank", low + high),
            element("th", key(number), standing.agent, scope="row", class_="agent"),
            cell(fixed(standing.score.value), "num strong", standing.score.value),
            cell(interval(standing.score), "num", standing.score.low),
            cell(forest.row(standing.score, number), "forest"),
        ]
        if not published:
            cells.append(cell(percent(standing.gap), "num", standing.gap))
        if ranks is not None:
            cells.append(cell(fixed(ranks[standing.agent], 2), "num", ranks[standing.agent]))
        cells += [_reach(reach) for reach in standing.reached]
        if paid:
            cells.append(
                _reach(standing.dollars[-1], "$") if standing.dollars else cell("\N{EN DASH}", "num")
            )
        cells.append(cell(f"{standing.runs:,}", "num", standing.runs))
        rows.append(element("tr", *cells, data_agent=str(number)))
    table = element("table", head(*columns), element("tbody", join(*rows)), class_="board sortable")
    return scrolling("Leaderboard", table)


def _reach(reach: Reach, unit: str = "") -> Markup:
    """Median cost to a target, and the share of runs that came there where it is not all."""
    open_ended = reach.median is None
    median = reach.horizon if reach.median is None else reach.median
    cost = ("> " if open_ended else "") + unit + short(median)
    share = None if reach.reached == reach.runs else element("small", f" {percent(reach.share)}")
    return cell(join(cost, share), "num", median + (1e12 if open_ended else 0.0))


def by_problem(facts: Facts) -> Markup:
    """A heat map as a table: one row a problem, one column an agent, coloured by the way to the optimum."""
    summary = facts.summary
    drawn = [standing for standing in summary.standings if standing.agent in set(facts.drawn)]
    heads: list[Content] = [element("th", "Problem", scope="col")]
    if not facts.published:
        heads.append(element("th", "Optimum", scope="col", class_="num"))
    for standing in drawn:
        number = facts.numbers[standing.agent]
        heads.append(
            element("th", key(number), standing.agent, scope="col", class_="num", data_agent=str(number))
        )
    rows = []
    for i, problem in enumerate(summary.problems):
        optimum = summary.optima[i]
        best = max((fixed(standing.by_problem[i].value) for standing in drawn), default="")
        cells: list[Content] = [element("th", problem, scope="row", data_tip=problem)]
        if not facts.published:
            cells.append(cell(fixed(optimum), "num", optimum))
        cells += [_heat(facts, standing, i, best) for standing in drawn]
        rows.append(element("tr", *cells))
    table = element(
        "table", element("thead", element("tr", *heads)), element("tbody", join(*rows)), class_="map sortable"
    )
    return scrolling("Scores by problem", table)


def _heat(facts: Facts, standing: Standing, i: int, best: str) -> Markup:
    """One agent's score on problem `i`; `best` is the row's highest as it is written."""
    problem, mean, number = facts.summary.problems[i], standing.by_problem[i], facts.numbers[standing.agent]
    baseline, optimum = facts.spans[problem]
    written = fixed(mean.value)
    way = (mean.value - baseline) / (optimum - baseline) if optimum > baseline else math.nan
    shade = f" h{min(9, max(0, int(10 * way)))}" if math.isfinite(way) else ""
    tip = f"{standing.agent} on {problem}: {written}"
    if math.isfinite(mean.low):
        tip += f", interval {interval(mean)}"
    if math.isfinite(way) and not facts.published:
        tip += f", {percent(way)} of the way from {fixed(baseline)} to {fixed(optimum)}"
    return cell(
        written,
        f"num heat{shade}{' best' if written == best else ''}",
        mean.value,
        data_agent=str(number),
        data_tip=tip,
        data_problem=None if facts.published else f"{facts.number} {i}",
    )


def wins(facts: Facts) -> Markup:
    """A heat map as a table: how often the agent of a row is ahead of that of a column on the same luck."""
    drawn = facts.drawn
    pairs = {frozenset((pair.a, pair.b)): pair for pair in facts.summary.comparisons}
    heads: list[Content] = [element("th", "ahead of", scope="col", class_="corner")]
    heads += [
        element(
            "th", element("span", key(facts.numbers[agent]), agent, class_="upright"), scope="col",
            data_agent=str(facts.numbers[agent]), data_tip=agent,
        )
        for agent in drawn
    ]  # fmt: skip
    rows = []
    for agent in drawn:
        number = str(facts.numbers[agent])
        cells: list[Content] = [element("th", key(facts.numbers[agent]), agent, scope="row")]
        for other in drawn:
            pair = pairs.get(frozenset((agent, other))) if agent != other else None
            if pair is None:
                cells.append(element("td", class_="self", data_agent=str(facts.numbers[other])))
                continue
            _, _, share = towards(pair, agent)
            decided = " decided" if pair.winner is not None else ""
            tip = (
                f"{agent} is ahead of {other} in {percent(share)} of {pair.pairs:,} "
                f"{'problems' if facts.published else 'pairs of runs'}, "
                f"ties counting half; {'decided' if decided else 'undecided'}, adjusted p "
                f"{p_value(pair.p_adjusted)}"
            )
            shade = f"w{min(10, max(0, round(10 * share)))}"
            cells.append(
                element("td", f"{100 * share:.0f}", class_=f"num heat {shade}{decided}", data_tip=tip,
                        data_agent=str(facts.numbers[other]))
            )  # fmt: skip
        rows.append(element("tr", *cells, data_agent=number))
    table = element(
        "table", element("thead", element("tr", *heads)), element("tbody", join(*rows)), class_="map wins"
    )
    return scrolling("Shares of wins", table)


def pairs(facts: Facts, seen: Mapping[frozenset[str], Sight], most: int = 300) -> Markup:
    """One row a pair, the better one first."""
    columns: list[Content] = [
        "Better",
        "Worse",
        ("Difference", "Mean of the paired differences.", "num"),
        ("Interval", "Bootstrap over pairs.", "num"),
        ("Wins", "Share of pairs in which the better one is ahead; ties count half.", "num"),
        ("Detectable", "The smallest true difference that is decided with 80 % power.", "num"),
        ("p", "Sign-flip test of this pair alone.", "num"),
        ("p, Holm", "Corrected for all pairs of the tournament.", "num"),
        "Verdict",
    ]
    rows = []
    for pair in sorted(facts.summary.comparisons, key=lambda pair: -abs(pair.difference.value))[:most]:
        first = pair.b if pair.difference.value < 0 else pair.a
        other, d, share = towards(pair, first)
        numbers = [facts.numbers[first], facts.numbers[other]]
        sight = seen.get(frozenset((first, other)))
        smallest = math.nan if sight is None else sight.smallest
        rows.append(
            element(
                "tr",
                element("th", key(numbers[0]), first, scope="row", class_="agent"),
                element("td", key(numbers[1]), other, class_="agent"),
                cell(signed(d.value), "num", d.value),
                cell(interval(d), "num", d.low),
                cell(percent(share), "num", share),
                cell(fixed(smallest), "num", smallest),
                cell(p_value(pair.p), "num", pair.p),
                cell(p_value(pair.p_adjusted), "num", pair.p_adjusted),
                cell("undecided" if pair.winner is None else f"{pair.winner} beats {other}", "verdict"),
                class_=None if pair.winner is None else "decided",
                data_agent=" ".join(map(str, numbers)),
            )
        )
    table = element("table", head(*columns), element("tbody", join(*rows)), class_="pairs sortable")
    return scrolling("Pairs of agents", table)


def cut_note(facts: Facts, what: str) -> Content:
    """Says that not all agents are drawn, where that is so."""
    whole = len(facts.by_agent)
    if whole <= DRAWN:
        return None
    return f" {what} the {DRAWN} best of {whole:,} agents by mean score; the leaderboard has all."
