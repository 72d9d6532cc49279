"""What single words say about labels: through the labels' names, descriptions and worked examples."""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from typing import TypeAlias

from mocks.llm.labelling.stems import FUNCTION, phrase, stem, telling, words
from mocks.llm.labelling.topics import RELATED
from sandbox import tokens

Weights: TypeAlias = dict[str, dict[int, float]]
"""Stem -> label -> evidence, in natural logarithms."""

_LOOSE = 0.9
_RELATED = 1.1
_NAMED = 1.6
"""Evidence of a word of a description, of a noun that goes with a label's name, of the name itself."""
_PRIOR = 0.6
"""Examples of the usual mixture of labels that every word is thought to have been in."""
_DOUBT = 0.3
"""Standard deviations beyond chance at which half of what examples show is believed."""
_ATTENTION = 12_000
"""Tokens of worked examples at which half of what they show is lost."""


def of_names(labels: tuple[str, ...]) -> Weights:
    """What label names alone suggest."""
    return {word: dict(given) for word, given in _related(labels).items()}


@lru_cache(maxsize=256)
def _related(labels: tuple[str, ...]) -> Weights:
    found: Weights = {}
    for place, label in enumerate(labels):
        parts = [part for part in words(label.replace("_", " ").replace("-", " ")) if len(part) > 2]
        for part in parts:
            if part.lower() not in FUNCTION:
                _raise(found, stem(part), place, _NAMED)
        for name in {" ".join(parts).lower(), *[part.lower() for part in parts]}:
            for word in RELATED.get(name, ()):
                _raise(found, phrase(word).strip(), place, _RELATED)
    return found


def _raise(found: Weights, word: str, label: int, weight: float) -> None:
    given = found.setdefault(word, {})
    given[label] = max(given.get(label, 0.0), weight)


def add_loose(loose: dict[str, set[int]], count: int, weights: Weights) -> None:
    """Add the words of descriptions; a word that describes many labels says little."""
    for word, labels in loose.items():
        weight = _LOOSE * math.log(count / len(labels)) / math.log(count)
        given = weights.setdefault(word, {})
        for label in labels:
            given[label] = given.get(label, 0.0) + weight


def learn(shown: list[tuple[str, int]], count: int, weights: Weights) -> list[float]:
    """Add what worked examples teach: each word's share of labels against that of all examples.

    A word counts once an example. Its evidence for a label is by how much it raises the log-odds of the
    label, smoothed by `_PRIOR` examples of the usual mixture; it is believed less where chance may explain
    it, where the word is a common one, and where the examples are long. Returns what the
    labels' own frequencies speak for each.
    """
    if not shown:
        return [0.0] * count
    total = len(shown)
    held = Counter([label for _, label in shown])
    usual = [(held[label] + 1.0) / (total + count) for label in range(count)]
    together: dict[str, Counter[int]] = {}
    salience: dict[str, float] = {}
    for text, label in shown:
        for word, catching in telling(text):
            together.setdefault(word, Counter())[label] += 1
            salience[word] = catching
    tired = 1 / (1 + sum([tokens.count(text) for text, _ in shown]) / _ATTENTION)
    for word, by_label in together.items():
        often = by_label.total()
        label, hits = min(by_label.items(), key=lambda pair: (-pair[1], pair[0]))
        expected = often * usual[label]
        surprise = (hits - expected) / math.sqrt(expected * (1 - usual[label]) + 0.5)
        if surprise <= 0.5:
            continue
        trust = tired * salience[word] * surprise / (surprise + _DOUBT)
        given = weights.setdefault(word, {})
        for other, number in by_label.items():
            share = (number + _PRIOR * usual[other]) / (often + _PRIOR)
            gain = _logit(share) - _logit(usual[other])
            if gain > 0:
                given[other] = given.get(other, 0.0) + trust * gain
    return [0.3 * math.log(share * count) for share in usual]


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
