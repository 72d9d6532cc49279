"""What an instruction of anybody's means to the model that is asked to improve it."""

from __future__ import annotations

import math
from functools import lru_cache

from mocks.llm.evidence import weigh

_LONGEST = 2_000
"""Characters of an instruction that are weighed."""
_SHARPNESS = 2.0
_NOTHING = 1.2
"""Evidence that "nothing that I know" always has, as in `mocks.llm.understanding`."""


@lru_cache(maxsize=16_384)
def meant(text: str) -> tuple[tuple[str, float], ...]:
    """(skill, probability) pairs for an instruction, likeliest first; () where it says nothing."""
    told = weigh(text[:_LONGEST]).skills
    weights = {skill: math.exp(_SHARPNESS * amount) for skill, amount in dict(told).items()}
    total = math.fsum(weights.values()) + math.exp(_SHARPNESS * _NOTHING)
    ranked = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple([(skill, weight / total) for skill, weight in ranked[:5] if weight / total >= 0.05])
