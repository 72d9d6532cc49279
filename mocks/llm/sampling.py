"""From a finite distribution over texts to an answer: temperature, top_p, n, stop, max_tokens, logprobs.

Everything that an answer says about itself comes from the distribution that it was drawn from: the logprobs
are the logs of its conditional token probabilities, and `spread` lists it whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import itemgetter

from sandbox.chat import ChatAnswer, ChatCall, Choice, TokenChance
from sandbox.streams import Uniforms
from sandbox.tokens import count, pieces

END = "<|end|>"
"""Stands among the likeliest tokens where the text might have ended instead."""

_luck = Uniforms(0, "mock-llm", count=1).one
_logit = itemgetter(1)

Spread = list[tuple[str, str, float]]
"""(text, finish, probability), in the order in which the texts were first given."""


def spread(outcomes: Sequence[tuple[str, float]], call: ChatCall, limit: int) -> Spread:
    """What one choice of an answer to `call` can be.

    `outcomes` are (text, logit) pairs, each text once (see `merged`); `limit` is how many
    completion tokens a text may have.
    """
    if not call.temperature > 0:
        best, _ = max(outcomes, key=_logit)
        return [(*_cut(best, call.stop, limit), 1.0)]
    chances = _tempered(outcomes, call.temperature)
    if call.top_p < 1:
        chances = _nucleus(chances, call.top_p)
    if not call.stop and max([len(text) for text, _ in chances]) <= limit:
        return [(text, "stop", chance) for text, chance in chances]
    found: dict[tuple[str, str], float] = {}
    for text, chance in chances:
        piece = _cut(text, call.stop, limit)
        found[piece] = found.get(piece, 0.0) + chance
    return [(text, finish, chance) for (text, finish), chance in found.items()]


def draw(
    options: Spread, call: ChatCall, occurrence: int, prompt_tokens: int, top_logprobs: int | None = None
) -> ChatAnswer:
    """An answer with `call.n` choices out of `options`."""
    if len(options) == 1:
        text, finish, _ = options[0]
        chosen = [(text, finish)] * call.n
    else:
        key = b"%b\0%d\0" % (call.key(), occurrence)
        chosen = [_picked(options, _luck(b"%b%d" % (key, i))) for i in range(call.n)]
    if top_logprobs is None:
        choices = tuple([Choice(text, finish) for text, finish in chosen])
    else:
        tree = _Tree(options)
        choices = tuple([Choice(text, finish, tree.chances(text, top_logprobs)) for text, finish in chosen])
    return ChatAnswer(choices, prompt_tokens, sum([count(text) for text, _ in chosen]))


def _picked(options: Spread, point: float) -> tuple[str, str]:
    """The option that holds `point` when they are laid end to end from 0 to 1."""
    text, finish = "", "stop"
    for text, finish, chance in options:  # noqa: B007 (the last one is taken where rounding leaves a gap)
        point -= chance
        if point <= 0:
            break
    return text, finish


def merged(outcomes: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """(text, logit) with each text once; logits of equal texts add up as probabilities do."""
    found: dict[str, float] = {}
    for text, logit in outcomes:
        old = found.get(text)
        if old is None:
            found[text] = logit
        else:
            high, low = (old, logit) if old > logit else (logit, old)
            found[text] = high + math.log1p(math.exp(low - high))
    return list(found.items())


def _tempered(logits: Sequence[tuple[str, float]], temperature: float) -> list[tuple[str, float]]:
    top = max([logit for _, logit in logits])
    weights = [math.exp((logit - top) / temperature) for _, logit in logits]
    total = math.fsum(weights)
    return [(pair[0], weight / total) for pair, weight in zip(logits, weights, strict=True) if weight]


def _nucleus(chances: list[tuple[str, float]], top_p: float) -> list[tuple[str, float]]:
    """The smallest set of likeliest texts with at least `top_p` of the probability, normalised, in order."""
    ranked = sorted(range(len(chances)), key=lambda i: -chances[i][1])
    kept: set[int] = set()
    total = 0.0
    for i in ranked:
        kept.add(i)
        total += chances[i][1]
        if total >= top_p:
            break
    return [(text, chance / total) for i, (text, chance) in enumerate(chances) if i in kept]


def _cut(text: str, stop: tuple[str, ...], limit: int) -> tuple[str, str]:
    """The text as it is sent, and why it ends."""
    ends = [at for at in [text.find(word) for word in stop if word] if at >= 0]
    if ends:
        text = text[: min(ends)]
    # No token is shorter than a character, so a short text needs no counting.
    if len(text) > limit and count(text) > limit:
        return "".join(pieces(text)[:limit]), "length"
    return text, "stop"


class _Node:
    """A place in the tree of texts."""

    __slots__ = ("branches", "chance", "end")

    def __init__(self) -> None:
        self.branches: dict[str, _Node] = {}
        self.chance = 0.0
        self.end = 0.0
        """Of `chance`, what ends here."""


class _Tree:
    """All texts of a distribution, token by token."""

    def __init__(self, options: Spread) -> None:
        self._root = _Node()
        for text, _, chance in options:
            node = self._root
            node.chance += chance
            for token in pieces(text):
                node = node.branches.setdefault(token, _Node())
                node.chance += chance
            node.end += chance

    def chances(self, text: str, top: int) -> tuple[TokenChance, ...]:
        """The tokens of `text` with their conditional logprobs, and the `top` likeliest at each place."""
        found = []
        node = self._root
        for token in pieces(text):
            rivals = [(name, branch.chance) for name, branch in node.branches.items()]
            if node.end:
                rivals.append((END, node.end))
            rivals.sort(key=lambda pair: -pair[1])
            shown = tuple([(name, _log(chance, node.chance)) for name, chance in rivals[:top]])
            branch = node.branches[token]
            found.append(TokenChance(token, _log(branch.chance, node.chance), shown))
            node = branch
        return tuple(found)


def _log(part: float, whole: float) -> float:
    return min(0.0, math.log(part / whole))
