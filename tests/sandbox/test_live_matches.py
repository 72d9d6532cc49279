"""Laws of live play: the same results as in virtual time, the provider's own books, nothing paid twice."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from broken_server import BROKEN, KEY, Asked, error, good
from live_tiny import (
    KEY_NAME,
    Provider,
    in_virtual_time,
    play_tiny,
    result,
    spent,
    start,
    tiny_matches,
)

from sandbox.budget import USD
from sandbox.errors import StoreError, UsageError
from sandbox.journal import Journal
from sandbox.store import Store
from sandbox.tournament import Run
from sandbox.trace import Fate


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, KEY)


def assert_as_simulated(runs: list[Run], **which: Any) -> None:
    assert [result(run) for run in runs] == [result(run) for run in in_virtual_time(tiny_matches(**which))]


def test_live_runs_come_to_what_simulated_runs_come_to(tmp_path: Path) -> None:
    provider = Provider()
    with provider.open() as url:
        runs, outcome = play_tiny(tmp_path / "s.db", url, seeds=2)
    assert_as_simulated(runs, seeds=2)
    assert (provider.prompt_tokens, provider.completion_tokens, provider.usd) == spent(runs)
    assert outcome.health.attempts == outcome.health.logical_calls == provider.attempts == provider.billed
    assert all("live: fake-1 at" in run.caveat for run in runs)


@pytest.mark.parametrize("budget", ["rows=17", "prompt_tokens=700", "usd=0.00015", "completion_tokens=60"])
def test_under_any_budget_too(tmp_path: Path, budget: str) -> None:
    with Provider().open() as url:
        runs, _ = play_tiny(tmp_path / "s.db", url, budget=budget)
    assert [result(run) for run in runs] == [
        result(run) for run in in_virtual_time(tiny_matches(budget=budget))
    ]


def flaky(asked: Asked, attempt: int) -> Any:
    """Every call breaks twice, each time in another way; some of the ways are billed."""
    ways = [
        error(500), error(429, "rate_limit_exceeded", "requests", "slow", "retry-after-ms: 5"), error(503),
        ([b""],), ([None],), (good(choices=[]),), ([b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{"],),
    ]  # fmt: skip
    luck = random.Random(json.dumps(asked.body) + str(attempt))
    return luck.choice(ways) if attempt < 2 else None


def test_faults_change_no_result_and_a_call_is_paid_for_once(tmp_path: Path) -> None:
    provider = Provider(trouble=flaky)
    with provider.open() as url:
        runs, outcome = play_tiny(tmp_path / "s.db", url)
    calm = in_virtual_time(tiny_matches())
    assert [(run.agent, run.seed, run.recommended, run.spent.usd) for run in runs] == [
        (run.agent, run.seed, run.recommended, run.spent.usd) for run in calm
    ]
    assert (provider.prompt_tokens, provider.completion_tokens, provider.usd) == spent(runs)
    assert outcome.health.attempts == 3 * outcome.health.logical_calls == provider.attempts
    assert {
        record.ticket.attempt for run in runs for record in run.records if record.fate is Fate.RETRIED
    } == {0, 1}


def test_where_attempts_are_billed_one_by_one_the_ledger_is_never_below_the_bill(tmp_path: Path) -> None:
    provider = Provider(trouble=flaky, idempotent=False, announced=False)
    with provider.open() as url:
        runs, outcome = play_tiny(tmp_path / "s.db", url)
    prompt, completion, usd = spent(runs)
    assert (provider.prompt_tokens, provider.completion_tokens) <= (prompt, completion)
    assert provider.usd < usd
    assert outcome.health.presumed > 0
    assert len(set(provider.keys)) == provider.attempts, "another key for every attempt"


def test_a_hard_limit_in_money_holds_at_the_providers_own_till(tmp_path: Path) -> None:
    provider = Provider(trouble=flaky, idempotent=False, announced=False)
    with provider.open() as url:
        runs, _ = play_tiny(tmp_path / "s.db", url, budget="usd=0.002")
    assert all(0 < run.spent.usd <= USD // 500 for run in runs)
    assert provider.usd <= len(runs) * USD // 500


@pytest.mark.parametrize("name", [name for name, (_, _, again, _) in BROKEN.items() if not again])
def test_what_is_final_for_one_call_fails_it_and_what_is_final_for_all_stops_the_run(
    tmp_path: Path, name: str
) -> None:
    said, kind, _, _ = BROKEN[name]
    stops = kind in ("out_of_money", "unauthorized", "unknown_model", "unsupported")
    provider = Provider(trouble=lambda asked, attempt: said if "dev3" in str(asked.body) else None)
    with provider.open() as url:
        if stops:
            with pytest.raises(UsageError, match="the same command goes on"):
                play_tiny(tmp_path / "s.db", url)
            provider.trouble = lambda asked, attempt: None
            before = provider.billed
            runs, _ = play_tiny(tmp_path / "s.db", url)
            assert before > 0
            assert (provider.prompt_tokens, provider.completion_tokens, provider.usd) == spent(runs)
            assert [result(run) for run in runs] == [
                result(run) for run in in_virtual_time(tiny_matches(seeds=1))
            ]
            return
        runs, _ = play_tiny(tmp_path / "s.db", url)
    failed = [r for run in runs for r in run.records if r.fate is Fate.FAILED and "dev3" not in "evaluate"]
    assert failed
    assert all(kind in str(record.answer) for record in failed)


def test_usage_that_is_not_reported_is_charged_its_bound(tmp_path: Path) -> None:
    provider = Provider(trouble=lambda asked, attempt: good("x", usage=None))
    with provider.open() as url:
        runs, outcome = play_tiny(tmp_path / "s.db", url)
    rows = [r for run in runs for r in run.records if r.charge.rows]
    assert rows
    assert all(record.charge.completion_tokens == 16 for record in rows)
    assert all(record.charge.prompt_tokens > 10 for record in rows)
    assert outcome.health.unreported == len(rows)


def test_a_provider_that_bills_more_than_was_reserved_stops_the_run(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 5000, "completion_tokens": 3}
    with (
        Provider(trouble=lambda asked, attempt: good("x", usage=usage)).open() as url,
        pytest.raises(UsageError, match="--prompt-margin"),
    ):
        play_tiny(tmp_path / "s.db", url)


def test_a_service_that_is_down_stops_the_run_after_a_while(tmp_path: Path) -> None:
    provider = Provider(trouble=lambda asked, attempt: error(503))
    with provider.open() as url:
        with pytest.raises(UsageError, match="20 calls in a row failed"):
            play_tiny(tmp_path / "s.db", url, budget="evaluations=50")
        assert provider.billed == 0
        assert provider.attempts < 200


def test_the_referee_asks_each_candidate_once_and_outside_the_budget(tmp_path: Path) -> None:
    provider = Provider()
    with provider.open() as url:
        runs, outcome = play_tiny(tmp_path / "s.db", url, referee="endpoint")
        told = {step.candidate for run in runs for step in run.steps}
        assert outcome.refereed.rows == 4 * len(told)
        total = spent(runs)
        assert provider.prompt_tokens == total[0] + outcome.refereed.prompt_tokens
        assert provider.usd == total[2] + outcome.refereed.usd
        assert all(run.truth is not None and run.truth in (0, 0.25, 0.5, 0.75, 1) for run in runs)
        assert all("scored on 4 test rows" in run.caveat for run in runs)
        bill = provider.usd
        more, again = play_tiny(tmp_path / "s.db", url, referee="endpoint", seeds=2)
        assert [run.key for run in more if run.seed == 0] == [run.key for run in runs]
        later = {step.candidate for run in more if run.seed == 1 for step in run.steps}
        assert again.refereed.rows == 4 * len(later)
        assert later & told, "some were judged before, and are not paid for again"
        assert provider.usd - bill < spent(more)[2] - total[2] + again.refereed.usd


def test_rows_that_the_referee_gets_no_answer_to_are_left_out_and_said_so(tmp_path: Path) -> None:
    refusing = BROKEN["refusal"][0]
    with Provider(trouble=lambda a, _: refusing if "test1" in str(a.body) else None).open() as url:
        runs, _ = play_tiny(tmp_path / "s.db", url, referee="endpoint")
    assert all("not answered, and are left out" in run.caveat for run in runs)
    assert all(run.truth is not None and round(run.truth * 3, 6).is_integer() for run in runs)


def until_it_asks(process: subprocess.Popen[bytes], provider: Provider, more: int) -> None:
    """Wait until so many more requests have come, or the process has ended."""
    before = provider.attempts
    while process.poll() is None and provider.attempts < before + more:
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.parametrize("referee", ["problem", "endpoint"])
def test_killed_at_random_moments_it_goes_on_and_pays_for_nothing_twice(tmp_path: Path, referee: str) -> None:
    luck = random.Random(referee)
    undisturbed = Provider()
    with undisturbed.open() as url:
        calm, calm_outcome = play_tiny(tmp_path / "calm.db", url, referee=referee)
    provider = Provider(delay=0.02)
    store = tmp_path / "s.db"
    kills = 0
    with provider.open() as url:
        while True:
            process = start(url, store, referee=referee)
            until_it_asks(process, provider, luck.randrange(1, 25))
            time.sleep(luck.random() * 0.03)
            if process.poll() is None and kills < 5:
                process.send_signal(signal.SIGKILL)
                kills += 1
                process.wait()
                continue
            _, errors = process.communicate()
            assert process.returncode == 0, errors.decode()
            break
        assert kills >= 3
        runs, _ = play_tiny(store, url, referee=referee)
    assert [result(run) for run in runs] == [result(run) for run in calm]
    assert [run.truth for run in runs] == [run.truth for run in calm]
    judged = calm_outcome.refereed.usd
    assert provider.usd == undisturbed.usd == spent(runs)[2] + judged
    assert provider.billed == undisturbed.billed
    assert provider.attempts > undisturbed.attempts, "some were on their way when it was killed"
    journal = Journal(store)
    assert journal.unfinished() == []
    journal.close()


@pytest.mark.slow
def test_killed_where_attempts_are_billed_one_by_one_the_limit_holds_at_the_till(tmp_path: Path) -> None:
    luck = random.Random(3)
    provider = Provider(delay=0.02, idempotent=False, announced=False)
    store = tmp_path / "s.db"
    changes = {"budget": "usd=0.003"}
    with provider.open() as url:
        for _ in range(4):
            process = start(url, store, **changes)
            until_it_asks(process, provider, luck.randrange(1, 15))
            process.kill()
            process.wait()
        runs, _ = play_tiny(store, url, **changes)  # type: ignore[arg-type]
    assert all(run.spent.usd <= 3 * USD // 1000 for run in runs)
    assert provider.usd <= spent(runs)[2]
    lost = [r for run in runs for r in run.records if "lost" in str(r.answer)]
    assert lost
    assert all(record.fate in (Fate.RETRIED, Fate.FAILED) for record in lost)


@pytest.mark.slow
def test_ctrl_c_lets_what_is_on_its_way_arrive(tmp_path: Path) -> None:
    provider = Provider(delay=0.3)
    with provider.open() as url:
        process = start(url, tmp_path / "s.db")
        until_it_asks(process, provider, 12)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert b"KeyboardInterrupt" in errors
        attempts = provider.attempts
        time.sleep(0.3)
        assert provider.attempts == attempts, "nothing is sent any more"
        provider.delay = 0
        runs, _ = play_tiny(tmp_path / "s.db", url)
    assert provider.attempts == provider.billed, "nothing had to be sent again"
    assert_as_simulated(runs)
    assert provider.usd == spent(runs)[2]


def test_two_processes_do_not_pay_for_the_same_runs(tmp_path: Path) -> None:
    with Provider(delay=0.2).open() as url:
        provider = start(url, tmp_path / "s.db")
        while not (tmp_path / "s.db.lock").exists():
            time.sleep(0.01)
        time.sleep(0.1)
        with pytest.raises(StoreError, match="another process"):
            play_tiny(tmp_path / "s.db", url)
        provider.kill()
        provider.wait()


def test_an_agent_that_asks_otherwise_the_second_time_is_noticed(tmp_path: Path) -> None:
    with Provider().open() as url:
        play_tiny(tmp_path / "s.db", url)
        with Store(tmp_path / "s.db") as store:
            (key, *_) = sorted(store.keys())
            run = store.find(key)
            store.forget([key])
        journal = Journal(tmp_path / "s.db")
        journal.begin(key)
        record = next(r for r in run.records if r.charge.rows)
        journal._db.execute(
            "INSERT INTO live_notes VALUES (NULL, ?, 'sent', ?, 0, 'other', 5, NULL, NULL, NULL, NULL)",
            (key, record.ticket.number),
        )
        journal._db.execute(
            "INSERT INTO live_notes VALUES (NULL, ?, 'heard', ?, 0, 'other', 5, ?, ?, 1, NULL)",
            (key, record.ticket.number, '{"failed": ["x", "y"]}', json.dumps(record.charge)),
        )
        journal.close()
        with pytest.raises(StoreError, match="not deterministic"):
            play_tiny(tmp_path / "s.db", url)


def test_the_key_is_not_in_the_store_nor_in_what_is_said(tmp_path: Path) -> None:
    """The server echoes the key in answers and in errors."""

    def echo(asked: Asked, attempt: int) -> Any:
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        if attempt == 0:
            return error(500, KEY, KEY, f"what is {KEY}?")
        return good(KEY) if "dev1" in str(asked.body) else error(400, KEY, "x", f"Bearer {KEY}")

    with Provider(trouble=echo).open() as url:
        runs, _ = play_tiny(tmp_path / "s.db", url)
        with Provider(trouble=lambda a, _: error(401, KEY, "x", KEY)).open() as closed:
            process = start(closed, tmp_path / "s.db")
            said = b"".join(process.communicate())
    assert b"unauthorized" in said
    assert KEY.encode() not in said
    for file in tmp_path.iterdir():
        assert KEY.encode() not in file.read_bytes(), file
    assert "[key]" in str(runs)


def test_a_scenario_without_a_chat_model_cannot_be_played_live(tmp_path: Path) -> None:
    from live_tiny import settings

    from sandbox import livematch
    from sandbox.errors import ScenarioError
    from sandbox.registry import load_scenario
    from sandbox.scenario import Source
    from sandbox.tournament import matches

    source = Source("quickstart")
    scenario = load_scenario(source)
    wanted = matches(scenario, source, ["random"], 1, scenario.budget)
    with (
        Provider().open() as url,
        Store(tmp_path / "s.db") as store,
        pytest.raises(ScenarioError, match="no chat model"),
    ):
        livematch.play_live(store, wanted, settings(url))


def test_nonsense_settings_are_refused() -> None:
    from live_tiny import settings

    for wrong in ({"referee": "nobody"}, {"together": 0}, {"margin": -1}):
        with pytest.raises(UsageError):
            settings("http://a/v1", **wrong)
