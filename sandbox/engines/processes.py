"""Plays matches in a pool of processes, one a core."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice

from sandbox.engines.results import Played, killed, play_guarded
from sandbox.tournament import Match


def play_all(matches: Iterable[Match], jobs: int, most_seconds: float) -> Generator[Played, None, None]:
    """Yield each match as it is done, in any order.

    Matches are taken from `matches` shortly before they are played, so that an iterable
    that looks into the store can leave out what another process has played meanwhile.

    When a worker is killed, nobody knows which match was to blame: those that were under
    way are played again one by one, and the one whose process dies again has failed.
    """
    waiting = iter(matches)
    jobs = max(jobs, 1)
    while suspects := (yield from _pool(waiting, jobs, most_seconds)):
        for match in suspects:
            if (yield from _pool(iter([match]), 1, most_seconds)):
                yield killed(match)


def _pool(
    waiting: Iterator[Match], jobs: int, most_seconds: float
) -> Generator[Played, None, Sequence[Match]]:
    """Play in one pool until nothing is left, or a worker dies; what was under way then."""
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_prepare)
    running: dict[Future[Played], Match] = {}
    broken: list[Match] = []
    try:
        while True:
            for match in islice(waiting, 0 if broken else jobs + 1 - len(running)):
                try:
                    with _quiet_birth():
                        running[pool.submit(play_guarded, match, most_seconds)] = match
                except BrokenProcessPool:
                    broken.append(match)
                    break
            if not running:
                return broken
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                match = running.pop(future)
                try:
                    played = future.result()
                except BrokenProcessPool:
                    broken.append(match)
                else:
                    yield played
    finally:
        # After an interruption nobody wants what is still being played; finished matches are stored.
        with _undisturbed():
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _quiet_birth() -> Iterator[None]:
    """Processes that are started here do not know Ctrl-C, not even while they start up."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Somebody who presses Ctrl-C again must not stop the tidying up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _prepare() -> None:
    """In each worker: leave Ctrl-C and standard output to the parent; die with it, even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.dup2(2, 1)  # also for what libraries print without Python's knowledge
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
