"""`sandbox watch`: follows a store that is being played, or copies of it as they arrive; it only reads.

The file is opened anew for each look, read-only: so it may be replaced by a newer copy, may lie on a disk
that cannot be written, and its log is never merged by whoever looks. How many runs there will be is known
from the player's lock beside it, where that is on this machine.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path

import click
from rich.live import Live

from sandbox import tables
from sandbox.board import Pace, Picture, Tally
from sandbox.errors import StoreError
from sandbox.report import terminal
from sandbox.runner import Player, player
from sandbox.statistics import normalised_regret

_GRACE = 3.0
"""Seconds after which a lock that has gone means that nobody plays: some commands play in several goes."""
_RECENT = 50
"""Runs by which the rate is judged."""
_MAGIC = b"SQLite format 3\0"


class State(Enum):
    """Who plays into a store."""

    PLAYED = "being played"
    COMPLETE = "complete"
    STOPPED = "its player was stopped"
    ENDED = "its player has ended"
    UNKNOWN = "nobody plays into it here"


class _Torn(Exception):
    """The file cannot be read just now; it may be in the middle of being copied."""


@dataclass
class Watch:
    """What is known of a store, look by look."""

    path: Path
    expect: int | None = None
    """Runs that it will hold, if a person says so."""
    tally: Tally = field(default_factory=Tally)
    total: int | None = None
    player: Player | None = None
    _last: int = 0
    _recent: list[tuple[str, int]] = field(default_factory=list)
    """When so many runs had been stored, by the stamps in the store."""
    _was_played: bool = False
    _changes: int = 0

    def look(self) -> bool:
        """Read what is new; whether anything is.

        Raises:
            StoreError: if it is no store of this program.
            FileNotFoundError: if there is no file.
        """
        self.player = player(self.path)
        if self.player is not None and not self.player.gone:
            self._was_played = True
        self.total = self.expect or (self.player.runs if self.player and self.player.runs else self.total)
        before = self.tally.runs, self.total
        try:
            with closing(_opened(self.path)) as db:
                if (
                    db.execute("SELECT count(*) FROM runs WHERE id <= ?", (self._last,)).fetchone()[0]
                    != self.tally.runs
                ):
                    self._forget()  # runs were removed, to be played again
                for row in db.execute(_NEW, (self._last,)):
                    self._take(*row)
        except sqlite3.Error as exc:
            raise _Torn(str(exc)) from exc
        changed = (self.tally.runs, self.total) != before
        self._changes += changed
        return changed

    def _forget(self) -> None:
        self.tally, self._last, self._recent = Tally(), 0, []

    def _take(
        self, number: int, agent: str, truth: float | None, optimum: float, baseline: float, usd: int, at: str
    ) -> None:
        self._last = number
        gap = None if truth is None else float(normalised_regret(truth, optimum, baseline))
        self.tally.add(agent, gap, usd)
        self._recent = [*self._recent, (at, self.tally.runs)][-_RECENT:]

    @property
    def state(self) -> State:
        """Who plays."""
        if self.total is not None and self.tally.runs >= self.total:
            return State.COMPLETE
        if self.player is not None:
            return State.STOPPED if self.player.gone else State.PLAYED
        return State.ENDED if self._was_played else State.UNKNOWN

    def pace(self) -> Pace:
        """How far it is, and how fast it goes, by the times at which runs were stored."""
        rate = 0.0
        going = self.state is State.PLAYED or (self.state is State.UNKNOWN and self._changes > 1)
        if self._recent and going:
            (first, at_first), (last, at_last) = self._recent[0], self._recent[-1]
            seconds = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
            # Stamps are whole seconds: within one of them nobody knows.
            rate = (at_last - at_first) / seconds if seconds >= 1 else 0.0
        return Pace(self.tally.runs, self.total, rate, "runs")


_NEW = "SELECT id, agent, truth, optimum, baseline, usd, played_at FROM runs WHERE id > ? ORDER BY id"


def _opened(path: Path) -> sqlite3.Connection:
    """The file, read-only; on a disk that cannot be written, as it stands."""
    if not path.is_file():
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        if not _MAGIC.startswith(file.read(len(_MAGIC))):
            raise StoreError(f"{path}: not a store of this program")
    for how in ("mode=ro", "immutable=1"):
        db = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=5.0)
        try:
            application = db.execute("PRAGMA application_id").fetchone()[0]
            if application == 0 and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                db.close()
                raise _Torn("it is empty yet")
            if application != tables.APPLICATION:
                db.close()
                raise StoreError(f"{path}: not a store of this program")
            return db
        except sqlite3.OperationalError as exc:
            db.close()
            if how == "immutable=1" or not any(sign in str(exc) for sign in ("unable to open", "readonly")):
                raise
        except sqlite3.DatabaseError:
            db.close()
            raise
    raise RuntimeError("unreachable")


def watch(
    path: Path,
    *,
    once: bool = False,
    wait: bool = False,
    expect: int | None = None,
    every: float = 1.0,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Follow the store at `path` until all is played; 0, or 1 if its player was stopped before that.

    Raises:
        StoreError: if there is no store (and `wait` does not say that one will come), or it is another's.
        KeyboardInterrupt: after Ctrl-C, with a sentence on how it stands.
    """
    if path.is_dir():
        raise StoreError(f"{path}: a folder, not a store")
    found = Watch(path, expect)
    screen = _Screen(found, once)
    unreadable = 0.0
    since: float | None = None
    with screen:
        try:
            while True:
                try:
                    screen.show(found.look())
                    unreadable = 0.0
                except FileNotFoundError:
                    if not wait and not found.tally.runs:
                        raise StoreError(
                            f"{path}: no such store; `sandbox run` makes one, and --wait waits for it"
                        ) from None
                except _Torn as exc:
                    if once or unreadable > 60.0:
                        raise StoreError(f"{path}: cannot be read: {exc}") from exc
                    unreadable += every
                state = found.state
                if once or state is State.COMPLETE:
                    break
                over = state in (State.STOPPED, State.ENDED)
                since = (since if since is not None else 0.0) + every if over else None
                if since is not None and since > _GRACE:
                    break
                sleep(every)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(found.pace().line(found.tally)) from None
    screen.conclude()
    return 1 if found.state is State.STOPPED and not once else 0


class _Screen:
    """A live picture in a terminal, a line a change elsewhere."""

    def __init__(self, found: Watch, once: bool) -> None:
        self._found = found
        self._once = once
        self._console = terminal.page()
        self._live: Live | None = None
        self._picture = Picture(self._console, "watching", None, "runs")
        if self._console.is_terminal and not once:
            self._live = Live(console=self._console, refresh_per_second=4, transient=True)

    def __enter__(self) -> _Screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, changed: bool) -> None:
        """Tell what a look has found."""
        if self._live is not None:
            self._live.update(self._picture.of(self._found.pace(), self._found.tally))
        elif changed and not self._once:
            click.echo(self._line())

    def conclude(self) -> None:
        """How it stands at the end, and what to look at then."""
        found = self._found
        if self._once or self._live is not None:
            self._console.print(terminal.running(found.tally.standings()))
            click.echo(self._line())
        click.echo(f"{found.path}: {found.state.value}; sandbox show {found.path} has the verdicts")

    def _line(self) -> str:
        return self._found.pace().line(self._found.tally)
