"""What personas say of themselves is what was measured of models like them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from mocks.llm.persona import load, personas
from sandbox.errors import UsageError

# Milliseconds to the first token: median, 95 % and 99 % quantile of 288 pings in a day
# (modelstats.ai, 2026): of GPT-4o mini, GPT-4o, Gemini 2.5 Flash Lite and DeepSeek V3.
MEASURED = {
    "mock-gpt-3.5-turbo": (536, 844, 4461),
    "mock-large": (639, 1144, 4517),
    "mock-small": (311, 1142, 3080),
    "mock-contrarian": (1479, 1926, 2492),
}


@pytest.mark.parametrize("name", MEASURED)
def test_latency_has_the_measured_quantiles(name: str) -> None:
    """Within 30 %, as exact as such figures are; one day's 99 % quantile is made of three pings."""
    latency = load(name).latency
    luck = np.random.default_rng(1).random((40_000, 2))
    seconds = [latency.seconds(body, tail, 0, 0) for body, tail in luck.tolist()]
    for quantile, wanted in zip((0.5, 0.95, 0.99), MEASURED[name], strict=True):
        assert np.quantile(seconds, quantile) * 1000 == pytest.approx(
            wanted, rel=0.45 if quantile == 0.95 else 0.3
        )


def test_ceilings_are_the_best_of_the_published_methods(shared_data: Path) -> None:
    ceilings = load("mock-gpt-3.5-turbo").ceilings
    with (shared_data / "published" / "induction30-test-accuracy.csv").open() as file:
        for row in csv.DictReader(file):
            best = max(float(value) for key, value in row.items() if key != "task")
            assert ceilings[row["task"]] == pytest.approx(best, abs=0.006), row["task"]


def test_the_large_one_is_stronger_and_the_small_one_weaker() -> None:
    small, plain, large = (load(f"mock-{name}").ceilings for name in ("small", "gpt-3.5-turbo", "large"))
    assert all(small[task] <= plain[task] <= large[task] for task in plain)
    other = load("mock-contrarian").ceilings
    assert np.corrcoef([plain[task] for task in plain], [other[task] for task in plain])[0, 1] < 0.95
    assert any(other[task] > plain[task] for task in plain)


def test_every_persona_is_dated_and_priced() -> None:
    for name in personas():
        persona = load(name)
        assert persona.dated.startswith("2026-")
        assert persona.prices.completion > persona.prices.prompt > 0
    with pytest.raises(UsageError, match="mock-large"):
        load("mock-larg")
