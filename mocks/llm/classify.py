"""How the mock LLM labels a text: by the rules it was told, by worked examples, by what label names mean.

Every label has a score, the sum of the evidence for it and of keyed luck with the Gumbel
distribution. At temperature 0 the best label is answered, so over many texts a label with
evidence e is answered in the share exp(e) / sum(exp) of them; evidence without weight leaves a guess.
The luck belongs to (persona, text, labels): two instructions for one text share it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b, shake_128
from struct import unpack
from typing import Any

from mocks.llm.label_list import labels_in
from mocks.llm.labelling.rules import Rule, read_rules
from mocks.llm.labelling.stems import seen, words
from mocks.llm.labelling.weights import add_loose, learn, of_names
from sandbox import tokens
from sandbox.streams import Uniforms, normal_quantile

_LITTLE = 0.5
"""Evidence of words below which a guideline without firm rules leaves a text to its default."""
SHARPNESS = 2.5
"""Logits a unit of score, at temperature 1."""
_RULED_OUT = 1.0
"""Evidence against a label that has firm rules of which none fires."""
_FORMAT_ASKED = 0.06
"""What is left of the urge to talk where the prompt asks for the label alone."""
_MOST_LABELS = 1000


@dataclass(frozen=True, slots=True)
class Traits:
    """What of a persona matters here."""

    name: str
    following: float
    """Chance to apply one plain rule in a short prompt."""
    likeness: float
    """Chance that a text is as easy or hard for it as for everybody."""
    chatter: float
    """Share of answers that are not the bare label where nobody asked for it."""
    acuity: float
    """Factor on what single words say: names, descriptions, worked examples."""
    ruggedness: float
    """Standard deviation of what the wording of a prompt adds to following, as a share."""

    @classmethod
    def of(cls, persona: Any) -> Traits:
        """From a persona, with ordinary values for what it does not say."""
        following = getattr(persona, "following", None)
        if following is None:
            ceilings = getattr(persona, "ceilings", {})
            following = ceilings.get("classification", getattr(persona, "other_ceiling", 0.9))
        talk = getattr(persona, "chattiness", 0.08) + getattr(persona, "sloppiness", 0.03)
        return cls(
            str(getattr(persona, "name", persona)),
            min(0.995, max(0.02, float(following))),
            float(getattr(persona, "likeness", 0.7)),
            min(0.9, max(1e-4, 2 * talk)),
            float(getattr(persona, "acuity", 1.0)),
            float(getattr(persona, "ruggedness", 0.07)),
        )


@dataclass(frozen=True, slots=True)
class Understanding:
    """A prompt as far as it goes for every text: all that need not be read again."""

    labels: tuple[str, ...]
    rules: tuple[Rule, ...]
    first: dict[str, tuple[int, ...]]
    """First stem of a rule's first cue -> places of the rules."""
    firm: frozenset[int]
    """Labels with rules."""
    above: frozenset[tuple[int, int]]
    first_wins: bool
    default: int | None
    words: dict[str, tuple[tuple[int, float], ...]]
    """Stem -> evidence for labels."""
    base: tuple[float, ...]
    """Evidence for labels before the text is read."""
    load: float
    """How much the length and the number of rules take from following, in logits."""
    bare: float
    """Factor on the urge to talk."""
    wording: bytes
    """Stands for how the prompt is put."""


def outcomes(
    instruction: str, demos: Sequence[tuple[str, str]], query: str, labels: Sequence[str], persona: Any
) -> list[tuple[str, float]] | None:
    """Every text that may come back, with its logit at temperature 1; None if this is no classification.

    It is classification where labels are given or listed in the instruction, or where worked examples
    share their answers. `persona` is anything with the fields that `Traits.of` looks for.
    """
    known = understand(instruction, tuple(demos), tuple(labels))
    if known is None:
        return None
    traits = _traits(persona)
    scores = _scores(known, query, traits)
    best = max(range(len(scores)), key=scores.__getitem__)
    found = [(label, SHARPNESS * score) for label, score in zip(known.labels, scores, strict=True)]
    return found + _talk(known, best, found[best][1], query, traits)


def _traits(persona: Any) -> Traits:
    try:
        return _cached_traits(persona)
    except TypeError:  # personas with mappings cannot be hashed
        return Traits.of(persona)


@lru_cache(maxsize=64)
def _cached_traits(persona: Any) -> Traits:
    return Traits.of(persona)


def evidence(known: Understanding, query: str, following: float, acuity: float = 1.0) -> list[float]:
    """The evidence for each label that a text gives under a prompt, before luck.

    `following` is the logit of applying one plain rule in a short prompt; `acuity` multiplies what
    single words say.
    """
    text = seen(query)
    total = list(known.base)
    get, first = known.words.get, known.first.get
    fired: list[int] = []
    for word in text.stems:
        weighed = get(word)
        if weighed is not None:
            for label, weight in weighed:
                total[label] += acuity * weight
        places = first(word)
        if places is not None:
            fired += places
    if known.rules or known.default is not None:
        _judge(known, fired, text.line, total, following)
    return total


def _scores(known: Understanding, query: str, traits: Traits) -> list[float]:
    count = len(known.labels)
    luck = _luck(query, known.labels, traits.name, traits.likeness)
    total = evidence(known, query, _following(known.wording, traits), traits.acuity)
    return [total[i] + luck[i] for i in range(count)]


_WORDING = Uniforms(0, "mock classifier", "wording", count=2)


@lru_cache(maxsize=4096)
def _following(wording: bytes, traits: Traits) -> float:
    """The logit of applying one rule in a short prompt, for this persona and this wording."""
    owners = (b"", traits.name.encode())
    shared, own = [normal_quantile(_WORDING.pair(owner + b"\0" + wording)[0]) for owner in owners]
    taste = math.sqrt(traits.likeness) * shared + math.sqrt(1 - traits.likeness) * own
    share = traits.following * (1 - traits.following)
    return math.log(traits.following / (1 - traits.following)) + traits.ruggedness * taste / max(0.1, share)


def _judge(known: Understanding, places: list[int], line: str, total: list[float], following: float) -> None:
    """Add what the rules say about a text."""
    fired = [
        place
        for place in sorted(set(places))
        if all(cue in line for cue in known.rules[place].all_of)
        and not any(cue in line for cue in known.rules[place].none_of)
    ]
    count = len(total)
    weight = following - known.load + math.log(max(1, count - 1))
    against = {known.rules[place].label for place in fired if known.rules[place].against}
    for label in against:
        total[label] -= max(0.0, weight)
    winners = _winners(known, [place for place in fired if not known.rules[place].against])
    silent = known.firm - winners
    if winners:
        for label in winners:
            total[label] += weight
    elif known.default is not None:
        if known.rules or max(total) < _LITTLE:
            total[known.default] += weight
    else:
        for label in silent:
            total[label] -= _RULED_OUT


def _winners(known: Understanding, fired: list[int]) -> set[int]:
    """The labels that the fired rules leave standing: one, or several where nobody said who wins."""
    labels = {known.rules[place].label for place in fired}
    if len(labels) <= 1:
        return labels
    deepest = max([len(known.rules[place].all_of) for place in fired])
    if deepest > 1:  # a pair of cues says more than one of them
        fired = [place for place in fired if len(known.rules[place].all_of) == deepest]
        labels = {known.rules[place].label for place in fired}
        if len(labels) == 1:
            return labels
    standing = {a for a in labels if not any((b, a) in known.above for b in labels if b != a)}
    if len(standing) == 1 or (standing and not known.first_wins):
        return standing
    return {known.rules[fired[0]].label} if known.first_wins else labels


_MASKS = 2.0**-32


@lru_cache(maxsize=16_384)
def _luck(query: str, labels: tuple[str, ...], name: str, likeness: float) -> tuple[float, ...]:
    """Gumbel numbers for the labels; those of all personas for a share `likeness` of the texts."""
    order = sorted(range(len(labels)), key=labels.__getitem__)
    text = repr((query, [labels[place] for place in order])).encode("utf-8", "surrogatepass")
    (coin,) = unpack("<I", shake_128(b"coin" + name.encode() + b"\0" + text).digest(4))
    owner = b"" if (coin + 0.5) * _MASKS < likeness else name.encode()
    numbers = unpack(f"<{len(labels)}I", shake_128(b"luck" + owner + b"\0" + text).digest(4 * len(labels)))
    luck = [0.0] * len(labels)
    for place, number in zip(order, numbers, strict=True):
        luck[place] = -math.log(-math.log((number + 0.5) * _MASKS))
    return tuple(luck)


_TALK = (
    "Label: {0}",
    "The label is {0}.",
    "This one belongs under {0}, I think.",
    "{0}: this fits best.",
    "",
)
_FORM = Uniforms(0, "mock classifier", "form", count=2)


def _talk(known: Understanding, best: int, top: float, query: str, traits: Traits) -> list[tuple[str, float]]:
    """Answers in a form that was not wanted, around the best label."""
    urge, which = _FORM.pair(f"{traits.name}\0{query}".encode("utf-8", "surrogatepass"))
    chance = traits.chatter * known.bare
    lead = math.log(chance / (1 - chance)) - math.log(urge / (1 - urge))
    label = known.labels[best]
    favourite = int(which * len(_TALK))
    found = []
    for place, form in enumerate(_TALK):
        text = form.format(label) if form else _invalid(label, known.labels)
        found.append((text, top + SHARPNESS * (lead if place == favourite else lead - 2.0)))
    return [(text, logit) for text, logit in found if text not in known.labels]


def _invalid(label: str, labels: Sequence[str]) -> str:
    """Something that looks like a label and is none."""
    spelt = label.replace("_", " ").replace("-", " ")
    return next(name for name in (f"{spelt} (unclear)", "unclear", "n/a") if name not in labels)


@lru_cache(maxsize=256)
def understand(
    instruction: str, demos: tuple[tuple[str, str], ...], labels: tuple[str, ...]
) -> Understanding | None:
    """What a prompt says for every text; None if it is no classification prompt."""
    named = _labels(instruction, demos, labels)
    if not 2 <= len(named) <= _MOST_LABELS:
        return None
    at = {label.strip().lower(): place for place, label in enumerate(named)}
    shown, told = _demos(demos, at)
    guide = read_rules("\n".join([instruction, *told]), named)
    shown = [*shown, *guide.examples]
    weights = of_names(named)
    add_loose(guide.loose, len(named), weights)
    base = learn(shown, len(named), weights)
    rules = tuple(guide.rules)
    first: dict[str, tuple[int, ...]] = {}
    for place, rule in enumerate(rules):
        head = rule.all_of[0].split()[0] if rule.all_of else ""
        first[head] = (*first.get(head, ()), place)
    length = tokens.count(instruction) + sum([tokens.count(text) + 4 for text, _ in demos])
    load = 0.2 * math.log2(1 + length / 1000) + 0.05 * math.log2(1 + len(rules) / 10)
    return Understanding(
        named,
        rules,
        first,
        frozenset([rule.label for rule in rules if not rule.against]),
        frozenset(_closed(guide.above, len(named))),
        guide.first_wins,
        guide.default,
        {word: tuple(sorted(given.items())) for word, given in weights.items()},
        tuple(base),
        load,
        (_FORMAT_ASKED if _label_only(instruction) else 1.0) * (0.3 if len(shown) >= 2 else 1.0),
        blake2b(instruction.encode("utf-8", "surrogatepass"), digest_size=8).digest(),
    )


def _labels(instruction: str, demos: tuple[tuple[str, str], ...], labels: tuple[str, ...]) -> tuple[str, ...]:
    """The labels: those given, or listed in the text, or repeated in the examples."""
    given = labels or labels_in(instruction)
    if given:
        return tuple(dict.fromkeys(given))
    answers = Counter([answer.strip() for _, answer in demos if answer.strip()])
    brief = all(len(answer.split()) <= 4 for answer in answers)
    return tuple(sorted(answers)) if brief and 2 <= len(answers) <= len(demos) / 2 else ()


def _demos(demos: tuple[tuple[str, str], ...], at: dict[str, int]) -> tuple[list[tuple[str, int]], list[str]]:
    """Worked examples, and lines of a guideline that look like such: "refund -> billing"."""
    shown: list[tuple[str, int]] = []
    told: list[str] = []
    for text, answer in demos:
        place = at.get(answer.strip().strip(".\"'`*").lower())
        if place is None or _cues_only(text):
            told.append(f"{text} -> {answer}")
        else:
            shown.append((text, place))
    return shown, told


_BETWEEN = re.compile(r"[,;/|]|\b(?:or|and|together with|both)\b")


def _cues_only(text: str) -> bool:
    """Whether an example's text looks like a list of cues rather than like a text."""
    items = [item for item in _BETWEEN.split(text) if item.strip()]
    return not text.rstrip().endswith((".", "!", "?")) and all(len(words(item)) <= 3 for item in items)


def _closed(above: set[tuple[int, int]], count: int) -> set[tuple[int, int]]:
    """Who wins over whom, with what follows from it; a circle cancels itself."""
    wins: dict[int, set[int]] = {}
    for a, b in above:
        wins.setdefault(a, set()).add(b)
    found = set()
    for start in wins:
        stack, reached = list(wins[start]), set()
        while stack:
            here = stack.pop()
            if here not in reached:
                reached.add(here)
                stack += wins.get(here, ())
        found |= {(start, other) for other in reached}
    return {(a, b) for a, b in found if (b, a) not in found}


_ONLY = re.compile(
    r"\b(?:label|one|word|category|class)s? (?:only|alone)\b|\bnothing (?:else|more)\b|"
    r"\b(?:only|just|exactly|single|simply|nothing but)(?: \w+){0,5}? (?:label|category|class|word|name)\b|"
    r"\b(?:no|without|any) (?:any )?(?:other|extra|further|additional|more) \w+|"
    r"\b(?:no|without|do not|don't|never)(?: \w+){0,2} (?:expla\w+|prefix|comment\w*|punctuation|reason\w*)|"
    r"\b(?:do not|don't) add\b|\bonly (?:answer|output|respond|reply|return|write)\b|"
    r"\b(?:answer|output|respond|reply|return|write) only\b",
    re.IGNORECASE,
)


def _label_only(instruction: str) -> bool:
    return _ONLY.search(instruction) is not None
