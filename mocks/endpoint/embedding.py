"""Embeddings without a model: hashed character n-grams, so that texts that share spelling are near.

The same text always has the same vector, of length 1, on every machine.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mocks.endpoint.problems import invalid, wrong_type
from mocks.endpoint.reading import read_integer, read_text
from sandbox.tokens import count

DIMENSIONS = 1536
"""Numbers a vector where the client does not say how many."""
MOST_DIMENSIONS = 3072
MOST_INPUTS = 2048
_SIZES = (1, 2, 3, 4)


class Wanted(NamedTuple):
    """What a request for embeddings asks."""

    texts: list[str]
    tokens: int
    dimensions: int
    base64: bool


def read_embeddings(data: Mapping[str, Any]) -> Wanted:
    """The body of POST /v1/embeddings: a text, a list of texts, a list of token numbers, or lists of them.

    Raises:
        Problem: naming the field that cannot be used.
    """
    asked = data.get("input")
    if asked is None:
        raise invalid("input", "'input' is required.", "missing_required_parameter")
    if isinstance(asked, str) or (isinstance(asked, list) and asked and type(asked[0]) is int):
        asked = [asked]
    if not isinstance(asked, list):
        raise wrong_type("input", "a string or a list", asked)
    if not 1 <= len(asked) <= MOST_INPUTS:
        raise invalid("input", f"'input' has {len(asked)} entries: between 1 and {MOST_INPUTS}.")
    read = [_one(i, entry) for i, entry in enumerate(asked)]
    dimensions = read_integer("dimensions", data.get("dimensions"), 1, MOST_DIMENSIONS) or DIMENSIONS
    form = data.get("encoding_format")
    if form not in (None, "float", "base64"):
        raise invalid("encoding_format", "'encoding_format' must be float or base64.")
    read_text("user", data.get("user"))
    return Wanted(
        [text for text, _ in read], sum([tokens for _, tokens in read]), dimensions, form == "base64"
    )


def _one(place: int, entry: Any) -> tuple[str, int]:
    """A text to embed, and how many tokens it has."""
    if isinstance(entry, str):
        if not entry:
            raise invalid(f"input[{place}]", f"'input[{place}]' is empty.")
        return entry, count(entry)
    if not isinstance(entry, list) or not all(type(token) is int for token in entry):
        raise wrong_type(f"input[{place}]", "a string or a list of integers", entry)
    if not entry:
        raise invalid(f"input[{place}]", f"'input[{place}]' is empty.")
    return " ".join([str(token) for token in entry]), len(entry)


def embed(text: str, dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    """The vector of a text: each n-gram of 1 to 4 characters adds or subtracts 1 at a hashed place."""
    padded = f" {text} ".encode("utf-8", "surrogatepass").lower()
    hashes = np.array(
        [crc32(padded[i : i + size]) for size in _SIZES for i in range(len(padded) - size + 1)],
        dtype=np.uint64,
    )
    mixed = (hashes * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)  # crc32 alone is linear
    signs = 1.0 - 2.0 * (mixed & np.uint64(1)).astype(np.float64)
    places = ((mixed >> np.uint64(1)) % np.uint64(dimensions)).astype(np.int64)
    vector = np.bincount(places, weights=signs, minlength=dimensions)
    length = float(np.sqrt(vector @ vector))
    if not length:  # all n-grams cancelled each other
        vector[0] = length = 1.0
    return (vector / length).astype(np.float32)


def embeddings_body(
    model: str, vectors: Sequence[NDArray[np.float32]], tokens: int, as_base64: bool
) -> bytes:
    """A list of `embedding` objects; base64 holds little-endian 32-bit floats."""
    data = [
        {
            "object": "embedding",
            "index": i,
            "embedding": base64.b64encode(vector.astype("<f4").tobytes()).decode()
            if as_base64
            else [float(value) for value in vector],
        }
        for i, vector in enumerate(vectors)
    ]
    body = {
        "object": "list", "data": data, "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }  # fmt: skip
    return json.dumps(body, separators=(",", ":")).encode()
