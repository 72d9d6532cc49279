"""Measures how many simulated queries a CPU-second buys, beside bare simpy and Syne Tune.

    python tests/benchmarks/throughput.py [--queries 40000] [--rounds 5]

Every contender runs once a round, one after the other, so that a machine that is busy
for a while is busy for all of them; the table shows the best and the median round. The
clock is the process's CPU time. Collecting garbage counts, freeing what was measured
does not.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import simpy

sys.path.insert(0, str(Path(__file__).parents[2]))

from mocks.noise import Gaussian
from mocks.service import Latency, Service
from mocks.world import OracleWorld
from sandbox.budget import Budget, Ledger
from sandbox.drivers import virtual
from sandbox.limits import Limits
from sandbox.protocol import Evaluate, Observation, Plan, Recommend, Task
from sandbox.session import Session
from sandbox.spaces import Candidate, Pool
from sandbox.trace import Reply, Ticket

TEXTS = tuple(f"instruction number {i}, please" for i in range(200))
SERVICE = Service(latency=Latency(), limits=Limits(concurrency=4))
SYNE_TRIALS = 300


class Measured(NamedTuple):
    cpu_seconds: float
    queries: int


class Steps:
    """Two hundred texts, each a little better than the one before."""

    space = Pool(TEXTS)
    optimum = 1.0
    best = TEXTS[-1]
    baseline = 0.5
    scores = {text: i / 200 for i, text in enumerate(TEXTS)}  # noqa: RUF012

    def truth(self, candidate: Candidate) -> float:
        return self.scores[candidate]  # type: ignore[index]


def sweep() -> Plan[Candidate]:
    """Asks for one text after the other and recommends the best it has seen."""
    top = -1.0
    while True:
        for text in TEXTS:
            seen = yield from Evaluate(text)
            if seen.score > top:
                top = seen.score
                yield from Recommend(text)


def new_session(evaluations: int, seed: int) -> Session:
    budget = Budget(evaluations=evaluations, usd=10**15)
    world = OracleWorld(Steps(), seed, (Gaussian(0.05),), SERVICE)
    return Session(
        f"agent {seed}", sweep(), Task("", Steps.space, budget, dev_rows=20), world, Ledger(budget)
    )


def timed(work: Callable[[], object]) -> float:
    gc.collect()
    before = time.process_time()
    result = work()
    after = time.process_time()
    del result
    return after - before


# --- the contenders -------------------------------------------------------------------


def full_stack(agents: int, queries: int) -> Measured:
    """Oracle, noise, latency, a queue for four places, a ledger with two limits, a trace."""
    sessions = [new_session(queries // agents, seed) for seed in range(agents)]
    return Measured(timed(lambda: virtual.play(sessions, SERVICE.limits)), queries)


def bare_simpy(agents: int, queries: int) -> Measured:
    """A Resource(4) of simpy, one process an agent, latencies drawn beforehand; nothing else."""
    luck = random.Random(1)
    latencies = [luck.lognormvariate(0.0, 0.3) for _ in range(queries)]

    def agent(env: simpy.Environment, places: simpy.Resource, waits: list[float]) -> Any:
        for wait in waits:
            with places.request() as place:
                yield place
                yield env.timeout(wait)

    def play() -> None:
        env = simpy.Environment()
        places = simpy.Resource(env, 4)
        for i in range(agents):
            env.process(agent(env, places, latencies[i::agents]))
        env.run()

    return Measured(timed(play), queries)


def syne_tune(agents: int, queries: int) -> Measured:
    """Its simulator at honest timing: one report a trial, 1 s latency, `agents` workers, poll 0.05 s."""
    import logging

    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend.simulator_backend.simulator_backend import SimulatorBackend
    from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
    from syne_tune.backend.trial_status import Status
    from syne_tune.config_space import choice
    from syne_tune.optimizer.baselines import RandomSearch

    logging.disable(logging.INFO)
    luck = random.Random(1)

    class Table(SimulatorBackend):  # type: ignore[misc]
        """Looks one score up, where the base class would start a script."""

        def _run_job_and_collect_results(self, trial_id: int, config: Any = None) -> Any:
            config = config or self._trial_dict[trial_id].config
            report = {"score": Steps.scores[config["text"]], "took": luck.lognormvariate(0.0, 0.3), "step": 1}
            return Status.completed, [report]

    class Tally(SimulatorCallback):  # type: ignore[misc]
        """Stores nothing: only the simulation is measured."""

        def on_tuning_end(self) -> None:
            self._tuner.stop_criterion = self._backup_stop_criterion

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, SYNETUNE_FOLDER=folder),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        script = Path(folder) / "unused.py"
        script.write_text("")
        backend = Table(str(script), elapsed_time_attr="took", tuner_sleep_time=0.05)
        backend.set_path(folder)
        tuner = Tuner(
            trial_backend=backend,
            scheduler=RandomSearch({"text": choice(list(TEXTS))}, metrics=["score"], random_seed=1),
            stop_criterion=StoppingCriterion(max_num_trials_completed=SYNE_TRIALS),
            n_workers=agents,
            sleep_time=0,
            callbacks=[Tally()],
            save_tuner=False,
            trial_backend_path=folder,
            print_update_interval=1e9,
            results_update_interval=1e9,
        )
        seconds = timed(tuner.run)
    logging.disable(logging.NOTSET)
    return Measured(seconds, SYNE_TRIALS)


# --- where the time goes --------------------------------------------------------------


class Canned:
    """Answers at once, with the same reply: what is left is the conversation."""

    def __init__(self) -> None:
        world = OracleWorld(Steps(), 1, (), SERVICE)
        self._quote = world.quote(Evaluate(TEXTS[0]))
        self._reply = Reply(Observation(0.5), self._quote, 1_000_000_000, 0.5)

    def quote(self, request: Any) -> Any:
        return self._quote

    def tokens(self, request: Any) -> int:
        return 0

    def reply(self, ticket: Ticket, now: int) -> Reply:
        return self._reply


def parts(queries: int) -> dict[str, float]:
    """CPU-seconds of each part alone for `queries` queries of one agent."""

    def agent() -> None:
        plan, answer = sweep(), Observation(0.5)
        request = next(plan)
        for _ in range(queries):
            request = plan.send(answer if isinstance(request, Evaluate) else None)

    budget = Budget(evaluations=10**9, usd=10**18)
    quote = Canned().quote(None)

    def ledger() -> None:
        book = Ledger(budget)
        for now in range(queries):
            key = book.reserve_one(quote)
            book.pass_time(now)
            book.settle(key, quote)

    world = OracleWorld(Steps(), 1, (Gaussian(0.05),), SERVICE)
    requests = [Evaluate(TEXTS[i % 200]) for i in range(queries)]
    tickets = [Ticket(i, r, 0, 0, 0, r.key() + i.to_bytes(8, "little")) for i, r in enumerate(requests)]

    def answers() -> None:
        for request, ticket in zip(requests, tickets, strict=True):
            world.quote(request)
            world.reply(ticket, 0)

    def conversation() -> Session:
        limits = Budget(evaluations=queries, usd=10**18)
        session = Session("agent", sweep(), Task("", Steps.space, limits), Canned(), Ledger(limits))
        tickets, now = session.start(0), 0
        while tickets:
            now += 1
            tickets = session.settle(tickets[0], session.world.reply(tickets[0], now), now)
        return session

    def kernel() -> None:
        env = simpy.Environment(initial_time=0)

        def again(event: simpy.Event) -> None:
            if env.now < queries:
                env.timeout(1, event).callbacks.append(again)  # type: ignore[union-attr]

        env.timeout(1).callbacks.append(again)  # type: ignore[union-attr]
        env.run()

    gc.disable()  # the driver looks for garbage rarely; what that costs counts as the driver's
    spent = {work.__name__: timed(work) for work in (agent, ledger, answers, conversation, kernel)}
    gc.enable()
    whole = full_stack(4, queries).cpu_seconds
    elsewhere = spent["conversation"] + spent["answers"] + spent["kernel"]
    return {
        "agent: the generator and its requests": spent["agent"],
        "ledger: reserve, settle, clock": spent["ledger"],
        "session: the other rules, the trace": spent["conversation"] - spent["agent"] - spent["ledger"],
        "world: quote, noise, latency, truth": spent["answers"],
        "simpy: one timeout a query": spent["kernel"],
        "driver: queue, errands, garbage": whole - elsewhere,
        "all together, 4 agents": whole,
    }


# --- the tables -----------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=40_000, help="simulated queries a run")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    contenders: dict[str, Callable[[], Measured]] = {
        "full stack, 4 agents": lambda: full_stack(4, options.queries),
        "full stack, 64 agents": lambda: full_stack(64, options.queries),
        "bare simpy Resource(4), 4 agents": lambda: bare_simpy(4, options.queries),
        "bare simpy Resource(4), 64 agents": lambda: bare_simpy(64, options.queries),
    }
    try:
        import syne_tune as _  # noqa: F401
    except ImportError:
        print("Syne Tune is not installed here and left out: pip install syne-tune\n")
    else:
        contenders["Syne Tune simulator, 4 workers"] = lambda: syne_tune(4, SYNE_TRIALS)
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    shares: list[dict[str, float]] = []
    for _round in range(options.rounds):
        for name, run in contenders.items():
            measured = run()
            rates[name].append(measured.queries / measured.cpu_seconds)
        shares.append(parts(options.queries))

    ours = max(rates["full stack, 4 agents"])
    print(f"{'queries per CPU-second':36} {'best':>10} {'median':>10} {'4 agents / this':>16}")
    for name, each in rates.items():
        best = max(each)
        print(f"{name:36} {best:10,.0f} {statistics.median(each):10,.0f} {ours / best:16.2f}")
    print(f"\n{'microseconds a query, best round':44} {'alone':>8} {'share':>7}")
    best_share = min(shares, key=lambda share: share["all together, 4 agents"])
    whole = best_share["all together, 4 agents"]
    for name, seconds in best_share.items():
        print(f"{name:44} {seconds / options.queries * 1e6:8.2f} {seconds / whole:7.0%}")


if __name__ == "__main__":
    main()
