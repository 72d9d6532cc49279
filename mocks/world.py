"""A world that scores: an oracle's truth, seen through noise, sold by a service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mocks.noise import Look, Noise, chain
from mocks.oracle import Oracle
from mocks.service import Attempt, Service
from sandbox.budget import FREE, Cost
from sandbox.errors import AnswerFailed, ProtocolError
from sandbox.protocol import Evaluate, Observation, Request
from sandbox.trace import Reply, Ticket, build

_WHY = {
    "rate_limited": "429 Too Many Requests",
    "server_error": "500 Internal Server Error",
    "timeout": "no answer in time",
    "dropped": "the connection broke",
    "malformed": "the answer could not be read",
    "outage": "503 Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """How many tokens an evaluation is billed for; a token is four characters, rounded up."""

    per_row: int = 40
    """Prompt tokens of a row, beside the instruction."""
    per_answer: int = 10
    """Completion tokens of a row."""
    per_point: int = 20
    """Prompt tokens of a candidate that is no text."""

    def __post_init__(self) -> None:
        for name in ("per_row", "per_answer", "per_point"):
            if getattr(self, name) < 0:
                raise ValueError(f"tokens {name}={getattr(self, name)}: at least 0")

    @staticmethod
    def of_text(length: int) -> int:
        """Prompt tokens of so many characters."""
        return -(-length // 4)


class OracleWorld:
    """Answers `Evaluate` for one seed.

    One evaluation is one evaluation however many rows it scores; rows and tokens count
    the rows. A failure for good is charged the evaluation that was asked for (or an
    agent could ask a dead service for ever), no rows, and the tokens that the provider
    bills for the attempts that broke.
    """

    def __init__(
        self,
        oracle: Oracle,
        seed: int,
        noises: tuple[Noise, ...] = (),
        service: Service | None = None,
        dev_rows: int = 20,
        tokens: Tokens | None = None,
    ) -> None:
        service = service or Service()
        self.oracle = oracle
        self.dev_rows = dev_rows
        self._truth = oracle.truth
        self._sample = chain(noises, seed)
        self._desk = service.open(seed)
        self._prices = service.prices
        self._attempts = service.retry.attempts if service.bills_failures else 1
        self._tokens = tokens or Tokens()
        self._costs: dict[tuple[int, int], tuple[Cost, Cost, Cost]] = {}

    def quote(self, request: Request[Any]) -> Cost:
        """See `sandbox.session.World`."""
        if isinstance(request, Evaluate):
            return self._cost(request)[2]
        raise ProtocolError(f"this world only scores; it cannot answer {type(request).__name__}")

    def tokens(self, request: Request[Any]) -> int:
        """See `sandbox.session.World`."""
        if isinstance(request, Evaluate):
            success = self._cost(request)[0]
            return success.prompt_tokens + success.completion_tokens
        return 0

    def reply(self, ticket: Ticket, now: int) -> Reply:
        """See `sandbox.session.World`."""
        request: Evaluate = ticket.request  # type: ignore[assignment]  # quote() refuses all others
        success, billed, _ = self._cost(request)
        key, desk = ticket.key, self._desk
        if desk.reliable:
            nanoseconds = desk.nanoseconds(key, success.prompt_tokens, success.completion_tokens)
        else:
            attempt = desk.attempt(key, ticket.attempt, success.prompt_tokens, success.completion_tokens, now)
            if attempt.fault is not None:
                return self._broken(attempt, billed)
            nanoseconds = attempt.nanoseconds
        candidate, rows = request.candidate, request.rows
        truth = self._truth(candidate)
        if self._sample is None:
            return Reply(Observation(truth), success, nanoseconds, truth)
        share = 1.0 if rows is None else len(rows) / self.dev_rows
        answer = build(Observation, self._sample(truth, build(Look, (key, now, share, rows))))
        return build(Reply, (answer, success, nanoseconds, truth, None))

    def _broken(self, attempt: Attempt, billed: Cost) -> Reply:
        charge = billed if attempt.billed else FREE
        if attempt.retry_after is None:
            charge += Cost(evaluations=1)
        failure = AnswerFailed(attempt.fault, _WHY[attempt.fault or ""])
        return Reply(failure, charge, attempt.nanoseconds, None, attempt.retry_after)

    def _cost(self, request: Evaluate) -> tuple[Cost, Cost, Cost]:
        """What an answer costs, what a broken but billed attempt costs, and the quote for all attempts.

        The same objects each time: the ledger recognises them.
        """
        candidate, rows = request.candidate, request.rows
        length = len(candidate) if isinstance(candidate, str) else -1
        size = (length, self.dev_rows if rows is None else len(rows))
        return self._costs.get(size) or self._work_out(*size)

    def _work_out(self, length: int, rows: int) -> tuple[Cost, Cost, Cost]:
        tokens, calls = self._tokens, max(rows, 1)
        text = tokens.of_text(length) if length >= 0 else tokens.per_point
        prompt, completion = calls * (text + tokens.per_row), calls * tokens.per_answer
        billed = Cost(
            prompt_tokens=prompt, completion_tokens=completion, usd=self._prices.usd(prompt, completion)
        )
        success = billed + Cost(evaluations=1, rows=rows)
        quote = success
        for _ in range(self._attempts - 1):
            quote += billed
        self._costs[length, rows] = success, billed, quote
        return success, billed, quote
