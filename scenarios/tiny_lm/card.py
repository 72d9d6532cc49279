"""Measures what a small white-box model is worth as something to optimize, task by task.

    python -m scenarios.tiny_lm.card [DIR] [--prompts N] [--write FILE]

For every task of the papers, scrambled Sobol soft prompts (as InstructZero and INSTINCT draw them) are
decoded behind five worked examples, and the instructions are scored exactly under the mock LLM.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.spatial.distance import cdist

from agents.soft_prompts import PREFIX, Floats, exemplars, sobol, soft_prompts, statement, tidy
from mocks.llm.model import MockModel
from sandbox.budget import Budget
from sandbox.errors import UsageError
from sandbox.protocol import Task
from sandbox.spaces import FreeText
from sandbox.streams import stream
from sandbox.whitebox.decoding import Style
from sandbox.whitebox.loading import load
from sandbox.whitebox.model import LocalModel
from scenarios import tasks
from scenarios.build import BUNDLED
from scenarios.tiny_lm.instructions import MODEL, true_score
from scenarios.tiny_lm.readable import Reading

Array = NDArray[np.float64]

_DIMENSIONS, _TOKENS, _PAIRS = 10, 5, 5
_FOLDS = 8
_PENALTIES = tuple(float(10.0**power) for power in range(-2, 6))


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured on one task."""

    task: str
    distinct: int
    """Distinct readable instructions."""
    readable: float
    """Share of the soft prompts whose instruction is readable."""
    spread: float
    """Standard deviation of the true scores of the distinct instructions."""
    median: float
    """Of the true scores over all soft prompts."""
    best: float
    ceiling: float
    explained: float
    """Cross-validated R2 of a ridge regression of the true score on hidden states; folds of soft prompts."""
    unseen: float
    """The same with folds cut between texts: no text is in two folds."""
    near: float
    """Mean likeness of the texts of neighbouring soft prompts ..."""
    far: float
    """... and of arbitrary ones: shared words over all words (Jaccard)."""


def measure(model: LocalModel, name: str, prompts: int, seed: int = 0) -> Line:
    """One task.

    Args:
        model: the white box.
        name: of the task.
        prompts: soft prompts to decode.
        seed: of projection, Sobol sequence and worked examples.
    """
    data = tasks.make(name, seed=0, **tasks.fitting(name, train=50, dev=20, test=100))
    mock = MockModel(MODEL, {})
    told = Task("", FreeText(("x",)), Budget(), tuple((row.input, row.answers[0]) for row in data.train))
    rng = stream(seed, "card", name)
    points = sobol(prompts, _DIMENSIONS, rng)
    soft = soft_prompts(_DIMENSIONS, _TOKENS, model.width, rng).lift(points)
    context = statement(exemplars(told, _PAIRS, rng))
    asked = model.prompts(context, soft)
    texts = [tidy(text) for text in model.decode(asked, Style(max_tokens=64))[0]]
    states = model.hidden(asked)
    score = true_score(mock, data)
    known = {text: score(f"{PREFIX} {text}") if text else 0.0 for text in dict.fromkeys(texts)}
    truths = np.array([known[text] for text in texts])
    reading = Reading()
    readable = {text for text in known if reading.readable(text)}
    scores = np.array([known[text] for text in sorted(readable)] or [0.0])
    near, far = likeness(points, texts)
    kinds = {text: number for number, text in enumerate(known)}
    return Line(
        task=name,
        distinct=len(readable),
        readable=float(np.mean([text in readable for text in texts])),
        spread=float(scores.std()),
        median=float(np.median(truths)),
        best=float(scores.max()),
        ceiling=mock.ceiling(name, data.test, data.score),
        explained=explained(states, truths, np.arange(len(texts)) % _FOLDS),
        unseen=explained(states, truths, np.array([kinds[text] % _FOLDS for text in texts])),
        near=near,
        far=far,
    )


def explained(states: Floats, truths: Array, folds: NDArray[np.int64]) -> float:
    """Cross-validated R2 of a ridge regression on standardised states; each fold chooses its penalty.

    Args:
        states: shape (n, width).
        truths: shape (n,).
        folds: the fold of each, shape (n,).
    """
    guesses = np.full(len(truths), truths.mean())
    for fold in np.unique(folds):
        inside = folds != fold
        if inside.all() or not inside.any():
            continue
        guesses[~inside] = _ridge(states[inside], truths[inside], states[~inside])
    total = float(np.square(truths - truths.mean()).sum())
    return 1.0 - float(np.square(truths - guesses).sum()) / total if total > 0 else 0.0


def _ridge(x: Floats, y: Array, new: Floats) -> Array:
    """Predictions at `new`; the penalty with the least leave-one-out error is taken (Golub et al. 1979)."""
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-9
    inner = np.asarray((x - mean) / scale, dtype=np.float64)
    left, values, right = np.linalg.svd(inner, full_matrices=False)
    rotated, centred = left.T @ (y - y.mean()), y - y.mean()
    best, chosen = np.inf, np.zeros(len(values))
    for penalty in _PENALTIES:
        shrunk = values**2 / (values**2 + penalty)
        residual = centred - left @ (shrunk * rotated)
        leverage = np.square(left) @ shrunk + 1.0 / len(y)
        error = float(np.square(residual / np.maximum(1.0 - leverage, 1e-6)).mean())
        if error < best:
            best, chosen = error, values / (values**2 + penalty)
    weights = right.T @ (chosen * rotated)
    guessed: Array = y.mean() + np.asarray((new - mean) / scale, dtype=np.float64) @ weights
    return guessed


def likeness(points: Array, texts: Sequence[str]) -> tuple[float, float]:
    """How like the texts of soft prompts are: nearest neighbours by angle, and all pairs."""
    words = [frozenset(re.findall(r"\w+", text.lower())) for text in texts]
    angles = cdist(points, points, "cosine")
    np.fill_diagonal(angles, np.inf)
    nearest = angles.argmin(axis=1)
    near = [_jaccard(words[i], words[j]) for i, j in enumerate(nearest.tolist())]
    count = len(words)
    every = [_jaccard(words[i], words[(i + gap) % count]) for i in range(count) for gap in (7, 31, 101)]
    return float(np.mean(near)), float(np.mean(every))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0


def report(lines: Sequence[Line], prompts: int) -> str:
    """The measurements as Markdown."""
    head = (
        f"Measured over {prompts} Sobol soft prompts a task ({_TOKENS} tokens, {_DIMENSIONS} dimensions, "
        f"{_PAIRS} worked examples) by `python -m scenarios.tiny_lm.card`; scores are exact expected "
        f"scores on 100 test rows under {MODEL}.\n\n"
        "| task | distinct | readable | sd | median | best | ceiling | R2 | R2 new texts | near | far |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    rows = [
        f"| {x.task} | {x.distinct} | {x.readable:.2f} | {x.spread:.2f} | {x.median:.2f} | {x.best:.2f} | "
        f"{x.ceiling:.2f} | {x.explained:.2f} | {x.unseen:.2f} | {x.near:.2f} | {x.far:.2f} |"
        for x in lines
    ]
    count = len(lines)
    some = [
        (">= 30 distinct readable instructions", sum(x.distinct >= 30 for x in lines)),
        ("standard deviation of true scores >= 0.15", sum(x.spread >= 0.15 for x in lines)),
        ("best within 0.1 of the ceiling", sum(x.ceiling - x.best <= 0.1 for x in lines)),
        ("median at least 0.1 below the best", sum(x.best - x.median >= 0.1 for x in lines)),
        ("neighbours more alike than others", sum(x.near > x.far for x in lines)),
    ]
    told = "\n".join([f"- {what}: {held} of {count} tasks" for what, held in some])
    means = (
        f"- mean R2 of a ridge regression on last-token states: {np.mean([x.explained for x in lines]):.2f} "
        f"(folds between soft prompts), {np.mean([x.unseen for x in lines]):.2f} (folds between texts)"
    )
    return f"{head}" + "\n".join(rows) + f"\n\n{told}\n{means}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m scenarios.tiny_lm.card", description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=BUNDLED, help="of the model; else the bundled one"
    )
    parser.add_argument("--prompts", type=int, default=256, help="soft prompts a task (256)")
    parser.add_argument("--only", help="some tasks, separated by commas")
    parser.add_argument(
        "--write", type=Path, help="a Markdown file that gets the table between its two marks"
    )
    wanted = parser.parse_args(arguments)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        model = load(wanted.folder, "auto", "auto")
        names = wanted.only.split(",") if wanted.only else list(tasks.INDUCTION30)
        lines = [measure(model, name, wanted.prompts) for name in track(names, "measuring", console=console)]
    except UsageError as error:
        console.print(f"error: {error}", markup=False)
        return 2
    table = report(lines, wanted.prompts)
    Console(highlight=False, soft_wrap=True).print(table, markup=False)
    if wanted.write is not None:
        write_between(wanted.write, table)
    return 0


_MARKS = ("<!-- measured -->", "<!-- /measured -->")


def write_between(path: Path, table: str) -> None:
    """Put the table between the marks of a Markdown file, in place of what stood there."""
    text = path.read_text(encoding="utf-8")
    start, end = text.index(_MARKS[0]) + len(_MARKS[0]), text.index(_MARKS[1])
    path.write_text(f"{text[:start]}\n{table}{text[end:]}", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
