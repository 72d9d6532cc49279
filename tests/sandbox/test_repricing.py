"""A run under another price, latency or number of workers is what playing it so would have given."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sandbox.budget import FREE, USD, Budget, Cost
from sandbox.chat import ChatAnswer, Choice
from sandbox.errors import UsageError
from sandbox.export import rows
from sandbox.pricelist import Price
from sandbox.protocol import Complete, Completion, Evaluate, Observation, RowCall
from sandbox.reckoning import Change, change_of, rewrite
from sandbox.repricing import AXES, keys_of, repriced, trajectory
from sandbox.retiming import batches
from sandbox.scenario import Source
from sandbox.store import Store
from sandbox.tournament import Run, Step, load, matches, play
from sandbox.trace import Fate, Record, Ticket

NOISE = '[[noise]]\nkind = "binomial"\n'
POOL = '[[problem]]\nname = "sum"\noracle = "additive-pool"\n'
CHAT = (
    '[[problem]]\nkind = "chat"\ntasks = ["antonyms", "sum"]\nspace = "pool"\npool = 8\ndev = 4\ntest = 5\n'
)
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
"""Shrinking would play for minutes."""
ASKERS = "random,evolution,thompson,sequential-halving"


def scenario(folder: Path, body: str, budget: str = "evaluations = 12", shared: bool = False) -> str:
    path = folder / "s.toml"
    head = f'description = "x"\nagents = ["random"]\nseeds = 2\nbudget = {{ {budget} }}\n'
    path.write_text(head + f"shared = {str(shared).lower()}\n" + body)
    load.cache_clear()
    return str(path)


def played(path: Path, source: Source, agents: str = ASKERS, seeds: int = 1) -> list[Run]:
    """Play into a store; the runs with their records."""
    from sandbox.registry import split_specs

    there = load(source)
    found = []
    with Store(path) as store:
        for match in matches(there, source, split_specs(agents), seeds, there.budget):
            runs = play(match)
            store.add(runs, match.agents, source, 0.0)
            found += runs
    return found


def stored(path: Path) -> list[object]:
    """All tables of a store, without the note of a re-priced run."""
    with Store(path, create=False) as store:
        return [[row | {"note": ""} for row in rows(store, what)] for what in ("runs", "records", "steps")]


def check_law(folder: Path, source: Source, change: Change, agents: str = ASKERS) -> None:
    played(folder / "a.db", source, agents)
    rewrite(folder / "a.db", folder / "b.db", change)
    played(folder / "c.db", change.of(source), agents)
    assert stored(folder / "b.db") == stored(folder / "c.db")


latencies = st.fixed_dictionaries(
    {},
    optional={
        "median": st.sampled_from([0.5, 1.0, 4.0]),
        "sigma": st.sampled_from([0.0, 0.7]),
        "tail": st.sampled_from([0.0, 0.2]),
        "per_completion_token": st.sampled_from([0.0, 0.01]),
    },
)
limits = st.fixed_dictionaries(
    {},
    optional={
        "concurrency": st.integers(1, 6),
        "requests_per_minute": st.sampled_from([10, 60]),
        "tokens_per_minute": st.sampled_from([20_000, 100_000]),
    },
)


def table(name: str, values: dict[str, float]) -> str:
    return f"[service.{name}]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())


@settings(max_examples=8, deadline=None, phases=PHASES)
@given(latencies, limits, latencies, limits, st.booleans(), st.booleans(), st.booleans())
def test_what_is_retimed_is_what_playing_it_so_gives(
    latency: dict[str, float],
    limit: dict[str, float],
    other: dict[str, float],
    others: dict[str, float],
    shared: bool,
    flaky: bool,
    dear: bool,
) -> None:
    """Noise that knows no time, faults that know none, one agent or four at one service, any settings."""
    faults = table("faults", {"rate_limited": 0.1, "dropped": 0.05, "patience": 1e6}) if flaky else ""
    body = NOISE + table("latency", latency) + table("limits", limit) + faults + POOL
    times = [(f"service.latency.{k}", str(v)) for k, v in other.items()]
    times += [(f"service.limits.{k}", str(v)) for k, v in others.items()]
    price = Price.of("2.5", "10", "here", "dear") if dear or not times else None
    with TemporaryDirectory() as folder:
        source = Source(scenario(Path(folder), body, shared=shared))
        check_law(Path(folder), source, Change(price, tuple(times)))


@pytest.mark.parametrize(
    "change",
    [
        Change(None, (("service.limits.concurrency", "1"),)),
        Change(Price.of("0.15", "0.60", "the default is a price like any other", "cheap")),
        Change(Price.of("3", "15", "here", "dear"), (("service.latency.median", "0.2"),)),
    ],
    ids=str,
)
@pytest.mark.parametrize("shared", [False, True])
def test_rows_that_a_chat_model_solves_are_retimed_one_by_one(
    tmp_path: Path, change: Change, shared: bool
) -> None:
    body = table("limits", {"concurrency": 3}) + CHAT
    source = Source(scenario(tmp_path, body, "evaluations = 10", shared))
    check_law(tmp_path, source, change, "random,thompson,evolution")


def test_agents_that_write_are_retimed_with_their_completions(tmp_path: Path) -> None:
    body = CHAT.replace('space = "pool"\npool = 8\n', "")
    source = Source(scenario(tmp_path, body, "evaluations = 8, completions = 30"))
    change = Change(Price.of("1", "4", "here", "m"), (("service.limits.concurrency", "2"),))
    check_law(tmp_path, source, change, "ape,opro")


def test_there_and_back_again(tmp_path: Path) -> None:
    """Four workers, one, four again: the same keys, since the settings are, and the same records."""
    source = Source(scenario(tmp_path, table("limits", {"concurrency": 4}) + POOL))
    played(tmp_path / "a.db", source)
    one, four = [Change(None, (("service.limits.concurrency", number),)) for number in "14"]
    rewrite(tmp_path / "a.db", tmp_path / "b.db", one)
    rewrite(tmp_path / "b.db", tmp_path / "c.db", four)
    assert stored(tmp_path / "a.db") == stored(tmp_path / "c.db") != stored(tmp_path / "b.db")


def refused(folder: Path, body: str, budget: str, change: Change, agents: str = "random") -> str:
    played(folder / "a.db", Source(scenario(folder, body, budget)), agents)
    with pytest.raises(UsageError) as caught:
        rewrite(folder / "a.db", folder / "b.db", change)
    assert not list(folder.glob("*b.db*"))
    return str(caught.value)


DEAR = Change(Price.of("3", "15", "here", "dear"))
SLOW = Change(None, (("service.latency.median", "30"),))


def test_another_price_is_refused_where_money_is_limited(tmp_path: Path) -> None:
    assert "limits usd" in refused(tmp_path, POOL, "evaluations = 10, usd = 1", DEAR)


def test_other_times_are_refused_where_seconds_are_limited(tmp_path: Path) -> None:
    assert "limits seconds" in refused(tmp_path, POOL, "evaluations = 10, seconds = 1000", SLOW)


def test_limits_on_what_does_not_change_refuse_nothing(tmp_path: Path) -> None:
    played(tmp_path / "a.db", Source(scenario(tmp_path, POOL, "evaluations = 10, usd = 1")), "random")
    rewrite(tmp_path / "a.db", tmp_path / "b.db", SLOW)
    played(tmp_path / "c.db", Source(scenario(tmp_path, POOL, "evaluations = 10, seconds = 9")), "random")
    rewrite(tmp_path / "c.db", tmp_path / "d.db", DEAR)


@pytest.mark.parametrize(
    "body",
    [
        '[[noise]]\nkind = "drift"\n' + POOL,
        table("faults", {"patience": 20.0, "dropped": 0.01}) + POOL,
        table("faults", {"outage_every": 30.0, "outage_length": 15.0}) + POOL,
    ],
    ids=["drift", "patience", "outage"],
)
def test_other_times_are_refused_where_answers_depend_on_the_time(tmp_path: Path, body: str) -> None:
    assert "answers depend on the time" in refused(tmp_path, body, "evaluations = 40", SLOW)


def test_other_times_are_refused_where_answers_took_no_time(tmp_path: Path) -> None:
    body = table("latency", {"median": 0.0}) + POOL
    assert "took no time" in refused(tmp_path, body, "evaluations = 10", SLOW)


COUNTING = '''
from sandbox.budget import Cost
from sandbox.protocol import Evaluate, Needs
class Counting:
    """Looks at one more text where evaluations are cheap."""
    name, needs = "counting", Needs.POOL
    def plan(self, task, rng):
        bill = task.lends.bill([Cost(evaluations=1, rows=1)])
        for text in task.space.texts[: 3 if bill.usd > 10**9 else 4]:
            yield from Evaluate(text)
        return text
'''


def test_an_agent_that_looks_at_prices_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "counting_agent.py").write_text(COUNTING)
    monkeypatch.syspath_prepend(tmp_path)
    agent = "counting_agent:Counting"
    assert "asks what things will cost" in refused(tmp_path, POOL, "evaluations = 10", DEAR, agent)


def test_a_scenario_that_has_changed_since_is_refused(tmp_path: Path) -> None:
    source = Source(scenario(tmp_path, POOL))
    played(tmp_path / "a.db", source, "random")
    scenario(tmp_path, NOISE + POOL)
    with pytest.raises(UsageError, match="have changed since"):
        rewrite(tmp_path / "a.db", tmp_path / "b.db", DEAR)


def test_a_problem_with_prices_of_its_own_is_refused(tmp_path: Path) -> None:
    own = POOL + '[problem.service.prices]\nprompt = "1.0"\ncompletion = "1.0"\n'
    assert "prices of its own" in refused(tmp_path, own, "evaluations = 10", DEAR)


@pytest.mark.parametrize(
    "settings",
    [
        "noise.0.sd=1",
        "service.faults.dropped=0.5",
        "service.retry.attempts=9",
        "rows=3",
        "problem.oracle=nk-pool",
    ],
)
def test_only_what_decides_when_can_be_set(settings: str) -> None:
    with pytest.raises(UsageError, match="sandbox run plays it again"):
        change_of(None, None, None, None, None, None, [settings])


def test_nothing_to_change_and_a_price_list_without_a_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="say what is to be different"):
        change_of(None, None, None, None, None, None, [])
    with pytest.raises(UsageError, match="say whose price"):
        change_of(None, "prices.toml", None, None, None, None, [])
    with pytest.raises(UsageError, match="write NAME=SECONDS"):
        change_of(None, None, "fast", None, None, None, [])


def test_keys_are_those_of_the_tournament(tmp_path: Path) -> None:
    for shared in (False, True):
        source = Source(scenario(tmp_path, POOL, shared=shared))
        there = load(source)
        for match in matches(there, source, ["random", "ucb"], 2, there.budget):
            assert keys_of(play(match), there.digest) == match.keys


def live_run(*records: tuple[object, object, Cost], steps: tuple[Step, ...] = ()) -> Run:
    made = tuple(
        Record(Ticket(i, asked, 0, 0, i * 10, b""), Fate.ANSWERED, answer, charge, None, i * 10 + 5)  # type: ignore[arg-type]
        for i, (asked, answer, charge) in enumerate(records)
    )
    return Run(
        key="k", scenario="s", digest="d", problem="p", agent="a", seed=0, budget=Budget(evaluations=9),
        rivals=(), error=None, recommended="x", truth=0.5, spent=sum([r.charge for r in made], FREE),
        steps=steps, records=made, optimum=1.0, baseline=0.0, caveat="live: m at u",
    )  # fmt: skip


def test_a_cached_price_is_paid_where_the_answer_says_what_was_cached() -> None:
    """By hand: 100 prompt tokens of which 40 were cached, 10 completion tokens."""
    answer = ChatAnswer((Choice("yes"),), 100, 10, 40)
    charge = Cost(rows=1, prompt_tokens=100, completion_tokens=10, usd=1)
    run = live_run((RowCall("x", 0), answer, charge), (RowCall("x", 1), answer, charge))
    step = Step("x", 0.5, 5, charge._replace(seconds=5))
    price = Price.of("2", "8", "here", "m")
    other = repriced(replace(run, steps=(step,)), replace(price, cached=Decimal("0.5")))
    one = 60 * 2 * 10**6 + 40 * 5 * 10**5 + 10 * 8 * 10**6
    assert [record.charge.usd for record in other.records] == [one, one]
    assert other.spent.usd == 2 * one
    assert other.steps[0].spent.usd == one
    assert repriced(run, price).spent.usd == 2 * (100 * 2 + 10 * 8) * 10**6


def test_a_cached_price_is_refused_where_nobody_knows_what_was_cached() -> None:
    run = live_run((Complete("q"), Completion(("a",)), Cost(completions=1, prompt_tokens=9, usd=1)))
    price = Price.of("2", "8", "here", "m")
    assert repriced(run, price).spent.usd == 18 * 10**6
    for dear in (replace(price, cached=Decimal(1)), replace(price, written=Decimal(3))):
        with pytest.raises(UsageError, match="how many of its prompt tokens a cache had"):
            repriced(run, dear)


def test_one_log_lies_along_every_axis() -> None:
    cost = Cost(evaluations=1, prompt_tokens=7, completion_tokens=3, usd=USD // 2)
    looks = [(Evaluate(str(i)), Observation(0.1 * i), cost) for i in range(3)]
    steps = tuple(
        Step("x", 0.1 * n, n * 10 - 5, Cost(n, 0, 0, 7 * n, 3 * n, n * USD // 2, n * 10 - 5)) for n in (1, 3)
    )
    run = live_run(*looks, steps=steps)
    found = trajectory(replace(run, spent=run.spent._replace(seconds=2 * 10**9)))
    assert set(found.spent) == set(found.total) == set(AXES)
    assert found.spent["evaluations"].tolist() == found.spent["calls"].tolist() == [1, 3]
    assert found.spent["tokens"].tolist() == [10, 30]
    assert found.spent["usd"].tolist() == [0.5, 1.5]
    assert found.total == {"evaluations": 3, "calls": 3, "tokens": 30, "usd": 1.5, "seconds": 2}


def test_calls_are_rows_and_completions_and_failed_attempts(tmp_path: Path) -> None:
    body = table("faults", {"dropped": 0.3, "patience": 1e6}) + CHAT
    for run in played(tmp_path / "a.db", Source(scenario(tmp_path, body)), "random"):
        calls = [r for r in run.records if isinstance(r.ticket.request, RowCall)]
        assert trajectory(run).total["calls"] == len(calls) > run.spent.rows
        assert [r for batch in batches(run) for r in batch] == list(run.records)


def test_local_work_on_a_white_box_keeps_its_time(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    body = "[white_box]\nper_call = 0.5\n[service.limits]\nconcurrency = 3\n" + CHAT.replace(
        'space = "pool"\npool = 8\n', ""
    ).replace('["antonyms", "sum"]', '["antonyms"]')
    source = Source(scenario(tmp_path, body, "evaluations = 6"))
    runs = played(tmp_path / "w.db", source, "random-soft-prompt")
    assert any(record.fate is Fate.COMPUTED for record in runs[0].records)
    change = Change(None, (("service.limits.concurrency", "1"), ("service.latency.median", "7")))
    check_law(tmp_path, source, change, "random-soft-prompt")
