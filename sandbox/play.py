"""`sandbox run`: arguments to matches, progress while they are played, the report at the end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from sandbox import forecast, livematch
from sandbox.board import Board
from sandbox.budget import Budget
from sandbox.errors import MissingExtra, UsageError
from sandbox.limits import Limits, Retry
from sandbox.registry import price_of
from sandbox.report import terminal
from sandbox.report.summary import Summary, as_data, summarise
from sandbox.runner import cores, missing, play_missing
from sandbox.scenario import Source
from sandbox.store import Store
from sandbox.tournament import Match, Run, entrants, load, matches
from sandbox.whitebox.lending import Lending
from sandbox.worlds.openai_api import Endpoint


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What the command line says of a real endpoint."""

    base_url: str | None
    model: str | None
    key_env: str
    prices: str | None
    concurrency: int
    rpm: int | None
    tpm: int | None
    timeout: float
    attempts: int
    prompt_margin: int
    referee: str
    judge: str

    def settings(self, matches: Sequence[Match], tape: tuple[str, str] | None) -> livematch.Live:
        """What `sandbox.livematch` needs to know.

        Raises:
            UsageError: for a model without a price, or a setting that cannot be.
        """
        model = self.model or livematch.model_of(matches)
        return livematch.Live(
            endpoint=Endpoint(self.base_url or _OPENAI, model, self.key_env, self.timeout),
            price=price_of(model, self.prices),
            limits=Limits(self.concurrency, self.rpm, self.tpm),
            retry=Retry(attempts=self.attempts),
            margin=self.prompt_margin,
            referee=self.referee,
            every_step=self.judge == "all",
            tape=tape,
        )


LIVE_OPTIONS = tuple(field.name for field in fields(LiveOptions))
_OPENAI = "https://api.openai.com/v1"


def run_tournament(
    names: Sequence[str],
    *,
    agents: str | None,
    seeds: int | None,
    budget: str | None,
    data: str | None,
    changes: Sequence[str],
    out: str | None,
    jobs: int | None,
    engine: str,
    plot: str | None,
    record: str | None,
    replay: str | None,
    as_json: bool,
    fresh: bool,
    retry_failed: bool,
    run_limit: float,
    white_box: str | None = None,
    device: str | None = None,
    live: LiveOptions | None = None,
    dry_run: bool = False,
) -> int:
    """Play what is missing and report; the exit code.

    Raises:
        UsageError: for anything that cannot be played as asked; nothing is played then.
        KeyboardInterrupt: after Ctrl-C, with a sentence that says what is stored.
    """
    if seeds is not None and seeds < 1:
        raise UsageError(f"--seeds {seeds}: at least 1")
    if not run_limit > 0:
        raise UsageError(f"--run-limit {run_limit}: a positive number of seconds")
    if dry_run:
        given = {"--fresh": fresh, "--retry-failed": retry_failed, "--plot": plot, "--out": out}
        forecast.check_alone(given | {"--record": record, "--replay": replay})
    if plot is not None:
        check_plot(Path(plot))
    limits = Budget.parse(budget) if budget is not None else None
    console = terminal.page()
    progress = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    names = list(dict.fromkeys(names))
    with (
        aside(),
        progress.status("preparing ...") if progress.is_terminal else nullcontext(),
    ):
        tape = _tape(record, replay)
        sources = [
            source_of(name, data, changes, None if live else tape, white_box_changes(white_box, device))
            for name in names
        ]
        wanted = _wanted(sources, agents, seeds, limits)
        settings = None if live is None else live.settings(wanted, tape)
        if dry_run:
            price = None if settings is None else settings.price
            told = forecast.of_sources(sources, agents, seeds, limits, price)
        if settings is not None:
            wanted = livematch.live_matches(wanted, settings)
    if dry_run:
        forecast.tell(console, told, as_json, live is not None)
        return 0
    path = Path(out or (f"{Path(names[0]).stem}.db" if len(names) == 1 else "tournament.db"))
    keys = [key for match in wanted for key in match.keys]
    with Store(path) as store:
        if fresh or retry_failed:
            store.forget(keys, only_failed=not fresh)
            if settings is not None and fresh:
                livematch.forget(store, keys)
        todo = missing(store, wanted)
        _announce(progress, path, len(wanted), len(todo))
        try:
            if todo:
                with aside(), Board(progress, len(todo)) as board:
                    if settings is None:
                        play_missing(store, wanted, engine, jobs or _jobs(sources), run_limit, board.add)
                    else:
                        outcome = livematch.play_live(store, wanted, settings, board.add)
                if settings is not None:
                    progress.print(str(outcome))
        except KeyboardInterrupt:
            done = len(wanted) - len(missing(store, wanted))
            how = " without --fresh" if fresh else " without --retry-failed" if retry_failed else ""
            raise KeyboardInterrupt(
                f"interrupted: {done} of {len(wanted)} matches are in {path}; the same command{how} goes on"
            ) from None
        runs = store.runs(keys)
    summaries = summarise(runs)
    if as_json:
        click.echo(json.dumps([as_data(summary) for summary in summaries], indent=2))
    else:
        terminal.show(console, summaries)
        console.print(Text(f"Every request is in {path}: sandbox show {path}", style="dim"), soft_wrap=True)
    if plot is not None:
        draw(summaries, runs, Path(plot))
    return 1 if any(summary.failures for summary in summaries) else 0


def _wanted(
    sources: Sequence[Source], agents: str | None, seeds: int | None, budget: Budget | None
) -> list[Match]:
    wanted = []
    for source in sources:
        scenario = load(source)
        specs = entrants(scenario, agents)
        if not specs:
            raise UsageError(f"--agents {agents!r}: name at least one agent; `sandbox list agents`")
        wanted += matches(scenario, source, specs, seeds or scenario.seeds, budget or scenario.budget)
    return wanted


def _jobs(sources: Sequence[Source]) -> int:
    """How many processes play if nobody says: one a core, but one where each would hold a large model."""
    for source in sources:
        scenario = load(source)
        lent = scenario.build(scenario.problems[0]).lends.white_box
        if isinstance(lent, Lending) and lent.heavy:
            return 1
    return cores()


def white_box_changes(folder: str | None, device: str | None) -> tuple[tuple[str, str], ...]:
    """What `--white-box` and `--device` change of a scenario; where it lends no white box, it does then."""
    found = {"model": None if folder is None else str(Path(folder).absolute()), "device": device}
    return tuple(
        [
            (f"white_box.{key}", json.dumps(value, ensure_ascii=False))
            for key, value in found.items()
            if value is not None
        ]
    )


def source_of(
    name: str,
    data: str | None,
    changes: Sequence[str],
    tape: tuple[str, str] | None = None,
    more: tuple[tuple[str, str], ...] = (),
) -> Source:
    """What the command line says of a scenario; paths become absolute, so that workers find them.

    Raises:
        UsageError: for a change that is not KEY=VALUE.
    """
    pairs = []
    for change in changes:
        key, equals, value = change.partition("=")
        if not (equals and key.strip()):
            raise UsageError(f"--set {change!r}: write KEY=VALUE, as in problem.model=t0pp")
        pairs.append((key.strip(), value.strip()))
    path = name.endswith(".toml") or "/" in name
    return Source(
        str(Path(name).absolute()) if path else name,
        None if data is None else str(Path(data).absolute()),
        tuple(pairs) + more,
        tape,
    )


def _tape(record: str | None, replay: str | None) -> tuple[str, str] | None:
    """What `Source.tape` wants to know."""
    if record is not None and replay is not None:
        raise UsageError("--record and --replay: one of them; a replayed run has nothing new to record")
    if record is not None:
        if not Path(record).absolute().parent.is_dir():
            raise UsageError(f"--record {record}: there is no folder {Path(record).parent}")
        return "record", str(Path(record).absolute())
    if replay is not None:
        if not Path(replay).is_file():
            raise UsageError(f"--replay {replay}: there is no such file")
        return "replay", str(Path(replay).absolute())
    return None


@contextmanager
def aside() -> Iterator[None]:
    """Standard output is for the result alone: what agents print in here goes to standard error."""
    sys.stdout.flush()
    out = os.dup(1)
    os.dup2(2, 1)  # also for what libraries and child processes write
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(out, 1)
        os.close(out)


def check_plot(path: Path) -> None:
    """Refuse before anything is played what could not be drawn afterwards.

    Raises:
        UsageError: if the ending or the folder is unusable.
        MissingExtra: if matplotlib is not installed.
    """
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(f"--plot {path}: the name must end in .png, .svg or .pdf")
    if not path.parent.is_dir():
        raise UsageError(f"--plot {path}: there is no folder {path.parent}")
    if find_spec("matplotlib") is None:
        raise MissingExtra("--plot", "report")


def draw(summaries: Sequence[Summary], runs: Sequence[Run], path: Path) -> None:
    """One picture a tournament that has something to show; the later ones get a number in their names."""
    from sandbox.report import plot

    drawn = 0
    for summary in summaries:
        if not summary.standings:
            continue
        drawn += 1
        target = path if drawn == 1 else path.with_stem(f"{path.stem}-{drawn}")
        mine = [run for run in runs if summary.covers(run)]
        plot.draw(summary, mine, target)
        click.echo(f"curves: {target}", err=True)
    if not drawn:
        click.echo("no curves: there is no agent whose runs all finished", err=True)


def _announce(console: Console, path: Path, total: int, todo: int) -> None:
    if todo == 0:
        console.print(f"all {total} matches are in {path} already; --fresh plays them again")
    elif todo < total:
        console.print(f"{total - todo} of {total} matches are in {path} already; playing the other {todo}")
