"""Plays matches one after the other in this process."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from sandbox.engines.results import Played, play_guarded, stoppable
from sandbox.tournament import Match


def play_all(matches: Iterable[Match], jobs: int, most_seconds: float) -> Generator[Played, None, None]:
    """Yield each match as it is done, one job after the other; each is taken when its turn comes."""
    for match in matches:
        with stoppable():
            played = play_guarded(match, most_seconds)
        yield played
