"""Generated classification tasks with hidden decision rules: thousands of them, one a seed.

Label counts and text lengths follow the quantiles of the Prompt-MII benchmark (its Table 6), cut
at a stated cap. `python -m scenarios.tasks.classification --count 200` prints them side by side.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mocks.llm.labelling.topics import RELATED, TOPICS, Topic
from sandbox import tokens
from sandbox.dataset import Dataset, Row
from sandbox.streams import stream
from scenarios.tasks import texts
from scenarios.tasks.decisions import Rules

LABEL_SHARES = ((27, 2, 2), (17, 3, 3), (28, 4, 10), (12, 11, 50), (11, 51, 503))
"""(datasets, fewest, most labels) of the 95 rows of Table 6."""
TOKEN_QUANTILES = ((0.0, 13), (0.1, 26), (0.25, 43), (0.5, 109), (0.75, 269), (0.9, 841), (1.0, 4028))
"""Tokens an example, over the same datasets."""
HELD_OUT = range(1_000_000, 1_000_090)
"""The tasks of comparisons, 90 as in the paper's: nothing is trained on them."""
_ATTEMPTS = 200
_SPREAD = 0.3
"""Standard deviation of the logarithm of a text's length."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A task with what only the referee may know."""

    dataset: Dataset
    rules: Rules
    noise: float
    """Share of rows, in every split, whose label is not that of the rules: 1 - noise is the ceiling."""
    opaque: bool
    """The label names say nothing about what they stand for."""


def make(seed: int, *, train: int = 100, dev: int = 50, test: int = 200, **options: float) -> Dataset:
    """The classification task of `seed`; options are those of `problem`."""
    return problem(seed, train=train, dev=dev, test=test, **options).dataset


def with_shots(seed: int, shots: int, *, train: int = 100, test: int = 200) -> Dataset:
    """The task of `seed` for whoever has `shots` labelled rows in all: these are its dev rows, too.

    Rows of fewer shots are the first of those of more, and the test rows are the same for all.

    Raises:
        ValueError: if `train` rows are fewer than `shots`.
    """
    if shots > train:
        raise ValueError(f"shots={shots}: at most the {train} train rows")
    whole = make(seed, train=train, dev=1, test=test)
    rows = whole.train[:shots]
    return replace(whole, name=f"{whole.name}-n{shots}", train=rows, dev=rows)


def problem(
    seed: int,
    *,
    train: int = 100,
    dev: int = 50,
    test: int = 200,
    most_labels: float = 20,
    most_tokens: float = 200,
    labels: float | None = None,
    length: float | None = None,
    noise: float | None = None,
    opaque: float = 0.35,
    natural: float | None = None,
    cues: float | None = None,
    imbalance: float | None = None,
) -> Problem:
    """The classification task of `seed`, with its rules.

    Args:
        seed: one task each; its rules stay the same with other sizes of the splits.
        train: rows to learn from; no text is in two splits, or twice in one.
        dev: rows of an evaluation.
        test: rows for the referee.
        most_labels: cap on the number of labels drawn from the published quantiles.
        most_tokens: cap on the mean tokens a text, likewise.
        labels: number of labels, 2 to 503, where not drawn.
        length: mean tokens a text, 8 to 5000, where not drawn.
        noise: share of wrong labels; drawn from 2 to 20 % where None.
        opaque: probability that label names mean nothing.
        natural: share of a label's cues that its name suggests; drawn from 0 to 60 % where None.
        cues: keywords a label; drawn from 1 to 4 where None.
        imbalance: concentration of the Dirichlet distribution of labels (large: balanced); drawn where None.

    Raises:
        ValueError: for an impossible option, or where the texts are too short for so many rows.
    """
    rng = stream(seed, "classification")
    drawn = rng.random(8)
    count = int(labels or min(most_labels, label_count(drawn[0])))
    mean_tokens = length or min(most_tokens, text_tokens(drawn[1]))
    eta = 0.02 + 0.18 * drawn[2] if noise is None else noise
    alpha = math.exp(0.7 + 2.0 * drawn[3]) if imbalance is None else imbalance
    share = 0.6 * drawn[4] if natural is None else natural
    each = int(1 + 4 * drawn[5]) if cues is None else int(cues)
    _check(count, mean_tokens, eta, alpha, each)
    topic = TOPICS[int(rng.integers(len(TOPICS)))]
    meaningless = bool(drawn[6] < opaque)
    plain = _plain_labels(topic, count, rng)
    names = _opaque_labels(count, rng) if meaningless else _dressed(plain, rng)
    rules = _rules(plain, names, topic, 0.0 if meaningless else share, each, rng)
    weights = np.maximum(rng.dirichlet(np.full(count, alpha)), 0.2 / count)
    writer = _Writer(rules, topic.manner, mean_tokens, weights / weights.sum(), eta, rng)
    rows = writer.rows(train + dev + test)
    dataset = Dataset(
        name=f"classification-{seed}",
        description=f"Sort {topic.manner}s ({topic.name}) into {count} labels.",
        train=rows[:train],
        dev=rows[train : train + dev],
        test=rows[train + dev :],
        labels=names,
    )
    return Problem(dataset, rules, eta, meaningless)


def label_count(u: float) -> int:
    """The published number of labels at quantile `u` of (0, 1); log-uniform within a printed range."""
    place = u * sum([datasets for datasets, _, _ in LABEL_SHARES])
    for datasets, low, high in LABEL_SHARES:
        if place < datasets:
            return min(high, int(low * ((high + 1) / low) ** (place / datasets)))
        place -= datasets
    return LABEL_SHARES[-1][2]


def text_tokens(u: float) -> float:
    """The published tokens an example at quantile `u`, log-linear between the printed quantiles."""
    at, logs = zip(*[(at, math.log(value)) for at, value in TOKEN_QUANTILES], strict=True)
    return math.exp(float(np.interp(u, at, logs)))


def _check(count: int, mean_tokens: float, eta: float, alpha: float, each: int) -> None:
    if not 2 <= count <= 503:
        raise ValueError(f"labels={count}: 2 to 503")
    if not 8 <= mean_tokens <= 5000:
        raise ValueError(f"length={mean_tokens}: 8 to 5000 tokens a text")
    if not 0 <= eta < 1:
        raise ValueError(f"noise={eta}: a share from 0 to below 1")
    if not alpha > 0:
        raise ValueError(f"imbalance={alpha}: above 0")
    if not 1 <= each <= 12:
        raise ValueError(f"cues={each}: 1 to 12 keywords a label")


def _plain_labels(topic: Topic, count: int, rng: np.random.Generator) -> list[str]:
    """Names with a meaning; where there are too few, each is split by qualifiers."""
    base = [str(name) for name in rng.permutation(list(topic.labels))]
    if count <= len(base):
        return base[:count]
    finer = [f"{name} {qualifier}" for name in base for qualifier in texts.QUALIFIERS]
    finer = [finer[place] for place in rng.permutation(len(finer))]
    while len(finer) < count:  # a topic of two labels has few finer ones
        finer += [f"{name} {len(finer) // len(base)}" for name in base]
    return finer[:count]


def _dressed(plain: list[str], rng: np.random.Generator) -> tuple[str, ...]:
    joint = ("-", "_", " ")[int(rng.integers(3))]
    case = (str.lower, str.lower, str.capitalize, str.upper)[int(rng.integers(4))]
    return tuple([case(name.replace(" ", joint)) for name in plain])


def _opaque_labels(count: int, rng: np.random.Generator) -> tuple[str, ...]:
    styles = ("class_{}", "L{:02d}", "word", "letter") if count <= 26 else ("class_{}", "L{:02d}", "word")
    style = styles[int(rng.integers(len(styles)))]
    if style == "letter":
        return tuple([chr(ord("A") + i) for i in range(count)])
    if style == "word":
        made: dict[str, None] = {}
        while len(made) < count:
            made["".join([str(part) for part in rng.choice(texts.SYLLABLES, 3)])] = None
        return tuple(made)
    return tuple([style.format(i + 1) for i in range(count)])


def _rules(
    plain: list[str],
    names: tuple[str, ...],
    topic: Topic,
    natural: float,
    each: int,
    rng: np.random.Generator,
) -> Rules:
    """Draw the hidden rules: keywords for each label, some conjunctions, an order, a default."""
    known = {word for label in topic.labels for word in RELATED[label]}
    pool = _neutral_cues(rng, known)
    keywords: list[tuple[str, str]] = []
    taken: set[str] = set()
    for name, label in zip(plain, names, strict=True):
        hints = [str(word) for word in rng.permutation(topic.labels[_base(name, topic)]) if word not in taken]
        wanted = [hints.pop() if hints and rng.random() < natural else next(pool) for _ in range(each)]
        taken.update(wanted)
        keywords += [(cue, label) for cue in wanted]
    conjunctions = []
    for label in names:
        if rng.random() < 0.35:
            # half of them are made of words that mean something else when alone
            other = [cue for cue, held in keywords if held != label]
            first = other[int(rng.integers(len(other)))] if rng.random() < 0.5 else next(pool)
            conjunctions.append((first, next(pool), label))
    order = tuple([names[i] for i in rng.permutation(len(names))])
    return Rules(names, tuple(conjunctions), tuple(keywords), order, names[int(rng.integers(len(names)))])


def _base(name: str, topic: Topic) -> str:
    return next(label for label in topic.labels if name == label or name.startswith(f"{label} "))


def _neutral_cues(rng: np.random.Generator, known: set[str]) -> Iterator[str]:
    """Nouns first, then adjective and noun; no cue is part of another."""
    nouns = [str(noun) for noun in rng.permutation(texts.NOUNS) if noun not in known]
    half = len(nouns) // 2
    singles, others = nouns[:half], nouns[half:]
    many = len(texts.ADJECTIVES) * len(others)
    # single words and phrases take turns while there are words
    for place, number in enumerate(rng.permutation(many).tolist()):
        if place < half:
            yield singles[place]
        if place % 2 or place >= half:
            adjective, noun = divmod(number, len(others))
            yield f"{texts.ADJECTIVES[adjective]} {others[noun]}"


class _Writer:
    """Writes rows that obey the rules, save for the noise."""

    def __init__(
        self, rules: Rules, manner: str, mean_tokens: float, weights: np.ndarray, noise: float,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self.rules, self.manner, self.mean = rules, manner, mean_tokens
        self.weights, self.noise, self.rng = weights, noise, rng
        self.pairs: dict[str, list[tuple[str, str]]] = {}
        for first, second, label in rules.conjunctions:
            self.pairs.setdefault(label, []).append((first, second))
        self.cues: dict[str, list[str]] = {}
        for cue, label in rules.keywords:
            self.cues.setdefault(label, []).append(cue)
        self.rank = {label: place for place, label in enumerate(rules.order)}

    def rows(self, count: int) -> tuple[Row, ...]:
        seen: set[str] = set()
        made: list[Row] = []
        for _ in range(count):
            for _attempt in range(_ATTEMPTS):
                text = self.text()
                if text is not None and text not in seen:
                    break
            else:
                raise ValueError(
                    f"only {len(made)} different texts of about {self.mean:.0f} tokens were found"
                )
            seen.add(text)
            label = self.rules.apply(text)
            if self.rng.random() < self.noise:
                others = [other for other in self.rules.labels if other != label]
                label = others[int(self.rng.integers(len(others)))]
            made.append(Row(text, (label,)))
        return tuple(made)

    def text(self) -> str | None:
        """A text for a label drawn by its weight; None where a filler happened to hold a cue."""
        rng, rules = self.rng, self.rules
        label = rules.labels[int(rng.choice(len(rules.labels), p=self.weights))]
        sentence = self.telling(label)
        wanted = self.mean * math.exp(_SPREAD * rng.standard_normal() - _SPREAD**2 / 2)
        fillers: list[str] = []
        length = tokens.count(sentence) if sentence else 0
        for more in texts.fillers(self.manner, rng):
            size = tokens.count(more)
            # stop where another sentence would miss the wanted length by more than it is missed now
            if length and length + size - wanted > wanted - length:
                break
            fillers.append(more)
            length += size
        place = int(rng.integers(len(fillers) + 1))
        parts = [*fillers[:place], *([sentence] if sentence else []), *fillers[place:]]
        text = " ".join(parts)
        return text if rules.apply(text) == label else None

    def telling(self, label: str) -> str:
        """What makes the label: a keyword, two keywords of different rank, a pair, or nothing at all."""
        rng = self.rng
        kind = rng.random()
        if label == self.rules.default and kind < 0.5:
            return ""
        if label in self.pairs and kind < 0.75:
            pairs = self.pairs[label]
            return texts.said_both(*pairs[int(rng.integers(len(pairs)))], rng)
        cues = self.cues[label]
        cue = cues[int((len(cues) + 1) ** rng.random()) - 1]  # some cues are common, some rare
        weaker = self.rules.order[self.rank[label] + 1 :]
        if weaker and kind > 0.85:
            other = self.cues[weaker[int(rng.integers(len(weaker)))]]
            return texts.said_both(cue, other[int(rng.integers(len(other)))], rng)
        return texts.said(self.manner, cue, rng)


def statistics(count: int, **options: float) -> list[tuple[str, list[float], list[float]]]:
    """(what, published, generated) quantiles 0, 10, 25, 50, 75, 90, 100 % over `count` tasks."""
    at = [q for q, _ in TOKEN_QUANTILES]
    tasks = [make(seed, train=20, dev=10, test=10, **options) for seed in range(count)]
    labels = [len(task.labels) for task in tasks]
    lengths = [float(np.mean([tokens.count(row.input) for row in task.train])) for task in tasks]
    published = [float(np.quantile([label_count((i + 0.5) / 950) for i in range(950)], q)) for q in at]
    return [
        ("labels", published, np.quantile(labels, at).tolist()),
        ("tokens a text", [float(value) for _, value in TOKEN_QUANTILES], np.quantile(lengths, at).tolist()),
    ]


def main(arguments: list[str] | None = None) -> None:
    """Print the quantiles of generated tasks beside the published ones."""
    parser = argparse.ArgumentParser(prog="python -m scenarios.tasks.classification", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="tasks to generate (200)")
    parser.add_argument("--most-labels", type=float, default=20)
    parser.add_argument("--most-tokens", type=float, default=200)
    asked = parser.parse_args(arguments)
    lines = ["quantile                    0 %   10 %   25 %   50 %   75 %   90 %  100 %"]
    caps = {"most_labels": asked.most_labels, "most_tokens": asked.most_tokens}
    for what, published, generated in statistics(asked.count, **caps):
        for source, values in (("published", published), ("generated", generated)):
            lines.append(f"{what:<13} {source:<9}" + "".join([f"{value:7.0f}" for value in values]))
    lines.append(
        f"{asked.count} tasks, at most {asked.most_labels:.0f} labels and {asked.most_tokens:.0f} tokens"
    )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
