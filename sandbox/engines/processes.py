"""Plays matches in a pool of processes, one a core."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice

from sandbox.engines.results import Played, play_guarded
from sandbox.errors import SandboxError
from sandbox.tournament import Match


def play_all(matches: Iterable[Match], jobs: int, most_seconds: float) -> Generator[Played, None, None]:
    """Yield each match as it is done, in any order.

    Matches are taken from `matches` shortly before they are played, so that an iterable
    that looks into the store can leave out what another process has played meanwhile.

    Raises:
        SandboxError: if a worker was killed, for instance for lack of memory.
    """
    waiting = iter(matches)
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_prepare)
    running: dict[Future[Played], Match] = {}
    try:
        while True:
            for match in islice(waiting, jobs + 1 - len(running)):
                with _quiet_birth():
                    running[pool.submit(play_guarded, match, most_seconds)] = match
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                played = future.result()
                del running[future]
                yield played
    except BrokenProcessPool:
        suspects = ", ".join(f"{m.problem}/{'+'.join(m.names)}/{m.seed}" for m in running.values())
        raise SandboxError(
            f"a worker process was killed (out of memory?) while these were played or next: {suspects}. "
            "What was finished is stored, and the same command goes on; if it ends here again, leave out an agent"
        ) from None
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
