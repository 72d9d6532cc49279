"""The hidden decision rules of a generated classification task: what makes a text's label.

They are for tests and the referee. Agents see rows only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np


@dataclass(frozen=True, slots=True)
class Rules:
    """A decision list in four steps; the first that says something decides.

    Cues are matched in lower case and as whole words.
    """

    labels: tuple[str, ...]
    conjunctions: tuple[tuple[str, str, str], ...]
    """(cue, cue, label): both cues are there. The first such rule that holds decides."""
    keywords: tuple[tuple[str, str], ...]
    """(cue, label): the cue is there."""
    order: tuple[str, ...]
    """Where keywords of several labels are there, the earliest of these labels wins."""
    default: str
    """The label of a text without any cue."""

    def apply(self, text: str) -> str:
        """The label of `text`.

        >>> Rules(("a", "b"), (), (("oak", "a"), ("elm", "b")), ("b", "a"), "a").apply("An oak, an elm.")
        'b'
        """
        found = _words(text)
        for first, second, label in self.conjunctions:
            if _spaced(first) in found and _spaced(second) in found:
                return label
        held = {label for cue, label in self.keywords if _spaced(cue) in found}
        return next((label for label in self.order if label in held), self.default)

    def cues(self) -> tuple[str, ...]:
        """Every cue once."""
        pairs = [cue for first, second, _ in self.conjunctions for cue in (first, second)]
        return tuple(dict.fromkeys([cue for cue, _ in self.keywords] + pairs))

    def cues_of(self, label: str) -> tuple[str, ...]:
        """The keywords of one label."""
        return tuple([cue for cue, held in self.keywords if held == label])

    def describe(self, style: str = "sentences") -> str:
        """The precise instruction, in one of the `STYLES`."""
        return STYLES[style](self)

    def part(self, share: float, rng: np.random.Generator) -> Rules:
        """These rules with only `share` of the keywords and of the conjunctions, drawn at random."""

        def some(count: int) -> list[int]:
            return sorted(rng.permutation(count)[: round(share * count)].tolist())

        return replace(
            self,
            keywords=tuple([self.keywords[i] for i in some(len(self.keywords))]),
            conjunctions=tuple([self.conjunctions[i] for i in some(len(self.conjunctions))]),
        )

    def confused(self) -> Rules:
        """The same rules with every label replaced by the next one: wrong everywhere."""
        after = dict(zip(self.labels, self.labels[1:] + self.labels[:1], strict=True))
        return Rules(
            self.labels,
            tuple([(first, second, after[label]) for first, second, label in self.conjunctions]),
            tuple([(cue, after[label]) for cue, label in self.keywords]),
            tuple([after[label] for label in self.order]),
            after[self.default],
        )


def _sentences(rules: Rules) -> str:
    lines = [
        f'If the text mentions both "{first}" and "{second}", answer {label}.'
        for first, second, label in rules.conjunctions
    ]
    lines += [
        f"{'Otherwise, if' if lines else 'If'} it mentions {_either(cues)}, answer {label}."
        for label in rules.order
        if (cues := rules.cues_of(label))
    ]
    if len(rules.order) > 1:
        lines.append(
            f"Where this fits several labels, the earlier one wins, in this order: {', '.join(rules.order)}."
        )
    return "\n".join([*lines, f"If none of these words is there, answer {rules.default}."])


def _bullets(rules: Rules) -> str:
    lines = ["Read the text and look for these words."]
    lines += [f"- {label}: {', '.join(cues)}" for label in rules.order if (cues := rules.cues_of(label))]
    lines += [
        f"- Choose {label} when {first} and {second} come together."
        for first, second, label in rules.conjunctions
    ]
    lines += [
        f"{above} takes precedence over {below}."
        for above, below in zip(rules.order, rules.order[1:], strict=False)
    ]
    return "\n".join([*lines, f"Anything else is {rules.default}."])


def _guideline(rules: Rules) -> str:
    blocks = ["# Annotation guideline"]
    for label in rules.order:
        if cues := rules.cues_of(label):
            blocks.append(f"## {label}\nTypical cues: {', '.join(cues)}.")
    if rules.conjunctions:
        pairs = [
            f"- {first} together with {second} -> {label}" for first, second, label in rules.conjunctions
        ]
        blocks.append("\n".join(["## Pairs (these go first)", *pairs]))
    return "\n\n".join(
        [*blocks, f"## Conflicts\nPriority: {' > '.join(rules.order)}", f"Default: {rules.default}"]
    )


def _table(rules: Rules) -> str:
    lines = ["| label | words in the text |", "|---|---|"]
    lines += [f"| {label} | {', '.join(cues)} |" for label in rules.order if (cues := rules.cues_of(label))]
    lines += [f"| {label} | both {first} and {second} |" for first, second, label in rules.conjunctions]
    lines.append(f"\nIf several rows match, prefer them in this order: {', '.join(rules.order)}.")
    return "\n".join([*lines, f"In all other cases use {rules.default}."])


STYLES: Mapping[str, Callable[[Rules], str]] = {
    "sentences": _sentences,
    "bullets": _bullets,
    "guideline": _guideline,
    "table": _table,
}
"""Ways to put the same rules."""


def _either(cues: tuple[str, ...]) -> str:
    quoted = [f'"{cue}"' for cue in cues]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


_WORD = re.compile(r"[a-z0-9]+(?:[-'][a-z0-9]+)*")


@lru_cache(maxsize=4096)
def _words(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.lower()))} "


@lru_cache(maxsize=16_384)
def _spaced(cue: str) -> str:
    return f" {cue.lower()} "
