"""How an instruction is worded, as numbers: the features of the surrogate world.

Two instructions are compared in four fields of n-grams (characters, words, the last characters,
and what follows the last placeholder) and in some fifty cues of format. Models react to format as much
as to content: a final "A:" or a quoted "yes" may decide whether they answer at all.

Everything here is numpy and scipy; a text is compared with a table in under a millisecond.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]

FIELDS = 4
"""Fields of n-grams; each has the same say in the similarity of two texts."""
_TAIL = 25
"""How many last characters count as the tail of a text."""
_LEAST_TEXTS = 2
"""An n-gram of fewer texts than this says nothing about the others."""
_FARTHEST = 3.0
"""Standard deviations at which a cue is cut, so that one odd text stays comparable."""

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_TOKEN = re.compile(r"\{[^{}]*\}|\w+|[^\w\s]|\n")
_WORD = re.compile(r"[a-z']+")
_ANSWER_LINE = re.compile(r"(a|answer|output|response|result)\b[^:]*:")
_QUESTION_WORDS = frozenset(
    ("which", "what", "who", "is", "are", "does", "do", "can", "could", "would", "will")
)


def cues(text: str) -> dict[str, float]:
    """The format of an instruction by name; the names are the same for every text."""
    lower, stripped = text.lower(), text.strip()
    words = _WORD.findall(lower)
    last_line = text.split("\n")[-1].strip()
    found: dict[str, float] = {
        "log characters": np.log1p(len(text)),
        "log words": np.log1p(len(words)),
        "log sentences": np.log1p(len(re.findall(r"[.?!]", text))),
        "starts with a line end": text.startswith("\n"),
        "starts in lower case": text[:1].islower(),
        "starts with Q:": stripped.lower().startswith("q:"),
        "starts as a question": lower.strip().split(" ")[0] in _QUESTION_WORDS,
        "last word is bare": stripped[-1:].isalpha(),
        "last line's length": len(last_line),
        "last line asks for the answer": _ANSWER_LINE.match(last_line.lower()) is not None,
        "last line has a colon": ":" in last_line,
        "yes before no": lower.find("yes") < lower.find("no"),
    }
    found |= {f"ends with {end!r}": text.endswith(end) for end in "?.:\n\"'})"}
    found |= {f"last mark is {mark!r}": stripped.endswith(mark) for mark in "?.:"}
    found |= {f"says {word}": word in words for word in ("yes", "no")}
    found |= {f"offers {way}": way in lower for way in ('"yes"', "'yes'", "yes/no", "yes or no")}
    found |= {f"number of {mark!r}": text.count(mark) for mark in "\"':?,\n-["}
    found |= _placeholder_cues(text)
    return {name: float(value) for name, value in found.items()}


def _placeholder_cues(text: str) -> dict[str, float]:
    """Where the named fields stand, in which order, and in which quotes."""
    fields = list(_PLACEHOLDER.finditer(text))
    names = [match.group() for match in fields]
    # without a field, all of the text stands before it and all of it behind it
    before, after = (fields[0].start(), fields[-1].end()) if fields else (len(text), 0)
    length = max(1, len(text))
    found: dict[str, float] = {
        "fields": len(fields),
        "distinct fields": len(set(names)),
        "fields in order": names == sorted(names),
        "share before the fields": before / length,
        "share up to the last field": after / length,
        "log characters before the fields": np.log1p(before),
        "log characters after the fields": np.log1p(len(text) - after),
    }
    for opening, closing in ('""', "''", "[]", "()"):
        enclosed = [
            text[max(0, match.start() - 1) : match.start()] == opening
            and text[match.end() : match.end() + 1] == closing
            for match in fields
        ]
        found[f"fields in {opening}{closing}"] = sum(enclosed) / max(1, len(fields))
    return found


def grams(text: str) -> Counter[tuple[int, str]]:
    """How often each n-gram occurs, by (field, n-gram); `^` and `$` mark the ends of a text."""
    tokens = _TOKEN.findall(text.lower())
    fields = list(_PLACEHOLDER.finditer(text))
    rest = text[fields[-1].end() :] if fields else text
    return Counter(
        [
            *((0, gram) for gram in _pieces(text, 2, 5)),
            *((1, " ".join(tokens[i : i + n])) for n in (1, 2, 3) for i in range(len(tokens) - n + 1)),
            *((2, gram) for gram in _pieces(f"^{text[-_TAIL:]}$$", 1, 4)),
            *((3, gram) for gram in _pieces(f"{rest}$$", 1, 4)),
        ]
    )


def _pieces(text: str, shortest: int, longest: int) -> Iterator[str]:
    for n in range(shortest, longest + 1):
        for start in range(len(text) - n + 1):
            yield text[start : start + n]


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """The n-grams and cues of some texts, before anything is learnt from them."""

    columns: dict[tuple[int, str], int] = field(repr=False)
    """The column of each n-gram."""
    field_of: NDArray[np.int64] = field(repr=False)
    """The field of each column, shape (n-grams,)."""
    counts: csr_array = field(repr=False)
    """1 + log of the count of each n-gram, shape (texts, n-grams)."""
    cues: Floats = field(repr=False)
    """Shape (texts, cues)."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> Corpus:
        """Read the texts; at least one."""
        columns: dict[tuple[int, str], int] = {}
        numbers: list[int] = []
        values: list[int] = []
        ends = [0]
        for text in texts:
            found = grams(text)
            numbers.extend(columns.setdefault(gram, len(columns)) for gram in found)
            values.extend(found.values())
            ends.append(len(numbers))
        counts = csr_array((1.0 + np.log(values), numbers, ends), shape=(len(texts), len(columns)))
        return cls(
            columns=columns,
            field_of=np.array([number for number, _ in columns], dtype=np.int64),
            counts=counts,
            cues=np.array([list(cues(text).values()) for text in texts]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What two texts have in common, weighted by what some known texts have in common.

    The n-gram similarity is the mean over the fields of the cosines of the TF-IDF vectors
    (1 + log count, smoothed inverse document frequency). The cue distance is the mean over the
    cues of the squared difference in standard deviations of the known texts.
    """

    corpus: Corpus
    weights: Floats = field(repr=False)
    """Inverse document frequency of each column, 0 where too few known texts have the n-gram."""
    middle: Floats = field(repr=False)
    """Mean of each varying cue."""
    spread: Floats = field(repr=False)
    """Standard deviation of each varying cue."""
    varying: NDArray[np.int64] = field(repr=False)
    """The cues that differ between the known texts."""

    @classmethod
    def learnt(cls, corpus: Corpus, rows: NDArray[np.int64]) -> Comparison:
        """Learn weights from the texts in `rows` alone; the others stay unseen."""
        occurring = np.bincount(corpus.counts[rows].indices, minlength=len(corpus.columns))
        weights = np.log((1.0 + len(rows)) / (1.0 + occurring)) + 1.0
        known = corpus.cues[rows]
        varying = np.flatnonzero(known.max(axis=0) > known.min(axis=0))
        return cls(
            corpus=corpus,
            weights=np.where(occurring >= _LEAST_TEXTS, weights, 0.0),
            middle=known[:, varying].mean(axis=0),
            spread=known[:, varying].std(axis=0),
            varying=varying,
        )

    def vectors(self, rows: NDArray[np.int64]) -> csr_array:
        """Vectors whose inner products are the n-gram similarities, shape (rows, n-grams)."""
        weighted = csr_array(self.corpus.counts[rows] * self.weights)
        text_of = np.repeat(np.arange(len(rows)), np.diff(weighted.indptr))
        place = text_of * FIELDS + self.corpus.field_of[weighted.indices]
        lengths = np.sqrt(np.bincount(place, weighted.data**2, minlength=len(rows) * FIELDS) * FIELDS)
        weighted.data /= np.where(lengths > 0.0, lengths, 1.0)[place]
        return weighted

    def vector(self, text: str) -> tuple[NDArray[np.int64], Floats]:
        """The vector of a new text: the columns of its known n-grams, and their values."""
        columns = self.corpus.columns
        known = [(columns[gram], count) for gram, count in grams(text).items() if gram in columns]
        numbers = np.array([number for number, _ in known], dtype=np.int64)
        values = (1.0 + np.log([count for _, count in known])) * self.weights[numbers]
        place = self.corpus.field_of[numbers]
        lengths = np.sqrt(np.bincount(place, values**2, minlength=FIELDS) * FIELDS)
        return numbers, values / np.where(lengths > 0.0, lengths, 1.0)[place]

    def standardised(self, found: Floats) -> Floats:
        """Cues in standard deviations, shape (texts, varying cues), scaled so that distances are means."""
        scaled = np.clip((found[:, self.varying] - self.middle) / self.spread, -_FARTHEST, _FARTHEST)
        return np.asarray(scaled / np.sqrt(max(1, len(self.varying))), dtype=np.float64)


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Squared Euclidean distances of the rows of `a` from those of `b`, shape (len(a), len(b))."""
    return np.asarray(cdist(a, b, "sqeuclidean"), dtype=np.float64)
