"""Datasets from files in the published format of the instruction-induction tasks.

`FOLDER/induce/TASK.json` is for training, `FOLDER/execute/TASK.json` for testing; each holds
`{"metadata": {"num_examples": N}, "examples": {"1": {"input": .., "output": ..}, ..}}`. What an
example is shows in its fields, not in the task's name, so that tasks of the same shape that
nobody has seen here load as well. White space around an input is dropped: word_sorting and others have some
by accident, and a prompt puts its own there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from sandbox.dataset import Dataset, Row
from sandbox.errors import DataError, UsageError, nearest
from sandbox.streams import stream
from scenarios.tasks.catalogue import DESCRIPTION, SIZES, metric
from scenarios.tasks.sentences import in_some_order

_ROOTS = (
    "", "raw", "data/raw", "instruction-induction/raw", "instruction-induction/data/raw",
    "data/instruction_induction/raw", "experiments/data/instruction_induction/raw",
    "InstructZero/experiments/data/instruction_induction/raw",
)  # fmt: skip
_SPLITS = ("induce", "execute")
_MOST_BYTES = 64 * 2**20


def names(folder: Path | str) -> tuple[str, ...]:
    """The tasks in a folder, sorted.

    Raises:
        DataError: if it has no folder induce or execute with .json files in it, or beside the places
            where the published repositories keep them.
    """
    root = _root(Path(folder))
    found = {file.stem for split in _SPLITS for file in (root / split).glob("*.json")}
    if not found:
        raise DataError(f"{root}: no .json file in induce/ or execute/; put the published files there")
    return tuple(sorted(found))


def load(
    folder: Path | str,
    name: str,
    *,
    seed: int = 0,
    train: int = SIZES[0],
    dev: int = SIZES[1],
    test: int = SIZES[2],
) -> Dataset:
    """A task from published files; the splits share no input.

    Train and dev are drawn from induce, test from execute. The sizes are the most that there will be: where
    induce holds fewer than train + dev rows, all of them are used, in the proportion of train to dev;
    where execute holds fewer than `test`, all of them. An input of execute is left out of induce. A
    task with only one of the two files is divided into three in the proportion of the sizes.

    Args:
        folder: the repository, its data/raw, or the folder with induce and execute.
        name: one of `names(folder)`.
        seed: which rows, and in cause_and_effect the order of the two sentences.
        train: the most rows of that split.
        dev: as train.
        test: as train.

    Raises:
        DataError: if there is no such task, or its file is broken; file and example are named.
        UsageError: if a size is below one.
    """
    for split, size in (("train", train), ("dev", dev), ("test", test)):
        if size < 1:
            raise UsageError(f"{name}: {split}={size}: at least 1 row")
    root = _root(Path(folder))
    files = {split: root / split / f"{name}.json" for split in _SPLITS}
    rows = {split: read(file, seed) if file.is_file() else () for split, file in files.items()}
    if not any(rows.values()):
        raise DataError(f"{root}: no task {name!r}: {nearest(name, names(root))}")
    drawn = {split: _shuffled(found, seed, name, split) for split, found in rows.items()}
    last = drawn["execute"][:test]
    tested = {row.input for row in drawn["execute"]}
    rest = [row for row in drawn["induce"] if row.input not in tested]
    if not last or not rest:
        both = drawn["execute"] or rest
        _enough(both, 3, files, name)
        share = min(1.0, len(both) / (train + dev + test))
        cut = max(1, int(test * share))
        last, rest = both[:cut], both[cut:]
    _enough(rest, 2, files, name)
    if len(rest) < train + dev:
        dev = min(max(1, len(rest) * dev // (train + dev)), len(rest) - 1)
        train = len(rest) - dev
    return Dataset(
        name,
        DESCRIPTION,
        train=tuple(rest[dev : dev + train]),
        dev=tuple(rest[:dev]),
        test=tuple(last),
        metric=metric(name),
    )


def read(file: Path, seed: int = 0) -> tuple[Row, ...]:
    """The rows of one file in its order; rows with one input are merged into the first of them.

    Raises:
        DataError: if the file is broken.
    """
    found: dict[str, Row] = {}
    for key, example in _examples(file):
        try:
            row = _row(example, seed)
        except ValueError as error:
            raise DataError(f"{file}: example {key}: {error}") from None
        old = found.get(row.input)
        answers = row.answers if old is None else tuple(dict.fromkeys([*old.answers, *row.answers]))
        found[row.input] = Row(row.input, answers)
    return tuple(found.values())


def _root(folder: Path) -> Path:
    for place in _ROOTS:
        if any((folder / place / split).is_dir() for split in _SPLITS):
            return folder / place
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give the one with induce/ and execute/")
    raise DataError(
        f"{folder}: neither induce/ nor execute/ is in it, in its raw/ or its data/raw/; "
        "give the folder that holds them"
    )


def _shuffled(rows: tuple[Row, ...], seed: int, name: str, split: str) -> list[Row]:
    return [rows[at] for at in stream(seed, "published", name, split).permutation(len(rows))]


def _enough(rows: list[Row], least: int, files: dict[str, Path], name: str) -> None:
    if len(rows) < least:
        there = next(file for file in files.values() if file.is_file())
        raise DataError(
            f"{there}: {len(rows)} usable rows with inputs of their own; {name} needs {least} or more"
        )


def _examples(file: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise DataError(f"{file}: larger than 64 MiB; a published file has a few hundred kB")
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{file}: not JSON: {error}; download it again") from None
    examples = content.get("examples") if isinstance(content, dict) else None
    if not isinstance(examples, dict) or not examples:
        raise DataError(
            f'{file}: no "examples" with at least one example in it; is it a file of induce or execute?'
        )
    for key, example in examples.items():
        if not isinstance(example, dict):
            raise DataError(f"{file}: example {key}: {_short(example)} is no object with fields; remove it")
    metadata = content.get("metadata")
    promised = metadata.get("num_examples") if isinstance(metadata, dict) else None
    if isinstance(promised, int) and promised != len(examples):
        raise DataError(
            f"{file}: metadata says num_examples {promised}, and there are {len(examples)} examples; "
            "download it again, or correct the number"
        )
    return examples.items()


def _row(example: dict[str, Any], seed: int) -> Row:
    """Read one example by the fields that it has."""
    if "cause" in example or "effect" in example:
        cause, effect = _text(example, "cause"), _text(example, "effect")
        return Row(in_some_order(seed, cause, effect), (cause,))
    if "all_common_concepts" in example:
        items = _texts(example, "items")
        if len(items) < 2:
            _wrong("items", items, "two or more: the last one is not shown")
        # The published loader leaves the last item out; scores in the papers are on these inputs.
        return Row(", ".join(items[:-1]), _texts(example, "all_common_concepts"))
    text = _text(example, "input")
    for field in ("other_rhymes", "possible_translations"):
        if field in example:
            answers = _texts(example, field)
            shown = example.get("output")
            return Row(text, tuple(dict.fromkeys([shown, *answers])) if shown in answers else answers)
    return Row(text, _texts(example, "output"))


def _text(example: dict[str, Any], field: str) -> str:
    value = example.get(field)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        _wrong(field, value, "a text that is not empty")
    return value.strip()


def _texts(example: dict[str, Any], field: str) -> tuple[str, ...]:
    """One accepted answer, or a list of them."""
    value = example.get(field)
    if not isinstance(value, list):
        return (_text(example, field),)
    # Some published lists hold an empty text among others; it can be nobody's answer.
    answers = tuple(dict.fromkeys([_text({field: part}, field) for part in value if part != ""]))
    if not answers:
        _wrong(field, value, "a list with at least one text")
    return answers


def _wrong(field: str, value: object, wanted: str) -> NoReturn:
    if value is None:
        raise ValueError(f'no field "{field}"; it should hold {wanted}')
    raise ValueError(f'"{field}" is {_short(value)}; it should be {wanted}')


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
