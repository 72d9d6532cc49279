"""A SQLite file of played runs, with every record: what is in it is never played again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.budget import CURRENCIES, Budget, Cost
from sandbox.codec import dump_answer, dump_candidate, dump_request, load_answer, load_candidate, load_request
from sandbox.errors import StoreError
from sandbox.scenario import Source
from sandbox.tournament import Run, Step, versions
from sandbox.trace import Fate, Record, Ticket

SCHEMA = 1
"""Raised whenever the tables change; a store of another schema is refused, never converted."""
_APPLICATION = 0x15A9DB07  # marks the file as ours, in SQLite's own header field

_SPENT = ", ".join(f"{currency} INTEGER NOT NULL" for currency in CURRENCIES)
_TABLES = f"""
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
    scenario TEXT NOT NULL, digest TEXT NOT NULL, problem TEXT NOT NULL, agent TEXT NOT NULL, seed INTEGER NOT NULL,
    budget TEXT NOT NULL, rivals TEXT NOT NULL, error TEXT, recommended TEXT, truth REAL,
    optimum REAL NOT NULL, baseline REAL NOT NULL, caveat TEXT NOT NULL, {_SPENT},
    source TEXT NOT NULL, spec TEXT NOT NULL, versions TEXT NOT NULL,
    played_at TEXT NOT NULL, cpu_seconds REAL NOT NULL
);
CREATE TABLE records (
    run INTEGER NOT NULL REFERENCES runs(id), number INTEGER NOT NULL, attempt INTEGER NOT NULL,
    repeat INTEGER NOT NULL, fate TEXT NOT NULL, request TEXT NOT NULL, answer TEXT, truth REAL,
    sent_at INTEGER NOT NULL, answered_at INTEGER NOT NULL, {_SPENT},
    PRIMARY KEY (run, number, attempt)
) WITHOUT ROWID;
CREATE TABLE steps (
    run INTEGER NOT NULL REFERENCES runs(id), number INTEGER NOT NULL, candidate TEXT NOT NULL,
    truth REAL NOT NULL, at INTEGER NOT NULL, {_SPENT},
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a stored run came to be; no result depends on it."""

    source: Source
    spec: str
    versions: dict[str, str]
    played_at: str
    cpu_seconds: float


class Store:
    """One file. Several processes may read and add at the same time."""

    def __init__(self, path: Path | str, *, create: bool = True) -> None:
        """Open the store at `path`.

        Raises:
            StoreError: if it is no store, was written by another version, or cannot be written.
        """
        self.path = Path(path)
        if not create and not self.path.is_file():
            raise StoreError(f"{self.path}: no such store; `sandbox run` makes one")
        try:
            self._db = sqlite3.connect(self.path, timeout=60.0, isolation_level=None)
            self._open(create)
        except sqlite3.Error as exc:
            raise StoreError(f"{self.path}: {_explain(exc)}") from exc

    def _open(self, create: bool) -> None:
        schema, application = self._header()
        if create and schema == 0 and application == 0:
            self._db.execute("PRAGMA journal_mode = WAL")
            with self._writing():
                if self._header() == (0, 0):  # nobody else was faster
                    if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                        raise StoreError(f"{self.path}: a database of another program; choose another --out")
                    for statement in _TABLES.split(";"):
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
                    self._db.execute(f"PRAGMA user_version = {SCHEMA}")
            schema, application = self._header()
        if application != _APPLICATION:
            raise StoreError(f"{self.path}: not a store of this program; choose another --out")
        if schema != SCHEMA:
            raise StoreError(
                f"{self.path}: written with schema {schema}, and this version reads schema {SCHEMA}; "
                "use the version that wrote it, or choose another --out"
            )
        self._db.execute("PRAGMA synchronous = NORMAL")

    def _header(self) -> tuple[int, int]:
        schema: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        application: int = self._db.execute("PRAGMA application_id").fetchone()[0]
        return schema, application

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All or nothing, also if the process is killed inside."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def has(self, keys: Iterable[str]) -> bool:
        """Whether all these runs are stored."""
        return all(self._db.execute("SELECT 1 FROM runs WHERE key = ?", (key,)).fetchone() for key in keys)

    def keys(self) -> set[str]:
        """Of every stored run."""
        return {key for (key,) in self._db.execute("SELECT key FROM runs")}

    def forget(self, keys: Iterable[str], *, only_failed: bool = False) -> None:
        """Remove these runs (or those of them that failed), so that they are played again.

        Raises:
            StoreError: if the file cannot be written.
        """
        extra = " AND error IS NOT NULL" if only_failed else ""
        try:
            with self._writing():
                for key in keys:
                    for (number,) in self._db.execute(
                        f"SELECT id FROM runs WHERE key = ?{extra}", (key,)
                    ).fetchall():
                        for table, column in (("records", "run"), ("steps", "run"), ("runs", "id")):
                            self._db.execute(f"DELETE FROM {table} WHERE {column} = ?", (number,))
        except sqlite3.Error as exc:
            raise StoreError(f"{self.path}: {_explain(exc)}") from exc

    def add(self, runs: Sequence[Run], specs: Sequence[str], source: Source, cpu_seconds: float) -> None:
        """Store all runs of a match, or none; runs that are stored already stay as they are.

        Raises:
            StoreError: if the file cannot be written; nothing of the match is stored then.
        """
        try:
            with self._writing():
                for run, spec in zip(runs, specs, strict=True):
                    self._insert(run, spec, source, cpu_seconds / len(runs))
        except sqlite3.Error as exc:
            raise StoreError(f"{self.path}: {_explain(exc)}; what was stored before is safe") from exc

    def _insert(self, run: Run, spec: str, source: Source, cpu_seconds: float) -> None:
        row = (
            run.key, run.scenario, run.digest, run.problem, run.agent, run.seed,
            json.dumps(run.budget.limits()), json.dumps(run.rivals), run.error,
            None if run.recommended is None else dump_candidate(run.recommended),
            run.truth, run.optimum, run.baseline, run.caveat, *run.spent,
            json.dumps([source.name, source.data, source.changes]), spec, json.dumps(versions()),
            datetime.now(UTC).isoformat(timespec="seconds"), cpu_seconds,
        )  # fmt: skip
        cursor = self._db.execute(f"INSERT OR IGNORE INTO runs VALUES (NULL, {_marks(row)})", row)
        if cursor.rowcount == 0:
            return
        number = cursor.lastrowid
        records = [
            (
                number, ticket.number, ticket.attempt, ticket.repeat, record.fate.value,
                dump_request(ticket.request), dump_answer(record.answer), record.truth,
                ticket.sent_at, record.answered_at, *record.charge,
            )
            for record in run.records
            for ticket in (record.ticket,)
        ]  # fmt: skip
        if records:
            self._db.executemany(f"INSERT INTO records VALUES ({_marks(records[0])})", records)
        steps = [
            (number, i, dump_candidate(step.candidate), step.truth, step.at, *step.spent)
            for i, step in enumerate(run.steps)
        ]
        if steps:
            self._db.executemany(f"INSERT INTO steps VALUES ({_marks(steps[0])})", steps)

    def runs(self, keys: Iterable[str] | None = None, *, records: bool = False) -> list[Run]:
        """Stored runs, in an order that does not depend on when they were played.

        Args:
            keys: which; None for all.
            records: whether to read the records too, which are most of the file.
        """
        wanted = None if keys is None else set(keys)
        try:
            rows = self._db.execute(
                f"SELECT {_RUN} FROM runs ORDER BY scenario, problem, agent, seed, key"
            ).fetchall()
            steps = self._steps(None if wanted is None or len(wanted) > 500 else rows, wanted)
            return [
                self._run(row, steps.get(row[0], ()), records)
                for row in rows
                if wanted is None or row[1] in wanted
            ]
        except sqlite3.Error as exc:
            raise StoreError(f"{self.path}: {_explain(exc)}") from exc

    def _steps(self, rows: list[Any] | None, wanted: set[str] | None) -> dict[int, list[Step]]:
        """The recommendations of the wanted runs, or of all."""
        query = f"SELECT run, candidate, truth, at, {', '.join(CURRENCIES)} FROM steps"
        if rows is not None and wanted is not None:
            query += f" WHERE run IN ({', '.join(str(row[0]) for row in rows if row[1] in wanted)})"
        found: dict[int, list[Step]] = {}
        for run, candidate, truth, at, *spent in self._db.execute(query + " ORDER BY run, number"):
            found.setdefault(run, []).append(Step(load_candidate(candidate), truth, at, Cost._make(spent)))
        return found

    def _run(self, row: Any, steps: Sequence[Step], records: bool) -> Run:
        (number, key, scenario, digest, problem, agent, seed, budget, rivals, error, recommended,
         truth, optimum, baseline, caveat, *spent) = row  # fmt: skip
        return Run(
            key=key,
            scenario=scenario,
            digest=digest,
            problem=problem,
            agent=agent,
            seed=seed,
            budget=Budget(**json.loads(budget)),
            rivals=tuple(json.loads(rivals)),
            error=error,
            recommended=None if recommended is None else load_candidate(recommended),
            truth=truth,
            spent=Cost._make(spent),
            steps=tuple(steps),
            records=tuple(self._records(number)) if records else (),
            optimum=optimum,
            baseline=baseline,
            caveat=caveat,
        )

    def _records(self, run: int) -> Iterator[Record]:
        query = (
            "SELECT number, attempt, repeat, fate, request, answer, truth, sent_at, answered_at, "
            f"{', '.join(CURRENCIES)} FROM records WHERE run = ? ORDER BY number, attempt"
        )
        for row in self._db.execute(query, (run,)):
            number, attempt, repeat, fate, request, answer, truth, sent_at, answered_at, *charge = row
            asked = load_request(request)
            ticket = Ticket(
                number, asked, repeat, attempt, sent_at, asked.key() + repeat.to_bytes(8, "little")
            )
            yield Record(ticket, Fate(fate), load_answer(answer), Cost._make(charge), truth, answered_at)

    def find(self, name: str) -> Run:
        """The one run whose key starts with `name`, or that "problem/agent/seed" names; with its records.

        Raises:
            StoreError: if there is none, or more than one.
        """
        rows = self._db.execute(
            "SELECT key FROM runs WHERE key LIKE ? OR problem || '/' || agent || '/' || seed = ? "
            "OR scenario || '/' || problem || '/' || agent || '/' || seed = ?",
            (name.replace("%", "") + "%", name, name),
        ).fetchall()
        if len(rows) != 1:
            reason = f"{len(rows)} runs" if rows else "no run"
            raise StoreError(
                f"{self.path}: {reason} named {name!r}; `sandbox show {self.path}` lists them "
                "(a key, or problem/agent/seed)"
            )
        return self.runs([rows[0][0]], records=True)[0]

    def provenance(self, key: str) -> Provenance:
        """How the run with this key came to be."""
        source, spec, made_with, played_at, cpu_seconds = self._db.execute(
            "SELECT source, spec, versions, played_at, cpu_seconds FROM runs WHERE key = ?", (key,)
        ).fetchone()
        name, data, changes = json.loads(source)
        return Provenance(
            Source(name, data, tuple((k, v) for k, v in changes)),
            spec,
            json.loads(made_with),
            played_at,
            cpu_seconds,
        )


_RUN = (
    "id, key, scenario, digest, problem, agent, seed, budget, rivals, error, recommended, truth, "
    "optimum, baseline, caveat, " + ", ".join(CURRENCIES)
)


def _marks(row: Sequence[Any]) -> str:
    return ", ".join("?" * len(row))


def _explain(error: sqlite3.Error) -> str:
    """What a person can do about it."""
    text = str(error)
    advice = {
        "readonly": "the file or its folder is read-only",
        "read-only": "the file or its folder is read-only",
        "unable to open": "the folder does not exist or may not be written",
        "full": "the disk is full",
        "not a database": "not a store of this program; choose another --out",
        "malformed": "the file is damaged",
        "locked": "another process has held it for a minute",
        "disk I/O": "the disk cannot be written (full?)",
    }
    for sign, meaning in advice.items():
        if sign in text:
            return f"{meaning} ({text})" if sign not in meaning else meaning
    return text
