"""What becomes of answers: those that come part by part, too late, or not in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple, Protocol

from sandbox.budget import Reservation
from sandbox.errors import AnswerFailed
from sandbox.protocol import Observation, Request
from sandbox.trace import Fate, Ticket

TOO_LATE = ("late", "the seconds ran out before the answer came")
NOT_A_NUMBER = "not_a_number"
"""Why an evaluation failed whose score is NaN or infinite: no agent needs to expect one."""


def in_numbers(answer: Any) -> Any:
    """The answer; an observation whose score is no finite number is a failure."""
    if isinstance(answer, Observation) and not isfinite(answer.score):
        return AnswerFailed(NOT_A_NUMBER, repr(answer.score))
    return answer


class Composer(Protocol):
    """What a world has besides quote and reply, if it answers some requests part by part.

    `World.quote` of such a request is what it costs beside its parts, each of which is
    quoted, reserved, carried and charged like a request of its own.
    """

    def parts(self, request: Request[Any]) -> tuple[Request[Any], ...] | None:
        """What has to be asked now; () where everything is known already, None if it has no parts."""
        ...

    def conclude(self, ticket: Ticket, parts: Sequence[Request[Any]], answers: Sequence[Any]) -> Any:
        """The answer to a ticket, from those to its parts in the same order; the failed are AnswerFailed.

        An evaluation that cannot be scored is an AnswerFailed itself. What is remembered must not
        depend on which of two tickets is concluded first: the lower number counts.
        """
        ...


class Outcome(NamedTuple):
    """What a whole comes to."""

    fate: Fate
    answer: Any


class Whole:
    """A request whose parts are on their way."""

    __slots__ = ("answers", "fates", "first", "owed", "parts", "reservation", "ticket")

    def __init__(self, ticket: Ticket, reservation: Reservation, parts: tuple[Request[Any], ...]) -> None:
        self.ticket = ticket
        self.reservation = reservation
        self.parts = parts
        self.first = ticket.number + 1
        """The number of the first part's ticket; the others follow it."""
        self.owed = len(parts)
        self.answers: list[Any] = [None] * len(parts)
        self.fates: set[Fate] = set()

    def take(self, number: int, fate: Fate, answer: Any) -> bool:
        """Keep the answer to the part with this ticket number; whether it was the last."""
        self.answers[number - self.first] = answer
        self.fates.add(fate)
        self.owed -= 1
        return self.owed == 0

    def outcome(self, composer: Composer) -> Outcome:
        """Put the answers together; too late if any of them was."""
        if self.fates == {Fate.WITHDRAWN}:
            return Outcome(Fate.WITHDRAWN, AnswerFailed(*TOO_LATE))
        if self.fates & {Fate.WITHDRAWN, Fate.LATE}:
            return Outcome(Fate.LATE, AnswerFailed(*TOO_LATE))
        answer = composer.conclude(self.ticket, self.parts, self.answers)
        return Outcome(Fate.FAILED if isinstance(answer, AnswerFailed) else Fate.ASSEMBLED, answer)
