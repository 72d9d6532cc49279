"""Stored runs, records and steps as tables for other programs."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import IO, Any

from sandbox.budget import CURRENCIES, UNITS, Cost, in_units
from sandbox.codec import dump_answer, dump_candidate, dump_request
from sandbox.errors import MissingExtra, UsageError
from sandbox.store import Store
from sandbox.tournament import Run
from sandbox.trace import Record

Row = dict[str, Any]
_BATCH = 20_000
"""Rows of a Parquet file that are held in memory at once."""


def rows(store: Store, what: str) -> Iterator[Row]:
    """One dictionary a row, always with the same keys, in an order that playing does not change."""
    for run in store.runs():
        if what == "records":  # of one run at a time: they are most of a store
            yield from record_rows(run, store.records(run.key))
        else:
            yield from _step_rows(run) if what == "steps" else [run_row(run)]


def write(path: Path, what: str, form: str, output: Path | None) -> None:
    """Write a table of the store at `path`; an existing file is replaced only by a whole one.

    Raises:
        UsageError: if the output cannot be written, or parquet is to go to a terminal.
        MissingExtra: if pyarrow is not installed.
    """
    if form == "parquet":
        if output is None:
            raise UsageError("parquet is binary: name a file with -o")
        if find_spec("pyarrow") is None:
            raise MissingExtra("the parquet format", "parquet")
    if output is not None and output.exists() and path.exists() and output.samefile(path):
        raise UsageError(f"-o {output}: that is the store itself; name another file")
    with Store(path, create=False) as store:
        table = rows(store, what)
        if output is None:
            _text(table, what, form, sys.stdout)
            sys.stdout.flush()
            return
        try:
            with whole(output) as target:
                if form == "parquet":
                    _parquet(table, what, target)
                else:
                    with target.open("w", encoding="utf-8", newline="") as file:
                        _text(table, what, form, file)
        except OSError as exc:
            raise UsageError(f"-o {output}: cannot be written: {exc.strerror or exc}") from exc


@contextmanager
def whole(output: Path) -> Iterator[Path]:
    """A path to write to, which becomes `output` when all went well; pipes are written to at once."""
    if output.exists() and not output.is_file():
        yield output
        return
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _text(table: Iterator[Row], what: str, form: str, file: IO[str]) -> None:
    if form == "jsonl":
        for row in table:
            file.write(json.dumps(row) + "\n")
        return
    writer = csv.DictWriter(file, COLUMNS[what], lineterminator="\n")
    writer.writeheader()
    for row in table:
        writer.writerow({key: _csv_safe(value) for key, value in row.items()})


def _csv_safe(value: Any) -> Any:
    """A spreadsheet must not run a text that a model wrote as a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def _parquet(table: Iterator[Row], what: str, output: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in COLUMNS[what].items()])
    with pq.ParquetWriter(output, schema) as writer:
        while batch := list(islice(table, _BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema))


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


def run_row(run: Run) -> Row:
    """A run without its records and steps."""
    return {
        **_name(run),
        "budget": str(run.budget),
        "rivals": json.dumps(run.rivals),
        "code": run.code,
        "error": run.error,
        "truth": run.truth,
        "optimum": run.optimum,
        "baseline": run.baseline,
        "recommended": None if run.recommended is None else dump_candidate(run.recommended),
        **_amounts("spent_", run.spent),
        "caveat": run.caveat,
        "note": run.note,
    }


def record_rows(run: Run, records: Iterable[Record]) -> Iterator[Row]:
    """What `run` asked, one row an attempt."""
    name = _name(run)
    for record in records:
        ticket = record.ticket
        yield {
            **name,
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
    name = _name(run)
    for number, step in enumerate(run.steps):
        yield {
            **name,
            "number": number,
            "candidate": dump_candidate(step.candidate),
            "truth": step.truth,
            "at": _seconds(step.at),
            **_amounts("spent_", step.spent),
        }


def _columns(middle: dict[str, type], prefix: str, end: tuple[str, ...] = ()) -> dict[str, type]:
    names = {
        name: int if name == "seed" else str
        for name in ("run", "scenario", "settings", "problem", "agent", "seed")
    }
    amounts = {prefix + name: int if UNITS[name] == 1 else str for name in CURRENCIES}
    return {**names, **middle, **amounts, **dict.fromkeys(end, str)}


COLUMNS: dict[str, dict[str, type]] = {
    "runs": _columns(
        {
            "budget": str, "rivals": str, "code": str, "error": str, "truth": float, "optimum": float,
            "baseline": float, "recommended": str,
        },
        "spent_",
        ("caveat", "note"),
    ),
    "records": _columns(
        {
            "number": int, "attempt": int, "repeat": int, "fate": str, "request": str, "answer": str,
            "truth": float, "sent_at": str, "answered_at": str,
        },
        "charged_",
    ),
    "steps": _columns({"number": int, "candidate": str, "truth": float, "at": str}, "spent_"),
}  # fmt: skip
"""The columns of each table and their types, which do not depend on what is in it."""
