"""Prints the tasks: metric, rows, an example, and the benchmark's holes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from sandbox.dataset import Dataset
from sandbox.errors import UsageError
from scenarios.tasks import available, fitting, holes, load, make, names
from scenarios.tasks.catalogue import TASKS

_COUNTED = 2_000
"""Rows of a task are counted so far and no further, as that takes a second for some."""
_EXAMPLE = 56


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scenarios.tasks",
        description="The instruction-induction tasks and their holes, in generated or published data.",
        epilog="example: python -m scenarios.tasks --data instruction-induction/",
    )
    parser.add_argument("--data", help="published files: the folder with induce/ and execute/, or above it")
    parser.add_argument("--rows", type=int, default=100, help="dev rows that holes are measured on (100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--closed", action="store_true", help="accept no row's own input (closes the copy hole)"
    )
    wanted = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{'task':24}{'metric':12}{'rows':>13}{'copy':>7}{'constant':>10}  example", style="bold")
    try:
        if wanted.rows < 1:
            raise UsageError(f"--rows {wanted.rows}: at least 1")
        for dataset, rows in _published(wanted) if wanted.data else _generated(wanted):
            console.print(_line(holes.closed(dataset) if wanted.closed else dataset, rows))
    except UsageError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 2
    console.print(
        "\ncopy: what the input itself scores as the answer. constant: what the best single answer scores.\n"
        f"Both on up to {wanted.rows} dev rows; ! marks {holes.DEEP} or more, a hole to fall into.",
        markup=False,
    )
    return 0


def _generated(wanted: argparse.Namespace) -> Iterator[tuple[Dataset, str]]:
    for name in TASKS:
        count = available(name, _COUNTED)
        dataset = make(name, seed=wanted.seed, **fitting(name, 1, wanted.rows, 1))
        yield dataset, f"{count:,}{'+' if count == _COUNTED else ''}"


def _published(wanted: argparse.Namespace) -> Iterator[tuple[Dataset, str]]:
    for name in names(wanted.data):
        data = load(wanted.data, name, seed=wanted.seed, train=10**9, dev=10**9, test=10**9)
        count = f"{len(data.train) + len(data.dev):,} / {len(data.test):,}"
        yield load(wanted.data, name, seed=wanted.seed, train=1, dev=wanted.rows, test=1), count


def _line(dataset: Dataset, rows: str) -> Text:
    found = holes.holes(dataset)
    row = dataset.dev[0]
    shown = " ".join(f"{row.input} -> {row.answers[0]}".split())
    shown = shown if len(shown) <= _EXAMPLE else shown[: _EXAMPLE - 1] + "…"
    line = Text(f"{dataset.name:24}{dataset.metric:12}{rows:>13}")
    for score, width in ((found.copying, 7), (found.constant, 10)):
        deep = score >= holes.DEEP
        line.append(f"{'! ' if deep else ''}{score:.2f}".rjust(width), style="bold red" if deep else "")
    return line.append(f"  {shown}")


if __name__ == "__main__":
    raise SystemExit(main())
