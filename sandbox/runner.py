"""Plays what a store does not hold yet, and survives being stopped anywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

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
    with alone(store.path) as first:
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


@contextmanager
def alone(store: Path) -> Iterator[bool]:
    """Whether no other process is playing into this store."""
    try:
        import fcntl
    except ImportError:  # no such locks here: two processes would only do some work twice
        yield True
        return
    path = store.with_name(store.name + ".lock")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("w"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another process holds it; or there can be no lock here, and nothing depends on it
            yield False
            return
        try:
            yield True
        finally:
            path.unlink(missing_ok=True)


def cores() -> int:
    """How many processes can run at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
