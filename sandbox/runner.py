"""Plays what a store does not hold yet, and survives being stopped anywhere."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from sandbox.engines.results import Played
from sandbox.errors import StoreError
from sandbox.store import Store
from sandbox.tournament import Match, Run


def missing(store: Store, matches: Sequence[Match]) -> list[Match]:
    """The matches of which some run is not stored."""
    stored = store.keys()
    return [match for match in matches if not stored.issuperset(match.keys)]


def play_missing(
    store: Store,
    matches: Sequence[Match],
    engine: str,
    jobs: int,
    run_limit: float,
    report: Callable[[list[Run]], None],
) -> None:
    """Play and store every match that `store` lacks; tell `report` about each.

    A match is stored as a whole, so a kill at any moment loses only what was being
    played. Two processes may share a store: the second works from the other end, and
    both leave out what the other has stored.

    Args:
        store: where runs go.
        matches: what is wanted.
        engine: "processes", where an agent that kills its process stops nobody else, or "inline".
        jobs: how many processes.
        run_limit: wall seconds after which a match is given up.
        report: called in this process with the runs of each match, stored already.

    Raises:
        StoreError: if the store cannot be written, or another process removed runs from it.
    """
    expected = store.keys().union(*[match.keys for match in matches])
    with alone(store.path, len(expected)) as first:
        todo = missing(store, matches)
        played = _engine(engine)(
            _fresh(store, todo if first else todo[::-1]), min(jobs, len(todo)), run_limit
        )
        with closing(played):
            for result in played:
                match = result.match
                store.add(result.runs, match.agents, match.source, result.cpu_seconds)
                report(result.runs)
        if missing(store, matches):
            raise StoreError(f"{store.path}: another process removed runs meanwhile (--fresh?); start again")


def _engine(name: str) -> Callable[[Iterator[Match], int, float], Generator[Played, None, None]]:
    if name == "inline":
        from sandbox.engines import inline

        return inline.play_all
    from sandbox.engines import processes

    return processes.play_all


def _fresh(store: Store, matches: Sequence[Match]) -> Iterator[Match]:
    """Matches that nobody has stored by the time they are asked for."""
    for match in matches:
        if not store.has(match.keys):
            yield match


class Player(NamedTuple):
    """Who is playing into a store, and how many runs it will hold then."""

    runs: int
    process: int
    host: str

    @property
    def gone(self) -> bool:
        """Whether the process has ended without a word; never known of another machine's."""
        if self.host != platform.node():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


def player(store: Path) -> Player | None:
    """Who says that he plays into the store at this path; None if nobody does, or nobody can know."""
    try:
        runs, process, host = json.loads(_lock_of(store).read_text("utf-8"))
        return Player(int(runs), int(process), str(host))
    except (OSError, ValueError, TypeError):
        return None


def _lock_of(store: Path) -> Path:
    return store.with_name(store.name + ".lock")


@contextmanager
def alone(store: Path, expected: int = 0) -> Iterator[bool]:
    """Whether no other process is playing into this store.

    Args:
        store: its path.
        expected: how many runs it will hold in the end; for whoever watches.
    """
    try:
        import fcntl
    except ImportError:  # no such locks here: two processes would only do some work twice
        yield True
        return
    path = _lock_of(store)
    with ExitStack() as stack:
        try:
            file = stack.enter_context(
                path.open("a", encoding="utf-8")
            )  # another's words stay, until it is ours
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another process holds it; or there can be no lock here, and nothing depends on it
            yield False
            return
        try:
            with suppress(OSError):  # on a full disk nobody is told, and nothing depends on it
                os.ftruncate(file.fileno(), 0)
                os.write(file.fileno(), json.dumps([expected, os.getpid(), platform.node()]).encode())
            yield True
        finally:
            path.unlink(missing_ok=True)


def cores() -> int:
    """How many processes can run at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
