"""Prompt-MII: a trained policy reads examples once, and writes the instruction; nothing is tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.common import blind_guess, check_whole
from agents.costs import Forecast, within
from agents.labels import instruction_of, labels_of
from agents.templates.meta import STYLES, digest, meta, spelled
from agents.word_evidence import Term, evidence
from sandbox.budget import Budget, Cost
from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted, nearest
from sandbox.protocol import Needs, Plan, Recommend, Task
from sandbox.tokens import count

READS = ("words", "texts")
"""What the policy is shown: the words that go with each label, or the examples themselves."""
_WORDS_OF_A_LABEL = 14
"""Tokens that a guideline has for a label, about."""


@dataclass(frozen=True, slots=True)
class PromptMII:
    """One text of the white box a task, at temperature 0; the format line is put behind it.

    Xiao et al. (2025), "Prompt-MII: Meta-learning instruction induction for LLMs", section 3: the writer is
    a policy that GRPO has trained on thousands of other labelling tasks. It asks the black box nothing.
    The policy is the white box that is lent (`--white-box DIR`). A tiny one that
    `python -m scenarios.prompt_mii.train` made cannot read a hundred texts: it reads the words that go with
    each label, learns which kind of word is a cue, and names it by its number, which
    `agents.templates.meta.spelled` puts into words. A big one reads the examples: `reads=texts`. A task
    without labels gives no words, so there its examples are read.
    """

    name: str = "prompt-mii"
    reads: str = "words"
    """"words" or "texts", see `READS`."""
    terms: int = 24
    """Words that it reads at most, of all labels together."""
    style: str = "guideline"
    """Of the meta-prompt around texts, see `agents.templates.meta`."""
    max_tokens: int = 512
    """Of the instruction, in tokens of the white box."""
    needs = Needs.TEXT | Needs.WHITE_BOX
    claims = Claims(seeded=True)

    def __post_init__(self) -> None:
        if self.reads not in READS:
            raise ValueError(f"reads={self.reads!r}: {nearest(str(self.reads), READS)}")
        if self.style not in STYLES:
            raise ValueError(f"style={self.style!r}: {nearest(str(self.style), STYLES)}")
        check_whole("terms", self.terms, 1)
        check_whole("max_tokens", self.max_tokens, 1)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        best = str(blind_guess(task, rng))
        yield from Recommend(best)
        box = task.lends.white_box
        asked = self._fitting(task)
        try:
            (told,) = box.decode(None, asked, max_tokens=self._room(task, asked))
        except BudgetExhausted:
            return best
        found = self._words(task)
        made = instruction_of((found and spelled(told, found)) or told, task)
        if made is None:
            return best
        yield from Recommend(made)
        return made

    def prompt(self, task: Task, share: float = 1.0) -> str:
        """What the policy reads; with `share` of the words, or of the examples."""
        if found := self._words(task, share):
            return digest(found)
        shown = task.demos[: max(1, round(share * len(task.demos)))]
        return meta(shown, labels_of(task), self.style)

    def _words(self, task: Task, share: float = 1.0) -> Mapping[str, Sequence[Term]]:
        """The words of each label; none where texts are read."""
        labels = labels_of(task)
        if not labels or self.reads != "words":
            return {}
        return evidence(task.demos, labels, max(1, round(share * self.terms)))

    def _fitting(self, task: Task) -> str:
        """The longest prompt that leaves room for an instruction."""
        box, share = task.lends.white_box, 1.0
        asked = self._put(task, share)
        while box.positions and box.count(asked) + min(self.max_tokens, 64) > box.positions and share > 0.01:
            share *= 0.8
            asked = self._put(task, share)
        return asked

    def _put(self, task: Task, share: float) -> str:
        text = self.prompt(task, share)
        chats = not (labels_of(task) and self.reads == "words")
        return str(task.lends.white_box.chat(text)) if chats else text

    def _room(self, task: Task, asked: str) -> int:
        box = task.lends.white_box
        return min(self.max_tokens, box.positions - box.count(asked)) if box.positions else self.max_tokens

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: what the white box reads and writes."""
        forecast = Forecast(task)
        written = forecast.instruction + _WORDS_OF_A_LABEL * len(labels_of(task))
        return forecast.thinking(1, count(self.prompt(task)), min(self.max_tokens, written))

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`."""
        return within(task, budget, [self.least_useful_budget(task)])
