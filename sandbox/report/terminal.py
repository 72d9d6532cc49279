"""The leaderboard and the verdicts as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sandbox.report.levels import Levels
from sandbox.report.summary import TARGETS, Array, Summary, sentences
from sandbox.statistics import Estimate, Reach

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 12


def sparkline(values: Sequence[float] | Array, width: int = _WIDTH) -> str:
    """Values in [0, 1] as a line of blocks.

    >>> sparkline([0.0, 0.5, 1.0], 3)
    '▁▅█'
    """
    points = np.interp(np.linspace(0, len(values) - 1, width), np.arange(len(values)), values)
    return "".join(_BLOCKS[min(int(max(value, 0.0) * len(_BLOCKS)), len(_BLOCKS) - 1)] for value in points)


_SHORT = {"evaluations": "evals", "completions": "texts", "prompt_tokens": "prompt t.", "usd": "USD"}


def _range(estimate: Estimate) -> str:
    return "" if np.isnan(estimate.low) else f"{estimate.low:.3f}-{estimate.high:.3f}"


def _cost(reach: Reach, unit: str = "") -> str:
    """Median cost to a target, and which share of the runs came there where it is not all."""
    cost = f">{unit}{_number(reach.horizon)}" if reach.median is None else unit + _number(reach.median)
    return cost if reach.reached == reach.runs else f"{cost} [dim]{reach.share:3.0%}[/dim]"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 1 else f"{value:.3g}"


def _table(title: str) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )


def leaderboard(summary: Summary, width: int) -> Table:
    """One row an agent, the best first; less on a narrow terminal."""
    if summary.unit == "problems":
        return _of_table(summary)
    table = _table(escape(summary.title))
    table.add_column("")
    table.add_column("agent", style="bold", overflow="fold")
    table.add_column("true\nscore", justify="right")
    if width >= 78:
        table.add_column("95 %\ninterval", justify="right", style="dim")
    table.add_column("gap", justify="right")
    paid = width >= 90 and any(standing.dollars for standing in summary.standings)
    unit = _SHORT.get(summary.axis, summary.axis)
    for part in TARGETS:
        table.add_column(f"{unit}\nto {part:.0%}", justify="right", no_wrap=True)
    if paid and summary.axis != "usd":
        table.add_column(f"USD\nto {TARGETS[-1]:.0%}", justify="right", no_wrap=True)
    if width >= 100:
        end = f"${_number(summary.horizon)}" if unit == "USD" else f"{_number(summary.horizon)} {unit}"
        table.add_column(f"from 0 to\n{end}", no_wrap=True)
    for rank, standing in enumerate(summary.standings, 1):
        cells = [str(rank), escape(standing.agent), f"{standing.score.value:.3f}"]
        if width >= 78:
            cells.append(_range(standing.score))
        cells.append(f"{standing.gap:.0%}")
        cells += [_cost(reach) for reach in standing.reached]
        if paid and summary.axis != "usd":
            cells.append(_cost(standing.dollars[-1], "$") if standing.dollars else "")
        table.add_row(*cells, sparkline(standing.curve)) if width >= 100 else table.add_row(*cells)
    return table


def _of_table(summary: Summary) -> Table:
    """The leaderboard of a published table: no gaps, no costs."""
    table = _table(escape(summary.title))
    table.add_column("")
    table.add_column("method", style="bold", overflow="fold")
    table.add_column("mean", justify="right")
    table.add_column("95 %\ninterval", justify="right", style="dim")
    table.add_column("mean\nrank", justify="right")
    ranks = summary.mean_ranks or {}
    for place, standing in enumerate(summary.standings, 1):
        score = standing.score
        table.add_row(
            str(place),
            escape(standing.agent),
            f"{score.value:.4f}",
            _range(score),
            f"{ranks[standing.agent]:.2f}",
        )
    return table


def by_problem(summary: Summary) -> Table:
    """One row a problem, one column an agent."""
    published = summary.unit == "problems"
    table = _table("Score by problem" if published else "True score by problem")
    table.add_column("problem", overflow="fold")
    if not published:
        table.add_column("optimum", justify="right")
    for standing in summary.standings:
        table.add_column(escape(standing.agent), justify="right", overflow="fold")
    for i, problem in enumerate(summary.problems):
        means = [standing.by_problem[i] for standing in summary.standings]
        best = max((estimate.value for estimate in means), default=0.0)
        table.add_row(
            escape(problem),
            *([] if published else [f"{summary.optima[i]:.3f}"]),
            *[f"[bold]{e.value:.3f}[/bold]" if e.value == best else f"{e.value:.3f}" for e in means],
        )
    return table


def comparisons(summary: Summary) -> Table:
    """One row a pair, the better one first, with the difference, its interval and the adjusted p."""
    table = _table("Paired differences")
    for column in ("better", "worse", "by", "95 % interval", "p (Holm)", "wins", ""):
        table.add_column(
            column, justify="left" if column in ("better", "worse", "") else "right", overflow="fold"
        )
    for pair in sorted(summary.comparisons, key=lambda pair: -abs(pair.difference.value)):
        a, b, value, low, high = (
            pair.a,
            pair.b,
            pair.difference.value,
            pair.difference.low,
            pair.difference.high,
        )
        wins = pair.win_rate
        if value < 0:
            a, b, value, low, high, wins = b, a, -value, -high, -low, 1 - wins
        decided = pair.verdict != "undecided"
        spread = "" if np.isnan(low) else f"{low:+.3f} .. {high:+.3f}"
        p = f"{pair.p_adjusted:.3f}" if pair.p_adjusted >= 0.001 else "<0.001"
        table.add_row(
            escape(a), escape(b), f"{value:+.3f}", spread, p, f"{wins:.0%}",
            "decided" if decided else "undecided", style="" if decided else "dim",
        )  # fmt: skip
    return table


def _spent(summary: Summary) -> str:
    if summary.unit == "problems":
        return f"{len(summary.problems)} problems, one score each; the problems are the sample."
    money = summary.spent.get("usd", 0.0)
    parts = [f"{summary.spent.get('evaluations', 0):,.0f} evaluations"]
    if money:
        parts.append(f"${money:,.2f}")
    if seconds := summary.spent.get("seconds", 0.0):
        parts.append(f"{seconds / 3600:,.1f} simulated hours")
    runs = f"{len(summary.problems)} problem{'s' * (len(summary.problems) != 1)} x {summary.seeds} seeds"
    return f"{runs}; spent in all: {', '.join(parts)}."


def _how_to_read(summary: Summary) -> str:
    if summary.unit == "problems":
        return (
            "How to read this. Mean: over problems, with a 95 % bootstrap interval over problems. Mean rank: "
            "1 is the best, ties share. Decided: sign-flip test on differences paired by problem, Holm's "
            "correction over all pairs, level 5 %. Scores are taken as published; higher is better."
        )
    return (
        "How to read this. True score: the noiseless score of what an agent finally recommended, the mean "
        "over problems and seeds, with a 95 % bootstrap interval over seeds. Gap: 0 % is the optimum, 100 % "
        f"a blind guess. {summary.axis} to 50 %: the median cost until the recommendation was half of the "
        "way from a blind guess to the optimum; the share of runs that came there stands beside it where "
        "it is not all. Decided: sign-flip test on runs paired by problem and seed, Holm's correction over "
        "all pairs, level 5 %."
    )


def render(summary: Summary, width: int, *, details: bool = True) -> RenderableType:
    """Everything about one tournament."""
    parts: list[RenderableType] = []
    if summary.standings:
        parts += [leaderboard(summary, width), ""]
        if details and len(summary.problems) > 1:
            parts += [by_problem(summary), ""]
        if details and summary.comparisons:
            parts += [comparisons(summary), ""]
    for agent, (failed, total, why) in summary.failures.items():
        parts.append(
            Text(f"{agent}: {failed} of {total} runs failed, so it is not ranked. First: {why}", style="red")
        )
    parts += [Text(sentence, style="bold") for sentence in sentences(summary)]
    for caveat in summary.caveats:
        parts.append(Text(caveat, style="yellow"))
    if summary.standings:
        parts += ["", Text(_spent(summary), style="dim")]
    return Group(*parts)


def running(standings: Sequence[tuple[str, int, float]]) -> Table:
    """The leaderboard while a tournament is being played: (agent, runs, mean gap)."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("agent so far", "runs", "gap", ""):
        table.add_column(column, justify="left" if column in ("agent so far", "") else "right")
    for agent, runs, gap in standings:
        table.add_row(escape(agent), str(runs), f"{gap:.0%}", "█" * round(20 * max(0.0, min(1.0, 1.0 - gap))))
    return table


def equal_spending(levels: Levels) -> Table:
    """One row an agent, one column a level of the axis: how far it had come by then, and its mean rank."""
    unit = _SHORT.get(levels.axis, levels.axis)
    table = _table(f"At equal {unit}: way to the optimum (mean rank)")
    table.add_column("agent", overflow="fold")
    for level in levels.levels:
        table.add_column(f"{_number(level)} {unit}", justify="right", no_wrap=True)
    for agent in levels.ranked():
        cells = zip(levels.ways[agent], levels.ranks[agent], strict=True)
        table.add_row(escape(agent), *[f"{way:.0%} ({rank:.1f})" for way, rank in cells])
    return table


def show(
    console: Console, summaries: Sequence[Summary], levels: Sequence[Levels] = (), *, details: bool = True
) -> None:
    """Print every summary, its levels where they are given, and once how to read them."""
    for place, summary in enumerate(summaries):
        console.print()
        console.print(render(summary, console.width, details=details))
        if place < len(levels) and levels[place].ranks:
            console.print()
            console.print(equal_spending(levels[place]))
    if any(summary.standings for summary in summaries):
        console.print(Text(_how_to_read(summaries[-1]), style="dim"))


def page() -> Console:
    """Standard output; a file or a pipe gets the width that every table fits in."""
    console = Console()
    return console if console.is_terminal else Console(width=110)
