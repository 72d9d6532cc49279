"""What is said to a chat model, and what it answers: one vocabulary for mock, wire and real API."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeAlias

Messages: TypeAlias = tuple[tuple[str, str], ...]
"""(role, text) pairs; roles are those of the OpenAI API: system, developer, user, assistant, tool."""


class ChatCall(NamedTuple):
    """One logical call of a chat model, however often it has to be attempted."""

    messages: Messages
    model: str = ""
    n: int = 1
    """How many texts are wanted."""
    temperature: float = 1.0
    """0 takes the likeliest text; above 0, each probability p becomes p^(1/temperature), normalised."""
    top_p: float = 1.0
    """The smallest set of likeliest texts with this much probability is drawn from."""
    max_tokens: int | None = None
    """Completion tokens a text; None for the model's own limit."""
    stop: tuple[str, ...] = ()
    """A text ends before the first of these."""
    seed: int = 0
    """Luck: equal calls with equal seeds are answered equally."""

    def key(self) -> bytes:
        """All that the answer may depend on, as bytes that equal calls share and no others."""
        said = [_manner(self[1:])]
        for role, text in self.messages:
            # Lengths first, so that no text can imitate the end of a turn.
            body = text.encode("utf-8", "surrogatepass")
            said.append(b"%d %d %b%b" % (len(role), len(body), role.encode("utf-8", "surrogatepass"), body))
        return b"".join(said)


@lru_cache(maxsize=4096)
def _manner(how: tuple[Any, ...]) -> bytes:
    """The part of a call's key that is not said: model, numbers, stops."""
    model, n, temperature, top_p, max_tokens, stop, seed = how
    told = (model, int(n), temperature + 0.0, top_p + 0.0, max_tokens, stop, int(seed))
    return repr(told).encode("utf-8", "surrogatepass") + b"\0"


class TokenChance(NamedTuple):
    """One token of a text, and the chance it had where it stands."""

    token: str
    logprob: float
    """Natural logarithm."""
    top: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens at this place with their logprobs, likeliest first."""


class Choice(NamedTuple):
    """One of the texts that a call asked for."""

    text: str
    finish: str = "stop"
    """stop, length (cut at max_tokens) or content_filter."""
    tokens: tuple[TokenChance, ...] = ()
    """Where logprobs were wanted."""


class ChatAnswer(NamedTuple):
    """What came back, and what it is billed for."""

    choices: tuple[Choice, ...]
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    """Those of the prompt tokens that the provider had cached."""


class ChatModel(Protocol):
    """A model that can be asked directly: no clock, no network, no state."""

    @property
    def name(self) -> str: ...

    def answer(self, call: ChatCall, occurrence: int = 0, top_logprobs: int | None = None) -> ChatAnswer:
        """Answer `call`, which the same caller has made `occurrence` times before.

        The answer depends on these arguments alone. `top_logprobs` (0 to 20) adds logprobs
        to it and changes nothing else.
        """
        ...

    def outcomes(self, call: ChatCall) -> Sequence[tuple[str, float]]:
        """Every text that one choice of `answer(call)` can be, with its probability; they sum to 1.

        After temperature, top_p, stop and max_tokens; nothing is sampled.
        """
        ...

    def most_completion_tokens(self, call: ChatCall) -> int:
        """A bound on the completion tokens of `answer(call)`, all choices together."""
        ...
