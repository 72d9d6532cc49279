"""The tables of a store, and how one that an earlier version wrote is read and continued."""

from __future__ import annotations

import sqlite3

from sandbox.budget import CURRENCIES

SCHEMA = 3
"""Raised whenever the tables change."""
OLDER = {1: ("whitebox_tokens",), 2: ()}
"""Of schemas that are still read: the currencies that they lack; nothing of these was ever spent then.
All of them lack the note of a run."""
APPLICATION = 0x15A9DB07  # marks the file as ours, in SQLite's own header field

SPENT = ", ".join(CURRENCIES)
RUN = (
    "id, key, scenario, digest, problem, agent, seed, budget, rivals, code, error, recommended, truth, "
    f"optimum, baseline, caveat, note, {SPENT}"
)
"""The columns of a run; PLAYED are the others."""
PLAYED = "source, spec, versions, played_at, cpu_seconds"
RECORD = f"run, number, attempt, repeat, fate, request, answer, truth, sent_at, answered_at, {SPENT}"
STEP = f"run, number, candidate, truth, at, {SPENT}"
_AMOUNTS = ", ".join(f"{currency} INTEGER NOT NULL" for currency in CURRENCIES)
_TABLES = f"""
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
    scenario TEXT NOT NULL, digest TEXT NOT NULL, problem TEXT NOT NULL, agent TEXT NOT NULL,
    seed INTEGER NOT NULL,
    budget TEXT NOT NULL, rivals TEXT NOT NULL, code TEXT NOT NULL, error TEXT, recommended TEXT, truth REAL,
    optimum REAL NOT NULL, baseline REAL NOT NULL, caveat TEXT NOT NULL,
    note TEXT NOT NULL, {_AMOUNTS},
    source TEXT NOT NULL, spec TEXT NOT NULL, versions TEXT NOT NULL,
    played_at TEXT NOT NULL, cpu_seconds REAL NOT NULL
);
CREATE TABLE records (
    run INTEGER NOT NULL REFERENCES runs(id), number INTEGER NOT NULL, attempt INTEGER NOT NULL,
    repeat INTEGER NOT NULL, fate TEXT NOT NULL, request TEXT NOT NULL, answer TEXT, truth REAL,
    sent_at INTEGER NOT NULL, answered_at INTEGER NOT NULL, {_AMOUNTS},
    PRIMARY KEY (run, number, attempt)
) WITHOUT ROWID;
CREATE TABLE steps (
    run INTEGER NOT NULL REFERENCES runs(id), number INTEGER NOT NULL, candidate TEXT NOT NULL,
    truth REAL NOT NULL, at INTEGER NOT NULL, {_AMOUNTS},
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
"""


def make(db: sqlite3.Connection) -> None:
    """Make the tables in an empty file; inside a transaction of the caller's."""
    for statement in _TABLES.split(";"):
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute(f"PRAGMA user_version = {SCHEMA}")


def renew(db: sqlite3.Connection, schema: int) -> None:
    """Give the tables of an older schema what they lack; inside a transaction of the caller's."""
    for table in ("runs", "records", "steps"):
        for currency in OLDER[schema]:
            db.execute(f"ALTER TABLE {table} ADD COLUMN {currency} INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT ''")
    db.execute(f"PRAGMA user_version = {SCHEMA}")


def imagine(db: sqlite3.Connection, schema: int) -> None:
    """Let this connection see what the tables of an older schema lack; the file stays as it is."""
    lacking = [f"0 AS {currency}" for currency in OLDER[schema]]
    for table in ("runs", "records", "steps"):
        columns = ", ".join(["*", *lacking, *(["'' AS note"] if table == "runs" else [])])
        db.execute(f"CREATE TEMP VIEW {table} AS SELECT {columns} FROM main.{table}")
