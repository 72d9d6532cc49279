"""`sandbox reprice`: from a store's records a store with other prices, latency or workers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import click

from sandbox.engines.results import STOPPED
from sandbox.errors import UsageError
from sandbox.play import aside, source_of
from sandbox.pricelist import Price
from sandbox.registry import price_of
from sandbox.report import terminal
from sandbox.report.summary import as_data, summarise
from sandbox.repricing import consults, keys_of, plain, repriced, takes
from sandbox.retiming import name_of, retimed
from sandbox.scenario import Scenario, Source
from sandbox.store import Provenance, Store
from sandbox.tournament import Run, digest_of, load

_TIMES = re.compile(r"(problem\.(\d+\.)?)?service\.(latency|limits)(\..+)?")
"""Keys of a scenario that decide when things happen, and nothing else."""
_PRICES = ("prompt", "completion")


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different."""

    price: Price | None = None
    times: tuple[tuple[str, str], ...] = ()
    """As `Source.changes`."""

    def __post_init__(self) -> None:
        for key, _ in self.times:
            if not _TIMES.fullmatch(key):
                raise UsageError(
                    f"--set {key}: records can be put under another service.latency or service.limits; "
                    "with anything else other answers come: sandbox run plays it again"
                )
        if self.price is None and not self.times:
            raise UsageError(
                "say what is to be different: --model, --workers, --latency, --rpm, --tpm or --set"
            )

    def of(self, source: Source) -> Source:
        """The scenario with these changes, as `sandbox run` would be told."""
        changes = self.times
        if self.price is not None:
            dollars = (self.price.input, self.price.output)
            changes += tuple(
                (f"service.prices.{part}", f'"{amount:f}"')
                for part, amount in zip(_PRICES, dollars, strict=True)
            )
        return replace(source, changes=source.changes + changes)

    def __str__(self) -> str:
        found = [f"{key}={value}" for key, value in self.times]
        if self.price is not None:
            found.append(
                f"{self.price.model} at {self.price.input:f}/{self.price.output:f} USD a million tokens"
            )
        return ", ".join(found)


def change_of(
    model: str | None,
    prices: str | None,
    latency: str | None,
    workers: int | None,
    rpm: int | None,
    tpm: int | None,
    settings: Sequence[str],
) -> Change:
    """What the command line says.

    Raises:
        UsageError: for a price that nobody knows, or what is no setting of a service's times.
    """
    if prices is not None and model is None:
        raise UsageError(f"--prices {prices}: say whose price with --model")
    times = [
        (f"service.limits.{name}", str(value))
        for name, value in (
            ("concurrency", workers), ("requests_per_minute", rpm), ("tokens_per_minute", tpm)
        )
        if value is not None
    ]  # fmt: skip
    for part in filter(None, (latency or "").split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (equals and name and value):
            raise UsageError(f"--latency {part!r}: write NAME=SECONDS, as in median=2,sigma=0.5")
        times.append((f"service.latency.{name}", value))
    times += source_of("", None, settings).changes
    return Change(None if model is None else price_of(model, prices), tuple(times))


class Counts(NamedTuple):
    """What became of the runs of a store."""

    written: int
    older: int
    """Of earlier code."""
    stopped: int
    """From outside, without records."""


def reprice(path: Path, output: Path, change: Change, data: str | None, as_json: bool) -> int:
    """Write the store at `output` and show it; the exit code.

    Raises:
        UsageError: see `rewrite`.
    """
    counts = rewrite(path, output, change, data)
    if counts.older:
        click.echo(f"{counts.older} runs of earlier code left out", err=True)
    if counts.stopped:
        click.echo(f"{counts.stopped} runs left out: stopped from outside, they left no records", err=True)
    with Store(output, create=False) as store:
        summaries = summarise(store.runs())
    if as_json:
        click.echo(json.dumps([as_data(summary) for summary in summaries], indent=2))
    else:
        terminal.show(terminal.page(), summaries)
    click.echo(f"{counts.written} runs under {change} are in {output}; nothing was asked again", err=True)
    return 0


def rewrite(path: Path, output: Path, change: Change, data: str | None = None) -> Counts:
    """Put all runs of the store at `path` under a change, into a new store at `output`.

    Raises:
        UsageError: naming the first run whose trajectory could have been another one; nothing is written
            then.
    """
    if output.exists():
        raise UsageError(f"-o {output}: exists already; name another file")
    part = output.with_name(f".{output.name}.part")
    part.unlink(missing_ok=True)
    reckoner = _Reckoner(change)
    seen = written = stopped = 0
    try:
        with Store(path, create=False) as store, Store(part) as new:
            for match, origins in _matches(store, data):
                seen += len(match)
                if any((run.error or "").startswith(STOPPED) for run in match):
                    stopped += len(match)
                    continue
                with aside():
                    runs = reckoner.reckon(match, origins)
                new.add(runs, [origin.spec for origin in origins], change.of(origins[0].source), 0.0)
                written += len(runs)
            if not written:
                raise UsageError(f"{path}: holds no runs that could be re-priced")
            older = store.count() - seen
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    return Counts(written, older, stopped)


def _matches(store: Store, data: str | None) -> Iterator[tuple[list[Run], list[Provenance]]]:
    """The runs of each match with their records, in the order of its agents, and how they came to be.

    Raises:
        UsageError: where a run is missing that shared a service with the others.
    """

    def match_of(run: Run) -> tuple[object, ...]:
        alone = run.key if not run.rivals else ""
        return run.scenario, run.digest, str(run.budget), run.rivals, run.problem, run.seed, alone

    runs = sorted(store.runs(current=True), key=match_of)
    for _, group in groupby(runs, key=match_of):
        match = list(group)
        rivals = match[0].rivals
        if rivals:
            if sorted(run.agent for run in match) != sorted(rivals):
                raise UsageError(
                    f"{name_of(match[0])}: runs are missing of those with whom it shared a service"
                )
            match.sort(key=lambda run: rivals.index(run.agent))
        origins = [store.provenance(run.key) for run in match]
        if data is not None:
            moved = str(Path(data).absolute())
            origins = [replace(origin, source=replace(origin.source, data=moved)) for origin in origins]
        yield [replace(run, records=store.records(run.key)) for run in match], origins


class _Reckoner:
    """Puts one match after the other under a change; of each agent one run is asked again."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self._asked: set[tuple[str, str, str]] = set()

    def reckon(self, match: Sequence[Run], origins: Sequence[Provenance]) -> list[Run]:
        """The runs of a match under the change, as playing the changed scenario would name them.

        Raises:
            UsageError: where that could have been another trajectory.
        """
        change, source = self.change, origins[0].source
        scenario = load(source)
        simulated = keys_of(match, scenario.digest) == tuple([run.key for run in match])
        if not simulated:
            self._check_live(match[0], scenario)
        self._ask_again(match, origins, scenario)
        changed = load(change.of(source)) if simulated else scenario
        problem = changed.build(match[0].problem)
        runs = list(match)
        if change.price is not None:
            price = plain(change.price) if simulated else change.price
            if simulated and not takes(problem, price):
                raise UsageError(
                    f"{name_of(match[0])}: the problem has prices of its own beside service.prices"
                )
            runs = [repriced(run, price) for run in runs]
        if change.times:
            runs = retimed(runs, problem)
        if simulated:
            digest, keys = changed.digest, keys_of(match, changed.digest)
        else:
            digest = digest_of([match[0].digest, str(change)])
            keys = tuple([digest_of([run.key, str(change)]) for run in match])
        told = f"re-priced: from stored records, not played: {change}"
        return [
            replace(run, key=key, digest=digest, note="; ".join(filter(None, [run.note, told])))
            for run, key in zip(runs, keys, strict=True)
        ]

    def _check_live(self, run: Run, scenario: Scenario) -> None:
        if "live: " not in run.caveat:
            raise UsageError(f"{name_of(run)}: the settings or data of {run.scenario} have changed since")
        if self.change.times:
            raise UsageError(
                f"{name_of(run)}: it was played in real time, and nobody knows how long an answer would have "
                "taken otherwise"
            )

    def _ask_again(self, match: Sequence[Run], origins: Sequence[Provenance], scenario: Scenario) -> None:
        """See `consults`; once for each agent of a tournament."""
        for run, origin in zip(match, origins, strict=True):
            who = run.digest, origin.spec, run.code
            if who in self._asked:
                continue
            self._asked.add(who)
            why = consults(run, origin.spec, scenario.build(run.problem))
            if why is not None:
                raise UsageError(f"{name_of(run)}: {why}")
