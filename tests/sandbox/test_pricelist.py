"""Laws of the price list: exact, dated, and never silently zero."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sandbox
from sandbox.budget import USD
from sandbox.errors import UsageError
from sandbox.pricelist import Price, price

BUNDLED = tomllib.loads((Path(sandbox.__file__).parent / "prices.toml").read_text("utf-8"))
COUNTS = st.integers(0, 10**9)


def test_a_million_tokens_cost_what_the_list_says() -> None:
    found = price("gpt-4o-mini")
    assert found.usd(1_000_000, 0) == int(Decimal("0.15") * USD)
    assert found.usd(0, 1_000_000) == int(Decimal("0.60") * USD)
    assert found.usd(1_000_000, 0, cached_tokens=1_000_000) == int(Decimal("0.075") * USD)
    assert found.usd(1, 0, cached_tokens=1) == 75_000


@pytest.mark.parametrize("model", BUNDLED["models"])
def test_every_price_is_whole_in_the_ledgers_unit_dated_and_sourced(model: str) -> None:
    found = price(model)
    assert isinstance(found.read, date)
    assert found.source
    for amount in (found.input, found.cached, found.written, found.output):
        assert amount * USD % 1_000_000 == 0


@given(st.sampled_from(sorted(BUNDLED["models"])), COUNTS, COUNTS, COUNTS, COUNTS)
def test_no_split_of_the_prompt_costs_more_than_the_bound(
    model: str, prompt: int, completion: int, cached: int, written: int
) -> None:
    found = price(model)
    charged = found.usd(prompt, completion, cached, written)
    assert 0 <= charged <= found.bound(prompt, completion)
    assert isinstance(charged, int)


@pytest.mark.parametrize(
    ("snapshot", "model"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4.1-nano-2025-04-14", "gpt-4.1-nano"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("gpt-5.6-latest", "gpt-5.6"),
    ],
)
def test_a_dated_snapshot_costs_what_its_model_costs(snapshot: str, model: str) -> None:
    assert price(snapshot) == price(model)


@pytest.mark.parametrize(
    "model", ["", "gpt", "gpt-4o-audio-preview", "gpt-4.1-pro", "gpt-4o-mini-ft", "mine"]
)
def test_an_unknown_model_is_an_error_that_says_how_to_give_its_price(model: str) -> None:
    with pytest.raises(UsageError, match="--prices FILE") as caught:
        price(model)
    assert repr(model) in str(caught.value)


def test_a_file_of_ones_own_goes_before_the_list(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[models]\n"mine" = { input = 0, output = 0 }\n"gpt-4o" = { input = "1", output = "2" }\n'
    )
    assert price("mine", file).usd(10**6, 10**6) == 0
    assert price("gpt-4o", file).input == 1
    assert price("gpt-4o-mini", file).input == Decimal("0.15")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "no TOML"),
        ("", "no [models] table"),
        ("[model]\n", "did you mean models?"),
        ('[models]\na = "0.1"\n', "a table"),
        ("[models]\na = { input = 1 }\n", "the price of output tokens is missing"),
        ("[models]\na = { input = 1, ouput = 1 }\n", "did you mean output?"),
        ("[models]\na = { input = -1, output = 1 }\n", "at least 0"),
        ("[models]\na = { input = nan, output = 1 }\n", "US dollars"),
        ("[models]\na = { input = true, output = 1 }\n", "not a number"),
        ('[models]\na = { input = "cheap", output = 1 }\n', "not a number"),
        ('[models]\na = { input = "1e99", output = 1 }\n', "US dollars"),
        ('[models]\na = { input = "0.0000001", output = 1 }\n', "finer than"),
        ("source = 1\n[models]\na = { input = 1, output = 1 }\n", "a table with read"),
        ('[source]\nread = "today"\n[models]\na = { input = 1, output = 1 }\n', "a date"),
    ],
)
def test_a_file_that_is_no_price_list_is_explained(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        price("a", file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        price("a", tmp_path / "none.toml")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        price("a", tmp_path / "binary")


def test_a_price_that_a_person_gives_is_checked_too() -> None:
    assert Price.of("0.15", "0.60", "--set").usd(1_000_000, 1_000_000) == int(Decimal("0.75") * USD)
    with pytest.raises(UsageError, match="not a number"):
        Price.of("x", "1", "--set")
