"""Pictures: the anytime curves of a tournament, and robustness curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np

from sandbox.axes import amount
from sandbox.errors import MissingExtra, UsageError
from sandbox.report.robustness import Robustness
from sandbox.report.summary import Summary
from sandbox.statistics import mean_curve, step_values
from sandbox.streams import stream
from sandbox.tournament import Run

# Okabe & Ito's palette: distinguishable with every kind of colour vision.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
_DASHES = ("-", "--", "-.", ":")


def draw(summary: Summary, runs: Sequence[Run], path: Path) -> None:
    """Draw the true score of each agent's recommendation against what it had spent.

    One panel a problem, the mean over seeds with a 95 % band; the format follows the
    ending of `path` (png, svg, pdf).

    Raises:
        MissingExtra: if matplotlib is not installed.
        UsageError: if the ending or the folder is unusable.
    """
    plt = _pyplot(path)
    agents = [standing.agent for standing in summary.standings]
    if not agents:
        raise UsageError(f"--plot {path}: there is no agent whose runs all finished")
    count = len(summary.problems)
    columns = min(count, 4)
    rows = -(-count // columns)
    grid = np.linspace(0.0, summary.horizon, 201)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(4.2 * columns, 3.2 * rows + 0.9),
        squeeze=False,
        sharex=True,
        layout="constrained",
    )
    for i, problem in enumerate(summary.problems):
        panel = axes[i // columns][i % columns]
        baseline = 0.0
        lowest, highest = np.inf, -np.inf
        for j, agent in enumerate(agents):
            mine = [
                run for run in runs if run.problem == problem and run.agent == agent and run.error is None
            ]
            baseline = mine[0].baseline if mine else baseline
            curves = np.array([_curve(run, summary.axis, grid) for run in mine])[None]
            band = mean_curve(curves, stream(0, "band", problem) if len(mine) > 1 else None)
            lowest, highest = min(lowest, band.value.min()), max(highest, band.value.max())
            colour, dash = _COLOURS[j % len(_COLOURS)], _DASHES[j // len(_COLOURS) % len(_DASHES)]
            panel.plot(grid, band.value, color=colour, linestyle=dash, linewidth=1.8, label=agent)
            panel.fill_between(grid, band.low, band.high, color=colour, alpha=0.15, linewidth=0)
        panel.axhline(summary.optima[i], color="#555555", linewidth=0.8, linestyle=(0, (4, 3)))
        panel.axhline(baseline, color="#bbbbbb", linewidth=0.8, linestyle=(0, (1, 2)))
        caveat = next((run.caveat for run in runs if run.problem == problem and run.caveat), "")
        lines = wrap(caveat, 64)  # a picture travels without its table
        panel.text(
            0.5, 1.01, "\n".join(lines), transform=panel.transAxes, fontsize=6.5, ha="center", va="bottom",
            color="#8a6d00",
        )  # fmt: skip
        panel.set_title(problem, fontsize=10, pad=6 + 9 * len(lines))
        # Bands of a few seeds are wider than all that can be; they may not squeeze the curves.
        low, high = min(lowest, baseline), max(highest, summary.optima[i])
        panel.set_ylim(low - 0.05 * (high - low or 1.0), high + 0.05 * (high - low or 1.0))
        panel.set_xlim(0, summary.horizon)
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8)
        if i % columns == 0:
            panel.set_ylabel("true score of the recommendation", fontsize=8)
        if i + columns >= count:
            panel.set_xlabel(summary.axis.replace("_", " "), fontsize=9)
    for i in range(count, rows * columns):
        axes[i // columns][i % columns].set_visible(False)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=min(len(labels), 6), frameon=False, fontsize=9
    )
    figure.suptitle(
        f"{summary.title}   (dashed: optimum, dotted: blind guess; bands 95 %)", fontsize=9, y=-0.02
    )
    _save(plt, figure, path)


def draw_robustness(curves: Robustness, path: Path) -> None:
    """Draw gap and mean rank of each agent against the level, with 95 % intervals.

    Levels that are all numbers lie where they belong, others side by side.

    Raises:
        MissingExtra: if matplotlib is not installed.
        UsageError: if the ending or the folder is unusable.
    """
    plt = _pyplot(path)
    values = [level.value for level in curves.levels]
    numbers = [value for value in values if value is not None]
    numeric = len(numbers) == len(values)
    at = np.array(numbers if numeric else range(len(values)), dtype=np.float64)
    apart = 0.01 * float(np.ptp(at))  # so that intervals do not lie on each other
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.6), layout="constrained")
    for j, agent in enumerate(curves.agents):
        colour, dash = _COLOURS[j % len(_COLOURS)], _DASHES[j // len(_COLOURS) % len(_DASHES)]
        shift = apart * (j - (len(curves.agents) - 1) / 2)
        for panel, found in zip(
            axes,
            ([level.gaps for level in curves.levels], [level.ranks for level in curves.levels]),
            strict=True,
        ):
            here = [i for i, estimates in enumerate(found) if agent in estimates]
            value, low, high = (
                np.array([(found[i][agent].value, found[i][agent].low, found[i][agent].high) for i in here])
                .reshape(-1, 3)
                .T
            )
            spread = np.nan_to_num(np.array([value - low, high - value]))
            panel.errorbar(
                at[here] + shift, value, yerr=spread, color=colour, linestyle=dash, linewidth=1.6, marker="o",
                markersize=4, elinewidth=0.9, capsize=2, label=agent,
            )  # fmt: skip
    axes[0].set_ylabel("gap (0: optimum, 1: blind guess)", fontsize=8)
    axes[1].set_ylabel("mean rank (1 is best)", fontsize=8)
    axes[1].invert_yaxis()
    for panel in axes:
        panel.set_xlabel(curves.key, fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8)
        if not numeric or len(at) <= 6:
            panel.set_xticks(at, [level.name for level in curves.levels])
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=min(len(labels), 6), frameon=False, fontsize=9
    )
    what = f"{curves.scenario}, {curves.budget}: {len(curves.problems)} problems x {curves.seeds} seeds"
    figure.suptitle(f"{what} at each level; intervals 95 %", fontsize=9, y=-0.03)
    _save(plt, figure, path)


def _pyplot(path: Path) -> Any:
    """Matplotlib, for a picture at `path`."""
    try:
        import matplotlib as mpl
    except ModuleNotFoundError as exc:
        raise MissingExtra("--plot", "report") from exc
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(f"--plot {path}: the name must end in .png, .svg or .pdf")
    return plt


def _save(plt: Any, figure: Any, path: Path) -> None:
    try:
        # No date and no random names in the file, so that the same store gives the same bytes.
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else {}
        with plt.rc_context({"svg.hashsalt": "anytime"}):
            figure.savefig(path, dpi=150, bbox_inches="tight", metadata=metadata)
    except OSError as exc:
        raise UsageError(f"--plot {path}: cannot be written: {exc.strerror}") from exc
    finally:
        plt.close(figure)


def _curve(run: Run, axis: str, grid: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> object:
    """The true score of the incumbent at each point; a blind guess before the first."""
    at = [amount(step.spent, axis) for step in run.steps]
    return step_values(at, [step.truth for step in run.steps], grid, run.baseline)
