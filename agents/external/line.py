"""The one way by which somebody else's code asks: all is metered, and no refusal can be swallowed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import NoReturn, TypeVar

from agents.external.visit import Visit
from sandbox.bridge import Ask, from_blocking
from sandbox.errors import AnswerFailed, BudgetExhausted, ProtocolError
from sandbox.protocol import (
    Complete,
    Completion,
    Evaluate,
    Gather,
    Observation,
    Plan,
    Recommend,
    Request,
    RowResult,
    Task,
)

A = TypeVar("A", Observation, Completion)
T = TypeVar("T")
_ATTEMPTS = 3
"""Times that a call which failed for good is made; a package cannot go on without an answer, and a score
of 0 in its place would be a lie."""
_TOLERANCE = 100
"""Refusals that are swallowed before the run is taken from the code that swallows them."""


class Refused(BaseException):
    """No answer will come any more; no `except Exception` of a package catches it.

    With a plain exception gepa asks the model again and returns as if nothing were, dspy scores 0 and goes
    on, and promptolution ends its loop in silence.
    """


class Line:
    """Asks for the code of a package; after the first refusal it refuses for ever.

    It keeps the best text itself: the first that was scored on all of the rows `judge` with the best mean
    over them, until the package names a leader. So it does not matter what it returns, or whether it does.
    """

    def __init__(self, task: Task, first: str, judge: Sequence[int], longest: int) -> None:
        """`first` is handed in until something is known; texts are cut to `longest` characters."""
        self.task = task
        self.best = first
        self.trouble: str | None = None
        """Which rule was broken; None in a healthy run."""
        self._judge, self._longest = frozenset(judge), longest
        self._top = float("-inf")
        self._seen: dict[str, dict[int, float]] = {}
        self._refusals = 0
        self._closed = False
        self._thread = 0
        self._ask: Ask | None = None
        self._visit: Visit | None = None

    def host(self, ask: Ask, visit: Visit, run: Callable[[Line], object]) -> None:
        """Run somebody's code on this line, in the thread that calls this."""
        self._ask, self._visit, self._thread = ask, visit, threading.get_ident()
        try:
            with visit:
                run(self)
        except Refused:
            pass
        finally:
            self._closed = True  # threads that are left of it are refused as well

    def text(self, written: str) -> str:
        """What a package wrote, as a candidate: cut where it is too long, a space where it is empty."""
        return written[: self._longest] or " "

    def score(self, texts: Sequence[str], rows: Sequence[Sequence[int]]) -> list[list[RowResult]]:
        """The results of each text on its rows, in order; rows may repeat and are asked once.

        All texts are asked at once, or as many of them, one by one, as the budget covers.

        Raises:
            Refused: if it does not cover all.
        """
        candidates = [self.text(text) for text in texts]
        wanted: dict[str, dict[int, None]] = {}
        for candidate, numbers in zip(candidates, rows, strict=True):
            wanted.setdefault(candidate, {}).update(dict.fromkeys(numbers))
        asked = [Evaluate(candidate, tuple(numbers)) for candidate, numbers in wanted.items() if numbers]
        found: dict[str, dict[int, RowResult]] = {}
        for request, seen in zip(asked, self._answers(asked), strict=True):
            found[str(request.candidate)] = {result.row: result for result in seen.rows}
        return [
            [found[candidate][row] for row in numbers]
            for candidate, numbers in zip(candidates, rows, strict=True)
        ]

    def write(self, requests: Sequence[Complete]) -> list[tuple[str, ...]]:
        """What the model writes for each request.

        Raises:
            Refused: if the budget does not cover all.
        """
        return [answer.texts for answer in self._answers(requests)]

    def keep(self, written: str) -> None:
        """Recommend what leads by the package's own judgement; from then on that counts alone."""
        self._judge = frozenset()
        self._recommend(written)

    def _recommend(self, written: str) -> None:
        if not self._closed and self.text(written) != self.best:
            self.best = self.text(written)
            self._put(Recommend(self.best))

    def _answers(self, requests: Sequence[Request[A]]) -> list[A]:
        """One answer a request; each that failed for good is asked again.

        Raises:
            Refused: if the budget does not cover all, or one failed too often.
        """
        found: dict[int, A] = {}
        for _ in range(_ATTEMPTS):
            missing = [place for place in range(len(requests)) if place not in found]
            answers = self._together([requests[place] for place in missing])
            for place, answer in zip(missing, answers, strict=True):
                if not isinstance(answer, AnswerFailed):
                    found[place] = answer
            if len(found) == len(requests):
                return [found[place] for place in range(len(requests))]
        self._refuse()

    def _together(self, requests: Sequence[Request[A]]) -> list[A | AnswerFailed]:
        """All at once, or one by one where the budget does not cover that at first sight."""
        if not requests:
            return []
        try:
            return self._asked(requests)
        except BudgetExhausted:
            try:
                return [answer for request in requests for answer in self._asked([request])]
            except BudgetExhausted:
                self._refuse()

    def _asked(self, requests: Sequence[Request[A]]) -> list[A | AnswerFailed]:
        answers = list(self._put(Gather(tuple(requests))))
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(request, Evaluate) and isinstance(answer, Observation):
                self._judge_by(str(request.candidate), answer.rows)
        return answers

    def _judge_by(self, text: str, rows: Sequence[RowResult]) -> None:
        """Enter what was seen of a text; recommend it if that makes it the best."""
        seen = self._seen.setdefault(text, {})
        before = self._judge <= seen.keys()
        for row in rows:
            seen.setdefault(row.row, row.score)
        if not before and self._judge and self._judge <= seen.keys():
            mean = fmean([seen[row] for row in self._judge])
            if mean > self._top:
                self._top = mean
                self._recommend(text)

    def _put(self, request: Request[T]) -> T:
        """Ask the session, outside of the visit.

        Raises:
            BudgetExhausted: if the budget does not cover it.
            Refused: if the line is closed, or another thread than that of the run asks.
        """
        if threading.get_ident() != self._thread:
            self.trouble = "the package asks from a thread of its own"
            self._closed = True
        if self._closed or self._ask is None or self._visit is None:
            self._refuse()
        with self._visit.interrupted():
            return self._ask(request)

    def _refuse(self) -> NoReturn:
        """Refuse for ever; code that catches even this is stopped by the session, and then put to sleep."""
        self._closed = True
        self._refusals += 1
        mine = threading.get_ident() == self._thread
        if self._refusals == _TOLERANCE and mine and self._ask is not None and self._visit is not None:
            with self._visit.interrupted():
                self._ask(Request())  # which nobody may ask: the session ends the run
        if self._refusals > _TOLERANCE:
            threading.current_thread().name = "asleep"
            threading.Event().wait()  # a daemon's sleep costs nothing; its loop would
        raise Refused


def hosted(line: Line, visit: Visit, run: Callable[[Line], object]) -> Plan[str]:
    """The plan of somebody else's code: what it found best when it ended, or was refused.

    Raises:
        ProtocolError: if it asked from a thread of its own, or goes on after it was refused.
    """
    yield from Recommend(line.best)
    yield from from_blocking(lambda ask: line.host(ask, visit, run))
    if line.trouble is not None:
        raise ProtocolError(line.trouble)
    return line.best
