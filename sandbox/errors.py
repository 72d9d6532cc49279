"""Every error this project raises on purpose.

SandboxError
├── BudgetExhausted   the ledger refused a request; the agent may catch it
├── AnswerFailed      the world gave up on a request; the agent may catch it
├── AgentError        the agent's run cannot be judged; other runs go on
│   ├── ProtocolError     it broke the rules of the conversation
│   └── AgentCrashed      it raised an error of its own
├── QuoteExceeded     a world charged more than it quoted (a bug in the world)
└── UsageError        a person asked for something impossible: exit code 2
    ├── ScenarioError     a scenario file, or what it names
    ├── DataError         a file of measured scores
    ├── StoreError        a store that cannot be read or written
    └── MissingExtra      a part whose packages are not installed

Each takes plain positional arguments and keeps them in ``args``: pickle, copy and
simpy rebuild an exception as ``type(exc)(*exc.args)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SandboxError(Exception):
    """Base of every error raised on purpose here."""


class BudgetExhausted(SandboxError):
    """The ledger cannot cover a request: ``BudgetExhausted(currency, wanted, left)``."""

    def __str__(self) -> str:
        currency, wanted, left = self.args
        unit = {"usd": " pico-dollars", "seconds": " ns", "whitebox_seconds": " ns"}.get(currency, "")
        return f"{currency}: wanted {wanted}{unit}, {left}{unit} left"


class AnswerFailed(SandboxError):
    """The world could not answer: ``AnswerFailed(kind, detail)``."""

    def __str__(self) -> str:
        return ": ".join(str(arg) for arg in self.args)


class AgentError(SandboxError):
    """The agent's run cannot be judged."""


class ProtocolError(AgentError):
    """An agent broke the conversation's rules: ``ProtocolError(what)``."""


class AgentCrashed(AgentError):
    """An agent raised an error of its own: ``AgentCrashed(error, where)``."""

    def __str__(self) -> str:
        error, where = self.args
        return f"{error} at {where}"


class QuoteExceeded(SandboxError):
    """A world charged more than it quoted: ``QuoteExceeded(quote, charge)``."""

    def __str__(self) -> str:
        quote, charge = self.args
        return f"the world quoted {quote} and charged {charge}"


class UsageError(SandboxError):
    """A person asked for something impossible: ``UsageError(sentence)``."""


class ScenarioError(UsageError):
    """A scenario file, or what it names, cannot be used."""


class DataError(UsageError):
    """A file of measured scores cannot be used."""


class StoreError(UsageError):
    """A store cannot be read or written."""


class MissingExtra(UsageError):
    """Packages are missing: ``MissingExtra(what needs them, extra)``."""

    def __str__(self) -> str:
        what, extra = self.args
        return f"{what}: packages are missing; pip install 'instruct-sandbox[{extra}]' brings them"


def nearest(wrong: str, valid: Iterable[str]) -> str:
    """A hint that ends an error message: the nearest valid name, or all of them.

    >>> nearest("evalutions", ["evaluations", "usd"])
    'did you mean evaluations?'
    """
    names = list(valid)
    close = get_close_matches(wrong, names, n=1)
    return f"did you mean {close[0]}?" if close else f"valid: {', '.join(names)}"
