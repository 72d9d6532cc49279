"""How the Dual paper sees an instruction: hidden states of the text and of what comes out of it, fused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agents.soft_arms import within
from agents.soft_prompts import Floats
from sandbox.protocol import Observation

SOURCES = ("whitebox_instruction", "whitebox_probe", "blackbox_cached", "none")
POOLINGS = ("mean", "concat")
_PROBED = 16
"""Tokens of an answer to a probe."""
_NOTHING = "(nothing)"
"""Stands for an answer without a character, which has no hidden state."""


@dataclass(slots=True)
class Reader:
    """Reads texts with the white box; every text and every answer is read once."""

    box: Any
    context: str
    """What stands before an instruction: examples and the beginning of the sentence that it ends."""
    source: str
    pooling: str
    layer: int
    probes: Sequence[str] = ()
    """Inputs that the white box answers under an instruction, for `whitebox_probe`."""
    _hidden: dict[str, Floats] = field(default_factory=dict)
    _outputs: dict[str, Floats] = field(default_factory=dict)

    def read(self, texts: Sequence[str], known: Mapping[str, Observation]) -> Floats:
        """The fused features of instructions, shape (n, hidden width).

        Args:
            texts: the instructions.
            known: those that were evaluated, with what the black box answered.

        Raises:
            BudgetExhausted: if the budget of the white box does not cover it.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self._hidden]
        if new:
            continued = [f"{self.context} {text[:1].lower()}{text[1:]}" for text in new]
            self._hidden.update(zip(new, self._states(continued, "last"), strict=True))
        h = np.stack([self._hidden[text] for text in texts])
        if self.source == "none":
            return h
        o = self._answered(texts, known, h) if self.source == "blackbox_cached" else self._own(texts)
        return fuse(h, o, self.pooling)

    def _states(self, texts: Sequence[str], pooling: str) -> Floats:
        texts = [within(self.box, text, 0) for text in texts]
        states: Floats = self.box.hidden(texts, layer=self.layer, pooling=pooling)
        return states

    def _own(self, texts: Sequence[str]) -> Floats:
        """Output representations that need no black box: of the text itself, or of the answers to probes."""
        new = [text for text in dict.fromkeys(texts) if text not in self._outputs]
        if new and self.source == "whitebox_instruction":
            self._outputs.update(zip(new, self._states(new, "mean"), strict=True))
        elif new:
            asked = [f"Instruction: {text}\n\nInput: {x}\nOutput:" for text in new for x in self.probes]
            asked = [within(self.box, prompt, _PROBED) for prompt in asked]
            answers = self.box.decode(None, asked, max_tokens=_PROBED)
            states = self._states([answer.strip() or _NOTHING for answer in answers], "mean")
            self._outputs.update(zip(new, states.reshape(len(new), -1, states.shape[1]).mean(1), strict=True))
        return np.stack([self._outputs[text] for text in texts])

    def _answered(self, texts: Sequence[str], known: Mapping[str, Observation], h: Floats) -> Floats:
        """Of the black box's answers; a text without any takes those of the nearest one that has some.

        Its own hidden state where none has, so that fusing changes nothing.
        """
        for text, seen in known.items():
            answers = [row.answer.strip() or _NOTHING for row in seen.rows if row.input or row.answer]
            if answers and text not in self._outputs:
                self._outputs[text] = self._states(answers, "mean").mean(0)
        have = [text for text in self._outputs if text in self._hidden]
        if not have:
            return h
        places = np.stack([self._hidden[text] for text in have])
        square = np.square(h).sum(1)[:, None] - 2.0 * h @ places.T + np.square(places).sum(1)
        nearest = [have[i] for i in square.argmin(1).tolist()]
        own = [text if text in self._outputs else near for text, near in zip(texts, nearest, strict=True)]
        return np.stack([self._outputs[text] for text in own])


def fuse(h: Floats, o: Floats, pooling: str) -> Floats:
    """AvgPool(Concat(h, o)) of equation 3.2.3, shape (n, H) for both readings of it.

    Args:
        h: hidden representations, shape (n, H).
        o: output representations, shape (n, H).
        pooling: "mean" stacks the two and averages over the stack; "concat" puts them in one vector of
            2 H and averages neighbours.
    """
    if pooling == "mean":
        return 0.5 * (h + o)
    joined = np.concatenate([h, o], axis=1)
    pooled: Floats = 0.5 * (joined[:, ::2] + joined[:, 1::2])
    return pooled
