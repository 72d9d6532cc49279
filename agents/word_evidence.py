"""Which words of labelled texts go with which label: what a small policy reads in place of the texts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

_WORD = re.compile(r"[^\W\d_][\w'-]+")
_CALM = 0.3
"""Added to a variance, so that a single text does not look certain."""


class Term(NamedTuple):
    """A word, or two in a row, with the label that it goes with most."""

    text: str
    label: str
    hits: int
    """Texts of that label with it."""
    texts: int
    """Texts with it."""
    strength: float
    """Standard deviations beyond chance, positive."""


def evidence(
    pairs: Sequence[tuple[str, str]], labels: Sequence[str], most: int
) -> Mapping[str, tuple[Term, ...]]:
    """The terms of each label, strongest first, at most `most` in all and as many for each as there are.

    Two words in a row are a term where they tell more than each of them. Pairs with other answers than
    `labels` are not read.
    """
    pairs = [(text, label) for text, label in pairs if label in labels]
    held = Counter([label for _, label in pairs])
    by_term: dict[str, Counter[str]] = {}
    for text, label in pairs:
        for term in dict.fromkeys(_terms(text)):
            by_term.setdefault(term, Counter())[label] += 1
    usual = {label: (held[label] + 1) / (len(pairs) + len(labels)) for label in labels}
    found: dict[str, list[Term]] = {label: [] for label in labels}
    for text, counts in by_term.items():
        label = max(counts, key=lambda one: (counts[one] - counts.total() * usual[one], one))
        chance = counts.total() * usual[label]
        strength = (counts[label] - chance) / math.sqrt(chance * (1 - usual[label]) + _CALM)
        if strength > 0:
            found[label].append(Term(text, label, counts[label], counts.total(), strength))
    return _shared_out({label: _telling(terms) for label, terms in found.items()}, most)


def _terms(text: str) -> Iterator[str]:
    for piece in re.split(r"[^\w\s'-]+", text.lower()):
        words = _WORD.findall(piece)
        yield from words
        yield from [f"{a} {b}" for a, b in pairwise(words)]


def _telling(terms: Sequence[Term]) -> list[Term]:
    """Strongest first; without pairs of words that tell no more than one of the two."""
    alone = {term.text: term.strength for term in terms}
    kept = [
        term
        for term in terms
        if " " not in term.text or all(alone.get(word, 0.0) < term.strength for word in term.text.split())
    ]
    return sorted(kept, key=lambda term: (-term.strength, term.text))


def _shared_out(found: Mapping[str, Sequence[Term]], most: int) -> dict[str, tuple[Term, ...]]:
    """One each in turn, until there are `most`."""
    taken = dict.fromkeys(found, 0)
    left = most
    while left > 0:
        open_ = [label for label, terms in found.items() if taken[label] < len(terms)]
        if not open_:
            break
        for label in open_[:left]:
            taken[label] += 1
        left -= len(open_[:left])
    return {label: tuple(terms[: taken[label]]) for label, terms in found.items()}
