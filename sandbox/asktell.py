"""An agent for people who have a loop of their own: ask what it wants to know, tell the answer."""

from __future__ import annotations

from typing import Any

from sandbox.budget import Cost, Ledger
from sandbox.errors import AgentError, AnswerFailed, ProtocolError
from sandbox.protocol import Agent, Complete, Completion, Evaluate, Observation, Request, Task, unmet
from sandbox.session import Session
from sandbox.spaces import Candidate
from sandbox.streams import stream
from sandbox.trace import Reply, Ticket


class AskTell:
    """The conversation of one agent, one question at a time.

    >>> from sandbox.budget import Budget
    >>> from sandbox.registry import make_agent
    >>> from sandbox.spaces import Pool
    >>> task = Task("which is longest?", Pool(("a", "bbb", "cc")), Budget(evaluations=9))
    >>> loop = AskTell(make_agent("random"), task)
    >>> while (question := loop.ask()) is not None:
    ...     loop.tell(len(question.candidate) / 3)
    >>> loop.recommendation
    'bbb'
    """

    def __init__(self, agent: Agent, task: Task, seed: int = 0) -> None:
        """Seat `agent` in front of `task`, whose budget is kept: an evaluation costs one, and its rows.

        Raises:
            ProtocolError: if the agent cannot play the task.
        """
        reason = unmet(agent, task)
        if reason is not None:
            raise ProtocolError(reason)
        plan = agent.plan(task, stream(seed, "agent", agent.name))
        self._session = Session(agent.name, plan, task, _Whoever(task.dev_rows), Ledger(task.budget))
        self._open: list[Ticket] = self._session.start()

    def ask(self) -> Request[Any] | None:
        """What the agent wants to know, an `Evaluate` or a `Complete`; None when it is done.

        Raises:
            AgentError: if the agent broke, or broke a rule.
        """
        if self._session.failure is not None:
            raise self._session.failure
        return self._open[0].request if self._open else None

    def tell(self, answer: float | Observation | Completion | AnswerFailed) -> None:
        """Answer the question that `ask` returned; a number is a score, and a failure is no score.

        Raises:
            ProtocolError: if nothing was asked, or the answer does not fit the question.
        """
        if not self._open:
            raise ProtocolError("tell: the agent asked nothing")
        ticket = self._open[0]
        known = Observation(float(answer)) if isinstance(answer, (int, float)) else answer
        fitting = Completion if isinstance(ticket.request, Complete) else Observation
        if not isinstance(known, (fitting, AnswerFailed)):
            raise ProtocolError(f"tell: {answer!r} does not answer {type(ticket.request).__name__}")
        self._open = self._open[1:]
        world = self._session.world
        self._open += self._session.settle(ticket, Reply(known, world.quote(ticket.request), 0), 0)

    @property
    def recommendation(self) -> Candidate | None:
        """What the agent would hand in now; None before its first recommendation."""
        if self._session.recommendation is not None:
            return self._session.recommendation
        named = self._session.trace.recommendations
        return named[-1].candidate if named else None

    @property
    def spent(self) -> Cost:
        """What was spent so far."""
        return self._session.ledger.spent

    def close(self) -> None:
        """Let the agent go before it is done."""
        self._session.close()


class _Whoever:
    """The world of a loop of somebody's own: it only says what questions cost."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def quote(self, request: Request[Any]) -> Cost:
        if isinstance(request, Evaluate):
            return Cost(evaluations=1, rows=self._rows if request.rows is None else len(request.rows))
        return Cost(completions=getattr(request, "n", 0))

    def tokens(self, request: Request[Any]) -> int:
        return 0

    def reply(self, ticket: Ticket, now: int) -> Reply:
        raise AgentError("whoever asks answers by tell()")
