"""What is said while a tournament is being played: progress, rate, time left, money spent, and who leads."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import click
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from sandbox.budget import UNITS
from sandbox.report import terminal
from sandbox.tournament import Run

_SILENCE = 5.0
"""Wall seconds between two lines of progress where there is no terminal."""


@dataclass
class Tally:
    """Runs that are stored, counted."""

    runs: int = 0
    failed: int = 0
    usd: int = 0
    """Pico-dollars that they spent."""
    gaps: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Agent → the gaps of its judged runs."""

    def add(self, agent: str, gap: float | None, usd: int) -> None:
        """Count a run; one without a gap has failed."""
        self.runs += 1
        self.usd += usd
        if gap is None:
            self.failed += 1
        else:
            self.gaps[agent].append(gap)

    def standings(self) -> list[tuple[str, int, float]]:
        """(agent, judged runs, mean gap), the best first."""
        means = [(agent, len(gaps), sum(gaps) / len(gaps)) for agent, gaps in self.gaps.items()]
        return sorted(means, key=lambda row: row[2])

    def failures(self) -> str:
        """How many runs failed; nothing where none did."""
        return f"{self.failed} run{'s' * (self.failed != 1)} failed" if self.failed else ""

    def leader(self) -> str:
        """Whoever has the smallest mean gap so far."""
        return self.standings()[0][0] if self.gaps else "nobody"


@dataclass(frozen=True, slots=True)
class Pace:
    """How far things are, and how fast they go."""

    done: int
    total: int | None
    """None where nobody knows."""
    rate: float
    """A second; 0 while nothing is known."""
    what: str = "matches"

    @property
    def left(self) -> float | None:
        """Wall seconds to the end, if it goes on like this."""
        if self.total is None or (self.rate <= 0 and self.done < self.total):
            return None
        return (self.total - self.done) / self.rate if self.done < self.total else 0.0

    def rated(self) -> str:
        """The rate, in a unit in which it is no tiny number.

        >>> Pace(3, 9, 0.05).rated(), Pace(3, 9, 2.5).rated()
        ('3.0 a minute', '2.5 a second')
        """
        if self.rate <= 0:
            return ""
        return f"{self.rate:.1f} a second" if self.rate >= 1 else f"{60 * self.rate:.1f} a minute"

    def line(self, tally: Tally) -> str:
        """All in one line, for where there is no terminal."""
        left = self.left
        parts = [
            f"{self.done}{'' if self.total is None else f'/{self.total}'} {self.what}",
            "" if left is None else f"{left:.0f} s left",
            self.rated(),
            money(tally.usd),
            tally.failures(),
            f"{tally.leader()} leads",
        ]
        return ", ".join(filter(None, parts))


def money(usd: int) -> str:
    """What was spent, for people; nothing where nothing was.

    >>> money(0), money(10**10), money(123 * 10**12)
    ('', '$0.0100 spent', '$123.00 spent')
    """
    dollars = usd / UNITS["usd"]
    if not usd:
        return ""
    return f"${dollars:,.2f} spent" if dollars >= 1 else f"${dollars:.4f} spent"


def clock(seconds: float | None) -> str:
    """Seconds as 0:00:00; dashes where nobody knows.

    >>> clock(75), clock(None)
    ('0:01:15', '-:--:--')
    """
    if seconds is None:
        return "-:--:--"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


class Picture:
    """The bar and the leaderboard, in a terminal."""

    def __init__(self, console: Console, verb: str, total: int | None, what: str) -> None:
        self._bar = Progress(
            TextColumn(verb),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(what),
            TimeElapsedColumn(),
            TextColumn("left: {task.fields[left]}"),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[money]}"),
            console=console,
        )
        self._task = self._bar.add_task("", total=total, left=clock(None), rate="", money="")

    def of(self, pace: Pace, tally: Tally) -> Group:
        """The picture of this moment."""
        self._bar.update(
            self._task,
            completed=pace.done,
            total=pace.total,
            left=clock(pace.left),
            rate=pace.rated(),
            money=money(tally.usd),
        )
        failed = [Text(tally.failures(), style="red")] if tally.failed else []
        return Group(self._bar, terminal.running(tally.standings()), *failed)


class Board:
    """Tells of matches as they are stored: a live picture in a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console, total: int, now: Callable[[], float] = time.monotonic) -> None:
        """`total`: matches that will be played; `now`: a clock in seconds."""
        self._console = console
        self._total = total
        self._now = now
        self._done = 0
        self._tally = Tally()
        self._spoke_at = self._started = now()
        self._picture = Picture(console, "playing", total, "matches")
        self._live = Live(self._drawn(), console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Board:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def add(self, runs: list[Run]) -> None:
        """Count a match that was stored."""
        self._done += 1
        for run in runs:
            self._tally.add(run.agent, None if run.error is not None else run.gap, run.spent.usd)
        if self._console.is_terminal:
            self._live.update(self._drawn())
        elif self._now() - self._spoke_at >= _SILENCE or self._done == self._total:
            self._spoke_at = self._now()
            click.echo(self._pace().line(self._tally), err=True)

    def _pace(self) -> Pace:
        return Pace(self._done, self._total, self._done / max(self._now() - self._started, 1e-9))

    def _drawn(self) -> Group:
        return self._picture.of(self._pace(), self._tally)
