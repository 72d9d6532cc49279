"""Who a mock model is: how well it does each task, how it talks, what it costs and how long it takes.

A persona is a TOML file in `personas/`; each carries the date its figures are of.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from mocks.service import Latency, Prices
from sandbox.errors import AnswerFailed, UsageError, nearest


class ContextTooLong(AnswerFailed):
    """The prompt does not fit the context window: ``ContextTooLong(kind, sentence)``."""


def too_long(prompt_tokens: int, window: int) -> ContextTooLong:
    """The error for a prompt of `prompt_tokens` in a model with `window` tokens of context."""
    return ContextTooLong(
        "context_length_exceeded",
        f"This model's maximum context length is {window} tokens; the messages have {prompt_tokens}. "
        "Shorten the messages.",
    )


@dataclass(frozen=True, slots=True, eq=False)
class Persona:
    """One mock model. All shares are between 0 and 1."""

    name: str
    dated: str
    """The day that the figures are of, ISO 8601."""
    about: str
    context_window: int
    """Tokens of prompt and completion together."""
    max_completion: int
    """Completion tokens a text where the call sets no limit."""
    prices: Prices
    latency: Latency
    ceilings: Mapping[str, float]
    """Expected score of a perfect instruction, by task."""
    other_ceiling: float
    """The same for skills that `ceilings` does not name."""
    likeness: float
    """Share of its taste and of its trouble with rows that it has in common with all others."""
    ruggedness: float
    """Standard deviation of what the choice of words adds to the strength of an instruction."""
    chattiness: float
    """Share of answers that talk although nobody asked for it."""
    sloppiness: float
    """Share of answers whose form is off (quotes, a label, upper case) although the content is right."""
    patience: float
    """Instruction tokens beyond which it begins to lose the thread."""
    acuity: float
    """How sharply it tells skills apart; 1 is ordinary, more is sharper."""
    craft: Mapping[str, float] = field(default_factory=dict)
    """How well it does the jobs that optimizers ask of it, by job; `default` stands for the rest."""

    def ceiling(self, skill: str) -> float:
        """Expected score of a perfect instruction for `skill`."""
        return self.ceilings.get(skill, self.other_ceiling)

    def skilled(self, job: str) -> float:
        """How well it does a job of an optimizer, 0 to 1."""
        return self.craft.get(job, self.craft.get("default", 0.7))


def personas() -> tuple[str, ...]:
    """The names of all personas."""
    return tuple(sorted(entry.name[:-5] for entry in _folder().iterdir() if entry.name.endswith(".toml")))


@cache
def load(name: str) -> Persona:
    """The persona called `name`; `UsageError` names the nearest where there is none."""
    known = personas()
    if name not in known:
        raise UsageError(f"no mock model is called {name!r}; {nearest(name, known)}")
    raw = tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8"))
    return from_mapping(name, raw)


def from_mapping(name: str, raw: Mapping[str, Any]) -> Persona:
    """A persona from what its TOML file says; `UsageError` names a wrong key or value."""
    told = dict(raw)
    try:
        prices = {key: Decimal(str(value)) for key, value in dict(told.pop("prices")).items()}
        ceilings = {key: _share(f"ceilings.{key}", value) for key, value in told.pop("ceilings").items()}
        for key in ("other_ceiling", "likeness", "chattiness", "sloppiness"):
            _share(key, told[key])
        return Persona(
            name=name,
            dated=str(told.pop("dated")),
            prices=Prices(**prices),
            latency=Latency(**told.pop("latency")),
            ceilings=ceilings,
            **told,
        )
    except KeyError as error:
        raise UsageError(f"persona {name}: {error.args[0]} is missing") from None
    except (TypeError, ValueError) as error:
        raise UsageError(f"persona {name}: {error}") from None


def _share(key: str, value: Any) -> float:
    if not 0 <= float(value) <= 1:
        raise ValueError(f"{key}={value}: a share between 0 and 1")
    return float(value)


def _folder() -> Any:
    return files("mocks.llm") / "personas"
