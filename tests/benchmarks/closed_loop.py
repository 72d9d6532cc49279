"""Throughput of a closed loop against concurrency / mean latency, the exact answer of queueing theory."""

from __future__ import annotations

import math

from mocks.landscape import AdditivePool
from mocks.service import Latency, Service
from mocks.world import OracleWorld
from sandbox.budget import Budget, Ledger
from sandbox.drivers import virtual
from sandbox.limits import Limits
from sandbox.protocol import Evaluate, Plan, Task
from sandbox.session import Session
from sandbox.spaces import Candidate, Pool


def _asks(pool: Pool) -> Plan[Candidate]:
    while True:
        for text in pool.texts:
            yield from Evaluate(text)


def main() -> None:
    """Eight agents keep every place busy; print simulated against expected queries a second."""
    sigma = 0.5
    for places in (1, 4):
        oracle = AdditivePool()
        service = Service(latency=Latency(sigma=sigma, tail=0.0), limits=Limits(concurrency=places))
        budget = Budget(evaluations=20_000)
        task = Task("", oracle.space, budget, dev_rows=20)
        sessions = [
            Session(f"{i}", _asks(oracle.space), task, OracleWorld(oracle, i, (), service), Ledger(budget))
            for i in range(8)
        ]
        virtual.play(sessions, service.limits)
        # While all eight still ask, so that no place is ever idle.
        end = min(record.answered_at for session in sessions for record in session.trace.records[-1:])
        done = sum(record.answered_at <= end for session in sessions for record in session.trace.records)
        rate, ideal = done / (end / 1e9), places / math.exp(sigma**2 / 2)  # the mean of a log-normal law
        print(f"{places} places: {rate:.4f} queries a second, {ideal:.4f} expected, {rate / ideal - 1:+.2%}")


if __name__ == "__main__":
    main()
