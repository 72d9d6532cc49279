"""A store that an earlier version wrote is read as it is, and continued."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from test_store_laws import SOURCE, one

from sandbox.budget import Budget, Cost
from sandbox.store import Store
from sandbox.tables import SCHEMA

FIRST = (Cost(evaluations=2), Budget(evaluations=3), one("first").steps, 3)


def seen(store: Store, key: str) -> tuple[Any, ...]:
    """What was spent of what, the steps, and how many records there are."""
    run = store.find(key)
    return run.spent, run.budget, run.steps, len(run.records)


@pytest.fixture(params=[1, 2])
def older(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """As schema 1 was, without tokens of the white box, and 2, without the notes of runs."""
    path = tmp_path / "older.db"
    with Store(path) as store:
        store.add([one("first", spent=Cost(evaluations=2))], ["a"], SOURCE, 1.0)
        assert seen(store, "first") == FIRST
    with sqlite3.connect(path) as db:
        for table in ("runs", "records", "steps") if request.param == 1 else ():
            db.execute(f"ALTER TABLE {table} DROP COLUMN whitebox_tokens")
        db.execute("ALTER TABLE runs DROP COLUMN note")
        db.execute(f"PRAGMA user_version = {request.param}")
        db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    return path


def test_it_is_read_without_being_changed(older: Path) -> None:
    before = older.read_bytes()
    with Store(older, create=False) as store:
        assert seen(store, "first") == FIRST
    assert older.read_bytes() == before


def test_it_is_continued(older: Path) -> None:
    new = one("second", spent=Cost(whitebox_tokens=7, usd=3), budget=Budget(whitebox_tokens=9))
    for _ in range(2):
        with Store(older) as store:
            store.add([new], ["a"], SOURCE, 1.0)
            assert seen(store, "first") == FIRST
            assert seen(store, "second") == (new.spent, new.budget, new.steps, 3)
            assert store.provenance("second").source == SOURCE
    with sqlite3.connect(older) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    db.close()
