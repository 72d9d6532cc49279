"""An annotation guideline written from worked examples, as a more or less skilled writer would."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from mocks.llm.labelling.stems import content, stem, telling, words
from sandbox import tokens
from sandbox.streams import Uniforms

_MOST_CUES = 8
"""Cues a label that a guideline names at most."""
_LEAST = 0.6
"""Standard deviations beyond chance from which a word is taken for a cue."""
_LUCK = Uniforms(0, "mock guideline", count=2)
_OPENINGS = (
    "Decide which label fits the text by the words that it uses.",
    "Read the text closely; certain words give its label away.",
    "Annotation guideline. Look for the cues below and label accordingly.",
    "Each label has words that are typical of it. Find them in the text.",
)
_LINES = (
    "- {label}: {cues}",
    "- {label}: texts that mention {cues}",
    "- If it mentions {cues}, answer {label}.",
)
_REST = ("Anything else is {label}.", "Otherwise, answer {label}.", "If no cue is there, choose {label}.")


class Cue(NamedTuple):
    """A word that goes with a label."""

    word: str
    label: str
    strength: float
    """Standard deviations beyond chance."""


def propose_rules(
    demos: Sequence[tuple[str, str]], labels: Sequence[str], skill: float, variant: int = 0
) -> str:
    """A guideline for `labels` from (text, label) pairs.

    Args:
        demos: worked examples; those with other answers than `labels` are not looked at.
        labels: all labels, in the order in which they are to be named.
        skill: 0 to 1. Each cue is found with this chance, and less where the examples are long; in
            half of what is left it is given to a wrong label, or a word of no meaning is taken for it.
        variant: one guideline each.
    """
    shown = _shown(demos, labels)
    grasp = min(1.0, max(0.0, skill)) / (1 + sum([tokens.count(text) for text, _ in shown]) / 20_000)
    found: dict[str, list[str]] = {label: [] for label in labels}
    everything = sorted({word for text, _ in shown for word in content(text)})
    spelt = _spellings(shown)
    per_label = max(2, min(_MOST_CUES, 60 // max(1, len(labels))))
    for cue in associations(shown, labels):
        luck, other = _LUCK.pair(f"{variant}\0{cue.word}\0{cue.label}\0{len(shown)}".encode())
        label, word = cue.label, cue.word
        if luck >= grasp:
            if luck < grasp + (1 - grasp) / 2:
                continue
            if other < 0.5:
                label = labels[int(2 * other * len(labels))]
            else:
                word = everything[int((2 * other - 1) * len(everything))]
        if len(found[label]) < per_label and word not in found[label]:
            found[label].append(word)
    line, opening, rest = _phrases(shown, variant)
    lines = [opening]
    for label in labels:
        cues = [spelt.get(word, word) for word in found[label]]
        if cues:
            lines.append(line.format(label=label, cues=_listed(cues, quoted="If" in line)))
    default = _default(shown, labels, found)
    return "\n".join([*lines, *([rest.format(label=default)] if default else [])])


def associations(shown: Sequence[tuple[str, str]], labels: Sequence[str]) -> list[Cue]:
    """The words that come with one label more often than chance explains, strongest first."""
    held = Counter([label for _, label in shown])
    usual = {label: (held[label] + 1) / (len(shown) + len(labels)) for label in labels}
    together: dict[str, Counter[str]] = {}
    salience: dict[str, float] = {}
    for text, label in shown:
        for word, catching in telling(text):
            together.setdefault(word, Counter())[label] += 1
            salience[word] = catching
    found = []
    for word, by_label in together.items():
        often = by_label.total()
        label, hits = min(by_label.items(), key=lambda pair: (-pair[1], pair[0]))
        expected = often * usual[label]
        strength = salience[word] * (hits - expected) / math.sqrt(expected * (1 - usual[label]) + 0.3)
        if hits > 0.6 * often and strength > _LEAST:
            found.append(Cue(word, label, strength))
    return sorted(found, key=lambda cue: (-cue.strength, cue.word))


def _shown(demos: Sequence[tuple[str, str]], labels: Sequence[str]) -> list[tuple[str, str]]:
    at = {label.strip().lower(): label for label in labels}
    pairs = [(text, at.get(answer.strip().lower())) for text, answer in demos]
    return [(text, label) for text, label in pairs if label is not None]


def _spellings(shown: Sequence[tuple[str, str]]) -> dict[str, str]:
    """How a stem is written in the examples; the first spelling counts."""
    found: dict[str, str] = {}
    for text, _ in shown:
        for word in words(text):
            found.setdefault(stem(word), word.lower())
    return found


def _listed(cues: list[str], quoted: bool) -> str:
    if not quoted:
        return ", ".join(cues)
    marked = [f'"{cue}"' for cue in cues]
    return marked[0] if len(marked) == 1 else f"{', '.join(marked[:-1])} or {marked[-1]}"


def _phrases(shown: Sequence[tuple[str, str]], variant: int) -> tuple[str, str, str]:
    first, second = _LUCK.pair(f"{variant}\0phrases\0{shown[:1]}".encode("utf-8", "surrogatepass"))
    opening = _OPENINGS[int(first * len(_OPENINGS))]
    return _LINES[int(second * len(_LINES))], opening, _REST[int(first * second * len(_REST))]


def _default(
    shown: Sequence[tuple[str, str]], labels: Sequence[str], found: dict[str, list[str]]
) -> str | None:
    """The label that is commonest among examples in which no cue was found."""
    cues = {word for named in found.values() for word in named}
    left = Counter([label for text, label in shown if not cues & set(content(text))])
    return min(left, key=lambda label: (-left[label], labels.index(label))) if left else None
