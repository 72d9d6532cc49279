"""What every source of truth offers: a space, a noiseless score, and its known optimum."""

from __future__ import annotations

from typing import Protocol

from sandbox.spaces import Candidate, Space


class Oracle(Protocol):
    """How good a candidate truly is. Pure: the same candidate always has the same truth."""

    @property
    def space(self) -> Space: ...

    @property
    def optimum(self) -> float:
        """The largest truth in the space, or the best known one (its docstring says which)."""
        ...

    @property
    def best(self) -> Candidate:
        """A candidate whose truth is `optimum`."""
        ...

    @property
    def baseline(self) -> float:
        """The mean truth of what a blind guess would hand in; regret is measured against it."""
        ...

    def truth(self, candidate: Candidate) -> float:
        """The noiseless score of `candidate`, in [0, 1]."""
        ...
