"""Random soft prompts: the yardstick of every optimizer that steers a white box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agents.common import Array, blind_guess, check_whole
from agents.costs import Forecast, SpendsAll, Step
from agents.soft_prompts import Scored, answering, finishing, sobol, soft_prompts
from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted, nearest
from sandbox.protocol import Needs, Plan, Recommend, Task
from sandbox.spaces import Candidate

ASKS = ("statement", "question")
"""How the white box is asked: to finish "The instruction was to", or to answer "The instruction was to?"."""
_STRETCH = 4096
"""Points of one Sobol sequence; after them a new one begins."""
_DRY = 40
"""After so many batches in a row without a new text the white box is taken to have no more to say."""


@dataclass(frozen=True, slots=True)
class RandomSoftPrompt(SpendsAll):
    """Sobol soft prompts, each decoded by the white box and each distinct text evaluated once.

    It is what remains of InstructZero and INSTINCT without their models: what these gain at equal
    evaluations is the worth of the models. It hands in the text of largest score.
    """

    name: str = "random-soft-prompt"
    batch: int = 25
    """Soft prompts decoded, and new texts evaluated, at once."""
    dimensions: int = 10
    """d of the points in [-1, 1]^d."""
    tokens: int = 5
    """m, token embeddings in a soft prompt."""
    demos: int = 5
    """Worked examples that the white box reads."""
    max_tokens: int = 64
    """The longest text, in tokens."""
    ask: str = "statement"
    """"statement" or "question": how the white box is asked, see `ASKS`."""
    needs = Needs.TEXT | Needs.WHITE_BOX
    claims = Claims(seeded=True, random_start=True)

    def __post_init__(self) -> None:
        check_whole("batch", self.batch, 1, 4096)
        check_whole("dimensions", self.dimensions, 1, 1000)
        check_whole("tokens", self.tokens, 1, 100)
        check_whole("demos", self.demos, 0)
        check_whole("max_tokens", self.max_tokens, 1)
        if self.ask not in ASKS:
            raise ValueError(f"ask={self.ask!r}: {nearest(str(self.ask), ASKS)}")

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
        """See `sandbox.protocol.Agent`."""
        best = blind_guess(task, rng)
        yield from Recommend(best)
        lift = soft_prompts(self.dimensions, self.tokens, task.lends.white_box.width, rng)
        make = finishing if self.ask == "statement" else answering
        writer = make(task, lift, self.demos, self.max_tokens, rng)
        scored, points, dry = Scored(task), self._points(rng), 0
        try:
            while dry < _DRY:
                known = len(scored.known)
                yield from scored.ask(writer.write(next(points)))
                dry = 0 if len(scored.known) > known else dry + 1
                if scored.best is not None and scored.best != best:
                    best = scored.best
                    yield from Recommend(best)
        except BudgetExhausted:
            pass
        return best

    def _steps(self, task: Task, forecast: Forecast) -> Iterator[Step]:
        while True:  # of what is decoded half is new
            yield forecast.decoding(self.batch, self.tokens, self.demos, self.max_tokens)
            yield [forecast.decoded()] * -(-self.batch // 2)

    def _points(self, rng: np.random.Generator) -> Iterator[Array]:
        """Batches of points, for ever."""
        while True:
            stretch = sobol(max(_STRETCH, self.batch), self.dimensions, rng)
            for first in range(0, len(stretch) - self.batch + 1, self.batch):
                yield stretch[first : first + self.batch]
