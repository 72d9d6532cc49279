"""What is played: agents x problems x seeds under one budget, cut into matches.

A match is the smallest thing that is played and stored: one agent, one problem, one
seed; or, where the agents share a service, all agents of one problem and seed.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from sandbox.budget import CURRENCIES, FREE, Budget, Cost, Ledger, Meter, in_units
from sandbox.codec import one_line
from sandbox.drivers import virtual
from sandbox.errors import ScenarioError, UsageError
from sandbox.manners import message
from sandbox.protocol import Agent, Borrower, Forecaster, Needs, Plan, Task, unmet
from sandbox.registry import agent_digest, agent_table, canonical, load_scenario, make_agent, split_specs
from sandbox.scenario import Problem, Scenario, Source
from sandbox.session import Session
from sandbox.spaces import Candidate, FreeText
from sandbox.statistics import normalised_regret
from sandbox.streams import stream
from sandbox.trace import Record
from sandbox.whitebox.lending import Lending
from sandbox.worlds.recording import tape_or_replay


@dataclass(frozen=True, slots=True)
class Match:
    """What one call of `play` plays; small, so that it can be sent to another process."""

    source: Source
    scenario: str
    digest: str
    problem: str
    seed: int
    agents: tuple[str, ...]
    """Specs in their canonical spelling, as `make_agent` reads them."""
    names: tuple[str, ...]
    """The agents' names."""
    codes: tuple[str, ...]
    """Of each agent: changes with its options, its code, and the version of this package."""
    budget: Budget
    keys: tuple[str, ...]
    """The names of the runs in a store, one an agent: hashes of all that can change their results."""


@dataclass(frozen=True, slots=True)
class Step:
    """One recommendation, judged by the referee."""

    candidate: Candidate
    truth: float
    at: int
    """Nanoseconds on the agent's clock."""
    spent: Cost


@dataclass(frozen=True, slots=True)
class Run:
    """What one agent made of one problem with one seed."""

    key: str
    scenario: str
    digest: str
    """Of the scenario's settings and data."""
    problem: str
    agent: str
    seed: int
    budget: Budget
    rivals: tuple[str, ...]
    """All agents of the match, where they shared a service."""
    error: str | None
    """Why the run cannot be judged; None if it can."""
    recommended: Candidate | None
    truth: float | None
    """The noiseless score of what was recommended."""
    spent: Cost
    steps: tuple[Step, ...]
    records: tuple[Record, ...]
    """In the order asked."""
    optimum: float
    baseline: float
    caveat: str
    code: str = ""
    """Of the agent's options and code, and of this package's version."""
    note: str = ""
    """What the agent said of its budget, if it is too small to be useful."""

    @property
    def gap(self) -> float:
        """Normalised regret: 0 at the optimum, 1 at the baseline; NaN for a failed run."""
        if self.truth is None:
            return float("nan")
        return float(normalised_regret(self.truth, self.optimum, self.baseline))


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """What a stored run was made with."""
    found = {"python": platform.python_version()}
    for package in (
        "instruct-sandbox",
        "numpy",
        "scipy",
        "simpy",
        "torch",
        "transformers",
        "peft",
        "botorch",
        "optuna",
        "cmaes",
        "openai",
        "gepa",
        "dspy",
        "promptolution",
    ):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def entrants(scenario: Scenario, agents: str | None) -> list[str]:
    """Who plays: those that `agents` names, "all" that can, or for None the scenario's own."""
    if agents is None:
        return list(scenario.agents)
    if agents.strip() != "all":
        return split_specs(agents)
    tasks = [scenario.build(name).task(scenario.budget) for name in scenario.problems]
    made = {name: make_agent(name) for name in agent_table()}
    return [
        name
        for name, agent in made.items()
        if not any(unmet(agent, task) for task in tasks) and _installed(agent)
    ]


def _installed(agent: Agent) -> bool:
    """Whether the packages are there that an agent is made of, in versions that it accepts."""
    try:
        if isinstance(agent, Borrower):
            agent.require()
    except UsageError:
        return False
    return True


def matches(
    scenario: Scenario, source: Source, agents: Sequence[str], seeds: int, budget: Budget
) -> list[Match]:
    """Everything that has to be played, seed by seed, so that an early stop is a fair sample.

    Raises:
        ScenarioError: if an agent cannot play a problem, or no limit of the budget stops it.
        UsageError: if an agent does not exist, or two of them have one name, or one needs a white box that
            cannot be lent.
    """
    specs = [canonical(spec) for spec in agents]
    made = {spec: make_agent(spec) for spec in specs}
    for spec in specs:
        same = [other for other in specs if made[other].name == made[spec].name]
        if len(same) > 1:
            raise UsageError(
                f"--agents: {' and '.join(same)} have one name, {made[spec].name!r}; "
                "leave one out, or tell them apart with name(name='...')"
            )
    for problem in scenario.problems:
        _admit(scenario, problem, [made[spec] for spec in specs], budget)
    codes = {spec: digest_of([versions()["instruct-sandbox"], agent_digest(spec)]) for spec in specs}
    tournament = [scenario.name, scenario.digest, budget.limits()]
    teams = []
    for group in [specs] if scenario.shared else [[spec] for spec in specs]:
        party = tuple(codes[spec] for spec in group)
        heads = [digest_of([tournament, party, place]) for place in range(len(group))]
        teams.append((tuple(group), tuple(made[spec].name for spec in group), party, heads))
    found = []
    for seed in range(seeds):
        for problem in scenario.problems:
            for team, names, party, heads in teams:
                keys = tuple([digest_of([head, problem, seed]) for head in heads])
                found.append(
                    Match(
                        source,
                        scenario.name,
                        scenario.digest,
                        problem,
                        seed,
                        team,
                        names,
                        party,
                        budget,
                        keys,
                    )
                )
    return found


def digest_of(facts: object) -> str:
    """A short name for facts that JSON can carry; equal facts share it."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:20]


def _admit(scenario: Scenario, name: str, agents: Sequence[Agent], budget: Budget) -> None:
    """Refuse what cannot be played before anything is."""
    problem = scenario.build(name)
    task = problem.task(budget)
    for agent in agents:
        reason = unmet(agent, task)
        if reason:
            raise ScenarioError(f"{scenario.name}/{name}: {reason}; leave it out with --agents")
        if Needs.WHITE_BOX in agent.needs and isinstance(task.lends.white_box, Lending):
            task.lends.white_box.check()
    if problem.endless(budget):
        limited = ", ".join(budget.limits())
        raise ScenarioError(
            f"{scenario.name}/{name}: nothing that is asked here costs any {limited}, so the budget {budget} "
            "would never end; limit evaluations"
        )


@lru_cache(maxsize=8)
def load(source: Source) -> Scenario:
    """The scenario that `source` names, with its tape; built once a process."""
    scenario, tape = load_scenario(source), source.tape
    if tape is None:
        return scenario
    build = lru_cache(maxsize=None)(lambda problem: tape_or_replay(scenario.build(problem), tape))
    return replace(scenario, build=build)


class Halt(BaseException):
    """Raised inside a match from outside, by a clock or a person; never an agent's own error."""


def play(match: Match) -> list[Run]:
    """Play one match in virtual time; one run an agent.

    Raises:
        ScenarioError: if the scenario or its data are not any more what the match was made for.
    """
    scenario = load(match.source)
    if scenario.digest != match.digest:
        raise ScenarioError(f"{match.scenario}: its settings or data changed while it was being played")
    problem = scenario.build(match.problem)
    sessions = [
        seat(spec, name, problem, match.scenario, match.seed, match.budget)
        for spec, name in zip(match.agents, match.names, strict=True)
    ]
    try:
        virtual.play(sessions, problem.limits)
    finally:
        for session in sessions:
            session.close()
    return [judge(match, i, session, problem) for i, session in enumerate(sessions)]


def seat(spec: str, name: str, problem: Problem, scenario: str, seed: int, budget: Budget) -> Session:
    """An agent in front of a problem, with its own luck, the world's luck, and a fresh ledger."""
    task, ledger = problem.task(budget), Ledger(budget)
    meter = None
    if isinstance(task.lends.white_box, Lending):
        meter = Meter(ledger)
        task = replace(task, lends=task.lends._replace(white_box=task.lends.white_box.lend(meter)))
    rng = stream(seed, "agent", name, scenario, problem.name)
    return Session(name, _plan_of(spec, task, rng), task, problem.world(seed), ledger, meter)


def _plan_of(spec: str, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
    """The plan of the agent that `spec` makes; an agent that fails already here fails in its session."""
    try:
        plan = make_agent(spec).plan(task, rng)
    except Halt:
        raise
    except BaseException as exc:
        return _failing(exc)
    return _contained(plan) if isinstance(plan, Generator) else plan


def _failing(error: BaseException) -> Plan[Candidate]:
    raise _ordinary(error)
    yield  # a generator, so that the error is raised where the session listens


def _contained(plan: Plan[Candidate]) -> Plan[Candidate]:
    """The plan, with whatever it raises as an error that stops this agent only."""
    try:
        return (yield from plan)
    except (Exception, GeneratorExit, Halt):
        raise
    except BaseException as exc:
        raise _ordinary(exc) from None


def _ordinary(error: BaseException) -> Exception:
    """An agent's SystemExit, KeyboardInterrupt and the like must not end a tournament."""
    if isinstance(error, Exception):
        return error
    what = f"{type(error).__name__}: {message(error)}".rstrip(": ")
    return RuntimeError(f"it raised {what}").with_traceback(error.__traceback__)


def judge(match: Match, place: int, session: Session, problem: Problem) -> Run:
    """The referee: noiseless truth of all that was recommended."""
    steps = tuple(
        Step(step.candidate, float(problem.truth(step.candidate)), step.at, step.spent)
        for step in session.trace.recommendations
    )
    final = None if session.failure else session.recommendation
    return Run(
        key=match.keys[place],
        scenario=match.scenario,
        digest=match.digest,
        problem=match.problem,
        agent=session.agent,
        seed=match.seed,
        budget=match.budget,
        rivals=match.names if len(match.names) > 1 else (),
        error=error_of(session),
        recommended=final,
        truth=None if final is None else float(problem.truth(final)),
        spent=session.ledger.spent,
        steps=steps,
        records=tuple(session.trace.in_order_asked()),
        optimum=problem.optimum,
        baseline=problem.baseline,
        caveat=problem.caveat,
        code=match.codes[place],
        note=too_little(match.agents[place], problem.task(match.budget)) or nothing_new(session),
    )


def too_little(spec: str, task: Task) -> str:
    """A sentence where the budget is below the least useful one that the agent states; else ""."""
    try:
        agent = make_agent(spec)
        least = agent.least_useful_budget(task) if isinstance(agent, Forecaster) else FREE
    except Exception:  # an agent that is broken has failed by now, and says so itself
        return ""
    if task.lends.bill is not None:
        least = task.lends.bill([least])
    short = [
        f"{name}={in_units(name, getattr(least, name))}"
        for name, limit in task.budget.limits().items()
        if getattr(least, name) > limit
    ]
    return f"the budget is too small: below {','.join(short)} it hands in what it was given" if short else ""


def nothing_new(session: Session) -> str:
    """A sentence where a run on free text evaluated nothing but seeds, and hands one in; else ""."""
    space, handed_in = session.task.space, session.recommendation
    if session.failure is not None or not isinstance(space, FreeText) or handed_in not in space.seeds:
        return ""
    asked = [getattr(record.ticket.request, "candidate", None) for record in session.trace.records]
    tried = set(asked) - {None}
    return "nothing but the seeds was tried: it hands in one of them" if tried <= set(space.seeds) else ""


def error_of(session: Session) -> str | None:
    """Why a session cannot be judged, in one line; None if it can."""
    failure = session.failure
    return None if failure is None else one_line(f"{type(failure).__name__}: {failure}")


def overspent(run: Run) -> dict[str, int]:
    """By how much a run exceeded its budget in each currency; must be empty."""
    return {
        name: spent - limit
        for name, limit, spent in zip(CURRENCIES, run.budget, run.spent, strict=True)
        if limit is not None and spent > limit
    }
