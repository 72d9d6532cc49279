"""Fits `leanings.txt`: run it after a change of the concepts, or with wordings of your own.

    python -m mocks.llm.fit [--wordings FILE] [--out FILE]

The model is a multinomial logistic regression with a quadratic penalty on all weights but those that
the skills begin with. It learns from `wordings.json` (instructions of the tasks by many hands, texts that
ask for nothing known, and clauses about the form of an answer), from the mock's own phrases for every
skill, and from the order of "first" and "second". Weights are rounded to tenths of a logit, small ones
left out.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import logsumexp

from mocks.llm.inline import told_examples
from mocks.llm.leanings import length, marks
from mocks.llm.lexicon import parse
from mocks.llm.writing.phrases import phrase
from mocks.skills import SKILLS

_HERE = Path(__file__).parent
_NOTHING = "-"
_PENALTY = 1 / 200
"""Half of it times the sum of squared weights is added to the sum of losses."""
_LEAST = 0.6
"""Weights below it are left out."""
_SELDOM = 2
"""Texts in which a mark must be found; one more for a pair."""
_HEAD = """\
# How far words and concepts speak for and against skills, in tenths of a logit: see mocks/llm/leanings.py.
# First the skills (- is none of them), then the weight that each begins with; then a mark, and pairs of
# skill's number:weight. Made by python -m mocks.llm.fit."""


class Texts(NamedTuple):
    """What is learnt from."""

    texts: list[str]
    skills: list[str]
    weights: list[float]


def learning_texts(wordings: dict[str, Any]) -> Texts:
    """All texts with their skills, "-" for none, and how much each counts."""
    found = Texts([], [], [])

    def add(texts: Sequence[str], skill: str, weight: float) -> None:
        for text in texts:
            found.texts.append(text)
            found.skills.append(skill)
            found.weights.append(weight)

    told = wordings["instructions"]
    for skill, texts in told.items():
        add(texts, skill, 1.0)
    for skill in SKILLS:
        count = 4 if skill in told else 8
        add([phrase(skill, 0.8, (i + 0.5) / 8) for i in range(count)], skill, 0.4)
    for verb in ("Output", "Write", "Give me", "What is"):
        for which in ("first", "second"):
            for place in ("first", "second", "third", "last"):
                add([f"{verb} the {which} letter of the {place} word."], f"{which}_word_letter", 0.4)
    add(wordings["nothing"], _NOTHING, 1.0)
    add(wordings["forms"], _NOTHING, 0.15)
    return found


def fitted(found: Texts) -> str:
    """The text of `leanings.txt`."""
    seen = []
    for text in found.texts:
        amounts = marks(parse(told_examples(text, {})[0]))
        seen.append({mark: amount / length(amounts) for mark, amount in amounts.items()})
    often = Counter(mark for amounts in seen for mark in amounts)
    names = sorted(mark for mark, count in often.items() if count >= _SELDOM + (">" in mark))
    column = {mark: i for i, mark in enumerate(names)}
    cells = [
        (row, column[mark], x)
        for row, amounts in enumerate(seen)
        for mark, x in amounts.items()
        if mark in column
    ]
    rows, columns, values = zip(*cells, strict=True)
    inputs = csr_matrix((values, (rows, columns)), shape=(len(seen), len(names)))
    skills = sorted(set(found.skills))
    wanted = np.array([skills.index(skill) for skill in found.skills])
    weights, base = _regression(inputs, wanted, np.array(found.weights), len(skills))
    tenths = np.rint(np.where(np.abs(weights) < _LEAST, 0.0, weights) * 10).astype(int)
    lines = [
        _HEAD,
        "skills " + " ".join(skills),
        "base " + " ".join(map(str, np.rint(base * 10).astype(int).tolist())),
    ]
    for mark, told in zip(names, tenths.tolist(), strict=True):
        pairs = [f"{number}:{tenth}" for number, tenth in enumerate(told) if tenth]
        if pairs:
            lines.append(f"{mark} {' '.join(pairs)}")
    return "\n".join(lines) + "\n"


def _regression(
    inputs: csr_matrix, wanted: NDArray[np.int_], weights: NDArray[np.float64], kinds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights, shape (marks, kinds), and what each kind begins with; by L-BFGS."""
    count, marks_ = inputs.shape
    one_hot = np.zeros((count, kinds))
    one_hot[np.arange(count), wanted] = 1.0

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slopes, base = flat[:-kinds].reshape(marks_, kinds), flat[-kinds:]
        logits = inputs @ slopes + base
        whole = logsumexp(logits, axis=1, keepdims=True)
        off = (np.exp(logits - whole) - one_hot) * weights[:, None]
        value = float(weights @ (whole[:, 0] - logits[np.arange(count), wanted]))
        value += 0.5 * _PENALTY * float((slopes**2).sum())
        return value, np.concatenate([(inputs.T @ off + _PENALTY * slopes).ravel(), off.sum(axis=0)])

    start = np.zeros(marks_ * kinds + kinds)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 400, "maxfun": 500})
    return found.x[:-kinds].reshape(marks_, kinds), found.x[-kinds:]


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, and write or compare."""
    parser = argparse.ArgumentParser(
        prog="python -m mocks.llm.fit", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--wordings", type=Path, default=_HERE / "wordings.json", help="JSON like the bundled file"
    )
    parser.add_argument("--out", type=Path, default=_HERE / "leanings.txt")
    options = parser.parse_args(arguments)
    wordings = json.loads(options.wordings.read_text(encoding="utf-8"))
    options.out.write_text(fitted(learning_texts(wordings)), encoding="utf-8")


if __name__ == "__main__":
    main()
