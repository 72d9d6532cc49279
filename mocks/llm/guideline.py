"""An annotation guideline written from worked examples, as a more or less skilled writer would."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from mocks.llm.labelling.stems import stem, telling, words
from mocks.llm.writing.luck import Luck

_LEAST = 0.6
"""Standard deviations beyond chance from which a word is taken for a cue."""
_MOST_CUES = 12
"""Cues a label that a writer thinks of."""


class Cue(NamedTuple):
    """A word that goes with a label."""

    word: str
    label: str
    strength: float
    """Standard deviations beyond chance."""


Cues: TypeAlias = tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
"""For each label its cue words, as they are spelt in the examples, with their strengths, strongest first."""


def propose_rules(
    demos: Sequence[tuple[str, str]], labels: Sequence[str], skill: float, variant: int = 0
) -> str:
    """A guideline for `labels` from (text, label) pairs.

    Args:
        demos: worked examples; those with other answers than `labels` are not looked at.
        labels: all labels, in the order in which they are to be named.
        skill: of the writer, 0 to 1: how many cues it notices, and how rarely it invents one.
        variant: one guideline each.
    """
    pairs = _shown(demos, labels)
    luck = Luck("propose", skill, variant, len(pairs), *labels)
    return write(find(pairs), labels, commonest(pairs), skill, luck)


def repeating(outputs: Sequence[str]) -> bool:
    """Whether answers look like the labels of a classification: few, short, and some of them repeat."""
    kinds = {output.strip().lower() for output in outputs}
    if len(kinds) < 2:
        return False
    short = all(len(kind.split()) <= 5 and len(kind) <= 40 for kind in kinds)
    return short and len(kinds) <= max(2, math.ceil(0.7 * len(outputs))) and len(outputs) > len(kinds)


def find(pairs: Sequence[tuple[str, str]]) -> Cues:
    """The cues of each label, in the order of the labels' first examples."""
    pairs = [(text, label.strip()) for text, label in pairs if label.strip()]
    labels = list(dict.fromkeys([label for _, label in pairs]))
    spelt = _spellings(pairs)
    found: dict[str, list[tuple[str, float]]] = {label: [] for label in labels}
    for cue in associations(pairs, labels):
        if len(found[cue.label]) < _MOST_CUES:
            found[cue.label].append((spelt.get(cue.word, cue.word), cue.strength))
    return tuple([(label, tuple(scored)) for label, scored in found.items()])


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


def write(cues: Cues, labels: Sequence[str], default: str, skill: float, luck: Luck, known: str = "") -> str:
    """An instruction that says which words speak for which label.

    Args:
        cues: from `find`.
        labels: all labels, where the request lists them; else those of the cues.
        default: what to answer where no cue is found.
        skill: of the writer, 0 to 1: how many of the cues it notices, and how rarely it invents one.
        luck: decides which.
        known: an instruction whose rules need not be said again.
    """
    names = list(labels) or [label for label, _ in cues]
    lines = [_opening(names, luck)]
    for label, scored in cues:
        # A strong cue is seen more easily than a weak one.
        seen = [word for word, weight in scored if luck.chance(min(0.98, skill**1.5 * (0.5 + 0.3 * weight)))]
        if names and luck.chance(0.6 * (1 - skill)):
            other = luck.pick(cues)[1]
            seen += [other[0][0]] if other else []
        seen = [word for word in dict.fromkeys(seen) if f'"{word}"' not in known][: 2 + round(6 * skill)]
        if seen:
            lines.append(_rule(seen, label, luck))
    if default:
        lines.append(
            luck.pick(
                (f"Otherwise, answer {default}.", f"If none of these words is there, answer {default}.")
            )
        )
    if luck.chance(0.4 + 0.5 * skill):
        lines.append(
            luck.pick(
                (
                    "Answer with the label only.",
                    "Write only the label, without any explanation.",
                    "Return nothing but the label.",
                )
            )
        )
    return "\n".join(lines)


def commonest(pairs: Sequence[tuple[str, str]]) -> str:
    """The label that most examples have; the first of several."""
    counts = Counter(label.strip() for _, label in pairs)
    return max(counts, key=lambda label: counts[label]) if counts else ""


def _opening(names: Sequence[str], luck: Luck) -> str:
    listed = ", ".join(names)
    verb = luck.pick(("Classify", "Label", "Categorize"))
    return luck.pick(
        (
            f"{verb} the text as one of: {listed}.",
            f"{verb} each text with one of the following labels: {listed}.",
            f"Read the text and choose the label that fits it best. Labels: {listed}.",
        )
    )


def _rule(words: Sequence[str], label: str, luck: Luck) -> str:
    quoted = [f'"{word}"' for word in words]
    told = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
    return luck.pick(
        (
            f"If the text mentions {told}, answer {label}.",
            f"If the text mentions {told}, answer {label}.",
            f"Answer {label} if the text contains {told}.",
            f"If it mentions {told}, the label is {label}.",
        )
    )


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
