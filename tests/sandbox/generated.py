"""Generated agents, budgets, services and worlds, and what the laws look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from hypothesis import strategies as st

from mocks.noise import Binomial, Gaussian
from mocks.service import Faults, Latency, Retry, Service
from mocks.world import OracleWorld
from sandbox.budget import CURRENCIES, FREE, SECOND, Budget, Cost, Ledger, Meter
from sandbox.drivers import loop, virtual
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.limits import Limits
from sandbox.protocol import (
    Asides,
    Complete,
    Completion,
    Evaluate,
    Gather,
    Observation,
    Plan,
    Recommend,
    Request,
    Task,
)
from sandbox.session import Session, World
from sandbox.spaces import Candidate, Pool
from sandbox.streams import Uniforms
from sandbox.trace import Fate, Reply, Ticket

TEXTS = tuple(f"instruction {i}" + " please" * i for i in range(6))
POOL = Pool(TEXTS)
DEV_ROWS = 5
HUNDRED = Budget(evaluations=100)


class Ladder:
    """Six texts, one better than the other."""

    space = POOL
    optimum = 1.0
    best = TEXTS[-1]
    baseline = 0.5

    def truth(self, candidate: Candidate) -> float:
        return TEXTS.index(str(candidate)) / 5


class WatchedLedger(Ledger):
    """Looks at its own invariant after each change; agents cannot swallow what it finds."""

    __slots__ = ("broken",)

    def __init__(self, budget: Budget) -> None:
        super().__init__(budget)
        self.broken: list[str] = []

    def look(self, after: str) -> None:
        for name, limit, spent, committed in zip(
            CURRENCIES, self.budget, self.spent, self.committed, strict=True
        ):
            if not 0 <= spent <= committed or (limit is not None and committed > limit):
                self.broken.append(f"{after}: {name} spent {spent}, committed {committed}, limit {limit}")

    def reserve(self, quotes: Sequence[Cost]) -> Any:
        keys = super().reserve(quotes)
        self.look("reserve")
        return keys

    def reserve_one(self, quote: Cost) -> Any:
        key = super().reserve_one(quote)
        self.look("reserve one")
        return key

    def settle(self, key: Any, charge: Cost) -> None:
        super().settle(key, charge)
        self.look("settle")

    def settle_in_part(self, key: Any, charge: Cost) -> None:
        super().settle_in_part(key, charge)
        self.look("settle in part")

    def release(self, key: Any) -> None:
        super().release(key)
        self.look("release")

    def pass_time(self, now: int) -> None:
        super().pass_time(now)
        self.look("pass time")


# --- agents ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """Local work on the white box."""

    nanoseconds: int
    tokens: int


@dataclass(frozen=True)
class Follow:
    """Evaluate the text that the last answer points at."""


@dataclass(frozen=True)
class Program:
    """A random agent: steps, how often, and what it does when it is refused or a call fails."""

    steps: tuple[Request[Any] | Work | Follow, ...]
    times: int
    stops: bool
    fragile: bool
    final: int | None

    def plan(self, meter: Meter | None, heard: list[Any]) -> Plan[Candidate]:
        """Plays the steps; appends all answers it hears to `heard`."""
        for step in self.steps * self.times:
            try:
                if isinstance(step, Work):
                    if meter is not None:
                        held = meter.hold(step.nanoseconds, step.tokens)
                        share = 1 + step.tokens % 3  # work that writes may cost less than was set aside
                        meter.settle(held, step.nanoseconds // share, step.tokens // share)
                    continue
                request: Any = step
                if isinstance(step, Follow):
                    request = Evaluate(TEXTS[crc32(repr(heard[-3:]).encode()) % 6])
                answer = yield from request
                heard.extend(answer if isinstance(request, Gather) else [answer])
            except BudgetExhausted:
                if self.stops:
                    break
            except AnswerFailed as failure:
                heard.append(failure)
                if self.fragile:
                    raise
        return None if self.final is None else TEXTS[self.final]  # type: ignore[return-value]


_rows = st.none() | st.lists(st.integers(0, DEV_ROWS - 1), min_size=1, unique=True).map(tuple)
_evaluations = st.builds(Evaluate, st.sampled_from(TEXTS), _rows)
_completions = st.builds(Complete, st.sampled_from(["a", "bb"]), n=st.integers(1, 3))
_works = st.builds(Work, st.integers(0, 20).map((SECOND // 10).__mul__), st.integers(0, 50))


def programs(completions: bool = False, local_work: bool = False) -> st.SearchStrategy[Program]:
    questions: st.SearchStrategy[Any] = _evaluations | _completions if completions else _evaluations
    gathers = st.lists(questions, max_size=12).map(lambda leaves: Gather(tuple(leaves)))
    steps = questions | gathers | st.builds(Follow) | st.builds(Recommend, st.sampled_from(TEXTS))
    if local_work:
        steps |= _works
    return st.builds(
        Program,
        steps=st.lists(steps, min_size=1, max_size=12).map(tuple),
        times=st.integers(1, 6),
        stops=st.booleans(),
        fragile=st.booleans(),
        final=st.integers(0, 5),
    )


# --- budgets --------------------------------------------------------------------------

# Hypothesis draws evenly from small ranges only; each limit is (how many steps at most, the step).
_LARGEST = {
    "evaluations": (60, 1), "rows": (200, 1), "completions": (50, 1), "prompt_tokens": (200, 101),
    "completion_tokens": (200, 29), "usd": (200, 50_000_007), "seconds": (200, SECOND // 5),
    "whitebox_seconds": (100, SECOND // 13), "whitebox_tokens": (100, 7),
}  # fmt: skip


def budgets(seconds: bool = True) -> st.SearchStrategy[Budget]:
    """Limits on any subset of the currencies."""
    names = [name for name in CURRENCIES if seconds or name != "seconds"]
    limits = {name: st.integers(1, most).map(step.__mul__) for name, (most, step) in _LARGEST.items()}
    some = st.fixed_dictionaries({}, optional={name: limits[name] for name in names})
    return some.map(lambda chosen: Budget(**chosen))


# --- services and worlds --------------------------------------------------------------

_share = st.sampled_from([0.0, 0.0, 0.05, 0.2])

limits = st.builds(
    Limits,
    concurrency=st.none() | st.integers(1, 64),
    requests_per_minute=st.none() | st.integers(1, 600),
    tokens_per_minute=st.none() | st.integers(100, 100_000),
)


def services(outages: bool = True) -> st.SearchStrategy[Service]:
    faults = st.builds(
        Faults,
        rate_limited=_share,
        server_error=_share,
        timeout=_share,
        dropped=_share,
        malformed=_share,
        retry_after=st.sampled_from([0.0, 2.0]),
        patience=st.sampled_from([0.5, 60.0]),
        outage_every=st.sampled_from([0.0, 5.0]) if outages else st.just(0.0),
        outage_length=st.just(0.0),
    )
    if outages:
        faults |= st.just(Faults(outage_every=5.0, outage_length=2.0))
    return st.builds(
        Service,
        latency=st.builds(
            Latency,
            median=st.sampled_from([0.0, 0.3, 2.0]),
            sigma=st.sampled_from([0.0, 0.5]),
            tail=st.sampled_from([0.0, 0.1]),
            per_completion_token=st.sampled_from([0.0, 0.01]),
        ),
        limits=limits,
        faults=st.just(Faults()) | faults,
        retry=st.builds(Retry, attempts=st.integers(1, 4), backoff=st.sampled_from([0.0, 0.5])),
    )


class WildWorld:
    """Quotes and charges in every currency, and fails now and then; all by the key."""

    def __init__(self, seed: int, attempts: int = 3) -> None:
        self._price = Uniforms(seed, "price", count=8)
        self._luck = Uniforms(seed, "luck", count=3)
        self._attempts = attempts

    def tokens(self, request: Request[Any]) -> int:
        quote = self.quote(request)
        return quote.prompt_tokens + quote.completion_tokens

    def quote(self, request: Request[Any]) -> Cost:
        dice = (*self._price(request.key()), self._luck(request.key())[0])
        sizes = (4, 12, 4, 300, 100, 10**8, 0, SECOND, 40)
        return Cost._make(int(u * (size + 1)) for u, size in zip(dice, sizes, strict=True))

    def reply(self, ticket: Ticket, now: int) -> Reply:
        failing, part, time = self._luck(ticket.key + ticket.attempt.to_bytes(1, "little"))
        one_attempt = [amount // self._attempts for amount in self.quote(ticket.request)]
        charge = Cost._make(int(amount * part) for amount in one_attempt)
        if failing < 0.3:
            last = ticket.attempt + 1 >= self._attempts
            wait = None if last else int(time * SECOND)
            return Reply(AnswerFailed("server_error", "wild"), charge, int(time * SECOND), None, wait)
        answer: Any = Observation(self._luck(ticket.key)[1])
        if isinstance(ticket.request, Complete):
            answer = Completion(("text",) * ticket.request.n)
        return Reply(answer, charge, int(time * 3 * SECOND), 0.5)


def oracle_world(seed: int, service: Service) -> OracleWorld:
    return OracleWorld(Ladder(), seed, (Binomial(DEV_ROWS), Gaussian(0.05)), service, DEV_ROWS)


# --- sessions -------------------------------------------------------------------------


@dataclass
class Played:
    """A session, its watched ledger, and what its agent heard."""

    session: Session
    ledger: WatchedLedger
    heard: list[Any] = field(default_factory=list)


def new(program: Program, budget: Budget, world: World, local_work: bool = False) -> Played:
    ledger = WatchedLedger(budget)
    meter = Meter(ledger) if local_work else None
    heard: list[Any] = []
    return Played(open_session(program.plan(meter, heard), budget, world, ledger, meter), ledger, heard)


def open_session(
    plan: Any,
    budget: Budget,
    world: World,
    ledger: Ledger | None = None,
    meter: Meter | None = None,
    space: Any = POOL,
    completions: bool = True,
) -> Session:
    task = Task("climb", space, budget, dev_rows=DEV_ROWS, lends=Asides(completions=completions))
    return Session("agent", plan, task, world, ledger or Ledger(budget), meter)


def play(plan: Any, budget: Budget = HUNDRED, world: World | None = None, **more: Any) -> Session:
    """The session of a plan that was driven to its end."""
    session = open_session(plan, budget, world or oracle_world(1, Service()), **more)
    loop.play(session)
    assert session.ledger.committed == session.ledger.spent
    assert session.ended_at is not None
    return session


def iter_of(*requests: Any) -> Any:
    for request in requests:
        yield from request
    return TEXTS[0]


DRIVERS: dict[str, Callable[[Session], object]] = {
    "loop": loop.play,
    "virtual": lambda session: virtual.play([session], Limits()),
}


def plain(answer: Any) -> Any:
    """Errors compare by identity; their arguments say what they are."""
    return ("failed", *answer.args) if isinstance(answer, AnswerFailed) else answer


def story(session: Session) -> Any:
    """All that happened, in the order asked, without the times."""
    return (
        [
            (r.ticket._replace(sent_at=0), r.fate, plain(r.answer), r.charge, r.truth)
            for r in session.trace.in_order_asked()
        ],
        [(r.candidate, r.spent._replace(seconds=0)) for r in session.trace.recommendations],
        session.recommendation,
        str(session.failure),
        session.ledger.spent._replace(seconds=0),
    )


def assert_the_books_are_right(played: Played) -> None:
    """No overspend at any moment; what the trace says was charged is what the ledger spent."""
    session, ledger = played.session, played.ledger
    assert not ledger.broken
    assert session.ended_at is not None
    assert ledger.committed == ledger.spent, "something is still reserved"
    assert session.trace.charged()._replace(seconds=0) == ledger.spent._replace(seconds=0)
    assert ledger.spent.seconds == session.ended_at
    assert session.open_tickets == []
    for record in session.trace.records:
        if record.fate is Fate.WITHDRAWN:
            assert record.charge == FREE
        if session.deadline is not None and record.fate in (Fate.ANSWERED, Fate.FAILED, Fate.RETRIED):
            assert record.answered_at <= session.deadline
        if record.fate is Fate.LATE:
            assert session.deadline is not None
            assert record.ticket.sent_at < session.deadline < record.answered_at
