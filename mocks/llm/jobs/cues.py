"""Labels explained by cue words: found in examples by counting, written as a guideline."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from mocks.llm.writing.luck import Luck

_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_STOP = frozenset(
    """
    a an and are as at be been but by can could did do does for from had has have he her him his i if in
    into is it its me my no not of on or our she so some such than that the their them then there these
    they this those to too us very was we were what when which who will with would you your just also
    about after all any because before how more most only other out over same up one two
    """.split()  # noqa: SIM905
)
_LONG = 400
"""Words of an example that are counted."""

Cues = tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
"""For each label its cue words with their weights, strongest first."""


def repeating(outputs: Sequence[str]) -> bool:
    """Whether answers look like the labels of a classification: few, short, and some of them repeat."""
    kinds = {output.strip().lower() for output in outputs}
    if len(kinds) < 2:
        return False
    short = all(len(kind.split()) <= 5 and len(kind) <= 40 for kind in kinds)
    return short and len(kinds) <= max(2, math.ceil(0.7 * len(outputs))) and len(outputs) > len(kinds)


def find(pairs: Sequence[tuple[str, str]]) -> Cues:
    """The words whose presence speaks for a label: smoothed log odds of the examples that hold them."""
    labels = list(dict.fromkeys([label.strip() for _, label in pairs if label.strip()]))
    held: dict[str, Counter[str]] = {label: Counter() for label in labels}
    sizes = Counter(label.strip() for _, label in pairs)
    for text, label in pairs:
        if label.strip():
            held[label.strip()].update(set(_words(text)))
    everywhere: Counter[str] = Counter()
    for counter in held.values():
        everywhere.update(counter)
    total = sum(sizes.values())
    found = []
    for label in labels:
        scored = []
        for word, inside in held[label].items():
            outside = everywhere[word] - inside
            odds = math.log((inside + 0.3) / (sizes[label] + 0.6)) - math.log(
                (outside + 0.3) / (total - sizes[label] + 0.6)
            )
            if odds > 0.7 and inside > outside:
                scored.append((word, odds * math.sqrt(inside)))
        scored.sort(key=lambda pair: (-pair[1], pair[0]))
        found.append((label, tuple(scored[:12])))
    return tuple(found)


def guideline(
    cues: Cues, labels: Sequence[str], default: str, skill: float, luck: Luck, known: str = ""
) -> str:
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


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower())[:_LONG] if word not in _STOP and len(word) > 1]
