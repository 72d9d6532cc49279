"""What single words say about labels: through the labels' names, descriptions and worked examples."""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from typing import TypeAlias

from mocks.llm.labelling.stems import FUNCTION, content, phrase, stem, words
from mocks.llm.labelling.topics import RELATED

Weights: TypeAlias = dict[str, dict[int, float]]
"""Stem -> label -> evidence, in natural logarithms."""

_LOOSE = 0.9
_RELATED = 1.1
_NAMED = 1.6
"""Evidence of a word of a description, of a noun that goes with a label's name, of the name itself."""
_PRIOR = 3.0
"""Examples of the usual mixture of labels that every word is thought to have been in."""
_LEARNING = 0.8
"""How much of what worked examples show is taken in."""


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

    A word counts once an example; its evidence is the logarithm of how much more often than usual it
    comes with the label, smoothed by `_PRIOR` examples of the usual mixture, and is taken in full only
    where chance does not explain it. Returns the evidence of the labels' frequencies.
    """
    if not shown:
        return [0.0] * count
    total = len(shown)
    held = Counter([label for _, label in shown])
    usual = [(held[label] + 1.0) / (total + count) for label in range(count)]
    together: dict[str, Counter[int]] = {}
    for text, label in shown:
        for word in dict.fromkeys(content(text)):
            together.setdefault(word, Counter())[label] += 1
    for word, by_label in together.items():
        often = by_label.total()
        label, hits = min(by_label.items(), key=lambda pair: (-pair[1], pair[0]))
        expected = often * usual[label]
        surprise = (hits - expected) / math.sqrt(expected * (1 - usual[label]) + 0.5)
        if surprise <= 0.5:
            continue
        trust = _LEARNING * surprise / (surprise + 1.0)
        given = weights.setdefault(word, {})
        for other, number in by_label.items():
            gain = math.log((number + _PRIOR * usual[other]) / ((often + _PRIOR) * usual[other]))
            if gain > 0:
                given[other] = given.get(other, 0.0) + trust * gain * math.sqrt(often)
    return [0.3 * math.log(share * count) for share in usual]
