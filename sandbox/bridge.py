"""Lets other people's optimizers become plans: code that blocks, and ask/tell objects."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sandbox.errors import AnswerFailed, BudgetExhausted, ProtocolError
from sandbox.protocol import Evaluate, Plan, Recommend, Request, affordable
from sandbox.spaces import Candidate

T = TypeVar("T")
A = TypeVar("A")
Token = TypeVar("Token")

_PATIENCE = 10.0  # wall seconds that abandoned code gets for its `finally` blocks


class Ask(Protocol):
    """Blocks until the answer is there; raises what a plan would have thrown at it."""

    def __call__(self, request: Request[A], /) -> A: ...


class _Abandoned(BaseException):
    """Raised inside the blocking code when nobody will answer it any more."""


class _Lockstep:
    """Two threads of which one runs at a time; it holds no reference to the plan."""

    def __init__(self) -> None:
        self.main_may_run = threading.Semaphore(0)
        self.plan_may_run = threading.Semaphore(0)
        self.abandoned = False
        self.to_main: tuple[str, Any] = ("answer", None)
        self.to_plan: tuple[str, Any] = ("return", None)

    def wait_for_answer(self) -> Any:
        """Called in the thread of the blocking code."""
        self.main_may_run.acquire()
        if self.abandoned:
            raise _Abandoned
        kind, value = self.to_main
        if kind == "raise":
            raise value
        return value

    def ask(self, request: Request[A], /) -> A:
        """Called in the thread of the blocking code."""
        if self.abandoned:  # it swallowed the first notice
            raise _Abandoned
        self.to_plan = ("ask", request)
        self.plan_may_run.release()
        answer: A = self.wait_for_answer()
        return answer

    def exchange(self, message: tuple[str, Any]) -> tuple[str, Any]:
        """Called in the plan: hand `message` over, wait for what comes back."""
        self.to_main = message
        self.main_may_run.release()
        self.plan_may_run.acquire()
        return self.to_plan


def from_blocking(main: Callable[[Ask], T]) -> Plan[T]:
    """Run ``main(ask)`` as a plan; ``ask(request)`` blocks until the answer is there.

    Only one side runs at a time, so `main` needs no locks, and what it asks depends on
    the answers alone. `ask` must be called in the thread that `main` runs in. Closing the
    plan raises inside `ask` and waits for the thread to end.

    Raises:
        ProtocolError: if `main` goes on running after it was abandoned.
    """
    step = _Lockstep()

    def body() -> None:
        try:
            step.wait_for_answer()
            step.to_plan = ("return", main(step.ask))
        except BaseException as exc:
            step.to_plan = ("raise", exc)
        step.plan_may_run.release()

    here = contextvars.copy_context()  # numpy's errstate and the like come along
    thread = threading.Thread(target=here.run, args=(body,), daemon=True, name="bridge")
    thread.start()
    message: tuple[str, Any] = ("answer", None)
    try:
        while True:
            kind, value = step.exchange(message)
            if kind == "return":
                result: T = value
                return result
            if kind == "raise":
                raise value
            try:
                message = ("answer", (yield value))
            except Exception as exc:
                message = ("raise", exc)
    finally:
        if thread.is_alive():
            step.abandoned = True
            step.main_may_run.release()
            thread.join(_PATIENCE)
            if thread.is_alive():
                raise ProtocolError("the bridged code goes on running after it was abandoned")


def from_ask_tell(
    ask: Callable[[], tuple[Token, Candidate]],
    tell: Callable[[Token, float], object],
    give_up: Callable[[Token], object] | None = None,
    batch: int = 1,
    incumbent: Callable[[], Candidate | None] | None = None,
) -> Plan[Candidate]:
    """An ask/tell optimizer as a plan.

    Args:
        ask: the optimizer's next point: its own token for it, and the candidate.
        tell: takes a token and its score; larger is better.
        give_up: takes a token whose evaluation failed for good; without it the optimizer
            is not told. A failure is never told as a score.
        batch: how many points to ask for before the first is told.
        incumbent: what to recommend after what was told so far, None for nothing yet;
            without it, the candidate with the best single score.
    """
    best: Candidate | None = None
    top = float("-inf")
    try:
        while True:
            points = [ask() for _ in range(batch)]
            seen = yield from affordable([Evaluate(candidate) for _, candidate in points])
            for (token, candidate), answer in zip(points, seen, strict=False):
                if isinstance(answer, AnswerFailed):
                    if give_up is not None:
                        give_up(token)
                    continue
                tell(token, answer.score)
                if incumbent is None and answer.score > top:
                    best, top = candidate, answer.score
            best = best if incumbent is None else incumbent()
            if best is not None:
                yield from Recommend(best)
    except BudgetExhausted:
        if best is None:
            raise
        return best
