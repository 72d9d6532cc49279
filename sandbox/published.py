"""Published tables of results as tournaments: one number a method and problem, no seeds.

Two forms of CSV are read. Wide: a row a problem, its name in the first column, a column of scores a method.
Long: a row a score, with a column `task` (or `problem`), one `method` (or `agent`), one `score` (or
`accuracy`, `f1`, `value`), and perhaps `seed`, over which the mean is taken. Higher scores are better.

What can be said of such a table is less than of runs: the spread over seeds is unknown, so the problems are
the sample, and a verdict speaks of other problems of the kind. Each pair is tested by flipping the signs of
its differences over problems (`all_pairs` with unit "problems"), with Holm's correction over all pairs.
"""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from sandbox.budget import Budget
from sandbox.codec import one_line
from sandbox.errors import DataError
from sandbox.report.summary import Array, Standing, Summary
from sandbox.statistics import Comparison, Estimate, all_pairs, mean_score
from sandbox.streams import stream

ENDINGS = (".csv", ".tsv")
_ROLES = {
    "problem": ("task", "problem", "dataset"),
    "method": ("method", "agent", "optimizer"),
    "score": ("score", "accuracy", "f1", "value"),
    "seed": ("seed",),
}
_SUMS = re.compile(r"(mean|average|avg|overall|median|total)([^a-z_].*)?", re.IGNORECASE)
"""How rows are called that sum up the others."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Scores as somebody published them."""

    name: str
    digest: str
    """Of the file's bytes."""
    problems: tuple[str, ...]
    methods: tuple[str, ...]
    scores: Array
    """Shape (problems, methods), finite."""
    notes: tuple[str, ...] = ()
    """What was left out."""


def is_table(path: Path) -> bool:
    """Whether a file is named like a table."""
    return path.suffix.lower() in ENDINGS


def read(path: Path) -> Table:
    """The table of a CSV (or tab-separated) file.

    Raises:
        DataError: naming the line and the cell, where a row is ragged, a score is no finite number, a name
            stands there twice, a cell is missing, or there is no column of scores.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as exc:
        raise DataError(f"{path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise DataError(f"{path}: not UTF-8 text: byte {exc.start}") from exc
    reader = csv.reader(text.splitlines(), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    try:
        lines = [
            (reader.line_num, [one_line(cell.strip()) for cell in row])
            for row in reader
            if any(map(str.strip, row))
        ]
    except csv.Error as exc:
        raise DataError(f"{path}: line {reader.line_num}: {exc}") from exc
    if len(lines) < 2:
        raise DataError(
            f"{path}: wanted a line of names and a row of scores, and there are {len(lines)} lines"
        )
    header = lines[0][1]
    if len(header) < 2:
        raise DataError(
            f"{path}: only one column, {header[0]!r}: wanted names of problems, and a column a method"
        )
    twice = _twice(header)
    if twice is not None:
        raise DataError(f"{path}: two columns named {twice!r}")
    for number, row in lines[1:]:
        if len(row) != len(header):
            raise DataError(
                f"{path}: line {number} has {len(row)} cells, and the first line has {len(header)}"
            )
    known = [name.lower() for name in header]
    roles = {role: known.index(name) for role, names in _ROLES.items() for name in names if name in known}
    long = "problem" in roles and "method" in roles and "score" in roles
    problems, methods, scores, notes = (_long if long else _wide)(path, header, lines[1:], roles)
    return Table(path.stem, sha256(content).hexdigest()[:16], problems, methods, scores, notes)


_Parts = tuple[tuple[str, ...], tuple[str, ...], Array, tuple[str, ...]]


def _wide(path: Path, header: list[str], lines: list[tuple[int, list[str]]], _: dict[str, int]) -> _Parts:
    kept = [(number, row) for number, row in lines if not _SUMS.fullmatch(row[0])]
    left_out = [pair[1][0] for pair in lines if pair not in kept]
    notes = tuple([f"the row {name!r} is left out: it is no problem" for name in left_out])
    names = [row[0] for _, row in kept]
    twice = _twice(names)
    if twice is not None:
        raise DataError(f"{path}: two rows named {twice!r}; one row a problem")
    if not kept:
        raise DataError(f"{path}: there is no row of scores")
    scores = [
        [_number(path, number, name, cell) for name, cell in zip(header[1:], row[1:], strict=True)]
        for number, row in kept
    ]
    return tuple(names), tuple(header[1:]), np.array(scores), notes


def _long(path: Path, header: list[str], lines: list[tuple[int, list[str]]], roles: dict[str, int]) -> _Parts:
    spare = [name for place, name in enumerate(header) if place not in roles.values()]
    cells: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for number, row in lines:
        problem, method = row[roles["problem"]], row[roles["method"]]
        seed = row[roles["seed"]] if "seed" in roles else ""
        if seed in cells[problem, method]:
            hint = f"; what do the columns {', '.join(spare)} tell apart?" if spare else ""
            raise DataError(f"{path}: line {number}: a second score of {method!r} on {problem!r}{hint}")
        place = roles["score"]
        cells[problem, method][seed] = _number(path, number, header[place], row[place])
    problems, methods = dict.fromkeys(p for p, _ in cells), dict.fromkeys(m for _, m in cells)
    for problem in problems:
        for method in methods:
            if (problem, method) not in cells:
                raise DataError(f"{path}: {method!r} has no score on {problem!r}")
    scores = [[math.fsum(cells[p, m].values()) / len(cells[p, m]) for m in methods] for p in problems]
    return tuple(problems), tuple(methods), np.array(scores), ()


def _number(path: Path, line: int, column: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{path}: line {line}: {column} is {cell!r}, and must be a finite number")
    return value


def _twice(names: Sequence[str]) -> str | None:
    """The first name that stands there a second time."""
    return next((name for place, name in enumerate(names) if name in names[:place]), None)


def summary_of(table: Table, level: float = 0.95, alpha: float = 0.05) -> Summary:
    """What a table shows, as a tournament's summary with unit "problems": no curves, no costs, no budget."""
    from scipy.stats import rankdata

    scores = {method: table.scores[:, [place]] for place, method in enumerate(table.methods)}
    comparisons: tuple[Comparison, ...] = ()
    if len(scores) > 1:
        comparisons = all_pairs(scores, stream(0, "verdicts", table.name), level, alpha, unit="problems")
    ranks = rankdata(-table.scores, axis=1).mean(axis=0).tolist()
    nothing = np.zeros(0)
    standings = [
        Standing(
            agent=method,
            score=mean_score(column, stream(0, "interval"), level, unit="problems"),
            gap=math.nan,
            runs=len(column),
            reached=(),
            dollars=(),
            by_problem=tuple([Estimate(float(value), math.nan, math.nan, level) for (value,) in column]),
            curve=nothing,
        )
        for method, column in scores.items()
    ]
    return Summary(
        scenario=table.name,
        budget=Budget(),
        rivals=(),
        settings=table.digest,
        problems=table.problems,
        optima=(math.nan,) * len(table.problems),
        seeds=1,
        axis="",
        horizon=0.0,
        grid=nothing,
        standings=tuple(sorted(standings, key=lambda standing: (-standing.score.value, standing.agent))),
        failures={},
        comparisons=comparisons,
        caveats=table.notes,
        spent={},
        unit="problems",
        mean_ranks=dict(zip(table.methods, ranks, strict=True)),
    )
