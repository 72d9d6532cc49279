"""Datasets of rows that are generated here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import islice
from typing import TypedDict

from sandbox.dataset import Dataset
from sandbox.errors import UsageError, nearest
from scenarios.tasks import sentences, words
from scenarios.tasks.catalogue import DESCRIPTION, SIZES, TASKS, metric
from scenarios.tasks.space import Stock

_STOCKS: Mapping[str, Callable[[], Stock]] = {**words.STOCKS, **sentences.STOCKS}


class Sizes(TypedDict):
    """The numbers of rows that `make` and `load` ask for."""

    train: int
    dev: int
    test: int


def stock(name: str, seed: int = 0) -> Stock:
    """All rows that can be generated for a task.

    Args:
        name: one of TASKS.
        seed: decides the order of the sentences in cause_and_effect, and nothing else.

    Raises:
        UsageError: if there is no such task.
    """
    if name == "cause_and_effect":
        return sentences.causes(seed)
    if name not in _STOCKS:
        raise UsageError(f"task {name!r} is not known: {nearest(name, TASKS)}")
    return _STOCKS[name]()


@cache
def available(name: str, enough: int | None = None) -> int:
    """How many rows with different inputs can be generated; counting stops at `enough`."""
    return stock(name).count(enough)


def fitting(name: str, train: int = SIZES[0], dev: int = SIZES[1], test: int = SIZES[2]) -> Sizes:
    """These sizes, or proportionally smaller ones where a task has fewer rows.

    Only periodic_elements, with 118 rows, and informal_to_formal, with some 260, are small.
    """
    wanted = train + dev + test
    there = available(name, wanted)
    if there < wanted:
        train, dev, test = (max(1, size * there // wanted) for size in (train, dev, test))
    return {"train": train, "dev": dev, "test": test}


def make(
    name: str,
    *,
    seed: int = 0,
    train: int | None = None,
    dev: int | None = None,
    test: int | None = None,
) -> Dataset:
    """A task with rows that are generated here; the splits share no input.

    Another size of `train` leaves dev and test as they are, another size of `dev` leaves test.

    Args:
        name: one of TASKS.
        seed: which rows, and in which order.
        train: the number of rows of that split. Where all three are left out they are 100, 50
            and 100, and proportionally fewer for a task with fewer rows (see `fitting`).
        dev: as train.
        test: as train.

    Raises:
        UsageError: if there is no such task, a number is below one, or there are fewer rows.
    """
    rows = stock(name, seed).shuffled(seed, name)
    if train is dev is test is None:
        sizes = fitting(name)
    else:
        given = [
            size if count is None else count for count, size in zip((train, dev, test), SIZES, strict=True)
        ]
        sizes = {"train": given[0], "dev": given[1], "test": given[2]}
    for split, count in sizes.items():
        if not isinstance(count, int) or count < 1:
            raise UsageError(f"{name}: {split}={count}: at least 1 row")
    wanted = sizes["train"] + sizes["dev"] + sizes["test"]
    found = tuple(islice(rows, wanted))
    if len(found) < wanted:
        asked = ", ".join([f"{split}={count}" for split, count in sizes.items()])
        raise UsageError(f"{name}: {asked} make {wanted} rows; there are {len(found)}")
    middle = sizes["test"] + sizes["dev"]
    return Dataset(
        name,
        DESCRIPTION,
        train=found[middle:],
        dev=found[sizes["test"] : middle],
        test=found[: sizes["test"]],
        metric=metric(name),
    )
