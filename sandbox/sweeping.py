"""`sandbox sweep`: plays a scenario at several levels of one setting, and draws gap and rank against it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from sandbox.board import Board
from sandbox.budget import Budget
from sandbox.errors import UsageError
from sandbox.play import aside, check_plot, source_of
from sandbox.registry import split_specs
from sandbox.report import terminal
from sandbox.report.robustness import as_data, robustness
from sandbox.report.robustness_table import render
from sandbox.runner import cores, missing, play_missing
from sandbox.store import Store
from sandbox.tournament import Match, entrants, load, matches


def levels_of(text: str) -> tuple[str, list[str]]:
    """The key and the levels of KEY=LEVEL,LEVEL,...

    >>> levels_of("noise.sd=0, 0.1,0.2")
    ('noise.sd', ['0', '0.1', '0.2'])

    Raises:
        UsageError: for fewer than two levels, or the same one twice.
    """
    key, equals, rest = text.partition("=")
    levels = split_specs(rest)
    if not (equals and key.strip()) or len(levels) < 2:
        raise UsageError(
            f"{text!r}: write KEY=LEVEL,LEVEL,... with two levels or more, as in noise.sd=0,0.1,0.2"
        )
    twice = next((level for place, level in enumerate(levels) if level in levels[:place]), None)
    if twice is not None:
        raise UsageError(f"{text!r}: {twice} stands there twice")
    return key.strip(), levels


def sweep(
    name: str,
    text: str,
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
    as_json: bool,
    run_limit: float,
) -> int:
    """Play what is missing of all levels and report; the exit code.

    Raises:
        UsageError: for anything that cannot be played as asked; nothing is played then.
        KeyboardInterrupt: after Ctrl-C; the same command goes on.
    """
    key, levels = levels_of(text)
    if plot is not None:
        check_plot(Path(plot))
    limits = Budget.parse(budget) if budget is not None else None
    progress = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    wanted: list[list[Match]] = []
    with aside(), progress.status("preparing ...") if progress.is_terminal else nullcontext():
        for level in levels:
            source = source_of(name, data, [*changes, f"{key}={level}"])
            scenario = load(source)
            specs = entrants(scenario, agents)
            if not specs:
                raise UsageError(f"--agents {agents!r}: name at least one agent; `sandbox list agents`")
            wanted.append(
                matches(scenario, source, specs, seeds or scenario.seeds, limits or scenario.budget)
            )
    seen: dict[str, str] = {}
    for level, found in zip(levels, wanted, strict=True):
        other = seen.setdefault(found[0].digest, level)
        if other != level:
            raise UsageError(f"{key}: {other} and {level} are the same level")
    path = Path(out or f"{Path(name).stem}-sweep.db")
    everything = _in_turn(wanted)
    with Store(path) as store:
        todo = missing(store, everything)
        if len(todo) < len(everything):
            progress.print(
                f"{len(everything) - len(todo)} of {len(everything)} matches are in {path} already"
            )
        try:
            if todo:
                with aside(), Board(progress, len(todo)) as board:
                    play_missing(store, everything, engine, jobs or cores(), run_limit, board.add)
        except KeyboardInterrupt:
            done = len(everything) - len(missing(store, everything))
            raise KeyboardInterrupt(
                f"interrupted: {done} of {len(everything)} matches are in {path}; the same command goes on"
            ) from None
        runs = [store.runs([key for match in found for key in match.keys]) for found in wanted]
    curves = robustness(key, list(zip(levels, runs, strict=True)))
    if as_json:
        click.echo(json.dumps(as_data(curves), indent=2))
    else:
        console = terminal.page()
        console.print()
        console.print(render(curves))
        console.print(Text(f"Every request is in {path}: sandbox show {path}", style="dim"), soft_wrap=True)
    if plot is not None:
        from sandbox.report.plot import draw_robustness

        draw_robustness(curves, Path(plot))
        click.echo(f"curves: {plot}", err=True)
    return 1 if any(level.failures for level in curves.levels) else 0


def _in_turn(wanted: Sequence[Sequence[Match]]) -> list[Match]:
    """Seed by seed over all levels, so that an early stop is a fair sample of each."""
    last = max(match.seed for found in wanted for match in found)
    return [match for seed in range(last + 1) for found in wanted for match in found if match.seed == seed]
