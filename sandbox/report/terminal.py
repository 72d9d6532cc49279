"""The leaderboard and the verdicts as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sandbox.report.summary import TARGETS, Array, Standing, Summary, sentences
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


def _interval(estimate: Estimate) -> str:
    if np.isnan(estimate.low):
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [dim]{estimate.low:.3f}-{estimate.high:.3f}[/dim]"


def _cost(reach: Reach, unit: str) -> str:
    """Median cost to a target, and how many runs came there."""
    median = f"> {_number(reach.horizon)}" if reach.median is None else _number(reach.median)
    return f"{unit}{median} [dim]({reach.reached}/{reach.runs})[/dim]"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def leaderboard(summary: Summary) -> Table:
    """One row an agent, the best first."""
    table = Table(
        title=f"[bold]{summary.title}[/bold]",
        title_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
    )
    table.add_column("")
    table.add_column("agent", style="bold")
    table.add_column("final true score", justify="right")
    table.add_column("gap", justify="right")
    paid = any(standing.dollars for standing in summary.standings)
    for part in TARGETS:
        table.add_column(f"{summary.axis}\nto {part:.0%}", justify="right")
    if paid:
        table.add_column(f"USD\nto {TARGETS[-1]:.0%}", justify="right")
    table.add_column("progress", justify="left")
    for rank, standing in enumerate(summary.standings, 1):
        cells = [str(rank), standing.agent, _interval(standing.score), f"{standing.gap:.0%}"]
        cells += [_cost(reach, "") for reach in standing.reached]
        if paid:
            cells.append(_cost(standing.dollars[-1], "$") if standing.dollars else "")
        table.add_row(*cells, sparkline(standing.curve))
    return table


def by_problem(summary: Summary) -> Table:
    """One row a problem, one column an agent."""
    table = Table(
        title="Final true score by problem",
        title_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
    )
    table.add_column("problem")
    table.add_column("optimum", justify="right")
    for standing in summary.standings:
        table.add_column(standing.agent, justify="right")
    for i, problem in enumerate(summary.problems):
        means = [standing.by_problem[i] for standing in summary.standings]
        best = max((estimate.value for estimate in means), default=0.0)
        table.add_row(
            problem,
            f"{summary.optima[i]:.3f}",
            *[f"[bold]{e.value:.3f}[/bold]" if e.value == best else f"{e.value:.3f}" for e in means],
        )
    return table


def comparisons(summary: Summary) -> Table:
    """One row a pair, with the difference, its interval and the adjusted p."""
    table = Table(
        title="Paired differences", title_justify="left", header_style="bold", box=None, pad_edge=False
    )
    for column in ("pair", "difference", "p (Holm)", "wins", "verdict"):
        table.add_column(column, justify="left" if column in ("pair", "verdict") else "right")
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
        verdict = "undecided" if pair.verdict == "undecided" else f"{a} beats {b}"
        style = "dim" if pair.verdict == "undecided" else ""
        spread = "" if np.isnan(low) else f" [{low:+.3f}, {high:+.3f}]"
        p = f"{pair.p_adjusted:.3f}" if pair.p_adjusted >= 0.001 else "< 0.001"
        table.add_row(f"{a} - {b}", Text(f"{value:+.3f}{spread}"), p, f"{wins:.0%}", verdict, style=style)
    return table


def _spent(summary: Summary) -> str:
    money = summary.spent.get("usd", 0.0)
    parts = [f"{summary.spent.get('evaluations', 0):,.0f} evaluations"]
    if money:
        parts.append(f"${money:,.2f}")
    if seconds := summary.spent.get("seconds", 0.0):
        parts.append(f"{seconds / 3600:,.1f} simulated hours")
    return f"Spent in all: {', '.join(parts)}."


def _how_to_read(summary: Summary) -> str:
    plural = "s" if len(summary.problems) != 1 else ""
    return (
        f"Means over {len(summary.problems)} problem{plural} x {summary.seeds} seeds of the noiseless score of what "
        "each agent finally recommended; 95 % bootstrap intervals over seeds. gap: 0 % is the optimum, 100 % a "
        f"blind guess. {summary.axis} to 50 %: the median cost until the recommendation was half of the way from a "
        "blind guess to the optimum (runs that got there / all; '>' where fewer than half did). Verdicts: "
        "sign-flip test on runs paired by problem and seed, Holm's correction over all pairs, level 5 %."
    )


def render(summary: Summary, *, details: bool = True) -> RenderableType:
    """Everything about one tournament."""
    parts: list[RenderableType] = []
    if summary.standings:
        parts += [leaderboard(summary), ""]
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
        parts += ["", Text(_spent(summary), style="dim"), Text(_how_to_read(summary), style="dim")]
    return Group(*parts)


def running(standings: Sequence[tuple[str, int, float]]) -> Table:
    """The leaderboard while a tournament is being played: (agent, runs, mean gap)."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("agent so far", "runs", "gap", ""):
        table.add_column(column, justify="left" if column in ("agent so far", "") else "right")
    for agent, runs, gap in standings:
        table.add_row(agent, str(runs), f"{gap:.0%}", "█" * round(20 * max(0.0, min(1.0, 1.0 - gap))))
    return table


def show(console: Console, summaries: Sequence[Summary], *, details: bool = True) -> None:
    """Print every summary."""
    for summary in summaries:
        console.print()
        console.print(render(summary, details=details))


__all__ = ["Standing", "by_problem", "comparisons", "leaderboard", "render", "running", "show", "sparkline"]
