"""Live play against the endpoint of this project: the third door, faults by its switch, its own books."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from broken_server import KEY
from live_tiny import (
    KEY_NAME,
    MODEL,
    FakeModel,
    in_virtual_time,
    play_tiny,
    result,
    spent,
    start,
    tiny_matches,
)

from mocks.endpoint.app import Endpoint, make_app
from mocks.endpoint.faults import FAULTS
from mocks.endpoint.keys import KeyRing, add_key, limit_key
from mocks.endpoint.server import running
from mocks.service import Faults, Latency, Prices, Service
from sandbox.budget import Budget
from sandbox.errors import UsageError

pytest.importorskip("httptools")
SERVICE = Service(latency=Latency(0.0, 0.0, 0.0), prices=Prices())
SLOW = Service(latency=Latency(0.03, 0.3, 0.0), prices=Prices())


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, KEY)


def app_of(service: Service = SERVICE, **settings: object) -> Endpoint:
    return make_app({MODEL: FakeModel()}, service, keys=None, **settings)  # type: ignore[arg-type]


def bill(app: Endpoint) -> tuple[int, int, int]:
    """Prompt tokens, completion tokens and pico-dollars, as the endpoint counts them."""
    account = app.account("anonymous")
    assert account is not None
    return account.spent.prompt_tokens, account.spent.completion_tokens, account.spent.usd


@pytest.mark.parametrize("service", [SERVICE, SLOW], ids=["at once", "slow"])
def test_served_runs_come_to_what_simulated_runs_come_to(tmp_path: Path, service: Service) -> None:
    app = app_of(service)
    with running(app) as url:
        runs, outcome = play_tiny(tmp_path / "s.db", url)
    assert outcome.facts.idempotent
    assert [result(run) for run in runs] == [result(run) for run in in_virtual_time(tiny_matches())]
    assert bill(app) == spent(runs)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_every_fault_of_the_switch_is_survived(tmp_path: Path, name: str) -> None:
    service = Service(latency=Latency(0.0, 0.0, 0.0), prices=Prices(), faults=Faults(patience=0.6))
    app = app_of(service, fault_shares={name: 0.15})
    with running(app) as url:
        if FAULTS[name].code in ("insufficient_quota", "project_spend_limit_exceeded"):
            with pytest.raises(UsageError, match="the same command goes on"):
                play_tiny(tmp_path / "s.db", url)
            return
        runs, _ = play_tiny(tmp_path / "s.db", url, attempts=6, timeout=0.4)
    assert len(runs) == 3
    assert bill(app) <= spent(runs)


@pytest.mark.slow
def test_killed_at_the_endpoint_nothing_is_billed_twice(tmp_path: Path) -> None:
    app = app_of(SLOW)
    store = tmp_path / "s.db"
    kills = 0
    with running(app) as url:
        for more in (3, 11, 20):
            process = start(url, store)
            account = app.account("anonymous")
            before = account.attempts if account else 0
            while process.poll() is None:
                account = app.account("anonymous")
                if account is not None and account.attempts >= before + more:
                    break
                time.sleep(0.001)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
            process.wait()
        runs, _ = play_tiny(store, url)
    assert kills >= 2
    assert [result(run) for run in runs] == [result(run) for run in in_virtual_time(tiny_matches())]
    assert bill(app) == spent(runs)


def test_a_spent_budget_of_the_endpoint_stops_the_run_and_more_budget_lets_it_go_on(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    key = add_key(keys, "tester", Budget(completions=20))
    app = make_app({MODEL: FakeModel()}, SERVICE, keys=KeyRing.load(keys), quiet=0.0)
    with pytest.MonkeyPatch.context() as patch, running(app) as url:
        patch.setenv(KEY_NAME, key)
        with pytest.raises(UsageError, match="out_of_money"):
            play_tiny(tmp_path / "s.db", url)
        account = app.account("tester")
        assert account is not None
        assert account.spent.completions == 20
        limit_key(keys, "tester", Budget(completions=2000))
        time.sleep(1.1)  # the file is looked at once a second
        runs, _ = play_tiny(tmp_path / "s.db", url)
        assert account.spent.completions == sum([run.spent.rows for run in runs])
    assert [result(run) for run in runs] == [result(run) for run in in_virtual_time(tiny_matches(seeds=1))]
    for file in tmp_path.iterdir():
        assert key.encode() not in file.read_bytes()
