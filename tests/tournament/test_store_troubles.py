"""Disks, folders and other programs that a store meets."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from test_store_laws import SOURCE, everything, one

from sandbox.errors import StoreError
from sandbox.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    with Store(path) as store:
        store.add([one("first")], ["a"], SOURCE, 1.0)
    return path


def test_a_full_disk_is_named_and_loses_nothing(path: Path) -> None:
    before = everything(path)
    with Store(path) as store:
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match=r"a\.db: the disk is full; .* run the same command again"):
            store.add([one("second", caveat="x" * 20_000)], ["a"], SOURCE, 1.0)
        assert everything(path) == before
        store._db.execute("PRAGMA max_page_count = 100000")
        store.add([one("second", caveat="x" * 20_000)], ["a"], SOURCE, 1.0)
        assert store.keys() == {"first", "second"}


class Refusing:
    """A connection on which one statement fails."""

    def __init__(self, db: sqlite3.Connection, start: str, message: str) -> None:
        self._db, self._start, self._message = db, start, message

    def execute(self, sql: str, *args: Any) -> Any:
        if sql.startswith(self._start):
            raise sqlite3.OperationalError(self._message)
        return self._db.execute(sql, *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


@pytest.mark.parametrize("start", ["BEGIN", "INSERT INTO runs", "INSERT OR IGNORE", "COMMIT"])
@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("attempt to write a readonly database", "read-only"),
        ("database or disk is full", "the disk is full"),
        ("disk I/O error", "is it full"),
        ("database is locked", "another process"),
        ("database disk image is malformed", "damaged"),
        ("something new", "something new"),
    ],
)
def test_whatever_fails_while_writing_is_told_and_undone(
    path: Path, start: str, message: str, says: str
) -> None:
    before = everything(path)
    with Store(path) as store:
        real = store._db
        store._db = Refusing(real, start, message)  # type: ignore[assignment]
        if start != "INSERT INTO runs":
            with pytest.raises(StoreError, match=says) as caught:
                store.add([one("second")], ["a"], SOURCE, 1.0)
            assert str(path) in str(caught.value)
        store._db = real
        assert everything(path) == before
        store.add([one("second")], ["a"], SOURCE, 1.0)
        assert store.keys() == {"first", "second"}


@pytest.mark.parametrize("message", ["attempt to write a readonly database", "unable to open database file"])
def test_a_store_on_a_read_only_disk_can_be_read_but_not_played_into(
    path: Path, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    connect = sqlite3.connect

    def refuse(database: Any, *args: Any, **options: Any) -> sqlite3.Connection:
        if "immutable" not in str(database):
            raise sqlite3.OperationalError(message)
        return connect(database, *args, **options)

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with pytest.raises(StoreError, match=r"read-only|may not be written"):
        Store(path)
    with Store(path, create=False) as store:
        assert [run.key for run in store.runs()] == ["first"]
        with pytest.raises(StoreError, match="read-only"):
            store.add([one("second")], ["a"], SOURCE, 1.0)


def test_a_read_only_store_with_an_unmerged_log_is_not_half_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.with_name("a.db-wal").write_bytes(b"x")

    def refuse(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with pytest.raises(StoreError, match="not merged"):
        Store(path, create=False)


def test_more_than_64_bits_are_refused_in_words(path: Path) -> None:
    with Store(path) as store, pytest.raises(StoreError, match="64 bits"):
        store.add([one("second", seed=2**70)], ["a"], SOURCE, 1.0)


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    with pytest.raises(StoreError, match="not a store"):
        Store(path, create=False)
    with Store(path) as store:
        assert store.count() == 0


def _add(path: Path, first: int) -> None:
    with Store(path) as store:
        for number in range(20):
            store.add([one(f"{(first + number) % 40:02}")], ["a"], SOURCE, 1.0)


def test_several_processes_make_and_fill_one_store(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add, args=(path, first)) for first in (0, 10, 20, 30)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    with Store(path) as store:
        assert store.keys() == {f"{number:02}" for number in range(40)}
        assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert len(everything(path)[1]) == 120
