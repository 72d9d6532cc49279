"""Ways to vary a text word by word, for every agent that writes candidates itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sandbox.spaces import FreeText

_PIECE = re.compile(r"\s*\S+")  # a word with the white space before it, so that line breaks survive
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+")


def words_of(texts: Sequence[str]) -> tuple[str, ...]:
    """The distinct words of some texts, in order of appearance."""
    return tuple(dict.fromkeys(word for text in texts for word in text.split()))


def mutate(text: str, words: Sequence[str], rng: np.random.Generator, edits: int = 1) -> str:
    """The text after `edits` random edits: insert, delete, replace or swap words.

    Args:
        text: what to vary; not empty.
        words: what may be inserted; where it is empty, words are deleted and swapped only.
        rng: draws the edits.
        edits: how many.
    """
    pieces: list[str] = _PIECE.findall(text)
    for _ in range(edits):
        _edit(pieces, words, rng)
    return "".join(pieces).lstrip(" ")


def _edit(pieces: list[str], words: Sequence[str], rng: np.random.Generator) -> None:
    kinds = (["insert", "replace"] if words else []) + (["delete", "swap"] if len(pieces) > 1 else [])
    if not kinds:
        return
    kind = kinds[int(rng.integers(len(kinds)))]
    at = int(rng.integers(len(pieces) + 1 if kind == "insert" else max(len(pieces), 1)))
    if kind == "delete":
        del pieces[at]
    elif kind == "swap":
        other = int(rng.integers(len(pieces)))
        pieces[at], pieces[other] = pieces[other], pieces[at]
    else:
        word = " " + words[int(rng.integers(len(words)))]
        pieces[at : at + (kind == "replace")] = [word]


def cross(first: str, second: str, rng: np.random.Generator) -> str:
    """A head of one text before a tail of the other, cut between sentences where both have several."""
    ones, others = _sentences(first), _sentences(second)
    if len(ones) < 2 or len(others) < 2 or rng.random() < 0.5:
        ones, others = _PIECE.findall(first), _PIECE.findall(second)
    head = ones[: int(rng.integers(1, len(ones) + 1))]
    tail = others[int(rng.integers(len(others))) :]
    if tail and tail[0][:1].strip():  # the first piece of a text has no white space before it
        tail = [" " + tail[0], *tail[1:]]
    return "".join(head + tail).lstrip(" ")


def _sentences(text: str) -> list[str]:
    """The sentences of a text, each with the white space before it."""
    cuts = [0, *(match.start() for match in _SENTENCE_END.finditer(text) if match.start() > 0), len(text)]
    spans = [text[start:end] for start, end in pairwise(cuts)]
    return [span for span in spans if span.strip()] or [text]


def fit(text: str, space: FreeText) -> str:
    """The text cut to what the space allows; a seed where nothing is left of it."""
    if len(text) > space.longest:
        cut = text[: space.longest]
        text = cut[: cut.rfind(" ")] if cut.rfind(" ") > 0 else cut
    if text.strip() and text in space:
        return text
    return next((seed for seed in space.seeds if seed in space), space.seeds[0][: space.longest])
