"""What is played: agents x problems x seeds under one budget, cut into matches.

A match is the smallest thing that is played and stored: one agent, one problem, one
seed; or, where the agents share a service, all agents of one problem and seed.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from sandbox.budget import CURRENCIES, Budget, Cost, Ledger
from sandbox.drivers import virtual
from sandbox.errors import AgentError, ScenarioError
from sandbox.protocol import Agent, Plan, Task, unmet
from sandbox.registry import agent_digest, load_scenario, make_agent
from sandbox.scenario import Problem, Scenario, Source
from sandbox.session import Session
from sandbox.spaces import Candidate
from sandbox.statistics import normalised_regret
from sandbox.streams import stream
from sandbox.trace import Record


@dataclass(frozen=True, slots=True)
class Match:
    """What one call of `play` plays; small, so that it can be sent to another process."""

    source: Source
    scenario: str
    digest: str
    problem: str
    seed: int
    agents: tuple[str, ...]
    """Specs, as `make_agent` reads them."""
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
    for package in ("instruct-sandbox", "numpy", "scipy", "simpy", "torch", "botorch", "optuna", "cmaes"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def matches(
    scenario: Scenario, source: Source, agents: Sequence[str], seeds: int, budget: Budget
) -> list[Match]:
    """Everything that has to be played, seed by seed, so that an early stop is a fair sample.

    Raises:
        ScenarioError: if an agent cannot play a problem, or no limit of the budget stops it.
        UsageError: if an agent does not exist.
    """
    names = [make_agent(spec).name for spec in agents]
    if len(set(names)) < len(names):
        raise ScenarioError(f"two of the agents {', '.join(names)} have the same name")
    for problem in scenario.problems:
        _admit(scenario, problem, agents, budget)
    digests = {spec: agent_digest(spec) for spec in agents}
    found = []
    groups = [tuple(agents)] if scenario.shared else [(spec,) for spec in agents]
    for seed in range(seeds):
        for problem in scenario.problems:
            for group in groups:
                facts = [
                    versions()["instruct-sandbox"], scenario.name, scenario.digest, problem, seed,
                    budget.limits(), [(spec.replace(" ", ""), digests[spec]) for spec in group],
                ]  # fmt: skip
                keys = tuple(_hash([*facts, spec.replace(" ", "")]) for spec in group)
                found.append(
                    Match(source, scenario.name, scenario.digest, problem, seed, group, budget, keys)
                )
    return found


def _hash(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:20]


def _admit(scenario: Scenario, name: str, agents: Sequence[str], budget: Budget) -> None:
    """Refuse what cannot be played before anything is."""
    problem = scenario.build(name)
    task = problem.task(budget)
    for spec in agents:
        reason = unmet(make_agent(spec), task)
        if reason:
            raise ScenarioError(f"{scenario.name}/{name}: {reason}; leave it out with --agents")
    if problem.endless(budget):
        limited = ", ".join(budget.limits())
        raise ScenarioError(
            f"{scenario.name}/{name}: nothing that is asked here costs any {limited}, so the budget {budget} "
            "would never end; limit evaluations"
        )


@lru_cache(maxsize=8)
def load(source: Source) -> Scenario:
    """The scenario that `source` names; built once a process."""
    return load_scenario(source)


def play(match: Match) -> list[Run]:
    """Play one match in virtual time; one run an agent."""
    problem = load(match.source).build(match.problem)
    sessions = []
    for spec in match.agents:
        agent = make_agent(spec)
        task = problem.task(match.budget)
        rng = stream(match.seed, "agent", agent.name, match.scenario, match.problem)
        sessions.append(
            Session(
                agent.name, _plan(agent, task, rng), task, problem.world(match.seed), Ledger(match.budget)
            )
        )
    try:
        virtual.play(sessions, problem.limits)
    finally:
        for session in sessions:
            session.close()
    rivals = tuple(session.agent for session in sessions) if len(sessions) > 1 else ()
    return [
        _judge(match, key, session, problem, rivals)
        for key, session in zip(match.keys, sessions, strict=True)
    ]


def _plan(agent: Agent, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
    """The agent's plan; an agent that fails already here fails in its session."""
    try:
        return agent.plan(task, rng)
    except Exception as exc:
        return _failing(exc)


def _failing(error: Exception) -> Plan[Candidate]:
    raise error
    yield  # a generator, so that the error is raised where the session listens


def _judge(match: Match, key: str, session: Session, problem: Problem, rivals: tuple[str, ...]) -> Run:
    """The referee: noiseless truth of all that was recommended."""
    failure: AgentError | None = session.failure
    steps = tuple(
        Step(step.candidate, float(problem.truth(step.candidate)), step.at, step.spent)
        for step in session.trace.recommendations
    )
    final = None if failure else session.recommendation
    return Run(
        key=key,
        scenario=match.scenario,
        digest=match.digest,
        problem=match.problem,
        agent=session.agent,
        seed=match.seed,
        budget=match.budget,
        rivals=rivals,
        error=f"{type(failure).__name__}: {failure}" if failure else None,
        recommended=final,
        truth=None if final is None else float(problem.truth(final)),
        spent=session.ledger.spent,
        steps=steps,
        records=tuple(session.trace.in_order_asked()),
        optimum=problem.optimum,
        baseline=problem.baseline,
        caveat=problem.caveat,
    )


def overspent(run: Run) -> dict[str, int]:
    """By how much a run exceeded its budget in each currency; must be empty."""
    return {
        name: spent - limit
        for name, limit, spent in zip(CURRENCIES, run.budget, run.spent, strict=True)
        if limit is not None and spent > limit
    }
