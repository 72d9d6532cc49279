"""How well the mock model labels texts under different prompts, over many generated tasks.

`python -m scenarios.tasks.shapes --count 30` prints macro-F1 with intervals: what is known of real
models must show again. A list of labels alone stays at the prior; worked examples help, the more
the better; the rules themselves come near the ceiling, and wrong rules do worse than none.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mocks.llm.classify import outcomes
from mocks.llm.guideline import propose_rules
from mocks.llm.persona import Persona, load
from sandbox.classification import format_line, invalid_rate, macro_f1
from sandbox.dataset import Row
from sandbox.streams import stream
from scenarios.tasks.classification import Problem, problem

SHOTS = (5, 10, 20, 50, 100)
NAIVE = "Sort the text into one of the classes."
_PADDING = (
    "Take your time and be careful, since much depends on a good answer and every text deserves attention. "
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands before the text that is to be labelled."""

    name: str
    instruction: str
    demos: tuple[tuple[str, str], ...] = ()


def prompts(task: Problem, craft: float = 0.75) -> Iterator[Prompt]:
    """The prompts that are compared on one task, each with the format line."""
    rules, labels = task.rules, task.dataset.labels
    ending = f"\n\n{format_line(labels)}"
    rng = stream(0, "shapes", task.dataset.name)
    yield Prompt("labels only", NAIVE + ending)
    for count in SHOTS:
        yield Prompt(f"{count} examples", NAIVE + ending, _pairs(task.dataset.train[:count]))
    for count in SHOTS:
        told = propose_rules(_pairs(task.dataset.train[:count]), labels, craft)
        yield Prompt(f"guideline from {count}", told + ending)
    yield Prompt("wrong rules", rules.confused().describe() + ending)
    yield Prompt("half of the rules", rules.part(0.5, rng).describe("bullets") + ending)
    for style in ("sentences", "bullets", "guideline", "table"):
        yield Prompt(f"rules as {style}", rules.describe(style) + ending)
    yield Prompt("rules after 2,000 idle words", _PADDING * 112 + rules.describe() + ending)


def answers(prompt: Prompt, rows: tuple[Row, ...], labels: tuple[str, ...], persona: Persona) -> list[str]:
    """What the model says to each row at temperature 0."""
    found = []
    for row in rows:
        texts = outcomes(prompt.instruction, prompt.demos, row.input, labels, persona)
        if texts is None:
            raise ValueError(f"{prompt.name}: not taken for a classification prompt")
        found.append(max(texts, key=lambda pair: pair[1])[0])
    return found


def measure(count: int, persona: Persona, first: int = 0) -> dict[str, list[tuple[float, float]]]:
    """Prompt -> (macro-F1, share of invalid answers) on each of `count` tasks."""
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(first, first + count):
        task = problem(seed)
        labels, rows = task.dataset.labels, task.dataset.test
        golds = [row.answers[0] for row in rows]
        for prompt in prompts(task):
            said = answers(prompt, rows, labels, persona)
            found.setdefault(prompt.name, []).append((macro_f1(said, golds), invalid_rate(said, labels)))
        best = [task.rules.apply(row.input) for row in rows]
        found.setdefault("the rules themselves", []).append((macro_f1(best, golds), 0.0))
    return found


def _pairs(rows: tuple[Row, ...]) -> tuple[tuple[str, str], ...]:
    return tuple([(row.input, row.answers[0]) for row in rows])


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m scenarios.tasks.shapes", description=__doc__)
    parser.add_argument("--count", type=int, default=30, help="tasks (30)")
    parser.add_argument("--persona", default="mock-gpt-3.5-turbo")
    asked = parser.parse_args(arguments)
    lines = [
        f"macro-F1 over {asked.count} generated tasks, {asked.persona}, temperature 0, 200 test rows each",
        "",
    ]
    lines.append(f"{'prompt':<30}  mean   95 % interval  invalid")
    for name, measured in measure(asked.count, load(asked.persona)).items():
        scores, invalid = np.array(measured).T
        mean, half = scores.mean(), 1.96 * scores.std(ddof=1) / math.sqrt(len(scores))
        lines.append(f"{name:<30} {mean:.3f}  {mean - half:.3f} - {mean + half:.3f}    {invalid.mean():5.1%}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
