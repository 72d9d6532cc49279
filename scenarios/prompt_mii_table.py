"""Prints the Prompt-MII comparison of a store beside the published numbers: F1, prompt tokens, calls.

    sandbox run classification
    python -m scenarios.prompt_mii_table classification.db

It is a comparison, not a target: tasks and model are of our own making, and only the shapes may agree.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from sandbox.classification import invalid_rate
from sandbox.errors import DataError, UsageError
from sandbox.scenario import Source
from sandbox.statistics import Estimate, paired_difference
from sandbox.store import Store
from sandbox.streams import stream
from sandbox.tokens import count
from sandbox.tournament import Run
from scenarios import CATALOGUE, chat
from scenarios.build import POLICY, tables_of_chat
from scenarios.judging import F1, answers_to_test
from scenarios.prompt_mii.train import SPENT
from scenarios.published_prompt_mii import PUBLISHED, SHOTS

_WIDTH = 110
"""Characters that the table needs."""
_FOLDER = Path(__file__).parent
_PROBLEM = re.compile(r"(classification-\d+)-n(\d+)")


class Cell(NamedTuple):
    """What one run came to."""

    method: str
    task: str
    shots: int
    f1: float
    invalid: float
    """Share of answers to the test rows that are no label."""
    tokens: int
    """Of the instruction that was handed in, with the format line and without the input."""
    written: int
    """Texts that a model wrote for the method: the black box, or the white box."""
    rows: int
    """Rows that the model labelled for it."""


Grid = Mapping[str, NDArray[np.float64]]
"""Method -> F1 by task and number of shots, shape (tasks, shots), NaN where there is no run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scenarios.prompt_mii_table",
        description="Macro-F1, prompt tokens and calls of a store beside those of the Prompt-MII paper.",
        epilog="example: python -m scenarios.prompt_mii_table classification.db",
    )
    parser.add_argument("stores", type=Path, nargs="+", metavar="store", help="what `sandbox run` wrote")
    parser.add_argument(
        "--f1", choices=tuple(F1), default="macro-f1",
        help="macro-f1: over the gold labels; reward-f1, table-f1: as the paper trains, and as it reports",
    )  # fmt: skip
    wanted = parser.parse_args(arguments)
    try:
        cells = scored(wanted.stores, wanted.f1)
    except UsageError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 2
    console = Console(highlight=False, soft_wrap=True, width=max(_WIDTH, Console().width))
    console.print(side_by_side(cells, wanted.f1))
    for sentence in shapes(cells):
        console.print(sentence, markup=False)
    return 0


def scored(paths: Sequence[Path], f1: str = "macro-f1") -> list[Cell]:
    """Every run on a labelling task of so many shots, with its answers to the test rows told once more.

    Raises:
        DataError: if there is none, or a run cannot be told again: of a real endpoint, or of other settings.
    """
    found = []
    for path in paths:
        with Store(path, create=False) as store:
            for run in store.runs(current=True):
                named = _PROBLEM.fullmatch(run.problem)
                if named is not None and run.truth is not None:
                    found.append(_cell(run, named[1], int(named[2]), store.provenance(run.key).source, f1))
    if not found:
        told = "no finished run of a labelling task with shots; `sandbox run classification` makes some"
        raise DataError(f"{', '.join(map(str, paths))}: {told}")
    return found


def _cell(run: Run, task: str, shots: int, source: Source, f1: str) -> Cell:
    if run.caveat.startswith("live:"):
        raise DataError(f"{run.problem}/{run.agent}: {run.caveat}; this table asks the mock LLM again")
    if _digest(source) != run.digest:
        raise DataError(f"{run.problem}/{run.agent}: the settings of {run.scenario} have changed since")
    entry = _entry(source, run.problem)
    dataset, asking = entry.dataset(run.problem), entry.asking(run.problem)
    instruction = str(run.recommended)
    answers = answers_to_test(entry.model.outcomes, dataset, asking, instruction)
    return Cell(
        method=run.agent.partition("(")[0],
        task=task,
        shots=shots,
        f1=F1[f1](answers, [row.answers[0] for row in dataset.test], dataset.labels),
        invalid=invalid_rate(answers, dataset.labels),
        tokens=count(asking.told(instruction)),
        written=run.spent.completions + (run.spent.whitebox_tokens > 0),
        rows=run.spent.rows,
    )


@lru_cache(maxsize=8)
def _digest(source: Source) -> str:
    return CATALOGUE.load(source).digest


@lru_cache(maxsize=8)
def _entries(source: Source) -> tuple[chat.Entry, ...]:
    return tuple([entry for entry, _ in tables_of_chat(source, _FOLDER)])


def _entry(source: Source, problem: str) -> chat.Entry:
    return next(entry for entry in _entries(source) if problem in entry.names)


def side_by_side(cells: Sequence[Cell], f1: str) -> Table:
    """Three lines a method: ours, and the paper's for its two followers."""
    tasks = len({cell.task for cell in cells})
    shots = sorted({cell.shots for cell in cells})
    table = Table(
        title=f"{f1}, mean over {tasks} tasks | published", title_justify="left", box=None, pad_edge=False
    )
    for name in ("method", "follower"):
        table.add_column(name, no_wrap=True)
    for name in (*[f"n={n}" for n in shots], "prompt tokens", "texts", "rows", "invalid"):
        table.add_column(name, justify="right", no_wrap=True)
    for method in _methods(cells):
        mine = [cell for cell in cells if cell.method == method]
        table.add_row(method, "ours", *_by_shots(mine, shots, lambda cell: cell.f1), *_costs(mine, shots))
        for follower, known in PUBLISHED.items():
            if method in known:
                line = known[method]
                scores = [line.f1[SHOTS.index(n)] if n in SHOTS else None for n in shots]
                shown = ["-" if score is None else f"{score:.3f}" for score in scores]
                table.add_row("", follower, *shown, line.tokens, line.texts, line.rows, "", style="dim")
    return table


def _methods(cells: Iterable[Cell]) -> list[str]:
    """In the paper's order, then the others as they come."""
    played = list(dict.fromkeys([cell.method for cell in cells]))
    known = [method for method in next(iter(PUBLISHED.values())) if method in played]
    return known + [method for method in played if method not in known]


def _by_shots(cells: Sequence[Cell], shots: Sequence[int], of: Callable[[Cell], float]) -> list[str]:
    sorted_out = [[of(cell) for cell in cells if cell.shots == n] for n in shots]
    return [f"{fmean(values):.3f}" if values else "-" for values in sorted_out]


def _costs(cells: Sequence[Cell], shots: Sequence[int]) -> list[str]:
    """Means over tasks: at the fewest and the most shots where they differ; how many answers are no label."""
    columns = []
    for place in ("tokens", "written", "rows"):
        ends = []
        for n in (shots[0], shots[-1]):
            values = [getattr(cell, place) for cell in cells if cell.shots == n]
            ends.append(f"{fmean(values):,.0f}" if values else "-")
        columns.append(ends[0] if ends[0] == ends[1] else "-".join(ends))
    return [*columns, f"{100 * fmean([cell.invalid for cell in cells]):.1f} %"]


def grid(cells: Sequence[Cell]) -> Grid:
    """The F1 of each method by task and shots, the mean over seeds."""
    tasks = sorted({cell.task for cell in cells})
    shots = sorted({cell.shots for cell in cells})
    runs: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for cell in cells:
        runs[cell.method, cell.task, cell.shots].append(cell.f1)
    return {
        method: np.array([
            [fmean(runs[method, task, n]) if (method, task, n) in runs else np.nan for n in shots]
            for task in tasks
        ])
        for method in _methods(cells)
    }  # fmt: skip


def shapes(cells: Sequence[Cell]) -> list[str]:
    """What of the published shapes shows: paired differences, with 95 % intervals over tasks."""
    found, shots = grid(cells), sorted({cell.shots for cell in cells})
    least, most = shots[0], shots[-1]
    told = []
    for method, scores in found.items():
        if least != most:
            text = _told(scores[:, -1:], scores[:, :1])
            told.append(f"{method}, n={most} against n={least}: {text}")
    pairs = (
        ("prompt-mii-zero", "naive"), ("icl", "prompt-mii-zero"), ("prompt-mii", "prompt-mii-zero"),
        ("prompt-mii", "icl"), ("ape", "prompt-mii-zero"), ("gepa", "prompt-mii-zero"),
    )  # fmt: skip
    for one, other in pairs:
        if one in found and other in found:
            told.append(f"{one} against {other}, all n: {_told(found[one], found[other])}")
    icl = {n: [cell.tokens for cell in cells if cell.method == "icl" and cell.shots == n] for n in shots}
    if all(icl.values()):
        each = ", ".join([f"{fmean(tokens) / n:.0f} at n={n}" for n, tokens in icl.items()])
        told.append(f"icl, prompt tokens an example: {each}")
    if "prompt-mii" in found and (POLICY / SPENT).is_file():
        spent = json.loads((POLICY / SPENT).read_text(encoding="utf-8"))
        told.append(
            f"prompt-mii, trained once for all of these: {spent['tasks']:,} other tasks, "
            f"{spent['follower_calls']:,} rows labelled by the follower, none of them counted above"
        )
    return told


def _told(one: NDArray[np.float64], other: NDArray[np.float64]) -> str:
    if not np.isfinite(one - other).any(axis=1).sum() > 1:
        return "too few tasks to compare"
    found: Estimate = paired_difference(one, other, stream(0, "prompt-mii-table"), unit="problems")
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


if __name__ == "__main__":
    raise SystemExit(main())
