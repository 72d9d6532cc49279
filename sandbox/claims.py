"""What an optimizer promises beyond the rules of the conversation; the test kit holds it to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Claims:
    """Promises of an agent, as its class attribute `claims`; what is not promised is not tested.

    Laws that hold for every agent need no claim: it ends, it keeps to the space, it leaves its surroundings
    alone. `sandbox check --list` says which check needs which claim.
    """

    seeded: bool = False
    """Its own generator is its only source of chance: not the clock, global generators or hash order."""
    random_start: bool = False
    """Other seeds ask other things; and 0 is a seed like any other."""
    anytime: bool = False
    """Its questions do not depend on the budget, and its recommendation never gets worse as it learns."""
    best_observed: bool = False
    """Without noise it recommends a candidate of the best score that it has seen."""
    tells_scores: bool = False
    """It says what it expects of its recommendation: `Recommend(candidate, claimed=...)`."""
    unbiased: bool = False
    """Under noise, too, what it claims is no higher than the truth on average."""
    counts: bool = False
    """It stops by itself within the budget, also where nobody refuses, and says how many evaluations it
    made: `Recommend(candidate, calls=...)`."""
    uses: float = 0.0
    """The share of the budget that it spends at least, where all answers arrive; in [0, 1]."""
    raw_scores: bool = False
    """It is used outside of the sandbox as well, where a score may be NaN or infinite; inside, such a one is
    a failed answer."""
    dedupes: bool = False
    """It asks for no candidate twice while the space holds others."""
    batch: bool = False
    """It asks several things at once, and credits each answer to its own question."""
    direction: bool = False
    """It can minimise: `flipped()` returns the agent that does."""
    affine: bool = False
    """Its questions do not depend on the unit and the zero of scores."""
    rank_based: bool = False
    """Its questions depend on the order of scores alone."""
    resumable: bool = False
    """It can be saved and loaded: `interrupted(k)` returns the agent that is, after its k-th answer."""
    zero_options: bool = False
    """0 is a value of each of its numeric options: refused, or different from the default."""
    beats_random: bool = False
    """On additive scores it is no worse than random search with as many evaluations."""
    symmetric: bool = False
    """The order in which candidates are listed does not matter."""
    more_is_better: bool = False
    """Twice the budget does no harm."""
    min_budget: int = 1
    """Evaluations with which it can do its work, at least 1."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.uses <= 1.0:
            raise ValueError(f"uses={self.uses!r}: a share between 0 and 1")
        if not isinstance(self.min_budget, int) or self.min_budget < 1:
            raise ValueError(f"min_budget={self.min_budget!r}: a whole number from 1")

    def made(self) -> Iterator[str]:
        """The names of what is promised."""
        for field in fields(self):
            if field.name != "min_budget" and getattr(self, field.name):
                yield field.name


NONE = Claims()


def claims_of(subject: object) -> Claims:
    """What a subject promises; nothing, where it has no `claims`."""
    claims = getattr(subject, "claims", NONE)
    if not isinstance(claims, Claims):
        raise TypeError(f"{subject!r}: claims={claims!r}; a value of sandbox.claims.Claims")
    return claims
