"""A SQLite file of played runs, with every record: what is in it is never played again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import tables
from sandbox.budget import Budget, Cost
from sandbox.codec import dump_answer, dump_candidate, dump_request, load_answer, load_candidate, load_request
from sandbox.errors import StoreError
from sandbox.protocol import Evaluate
from sandbox.scenario import Source
from sandbox.spaces import Candidate
from sandbox.tournament import Run, Step, versions
from sandbox.trace import Fate, Record, Ticket


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
        """Open the store at `path`; without `create`, one that is on a read-only disk too.

        Raises:
            StoreError: if it is no store, was written by another version, or cannot be written.
        """
        self.path = Path(path)
        if self.path.is_dir():
            raise StoreError(
                f"{self.path}: a folder, not a store; name a file, as in {self.path / 'runs.db'}"
            )
        if not create and not self.path.is_file():
            raise StoreError(f"{self.path}: no such store; `sandbox run` makes one")
        with self._explained():
            try:
                self._db = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
                self._open(create)
            except sqlite3.OperationalError as exc:
                self._close()
                if create or not _read_only(exc):
                    raise
                log = self.path.with_name(self.path.name + "-wal")
                if log.is_file() and log.stat().st_size:
                    raise StoreError(
                        f"{self.path}: read-only, and {log.name} is not merged yet; copy both"
                    ) from exc
                uri = f"{self.path.absolute().as_uri()}?immutable=1"
                self._db = sqlite3.connect(uri, uri=True, isolation_level=None)
                self._open(create)
            except BaseException:
                self._close()
                raise

    def _open(self, create: bool) -> None:
        schema, application = self._header()
        if create and schema == 0 and application == 0:
            self._make_tables()
            schema, application = self._header()
        if application != tables.APPLICATION:
            raise StoreError(f"{self.path}: {_FOREIGN}")
        if schema != tables.SCHEMA and schema not in tables.OLDER:
            raise StoreError(
                f"{self.path}: written with schema {schema}, and this version reads schema {tables.SCHEMA}; "
                "use the version that wrote it, or choose another --out"
            )
        if schema != tables.SCHEMA:
            self._bring_up_to_date(create)
        if create:
            with suppress(sqlite3.OperationalError):  # faster, but others may be using the file just now
                self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")

    def _make_tables(self) -> None:
        with self._writing():
            if self._header() != (0, 0):
                return  # another process was faster
            if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise StoreError(f"{self.path}: {_FOREIGN}")
            tables.make(self._db)

    def _bring_up_to_date(self, create: bool) -> None:
        """A store of an older schema: what is only read stays as it is."""
        if not create:
            tables.imagine(self._db, self._header()[0])
            return
        with self._writing():
            if self._header()[0] in tables.OLDER:  # else another process was faster
                tables.renew(self._db, self._header()[0])

    def _header(self) -> tuple[int, int]:
        schema: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        application: int = self._db.execute("PRAGMA application_id").fetchone()[0]
        return schema, application

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What SQLite complains about, as a sentence that names the file."""
        try:
            yield
        except sqlite3.Error as exc:
            raise StoreError(f"{self.path}: {_explain(exc)}") from exc
        except OverflowError as exc:
            raise StoreError(f"{self.path}: a run cost or took more than 64 bits can count ({exc})") from exc

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All or nothing, also if the process is killed inside."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _close(self) -> None:
        if hasattr(self, "_db"):
            self._db.close()

    def close(self) -> None:
        """Close the file."""
        self._close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def has(self, keys: Iterable[str]) -> bool:
        """Whether all these runs are stored."""
        with self._explained():
            return all(
                self._db.execute("SELECT 1 FROM runs WHERE key = ?", (key,)).fetchone() for key in keys
            )

    def keys(self) -> set[str]:
        """Of every stored run."""
        with self._explained():
            return {key for (key,) in self._db.execute("SELECT key FROM runs")}

    def count(self) -> int:
        """How many runs are stored."""
        with self._explained():
            number: int = self._db.execute("SELECT count(*) FROM runs").fetchone()[0]
            return number

    def forget(self, keys: Iterable[str], *, only_failed: bool = False) -> None:
        """Remove these runs (or those of them that failed), so that they are played again.

        Raises:
            StoreError: if the file cannot be written.
        """
        extra = " AND error IS NOT NULL" if only_failed else ""
        with self._explained(), self._writing():
            for key in keys:
                found = self._db.execute(f"SELECT id FROM runs WHERE key = ?{extra}", (key,)).fetchall()
                for number in found:
                    for table, column in (("records", "run"), ("steps", "run"), ("runs", "id")):
                        self._db.execute(f"DELETE FROM {table} WHERE {column} = ?", number)

    def add(self, runs: Sequence[Run], specs: Sequence[str], source: Source, cpu_seconds: float) -> None:
        """Store all runs of a match, or none; runs that are stored already stay as they are.

        Raises:
            StoreError: if the file cannot be written; nothing of the match is stored then.
        """
        with self._explained(), self._writing():
            for run, spec in zip(runs, specs, strict=True):
                self._insert(run, spec, source, cpu_seconds / len(runs))

    def _insert(self, run: Run, spec: str, source: Source, cpu_seconds: float) -> None:
        row = (
            run.key, run.scenario, run.digest, run.problem, run.agent, run.seed,
            json.dumps(run.budget.limits()), json.dumps(run.rivals), run.code, run.error,
            None if run.recommended is None else dump_candidate(run.recommended),
            run.truth, run.optimum, run.baseline, run.caveat, run.note, *run.spent,
            json.dumps([source.name, source.data, source.changes]), spec, json.dumps(versions()),
            datetime.now(UTC).isoformat(timespec="seconds"), cpu_seconds,
        )  # fmt: skip
        columns = f"{tables.RUN}, {tables.PLAYED}"
        cursor = self._db.execute(f"INSERT OR IGNORE INTO runs ({columns}) VALUES (NULL, {_marks(row)})", row)
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
            marks = _marks(records[0])
            self._db.executemany(f"INSERT INTO records ({tables.RECORD}) VALUES ({marks})", records)
        steps = [
            (number, i, dump_candidate(step.candidate), step.truth, step.at, *step.spent)
            for i, step in enumerate(run.steps)
        ]
        if steps:
            self._db.executemany(f"INSERT INTO steps ({tables.STEP}) VALUES ({_marks(steps[0])})", steps)

    def runs(self, keys: Iterable[str] | None = None, *, current: bool = False) -> list[Run]:
        """Stored runs without their records, in an order that does not depend on when they were played.

        Args:
            keys: which; None for all.
            current: leave out what an agent made before its code or this package changed.
        """
        wanted = None if keys is None else list(keys)
        query = f"SELECT {tables.RUN} FROM runs"
        few = wanted is not None and len(wanted) <= 500
        if few:
            query += f" WHERE key IN ({_marks(wanted or ())})"
        with self._explained():
            rows = self._db.execute(f"{query} ORDER BY {_ORDER}", (wanted or ()) if few else ()).fetchall()
            if wanted is not None and not few:
                chosen = set(wanted)
                rows = [row for row in rows if row[1] in chosen]
            if current:
                rows = _newest(rows)
            steps = self._steps([row[0] for row in rows] if few else None)
        return [self._run(row, steps.get(row[0], ())) for row in rows]

    def _steps(self, runs: list[int] | None) -> dict[int, list[Step]]:
        """The recommendations of these runs, or of all."""
        query = f"SELECT run, candidate, truth, at, {tables.SPENT} FROM steps"
        if runs is not None:
            query += f" WHERE run IN ({', '.join(map(str, runs))})"
        found: dict[int, list[Step]] = {}
        for run, candidate, truth, at, *spent in self._db.execute(query + " ORDER BY run, number"):
            found.setdefault(run, []).append(Step(load_candidate(candidate), truth, at, Cost._make(spent)))
        return found

    def _run(self, row: Any, steps: Sequence[Step]) -> Run:
        (_, key, scenario, digest, problem, agent, seed, budget, rivals, code, error, recommended,
         truth, optimum, baseline, caveat, note, *spent) = row  # fmt: skip
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
            records=(),
            optimum=optimum,
            baseline=baseline,
            caveat=caveat,
            note=note,
            code=code,
        )

    def records(self, key: str) -> tuple[Record, ...]:
        """Every request of the run with this key, in the order asked."""
        with self._explained():
            number = self._db.execute("SELECT id FROM runs WHERE key = ?", (key,)).fetchone()[0]
            return tuple(self._records(number))

    def _records(self, run: int) -> Iterator[Record]:
        query = (
            "SELECT number, attempt, repeat, fate, request, answer, truth, sent_at, answered_at, "
            f"{tables.SPENT} FROM records WHERE run = ? ORDER BY number, attempt"
        )
        candidate: Candidate = ""  # of the evaluation whose rows follow
        for row in self._db.execute(query, (run,)):
            number, attempt, repeat, fate, request, answer, truth, sent_at, answered_at, *charge = row
            asked = load_request(request, candidate)
            if isinstance(asked, Evaluate):
                candidate = asked.candidate
            ticket = Ticket(
                number, asked, repeat, attempt, sent_at, asked.key() + repeat.to_bytes(8, "little")
            )
            yield Record(ticket, Fate(fate), load_answer(answer), Cost._make(charge), truth, answered_at)

    def find(self, name: str) -> Run:
        """The one run whose key starts with `name`, or that "problem/agent/seed" names; with its records.

        Raises:
            StoreError: if there is none, or more than one.
        """
        # A lone surrogate cannot be looked up in SQLite, and no stored name holds one.
        name = name.encode("utf-8", "replace").decode()
        with self._explained():
            rows = self._db.execute(
                "SELECT key FROM runs WHERE substr(key, 1, ?1) = ?2 "
                "OR problem || '/' || agent || '/' || seed = ?2 "
                "OR scenario || '/' || problem || '/' || agent || '/' || seed = ?2",
                (max(len(name), 1), name),
            ).fetchall()
        if len(rows) != 1:
            what = f"{len(rows)} runs are" if rows else "no run is"
            keys = f": {', '.join(key[:10] for (key,) in rows[:5])}" if rows else ""
            raise StoreError(
                f"{self.path}: {what} named {name!r}{keys}; give a key or problem/agent/seed, as "
                f"`sandbox show {self.path} --runs` lists them"
            )
        key = rows[0][0]
        return replace(self.runs([key])[0], records=self.records(key))

    def select(self, query: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        """The rows that a query of a report's finds in `runs`, `records` and `steps`; nothing is changed."""
        with self._explained():
            yield from self._db.execute(query, parameters)

    def provenance(self, key: str) -> Provenance:
        """How the run with this key came to be."""
        with self._explained():
            source, spec, made_with, played_at, cpu_seconds = self._db.execute(
                "SELECT source, spec, versions, played_at, cpu_seconds FROM runs WHERE key = ?", (key,)
            ).fetchone()
        name, data, changes = json.loads(source)
        origin = Source(name, data, tuple((k, v) for k, v in changes))
        return Provenance(origin, spec, json.loads(made_with), played_at, cpu_seconds)


_ORDER = "scenario, problem, agent, seed, digest, budget, key"
_FOREIGN = "not a store of this program; choose another --out"
_PATIENCE = 60.0
"""Seconds to wait for another process that is writing."""


def _newest(rows: list[Any]) -> list[Any]:
    """Of each agent in each tournament the rows that share their code with the one stored last."""
    last: dict[tuple[Any, ...], tuple[int, str]] = {}
    for number, _, scenario, digest, _, agent, _, budget, rivals, code, *_ in rows:
        who = (scenario, digest, agent, budget, rivals)
        last[who] = max(last.get(who, (0, "")), (number, code))
    return [row for row in rows if row[9] == last[row[2], row[3], row[5], row[7], row[8]][1]]


def _marks(row: Sequence[Any]) -> str:
    return ", ".join("?" * len(row))


def _read_only(error: sqlite3.Error) -> bool:
    return any(sign in str(error) for sign in ("readonly", "read-only", "unable to open"))


def _explain(error: sqlite3.Error) -> str:
    """What a person can do about it."""
    text = str(error)
    advice = {
        "readonly": "the file or its folder is read-only",
        "read-only": "the file or its folder is read-only",
        "unable to open": "the folder does not exist or may not be written",
        "is full": "the disk is full; what was stored is kept, make room and run the same command again",
        "not a database": _FOREIGN,
        "malformed": "the file is damaged; move it away, or choose another --out",
        "locked": f"another process has been writing to it for {_PATIENCE:g} s; try again",
        "disk I/O": "the disk cannot be written or read; is it full?",
    }
    for sign, meaning in advice.items():
        if sign in text:
            return f"{meaning} ({text})"
    return text
