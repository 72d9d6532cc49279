"""Robustness curves in a terminal."""

from __future__ import annotations

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sandbox.report.robustness import Robustness, sentences


def render(curves: Robustness) -> RenderableType:
    """Gaps and ranks by level, the changes with their intervals, and what is decided."""
    title = f"{curves.scenario}, {curves.budget}: gap (mean rank) by {curves.key}"
    parts: list[RenderableType] = [Text(title, style="bold"), _levels(curves), ""]
    if any(level.changes for level in curves.levels):
        control = f"{curves.key}={curves.levels[0].name}"
        parts += [Text(f"Change of the gap against {control}, in points", style="bold"), _changes(curves), ""]
    for level in curves.levels:
        for agent, (failed, runs, why) in level.failures.items():
            where = f"{agent} at {curves.key}={level.name}"
            told = f"{where}: {failed} of {runs} runs failed, so it has no place there. First: {why}"
            parts.append(Text(told, style="red"))
    parts += [Text(sentence, style="bold") for sentence in sentences(curves)]
    problems = f"{len(curves.problems)} problem{'s' * (len(curves.problems) != 1)}"
    parts.append(
        Text(
            f"{problems} x {curves.seeds} seeds at each level. Gap: 0 % is the optimum, 100 % a blind guess. "
            "Changes are paired with the first level by problem and seed, with 95 % bootstrap intervals; "
            "sign-flip tests with Holm's correction over all of them.",
            style="dim",
        )
    )
    return Group(*parts)


def _table() -> Table:
    return Table(header_style="bold", box=None, pad_edge=False)


def _levels(curves: Robustness) -> Table:
    table = _table()
    table.add_column("agent", overflow="fold")
    for level in curves.levels:
        table.add_column(escape(level.name), justify="right", no_wrap=True)
    for agent in curves.agents:
        cells = []
        for level in curves.levels:
            rank = f" ({level.ranks[agent].value:.1f})" if agent in level.ranks else ""
            cells.append(f"{level.gaps[agent].value:.0%}{rank}" if agent in level.gaps else "failed")
        table.add_row(escape(agent), *cells)
    return table


def _changes(curves: Robustness) -> Table:
    table = _table()
    for column in ("agent", "at", "change", "95 % interval", "p (Holm)", ""):
        table.add_column(column, justify="left" if column in ("agent", "") else "right", overflow="fold")
    for agent in curves.agents:
        for level in curves.levels[1:]:
            change = level.changes.get(agent)
            if change is None:
                continue
            value, low, high = (
                100 * x for x in (change.difference.value, change.difference.low, change.difference.high)
            )
            table.add_row(
                escape(agent), escape(level.name), f"{value:+.1f}",
                "" if np.isnan(low) else f"{low:+.1f} .. {high:+.1f}",
                "<0.001" if change.p_adjusted < 0.001 else f"{change.p_adjusted:.3f}",
                change.verdict, style="dim" if change.verdict == "undecided" else "",
            )  # fmt: skip
    return table
