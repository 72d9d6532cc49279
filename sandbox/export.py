"""Stored runs, records and steps as tables for other programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from sandbox.budget import CURRENCIES, UNITS, Cost, in_units
from sandbox.codec import dump_answer, dump_candidate, dump_request
from sandbox.errors import MissingExtra, UsageError
from sandbox.store import Store
from sandbox.tournament import Run

Row = dict[str, Any]


def rows(store: Store, what: str) -> Iterator[Row]:
    """One dictionary a row, always with the same keys, in an order that playing does not change."""
    make = {"runs": _run_rows, "records": _record_rows, "steps": _step_rows}[what]
    if what != "records":
        for run in store.runs():
            yield from make(run)
        return
    for run in store.runs():  # the records of one run at a time: they are most of a store
        yield from make(store.runs([run.key], records=True)[0])


def write(path: Path, what: str, form: str, output: Path | None) -> None:
    """Write a table of the store at `path`.

    Raises:
        UsageError: if the output cannot be written, or parquet is to go to a terminal.
        MissingExtra: if pyarrow is not installed.
    """
    with Store(path, create=False) as store:
        try:
            if form == "parquet":
                _parquet(rows(store, what), output)
            elif output is None:
                _text(rows(store, what), form, sys.stdout)
            else:
                with output.open("w", encoding="utf-8", newline="") as file:
                    _text(rows(store, what), form, file)
        except OSError as exc:
            if isinstance(exc, BrokenPipeError):
                raise
            raise UsageError(f"{output}: cannot be written: {exc.strerror}") from exc


def _text(table: Iterator[Row], form: str, file: IO[str]) -> None:
    if form == "jsonl":
        for row in table:
            file.write(json.dumps(row) + "\n")
        return
    writer = None
    for row in table:
        if writer is None:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow({key: _csv_safe(value) for key, value in row.items()})


def _csv_safe(value: Any) -> Any:
    """A spreadsheet must not run a text that a model wrote as a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def _parquet(table: Iterator[Row], output: Path | None) -> None:
    if output is None:
        raise UsageError("parquet is binary: name a file with -o")
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as exc:
        raise MissingExtra("the parquet format", "parquet") from exc
    pq.write_table(pa.Table.from_pylist(list(table)), output)


def _amounts(prefix: str, cost: Cost) -> Row:
    """Every currency in the units that people write; money and time exactly, as decimal text."""
    return {
        prefix + name: amount if UNITS[name] == 1 else in_units(name, amount)
        for name, amount in zip(CURRENCIES, cost, strict=True)
    }


def _name(run: Run) -> Row:
    return {
        "run": run.key,
        "scenario": run.scenario,
        "settings": run.digest,
        "problem": run.problem,
        "agent": run.agent,
        "seed": run.seed,
    }


def _seconds(nanoseconds: int) -> str:
    return in_units("seconds", nanoseconds)


def _run_rows(run: Run) -> Iterator[Row]:
    yield {
        **_name(run),
        "budget": str(run.budget),
        "rivals": json.dumps(run.rivals),
        "error": run.error,
        "truth": run.truth,
        "optimum": run.optimum,
        "baseline": run.baseline,
        "recommended": None if run.recommended is None else dump_candidate(run.recommended),
        **_amounts("spent_", run.spent),
        "caveat": run.caveat,
    }


def _record_rows(run: Run) -> Iterator[Row]:
    for record in run.records:
        ticket = record.ticket
        yield {
            **_name(run),
            "number": ticket.number,
            "attempt": ticket.attempt,
            "repeat": ticket.repeat,
            "fate": record.fate.value,
            "request": dump_request(ticket.request),
            "answer": dump_answer(record.answer),
            "truth": record.truth,
            "sent_at": _seconds(ticket.sent_at),
            "answered_at": _seconds(record.answered_at),
            **_amounts("charged_", record.charge),
        }


def _step_rows(run: Run) -> Iterator[Row]:
    for number, step in enumerate(run.steps):
        yield {
            **_name(run),
            "number": number,
            "candidate": dump_candidate(step.candidate),
            "truth": step.truth,
            "at": _seconds(step.at),
            **_amounts("spent_", step.spent),
        }
