"""Plays matches against a real endpoint, a few at a time; what is paid for is kept, whatever happens.

The agents, their luck and the rules are those of simulated matches; the world is an endpoint, the clock
is the wall's. A run that was interrupted goes on from its journal; a finished one is in the store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.budget import FREE, Budget, Cost, Ledger, in_units
from sandbox.drivers import live
from sandbox.errors import AnswerFailed, ScenarioError, StoreError, UsageError
from sandbox.journal import Journal, RunLog, Verdict, resume
from sandbox.limits import Limits, Retry
from sandbox.pricelist import Price
from sandbox.protocol import Evaluate, Gather, Needs, Observation, Plan
from sandbox.registry import make_agent
from sandbox.runner import alone, missing
from sandbox.scenario import Problem
from sandbox.session import Session
from sandbox.spaces import Candidate
from sandbox.store import Store
from sandbox.tournament import Match, Run, digest_of, judge, load, seat
from sandbox.worlds.cassette import Client, Player, Recorder
from sandbox.worlds.chat import Rows
from sandbox.worlds.live import Health, LiveWorld
from sandbox.worlds.openai_api import Endpoint, Facts, OpenAIClient

REFEREES = ("auto", "problem", "endpoint")


@dataclass(frozen=True, slots=True)
class Live:
    """How matches are played live."""

    endpoint: Endpoint
    price: Price
    limits: Limits = field(default_factory=lambda: Limits(concurrency=8))
    """Ours, on top of the provider's own."""
    retry: Retry = field(default_factory=lambda: Retry(attempts=4))
    together: int = 4
    """Matches that are played at the same time, all within `limits`."""
    margin: int = 128
    """Prompt tokens that the server may add to a chat beyond the bytes of its texts."""
    referee: str = "auto"
    """problem: truth as the scenario knows it, as for the scenario's own model behind `sandbox serve`;
    endpoint: what answers to the test rows come to, asked of the endpoint outside the budget, for which
    somebody pays too; auto: the former where the endpoint counts tokens as `sandbox.tokens` does, which only
    ours do."""
    every_step: bool = True
    """Whether all that was recommended on the way is judged, or only what was recommended last."""
    grace: float = 10.0
    """Seconds that requests on their way have to come back after Ctrl-C."""
    tape: tuple[str, str] | None = None
    """See `sandbox.scenario.Source.tape`: ("record" or "replay", path)."""

    def client(self) -> Client:
        """Whoever is asked. To be called inside the event loop.

        Raises:
            UsageError: if there is no usable key, or no usable recording.
        """
        how, path = self.tape or ("", "")
        if how == "replay":
            return Player(self.endpoint, Path(path))
        asked = OpenAIClient(self.endpoint)
        return Recorder(asked, Path(path)) if how == "record" else asked

    def __post_init__(self) -> None:
        if self.referee not in REFEREES:
            raise UsageError(f"referee={self.referee!r}: one of {', '.join(REFEREES)}")
        if not 1 <= self.together <= 1000:
            raise UsageError(f"{self.together} matches together: between 1 and 1000")
        if not 0 <= self.margin <= 10**6:
            raise UsageError(f"--prompt-margin {self.margin}: tokens, between 0 and a million")


@dataclass
class Outcome:
    """What a live tournament came to, beside the runs in the store."""

    health: Health
    """Calls and attempts, of agents and referee, since this process began."""
    refereed: Cost
    """What judging these runs has cost, outside all budgets; also what was paid in earlier processes."""
    facts: Facts
    """What the endpoint says about itself."""

    def __str__(self) -> str:
        health, spent = self.health, self.refereed
        told = f"{health.logical_calls} calls in {health.attempts} attempts"
        if spent != FREE:
            told += f"; judging cost {in_units('usd', spent.usd)} USD outside the budgets"
        if health.unreported:
            told += f"; {health.unreported} answers without usage were charged their bounds"
        if health.presumed:
            told += f"; {health.presumed} attempts may have been billed, and were charged their bounds"
        return told


def model_of(matches: Sequence[Match]) -> str:
    """The model that the problems' own rows are put to.

    Raises:
        ScenarioError: if a problem has no rows.
        UsageError: if there is more than one model, so that one must be named.
    """
    problems = {(match.scenario, match.problem): match for match in matches}
    models = sorted({_rows_of(_build(match), match).asking.model for match in problems.values()})
    if len(models) != 1:
        raise UsageError(f"--model: say which; the scenario's own are {', '.join(models)}")
    return models[0]


def live_matches(matches: Sequence[Match], settings: Live) -> list[Match]:
    """The same matches with keys of their own: a live run is another run than the simulated one."""
    endpoint, price = settings.endpoint, settings.price
    facts = [
        "live", endpoint.base_url, endpoint.model, settings.retry.attempts, settings.margin, settings.referee,
        settings.every_step, *map(str, (price.input, price.cached, price.written, price.output)),
    ]  # fmt: skip
    return [
        replace(
            match,
            digest=digest_of([match.digest, facts]),
            keys=tuple([digest_of([key, facts]) for key in match.keys]),
        )
        for match in matches
    ]


def play_live(
    store: Store,
    matches: Sequence[Match],
    settings: Live,
    report: Callable[[list[Run]], None] = lambda runs: None,
) -> Outcome:
    """Play and store every match that `store` lacks; go on with those that were interrupted.

    Args:
        store: where runs and the journal go.
        matches: as `live_matches` makes them.
        settings: where, and how.
        report: called with the runs of each match once they are stored.

    Raises:
        UsageError: if nothing more can be asked: no key, wrong key, unknown model, no money left, a service
            that is down. What was answered is kept, and playing again goes on.
        StoreError: if the store cannot be written, or another process plays into it.
        ScenarioError: if a problem is not solved by a chat model.
        KeyboardInterrupt: after Ctrl-C; what was answered is kept here too.
    """
    expected = store.keys().union(*[match.keys for match in matches])
    with alone(store.path, len(expected)) as free:
        if not free:
            raise StoreError(f"{store.path}: another process is playing into it, and would pay twice")
        return asyncio.run(_Evening(store, matches, settings, report).play())


def forget(store: Store, keys: Sequence[str]) -> None:
    """Remove what the journal knows of unfinished runs, so that they are played (and paid) anew."""
    journal = Journal(store.path)
    try:
        for key in keys:
            journal.forget(key)
    finally:
        journal.close()


class _Evening:
    """All matches of one call of `play_live`."""

    client: Client
    service: live.Service
    journal: Journal

    def __init__(
        self, store: Store, matches: Sequence[Match], settings: Live, report: Callable[[list[Run]], None]
    ) -> None:
        self.store = store
        todo = missing(store, matches)
        # An agent that thinks with a white box holds up this whole process; nobody else's calls should
        # be on their way then and time out. The clock of its run goes by the stated seconds, or longer.
        self.together = 1 if any(map(_thinks, todo)) else settings.together
        self.waiting = iter(todo)
        self.settings = settings
        self.report = report
        self.health = Health()
        self.facts = Facts()
        self.refereed: dict[tuple[str, Candidate], Cost] = {}
        self._judging: dict[str, asyncio.Lock] = {}

    async def play(self) -> Outcome:
        """Play them all."""
        settings = self.settings
        self.journal = Journal(self.store.path)
        try:
            self.client = settings.client()
            try:
                self.facts = await self.client.facts()
                self.service = live.Service(settings.limits, lambda: self.client.pause)
                players = [asyncio.ensure_future(self._player()) for _ in range(self.together)]
                try:
                    await asyncio.wait(players)
                finally:  # after Ctrl-C each lets what is on its way arrive
                    for player in players:
                        player.cancel()
                    endings = await asyncio.gather(*players, return_exceptions=True)
            finally:
                await self.client.close()
        finally:
            self.journal.close()
        for ending in endings:
            if isinstance(ending, BaseException):
                raise ending
        return Outcome(self.health, sum(self.refereed.values(), FREE), self.facts)

    async def _player(self) -> None:
        """Play one match after the other; whoever cannot go on stops everybody."""
        try:
            for match in self.waiting:
                started = time.process_time()
                problem = await asyncio.to_thread(_build, match)
                rows = _rows_of(problem, match)
                sessions = await self._play(match, problem, rows)
                runs = await self._judge(match, problem, rows, sessions)
                self.store.add(runs, match.agents, match.source, time.process_time() - started)
                for key in match.keys:
                    self.journal.forget(key)
                self.report(runs)
        except BaseException as error:
            self.service.close(error)
            raise

    async def _play(self, match: Match, problem: Problem, rows: Rows) -> list[Session]:
        """The agents of a match, driven to their ends."""
        seats = []
        for key, spec, name in zip(match.keys, match.agents, match.names, strict=True):
            world = self._world(rows, match.seed, self.journal.begin(key), name)
            at_table = replace(problem, world=partial(_itself, world))
            session = seat(spec, name, at_table, match.scenario, match.seed, match.budget)
            seats.append(await self._seat(session, world, key))
        await live.play_all(seats, self.service, self.settings.grace)
        return [one.session for one in seats]

    def _world(self, rows: Rows, seed: int, tag: str, user: str) -> LiveWorld:
        settings = self.settings
        return LiveWorld(
            rows.dataset, self.client, settings.price, rows.asking, seed, facts=self.facts,
            retry=settings.retry, health=self.health, run=tag, user=user, margin=settings.margin,
        )  # fmt: skip

    async def _seat(self, session: Session, world: LiveWorld, key: str) -> live.Seat:
        """A session with its log, brought to where an interrupted run of it was."""
        log, notes = RunLog(self.journal, key), self.journal.notes(key)
        if not notes:
            return live.Seat(session, world.answer, log)
        found = resume(session, notes)
        waiting = list(found.open)
        for ticket in found.lost:
            reply = world.lost(ticket)
            if reply is not None:
                await log.heard(ticket, reply, found.used)
                waiting.remove(ticket)
                waiting += session.settle(ticket, reply, found.used)
        return live.Seat(session, world.answer, log, found.used, waiting)

    async def _judge(
        self, match: Match, problem: Problem, rows: Rows, sessions: Sequence[Session]
    ) -> list[Run]:
        """The referee: noiseless truth where it is known, that of answers to test rows elsewhere."""
        settings, endpoint = self.settings, self.settings.endpoint
        caveat = f"live: {endpoint.model} at {endpoint.base_url}, prices of {settings.price.read}"
        own = self.facts.tokenizer == "sandbox-1" and endpoint.model == rows.asking.model
        if settings.referee == "problem" or (settings.referee == "auto" and own):
            judged = replace(problem, caveat="; ".join(filter(None, [problem.caveat, caveat])))
            return [judge(match, place, session, judged) for place, session in enumerate(sessions)]
        if not settings.every_step:
            for session in sessions:
                del session.trace.recommendations[:-1]
        wanted = [step.candidate for session in sessions for step in session.trace.recommendations]
        verdicts = await self._verdicts(match, problem, rows, list(dict.fromkeys(wanted)))
        unanswered = sum([verdicts[candidate].unanswered for candidate in set(wanted)])
        caveat += f"; scored on {len(rows.dataset.test)} test rows, gaps measured from a perfect score"
        if unanswered:
            caveat += f"; {unanswered} of the referee's questions were not answered, and are left out"
        low, high = problem.score_range
        judged = replace(
            problem, truth=lambda c: verdicts[c].truth, optimum=high, baseline=low, caveat=caveat
        )
        return [judge(match, place, session, judged) for place, session in enumerate(sessions)]

    async def _verdicts(
        self, match: Match, problem: Problem, rows: Rows, candidates: Sequence[Candidate]
    ) -> dict[Candidate, Verdict]:
        """The scores of candidates on the test rows; each is asked for once a problem."""
        name = digest_of([match.digest, match.problem, rows.dataset.digest])
        async with self._judging.setdefault(name, asyncio.Lock()):
            found = self.journal.verdicts(name)
            seats: list[tuple[Candidate, str, live.Seat]] = []
            for candidate in candidates:
                if candidate not in found:
                    key = digest_of(["referee", name, candidate])
                    seats.append((candidate, key, await self._bench(key, problem, rows, candidate)))
            await live.play_all([one for _, _, one in seats], self.service, self.settings.grace)
            for candidate, key, one in seats:
                found[candidate] = verdict = _verdict(one.session, problem)
                self.journal.keep(name, candidate, verdict)
                self.journal.forget(key)
        self.refereed |= {(name, candidate): found[candidate].charge for candidate in candidates}
        return found

    async def _bench(self, key: str, problem: Problem, rows: Rows, candidate: Candidate) -> live.Seat:
        """The referee's own session: every test row, outside all budgets."""
        test = rows.dataset.test
        unseen = Rows(replace(rows.dataset, dev=test), rows.asking, 0)
        world = self._world(unseen, 0, self.journal.begin(key), "referee")
        task = replace(problem.task(Budget()), dev_rows=len(test))
        session = Session("referee", _questions(candidate, len(test)), task, world, Ledger(Budget()))
        return await self._seat(session, world, key)


def _questions(candidate: Candidate, rows: int) -> Plan[Candidate]:
    """Each row is an evaluation of its own, so that one that fails spoils no other."""
    yield from Gather(tuple([Evaluate(candidate, (row,)) for row in range(rows)]))
    return candidate


def _verdict(session: Session, problem: Problem) -> Verdict:
    """What the referee's session came to."""
    answers: list[Any] = [r.answer for r in session.trace.records if isinstance(r.ticket.request, Evaluate)]
    rows = [row for answer in answers if isinstance(answer, Observation) for row in answer.rows]
    if session.failure is not None or not rows:
        failed = [str(answer) for answer in answers if isinstance(answer, AnswerFailed)]
        raise UsageError(
            f"the referee got no answer to any test row: {session.failure or failed[0]}; "
            "the same command tries again"
        )
    truth = sum([row.score for row in rows]) / len(rows) if problem.tally is None else problem.tally(rows)
    return Verdict(truth, len(answers) - len(rows), session.ledger.spent)


def _build(match: Match) -> Problem:
    return load(match.source).build(match.problem)


def _thinks(match: Match) -> bool:
    """Whether some agent of a match works with a white box."""
    return any(Needs.WHITE_BOX in make_agent(spec).needs for spec in match.agents)


def _itself(world: LiveWorld, seed: int) -> LiveWorld:
    return world


def _rows_of(problem: Problem, match: Match) -> Rows:
    """How a problem's rows are put to a model.

    Raises:
        ScenarioError: if it has none.
    """
    world: Any = problem.world(match.seed)
    world = getattr(world, "inner", world)
    if not isinstance(world, Rows):
        raise ScenarioError(
            f"{match.scenario}/{match.problem} cannot be played live: its scores come from no chat model; "
            "induction30-quick is a scenario that can"
        )
    return world
