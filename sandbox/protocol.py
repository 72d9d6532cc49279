"""The conversation between an agent and the world: what may be asked, what is answered.

An agent is a generator. It yields requests and is resumed with answers; it performs
no input or output, reads no clock and draws no unseeded randomness, so whoever drives
it chooses whether time is virtual, real, or absent.

>>> def first_guess(task: Task) -> Plan[str]:
...     seen = yield from Evaluate("Answer briefly.")
...     return "Answer briefly." if seen.score > 0.5 else "Think step by step."
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np

from sandbox.budget import Budget, Cost
from sandbox.chat import ChatAnswer
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.spaces import Candidate, Space

A_co = TypeVar("A_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request(Generic[A_co]):
    """Something an agent asks for. ``answer = yield from request`` is fully typed."""

    def __iter__(self) -> Generator[Request[Any], Any, A_co]:
        answer: A_co = yield self
        return answer

    __await__ = __iter__  # a forgotten `yield from` is then mypy's unused-awaitable

    def key(self) -> bytes:
        """What is asked, as bytes that equal requests share, and no others."""
        return repr(self).encode("utf-8", "surrogatepass")


class RowResult(NamedTuple):
    """What became of one row of the dev split; the texts are there where a chat model solved it."""

    row: int
    score: float
    cached: bool = False
    """Whether the agent had asked before, so that the row was free."""
    input: str = ""
    answer: str = ""
    expected: str = ""
    """The accepted answer, or the first of several."""


class Observation(NamedTuple):
    """A score in the task's range, as noisy as the world makes it."""

    score: float
    rows: tuple[RowResult, ...] = ()
    """One result a row, where the world scores rows one by one."""


class Completion(NamedTuple):
    """What the black box wrote: `n` texts."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evaluate(Request[Observation]):
    """Score `candidate` on the hidden task."""

    candidate: Candidate
    rows: tuple[int, ...] | None = None
    """A minibatch of dev rows; None means all of them."""

    def key(self) -> bytes:
        """See `Request.key`."""
        candidate = self.candidate
        if isinstance(candidate, str):
            body = b"t" + candidate.encode("utf-8", "surrogatepass")
        else:  # adding 0.0 turns -0.0, which equals 0.0, into it
            body = b"p" + struct.pack(f"<{len(candidate)}d", *[x + 0.0 for x in candidate])
        # The candidate's length comes last, so that text cannot imitate the rows.
        rows = b"" if self.rows is None else struct.pack(f"<{len(self.rows)}q", *self.rows) + b"r"
        return body + rows + len(body).to_bytes(8, "little")


@dataclass(frozen=True, slots=True)
class Complete(Request[Completion]):
    """Let the black box continue a prompt, or answer a list of (role, text) messages."""

    prompt: str | tuple[tuple[str, str], ...]
    n: int = 1
    temperature: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()

    def key(self) -> bytes:
        """See `Request.key`; equal requests share it, also temperature=1 and temperature=1.0."""
        asked = (self.prompt, int(self.n), self.temperature + 0.0, int(self.max_tokens), self.stop)
        return repr(asked).encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class RowCall(Request[ChatAnswer]):
    """One row of an `Evaluate`, put to a chat model. Worlds make these; agents never do."""

    candidate: str
    row: int

    def key(self) -> bytes:
        """See `Request.key`; the row comes last, so that text cannot imitate it."""
        return self.candidate.encode("utf-8", "surrogatepass") + self.row.to_bytes(8, "little") + b"c"


@dataclass(frozen=True, slots=True)
class Recommend(Request[None]):
    """Name the candidate the agent would hand in if it were stopped now. Free.

    What else it says is believed by nobody: the test kit holds it against the truth.
    """

    candidate: Candidate
    claimed: float | None = None
    """The score that the agent expects of it, in the task's range."""
    calls: int | None = None
    """How many evaluations the agent has made, by its own count."""
    rows: tuple[int, ...] | None = None
    """The dev rows that `claimed` is the mean of; None for all."""


@dataclass(frozen=True, slots=True)
class Gather(Request[tuple[A_co | AnswerFailed, ...]]):
    """Several requests at once: all are admitted or none, answers come in order.

    A member that failed for good is answered by its `AnswerFailed`; the others keep
    the answers that were paid for.
    """

    requests: tuple[Request[A_co], ...]


Plan: TypeAlias = Generator[Request[Any], Any, T]


def gather(requests: Iterable[Request[T]]) -> Plan[tuple[T | AnswerFailed, ...]]:
    """Ask several things at once: all are admitted or none."""
    return (yield from Gather(tuple(requests)))


def affordable(requests: Sequence[Request[T]]) -> Plan[tuple[T | AnswerFailed, ...]]:
    """Ask several things at once, or as many of them, in order, as the budget covers.

    Raises:
        BudgetExhausted: if it does not cover the first one.
    """
    try:
        return (yield from gather(requests))
    except BudgetExhausted as refusal:
        answers: tuple[T | AnswerFailed, ...] = ()
        for request in requests if len(requests) > 1 else ():
            try:
                answers += yield from gather([request])
            except BudgetExhausted:
                break
        if not answers:
            raise refusal from None
        return answers


class Needs(Flag):
    """What an agent needs: one of the spaces it names, and everything else it names."""

    POOL = auto()
    TEXT = auto()
    BOX = auto()
    WHITE_BOX = auto()
    COMPLETIONS = auto()

    ANY_SPACE = POOL | TEXT | BOX


class Asides(NamedTuple):
    """What else a world lends besides scores."""

    completions: bool = False
    white_box: Any = None
    bill: Callable[[Sequence[Cost]], Cost] | None = None
    """What requests that are asked at once are expected to cost together: their counts and tokens, and the
    money and the time that these take."""


NOTHING = Asides()


@dataclass(frozen=True, slots=True)
class Task:
    """All that an agent is told."""

    description: str
    space: Space
    budget: Budget
    demos: tuple[tuple[str, str], ...] = ()
    """Worked examples: (input, output)."""
    dev_rows: int = 0
    """How many rows an evaluation scores; 0 means that there are no rows."""
    score_range: tuple[float, float] = (0.0, 1.0)
    lends: Asides = NOTHING
    labels: tuple[str, ...] = ()
    """The valid answers of a classification, where the world lists them behind every instruction itself."""


class Agent(Protocol):
    """A prompt optimizer: a name, its needs, and a plan that returns the recommendation."""

    @property
    def name(self) -> str: ...

    @property
    def needs(self) -> Needs: ...

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]: ...


@runtime_checkable
class Forecaster(Protocol):
    """What an agent may also say, before it is played; `agents.costs` helps with the arithmetic."""

    def least_useful_budget(self, task: Task) -> Cost:
        """With less, the agent cannot hand in anything better than what it was given to begin with."""
        ...

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """What the agent expects to spend; with money and time where `task.lends.bill` tells them."""
        ...


@runtime_checkable
class Borrower(Protocol):
    """What an agent may also say that is made of other people's packages."""

    def require(self) -> None:
        """Do nothing where they are installed.

        Raises:
            UsageError: saying what is missing (`MissingExtra`), or which version is tested.
        """
        ...


def unmet(agent: Agent, task: Task) -> str | None:
    """Why `agent` cannot play `task`, or None if it can."""
    space = {"pool": Needs.POOL, "text": Needs.TEXT, "box": Needs.BOX}[task.space.kind]
    if not agent.needs & space:
        plays = [need.name.lower() for need in Needs.ANY_SPACE if need in agent.needs and need.name]
        return f"{agent.name} plays on {' or '.join(plays) or 'nothing'}, and this is {task.space}"
    if Needs.COMPLETIONS in agent.needs and not task.lends.completions:
        return f"{agent.name} needs a black box that writes completions, and this one only scores"
    if Needs.WHITE_BOX in agent.needs and task.lends.white_box is None:
        return f"{agent.name} needs a white-box model, and none is lent here (--white-box DIR lends one)"
    return None
