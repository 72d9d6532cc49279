"""Plays matches in a pool of processes, one a core."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
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
    # Read by numeric libraries when they load: more threads would only take each other's cores.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_prepare)
    try:
        running: set[Future[Played]] = set()
        while True:
            for match in islice(waiting, jobs + 1 - len(running)):
                running.add(pool.submit(play_guarded, match, most_seconds))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool:
        raise SandboxError(
            "a worker process was killed (out of memory?); what was played is stored, the same command goes on"
        ) from None
    finally:
        # After an interruption nobody wants what is still being played; finished matches are stored.
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare() -> None:
    """In each worker: leave Ctrl-C to the parent, and die with it, even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
