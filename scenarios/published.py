"""Prints a published table of scores beside those of a store, task by task, with rank correlations.

    python -m scenarios.published TABLE.csv STORE.db... [--of METHOD=AGENT ...]

The table has a column `task`, and one of scores a method. It is a comparison, not a target: nothing here is
fitted to it, and a simulation can repeat how hard tasks are and what searching costs, not how a model of
that year took to a wording.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from sandbox.errors import DataError, UsageError, nearest
from sandbox.store import Store

Scores = Mapping[str, Mapping[str, float]]
"""Method -> task -> score."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scenarios.published",
        description="A published table of scores beside those of a store.",
        epilog="example: python -m scenarios.published induction30.csv induction30.db --of dual=dual",
    )
    parser.add_argument("table", type=Path, help="CSV: task, and a column of scores a method")
    parser.add_argument("stores", type=Path, nargs="+", metavar="store", help="what `sandbox run` wrote")
    parser.add_argument(
        "--of", action="append", default=[], metavar="METHOD=AGENT",
        help="which agent stands for a method; else the agent of the same name",
    )  # fmt: skip
    wanted = parser.parse_args(arguments)
    try:
        published = read(wanted.table)
        ours = stored(wanted.stores)
        pairs = match(published, ours, wanted.of)
    except UsageError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 2
    console = Console(highlight=False, soft_wrap=True)
    console.print(side_by_side(published, ours, pairs))
    for sentence in correlations(published, ours, pairs):
        console.print(sentence, markup=False)
    return 0


def read(path: Path) -> Scores:
    """The table of a CSV file.

    Raises:
        DataError: if it cannot be read, has no tasks, or a cell that is no number.
    """
    found: dict[str, dict[str, float]] = defaultdict(dict)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                task = row.pop("task")
                for method, cell in row.items():
                    found[method][task] = float(cell)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except KeyError:
        raise DataError(f"{path}: no column `task`; is it the table of scores?") from None
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: {error}; every cell but the task must be a number") from None
    if not found:
        raise DataError(f"{path}: there is no row in it")
    return found


def stored(paths: Sequence[Path]) -> Scores:
    """The mean true score of each agent on each problem, over all seeds that are stored.

    Raises:
        DataError: if there are none, or a file is no store.
    """
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in paths:
        with Store(path, create=False) as store:
            for run in store.runs(current=True):
                if run.truth is not None:
                    found[run.agent][run.problem].append(run.truth)
    if not found:
        raise DataError(f"{', '.join(map(str, paths))}: no finished run in there")
    return {agent: {task: fmean(runs) for task, runs in tasks.items()} for agent, tasks in found.items()}


def match(published: Scores, ours: Scores, told: Sequence[str]) -> dict[str, str]:
    """Which agent stands for which method.

    Raises:
        UsageError: for a method or agent that there is not, or if nothing has a counterpart.
    """
    pairs = {method: method for method in published if method in ours}
    for pair in told:
        method, equals, agent = pair.partition("=")
        if not equals or method not in published:
            raise UsageError(f"--of {pair}: write METHOD=AGENT; {nearest(method, published)}")
        if agent not in ours:
            raise UsageError(f"--of {pair}: {nearest(agent, ours)}")
        pairs[method] = agent
    if not pairs:
        raise UsageError(f"no agent is called like a method ({', '.join(published)}); say --of METHOD=AGENT")
    return pairs


def _shared(one: Mapping[str, float], other: Mapping[str, float]) -> list[str]:
    return [task for task in one if task in other]


def side_by_side(published: Scores, ours: Scores, pairs: Mapping[str, str]) -> Table:
    """Published | ours, a row a task, and the means over the tasks that both have."""
    table = Table(title="published | ours", title_justify="left", box=None, pad_edge=False)
    table.add_column("task")
    for method, agent in pairs.items():
        table.add_column(method if method == agent else f"{method} | {agent}", justify="right")
    tasks = list(dict.fromkeys(task for method in pairs for task in published[method]))
    for task in tasks:
        cells = []
        for method, agent in pairs.items():
            left, right = published[method].get(task), ours[agent].get(task)
            cells.append(" | ".join("-" if x is None else f"{x:.2f}" for x in (left, right)))
        table.add_row(task, *cells)
    means = []
    for method, agent in pairs.items():
        shared = _shared(published[method], ours[agent])
        both = (published[method], ours[agent])
        means.append(" | ".join(f"{fmean([x[t] for t in shared]):.3f}" if shared else "-" for x in both))
    table.add_row("[bold]mean[/bold]", *means)
    return table


def correlations(published: Scores, ours: Scores, pairs: Mapping[str, str]) -> list[str]:
    """Spearman's rank correlation over tasks, a method each, and over the methods' means."""
    found = []
    for method, agent in pairs.items():
        shared = _shared(published[method], ours[agent])
        if len(shared) > 2:
            rho = float(
                spearmanr([published[method][t] for t in shared], [ours[agent][t] for t in shared])[0]
            )
            found.append(f"{method}: rank correlation over {len(shared)} tasks {rho:.2f}")
    if len(pairs) > 2:
        every = set.intersection(*[set(_shared(published[m], ours[a])) for m, a in pairs.items()])
        if every:
            left = [fmean([published[m][t] for t in every]) for m in pairs]
            right = [fmean([ours[a][t] for t in every]) for a in pairs.values()]
            rho = float(spearmanr(left, right)[0])
            found.append(f"means of {len(pairs)} methods over {len(every)} tasks: rank correlation {rho:.2f}")
    return found


if __name__ == "__main__":
    raise SystemExit(main())
