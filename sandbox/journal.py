"""What a live run has paid for, durable before the agent sees it; a killed run goes on from here.

The journal lies in the store's own file. Each attempt is noted before it leaves, each reply before it
is settled, and a note is made only when it would survive a loss of power; notes that come while the
disk is busy are written together. To resume, the replies are fed to a fresh session of the same agent,
which asks the same again; what was on its way when the process died is known by its missing reply.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from sandbox.budget import Cost
from sandbox.codec import dump_answer, dump_candidate, load_answer, load_candidate
from sandbox.errors import StoreError
from sandbox.manners import short
from sandbox.session import Session
from sandbox.spaces import Candidate
from sandbox.trace import Reply, Ticket

_TABLES = """
CREATE TABLE IF NOT EXISTS live_runs (key TEXT PRIMARY KEY, tag TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS live_notes (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, what TEXT NOT NULL, number INTEGER NOT NULL,
    attempt INTEGER NOT NULL, asked TEXT NOT NULL, at INTEGER NOT NULL, answer TEXT, charge TEXT,
    took INTEGER, wait INTEGER
);
CREATE INDEX IF NOT EXISTS live_notes_of_run ON live_notes (run, id);
CREATE TABLE IF NOT EXISTS live_verdicts (
    referee TEXT NOT NULL, candidate TEXT NOT NULL, truth REAL NOT NULL, unanswered INTEGER NOT NULL,
    charge TEXT NOT NULL, PRIMARY KEY (referee, candidate)
) WITHOUT ROWID
"""
_NOTE = "INSERT INTO live_notes VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PATIENCE = 60.0
"""Seconds to wait for another process that is writing."""


class Note(NamedTuple):
    """One line of the journal."""

    what: str
    """sent, heard, withdrawn or unsent."""
    number: int
    attempt: int
    asked: str
    """Digest of the request and its repeat."""
    at: int
    """Nanoseconds on the agent's clock."""
    reply: Reply | None
    """Of what was heard."""


class Verdict(NamedTuple):
    """What a referee found about a candidate."""

    truth: float
    unanswered: int
    """Test rows that the model did not answer; they are left out."""
    charge: Cost


@dataclass
class Resumed:
    """A session as it was when its process died."""

    used: int
    """Nanoseconds on the agent's clock."""
    open: list[Ticket]
    """What has to be carried, in the order asked."""
    lost: list[Ticket] = field(default_factory=list)
    """Those of them that were on their way: nobody knows whether they arrived."""


class Journal:
    """The notes of all unfinished live runs of one store; one process writes at a time."""

    def __init__(self, path: Path | str) -> None:
        """Open the journal in the store at `path`, which exists.

        Raises:
            StoreError: if it cannot be written.
        """
        self.path = Path(path)
        self._pending: list[tuple[str, tuple[Any, ...], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        try:
            self._db = sqlite3.connect(
                self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA synchronous = FULL")
            for statement in _TABLES.split(";"):
                self._db.execute(statement)
        except sqlite3.Error as exc:
            raise StoreError(f"{self.path}: the journal of live runs cannot be written ({exc})") from exc

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def begin(self, run: str) -> str:
        """The tag of a run: a name that this playing of it keeps, however often it is interrupted."""
        self._now("INSERT OR IGNORE INTO live_runs VALUES (?, ?)", run, secrets.token_hex(8))
        ((tag,),) = self._now("SELECT tag FROM live_runs WHERE key = ?", run)
        return str(tag)

    def forget(self, run: str) -> None:
        """The run is finished and in the store, or is to be played from its beginning."""
        for table, column in (("live_notes", "run"), ("live_runs", "key")):
            self._now(f"DELETE FROM {table} WHERE {column} = ?", run)

    def unfinished(self) -> list[str]:
        """The keys of runs that have begun."""
        return [key for (key,) in self._now("SELECT key FROM live_runs ORDER BY key")]

    def notes(self, run: str) -> list[Note]:
        """All of a run, in the order written."""
        query = (
            "SELECT what, number, attempt, asked, at, answer, charge, took, wait FROM live_notes "
            "WHERE run = ? ORDER BY id"
        )
        found = []
        for what, number, attempt, asked, at, answer, charge, took, wait in self._now(query, run):
            reply = None
            if what == "heard":
                reply = Reply(load_answer(answer), Cost(*json.loads(charge)), took, None, wait)
            found.append(Note(what, number, attempt, asked, at, reply))
        return found

    def verdicts(self, referee: str) -> dict[Candidate, Verdict]:
        """All that this referee has judged."""
        query = "SELECT candidate, truth, unanswered, charge FROM live_verdicts WHERE referee = ?"
        return {
            load_candidate(candidate): Verdict(truth, unanswered, Cost(*json.loads(charge)))
            for candidate, truth, unanswered, charge in self._now(query, referee)
        }

    def keep(self, referee: str, candidate: Candidate, verdict: Verdict) -> None:
        """Keep what a referee has found."""
        self._now(
            "INSERT OR REPLACE INTO live_verdicts VALUES (?, ?, ?, ?, ?)",
            referee, dump_candidate(candidate), verdict.truth, verdict.unanswered, json.dumps(verdict.charge),
        )  # fmt: skip

    async def write(self, statement: str, *values: Any) -> None:
        """Returns when it would survive a loss of power.

        Raises:
            StoreError: if it cannot be written.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._pending.append((statement, values, done))
        if self._writer is None:
            self._writer = loop.create_task(self._drain())
        await done

    async def _drain(self) -> None:
        """Write what is pending, in one transaction; meanwhile the next ones gather."""
        while self._pending:
            batch, self._pending = self._pending, []
            error: StoreError | None = None
            try:
                await asyncio.to_thread(self._commit, batch)
            except sqlite3.Error as exc:
                error = StoreError(f"{self.path}: the journal of live runs cannot be written ({exc})")
            for _, _, done in batch:
                if done.done():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)
        self._writer = None

    def _commit(self, batch: Sequence[tuple[str, tuple[Any, ...], object]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for statement, values, _ in batch:
                self._db.execute(statement, values)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _now(self, statement: str, *values: Any) -> list[Any]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as exc:
            raise StoreError(f"{self.path}: the journal of live runs cannot be used ({exc})") from exc


class RunLog:
    """A `sandbox.drivers.live.Log` of one run."""

    def __init__(self, journal: Journal, run: str) -> None:
        self._journal = journal
        self._run = run

    async def sent(self, ticket: Ticket, now: int) -> None:
        """See `sandbox.drivers.live.Log`."""
        await self._note("sent", ticket, now)

    async def heard(self, ticket: Ticket, reply: Reply, now: int) -> None:
        """See `sandbox.drivers.live.Log`."""
        await self._note("heard", ticket, now, reply)

    async def withdrawn(self, ticket: Ticket, now: int) -> None:
        """See `sandbox.drivers.live.Log`."""
        await self._note("withdrawn", ticket, now)

    async def unsent(self, ticket: Ticket) -> None:
        """See `sandbox.drivers.live.Log`."""
        await self._note("unsent", ticket, ticket.sent_at)

    async def _note(self, what: str, ticket: Ticket, now: int, reply: Reply | None = None) -> None:
        told: tuple[Any, ...] = (None,) * 4
        if reply is not None:
            told = (dump_answer(reply.answer), json.dumps(reply.charge), reply.nanoseconds, reply.retry_after)
        await self._journal.write(
            _NOTE, self._run, what, ticket.number, ticket.attempt, _digest(ticket), now, *told
        )


def resume(session: Session, notes: Sequence[Note]) -> Resumed:
    """Bring a fresh session to where `notes` end.

    Raises:
        StoreError: if the agent asks otherwise than it did then, so that its answers do not fit.
    """
    open_tickets = {ticket.number: ticket for ticket in session.start(0)}
    away: set[tuple[int, int]] = set()
    used = 0
    for note in notes:
        used = max(used, note.at)
        name = note.number, note.attempt
        if note.what == "sent":
            away.add(name)
            continue
        away.discard(name)
        if note.what == "unsent":
            continue
        ticket = open_tickets.pop(note.number, None)
        if ticket is None or ticket.attempt != note.attempt or _digest(ticket) != note.asked:
            what = "asks nothing" if ticket is None else f"asks {short(ticket.request)}"
            raise StoreError(
                f"{session.agent} {what} where its interrupted run asked something else (request "
                f"{note.number}): it is not deterministic and cannot go on; --fresh plays it anew"
            )
        if note.reply is None:
            tickets = session.withdraw(ticket, note.at)
        else:
            tickets = session.settle(ticket, note.reply, note.at)
        open_tickets.update({ticket.number: ticket for ticket in tickets})
    waiting = [open_tickets[number] for number in sorted(open_tickets)]
    lost = [ticket for ticket in waiting if (ticket.number, ticket.attempt) in away]
    return Resumed(used, waiting, lost)


def _digest(ticket: Ticket) -> str:
    return blake2b(ticket.key, digest_size=8).hexdigest()
