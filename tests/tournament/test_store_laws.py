"""A store gives back what was put in, all of a match or nothing of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from test_codec_round_trips import answers, candidates, requests, texts

import sandbox.store
from sandbox.budget import CURRENCIES, FREE, Budget, Cost
from sandbox.scenario import Source
from sandbox.store import Store
from sandbox.tournament import Run, Step
from sandbox.trace import Fate, Record, Ticket

floats = st.floats(allow_nan=False).map(lambda x: x + 0.0)
"""SQLite keeps no sign of zero in its own columns; candidates and answers keep theirs."""
amounts = st.integers(0, 2**63 - 1)
costs = st.builds(Cost, *[amounts] * len(CURRENCIES))
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
NO_SHRINKING = [Phase.explicit, Phase.reuse, Phase.generate]
SOURCE = Source("here", "there", (("a.b", "1"),))


@st.composite
def records(draw: st.DrawFn, number: int) -> Record:
    request = draw(requests)
    repeat = draw(st.integers(0, 2**31))
    key = request.key() + repeat.to_bytes(8, "little")
    ticket = Ticket(number, request, repeat, draw(st.integers(0, 3)), draw(amounts), key)
    truth = draw(st.none() | floats)
    return Record(ticket, draw(st.sampled_from(Fate)), draw(answers), draw(costs), truth, draw(amounts))


@st.composite
def runs(draw: st.DrawFn) -> Run:
    failed = draw(st.booleans())
    return Run(
        key=draw(st.text("0123456789abcdef", min_size=20, max_size=20)),
        scenario=draw(names),
        digest=draw(names),
        problem=draw(names),
        agent=draw(names),
        seed=draw(st.integers(0, 10)),
        budget=draw(st.builds(Budget, *[st.none() | st.integers(1, 2**62)] * len(CURRENCIES))),
        rivals=draw(st.lists(names, max_size=3).map(tuple)),
        error=draw(names) if failed else None,
        recommended=None if failed else draw(candidates),
        truth=None if failed else draw(floats),
        spent=draw(costs),
        steps=tuple(draw(st.lists(st.builds(Step, candidates, floats, amounts, costs), max_size=3))),
        records=tuple(draw(records(number)) for number in range(draw(st.integers(0, 3)))),
        optimum=draw(floats),
        baseline=draw(floats),
        caveat=draw(names),
        code=draw(names),
    )


def plain(run: Run) -> str:
    """Everything in a run; errors compare by identity, and -0.0 equals 0.0."""
    return repr(run)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@settings(
    max_examples=60,
    deadline=None,
    phases=NO_SHRINKING,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(runs(), max_size=4, unique_by=lambda run: run.key), st.randoms())
def test_what_goes_in_comes_out(tmp_path: Path, played: list[Run], random: Any) -> None:
    path = tmp_path / "b.db"
    path.unlink(missing_ok=True)
    with Store(path) as store:
        for run in played:
            store.add([run], ["spec"], SOURCE, 1.5)
    with Store(path, create=False) as store:
        found = store.runs()
        assert sorted(map(plain, found)) == sorted(plain(replace(run, records=())) for run in played)
        assert store.keys() == {run.key for run in played}
        for run in played:
            assert plain(store.find(run.key)) == plain(run)
            assert store.provenance(run.key).source == SOURCE
    path.unlink()
    random.shuffle(played)
    with Store(path) as store:
        for run in played:
            store.add([run], ["spec"], SOURCE, 2.5)
        assert [plain(run) for run in store.runs()] == [plain(run) for run in found]


def one(key: str, **changes: Any) -> Run:
    """A run with three records."""
    run = Run(
        key=key, scenario="s", digest="d", problem="p", agent="a", seed=0, rivals=(),
        budget=Budget(evaluations=3), error=None, recommended="x", truth=0.5, spent=FREE, records=(),
        steps=(Step("x", 0.5, 0, FREE),), optimum=1.0, baseline=0.0, caveat="",
    )  # fmt: skip
    request = sandbox.protocol.Evaluate("x")
    asked = tuple(
        Record(Ticket(i, request, i, 0, 0, request.key()), Fate.ANSWERED, None, FREE, None, 0)
        for i in range(3)
    )
    return replace(run, records=asked, **changes)


def everything(path: Path) -> list[Any]:
    """All rows of all tables, as another process sees them."""
    db = sqlite3.connect(path)
    found = [db.execute(f"SELECT * FROM {table}").fetchall() for table in ("runs", "records", "steps")]
    db.close()
    return found


@pytest.mark.parametrize("after", range(6))
def test_a_match_is_stored_as_a_whole_or_not_at_all(
    path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    with Store(path) as store:
        store.add([one("first")], ["a"], SOURCE, 1.0)
        before = everything(path)
        calls: Iterator[int] = iter(range(after))
        dump = sandbox.store.dump_request

        def interrupted(request: Any) -> str:
            if next(calls, None) is None:
                assert everything(path) == before  # nobody sees a part
                raise KeyboardInterrupt
            return dump(request)

        monkeypatch.setattr(sandbox.store, "dump_request", interrupted)
        match = [one("second", agent="a"), one("third", agent="b")]
        with pytest.raises(KeyboardInterrupt):
            store.add(match, ["a", "b"], SOURCE, 1.0)
        assert everything(path) == before
        monkeypatch.undo()
        store.add(match, ["a", "b"], SOURCE, 1.0)
        assert store.has(["first", "second", "third"])


def test_what_is_stored_is_never_overwritten(path: Path) -> None:
    with Store(path) as store:
        store.add([one("k")], ["a"], SOURCE, 1.0)
        before = everything(path)
        store.add([one("k", truth=0.9, agent="other")], ["b"], SOURCE, 2.0)
        assert everything(path) == before


def test_forgetting_leaves_nothing_behind(path: Path) -> None:
    with Store(path) as store:
        store.add([one("good")], ["a"], SOURCE, 1.0)
        before = everything(path)
        store.add([one("bad", error="why", recommended=None, truth=None)], ["a"], SOURCE, 1.0)
        store.forget(["good", "bad", "unknown"], only_failed=True)
        assert everything(path) == before
        store.forget(["good"])
        assert everything(path) == [[], [], []]


def test_only_the_code_that_was_stored_last_is_current(path: Path) -> None:
    played = [
        one("1", seed=0, code="old"),
        one("2", seed=1, code="old"),
        one("3", seed=0, code="new"),
        one("4", seed=0, agent="b", code="old"),
        one("5", seed=0, code="old", budget=Budget(evaluations=9)),
    ]
    with Store(path) as store:
        for run in played:
            store.add([run], ["a"], SOURCE, 1.0)
        assert {run.key for run in store.runs(current=True)} == {"3", "4", "5"}
        assert len(store.runs()) == store.count() == 5


def test_many_keys_are_found_as_few_are(path: Path) -> None:
    keys = [f"{number:04}" for number in range(1200)]
    with Store(path) as store:
        for key in keys:
            store.add([one(key)], ["a"], SOURCE, 1.0)
        for wanted in (keys[:3], keys[:700], [*keys[:2], "unknown"], []):
            found = store.runs(wanted)
            assert {run.key for run in found} == set(wanted) - {"unknown"}
            assert all(len(run.steps) == 1 for run in found)


@settings(max_examples=50)
@given(texts)
@example("\ud800")
def test_any_name_is_looked_up_without_harm(name: str) -> None:
    with Store(":memory:") as store, pytest.raises(sandbox.errors.StoreError, match="no run is named"):
        store.find(name)
